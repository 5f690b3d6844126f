"""The content of a ClientHello: names, extensions, records, lengths, versions."""

import os
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment

import clienthello as ch
import hostile
import net
import topology as t
from tries import GOOD, data_out, hello, reset, talk

attack = hostile.Table(bad=data_out)


# ---- names

@attack("another name: the decoy's, and one of the registry's neighbours", sound=reset)
def other_name(h):
    for name in (t.DECOY_NAME, t.UNLISTED_NAME):
        talk(h, bytes(hello(h, name)))
        talk(h, bytes(hello(h, name, small=True)))


@attack("a listed name that nobody has asked for: not admitted at this address", sound=reset)
def not_admitted(h):
    talk(h, bytes(hello(h, t.FORMS_NAME, small=True)))


@attack("a listed name to addresses that are not listed, without any handshake")
def listed_name_elsewhere(h):
    data = bytes(hello(h, GOOD, small=True))
    for address in (t.UNLISTED, t.DECOY, t.INNER_DNS, t.HUB_INNER):
        flow = h.flow(address, 443)
        flow.send(-1, flags="S", ack=0)
        flow.send(0, data, ack=1)
        flow.send(-1, data, flags="S", ack=0)


@attack("names that resemble a listed one: longer, shorter, below, beside, with a dot, a NUL, blanks, other letters", sound=reset)
def resembling_names(h):
    for name in (GOOD + "." + t.DECOY_NAME, "a." + GOOD, "evil-" + GOOD, GOOD[:-1], GOOD[1:], GOOD + "x", GOOD + ".", "." + GOOD,
                 GOOD + "\0", GOOD + "\0." + t.DECOY_NAME, t.DECOY_NAME + "\0" + GOOD, GOOD + " ", GOOD.replace(".", ".."),
                 GOOD.replace("r", "г", 1), GOOD.replace(".", "。"), "*.lab.example", "lab.example", "*", "localhost", GOOD + "/" + t.DECOY_NAME):
        talk(h, bytes(hello(h, name.encode(), small=True)))


@attack("no name at all; an empty one; an address instead", sound=reset)
def no_name(h):
    talk(h, bytes(hello(h, GOOD, small=True).set(ch.SNI, None)))
    talk(h, bytes(hello(h, GOOD).set(ch.SNI, None)))
    for body in (b"", b"\0\0", ch.sni((0, b"")), ch.sni((0, t.REGISTRY.encode()))):
        talk(h, bytes(hello(h, GOOD, small=True).set(ch.SNI, body)))


@attack("two names, in one extension and in two, the listed one first and last; a name of another type; far too long ones", sound=reset)
def several_names(h):
    good, bad = GOOD.encode(), t.DECOY_NAME.encode()
    for pairs in (((0, good), (0, bad)), ((0, bad), (0, good)), ((1, bad), (0, good)), ((1, good),), ((0, good), (1, bad)), ((0, good), (0, good))):
        talk(h, bytes(hello(h, GOOD, small=True).set(ch.SNI, ch.sni(*pairs))))
    talk(h, bytes(hello(h, GOOD, small=True).add(ch.SNI, ch.sni((0, bad)))))
    talk(h, bytes(hello(h, t.DECOY_NAME, small=True).add(ch.SNI, ch.sni((0, good)))))
    for size in (64, 254, 255, 256, 1000):
        talk(h, bytes(hello(h, b"a" * size, small=True)))


@attack("an encrypted ClientHello behind the listed name: outer, inner, empty", sound=reset)
def ech(h):
    outer = b"\0\0\1\0\1\x42\0\x20" + h.data(32) + b"\0\x40" + h.data(64)
    for body in (outer, b"\1", b"", h.data(16)):
        talk(h, bytes(hello(h, GOOD, small=True).set(ch.ECH, body)))
        talk(h, bytes(hello(h, GOOD, small=True).set(ch.ECH, body, first=True)))
    talk(h, bytes(hello(h, t.DECOY_NAME, small=True).set(ch.ECH, outer)))


# ---- what is behind a good one

