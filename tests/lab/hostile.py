"""The hostile PC: tables of attacks from the LAN, and the check of what got out.

Every packet of an attack carries the marks of that attack: a token of eight letters in its data and, for TCP, the upper
half of the sequence number together with the window. Neither NAT nor IPsec nor reassembly changes them. So one capture of
the uplink and one behind the tunnel are evaluated once at the end, attack by attack. A capture at the PC's own interface
shows that the attack was made at all.

    attack = hostile.Table()

    @attack("TCP to an address on nobody's list")
    def unlisted_address(h):
        h.send(h.syn(t.DECOY, 80))
"""

import importlib.util
import ipaddress
import os
import random
import re
import string
import time
from dataclasses import dataclass

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

import rawframes
import net
import servers
import topology as t

SETTLE = 2.0            # for the last attack's packets to pass box and tunnel
NEIGHBOUR = 4.0         # from the first attack on: the box gives up an unreachable neighbour, and may send an error
LONGEST = 9216          # bytes of a frame that the captures keep
VIPS = ipaddress.ip_network(t.VIP_NET)


@dataclass
class Attack:
    name: str
    what: str
    send: object
    before: object = None     # called before the session, in mode `internet`; what it returns is h.before
    outside: bool = False     # in mode `internet` the same packets get out, which shows that they are well formed
    match: object = None      # is a packet this attack's? For attacks by programs that send no marks
    bad: object = None        # of the packets with marks: must this one not get out? (default: all)
    inward: bool = False      # sent from the uplink: packets that reach the LAN got through
    sound: object = None      # a further check: (words, function of h that returns (expected, seen))


class Table(list):
    """A list of attacks; used as a decorator it adds one. always: defaults for all of them."""

    def __init__(self, **always):
        super().__init__()
        self.always = always

    def __call__(self, what, **more):
        def take(send):
            self.append(Attack(send.__name__.replace("_", "-"), what, send, **{**self.always, **more}))
            return send
        return take


