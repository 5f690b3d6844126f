"""Attacks by the IPv4 header: fragments, options, source routing, wrong lengths."""

import time

from scapy.layers.inet import (IP, TCP, UDP, IPOption, IPOption_LSRR, IPOption_NOP, IPOption_Router_Alert, IPOption_RR,
                               IPOption_SSRR, IPOption_Timestamp, fragment)

import hostile
import topology as t

attack = hostile.Table()


def _pieces(h, packet, size=8):
    """The packet in fragments of this size; each holds the token."""
    packet.id = h.window
    return fragment(packet, fragsize=size)


@attack("tiny fragments (8 bytes): TCP and UDP to the decoy and to unlisted ports", outside=True)
def fragments_tiny(h):
    for address, port in ((t.DECOY, 443), (t.REGISTRY, 80), (t.UNLISTED, 443)):
        h.send(*_pieces(h, h.syn(address, port) / h.data(40)), *_pieces(h, h.datagram(address, port)))


@attack("fragments in reverse, and each twice", outside=True)
def fragments_reverse(h):
    pieces = _pieces(h, h.datagram(t.DECOY, 443, size=256), 32)
    h.send(*reversed(pieces))
    h.send(*[p for p in _pieces(h, h.datagram(t.DECOY, 444, size=256), 32) for _ in (1, 2)])


def _overlap(h, first_port, second_port, order):
    """Two first fragments with different ports, and the rest."""
    def head(port):
        return bytes(h.tcp(port, sport=21999, options=[("NOP", None)] * 4))
    same = {"id": h.window, "proto": 6}    # always the same datagram: also against what is still being put together
    pieces = [h.ip(t.REGISTRY, flags="MF", **same) / head(first_port),
              h.ip(t.REGISTRY, flags="MF", **same) / head(second_port)[:8],
              h.ip(t.REGISTRY, frag=3, **same) / h.data(32)]
    h.send(*[pieces[n] for n in order])


@attack("overlapping fragments: one says the listed port, one another", bad=lambda h, p: p.dport != 443 or p.payload)
def fragments_overlapping(h):
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0), (0, 2, 1)):
        _overlap(h, 443, 80, order)
        _overlap(h, 80, 443, order)


@attack("overlapping data: a later fragment writes over an earlier one's words")
def fragments_overlapping_data(h):
    h.send(h.ip(t.DECOY, id=7, flags="MF", proto=17) / bytes(h.udp(443) / h.data(56)),
           h.ip(t.DECOY, id=7, flags="MF", frag=4, proto=17) / h.data(64),
           h.ip(t.DECOY, id=7, frag=8, proto=17) / h.data(32))


@attack("a first fragment without a second, a last one without a first, a late one")
def fragments_lonely(h):
    pieces = _pieces(h, h.datagram(t.DECOY, 443, size=128), 64)
    h.send(pieces[0])
    h.send(h.ip(t.DECOY, id=99, frag=8, proto=17) / h.data(64), h.ip(t.REGISTRY, id=99, frag=8, proto=6) / h.data(64),
           h.ip(t.UNLISTED, id=98, frag=100, proto=6) / h.data(64))
    time.sleep(1.2)
    h.send(*pieces[1:])


@attack("a datagram that is longer than 65535 bytes when put together")
def fragments_too_long(h):
    h.send(h.ip(t.DECOY, id=5, flags="MF", proto=1) / h.data(1480), h.ip(t.DECOY, id=5, frag=8189, proto=1) / h.data(1480))


@attack("fragments with `do not fragment`, and packets with the reserved bit")
def fragments_flags(h):
    h.send(h.ip(t.DECOY, flags="MF+DF", proto=17) / bytes(h.udp(443) / h.data(56)), h.ip(t.DECOY, flags="evil") / h.udp(1) / h.data(),
           h.ip(t.DECOY, flags="DF", frag=8, proto=17) / h.data(56))


def _options():
    yield "record route", [IPOption_RR(routers=["0.0.0.0"] * 4)]
    yield "time stamp", [IPOption_Timestamp()]
    yield "router alert", [IPOption_Router_Alert()]
    yield "nothing but NOPs", [IPOption_NOP()] * 4
    yield "security", [IPOption(b"\x82\x0b" + bytes(9))]
    yield "unknown", [IPOption(b"\xde\x04\x12\x34")]
    yield "words", None


@attack("IP options of every kind, to the decoy and to the registry's listed port")
def ip_options(h):
    for _, options in _options():
        options = options or [IPOption(b"\x9e\x0a" + h.word)]
        h.send(h.syn(t.REGISTRY, 443, options=options), *h.three(t.DECOY, options=options),
               h.syn(t.UNLISTED, 443, options=options))


@attack("loose source routes: by the box, by the hub, by the registry")
def source_route_loose(h):
    _routes(h, IPOption_LSRR)


@attack("strict source routes")
def source_route_strict(h):
    _routes(h, IPOption_SSRR)


def _routes(h, option):
    for by, to in ((t.BOX_LAN, t.DECOY), (t.BOX_LAN, t.UNLISTED), (t.HUB, t.REGISTRY), (t.REGISTRY, t.UNLISTED), (t.ISP, t.DECOY)):
        h.send(*h.three(by, options=[option(routers=[to])]))


@attack("lengths that lie: header, total, UDP and TCP")
def lengths(h):
    tcp = bytes(h.tcp(443))
    h.send(h.ip(t.DECOY, ihl=4) / h.tcp(443), h.ip(t.DECOY, ihl=15) / h.tcp(443), h.ip(t.DECOY, len=20, proto=6) / tcp,
           h.ip(t.DECOY, len=1400, proto=6) / tcp, h.ip(t.DECOY, len=21, proto=17) / h.data(),
           h.ip(t.DECOY) / UDP(sport=20000, dport=443, len=4) / h.data(), h.ip(t.DECOY) / UDP(sport=20000, dport=443, len=9000) / h.data(),
           h.ip(t.REGISTRY) / TCP(sport=20001, dport=443, dataofs=15, seq=h.seq, window=h.window, flags="S"),
           h.ip(t.REGISTRY) / TCP(sport=20001, dport=443, dataofs=2, seq=h.seq, window=h.window, flags="S") / h.data())


@attack("a version that is not 4, a wrong checksum, TTL 0")
def broken_headers(h):
    h.send(*[IP(version=v, src=h.pc, dst=t.DECOY) / UDP(sport=20000, dport=443) / h.data() for v in (0, 5, 15)],
           h.ip(t.DECOY, chksum=0x1234) / h.tcp(443), h.ip(t.DECOY) / h.tcp(443, chksum=0x1234),
           h.ip(t.REGISTRY) / h.tcp(443, chksum=0x1234) / h.data(), *h.three(t.DECOY, ttl=0))
