"""Attacks by address, port and protocol; forged sources; earlier flows."""

import socket

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import GRE

import hostile
import net
import topology as t

attack = hostile.Table()

LINE_BROADCAST, PUBLIC_BROADCAST, INNER_BROADCAST = "198.51.100.255", "203.0.113.255", "10.20.255.255"
QUIET_PORT = 8444     # a port that nothing else in this scenario uses


# ---- what the box itself would send because of the PC

NOBODY = "192.168.77.98"


@attack("a refused packet in the name of a PC that is not there: what the box then tells the destination",
        match=lambda p: socket.inet_aton(NOBODY) in p.raw)
def answer_to_nobody(h):
    # First of all: the box looks three seconds for that PC before it tells anybody.
    for address in (t.DECOY, t.UNLISTED, t.REGISTRY):
        h.send(h.syn(address, 80, NOBODY), h.datagram(address, 80, NOBODY), h.ip(address, NOBODY) / h.tcp(443, "A") / h.data())


# ---- unlisted addresses and ports

@attack("TCP to an address on nobody's list, ten ports", outside=True)
def direct_tcp(h):
    h.send(*[h.syn(t.DECOY, port) for port in (21, 22, 25, 80, 443, 465, 993, 3389, 8080, 50000)])


@attack("UDP to it, six ports", outside=True)
def direct_udp(h):
    h.send(*[h.datagram(t.DECOY, port) for port in (69, 161, 443, 514, 5060, 33000)])


@attack("an address that the PC has learnt before the session", outside=False,
        before=lambda h: h.lab.pc.dns(t.DECOY_NAME).addresses, match=lambda p: p.proto == 6 and p.dport == QUIET_PORT)
def learnt_before(h):
    h.lab.pc.tcp(h.before[0], QUIET_PORT, 0.5)


@attack("other TCP ports of the registry's address")
def registry_other_ports(h):
    h.send(*[h.syn(t.REGISTRY, port) for port in (1, 22, 80, 442, 444, 8080, 8443, 65535)])


@attack("UDP to the registry's address, its TCP port and others")
def registry_udp(h):
    h.send(*[h.datagram(t.REGISTRY, port) for port in (443, 80, 161, 500, 4500, 8443)])


@attack("pings to the registry")
def registry_ping(h):
    h.send(h.echo(t.REGISTRY), h.echo(t.REGISTRY, size=1400))


@attack("other addresses behind the hub")
def behind_the_hub(h):
    for address in (t.UNLISTED, t.HUB_INNER, "10.20.1.2", "10.20.0.0", INNER_BROADCAST):
        h.send(*h.three(address))


@attack("the registry's name server, at other ports than 53")
def name_server_ports(h):
    h.send(*[h.syn(t.INNER_DNS, port) for port in (443, 853, 953)],
           *[h.datagram(t.INNER_DNS, port) for port in (443, 853, 5353)])


@attack("addresses that the hub lends: our own and a neighbour's")
def lent_addresses(h):
    for last in (1, 2, 77, 254):
        h.send(*h.three(f"10.99.0.{last}"))


@attack("the line's router, the hub and the certificate server", outside=True)
def the_line(h):
    for address in (t.ISP, t.HUB, t.EST, t.PUBLIC_ROUTER):
        h.send(*h.three(address))
    h.send(h.syn(t.EST, t.EST_PORT))


@attack("directed broadcasts of the line, of the internet side and behind the hub")
def directed_broadcast(h):
    for address in (LINE_BROADCAST, "198.51.100.0", PUBLIC_BROADCAST, INNER_BROADCAST):
        h.send(*h.three(address))


@attack("addresses that mean nothing: class E, 0.0.0.0, this network, loopback, link-local")
def odd_destinations(h):
    for address in ("240.0.0.1", "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.1.2.3", "169.254.1.1", "255.255.255.254"):
        h.send(*h.three(address))


# ---- protocols

