"""session_throughput_up, _down, session_packet_instructions: a session, beside the same box with a rule set that accepts all.

The lab's image (one agent more) in QEMU with its real tunnel. In one session the rule set is exchanged again and again:
ours, and one of two chains that translates addresses and clamps segments, as any gateway must, and accepts everything.
With ours, gate and hello run and each measurement is a new TLS connection that hello agrees to; meanwhile with the other
one gate is held (SIGSTOP), or it would see an idle session; our table is there, but asleep (nftables' flag dormant). The
machine in QEMU is the bottleneck by far.

The instructions that the machine executes for a packet are counted by QEMU itself (-icount: its clock goes on by a fixed
time with each), so this row is the same on a machine that is busy with something else.
"""

import json
import os
import time

import box as boxes
import machines
import net
import pki
import topology as t
from figure import CannotMeasure, Figure

SECONDS = 4
SHIFT = 3           # of -icount: an instruction takes 2^SHIFT ns of the machine's time
TURNS = 3000        # of one packet there and one back
COUNTS = 3          # how often these are counted
ACCEPT_ALL = "the same tunnel, a rule set that accepts all"
OPEN = """table inet open {{
	chain forward {{
		type filter hook forward priority filter; policy accept;
		tcp flags & (syn | rst) == syn tcp option maxseg size set 1340
	}}
	chain nat_out {{
		type nat hook postrouting priority srcnat; policy accept;
		iifname "lan0" oifname "wan0" ip daddr {inner} snat ip to {vip}
	}}
}}
"""


class Switch:
    """Puts the rule set of the running box to sleep, and awake again, by its lab agent."""

    def __init__(self, box):
        self.box = box
        vip = self.ask("nft list map inet sekisho vip_v4 | sed -n 's/.*: \\([0-9.]*\\) .*/\\1/p'").strip()
        self.write("/run/open.nft", "table inet sekisho { flags dormant; }\n" + OPEN.format(inner=t.INNER_NET, vip=vip))
        self.write("/run/ours.nft", "table inet sekisho\ntable inet open\ndelete table inet open\n")

    def ask(self, command):
        status, output = self.box.agent.run(command, 30)
        if status != 0:
            raise CannotMeasure(f"on the box: {command}: {output.strip()[-300:]}")
        return output

    def write(self, path, text):
        self.ask(f": >{path}")
        for line in text.splitlines():
            self.ask(f"echo '{line.strip()}' >>{path}")

    def open(self):
        self.ask("kill -STOP $(pidof gate); nft -f /run/open.nft")

    def ours(self):
        self.ask("nft -f /run/ours.nft && kill -CONT $(pidof gate)")


def processor_ns(pid):
    """What all threads of a process have had of the processors."""
    return sum(thread_ns(pid, thread) for thread in os.listdir(f"/proc/{pid}/task"))


def thread_ns(pid, thread):
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])
    except OSError:
        return 0


def bulk(lab, direction):
    """(Mbit/s, processor nanoseconds of the machine for each octet)"""
    before = processor_ns(lab.box.process.pid)
    begin = time.monotonic()
    done = net.run("lan", ["python3", "-B", "tests/bench/bulk.py", direction, t.REGISTRY, t.REGISTRY_NAME, pki.path("web.crt"),
                           str(SECONDS)], timeout=60)
    if done.returncode != 0:
        raise CannotMeasure(f"no bulk data {direction}: {done.stderr.strip()[-300:]}")
    found = json.loads(done.stdout)
    if not found["bytes"]:
        raise CannotMeasure(f"no bulk data {direction}: nothing went through")
    spent = processor_ns(lab.box.process.pid) - before
    total = found["bytes"] * (time.monotonic() - begin) / max(SECONDS - 1, 1)
    return found["mbit"], spent / total, found["handshake_ms"]


def busy(switch, during):
    """(seconds of the machine's time that it was not idle, what during() took of it)"""
    def now():
        return [float(x) for x in switch.ask("cat /proc/uptime").split()]
    before = now()
    during()
    after = now()
    took = after[0] - before[0]
    return took - (after[1] - before[1]), took


def turns():
    done = net.run("lan", ["python3", "-B", "tests/bench/bulk.py", "turns", t.REGISTRY, t.REGISTRY_NAME, pki.path("web.crt"),
                           str(TURNS)], timeout=120)
    if done.returncode != 0:
        raise CannotMeasure(f"no turns: {done.stderr.strip()[-300:]}")


def in_turn(lab, switch, runs, one):
    """one(who) for "ours" and "open" in turn, each with its rule set."""
    for _ in range(runs):
        for who in ("ours", "open"):
            if who == "open":
                switch.open()
            else:
                lab.pc.dns(t.REGISTRY_NAME)
            try:
                one(who)
            finally:
                if who == "open":
                    switch.ours()


def session(place):
    """The box starts, and a session."""
    place.lab.box.start(kernel=boxes.LAB_KERNEL)
    place.lab.ready(120)
    place.pc_by_hand()
    if not place.lab.pc.dns(t.REGISTRY_NAME).addresses:
        raise CannotMeasure("no session")
    return Switch(place.lab.box)


def instructions(place):
    """The figure of the machine that counts."""
    place.lab.box.cut_power()
    place.lab.box.extra = ["-icount", f"shift={SHIFT},sleep=on"]
    switch = session(place)
    found = {"ours": [], "open": []}

    def one(who):
        idle, took = busy(switch, lambda: time.sleep(8))
        spent, of = busy(switch, turns)
        found[who].append((spent - idle / took * of) * 1e9 / 2 ** SHIFT / TURNS / 2)
    in_turn(place.lab, switch, COUNTS, one)
    return Figure(found["ours"], ACCEPT_ALL, found["open"],
                  f"instructions of the machine in QEMU (-icount) for one packet of a TLS flow, the mean of both directions; "
                  f"{TURNS} packets of each, without what an idle machine executes")


def measure(_what, folder, runs):
    """{name: Figure}. In a jail of its own."""
    place = machines.Place(folder)
    lab = place.lab
    place.our_box(boxes.LAB_KERNEL)
    switch = session(place)
    lab.registry.stop()
    net.start("registry", ["python3", "-B", "tests/bench/bulk.py", "serve", t.REGISTRY, pki.path("registry.crt"),
                           pki.path("registry.key")], f"{folder}/bulk.log")
    time.sleep(1)
    found = {(d, who): [] for d in ("up", "down") for who in ("ours", "open")}

    def one(who):
        for d in ("up", "down"):
            found[d, who].append(bulk(lab, d))
    in_turn(lab, switch, runs, one)
    figures = {}
    for d in ("up", "down"):
        cost = [sorted(r[1] for r in found[d, who])[runs // 2] for who in ("ours", "open")]
        figures[f"session_throughput_{d}"] = Figure(
            [r[0] for r in found[d, "ours"]], ACCEPT_ALL, [r[0] for r in found[d, "open"]],
            f"TLS through the machine in QEMU (TCG) and its real tunnel, {SECONDS} s each, in turn; the machine's processor "
            f"time an octet is {cost[0] / cost[1]:.3f} of the peer's")
    figures["session_packet_instructions"] = instructions(place)
    return figures
