"""A small reader of capture files (pcap, Ethernet), as much as the scenarios need."""

import ipaddress
import struct
from dataclasses import dataclass

ETH_IP, ETH_IP6, ETH_ARP, ETH_VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
RAW_IP = (12, 101)       # link types of a capture on a device without frames
ICMP, TCP, UDP, ESP, ICMP6 = 1, 6, 17, 50, 58


@dataclass
class Packet:
    time: float
    src_mac: str
    kind: str            # "ip", "ip6", "arp", "other"
    src: str = ""
    dst: str = ""
    proto: int = 0
    sport: int = 0
    dport: int = 0
    seq: int = 0          # TCP: number of the first byte of the payload
    ack: int = 0
    flags: int = 0
    window: int = 0
    payload: bytes = b""  # after the transport header (ESP: from the SPI on)
    raw: bytes = b""

    def what(self):
        name = {TCP: "tcp", UDP: "udp", ESP: "esp", ICMP: "icmp", ICMP6: "icmp6"}.get(self.proto, str(self.proto))
        if self.kind in ("arp", "other"):
            return self.kind
        if self.proto in (TCP, UDP):
            return f"{name} {self.src}:{self.sport} > {self.dst}:{self.dport}"
        kind = f" type {self.payload[0]}" if self.proto in (ICMP, ICMP6) and self.payload else ""
        return f"{name}{kind} {self.src} > {self.dst}"

    def esp(self):
        """(SPI, sequence number, rest) of an ESP packet, bare or in UDP; None if it is none."""
        if self.proto == ESP:
            body = self.payload
        elif self.proto == UDP and 4500 in (self.sport, self.dport):
            body = self.payload
            if len(body) < 8 or body[:4] == b"\0\0\0\0":    # keep-alive, or IKE with its marker (RFC 3948)
                return None
        else:
            return None
        if len(body) < 8:
            return None
        spi, sequence = struct.unpack_from(">II", body)
        return spi, sequence, body[8:]

    def ike(self):
        if self.proto != UDP:
            return False
        if 500 in (self.sport, self.dport):
            return True
        return 4500 in (self.sport, self.dport) and (self.payload[:4] == b"\0\0\0\0" or self.payload == b"\xff")


def read(path):
    """Yield every packet of a capture file. A truncated last packet is ignored.

    Ethernet, or bare IP as a tunnel device gives it: such a packet gets a frame of zeros.
    """
    with open(path, "rb") as f:
        head = f.read(24)
        if len(head) < 24:
            return
        magic = head[:4]
        order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        unit = 1e-9 if magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
        (link,) = struct.unpack(order + "I", head[20:24])
        if link not in (1, *RAW_IP):
            raise ValueError(f"{path}: link type {link}, neither Ethernet nor bare IP")
        record = struct.Struct(order + "IIII")
        while True:
            h = f.read(16)
            if len(h) < 16:
                return
            seconds, fraction, length, _ = record.unpack(h)
            data = f.read(length)
            if len(data) < length:
                return
            if link in RAW_IP and data:
                data = bytes(12) + struct.pack(">H", ETH_IP6 if data[0] >> 4 == 6 else ETH_IP) + data
            yield parse(data, seconds + fraction * unit)


def parse(data, time=0.0):
    p = Packet(time, data[6:12].hex(":"), "other", raw=data)
    if len(data) < 14:
        return p
    kind, at = struct.unpack_from(">H", data, 12)[0], 14
    if kind == ETH_VLAN and len(data) >= 18:
        kind, at = struct.unpack_from(">H", data, 16)[0], 18
    if kind == ETH_ARP:
        p.kind = "arp"
    elif kind == ETH_IP and len(data) >= at + 20:
        p.kind = "ip"
        words = (data[at] & 15) * 4
        total, fragment = struct.unpack_from(">H2xH", data, at + 2)
        p.proto = data[at + 9]
        p.src, p.dst = _ip4(data[at + 12:at + 16]), _ip4(data[at + 16:at + 20])
        if total == 0:              # a segment before TSO
            total = len(data) - at
        _transport(p, data[at + words:at + total], fragment & 0x1FFF)
    elif kind == ETH_IP6 and len(data) >= at + 40:
        p.kind = "ip6"
        p.proto = data[at + 6]
        p.src = str(ipaddress.IPv6Address(data[at + 8:at + 24]))
        p.dst = str(ipaddress.IPv6Address(data[at + 24:at + 40]))
        _transport(p, data[at + 40:], 0)
    return p


def _ip4(b):
    return "%d.%d.%d.%d" % tuple(b)


def _transport(p, body, fragment_offset):
    p.payload = body
    if fragment_offset or p.proto not in (TCP, UDP) or len(body) < 8:
        return
    p.sport, p.dport = struct.unpack_from(">HH", body)
    if p.proto == UDP:
        p.payload = body[8:]
    elif len(body) >= 20:
        p.seq, p.ack, p.flags, p.window = struct.unpack_from(">IIxBH", body, 4)
        p.payload = body[(body[12] >> 4) * 4:]


@dataclass
class EspFigures:
    packets: int = 0
    spis: int = 0
    repeated: int = 0     # seen twice with the same bytes (repeated by the network: harmless)
    reused: int = 0       # (SPI, sequence number) twice with different bytes: a reused nonce
    example: str = ""


def esp_figures(packets):
    seen, figures, spis = {}, EspFigures(), set()
    for p in packets:
        e = p.esp()
        if not e:
            continue
        figures.packets += 1
        spi, sequence, body = e
        spis.add((p.dst, spi))
        key = (p.dst, spi, sequence)
        mark = hash(body)
        if key not in seen:
            seen[key] = mark
        elif seen[key] == mark:
            figures.repeated += 1
        else:
            figures.reused += 1
            figures.example = figures.example or f"SPI {spi:08x} sequence {sequence} to {p.dst}"
    figures.spis = len(spis)
    return figures