@attack("IKE to the hub from the PC, ports 500 and 4500", outside=True)
def ike_from_the_pc(h):
    # Initiator's SPI, no responder's, IKEv2, IKE_SA_INIT: as in a real client's first packet.
    head = h.word + bytes(8) + b"\x21\x20\x22\x08" + bytes(4) + b"\0\0\0\x5c"
    h.send(h.ip(t.HUB) / UDP(sport=500, dport=500) / head / h.data(64),
           h.ip(t.HUB) / UDP(sport=4500, dport=4500) / bytes(4) / head / h.data(64),
           h.ip(t.HUB) / UDP(sport=500, dport=4500) / bytes(4) / head / h.data(64))


@attack("ESP from the PC to the hub: bare, in UDP, and with the SPI 0")
def esp_from_the_pc(h):
    for spi in (b"\0\0\0\0", b"\0\0\0\1", b"\xc1\2\3\4"):
        h.send(h.ip(t.HUB, proto=50) / (spi + b"\0\0\0\1" + h.data(64)),
               h.ip(t.HUB) / UDP(sport=4500, dport=4500) / (spi + b"\0\0\0\1" + h.data(64)))


@attack("other VPNs: WireGuard, OpenVPN, L2TP, PPTP, SSTP, Teredo", outside=True)
def other_vpns(h):
    wireguard = b"\1\0\0\0" + h.word[:4] + h.data(140)
    openvpn = b"\x38" + h.word + bytes(5) + h.data(32)
    h.send(h.ip(t.DECOY) / h.udp(51820) / wireguard, h.ip(t.DECOY) / h.udp(1194) / openvpn,
           h.ip(t.DECOY) / h.udp(1701) / (b"\xc8\x02" + h.data(64)), h.datagram(t.DECOY, 3544),
           h.syn(t.DECOY, 1194), h.syn(t.DECOY, 1723), h.syn(t.DECOY, 443))
    h.send(h.ip(t.REGISTRY) / h.udp(51820) / wireguard, h.ip(t.REGISTRY) / h.udp(1194) / openvpn)


@attack("GRE with a packet in it")
def gre(h):
    inside = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / h.data()
    for address in (t.DECOY, t.REGISTRY, t.HUB):
        h.send(h.ip(address) / GRE() / inside)


@attack("AH, IPIP, 6in4, L2TP over IP, EtherIP, SCTP, DCCP, UDP-Lite, IGMP, PIM, OSPF, VRRP and unknown protocols")
def other_protocols(h):
    for proto in (51, 4, 41, 115, 97, 132, 33, 136, 2, 103, 89, 112, 0, 59, 60, 253, 255):
        for address in (t.DECOY, t.REGISTRY, t.HUB):
            h.send(h.ip(address, proto=proto) / h.data())


@attack("time from the line and from elsewhere (NTP)", outside=True)
def ntp(h):
    for address in (t.ISP, t.DECOY):
        h.send(h.ip(address) / h.udp(123) / (b"\x23" + bytes(3) + h.data(44)))


@attack("DoT and DoH to addresses", outside=True)
def dot_and_doh(h):
    h.send(h.syn(t.OTHER_DNS, 853), h.syn(t.OTHER_DNS, 443), h.syn(t.DECOY, 853), h.datagram(t.OTHER_DNS, 853),
           h.datagram(t.OTHER_DNS, 784), h.datagram(t.OTHER_DNS, 443))


@attack("QUIC by OpenSSL's own client: real Initial packets to the registry and to the decoy",
        match=lambda p: p.proto == 17 and p.dport == 443 and len(p.payload) >= 1200)
def quic(h):
    for address in (t.REGISTRY, t.DECOY):
        net.run("lan", ["timeout", "3", "openssl", "s_client", "-quic", "-alpn", "h3", "-connect", f"{address}:443",
                        "-servername", t.REGISTRY_NAME], text="")