@attack("a second ClientHello with another name behind a good one: same record, same flight, next segment", sound=reset)
def second_hello(h):
    good, bad = hello(h, GOOD, small=True), hello(h, t.DECOY_NAME, small=True)
    for data in (ch.record(good.message() + bad.message()), bytes(good) + bytes(bad), ch.record(bad.message() + good.message()),
                 bytes(bad) + bytes(good)):
        talk(h, data)
    # The good one whole, but its last segment together with the bad one.
    data = bytes(good) + bytes(bad)
    talk(h, data, cuts=[len(bytes(good)) - 5])


@attack("words behind a good ClientHello: plain text, application data without early data, another protocol", sound=reset)
def words_behind(h):
    good = bytes(hello(h, GOOD, small=True))
    for more in (b"GET /" + h.data(64), ch.record(h.data(64), 23, 0x0303), ch.record(h.data(64), 24), b"\0" * 64, ch.record(h.data(20), 20),
                 ch.record(b"\x14\0\0\x20" + h.data(32)), ch.record(h.data(60), 21)):
        talk(h, good + more)


@attack("after the server asks again (HelloRetryRequest), a ClientHello with another name", bad=data_out)
def second_hello_after_retry(h):
    first = hello(h, GOOD, small=True).set(ch.KEY_SHARE, b"\0\0")
    data = bytes(first)
    flow = talk(h, data, limit=len(data))
    h.limits[flow.sport] = len(data)
    if not flow.answered(10):
        raise RuntimeError("the server did not ask again")
    bad = hello(h, t.DECOY_NAME, small=True)
    bad.session = first.session
    flow.theirs = flow.theirs + len(flow.answered()) & 0xFFFFFFFF
    flow.send(len(data), bytes(bad))
    flow.reset(1.0)


# ---- records, lengths, versions

@attack("another name in odd records: of one byte, empty ones between, other types between, many", sound=reset)
def odd_records(h):
    message = hello(h, t.DECOY_NAME, small=True).message()
    for data in (ch.records(message, 1), ch.records(message, 7), ch.records(message, 40), ch.record(b"") + ch.record(message),
                 ch.record(message[:60]) + ch.record(b"") * 3 + ch.record(message[60:]),
                 ch.record(message[:60]) + ch.record(b"\1\0", 21) + ch.record(message[60:]),
                 ch.record(message[:60]) + ch.record(b"\1", 20) + ch.record(message[60:]),
                 ch.record(message[:4]) + ch.record(message[4:]), ch.record(message, version=0x0300), ch.record(message, version=0x0304),
                 ch.record(message, version=0xFEFD), ch.record(message, kind=23), ch.record(message, kind=24)):
        talk(h, data)


@attack("a listed name in records of the wrong type or with words between", sound=reset)
def wrong_records(h):
    message = hello(h, GOOD, small=True).message()
    for data in (ch.record(message, kind=23), ch.record(message, kind=21), ch.record(message[:60]) + ch.record(h.data(40), 23) + ch.record(message[60:]),
                 ch.record(message[:60]) + ch.record(h.data(2), 21) + ch.record(message[60:]), struct.pack(">BHH", 22, 0x0301, 0xFFFF) + message,
                 ch.records(message, 1)):
        talk(h, data)


@attack("lengths that lie, so that one reader finds a listed name where another finds the decoy's", sound=reset)
def lying_lengths(h):
    good, bad = GOOD.encode(), t.DECOY_NAME.encode()
    for body in (b"\0\x05" + ch.sni((0, bad))[2:], b"\xff\xff" + ch.sni((0, good))[2:], ch.sni((0, good))[:2] + b"\0\0\x05" + good,
                 ch.sni((0, good)) + ch.sni((0, bad)), ch.sni((0, good)) + b"\0"):
        talk(h, bytes(hello(h, GOOD, small=True).set(ch.SNI, body)))
    message = hello(h, GOOD, small=True).message()
    extra = hello(h, t.DECOY_NAME, small=True).message()
    for changed in (message + b"\0\0", message[:1] + (len(message) + 60).to_bytes(3, "big") + message[4:],
                    message[:1] + (len(message) - 20).to_bytes(3, "big") + message[4:], message[:1] + b"\xff\xff\xff" + message[4:],
                    message[:38] + b"\xff" + message[39:], message[:38] + b"\0" + message[39:],
                    message[:1] + (len(message) - 4 + len(extra)).to_bytes(3, "big") + message[4:] + extra):
        talk(h, ch.record(changed))


