"""rss_*_full_kib: memory of gate, names and sni when every table is full.

In the namespaces of resolver.py, with the real programs. The load fills their tables: more pairs of name and address than
gate holds (every answer has 64 addresses), more names than the cache has entries, as many clients as the LAN can have; more
long incomplete ClientHellos than sni keeps, more open connections than its flow table, more refused packets than it folds.
The figure is the peak (VmHWM), so it does not depend on the time of reading.
"""

import os
import socket
import struct
import threading
import time

import helloadded
import net
import resolver
from figure import CannotMeasure, Figure, row

NAMES = 1200                  # below the wildcard; with their addresses more than gate's 65,536 pairs
ADDRESSES = 64                # of one answer
LONG_HELLOS, OF_ONE = 160, 40 # more than the 128 that sni keeps; its limit per client is 48
OPEN = 5000                   # silent connections: sni's table holds 4,096
WILD = "w." + resolver.DOMAIN
REFUSED = 600                 # packets to so many unlisted addresses
PORT = 443


class Stub(threading.Thread):
    """The resolver in the tunnel: any name has 64 addresses of its own, as far as the prefix reaches."""

    def __init__(self):
        super().__init__(daemon=True)
        with net.inside("wan"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((resolver.RESOLVER, 53))
        self.count = 0
        self.start()

    def run(self):
        while True:
            data, peer = self.socket.recvfrom(1500)
            end = data.index(b"\0", 12) + 5
            records = b""
            if data[end - 4:end - 2] == b"\0\1":
                first = (10 << 24) + (20 << 16) + 256 + self.count * ADDRESSES % 65000
                self.count += 1
                records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4" + struct.pack(">I", first + i) for i in range(ADDRESSES))
            head = data[:2] + b"\x81\x80\0\1" + struct.pack(">HHH", len(records) // 16, 0, 0)
            self.socket.sendto(head + data[12:end] + records, peer)


class Server(threading.Thread):
    """Accepts every connection and sends nothing."""

    def __init__(self):
        super().__init__(daemon=True)
        with net.inside("wan"):
            self.listener = socket.create_server(("0.0.0.0", PORT), backlog=4096)
        self.taken = []
        self.start()

    def run(self):
        while True:
            self.taken.append(self.listener.accept()[0])


def question(number, name, kind):
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
    # EDNS with room for a large answer.
    return (struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 1) + labels + b"\0" + struct.pack(">HH", kind, 1)
            + b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0))


def ask(names, kinds):
    """Each name and type once, from the LAN's addresses in turn, 16 at a time; how many were answered with something."""
    with net.inside("pc"):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(resolver.SOURCES)]
    for i, s in enumerate(sockets):
        s.bind((f"192.168.77.{2 + i}", 0))
        s.settimeout(3)
    good, todo = 0, [(n, k) for n in names for k in kinds]
    for begin in range(0, len(todo), 16):
        some = todo[begin:begin + 16]
        for i, (name, kind) in enumerate(some):
            sockets[(begin + i) % len(sockets)].sendto(question(i + 1, name, kind), (resolver.BOX_LAN, 53))
        for i in range(len(some)):
            try:
                answer = sockets[(begin + i) % len(sockets)].recv(1500)
                good += answer[3] & 15 == 0
            except OSError:
                pass
    for s in sockets:
        s.close()
    return good


def endless_hello(path):
    """A ClientHello with 14 KiB of padding that lacks its last octet."""
    helloadded.client_hello(path)
    with open(path, "rb") as f:
        hello = f.read()
    body = bytearray(hello[9:])
    at = 2 + 32
    at += 1 + body[at]                              # session id
    at += 2 + (body[at] << 8 | body[at + 1])        # suites
    at += 1 + body[at]                              # compression
    pad = 14000
    extensions = bytes(body[at + 2:]) + struct.pack(">HH", 21, pad) + bytes(pad)
    body = bytes(body[:at]) + struct.pack(">H", len(extensions)) + extensions
    message = b"\1" + struct.pack(">I", len(body))[1:] + body
    return (b"\x16\3\1" + struct.pack(">H", len(message)) + message)[:-1]