@attack("low TTLs, as traceroute sends them: TCP, UDP and pings, TTL 1 to 5", outside=True)
def traceroute(h):
    for ttl in range(1, 6):
        for address in (t.DECOY, t.UNLISTED):
            h.send(*h.three(address, ttl=ttl))
        h.send(h.datagram(t.REGISTRY, 33434 + ttl, ttl=ttl), h.echo(t.REGISTRY, ttl=ttl))


@attack("ICMP tunnel: echoes of all sizes and echo replies nobody asked for", outside=True)
def icmp_tunnel(h):
    for address in (t.DECOY, t.HUB, t.UNLISTED):
        h.send(*[h.echo(address, size=size) for size in (8, 64, 512, 1472)], h.ip(address) / ICMP(type=0) / h.data())


@attack("ICMP of all other types, with words in it")
def icmp_types(h):
    for kind in (3, 4, 5, 9, 10, 11, 12, 13, 15, 17, 30, 37, 42, 200):
        for address in (t.DECOY, t.REGISTRY):
            h.send(h.ip(address) / ICMP(type=kind) / h.data())


def _quote(flow):
    """The first words of what the registry would have sent in this flow, as an ICMP error quotes them."""
    return IP(src=flow.dst, dst=flow.src) / TCP(sport=flow.port, dport=flow.sport, seq=flow.theirs, flags="A")


@attack("an ICMP error that quotes a live flow, but goes elsewhere", bad=lambda h, p: h.word in p.raw)
def icmp_error_elsewhere(h):
    flow = h.flow(t.REGISTRY, 443)
    flow.open()
    for address in (t.DECOY, t.UNLISTED, t.HUB):
        h.send(h.ip(address) / ICMP(type=3, code=3) / _quote(flow) / h.data(400))
    flow.send(0, flags="R")


# ---- odd TCP

@attack("scans by odd flags: none, FIN, all, ACK, SYN with FIN, SYN with RST, RST")
def odd_flags(h):
    for flags in ("", "F", "FSRPAUEC", "FPU", "A", "SF", "SR", "SA", "R", "RA", "PA"):
        for address, port in ((t.DECOY, 443), (t.REGISTRY, 80), (t.UNLISTED, 443)):
            h.send(h.ip(address) / h.tcp(port, flags))


@attack("segments that begin no flow, to the registry's listed port")
def no_flow(h):
    for flags in ("", "F", "FPU", "A", "SF", "SA", "R", "PA", "FA"):
        h.send(h.ip(t.REGISTRY) / h.tcp(443, flags) / (b"" if flags in ("", "R") else h.data()))


@attack("a reset into somebody else's flow, from another address", bad=lambda h, p: p.flags & 4)
def reset_injection(h):
    flow = h.flow(t.REGISTRY, 443)
    flow.open()
    h.send(h.ip(t.REGISTRY, "192.168.77.99") / h.tcp(443, "R", flow.sport), h.ip(t.REGISTRY, t.BOX_LAN) / h.tcp(443, "R", flow.sport))


# ---- forged sources

def _forged(source, name):
    """An attack with this source address, to what nobody listed and to what is listed."""
    def send(h):
        h.send(h.syn(t.REGISTRY, 443, source), *h.three(t.DECOY, source), *h.three(t.UNLISTED, source))
    send.__name__ = "source_" + name
    attack(f"forged source {source}")(send)


for _source, _name in ((t.BOX_LAN, "the_box"), (t.REGISTRY, "registry"), (t.INNER_DNS, "name_server"),
                       ("10.99.0.1", "lent_address"), (t.HUB, "hub"), (t.ISP, "line"), (t.DECOY, "foreign"),
                       ("127.0.0.1", "loopback"), ("0.0.0.0", "zero"), ("224.0.0.5", "multicast"),
                       ("255.255.255.255", "broadcast"), ("192.168.77.255", "directed_broadcast"),
                       ("240.1.2.3", "class_e"), ("169.254.7.7", "link_local")):
    _forged(_source, _name)


