"""Attacks by IPv6."""

from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (ICMPv6EchoRequest, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting, Jumbo, PadN)
from scapy.layers.l2 import Ether

import hostile
import topology as t

attack = hostile.Table()
PC_LINK = "fe80::5054:ff:fe5e:77"
PUBLIC = (t.DECOY6, t.HUB6, t.ISP6)


def _last(h, proto=17):
    return h.udp(443) / h.data() if proto == 17 else h.tcp(443)


@attack("TCP, UDP and pings by IPv6")
def ipv6_direct(h):
    for address in PUBLIC:
        h.send(*h.three(address))


@attack("IPv6 from the PC's link-local address, and from one that nobody gave it")
def ipv6_sources(h):
    for source in (PC_LINK, "fd00::7", "2001:db8:bad::1", t.BOX_LAN6, t.HUB6, "::1", "::", "ff02::1", "::ffff:192.168.77.50"):
        for address in (t.DECOY6, t.HUB6):
            h.send(*h.three(address, source))


@attack("hop-by-hop header: padding, unknown options, jumbo length, words")
def ipv6_hop_by_hop(h):
    for options in ([PadN(optdata=bytes(4))], [PadN(otype=0x3E, optdata=h.word)], [PadN(otype=0xC2, optdata=bytes(4))],
                    [Jumbo(jumboplen=70000)]):
        for address in PUBLIC:
            h.send(h.ip(address) / IPv6ExtHdrHopByHop(options=options) / _last(h),
                   h.ip(address) / IPv6ExtHdrHopByHop(options=options) / _last(h, 6))


@attack("destination options, one and many, with words")
def ipv6_destination_options(h):
    for times in (1, 2, 8):
        packet = h.ip(t.DECOY6)
        for _ in range(times):
            packet = packet / IPv6ExtHdrDestOpt(options=[PadN(otype=0x1E, optdata=h.word)])
        h.send(packet / _last(h), packet / _last(h, 6))


@attack("routing headers of the types 0, 2, 3, 4 (segments) and 253: by the box, by the hub")
def ipv6_routing(h):
    for by in (t.BOX_LAN6, t.DECOY6, t.HUB6):
        for kind in (0, 2, 3, 253):
            h.send(h.ip(by) / IPv6ExtHdrRouting(type=kind, segleft=1, addresses=[t.DECOY6]) / _last(h))
        h.send(h.ip(by) / IPv6ExtHdrSegmentRouting(segleft=1, lastentry=1, addresses=[t.HUB6, t.DECOY6]) / _last(h))
    # The same with nothing left to route: some filters look no further.
    h.send(h.ip(t.DECOY6) / IPv6ExtHdrRouting(type=0, segleft=0, addresses=[t.HUB6]) / _last(h, 6))


@attack("fragments: a whole packet as one, tiny ones, overlapping ones, a late protocol")
def ipv6_fragments(h):
    body = bytes(UDP(sport=20000, dport=443, chksum=1, len=72) / h.data())
    h.send(h.ip(t.DECOY6) / IPv6ExtHdrFragment(id=1, nh=17) / body)
    for offset in range(0, 72, 8):
        h.send(h.ip(t.DECOY6) / IPv6ExtHdrFragment(id=2, nh=17, offset=offset // 8, m=int(offset < 64)) / body[offset:offset + 8])
    for offset in (0, 1, 0, 2):
        h.send(h.ip(t.DECOY6) / IPv6ExtHdrFragment(id=3, nh=6, offset=offset, m=1) / h.data(40))
    # The first fragment ends inside the chain of headers.
    h.send(h.ip(t.DECOY6) / IPv6ExtHdrFragment(id=4, nh=60, m=1) / (b"\x06\x01\x1e\x0a" + h.word[:4]),
           h.ip(t.DECOY6) / IPv6ExtHdrFragment(id=4, nh=60, offset=1) / (h.word + bytes(TCP(sport=1, dport=443)) + h.data(32)))


@attack("unknown headers, no next header, AH, ESP, and other protocols in IPv6")
def ipv6_unknown(h):
    for proto in (59, 253, 254, 50, 51, 135, 139, 140, 4, 41, 47, 132, 115, 1, 2):
        for address in (t.DECOY6, t.HUB6):
            h.send(h.ip(address, nh=proto) / h.data())


@attack("addresses that hide an IPv4 address: mapped, compatible, 6to4, NAT64, Teredo")
def ipv6_hidden(h):
    for address in ("::ffff:203.0.113.80", "::203.0.113.80", "2002:cb00:7150::1", "64:ff9b::203.0.113.80",
                    "2001:0:cb00:7150::1", "::ffff:10.20.0.80", "64:ff9b::10.20.0.80"):
        h.send(*h.three(address))
        h.send(h.syn(address, 443, "::ffff:192.168.77.50"))


@attack("IPv6 to the box's own address, with a next hop inside, and to its line side")
def ipv6_box(h):
    for address in ("fe80::5054:ff:fe5e:2", "fe80::1", "::1", "2001:db8:100::5054:ff:fe5e:2"):
        h.send(*h.three(address))
        h.send(*h.three(address, PC_LINK))


@attack("multicast of every scope")
def ipv6_multicast(h):
    for address in ("ff01::1", "ff02::1", "ff02::2", "ff02::fb", "ff02::1:2", "ff05::2", "ff05::1:3", "ff08::1", "ff0e::1"):
        h.send(h.datagram(address, 443), h.ip(address) / ICMPv6EchoRequest(data=h.data()))


@attack("hop limits 0 and 1, a payload length that lies, IPv6 in an IPv4 frame")
def ipv6_lengths(h):
    h.send(*h.three(t.DECOY6, hlim=0), *h.three(t.DECOY6, hlim=1), h.ip(t.DECOY6, plen=4) / _last(h),
           h.ip(t.DECOY6, plen=9000) / _last(h), h.ip(t.DECOY6, plen=0) / _last(h))
    for kind in (0x0800, 0x86DE):
        h.send(Ether(src=t.MAC_PC, dst=t.MAC_LAN, type=kind) / h.datagram(t.DECOY6, 443))