class Hand:
    """The tools of an attack: packets with its marks, the PC's interface, the lab."""

    numbers = 0

    def __init__(self, trial):
        Hand.numbers += 1
        self.trial, self.lab, self.lan, self.line = trial, trial.lab, trial.lan, trial.line
        self.before, self.broken = None, ""
        self.token = "".join(random.choices(string.ascii_lowercase, k=8))
        self.word = self.token.encode()
        self.seq = (0x7A00 + Hand.numbers) << 16
        self.window = 0x5E00 + Hand.numbers
        self.pc = self.lab.pc.address

    def send(self, *packets, src=None, dst=None):
        self.lan.send(*packets, src=src, dst=dst)

    def data(self, size=64):
        """The token again and again."""
        return (self.word * (size // 8 + 1))[:size]

    def ip(self, dst, src=None, **more):
        if ":" in dst:
            return IPv6(src=src or t.PC6, dst=dst, **more)
        return IP(src=src or self.pc, dst=dst, **more)

    def tcp(self, port, flags="S", sport=None, **more):
        """A TCP header with the marks."""
        return TCP(sport=sport or rawframes.next_port(), dport=port, flags=flags, seq=self.seq, window=self.window, **more)

    def udp(self, port, sport=None):
        return UDP(sport=sport or rawframes.next_port(), dport=port)

    def syn(self, dst, port, src=None, **more):
        return self.ip(dst, src, **more) / self.tcp(port)

    def datagram(self, dst, port, src=None, size=64, **more):
        return self.ip(dst, src, **more) / self.udp(port) / self.data(size)

    def echo(self, dst, src=None, size=64, **more):
        ping = ICMPv6EchoRequest(data=self.data(size)) if ":" in dst else ICMP() / self.data(size)
        return self.ip(dst, src, **more) / ping

    def three(self, dst, src=None, **more):
        """One of each: TCP, UDP, ping."""
        return [self.syn(dst, 443, src, **more), self.datagram(dst, 443, src, **more), self.echo(dst, src, **more)]

    def flow(self, dst, port, src=None, sport=None, ttl=64):
        return rawframes.Flow(self.lan, src or (t.PC6 if ":" in dst else self.pc), dst, port, self.seq, self.window, sport, ttl)

    def other(self):
        """The same with other marks: for traffic that is not an attack."""
        return self.trial.hand()

    def marked(self, p):
        return (p.window == self.window and p.seq >> 16 == self.seq >> 16) or self.word in p.raw.lower()


class Trial:
    """Runs the attacks of a table and checks them."""

    def __init__(self, lab, attacks):
        self.lab, self.attacks = lab, attacks
        self.lan = rawframes.Card("lan", "pc0", t.MAC_PC, t.MAC_LAN)
        self.line = rawframes.Card("wan", "line0", net.link("wan", "line0")["address"], t.MAC_WAN)
        self.before = {}
        self.innocent = []       # hands of what may pass

    def hand(self):
        self.innocent.append(Hand(self))
        return self.innocent[-1]

    # ---- before the session

    def outside(self):
        """In mode `internet`: well-formed packets get out, and the check sees them. Opens the earlier flows."""
        hands = []
        with self.lab.capture() as line:
            for a in self.attacks:
                if a.outside:
                    hands.append((a, Hand(self)))
                    a.send(hands[-1][1])
            time.sleep(SETTLE)
        packets = [p for p in line.packets(from_box=True)]
        for a, h in hands:
            seen = sum(1 for p in packets if (a.match or h.marked)(p))
            self.lab.check(f"before the session: {a.name}", "more than 0 packets out", seen, seen > 0)
        for a in self.attacks:
            if a.before:
                self.keep(a.name, a.before)

    def keep(self, name, make):
        """Prepare an attack: make(h) opens what it will use later as h.before."""
        h = Hand(self)
        self.before[name] = (h, make(h))

    # ---- in the session

    def session(self, hosts=(), names=(), also=None):
        """All attacks, in an established session.

        hosts, names: (address, port) and DNS names that are allowed behind the tunnel besides the registry's. also:
        called at the end, while the captures run.
        """
        lab = self.lab
        control = Hand(self)
        planted = [Hand(self) for _ in range(3)]
        done, lost = [], self.lan.lost()
        with lab.capture(longest=LONGEST) as line, lab.capture("hub", "ipsec0", longest=LONGEST) as tunnel, \
                lab.capture("lan", "pc0", longest=LONGEST) as pc:
            self._control(control)
            self._plant(*planted)
            first = time.monotonic()
            for a in self.attacks:
                h, state = self.before.get(a.name) or (Hand(self), None)
                h.before = state
                begin = time.monotonic()
                try:
                    a.send(h)
                except (RuntimeError, OSError, AttributeError) as e:
                    h.broken = f"it could not be made: {e}"
                lab.report.step(f"{a.name} {time.monotonic() - begin:.2f} s")
                done.append((a, h))
            time.sleep(max(SETTLE, first + NEIGHBOUR - time.monotonic()))
            page = lab.pc.curl(f"https://{t.REGISTRY_NAME}/")
            if also:
                also()
        lost = self.lan.lost() - lost
        with lab.box.still():
            seen = [list(line.packets(from_box=True)), [p for p in tunnel.packets() if _from_box(p)], list(pc.packets()),
                    list(line.packets(from_box=False))]
        lab.check("packets that the captures lost", 0, line.dropped + tunnel.dropped + pc.dropped)
        self._judge(seen, done, control, planted, hosts, names)
        lab.check("frames that the box was too slow to take", 0, lost)
        lab.check("after all of it the registry's page", servers.MARKER, page.body.split()[0] if page.body else str(page))

    def _judge(self, seen, done, control, planted, hosts, names):
        lab = self.lab
        out, behind, at_the_pc, thrown = seen
        sent, received = [], []
        for p in at_the_pc:
            (received if p.src_mac == t.MAC_LAN else sent).append(p)
        self._controls(control, planted, out, behind)
        for a, h in done:
            if a.inward:
                self._verdict(a, h, received, thrown, "0 packets in")
            else:
                self._verdict(a, h, out + behind, sent, "0 packets out")
        lab.check("IKE and ESP on the LAN side", [], [p.what() for p in received if p.esp() or p.ike()])
        marked = [h for _, h in done] + [control, *planted, *self.innocent]
        self._strangers(marked, out, behind, hosts, names)

    def _control(self, h):
        """Allowed traffic, with marks: the handshake with the registry."""
        flow = h.flow(t.REGISTRY, 443)
        if flow.open():
            flow.send(0, flags="R")

    def _plant(self, line, tunnel, bare):
        """Deliberate leaks, as if sent by the box: past it, directly to the uplink and behind the tunnel."""
        self.line.send(line.datagram(t.DECOY, 443), bare.syn(t.DECOY, 443), src=t.MAC_WAN, dst="ff:ff:ff:ff:ff:fe")
        with net.inside("hub"):
            s = rawframes.socket.socket(rawframes.socket.AF_PACKET, rawframes.socket.SOCK_DGRAM)
        shouted = tunnel.ip(t.INNER_DNS, "10.99.0.77") / tunnel.udp(53) / tunnel.word.upper()    # DNS may change the case
        s.sendto(bytes(shouted), ("ipsec0", 0x0800))
        s.sendto(bytes(bare.syn(t.UNLISTED, 443, "10.99.0.77")), ("ipsec0", 0x0800))
        s.close()

    def _controls(self, control, planted, out, behind):
        def seen(h, packets):
            return sum(1 for p in packets if h.marked(p))
        self.lab.check("control: what may pass is seen behind the tunnel", "more than 0", seen(control, behind),
                       seen(control, behind) > 0)
        self.lab.check("control: and on the line as ESP", "more than 0", sum(1 for p in out if p.esp()),
                       any(p.esp() for p in out))
        line, tunnel, bare = planted
        self.lab.check("control: leaks made on purpose, seen on the line and behind the tunnel: by token, by numbers",
                       "1 1, 1 1", f"{seen(line, out)} {seen(tunnel, behind)}, {seen(bare, out)} {seen(bare, behind)}")

    def _verdict(self, a, h, out, sent, expected):
        mine = a.match or h.marked
        count = sum(1 for p in sent if mine(p))
        leaks = [p.what() for p in out if mine(p) and (a.bad is None or a.bad(h, p))]
        seen = f"{len(leaks)} ({', '.join(sorted(set(leaks))[:4])})" if leaks else "0" if count else "none sent"
        seen = h.broken or seen
        self.lab.check(f"{a.name}: {a.what} ({count} sent)", expected, seen, bool(count) and not leaks and not h.broken)
        if a.sound and not h.broken:
            self.lab.check(f"{a.name}: {a.sound[0]}", *a.sound[1](h))

    def _strangers(self, marked, out, behind, hosts, names):
        """Packets without marks: only the box's own traffic."""
        theirs = [p for p in out + behind if not any(h.marked(p) for h in marked) and not any(
            a.match and a.match(p) for a in self.attacks)]
        self.lab.check("all other packets on the line: none but the box's own business", [],
                       [p.what() for p in theirs if p.src_mac == t.MAC_WAN and not _own_business(p)])
        listed = {(t.REGISTRY, 443), *hosts}
        inner = [p for p in theirs if p.src_mac != t.MAC_WAN]
        self.lab.check("all other packets behind the tunnel: none but the registry's page and DNS", [],
                       sorted({p.what() for p in inner if (p.dst, p.dport) not in listed | {(t.INNER_DNS, 53)}}))
        asked = {name(p.payload) for p in inner if p.dst == t.INNER_DNS and p.proto == 17}
        self.lab.check("names that the registry's DNS was asked for", "listed ones only", sorted(asked) or "none",
                       asked <= {t.REGISTRY_NAME, t.FORMS_NAME, *names})


def _from_box(p):
    """At the hub's side of the tunnel: from the box, or to it?"""
    return p.kind == "ip6" or ipaddress.ip_address(p.src) in VIPS or ipaddress.ip_address(p.dst) not in VIPS


def _own_business(p):
    if p.kind == "arp":
        return re.search(rb"\x06\x04\0[\1\2]", p.raw[:22]) and p.raw[38:42] in (_quad(t.ISP), p.raw[28:32])
    if p.kind == "ip6":
        return p.dst.startswith("ff02:") and (p.src == "::" or p.src.startswith("fe80:"))
    return (p.dst == t.HUB and (p.ike() or p.esp())) or (p.dst == t.EST and (p.proto, p.dport) == (6, t.EST_PORT)) or (
        p.dst == t.ISP and p.dport in (53, 123, 67)) or (p.dst == "255.255.255.255" and p.dport == 67)


def _quad(text):
    return ipaddress.ip_address(text).packed


def module(path, name):
    """The module of this name in a scenario's folder."""
    spec = importlib.util.spec_from_file_location(name, f"{os.path.dirname(os.path.abspath(path))}/{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def name(message):
    """The name in a DNS message's question, in lower case."""
    words, at = [], 12
    while at < len(message) and 0 < message[at] < 64:
        words.append(message[at + 1:at + 1 + message[at]].decode("ascii", "replace"))
        at += message[at] + 1
    return ".".join(words).lower()
