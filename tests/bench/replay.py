"""A TCP flow opened by its two endpoints, which are then replaced by frames: the same ones, as often as needed.

The cost of a TCP flow depends on how many segments arrive at once, are merged, and are answered by how many ACKs. TCP varies
these, with a larger effect than any ruleset. So the endpoints open a real flow (TLS, allowed by `sni`) and are silenced; then
a fixed burst of frames is sent to the machine while it is paused, so that it finds all of them at once.
"""

import os
import select
import socket
import ssl
import struct
import time

import bulk
import net
from figure import CannotMeasure

SEGMENT = 1300        # octets: with a time stamp it fits the tunnel both ways (MSS inward 1318)
WAIT = 20.0           # seconds to wait for output; only a failure takes so long


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data)) if len(data) % 2 == 0 else checksum_odd(data)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def checksum_odd(data):
    return sum(struct.unpack(f">{len(data) // 2 + 1}H", data + b"\0"))


class Frame:
    """The headers of a captured Ethernet, IPv4 and TCP frame, as a template for others."""

    def __init__(self, raw):
        self.ethernet, self.ip = raw[:14], raw[14:34]
        self.tcp = raw[34:34 + (raw[46] >> 4) * 4]
        self.seq, self.ack = struct.unpack(">II", self.tcp[4:12])
        self.next = self.seq + struct.unpack(">H", self.ip[2:4])[0] - 20 - len(self.tcp)

    def like(self, seq, ack, size):
        tcp = self.tcp[:4] + struct.pack(">II", seq & 0xffffffff, ack & 0xffffffff) + self.tcp[12:13] + b"\x10" + \
            self.tcp[14:16] + b"\0\0" + self.tcp[18:] + b"\x5a" * size
        ip = self.ip[:2] + struct.pack(">HHH", 20 + len(tcp), 0, 0x4000) + self.ip[8:10] + b"\0\0" + self.ip[12:]
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        pseudo = self.ip[12:20] + struct.pack(">HH", 6, len(tcp))
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
        return self.ethernet + ip + tcp


class End:
    """One endpoint's interface: the flow's segments sent and received there, and injected frames."""

    def __init__(self, ns, interface, mine, other):
        with net.inside(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((interface, 3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.ns, self.mine, self.other = ns, mine, other       # TCP ports; None: any
        self.sent = None

    def look(self, wait=0.0):
        """(segments, octets of TCP) of the flow that have come here since the last look, after waiting for one."""
        count = octets = 0
        while select.select([self.socket], [], [], wait)[0]:
            wait = 0.0
            raw, address = self.socket.recvfrom(65536)
            if len(raw) < 54 or raw[12:14] != b"\x08\x00" or raw[23] != 6:
                continue
            source, target = struct.unpack(">HH", raw[34:38])
            if address[2] == socket.PACKET_OUTGOING and (source, target) == (self.mine, self.other) and raw[47] & 0x10:
                self.sent = Frame(raw)
            elif address[2] != socket.PACKET_OUTGOING and (source, target) == (self.other, self.mine):
                count, octets = count + 1, octets + struct.unpack(">H", raw[16:18])[0] - 20 - (raw[46] >> 4) * 4
        return count, octets

    def send(self, frames):
        for frame in frames:
            self.socket.send(frame)

    def silence(self):
        """Silence the endpoint: it sends and receives nothing more of this flow."""
        done = net.run(self.ns, ["nft", "-f", "-"], text=f"""table inet silence {{
            chain in {{ type filter hook prerouting priority -450; tcp sport {self.other} tcp dport {self.mine} drop; }}
            chain out {{ type filter hook output priority -450; tcp sport {self.mine} tcp dport {self.other} drop; }}
        }}""")
        if done.returncode != 0:
            raise CannotMeasure(f"the flow's end in {self.ns} cannot be silenced: {done.stderr.strip()}")


class Flow:
    """up: frames from the PC; down: from the registry. Both as they are when the flow has just been used."""

    def __init__(self, monitor, address, name, ca):
        self.monitor = monitor
        with net.inside("lan"):
            plain = socket.create_connection((address, 443), timeout=30)
        self.plain = plain
        port = plain.getsockname()[1]
        self.pc, self.registry = End("lan", "pc0", port, 443), End("registry", "inner0", 443, port)
        connection = ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname=name)
        connection.sendall(b"turns 0\n")
        for _ in range(20):
            connection.sendall(b"\0" * bulk.TURN)
            if bulk.receive(connection, bulk.TURN) < bulk.TURN:
                raise CannotMeasure("the flow that is to be replayed ended early")
        time.sleep(0.5)
        self.connection = connection
        for end in (self.pc, self.registry):
            end.look()
            if end.sent is None:
                raise CannotMeasure(f"no segment of the flow was seen in {end.ns}")
            end.silence()

    def _frames(self, end, count, size, acked=0):
        """count segments with size octets each; they acknowledge `acked` octets of the other end, the last one all of them."""
        last, other = end.sent, (self.registry if end is self.pc else self.pc).sent
        return [last.like(last.next + i * size, other.next + acked * (i + 1) // count, size) for i in range(count)]

    def train(self, direction, segments, answers):
        """[(end, frames, what must come out at the other end)]: segments all at once, then the answers to them."""
        here, there = (self.pc, self.registry) if direction == "up" else (self.registry, self.pc)
        return [(here, self._frames(here, segments, SEGMENT), there, (0, segments * SEGMENT)),
                (there, self._frames(there, answers, 0, segments * SEGMENT), here, (answers, 0))]

    def singles(self, direction, count):
        """Segments sent one by one, each as its own burst."""
        here, there = (self.pc, self.registry) if direction == "up" else (self.registry, self.pc)
        return [(here, [frame], there, (0, SEGMENT)) for frame in self._frames(here, count, SEGMENT)]

    def run(self, train, still):
        """Run once. still: the machine is paused until all frames of a step have arrived."""
        for here, frames, there, (count, octets) in train:
            there.look()
            if still:
                self.monitor.ask("stop")
            here.send(frames)
            if still:
                time.sleep(still)
                self.monitor.ask("cont")
            end = time.monotonic() + WAIT
            while count > 0 or octets > 0:
                more = there.look(0.05)
                count, octets = count - more[0], octets - more[1]
                if time.monotonic() > end:
                    raise CannotMeasure(f"of what was sent in {here.ns} {count} segments, {octets} octets did not come to "
                                        f"{there.ns}")
