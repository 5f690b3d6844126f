"""Spoofing on the LAN (neighbour, router, DHCP server) and on the uplink."""

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_LSRR
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS, ICMPv6NDOptRouteInfo, ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import ARP, Ether

import hostile
import net
import servers
import topology as t

attack = hostile.Table()
PC_LINK = "fe80::5054:ff:fe5e:77"
BROADCAST = "ff:ff:ff:ff:ff:ff"
BOGUS6 = "2001:db8:bad::"


def _page(h):
    page = h.lab.pc.curl(f"https://{t.REGISTRY_NAME}/")
    return servers.MARKER, page.body.split()[0] if page.body else str(page)


# ---- on the LAN. The token is after the message, or in an option of an unknown type.

@attack("a liar in ARP: the line's router, the hub, the name server and the box's own line address are said to be the PC",
        sound=("after it the registry's page", _page))
def arp_lies(h):
    wan = h.lab.box.get("wan.address")
    for address in (t.ISP, t.HUB, t.INNER_DNS, t.REGISTRY, wan, "10.99.0.1"):
        for op, to in ((1, BROADCAST), (2, BROADCAST), (2, t.MAC_LAN)):
            h.send(Ether(src=t.MAC_PC, dst=to) / ARP(op=op, hwsrc=t.MAC_PC, psrc=address, hwdst=t.MAC_LAN,
                                                      pdst=t.BOX_LAN if to == t.MAC_LAN else address) / h.data(24))


@attack("a liar in ARP: the box's LAN address is said to be another card", sound=("after it the registry's page", _page))
def arp_box_address(h):
    for op in (1, 2):
        h.send(Ether(src=t.MAC_PC, dst=BROADCAST) / ARP(op=op, hwsrc="52:54:00:66:66:66", psrc=t.BOX_LAN, pdst=t.BOX_LAN) / h.data(24))


@attack("questions in ARP for what is not on the LAN")
def arp_questions(h):
    wan = h.lab.box.get("wan.address")
    for address in (wan, t.ISP, t.REGISTRY, "10.99.0.1", "127.0.0.1", "198.51.100.77"):
        h.send(Ether(src=t.MAC_PC, dst=BROADCAST) / ARP(op=1, hwsrc=t.MAC_PC, psrc=h.pc, pdst=address) / h.data(24))


def _unknown_option(h):
    return b"\xfd\x02" + h.data(14)


def _believes_router(h):
    own = net.run("lan", ["ping", "-n", "-q", "-c", "1", "-W", "1", BOGUS6 + "5054:ff:fe5e:1"])
    return "no answer there", "an answer" if own.returncode == 0 else "no answer there"


@attack("a liar who plays IPv6 router: default route, prefix, name server, routes",
        sound=("the box has taken an address of the liar's prefix", _believes_router))
def router_advertisement(h):
    net.ip("-6", "addr", "replace", BOGUS6 + "99/64", "dev", "pc0", "nodad", ns="lan")
    for to, mac in (("ff02::1", "33:33:00:00:00:01"), (t.BOX_LAN6, t.MAC_LAN)):
        h.send(IPv6(src=PC_LINK, dst=to, hlim=255) / ICMPv6ND_RA(routerlifetime=1800, prf=1) / ICMPv6NDOptSrcLLAddr(lladdr=t.MAC_PC) /
               ICMPv6NDOptPrefixInfo(prefix=BOGUS6, prefixlen=64) / ICMPv6NDOptRDNSS(dns=[BOGUS6 + "53"], lifetime=900) /
               ICMPv6NDOptRouteInfo(prefix="2001:db8:100::", plen=48, prf=1, rtlifetime=900) / _unknown_option(h), dst=mac)


@attack("a liar in neighbour discovery: solicitations and advertisements for what is the line's")
def neighbour_lies(h):
    for address in (t.ISP6, t.HUB6, "fe80::1", "fe80::5054:ff:fe5e:2", t.BOX_LAN6):
        h.send(IPv6(src=PC_LINK, dst=t.BOX_LAN6, hlim=255) / ICMPv6ND_NA(tgt=address, R=1, S=1, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=t.MAC_PC) / _unknown_option(h),
               IPv6(src=PC_LINK, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=address, R=1, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=t.MAC_PC) / _unknown_option(h),
               IPv6(src=PC_LINK, dst=t.BOX_LAN6, hlim=255) / ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=t.MAC_PC) /
               _unknown_option(h))


@attack("redirects (ICMP and ICMPv6): the hub, the router and the registry are to be reached by the PC",
        sound=("after it the registry's page", _page))
def redirects(h):
    for source in (t.ISP, h.pc):
        for about in (t.HUB, t.REGISTRY, t.ISP):
            quoted = IP(src=t.BOX_LAN, dst=about) / UDP(sport=500, dport=500) / h.data(24)
            h.send(h.ip(t.BOX_LAN, source) / ICMP(type=5, code=1, gw=h.pc) / quoted)
    for source in (PC_LINK, "fe80::1"):
        h.send(IPv6(src=source, dst=t.BOX_LAN6, hlim=255) / ICMPv6ND_Redirect(tgt=PC_LINK, dst=t.HUB6) /
               ICMPv6NDOptDstLLAddr(lladdr=t.MAC_PC) / _unknown_option(h))


