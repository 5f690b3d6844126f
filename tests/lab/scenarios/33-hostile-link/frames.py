"""Attacks by the frame: tags, protocols, addresses, lengths; multicast and broadcast."""

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import LLC, SNAP, Dot1AD, Dot1Q, Dot3, Ether

import hostile
import net
import topology as t

attack = hostile.Table()
STRANGE = "52:54:00:66:66:66"


def _ether(dst=t.MAC_LAN, src=t.MAC_PC, **more):
    return Ether(src=src, dst=dst, **more)


def _both(h):
    """One to what is listed, three to what is not."""
    return [h.syn(t.REGISTRY, 443), *h.three(t.DECOY), *h.three(t.UNLISTED)]


@attack("frames with a VLAN tag: 1, 2, 100, 4094, two tags, a provider's tag")
def vlan(h):
    for packet in _both(h):
        h.send(*[_ether() / Dot1Q(vlan=n) / packet for n in (1, 2, 100, 4094)])
        h.send(_ether() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / packet, _ether() / Dot1AD(vlan=1) / Dot1Q(vlan=2) / packet)


@attack("frames with a priority tag (VLAN 0) to what nobody listed")
def vlan_zero(h):
    h.send(*[_ether() / Dot1Q(vlan=0, prio=5) / p for address in (t.DECOY, t.UNLISTED) for p in h.three(address)])


@attack("IP in LLC and SNAP frames, spanning tree")
def llc(h):
    for packet in _both(h):
        h.send(Dot3(src=t.MAC_PC, dst=t.MAC_LAN) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / packet,
               Dot3(src=t.MAC_PC, dst=t.MAC_LAN) / LLC(dsap=6, ssap=6, ctrl=3) / packet)
    h.send(Dot3(src=t.MAC_PC, dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3) / h.data(35))


@attack("other frame types: MPLS, PPPoE, LLDP, EAPOL, ARP's relatives, unknown ones")
def frame_types(h):
    inside = bytes(h.datagram(t.DECOY, 443))
    for kind, head in ((0x8847, b"\0\x01\x01\x40"), (0x8864, b"\x11\0\0\x01\0\x62\0\x21"), (0x8863, b"\x11\x09\0\0\0\x10"),
                       (0x88CC, b""), (0x888E, b"\x01\0\0\x20"), (0x88B5, b""), (0x8035, b""), (0x0801, b""), (0x880B, b"\0\x21"),
                       (0x6558, b""), (0x9000, b"")):
        for to in (t.MAC_LAN, "ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:0e"):
            h.send(_ether(to, type=kind) / (head + inside))


@attack("the box's own MAC address as source")
def source_mac_of_box(h):
    h.send(*_both(h)[1:], src=t.MAC_LAN)
    h.send(*_both(h)[1:], src=t.MAC_WAN)


@attack("source addresses that no card has: broadcast, multicast, zero")
def source_mac_odd(h):
    for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00"):
        h.send(*_both(h)[1:], src=mac)


@attack("a listed destination in a broadcast or multicast frame, or in one for another card")
def wrong_mac(h):
    for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01", STRANGE, t.MAC_WAN):
        h.send(*_both(h), dst=mac)


@attack("a second gateway hands on what it gets: the PC's packets with another card's address")
def second_gateway(h):
    h.send(*_both(h)[1:], src=STRANGE)
    h.send(*[p for source in ("10.1.2.3", "172.16.9.9") for p in (h.syn(t.REGISTRY, 443, source), *h.three(t.DECOY, source))],
           src=STRANGE)


@attack("jumbo frames of 4000 and 8000 bytes")
def jumbo(h):
    net.ip("link", "set", "pc0", "mtu", "9000", ns="lan")
    h.send(h.datagram(t.DECOY, 443, size=4000), h.datagram(t.UNLISTED, 443, size=8000), h.echo(t.REGISTRY, size=8000),
           h.ip(t.REGISTRY) / h.tcp(444) / h.data(8000))
    net.ip("link", "set", "pc0", "mtu", "1500", ns="lan")


@attack("frames that end too early")
def short_frames(h):
    whole = bytes(_ether() / h.syn(t.DECOY, 443))
    h.send(*[whole[:n] for n in (14, 15, 20, 33, 34, 40, 50)], whole)
    inner = bytes(_ether() / h.datagram(t.DECOY6, 443))
    h.send(*[inner[:n] for n in (14, 30, 53, 54, 60)], inner)


# ---- to many at once

@attack("multicast: mDNS, SSDP, LLMNR, all hosts, routers, site-wide, source-specific; in proper and in unicast frames")
def multicast(h):
    for address in ("224.0.0.1", "224.0.0.2", "224.0.0.251", "224.0.0.252", "224.0.1.1", "232.1.1.1", "239.255.255.250", "239.1.2.3"):
        low = [int(n) for n in address.split(".")]
        mac = f"01:00:5e:{low[1] & 127:02x}:{low[2]:02x}:{low[3]:02x}"
        for to in (mac, t.MAC_LAN):
            h.send(h.datagram(address, 5353, ttl=64), h.datagram(address, 1900, ttl=64), h.echo(address, ttl=64), dst=to)
    h.send(h.ip("224.0.0.22", proto=2) / (b"\x22\0\0\0\0\0\0\1\4\0\0\0" + b"\xef\1\2\3" + h.data(16)), dst="01:00:5e:00:00:16")


@attack("broadcast and the LAN's directed broadcast: NetBIOS, discovery, wake-on-LAN, pings")
def broadcast(h):
    for address in ("255.255.255.255", "192.168.77.255"):
        for to in ("ff:ff:ff:ff:ff:ff", t.MAC_LAN):
            h.send(*[h.datagram(address, port) for port in (9, 137, 138, 1900, 3702, 5678, 17500)], h.syn(address, 443), h.echo(address),
                   dst=to)


@attack("DHCP with words in it: discover, inform, release; a relay's packet to the box and to the line's server")
def dhcp_words(h):
    def bootp(kind, giaddr=bytes(4)):
        mac = bytes.fromhex(t.MAC_PC.replace(":", ""))
        return (b"\1\1\6\1" + h.word[:4] + bytes(16) + giaddr + mac + bytes(10) + bytes(192) + b"\x63\x82\x53\x63" +
                bytes([53, 1, kind, 12, 8]) + h.word + b"\xff" + h.data(16))
    broadcast_ip = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
    h.send(*[_ether("ff:ff:ff:ff:ff:ff") / broadcast_ip / bootp(kind) for kind in (1, 8, 7)])
    for address in (t.BOX_LAN, t.ISP):
        h.send(h.ip(address) / UDP(sport=67, dport=67) / bootp(1, b"\xc0\xa8\x4d\x32"))
