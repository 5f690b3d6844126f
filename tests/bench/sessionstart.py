"""How long a PC waits for a session: from its DNS query in a closed LAN to the answer, by the machine's own clock.

Compared with the peer machine at its prompt: `swanctl --initiate`, then one DNS query to the resolver behind the hub. Both in
QEMU with -icount (so that their speed does not depend on other load), the hub behind a delay (delay.py), session after
session, alternately. QEMU records the traffic of the machine's interfaces in files, with the machine's time.
"""

import os
import statistics
import time

import box as boxes
import machines
import net
import pcap
import topology as t
from figure import CHECK, CannotMeasure, Figure

ROUND_TRIPS = (5,) if CHECK else (5, 20, 50)      # ms, to the hub and back; the first one has the acceptance limit
STARTS = 1 if CHECK else 4                        # sessions of one run for each of them
ICOUNT = ["-icount", "shift=3,sleep=on"]
PATIENCE = 60
# The machine's time by a shell builtin, so that no further program is measured.
CLOCK = "now() { while read -r a b c d; do case $a$b in nowat) at=$c; return;; esac; done </proc/timer_list; }; "
INITIATE = (CLOCK + "now; begin=$at; swanctl --initiate --child registry >/run/initiate 2>&1 && "
            f"nslookup -type=a {t.REGISTRY_NAME} {t.INNER_DNS} >/run/nslookup 2>&1; rc=$?; now; "
            "echo took $begin $at; [ $rc = 0 ] || { tail -n 3 /run/initiate /run/nslookup; exit 1; }")


class Way:
    """Set the round trip to the hub in milliseconds."""

    def __init__(self, folder):
        net.ip("link", "set", "to-hub", "nomaster", ns="wan")
        net.ip("link", "add", "way0", "type", "veth", "peer", "name", "way1", ns="wan")
        net.ip("link", "set", "way0", "master", "net0", "up", ns="wan")
        net.ip("link", "set", "way1", "up", ns="wan")
        # Frames forwarded by a program must be complete: no checksum or segmentation offload.
        for ns, card in (("wan", "way0"), ("wan", "way1"), ("wan", "to-hub"), ("hub", "pub0")):
            net.run(ns, ["ethtool", "-K", card, "tx", "off", "tso", "off", "gso", "off", "gro", "off"])
        control = f"{folder}/way"
        os.mkfifo(control)
        self.process = net.start("wan", ["python3", "-B", "tests/bench/delay.py", control, "way1", "to-hub"], f"{folder}/way.log")
        self.control = os.open(control, os.O_RDWR)      # (does not block)

    def long(self, round_trip):
        os.write(self.control, f"{round_trip / 2}\n".encode())
        time.sleep(0.3)
        if self.process.poll() is not None:
            raise CannotMeasure("the long way to the hub has ended (way.log says why)")


def dumps(folder, name):
    """(QEMU's arguments, {interface: file}) to record each interface's frames with the machine's time."""
    files = {card: os.path.abspath(f"{folder}/{name}-{card}.pcap") for card in ("lan", "wan")}
    return [word for card, path in files.items() for word in ("-object", f"filter-dump,id=dump-{card},netdev={card},file={path}")], files


def ike(files, begin, end=None):
    """Milliseconds from the first IKE packet after `begin` to the last one of this exchange."""
    times = [p.time for p in pcap.read(files["wan"]) if p.ike() and p.time >= begin and (end is None or p.time <= end)]
    if not times:
        raise CannotMeasure("no IKE packet was seen")
    return (max(times) - min(times)) * 1e3


def last(path):
    return max((p.time for p in pcap.read(path)), default=0.0)


def ours(lab, files):
    """(ms from question to answer, ms of IKE in it)"""
    box = lab.box
    box.root("sekisho session end")
    end = time.monotonic() + PATIENCE
    while box.root("nft list map inet sekisho mode | grep -o 'jump closed' | wc -l").strip() != "2" or lab.hub.installed():
        if time.monotonic() > end:
            raise CannotMeasure("the session does not end")
        time.sleep(0.2)
    time.sleep(1)
    since = last(files["lan"])
    asker = machines.Asker()
    while asker.answered is None and time.monotonic() < end + PATIENCE:
        time.sleep(0.02)
    asker.close()
    asked = [p for p in pcap.read(files["lan"]) if p.time > since and p.proto == pcap.UDP and 53 in (p.sport, p.dport)]
    questions = [p.time for p in asked if p.dport == 53]
    answers = [p.time for p in asked if p.sport == 53 and p.payload[3] & 15 == 0 and p.payload[6:8] != b"\0\0"]
    if not questions or not answers:
        raise CannotMeasure(f"{len(questions)} questions and {len(answers)} answers were seen in a closed LAN")
    return (answers[0] - questions[0]) * 1e3, ike(files, questions[0], answers[0])


def peers(lab, peer, files):
    """The same of the peer machine."""
    peer.run("swanctl --terminate --ike registry", 60)
    end = time.monotonic() + PATIENCE
    while lab.hub.installed():
        if time.monotonic() > end:
            raise CannotMeasure("the peer's tunnel does not end")
        time.sleep(0.2)
    time.sleep(1)
    since = last(files["wan"])
    status, said = peer.run(INITIATE, 120)
    words = said.split("took", 1)[-1].split()
    if status != 0 or len(words) < 2:
        raise CannotMeasure(f"the peer machine has no tunnel or no answer: {said.strip()[-300:]}")
    return (int(words[1]) - int(words[0])) / 1e6, ike(files, since + 1e-6)


def measure(_what, folder, runs):
    """{name: Figure}. In namespaces of its own."""
    place = machines.Place(folder)
    lab = place.lab
    box, peer = place.our_box(boxes.LAB_KERNEL, outside="closed"), place.peer()
    way = Way(folder)
    who = (("ours", box, {"kernel": boxes.LAB_KERNEL, "wait": False}), ("peer", peer, {}))
    files = {}
    for name, machine, _ in who:
        extra, files[name] = dumps(folder, name)
        machine.extra = ICOUNT + extra
    found = {(name, ms): [] for name in files for ms in ROUND_TRIPS}
    for _ in range(runs):
        for name, machine, how in who:
            way.long(0)
            place.boot(machine, **how)
            try:
                if not machine.agent.up(PATIENCE):
                    raise CannotMeasure(f"{name}: its agent does not answer")
                for ms in ROUND_TRIPS * STARTS:
                    way.long(ms)
                    one = ours(lab, files[name]) if name == "ours" else peers(lab, peer, files[name])
                    found[name, ms].append(one)
                    print(f"{name}, {ms} ms: {one[0]:.1f} ms, IKE {one[1]:.1f}", flush=True)
            finally:
                machine.cut_power()
    return {"session_start_ms": figure(found)}


def figure(found):
    said = []
    for ms in ROUND_TRIPS:
        both = [f"{statistics.median(x[0] for x in found[name, ms]):.0f} (IKE {statistics.median(x[1] for x in found[name, ms]):.0f})"
                for name in ("ours", "peer")]
        said.append(f"{ms} ms: {both[0]} beside {both[1]}")
    return Figure([x[0] for x in found["ours", ROUND_TRIPS[0]]],
                  "swanctl --initiate and one DNS question on the peer machine", [x[0] for x in found["peer", ROUND_TRIPS[0]]],
                  "DNS question in a closed LAN to its answer by the clock of the machine in QEMU (-icount, 125 million "
                  "instructions a second); at round trips to the hub of " + ", ".join(said))