@attack("SSL 2 and 3, TLS 1.0 and 1.1, with a listed name where there is room for one", sound=reset)
def old_versions(h):
    ciphers = b"\1\0\x80\7\0\xc0\3\0\x80"
    talk(h, struct.pack(">H", 0x8000 | (9 + len(ciphers) + 16)) + b"\1\0\2" + struct.pack(">HHH", len(ciphers), 0, 16) + ciphers + h.data(16))
    talk(h, struct.pack(">H", 0x8000 | (9 + len(ciphers) + 32)) + b"\1\3\3" + struct.pack(">HHH", len(ciphers), 0, 32) + ciphers + h.data(32))
    for version in (0x0300, 0x0301, 0x0302):
        old = hello(h, GOOD, small=True).set(ch.SUPPORTED_VERSIONS, None)
        old.legacy = version
        talk(h, bytes(old))
        old.set(ch.SUPPORTED_VERSIONS, b"\2" + struct.pack(">H", version))
        talk(h, bytes(old))


@attack("what is no TLS at all: HTTP, SSH, SOCKS, DNS, OpenVPN, MQTT, zeros, noise", sound=reset)
def no_tls(h):
    for data in (b"GET /" + h.word + b" HTTP/1.1\r\nHost: " + GOOD.encode() + b"\r\n\r\n", b"SSH-2.0-" + h.word + b"\r\n",
                 b"\5\1\0\5\1\0\3\x08" + h.word + b"\1\xbb", b"\0\x1d" + h.data(29), b"\0\x0e\x38" + h.word + bytes(5),
                 b"\x10\x16\0\4MQTT\4\2\0\x3c\0\x08" + h.word, bytes(100) + h.word, os.urandom(100) + h.word, b"\x16" + h.word, h.word[:1]):
        talk(h, data)


@attack("a ClientHello of 20 and of 60 KB", bad=data_out)
def too_long(h):
    for size in (20000, 60000):
        long = hello(h, t.DECOY_NAME, small=True).add(PRIVATE, h.data(size // 2)).add(PRIVATE + 1, h.data(size // 2 - 400))
        talk(h, ch.records(long.message()[:65500]))


PRIVATE = 0xFF77


@attack("real programs with another name, and with none: curl, openssl",
        match=lambda p: p.dst == t.REGISTRY and (b"real.decoy.example" in p.raw or b"h2-hostile" in p.raw), bad=None)
def real_programs(h):
    h.lab.pc.curl("https://real.decoy.example/", connect_to=t.REGISTRY, timeout=5)
    for arguments in (["-noservername"], ["-servername", "real.decoy.example"], ["-servername", "real.decoy.example", "-tls1_2"]):
        net.run("lan", ["timeout", "5", "openssl", "s_client", "-alpn", "h2-hostile", "-connect", f"{t.REGISTRY}:443", *arguments], text="")


# ---- beside the flow

@attack("an error of ICMP that quotes a flow whose name is not known yet, with words", bad=lambda h, p: h.word in p.raw)
def icmp_error(h):

    flow = h.flow(t.REGISTRY, 443)
    flow.open()
    quoted = IP(src=t.REGISTRY, dst=h.pc) / TCP(sport=443, dport=flow.sport, seq=flow.theirs - 1, ack=flow.first, flags="SA")
    for kind, code in ((3, 1), (3, 3), (3, 4), (11, 0), (12, 0), (4, 0)):
        h.send(h.ip(t.REGISTRY) / ICMP(type=kind, code=code) / quoted / h.data(400))


@attack("UDP with the ports of such a flow, and IP fragments of what it would say")
def beside(h):

    flow = h.flow(t.REGISTRY, 443)
    flow.open()
    h.send(h.ip(t.REGISTRY) / UDP(sport=flow.sport, dport=443) / h.data())
    for size in (24, 64, 400):
        packet = flow.segment(0, bytes(hello(h, t.DECOY_NAME, small=True)))
        packet.id = 0x4000 + size
        h.send(*fragment(packet, fragsize=size))
        packet.id = 0x5000 + size
        h.send(*reversed(fragment(packet, fragsize=size)))
