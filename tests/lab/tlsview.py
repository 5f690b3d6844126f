"""The ClientHellos in a capture, reassembled from their segments."""

import struct
from dataclasses import dataclass, field

import pcap

SNI, ALPN, EARLY_DATA, PSK, VERSIONS, KEY_SHARE, ECH = 0, 16, 42, 41, 43, 51, 0xFE0D


@dataclass
class Hello:
    client: str          # address:port
    server: str
    bytes: int           # of the handshake message
    segments: int        # packets with its bytes, retransmissions left out
    name: str = ""
    extensions: set = field(default_factory=set)
    alpn: list = field(default_factory=list)

    @property
    def ech(self):
        return ECH in self.extensions


def hellos(path, source):
    """The first ClientHello of each TCP connection from address `source` in a capture file. Incomplete ones are left out."""
    flows = {}
    for p in pcap.read(path):
        if p.kind == "ip" and p.proto == pcap.TCP and p.src == source and p.payload:
            flows.setdefault((p.sport, p.dst, p.dport), {}).setdefault(p.seq, p.payload)
    out = []
    for (sport, dst, dport), parts in flows.items():
        # The capture starts before the connection, at a point without reordering.
        stream, segments, at = b"", 0, next(iter(parts))
        while at in parts and not _whole(stream):
            stream += parts[at]
            segments += 1
            at = (at + len(parts[at])) & 0xFFFFFFFF
        message = _message(stream)
        if message:
            out.append(_read(Hello(f"{source}:{sport}", f"{dst}:{dport}", len(message), segments), message))
    return out


def _message(stream):
    """The handshake message in TLS records; b"" if it is not there as a whole."""
    body, at = b"", 0
    while len(stream) >= at + 5 and stream[at] == 22:
        (length,) = struct.unpack_from(">H", stream, at + 3)
        body += stream[at + 5:at + 5 + length]
        at += 5 + length
        if len(body) >= 4 and body[0] == 1 and len(body) >= 4 + int.from_bytes(body[1:4], "big"):
            return body[4:4 + int.from_bytes(body[1:4], "big")]
    return b""


def _whole(stream):
    return bool(_message(stream))


def _read(hello, m):
    at = 34
    at += 1 + m[at]                                     # session id
    at += 2 + struct.unpack_from(">H", m, at)[0]        # cipher suites
    at += 1 + m[at]                                     # compression
    end = at + 2 + struct.unpack_from(">H", m, at)[0]
    at += 2
    while at + 4 <= end:
        kind, length = struct.unpack_from(">HH", m, at)
        body = m[at + 4:at + 4 + length]
        hello.extensions.add(kind)
        if kind == SNI and length >= 5:
            hello.name = body[5:].decode("ascii", "replace")
        if kind == ALPN:
            rest = body[2:]
            while rest:
                hello.alpn.append(rest[1:1 + rest[0]].decode("ascii", "replace"))
                rest = rest[1 + rest[0]:]
        at += 4 + length
    return hello
