"""Bulk data in a session, compared with the same box with a ruleset that accepts everything.

The lab's image (with its agent) in QEMU with its real tunnel. In one session the ruleset is switched repeatedly between ours
and one with two chains that does NAT and MSS clamping, as any gateway must, and accepts everything. gate and sni run with
both; with ours each measurement is a new TLS connection allowed by sni. Our table stays loaded meanwhile, but dormant
(nftables' flag), and the session's idle time is long, because gate sees no packets then.

session_throughput_up, _down      by this machine's clock, so other load affects it (the rows with limits are in counted.py)
"""

import json
import os
import statistics
import time

import box as boxes
import machines
import net
import pki
import topology as t
from figure import CHECK, CannotMeasure, Figure

SECONDS = 1 if CHECK else 4
ACCEPT_ALL = "the same tunnel, a rule set that accepts all"
OPEN = """table inet open {{
	chain forward {{
		type filter hook forward priority filter; policy accept;
		tcp flags & (syn | rst) == syn tcp option maxseg size set 1318
	}}
	chain nat_out {{
		type nat hook postrouting priority srcnat; policy accept;
		iifname "lan0" oifname "wan0" ip daddr {inner} snat ip to {vip}
	}}
}}
"""

# The minimal cost of a ruleset of our shape: the same hooks with one rule in each, protecting nothing.
HOOKS = """	chain first {
		type filter hook prerouting priority raw; policy accept;
		meta l4proto esp meta mark set 256 notrack accept
		accept
	}
	chain input {
		type filter hook input priority filter; policy drop;
		accept
	}
	chain output {
		type filter hook output priority raw; policy drop;
		meta l4proto esp meta mark set 256 notrack accept
		accept
	}
	chain last {
		type filter hook postrouting priority srcnat + 100; policy accept;
		accept
	}
}
"""


class Switch:
    """Makes the running box's ruleset dormant, and active again, through its lab agent."""

    def __init__(self, box):
        self.box = box
        vip = self.ask("nft list map inet sekisho vip_v4 | sed -n 's/.*: \\([0-9.]*\\) .*/\\1/p'").strip()
        accept_all = "table inet sekisho { flags dormant; }\n" + OPEN.format(inner=t.INNER_NET, vip=vip)
        self.write("/run/open.nft", accept_all)
        self.write("/run/hooks.nft", accept_all.rstrip()[:-1] + HOOKS)
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

    def to(self, who):
        self.ask(f"nft -f /run/{who}.nft")


def processor_ns(pid):
    """The processor time of all threads of a process."""
    return sum(thread_ns(pid, thread) for thread in os.listdir(f"/proc/{pid}/task"))


def thread_ns(pid, thread):
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])
    except OSError:
        return 0


def bulk(lab, direction):
    """(Mbit/s, processor nanoseconds of the machine per octet)"""
    for attempts in (2, 1, 0):
        before = processor_ns(lab.box.process.pid)
        begin = time.monotonic()
        done = net.run("lan", ["python3", "-B", "tests/bench/bulk.py", direction, t.REGISTRY, t.REGISTRY_NAME,
                               pki.path("web.crt"), str(SECONDS)], timeout=60)
        if done.returncode != 0:
            raise CannotMeasure(f"no bulk data {direction}: {done.stderr.strip()[-300:]}")
        found = json.loads(done.stdout)
        if found["bytes"]:
            break
        # A machine that stood still for those seconds is no figure; three times in a row is a fault.
        if not attempts:
            raise CannotMeasure(f"no bulk data {direction}: nothing went through")
    spent = processor_ns(lab.box.process.pid) - before
    total = found["bytes"] * (time.monotonic() - begin) / max(SECONDS - 1, 1)
    return found["mbit"], spent / total, found["handshake_ms"]


def in_turn(lab, switch, runs, one, all_of_them=("ours", "open")):
    """one(who) for each of them in turn, each with its ruleset; in every other round in reverse order."""
    for i in range(runs):
        for who in all_of_them if i % 2 == 0 else reversed(all_of_them):
            switch.to("ours")
            in_session(lab)
            switch.to(who)
            try:
                one(who)
            except CannotMeasure as e:
                raise CannotMeasure(f"{who}: {e}\nthe box's log ends:\n" + "\n".join(lab.box.log()[-12:])) from e
    switch.to("ours")


def in_session(lab):
    """Wait until the registry answers; restarts a session that has ended."""
    end = time.monotonic() + 60
    while not lab.pc.dns(t.REGISTRY_NAME).addresses or lab.pc.tcp(t.REGISTRY, 443) != "open":
        if time.monotonic() > end:
            raise CannotMeasure(f"no session: {lab.box.sentences()}")
        time.sleep(1)


def session(place):
    """Boot the box and start a session."""
    place.lab.box.start(kernel=boxes.LAB_KERNEL)
    place.lab.ready(120)
    place.pc_by_hand()
    in_session(place.lab)
    return Switch(place.lab.box)


def by_clock(lab, switch, runs):
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
    return figures


def measure(_what, folder, runs):
    """{name: Figure}. In namespaces of its own."""
    place = machines.Place(folder)
    lab = place.lab
    place.our_box(boxes.LAB_KERNEL, idle="2 h")
    switch = session(place)
    lab.registry.stop()
    net.start("registry", ["python3", "-B", "tests/bench/bulk.py", "serve", t.REGISTRY, pki.path("registry.crt"),
                           pki.path("registry.key")], f"{folder}/bulk.log")
    time.sleep(1)
    return by_clock(lab, switch, runs)
