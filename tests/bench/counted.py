"""The cost of a session's packets in instructions, compared with the same box with a ruleset that accepts everything.

QEMU counts them (counter.c) with -icount, so that the machine's time advances with them. An interval goes from idle to idle:
the machine is idle, gets frames (replay.py), they come out on the other side, and it is idle again. Other events (a timer,
an extra interrupt because QEMU was late) only add, so the result is the maximum of the cheapest tenth of many intervals.

session_packet_instructions                    one packet alone, the mean of both directions
session_throughput_up_counted, _down_counted   a burst of segments and their ACKs, as Mbit per second
                                               in which the machine is busy at 125 million instructions a second
"""

import os
import socket
import statistics
import time

import box as boxes
import machines
import net
import pki
import replay
import throughput
import topology as t
from figure import CHECK, CannotMeasure, Figure

SHIFT = 3           # of -icount: an instruction takes 2^SHIFT ns of the machine's time
PACKETS = 20 if CHECK else 150
TRAINS = 5 if CHECK else 30
SEGMENTS = 32       # of a burst; QEMU takes up to 50 from an interface at once
ANSWERS = {"up": 16, "down": 8}         # ACKs per burst: as observed with real TCP
STILL = 0.02        # seconds until a burst has arrived: the hub encrypts segment by segment
PLUGIN = "build/bench/counter.so"
WHO = ("ours", "hooks", "open")


class Counter:
    def __init__(self, box, path):
        self.box, self.path = box, path

    def total(self, command="total"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(f"{command}\n".encode())
            return int(s.makefile().readline())

    def _sleeps(self):
        """No thread of QEMU runs or is runnable."""
        tasks = f"/proc/{self.box.process.pid}/task"
        for task in os.listdir(tasks):
            try:
                with open(f"{tasks}/{task}/stat", encoding="ascii", errors="replace") as f:
                    if f.read().rpartition(") ")[2][:1] == "R":
                        return False
            except OSError:
                pass
        return True

    def at_rest(self):
        """The count when the machine is idle."""
        end = time.monotonic() + replay.WAIT
        before = None
        while time.monotonic() < end:
            now = self.total()
            if now == before and self._sleeps():
                return now
            before = now
            time.sleep(0.0005)
        raise CannotMeasure("the machine in QEMU does not come to rest")

    def least(self, count, one):
        """Instructions of one(i): the maximum of the cheapest tenth of so many."""
        found = []
        for i in range(count):
            before = self.at_rest()
            one(i)
            found.append(self.at_rest() - before)
        found.sort()
        return found[count // 10]


def one_round(counter, flow, say):
    """{"up": Mbit a busy second, "down": the same, "packet": instructions}"""
    found = {}
    packets = []
    for d, answers in ANSWERS.items():
        train = flow.train(d, SEGMENTS, answers)
        cost = counter.least(TRAINS, lambda _: flow.run(train, STILL))
        found[d] = SEGMENTS * replay.SEGMENT * 8 / 1e6 / (cost * 2 ** SHIFT / 1e9)
        singles = flow.singles(d, SEGMENTS)
        packets.append(counter.least(PACKETS, lambda i: flow.run([singles[i % SEGMENTS]], 0)))
        say(f"{d}: a train {cost:.0f} instructions, a packet {packets[-1]:.0f}")
    found["packet"] = statistics.mean(packets)
    return found


def rounds(name, found, what):
    """Print every round; returns the medians of the rounds' ratios as text."""
    print(f"{name}: each round's figure and its ratio to accept-all's, and to the hooks'")
    ratios = {}
    for who in WHO[:2]:
        for beside in {"ours": ("open", "hooks"), "hooks": ("open",)}[who]:
            ratios[who, beside] = [a[what] / b[what] for a, b in zip(found[who], found[beside])]
            print(f"    {who} to {beside}: " + ", ".join(
                f"{a[what]:.1f} ({r:.4f})" for a, r in zip(found[who], ratios[who, beside])), flush=True)
    return ("median of the rounds' ratios {:.4f} to accept-all, {:.4f} to the least that the same hooks can cost (that is {:.4f})"
            .format(*(statistics.median(ratios[k]) for k in (("ours", "open"), ("ours", "hooks"), ("hooks", "open")))))


def measure(_what, folder, runs):
    """{name: Figure}. Runs in its own namespaces."""
    place = machines.Place(folder)
    lab = place.lab
    place.our_box(boxes.LAB_KERNEL, idle="2 h")
    path = "/run/counter"
    lab.box.extra = ["-icount", f"shift={SHIFT},sleep=on", "-plugin", f"{PLUGIN},socket={path}"]
    switch = throughput.session(place)
    lab.registry.stop()
    net.start("registry", ["python3", "-B", "tests/bench/bulk.py", "serve", t.REGISTRY, pki.path("registry.crt"),
                           pki.path("registry.key")], f"{folder}/bulk.log")
    time.sleep(1)
    throughput.in_session(lab)
    flow = replay.Flow(lab.box.monitor, t.REGISTRY, t.REGISTRY_NAME, pki.path("web.crt"))
    counter = Counter(lab.box, path)
    found = {who: [] for who in WHO}

    def one(who):
        found[who].append(one_round(counter, flow, lambda text: print(f"{who} {text}", flush=True)))
    throughput.in_turn(lab, switch, runs, one, WHO)
    figures = {}
    for d in ("up", "down"):
        name = f"session_throughput_{d}_counted"
        figures[name] = Figure(
            [r[d] for r in found["ours"]], throughput.ACCEPT_ALL, [r[d] for r in found["open"]],
            f"Mbit of TCP for each second that the machine in QEMU is busy at {1000 >> SHIFT} million instructions a second "
            f"(-icount): {SEGMENTS} segments at once and {ANSWERS[d]} acknowledgements; {rounds(name, found, d)}")
    figures["session_packet_instructions"] = Figure(
        [r["packet"] for r in found["ours"]], throughput.ACCEPT_ALL, [r["packet"] for r in found["open"]],
        f"instructions of the machine in QEMU (-icount) for one packet of a flow, from rest to rest, the mean of both "
        f"directions; {rounds('session_packet_instructions', found, 'packet')}")
    return figures
