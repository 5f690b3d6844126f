"""The rows with a whole machine: boot, memory, and the first connection through the real tunnel.

The lab's environment (tests/lab) with either our image as the box, booted directly from its kernel with 96 MiB,
or the peer machine: Debian's cloud kernel, with charon, dnsmasq and nftables of Debian in a RAM disk (peer/).
"""

import json
import os
import re
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

import box as boxes          # noqa: E402
import helloadded            # noqa: E402
import net                   # noqa: E402
import report                # noqa: E402
import topology as t         # noqa: E402
import testbed                 # noqa: E402
from figure import CannotMeasure, Figure, row   # noqa: E402
from peer.machine import MEMORY as PEER_MEMORY, Peer      # noqa: E402

PEER = "Debian cloud kernel, initrd, the same charon, dnsmasq"
DOMAIN = "lab.example"
LIMIT = 90            # seconds for one boot
NAMES, FIRST = 60, 100    # first connections of one run, and the first one's number: all names have the same length
NAME = "n%u." + DOMAIN


# ---- what the PC and the hub see

class Asker:
    """The PC's stub resolver: asks for the registry's name until it gets an answer.

    A query without an answer is retransmitted unchanged; after a negative answer a new one is sent.
    """

    EVERY = 0.05

    def __init__(self, name=t.REGISTRY_NAME):
        self.answered = None
        labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
        self.rest = struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
        with net.inside("lan"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(self.EVERY)
        self.over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        number = 1
        while not self.over:
            begin = time.monotonic()
            try:
                self.socket.sendto(struct.pack(">H", number) + self.rest, (t.BOX_LAN, 53))
                answer = self.socket.recv(1500)
                if answer[:2] == struct.pack(">H", number):
                    if answer[3] & 15 == 0 and answer[6:8] != b"\0\0":
                        self.answered = time.monotonic()
                        return
                    number += 1
            except OSError:
                pass
            time.sleep(max(0.0, begin + self.EVERY - time.monotonic()))

    def close(self):
        self.over = True
        self.thread.join()
        self.socket.close()


class HubLog:
    """When the hub's charon logs an established CHILD_SA."""

    def __init__(self, hub):
        self.file = open(hub.log, errors="replace")
        self.file.seek(0, os.SEEK_END)

    def established(self):
        return re.search(r"CHILD_SA registry\{\d+\} established", self.file.read()) is not None


class Place:
    """The lab with an empty place for a machine."""

    def __init__(self, folder):
        self.lab = testbed.Testbed(folder, report.Report("", out=lambda text: None))
        self.lab.up()
        self.folder = folder
        self.pc_by_hand()

    def pc_by_hand(self):
        """The PC's address and neighbour entry are set in advance: its DHCP and ARP are not measured."""
        self.lab.pc.fixed()
        net.ip("neigh", "replace", t.BOX_LAN, "lladdr", t.MAC_LAN, "dev", "pc0", "nud", "permanent", ns="lan")

    def our_box(self, kernel=boxes.KERNEL, idle="10 min", outside="internet"):
        """A box that has enrolled, switched off."""
        lab = self.lab
        lab.make_box(site=lab.site(outside=outside, idle=idle), services={"lab": self.service()})
        lab.box.start(kernel=kernel)
        lab.ready()
        time.sleep(1)
        lab.box.cut_power()
        self.pc_by_hand()
        return lab.box

    @staticmethod
    def service():
        with open(testbed.LAB_SERVICE, encoding="utf-8") as f:
            text = f.read()
        return text + "".join(f"name = {NAME.replace('%u', str(i))} tcp/443 tls\n" for i in range(FIRST, FIRST + NAMES))

    def peer(self):
        return Peer(self.folder, os.environ["SEKISHO_BENCH_PEER"], DOMAIN)

    def boot(self, machine, **how):
        """Seconds from power-on to (first DNS answer at the PC, tunnel at the hub)."""
        self.lab.hub.restart()          # no old SA, and the first address of its pool is free again
        log = HubLog(self.lab.hub)
        begin = time.monotonic()
        machine.start(**how)
        asker = Asker()
        tunnel = None
        try:
            while (tunnel is None or asker.answered is None) and time.monotonic() - begin < LIMIT:
                if tunnel is None and log.established():
                    tunnel = time.monotonic()
                time.sleep(0.01)
        finally:
            asker.close()
        if tunnel is None or asker.answered is None:
            raise CannotMeasure(f"after {LIMIT} s the tunnel is {'up' if tunnel else 'not up'} and the PC has "
                                f"{'an' if asker.answered else 'no'} answer; the console ends: {machine.console_tail()}")
        return asker.answered - begin, tunnel - begin


def alternate(machines, runs, place, measure):
    """measure(machine, (seconds to DNS, to tunnel)) after a boot of each in turn: a list for each machine."""
    found = [[] for _ in machines]
    for _ in range(runs):
        for mine, (machine, how) in zip(found, machines):
            seconds = place.boot(machine, **how)
            try:
                mine.append(measure(machine, seconds))
            finally:
                machine.cut_power()
    return found


# ---- the measurements

def boot(folder, runs):
    place = Place(folder)
    box, peer = place.our_box(), place.peer()
    ours, peers = alternate([(box, {"wait": False}), (peer, {})], runs, place, lambda machine, seconds: seconds)
    note = f"QEMU (TCG) start, direct kernel boot, enrolled before; ours with {box.memory} MiB, the peer with {PEER_MEMORY}"
    return {"boot_to_dns_s": Figure([r[0] for r in ours], PEER, [r[0] for r in peers], note),
            "boot_to_tunnel_s": Figure([r[1] for r in ours], PEER, [r[1] for r in peers], note)}


def in_use_mib(machine):
    found = dict(re.findall(r"^(Mem\w+):\s+(\d+) kB", machine.root("cat /proc/meminfo"), re.M))
    return (int(found["MemTotal"]) - int(found["MemAvailable"])) / 1024


def resident(machine):
    """{program: [KiB of each of its processes]}"""
    listing = machine.root("for p in /proc/[0-9]*; do echo $(cat $p/cmdline | tr '\\0' ' ' | cut -d' ' -f1) "
                           "$(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' $p/status); done 2>/dev/null")
    found = {}
    for line in listing.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            found.setdefault(os.path.basename(words[0]), []).append(int(words[1]))
    return found


def memory(folder, runs):
    """In a session, after the registry's page was fetched through the tunnel."""
    place = Place(folder)
    box, peer = place.our_box(boxes.LAB_KERNEL), place.peer()

    def look(machine, _seconds):
        place.lab.session()
        time.sleep(2)
        return in_use_mib(machine), resident(machine)
    ours, peers = alternate([(box, {"kernel": boxes.LAB_KERNEL, "wait": False}), (peer, {})], runs, place, look)
    figures = {"ram_session_mib": Figure(
        [r[0] for r in ours], PEER, [r[0] for r in peers],
        "MemTotal - MemAvailable in a session (the root file system is in RAM too); "
        f"ours with {box.memory} MiB, the peer with {PEER_MEMORY}")}
    for name, beside in (("gate", None), ("dns", "dnsmasq"), ("sni", None), ("enroll", None), ("status", None),
                         ("charon", "charon")):
        if not all(name in r[1] for r in ours):
            raise CannotMeasure(f"no process {name} was found on the box; there are {', '.join(sorted(ours[0][1]))}")
        figures[f"rss_{row(name)}_kib"] = Figure(
            [sum(r[1][name]) for r in ours], beside and f"{beside} on the peer machine",
            [sum(r[1].get(beside, [0])) for r in peers] if beside else [],
            "resident memory in a session, all its processes, shared pages counted in each")
    figures["rss_together_kib"] = Figure(
        [sum(sum(r[1][name]) for name in ("gate", "dns", "sni")) for r in ours], "dnsmasq on the peer machine, which "
        "keeps no session and reads no ClientHello", [sum(r[1].get("dnsmasq", [0])) for r in peers],
        "gate, names and sni in a session")
    return figures


def first_connection(folder, runs):
    """As in resolver.py, but through the machines and the real tunnel, and with TLS, so the names are listed with `tls`."""
    place = Place(folder)
    lab = place.lab
    box, peer = place.our_box(), place.peer()
    lab.registry.stop()
    lab.inner_dns.stop()
    net.ip("addr", "add", "10.20.1.1/32", "dev", "lo", ns="registry")
    net.ip("route", "add", "local", "10.20.1.0/24", "dev", "lo", ns="registry")
    net.start("registry", ["build/bench/dnsstub", "-a", t.INNER_DNS, "-b", "10.20.1.1"], f"{folder}/dnsstub.log")
    net.start("registry", ["build/bench/tlsfirst", "-l", "443", "444"], f"{folder}/server.log")
    hello = os.path.abspath(f"{folder}/clienthello")
    size = helloadded.client_hello(hello, NAME.replace("%u", str(FIRST)))

    def ask(_machine, _seconds):
        time.sleep(3)
        done = net.run("lan", ["build/bench/firstbyte", "-a", t.BOX_LAN, "-n", str(NAMES), "-s", str(FIRST), "-w", "20",
                               "-f", hello, NAME], timeout=150)
        found = json.loads(done.stdout) if done.returncode == 0 else {"ms": [], "failed": NAMES}
        if found["failed"] or not found["ms"]:
            raise CannotMeasure(f"{found['failed']} of {NAMES} first connections failed {done.stderr.strip()}")
        return sorted(found["ms"])[len(found["ms"]) // 2]
    ours, peers = alternate([(box, {"wait": False}), (peer, {})], runs, place, ask)
    return {"first_connection_box_ms": Figure(ours, PEER, peers, "DNS question to the server's first octet through the machine in "
                                              f"QEMU (TCG) and its real tunnel, with a ClientHello of {size} octets; each run "
                                              f"{NAMES} names")}


def measure(what, folder, runs):
    """{name: Figure} of one of boot, memory, first_connection. In namespaces of its own."""
    return {"boot": boot, "memory": memory, "first_connection": first_connection}[what](folder, runs)