def connections(count, address, first, of_one=10 ** 9):
    """So many, open; from 192.168.77.FIRST on, a new source address for every of_one."""
    made = []
    for i in range(count):
        with net.inside("pc"):
            s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.settimeout(2)
        s.bind((f"192.168.77.{first + i // of_one}", 0))
        try:
            s.connect((address, PORT))
        except OSError as e:
            raise CannotMeasure(f"connection {i} of {count} did not come up: {e}") from e
        made.append(s)
    return made


class Ours(helloadded.Ours):
    def __init__(self, folder):
        super().__init__(folder)
        head = resolver.SERVICE.partition("[allow]")[0]
        with open(f"{self.folder}/services/bench.conf", "w", encoding="ascii") as f:
            f.write(head + "[allow]\n" + f"name = *.{WILD} tcp/{PORT} tls\n"
                    + "".join(f"name = {resolver.NAME.replace('%u', str(i))} tcp/{PORT} tls\n" for i in range(63)))


def process(name):
    """The process of this name, by its command line; None: there is none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if os.path.basename(f.read().split(b"\0")[0].decode()) == name:
                    return pid
        except OSError:
            pass
    return None


def peak(name):
    pid = process(name)
    if pid is None:
        raise CannotMeasure(f"{name} has ended under the load")
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("VmHWM")).split()[1])


def fill_names():
    good = ask([f"a{i}.{WILD}" for i in range(NAMES)], [1])
    good += ask([resolver.NAME.replace("%u", str(i)) for i in range(63)], [1, 28, 65])
    if good < NAMES // 2:
        raise CannotMeasure(f"only {good} names were answered: the tables are not full")
    return good


def ours(contender, folder):
    for name in ("dns", "gate"):
        if process(name) is None:
            raise CannotMeasure(f"{name} is not running")
    contender.wait(helloadded.NAME)
    idle = {name: peak(name) for name in ("gate", "dns", "sni")}
    server = net.run("pc", ["dig", "+short", "@" + resolver.BOX_LAN, helloadded.NAME]).stdout.split()[0]
    answered = fill_names()
    words = endless_hello(f"{folder}/clienthello")
    long_ones = connections(LONG_HELLOS, server, 2, OF_ONE)
    for s in long_ones:
        s.setblocking(False)
        try:
            s.send(words)
        except OSError:
            pass
    # From another address: of the long ones some have been refused, and the ports of a refused flow stay refused as long as
    # the kernel remembers it (10 s), which is longer than it takes this PC to come upon one of them again.
    quiet = connections(OPEN, server, 20)
    with net.inside("pc"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(REFUSED):
            try:
                s.sendto(b"?", (f"203.0.{i // 250}.{1 + i % 250}", 9999))
            except OSError:
                pass
            time.sleep(0.002)
    time.sleep(1)
    full = {name: peak(name) for name in ("gate", "dns", "sni")}
    for s in long_ones + quiet:
        s.close()
    return idle, full, answered


def measure(_what, folder, _runs):
    """{name: Figure}. In namespaces of its own."""
    resolver.lay_cables()
    net.ip("route", "add", "local", "10.20.0.0/16", "dev", "lo", ns="wan")
    stub = Stub()
    net.start("wan", ["build/bench/dnsstub", "-a", resolver.LINE_DNS, "-b", "203.0.113.1"], f"{folder}/line-dnsstub.log")
    Server()
    mine = Ours(f"{folder}/ours")
    mine.start()
    try:
        idle, full, answered = ours(mine, folder)
    finally:
        mine.stop()
    stub.count = 0
    peer = resolver.Dnsmasq(f"{folder}/dnsmasq")
    peer.start()
    try:
        fill_names()
        beside = peak("dnsmasq")
    finally:
        peer.stop()
    note = (f"peak in namespaces, after {answered:,} names with {ADDRESSES} addresses each and more endless ClientHellos, open "
            "connections and refused packets than sni keeps; before the load {} KiB")
    figures = {f"rss_{row(n)}_full_kib": Figure([full[n]], note=note.format(idle[n])) for n in full}
    figures["rss_together_full_kib"] = Figure([sum(full.values())], "dnsmasq alone, the same names", [beside],
                                              note.format(sum(idle.values())))
    return figures
