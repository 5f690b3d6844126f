"""The capture point on the uplink, between the box's WAN interface and the provider; and the same for other interfaces."""

import ipaddress
import re
import subprocess
import time

import netns
import pcap
import servers
import topology as t

PRIVATE = [ipaddress.ip_network(n) for n in (t.INNER_NET, t.VIP_NET, t.INNER2_NET, t.VIP2_NET, t.LAN_NET,
                                                  t.LAN6)]


class Capture:
    """tcpdump on one interface. Use with `with`; afterwards .packets() and the checks below."""

    def __init__(self, path, ns="wan", interface="line0", expression="", big=False, longest=0):
        self.path, self.ns, self.interface, self.expression, self.big = path, ns, interface, expression, big
        # Of tcpdump's ring each packet takes as much as the longest may need (0: 256 KB). Bursts need a smaller one.
        self.longest = longest
        self.process = None
        self.dropped = None

    def __enter__(self):
        # Without immediate mode the last second would still be in the kernel's ring when tcpdump is stopped.
        command = ["ip", "netns", "exec", self.ns, "tcpdump", "-n", "-p", "--immediate-mode", "-U", "-Z", "root",
                   "-s", str(self.longest),
                   "-B", "262144" if self.big else "65536", "-i", self.interface, "-w", self.path]
        self.process = subprocess.Popen(command + self.expression.split(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=netns.die_with_parent)
        for line in self.process.stderr:
            if "listening on" in line:
                return self
        raise RuntimeError(f"tcpdump on {self.interface} in {self.ns} ends before it has begun: status {self.process.wait()}")

    def __exit__(self, *_):
        drained = self._drained()
        ended = self.process.poll()
        self.process.terminate()
        rest = self.process.stderr.read()
        self.process.wait()
        numbers = [int(n) for n in re.findall(r"^(\d+) packets?", rest, re.M)]
        if ended is not None or len(numbers) < 3:
            raise RuntimeError(f"tcpdump on {self.interface} in {self.ns} ended while it captured: status {ended}; {rest}")
        # Captured, received by the filter, dropped by the kernel. Where tcpdump had nothing left to read, the first two may
        # differ all the same, by what came between that moment and its end: that is after this capture, and no loss.
        self.dropped = numbers[2] if drained else max(numbers[1] - numbers[0], numbers[2])

    def _drained(self):
        """Wait for packets in flight, and until tcpdump, which may be slow on a busy machine, has written everything.

        True: it has. (It sleeps only where the kernel's ring is empty.)
        """
        asleep, end = 0, time.monotonic() + 60
        time.sleep(0.2)
        while asleep < 2 and time.monotonic() < end:
            time.sleep(0.05)
            with open(f"/proc/{self.process.pid}/stat") as f:
                asleep += f.read().rpartition(") ")[2][0] == "S"
        return asleep >= 2

    def packets(self, from_box=None):
        """All packets; from_box=True: only those that the box sent, False: only those sent to it."""
        macs = (t.MAC_WAN, t.MAC_LAN)
        return (p for p in pcap.read(self.path) if from_box is None or (p.src_mac in macs) == from_box)

    # ---- checks

    def clear(self):
        """Packets with an inner address outside IPsec: each is a leak. (Replies of the hub count as well.)"""
        return [p.what() for p in self.packets() if _inner(p.src) or _inner(p.dst)]

    def marked(self):
        """Packets that contain the registry's traffic in clear: its page, its names as text and in DNS form."""
        words = [servers.MARKER.encode()]
        for name in (*t.INNER_NAMES, *t.INNER2_NAMES):
            words += [name.encode(), b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))]
        pattern = re.compile(b"|".join(re.escape(w) for w in words))
        return [p.what() for p in self.packets() if pattern.search(p.raw)]

    def strangers(self, also=()):
        """Packets of the box to unexpected destinations: not the hub, the uplink's own servers or EST."""
        friends = {t.HUB, t.ISP, t.EST, "255.255.255.255", *also}
        return [p.what() for p in self.packets(from_box=True)
                if p.kind in ("ip", "ip6") and p.dst not in friends and not _own_ip6(p)]

    def counts(self):
        """How many packets of each kind: {'ike', 'esp', 'esp-in-udp', 'other'}."""
        out = {"ike": 0, "esp": 0, "esp-in-udp": 0, "other": 0}
        for p in self.packets():
            if p.ike():
                out["ike"] += 1
            elif p.esp():
                out["esp" if p.proto == pcap.ESP else "esp-in-udp"] += 1
            else:
                out["other"] += 1
        return out

    def waits(self, mine):
        """How long the PC with this address has waited for each next word of others: [(seconds, to whom)], the longest first.

        From a SYN, data or a DNS question to what next comes back in that flow (a segment, an answer, an ICMP error), or to
        the capture's end. By the times of the capture: how slow the program was that asked does not matter.
        """
        since, seen, last = {}, [], 0.0
        for p in self.packets():
            last = p.time
            if p.proto == pcap.ICMP and p.dst == mine and p.payload[:1] in (b"\x03", b"\x0b"):
                flow = _flow(pcap.parse(bytes(12) + b"\x08\0" + p.payload[8:]), mine)
            else:
                flow = _flow(p, mine)
            if flow and p.src == mine:
                if p.payload or p.flags & 2:
                    since.setdefault(flow, p.time)
            elif flow in since:
                seen.append((p.time - since.pop(flow), flow[2]))
        seen += [(last - begin, f"{flow[2]} (never answered)") for flow, begin in since.items()]
        return sorted(seen, reverse=True)

    def to(self, address):
        return [p.what() for p in self.packets() if p.dst == address]


def _flow(p, mine):
    """What belongs together of a PC's TCP and DNS, whichever way it goes."""
    if p.proto not in (pcap.TCP, pcap.UDP) or mine not in (p.src, p.dst):
        return None
    own, port, other, far = (p.sport, p.dport, p.dst, p.dport) if p.src == mine else (p.dport, p.sport, p.src, p.sport)
    if p.proto == pcap.UDP and port != 53:
        return None
    return p.proto, own, f"{other}:{far}", p.payload[:2] if p.proto == pcap.UDP else b""


def _inner(text):
    if not text:
        return False
    address = ipaddress.ip_address(text)
    return any(address.version == n.version and address in n for n in PRIVATE)


def _own_ip6(p):
    """The box's own link-local traffic: neighbour discovery, listener reports."""
    return p.kind == "ip6" and p.dst.startswith("ff02:") and (p.src == "::" or p.src.startswith("fe80:"))