@attack("forged source: the box's address on the line")
def source_wan(h):
    address = h.lab.box.get("wan.address")
    h.send(h.syn(t.REGISTRY, 443, address), *h.three(t.DECOY, address), *h.three(t.UNLISTED, address))


@attack("forged source: another PC, to what nobody listed", outside=True)
def source_other_pc(h):
    h.send(*h.three(t.DECOY, "192.168.77.99"), *h.three(t.UNLISTED, "192.168.77.99"))


@attack("source and destination are the same")
def source_is_destination(h):
    for address in (t.REGISTRY, t.DECOY, t.BOX_LAN):
        h.send(h.ip(address, address) / h.tcp(443, sport=443))


# ---- earlier flows

def _open_tcp(h):
    flow = h.flow(t.DECOY, 80)
    return flow if flow.open() else None


@attack("a TCP flow that was opened before the session goes on: data, FIN, RST, and a new SYN of the same ports",
        before=_open_tcp)
def flow_before_tcp(h):
    flow = h.before
    flow.send(0, b"GET /" + h.word + b" HTTP/1.0\r\n\r\n")
    flow.send(0, flags="FA")
    flow.send(0, flags="R")
    flow.send(-1, flags="S", ack=0)


def _open_udp(h):
    packet = h.ip(t.ISP) / UDP(sport=23123, dport=123) / (b"\x23" + bytes(47))
    h.send(packet, packet)


@attack("a UDP flow of before, answered then: the same ports", before=_open_udp)
def flow_before_udp(h):
    h.send(h.ip(t.ISP) / UDP(sport=23123, dport=123) / (b"\x23" + bytes(3) + h.data(44)))


@attack("a ping of before: the same identifier", before=lambda h: h.send(h.ip(t.DECOY) / ICMP(id=0x5E17) / b"before"))
def flow_before_ping(h):
    h.send(h.ip(t.DECOY) / ICMP(id=0x5E17, seq=2) / h.data())


@attack("a flow of an earlier session, to the registry: data, FIN, RST")
def flow_of_earlier_session(h):
    # h.before is set by the scenario, which has had a session before.
    h.before.send(0, b"\x16\3\1\0\x40" + h.data())
    h.before.send(69, flags="FA")
    h.before.send(69, flags="R")


def _ftp(h):
    """An FTP and a SIP client ask for ports; does anything from outside reach the PC there?"""
    reached = []
    with net.inside("public"):
        server = socket.create_server((t.DECOY, 21))
        caller = socket.socket()
        teller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow = h.flow(t.DECOY, 21)
    if flow.open():
        server.settimeout(2)
        peer = server.accept()[1][0]
        flow.send(0, b"PORT 192,168,77,50,110,0\r\n")
        h.send(h.ip(t.DECOY) / UDP(sport=5060, dport=5060) / (
            b"INVITE sip:x@decoy.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.77.50:5060\r\nContact: <sip:p@192.168.77.50>\r\n"
            b"Content-Type: application/sdp\r\n\r\nc=IN IP4 192.168.77.50\r\nm=audio 28160 RTP/AVP 0\r\n"))
        caller.settimeout(0.6)
        reached.append("TCP" if caller.connect_ex((peer, 28160)) == 0 or h.lan.wait(28160, lambda p: True, 0.1) else "")
        teller.sendto(b"media", (peer, 28160))
    return flow, peer, "".join(reached)


@attack("FTP and SIP ask for ports: no helper may open any", before=_ftp,
        sound=("what then came in from outside", lambda h: ("nothing", h.before[2] or "nothing")))
def helpers(h):
    h.before[0].send(26, b"PORT 192,168,77,50,110,1\r\n" + h.word)
    h.send(h.syn(t.DECOY, 21), h.datagram(t.DECOY, 5060))