@attack("a second DHCP server answers the box and its neighbours", sound=("after it the registry's page", _page))
def dhcp_server(h):
    def bootp(kind, mac):
        return (b"\2\1\6\0" + h.word[:4] + bytes(8) + b"\xc0\xa8\x4d\xc8\xc0\xa8\x4d\x32" + bytes(4) +
                bytes.fromhex(mac.replace(":", "")) + bytes(10) + bytes(192) + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) +
                b"\x36\4\xc0\xa8\x4d\x32\x33\4\0\0\x0e\x10\3\4\xc0\xa8\x4d\x32\6\4\xc0\xa8\x4d\x32\1\4\xff\xff\xff\0\x0c\x08" + h.word + b"\xff")
    for kind in (2, 5, 6):
        for mac in (t.MAC_LAN, t.MAC_WAN):
            for address, to in (("255.255.255.255", BROADCAST), (t.BOX_LAN, t.MAC_LAN), (h.lab.box.get("wan.address"), t.MAC_LAN)):
                h.send(h.ip(address) / UDP(sport=67, dport=68) / bootp(kind, mac), dst=to)


@attack("forged path MTU: too big, for the tunnel and for a live flow", bad=lambda h, p: h.word in p.raw,
        sound=("after it the registry's page", _page))
def path_mtu(h):
    wan = h.lab.box.get("wan.address")
    esp = IP(src=wan, dst=t.HUB, proto=50) / (b"\xc0\0\0\1\0\0\0\1" + h.data(32))
    ike = IP(src=wan, dst=t.HUB) / UDP(sport=500, dport=500) / h.data(32)
    for to, source in ((wan, h.pc), (wan, t.ISP), (t.BOX_LAN, h.pc)):
        h.send(*[h.ip(to, source) / ICMP(type=3, code=4, nexthopmtu=68) / quoted for quoted in (esp, ike)])
    h.send(h.ip(t.DECOY) / ICMP(type=3, code=4, nexthopmtu=68) / IP(src=t.REGISTRY, dst=h.pc) / TCP(sport=443, dport=20000) / h.data(32))


# ---- on the uplink: what reaches the LAN?

@attack("from the line, in the registry's and its name server's name, in clear", inward=True)
def line_registry(h):
    wan = h.lab.box.get("wan.address")
    for source in (t.REGISTRY, t.INNER_DNS, t.UNLISTED):
        for to in (wan, "10.99.0.1", h.pc):
            h.line.send(*h.three(to, source), h.ip(to, source) / h.tcp(20000, "SA", 443), h.ip(to, source) / UDP(sport=53, dport=20000) / h.data())


@attack("from the line, straight to the PC's address: TCP, UDP, pings, source routes, IPIP, GRE, ESP", inward=True)
def line_straight(h):
    for source in (t.ISP, t.HUB, t.DECOY, "192.168.77.99", t.BOX_LAN, "127.0.0.1"):
        h.line.send(*h.three(h.pc, source))
        inside = IP(src=t.REGISTRY, dst=h.pc) / UDP(sport=443, dport=20000) / h.data()
        wan = h.lab.box.get("wan.address")
        h.line.send(h.ip(wan, source, proto=4) / inside, h.ip(wan, source, proto=47) / (b"\0\0\x08\0" + bytes(inside)),
                    h.ip(wan, source, proto=50) / (b"\xc0\0\0\1\0\0\0\1" + h.data(48)),
                    h.ip(wan, source, options=[IPOption_LSRR(routers=[h.pc])]) / h.udp(443) / h.data())


@attack("from the line by IPv6, to the PC and to the box", inward=True)
def line_ipv6(h):
    for to in (t.PC6, "fe80::5054:ff:fe5e:2", t.BOX_LAN6, "ff02::1"):
        for source in (t.ISP6, t.DECOY6, "fe80::1"):
            h.line.send(*h.three(to, source))


@attack("from the line: forged errors and redirects about the PC's flow", inward=True, sound=("after it the registry's page", _page))
def line_errors(h):
    wan = h.lab.box.get("wan.address")
    for kind, code in ((3, 1), (3, 3), (3, 4), (5, 1), (11, 0), (12, 0)):
        for quoted in (IP(src=wan, dst=t.HUB, proto=50) / (b"\xc0\0\0\1\0\0\0\1" + h.data(32)),
                       IP(src="10.99.0.1", dst=t.REGISTRY) / TCP(sport=40000, dport=443) / h.data(32)):
            h.line.send(h.ip(wan, t.ISP) / ICMP(type=kind, code=code) / quoted)


@attack("from the line: a router's advertisement and a DHCP server's word to the LAN's addresses", inward=True)
def line_liars(h):
    h.line.send(IPv6(src="fe80::1", dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=1800) /
                ICMPv6NDOptPrefixInfo(prefix=BOGUS6, prefixlen=64) / _unknown_option(h), dst="33:33:00:00:00:01")
    h.line.send(h.datagram("192.168.77.255", 68, t.ISP), h.datagram("255.255.255.255", 5353, t.ISP), dst=BROADCAST)
    h.line.send(IPv6(src=t.ISP6, dst=t.PC6) / ICMPv6EchoRequest(data=h.data()))
