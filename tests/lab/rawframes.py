"""Raw frames on an interface of a namespace, and TCP flows made of them, as no ordinary program would send."""

import socket
import struct
import threading
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot3, Ether

import net
import pcap

FLOW_PORTS = range(20000, 32000)    # of flows unknown to the namespace's kernel
SCAN_PORT = 19999                   # source port of a scan
BURST = 64                          # frames: a queue of the TAP holds a thousand
PACE = 0.0005                       # between two frames: the box is slow, and a lost frame proves nothing


class Card:
    """Sends frames on an interface, and receives the TCP segments for FLOW_PORTS."""

    def __init__(self, ns, name, mac, peer):
        self.ns, self.name, self.mac, self.peer = ns, name, mac, peer
        self.heard = {}
        self.sent = self.goal = 0       # frames so far; how many the box should have taken before the next burst
        self.changed = threading.Condition()
        with net.inside(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((name, 0x0003))
        threading.Thread(target=self._listen, daemon=True).start()
        # The kernel would reset those flows.
        done = net.run(ns, ["nft", "-f", "-"], text=f"""table inet flows {{
            chain out {{
                type filter hook output priority 0
                tcp sport {FLOW_PORTS.start}-{FLOW_PORTS.stop - 1} tcp flags & rst == rst drop
            }}
        }}
""")
        if done.returncode != 0:
            raise RuntimeError(f"nft in {ns}: {done.stderr}")

    def frame(self, p, src=None, dst=None):
        """The frame of a packet of scapy (from the network layer on); a whole frame stays as it is."""
        return p if isinstance(p, (Ether, Dot3, bytes)) else Ether(src=src or self.mac, dst=dst or self.peer) / p

    def send(self, *packets, src=None, dst=None):
        """Packets or whole frames: of scapy, or bytes. No faster than the box accepts them."""
        for p in packets:
            if self.sent % BURST == 0:
                self._taken_so_far()
            self.socket.send(bytes(self.frame(p, src, dst)))
            self.sent += 1
            time.sleep(PACE)

    def _taken_so_far(self):
        """Wait until the box has taken nearly all of the previous burst. (Other frames may be among those taken.)"""
        end = time.monotonic() + 5
        while self.taken() < self.goal and time.monotonic() < end:
            time.sleep(0.005)
        self.goal = self.taken() + BURST * 3 // 4

    def _listen(self):
        while True:
            try:
                data, (_, _, kind, *_) = self.socket.recvfrom(65536)
            except OSError:
                return
            if kind == socket.PACKET_OUTGOING:
                continue
            p = pcap.parse(data, time.monotonic())
            if p.proto == pcap.TCP and (p.dport in FLOW_PORTS or p.dport == SCAN_PORT):
                with self.changed:
                    self.heard.setdefault(p.dport, []).append(p)
                    self.changed.notify_all()

    def wait(self, port, test, timeout):
        """The first segment for this port for which test holds; None when there is none in time."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                found = next((p for p in self.heard.get(port, []) if test(p)), None)
                if found or not self.changed.wait(max(0, end - time.monotonic())) and time.monotonic() >= end:
                    return found

    def lost(self):
        """Frames dropped because the box was too slow to take them from the TAP."""
        return net.link(self.ns, self.name)["stats64"]["tx"]["dropped"]

    def taken(self):
        """Frames that the box's machine has taken from the TAP so far."""
        with net.inside(self.ns), open("/proc/thread-self/net/dev") as f:
            words = next(line.split() for line in f if line.strip().startswith(self.name + ":"))
        return int(words[10])

    def scan(self, src, dst, ports, block=200):
        """SYNs to all these ports of an address; (ports that answered with SYN and ACK, ports that answered with RST).

        As fast as the box takes them. A block of which it was too slow to take every frame is sent again.
        """
        packet = (IPv6 if ":" in dst else IP)(src=src, dst=dst) / TCP(sport=SCAN_PORT, dport=0, flags="S")
        frame = bytearray(bytes(Ether(src=self.mac, dst=self.peer) / packet))
        at = len(frame) - 20
        (zero,) = struct.unpack_from(">H", frame, at + 16)
        with self.changed:
            self.heard.pop(SCAN_PORT, None)
        blocks = [ports[n:n + block] for n in range(0, len(ports), block)]
        lost, pause, sent, taken = self.lost(), 0.01, 0, self.taken()
        while blocks:
            for port in blocks[0]:
                total = (~zero & 0xFFFF) + port
                struct.pack_into(">H", frame, at + 2, port)
                struct.pack_into(">H", frame, at + 16, ~(total + (total >> 16)) & 0xFFFF)
                self.socket.send(frame)
            sent += len(blocks[0])
            end = time.monotonic() + pause
            while self.taken() - taken < sent - block and time.monotonic() < end:
                time.sleep(0.002)
            before, lost = lost, self.lost()
            if lost == before:
                blocks.pop(0)
            else:
                pause = min(1.0, pause * 1.5)
                sent, taken = 0, self.taken()
                time.sleep(0.1)
        time.sleep(0.3)
        with self.changed:
            heard = self.heard.get(SCAN_PORT, [])
        return [sorted({p.sport for p in heard if p.flags & bits == bits}) for bits in (0x12, 0x04)]


_next_port = [FLOW_PORTS.start]


def next_port():
    _next_port[0] += 1
    return _next_port[0]


class Flow:
    """A TCP flow in user space. Its sequence numbers are relative: 0 is the first byte of data."""

    def __init__(self, card, src, dst, port, seq, window, sport=None, ttl=64):
        self.card, self.src, self.dst, self.port = card, src, dst, port
        self.first, self.window, self.ttl = (seq + 1) & 0xFFFFFFFF, window, ttl
        self.sport = sport or next_port()
        self.theirs = 0           # our acknowledgement number
        self.stamp = None         # timestamps: (our value, theirs), if negotiated

    def segment(self, offset, data=b"", flags="PA", **more):
        """The packet that carries data at this place of the stream. more: fields of the TCP header, and `ttl`."""
        head = {"ttl": more.pop("ttl", self.ttl)} if ":" not in self.dst else {"hlim": more.pop("ttl", self.ttl)}
        if self.stamp and "options" not in more:
            more["options"] = [("NOP", None), ("NOP", None), ("Timestamp", self.stamp)]
        fields = {"window": self.window, "ack": self.theirs, **more}
        ip = (IPv6 if ":" in self.dst else IP)(src=self.src, dst=self.dst, **head)
        return ip / TCP(sport=self.sport, dport=self.port, seq=(self.first + offset) & 0xFFFFFFFF, flags=flags,
                        **fields) / data

    def send(self, offset, data=b"", flags="PA", **more):
        self.card.send(self.segment(offset, data, flags, **more))

    def open(self, timeout=40.0, stamps=False):
        """The handshake; False without an answer, or on a reset. (Anything else belongs to an earlier flow.)"""
        options = [("MSS", 1300)] + ([("Timestamp", (1000000, 0))] if stamps else [])
        for part in (0.1, 0.15, 0.25, 0.5):
            self.send(-1, flags="S", options=options, ack=0)
            got = self.card.wait(self.sport, lambda p: p.flags & 0x04 or p.flags & 0x12 == 0x12, timeout * part)
            if got:
                break
        if not got or got.flags & 0x04:
            return False
        self.theirs = got.seq + 1 & 0xFFFFFFFF
        if stamps:
            self.stamp = (1000001, _their_stamp(got.raw))
        self.send(0, flags="A")
        return True

    def answered(self, timeout=0.0):
        """Data of the other side."""
        p = self.card.wait(self.sport, lambda p: p.payload, timeout)
        return p.payload if p else b""

    def reset(self, timeout=0.0):
        """Was the flow reset by (or in the name of) the other side?"""
        return self.card.wait(self.sport, lambda p: p.flags & 0x04, timeout) is not None


def _their_stamp(raw):
    at = raw.find(b"\x08\x0a", 14 + 40)
    return struct.unpack_from(">I", raw, at + 2)[0] if at > 0 else 0
