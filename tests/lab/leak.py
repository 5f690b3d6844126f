"""The leak counter: numbered probes sent continuously through many session starts and ends, while the box's programs are killed.

A scenario runs the short form, `make leak` the long one. leak_kinds.py defines the probes, leak_checks.py what is known about
a number; tests/lab/probe is the program that sends and counts them.
"""

import mmap
import os
import random
import re
import socket
import statistics
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass

import leak_hellos
import leak_kinds
import net
import topology as t
from leak_checks import TUNNELLED, Known, judge

PROBE = "build/lab/bin/probe"
PAGE = 4096
NUMBERS = 8_000_000
RESEND = 1.5             # seconds without an answer until the PC asks again
OVERHEAD = 40            # seconds of the long form for the box's boot, the deliberate leaks and the checks
STUCK = 300              # seconds without a session until the run is aborted
HEAVY = ("gate", "dns", "charon")      # their death ends the session
EVENTS = 0.07            # share of sessions that the hub rekeys, and of those that it deletes
BACK = 8.0               # seconds after which the rules know that sni has been killed, and may know the next one
AFTERMATH = 3            # sessions after a death that ends one: for these nothing can be claimed


@dataclass
class Plan:
    seconds: float           # for all cycles together
    cycles: int              # session starts and ends; the run is over when they are done
    kills: int               # in all
    rate: int                # probes a second from the LAN
    seed: int
    least: int = 10          # sessions without which the run proves nothing
    wanted: int = 10_000     # the same: probes that should not pass
    inward_rate: int = 200   # from the uplink
    patience: int = 0        # on a machine so slow that this proves nothing, each half may go on for so many seconds


def long_plan(environment):
    """The long form; environment variables override: LEAK_SECONDS, LEAK_CYCLES and so on."""
    def said(name, default):
        return int(environment.get(f"LEAK_{name}") or default)
    seconds = said("SECONDS", 900)
    return Plan(seconds=seconds - OVERHEAD, cycles=said("CYCLES", 1000),
                least=said("CYCLES", 1000), wanted=1000 * said("CYCLES", 1000), kills=said("KILLS", max(3 * len(programs()), seconds // 12)), rate=said("RATE", 1900), seed=said("SEED", random.SystemRandom().randrange(1 << 32)))


def programs():
    """Ours that run all the time, as rootfs/tree has them, and charon."""
    with open("rootfs/tree") as f:
        ours = re.findall(r"^program (\S+) ", f.read(), re.M)
    return [p for p in ours if p not in ("sekisho", "leds-sim", "confine")] + ["charon"]


class Page:
    """What a probe program shares with the lab (probe.h)."""

    def __init__(self, path, size):
        with open(path, "ab") as f:
            f.truncate(size)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), size)

    def word(self, index):
        return struct.unpack_from("<Q", self.map, index * 8)[0]

    def tunnelled(self, number):
        return self.map[PAGE + number] & TUNNELLED

    def flags(self):
        return bytes(self.map[PAGE:])


class Probes:
    """The sender in the LAN, the sender on the uplink, and the counters: on the uplink, behind the hub, at the PC."""

    def __init__(self, lab, plan, box_address):
        self.folder = f"{lab.folder}/leak"
        os.makedirs(self.folder)
        self.kinds, self.inward = leak_kinds.outward(), leak_kinds.inward(box_address)
        outward = ("-n", str(NUMBERS), "-f", "0", "-l", str(leak_kinds.INWARD - 1))
        self.line = self._start("wan", "line", "count", "-i", "line0", "-t", t.VIP_NET, *outward)
        self.behind = self._start("registry", "behind", "count", "-i", "inner0", "-t", t.VIP_NET, *outward)
        self.pc = self._start("lan", "pc", "count", "-i", "pc0", "-t", t.VIP_NET, "-n", str(NUMBERS),
                              "-f", str(leak_kinds.INWARD), "-l", "99")
        self.sender = self._sender("lan", "out", "pc0", t.MAC_LAN, self.kinds, plan.rate)
        self.from_line = self._sender("wan", "in", "line0", t.MAC_WAN, self.inward, plan.inward_rate)

    def _sender(self, ns, name, interface, mac, kinds, rate):
        table = f"{self.folder}/{name}.kinds"
        leak_kinds.write(table, kinds)
        return self._start(ns, name, "send", "-i", interface, "-g", mac, "-k", table, "-r", str(rate))

    def _start(self, ns, name, *words):
        path = f"{self.folder}/{name}.pcap"      # .pcap: removed at the end of the run like other large files
        log = f"{self.folder}/{name}.log"
        page = Page(path, PAGE + (NUMBERS if words[0] == "count" else 0))
        page.process = net.start(ns, [os.path.abspath(PROBE), *words, "-o", path], log)
        end = time.monotonic() + 10
        while not page.word(0):
            if page.process.poll() is not None or time.monotonic() > end:
                with open(log) as f:
                    raise RuntimeError(f"probe {' '.join(words)} did not start: {f.read()}")
            time.sleep(0.01)
        return page

    def after(self):
        """No number from this one on was sent before now."""
        return self.sender.word(1)

    def before(self):
        """Every number below this one was sent before now."""
        return self.sender.word(2)

    def still(self):
        """Are both senders and all counters still running?"""
        return [p for p in (self.sender, self.from_line, self.line, self.behind, self.pc) if p.process.poll() is not None] == []

    def stop(self):
        for p in (self.sender, self.from_line):
            p.process.kill()
            p.process.wait()
        time.sleep(1.5)                          # for packets in flight
        for p in (self.line, self.behind, self.pc):
            p.process.kill()
            p.process.wait()

    def lost(self):
        return sum(p.word(3) for p in (self.line, self.behind, self.pc))


class Asker:
    """The PC asks for a listed name until it gets an address: each such answer is a session."""

    def __init__(self):
        self.number = self.answered = 0      # of the last question; of the one whose answer began the session
        self.unanswered = {}     # id: when
        with net.inside("lan"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((t.BOX_LAN, 53))

    @staticmethod
    def name(number):
        return leak_kinds.NAMES[number % len(leak_kinds.NAMES)]

    def question(self, number, name=None):
        labels = b"".join(bytes([len(p)]) + p.encode() for p in (name or self.name(number)).split("."))
        return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)

    def ask(self, before_sending, limit=STUCK):
        """True with an address. before_sending() is called before each question that goes out."""
        end, sent, mine = time.monotonic() + limit, 0.0, set()
        while time.monotonic() < end:
            if time.monotonic() - sent >= RESEND:
                before_sending()
                self.number = self.number % 65535 + 1
                sent = self.unanswered[self.number] = time.monotonic()
                mine.add(self.number)
                try:
                    self.socket.send(self.question(self.number))
                except OSError:
                    pass
            self.socket.settimeout(max(0.01, sent + RESEND - time.monotonic()))
            try:
                answer = self.socket.recv(1500)
            except TimeoutError:
                continue
            except OSError:                      # nobody listens: dns has just been killed
                self.unanswered.pop(self.number, None)
                time.sleep(0.1)
                sent = 0.0
                continue
            number = int.from_bytes(answer[:2], "big")
            self.unanswered.pop(number, None)
            if number not in mine:               # a second answer to the question before: of a session that is over
                continue
            if answer[3] & 15 == 0 and answer[6:8] != b"\0\0":
                self.answered = number
                # (Number 0 is nobody's question: its answer is not waited for.)
                self.socket.send(self.question(0, leak_kinds.LINE_NAME))
                return True
            time.sleep(0.1)
            sent = 0.0
        return False

    def loose(self):
        """Is a question of the last seconds still without an answer? It could start a session behind our back."""
        now = time.monotonic()
        self.unanswered = {n: when for n, when in self.unanswered.items() if now - when < 15}
        return bool(self.unanswered)


class Killer:
    """Kills a program at a random moment: each in turn, in random order; each fifth time two at once."""

    def __init__(self, box, plan, note):
        self.box, self.note, self.random = box, note, random.Random(plan.seed)
        self.done = {p: 0 for p in programs()}
        self.bag, self.left = [], plan.kills
        # Progress is counted from 0 to 1, by cycles or by time, whichever is farther: a busy machine kills as often.
        self.plan, self.begin = plan, time.monotonic()
        self.pace = 1 / (plan.kills + 1)
        self.next = self.pace * self.random.uniform(0.3, 0.8)
        # By what the box says of itself, not by the time that it should have taken: a busy machine kills late.
        self.pending = {}                        # number of a strike that has not fallen yet: whom it is for
        self.strikes, self.dirty = 0, 0          # so many so far; so many sessions yet that count as disturbed
        self.no_sni_until = None               # not before then, and not before the rules know sni again

    def turn(self, cycle):
        """Called once a cycle: if it is time, a kill is on its way, to strike within the next second."""
        self.dirty = max(0, self.dirty - 1)
        progress = max(cycle / self.plan.cycles, (time.monotonic() - self.begin) / self.plan.seconds)
        if progress < self.next or self.left <= 0:
            return
        count = 2 if self.left >= 2 and self.random.random() < 0.2 else 1
        self.next += count * self.pace * self.random.uniform(0.5, 1.5)
        self.strike([self.choose() for _ in range(count)])
        self.left -= count

    def choose(self):
        if not self.bag:
            self.bag = list(self.done)
            self.random.shuffle(self.bag)
        return self.bag.pop()

    def strike(self, names):
        for name in names:
            delay = self.random.uniform(0.0, 1.0)
            self.strikes += 1
            self.pending[self.strikes] = name
            self.note(f"kill {name} in {delay:.3f} s")
            which = self.random.randrange(100)
            # In the background on the box, so that it falls wherever the cycle then is.
            self.box.root(f"(sleep {delay:.3f}; set -- $(pidof {name}); [ $# = 0 ] || {{ shift $(({which} % $#)); "
                          f"kill -9 $1 && echo {name} >>/run/lab-killed; }}; echo {self.strikes} >>/run/lab-struck) "
                          "</dev/null >/dev/null 2>&1 &")

    def fallen(self):
        """Have all strikes fallen? (Also those that found nobody.)"""
        words = self.box.root("cat /run/lab-struck 2>/dev/null").split() if self.pending else []
        for number in [n for n in self.pending if str(n) in words]:
            name = self.pending.pop(number)
            if name in HEAVY:
                self.dirty = AFTERMATH
            if name in ("sni", "gate", "dns"):
                self.no_sni_until = time.monotonic() + BACK
        return not self.pending

    def quiet(self):
        """No death of late that ends a session, and none to come."""
        return (self.fallen() or not set(self.pending.values()) & set(HEAVY)) and self.dirty == 0

    def sni_reads(self):
        """The rules let new TLS flows begin, for certain."""
        self.fallen()
        if set(self.pending.values()) & {"sni", "gate", "dns"}:
            return False
        if self.no_sni_until and time.monotonic() > self.no_sni_until and "elements" in self.box.root(
                "nft list map inet sekisho asking_generation"):
            self.no_sni_until = None
        return self.no_sni_until is None

    def count(self):
        """{program: how often it was killed indeed}, as the box has noted it."""
        words = self.box.root("cat /run/lab-killed 2>/dev/null").split()
        return {name: words.count(name) for name in self.done}


class Run:
    """One run: the box is up, the probes are under way."""

    def __init__(self, lab, plan):
        self.lab, self.plan, self.random = lab, plan, random.Random(plan.seed + 1)
        self.killer, self.asker, self.known = None, Asker(), Known()
        self.probes = self.hellos = self.events = None
        self.hellos_end = 0                      # the first that does not count any more
        self.cycles = 0
        self.rekeyed = self.by_hub = 0           # by the hub; by_hub: ended
        self.times = []                          # from question to answer, in cycles without a death
        self.parts = []                          # (internet, first number, last)
        self.inward_end = 0                      # numbers from the line below this one count

    def begin(self):
        self.events = open(f"{self.lab.folder}/events", "w", buffering=1)
        self.probes = Probes(self.lab, self.plan, self.lab.box.get("wan.address") or "198.51.100.100")
        self.killer = Killer(self.lab.box, self.plan, self.note)
        if "sni" in self.killer.done:
            self.hellos = leak_hellos.Hellos(self.plan.seed + 2, self.probes.after, self.probes.before,
                                             lambda: self.asker.name(self.asker.answered))

    def question(self):
        self.note("question")
        self.known.questions.append(self.probes.after())

    def note(self, what):
        """For who looks into a failure: what was done, and at which number."""
        self.events.write(f"{time.time():.3f} {self.probes.after()} {what}\n")

    def session_begins(self):
        return self.asker.ask(self.question)

    def session_ends(self):
        """gate's word for it."""
        status, text = self.lab.box.agent.run("sekisho session end")
        return status == 0 and ("has ended" in text or "no session" in text)

    def cycle(self):
        """A session begins and ends. False: none began for a long time."""
        self.killer.turn(self.cycles)
        undisturbed = self.killer.quiet()
        asked = time.monotonic()
        if not self.session_begins():
            return False
        if undisturbed:
            self.times.append(time.monotonic() - asked)
        hello = self.killer.sni_reads()
        begin = self.probes.after()
        time.sleep(self.random.uniform(0.03, 0.3))
        event = self.random.random()
        if event < EVENTS:                       # the session goes on
            self.note("re-key")
            self.lab.hub.swanctl("--rekey", "--child", "registry")
            self.rekeyed += 1
        end = self.probes.before()
        self.handled(end, 20 if undisturbed and self.killer.quiet() else 0.5)
        undisturbed = undisturbed and self.killer.quiet()
        if undisturbed:
            self.known.open.add(begin, end)
        if undisturbed and hello:
            self.known.tls.add(begin, end)
        if event > 1 - EVENTS:
            self.note("the hub ends it")
            self.lab.hub.terminate()
            self.by_hub += 1
        self.note(f"end; open from {begin} to {end}{'' if undisturbed else ', disturbed'}")
        if self.session_ends():
            begin = self.probes.after()
            time.sleep(self.random.uniform(0.0, 0.06))
            if not self.asker.loose():
                self.known.closed.add(begin, self.probes.before())
            self.cycles += 1
        return True

    def handled(self, number, patience):
        """Wait for those on their way to the box: it keeps their order, so when one from this number on has come out of the
        tunnel, all before it have been handled. Not for long where the session may have died: none comes out then."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if any(self.probes.behind.tunnelled(n) for n in range(number, self.probes.before())):
                return
            time.sleep(0.005)

    def kill_the_rest(self):
        """Who was not there when its turn came (sni goes with gate, and comes a moment later) is killed now."""
        for _ in range(3 * len(self.killer.done)):
            spared = [name for name, times in self.killer.count().items() if times == 0]
            if not spared or not self.cycle():
                return
            self.killer.strike(spared[:1])
            time.sleep(1.1)

    def part(self, internet, cycles, until, progress=lambda: None, last=False):
        """Cycles with one kind of site file."""
        first, target = self.probes.after(), self.cycles + cycles
        # Three of four probes must not pass; some more, so that there are as many of these as are wanted.
        enough = self.plan.wanted * 1.4 * (1 if internet else 0.5)
        if internet:
            self.allow_internet()
        # On a slow machine it goes on until it proves something: half of the least sessions, an undisturbed one among them.
        least, known = self.cycles + self.plan.least // 2, len(self.known.open.list)
        longest = time.monotonic() + self.plan.patience

        def thin():
            silent = last and self.hellos and all(how != "answered" for *_, how in self.hellos.tries)
            return (self.cycles < least or len(self.known.open.list) == known or silent) and time.monotonic() < longest
        while (self.cycles < target or self.probes.before() < enough) and (time.monotonic() < until or thin()):
            if not self.cycle():
                self.lab.check("a session", f"begins within {STUCK} s", "none", False)
                break
            progress()
        if last:
            self.kill_the_rest()
        self.session_ends()
        self.parts.append((internet, first, self.probes.after()))
        self.inward_end = self.probes.from_line.word(2)
        self.hellos_end = len(self.hellos.tries) if self.hellos else 0

    def allow_internet(self):
        """The site file says from now on that the LAN may use the internet while no session is on; gate reads it anew."""
        _, text = self.lab.box.agent.run("mount -o remount,rw /state 2>/dev/null; sed -i '/^outside-session/d; "
                                         "s/^service = .*/&\\noutside-session = internet/' /state/site.conf "
                                         "&& grep outside /state/site.conf; kill -9 $(pidof gate)")
        if "internet" not in text:
            raise RuntimeError(f"the site file could not be changed: {text}")
        self.session_begins()

    # ---- test of the check itself: deliberate leaks

    def leak_on_purpose(self):
        """[(what, first, last)]: the rule set is broken in two ways, a second each."""
        self.killer.left = 0
        while not self.killer.quiet():               # a gate that dies now would mend the rule set
            if not self.cycle():
                raise RuntimeError("no session before the leaks on purpose")
        if not self.session_begins():
            raise RuntimeError("no session for the leaks on purpose")
        first = self.probes.after()
        self.break_rules("nft insert rule inet sekisho outward accept")
        second = self.probes.after()
        self.known.open.add(first, second)           # the session was on all the time
        self.break_rules("nft flush chain inet sekisho guard_out && nft insert rule inet sekisho forward accept")
        return [("everything may pass in a session", first, second), ("nothing is guarded", second, self.probes.after())]

    def break_rules(self, command):
        status, text = self.lab.box.agent.run(command)
        if status != 0:
            raise RuntimeError(f"the rule set could not be broken on purpose: {text}")
        time.sleep(1.0)

    def verdicts(self):
        line, behind = self.probes.line.flags(), self.probes.behind.flags()
        return [judge(self.probes.kinds, internet, line, behind, self.known, low, high) for internet, low, high in self.parts]

    def hello_rows(self, first, last):
        return self.hellos.rows(self.probes.line.flags(), self.probes.behind.flags(), self.known.tls.covers, first, last) \
            if self.hellos else []

    def judge_range(self, low, high):
        return judge(self.probes.kinds, True, self.probes.line.flags(), self.probes.behind.flags(), self.known, low, high)


# ---- the surroundings

def echo(ns, address):
    """Answers every datagram, so that the box sees both directions of a flow."""
    with net.inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, leak_kinds.ECHO_PORT))

    def work():
        while True:
            try:
                data, whom = s.recvfrom(2000)
                s.sendto(data, whom)
            except OSError:
                pass
    threading.Thread(target=work, daemon=True).start()


def silent(router, interface, address, ns, card):
    """An unused address: packets to it reach the interface of ns and go no further."""
    mac = re.search(r"link/ether (\S+)", net.ip("link", "show", card, ns=ns))[1]
    net.ip("neigh", "replace", address, "lladdr", mac, "dev", interface, "nud", "permanent", ns=router)


def prepare(lab):
    """Surroundings, a box with the lab's agent, the PC with the probes' addresses."""
    lab.up()
    lab.inner_dns.lie({name: [leak_kinds.SILENT, leak_kinds.ECHO] for name in leak_kinds.NAMES})
    echo("registry", leak_kinds.ECHO)
    echo("public", leak_kinds.DECOY_ECHO)
    silent("hub", "inner0", leak_kinds.SILENT, "registry", "inner0")
    for address in (leak_kinds.DECOY_SILENT, leak_kinds.LINE_SILENT):
        silent("wan", "net0", address, "public", "pub0")
    lab.isp.stop()
    with open(lab.isp.conf, "a", encoding="utf-8") as f:
        f.write(f"address=/{leak_kinds.LINE_NAME}/{leak_kinds.LINE_SILENT}\n")
    lab.isp.start()
    lab.boot(services={"lab": lab.service() + leak_kinds.RULES}, lab_image=True)
    lab.ready()
    lab.pc.ipv6()
    # The probes' address is the PC's, so that the box finds it, but the PC's kernel does not meddle with the answers.
    net.ip("addr", "add", f"{leak_kinds.PROBER}/24", "dev", "pc0", ns="lan")
    done = net.run("lan", ["nft", "add table ip probes; add chain ip probes in { type filter hook prerouting priority raw; }; "
                           f"add rule ip probes in ip daddr {leak_kinds.PROBER} drop"])
    if done.returncode != 0:
        raise RuntimeError(f"nft in the LAN: {done.stderr}")
    # A short queue before the box: what is sent is there at once, and a box that cannot follow is waited for.
    net.ip("link", "set", "pc0", "txqueuelen", "100", ns="lan")


# ---- a whole run

class Progress:
    """A line every minute."""

    def __init__(self, lab):
        self.lab, self.begin, self.next = lab, time.monotonic(), time.monotonic() + 60

    def __call__(self, run):
        now = time.monotonic()
        if now >= self.next:
            self.next = now + 60
            self.lab.say(f"{now - self.begin:4.0f} s: {run.cycles} sessions, {run.probes.before():,} probes")


def run(lab, plan, progress=lambda run: None):
    """Half of the cycles with a site that closes the LAN outside a session, half with one that allows the internet."""
    prepare(lab)
    it = Run(lab, plan)
    it.begin()
    begin = time.monotonic()
    try:
        it.part(False, plan.cycles // 2, begin + plan.seconds / 2, lambda: progress(it))
        it.part(True, plan.cycles - it.cycles, begin + plan.seconds, lambda: progress(it), last=True)
        seconds = time.monotonic() - begin
        killed = it.killer.count()
        purpose = it.leak_on_purpose()
        alive = it.probes.still()
    finally:
        if it.hellos:
            it.hellos.stop()
        it.probes.stop()
    report(it, seconds, killed, alive)
    for what, low, high in purpose:
        v = it.judge_range(low, high)
        lab.check(f"the judge can fail: the rule set broken on purpose ({what}), of {v.sum('sent')} probes", "leaks",
                  f"{v.sum('leaked')}, such as {'; '.join(v.examples()[:2])}", v.sum("leaked") > 0)


def report(it, seconds, killed, alive):
    lab, verdicts = it.lab, it.verdicts()
    columns = ("sent", "should", "did", "may", "must_not", "leaked")
    table = [[kind.name] + [sum(getattr(v.rows[i], what) for v in verdicts) for what in columns]
             for i, kind in enumerate(it.probes.kinds)]
    hellos = it.hello_rows(0, it.hellos_end)
    from_line, arrived = it.inward_end, inward_leaks(it)
    table += hellos + [["from the line, all kinds", from_line, 0, 0, 0, from_line, arrived]]
    sums = [sum(row[i] for row in table) for i in range(1, 7)]
    lab.say(f"seed {it.plan.seed}; {it.cycles} session starts and ends in {seconds:.0f} s (question to answer, tunnel "
            f"included: median {statistics.median(it.times or [0]):.2f} s); {it.by_hub} of them ended by the hub, "
            f"{it.rekeyed} re-keyed by it")
    form = "{:<62}{:>10}{:>9}{:>9}{:>9}{:>11}{:>8}"
    for name, *cells in [["kind", "sent", "should", "did", "edge", "should not", "did"], *table]:
        lab.say(form.format(name, *[c if isinstance(c, str) else f"{c:,}" for c in cells]))
    lab.say("killed with SIGKILL: " + ", ".join(f"{name} {n}" for name, n in killed.items()))
    lab.say(f"probes sent: {sums[0]:,}")
    lab.say(f"probes that should pass: {sums[1]:,}; of these did: {sums[2]:,} (at an edge, where either is right: {sums[3]:,})")
    lab.say(f"probes that should not pass: {sums[4]:,}; of these did: {sums[5]:,}")
    lost = Counter(it.probes.kinds[n % len(it.probes.kinds)].name for v in verdicts for n in v.missing)
    if it.hellos:
        lost.update(it.hellos.lost(it.known.tls.covers, 0, it.hellos_end))
    for what, count in lost.most_common():
        lab.say(f"should have passed and did not: {count:,} of {what}")

    lab.check("the probes and their counters ran all the time, and no counter lost a packet", "yes, 0",
              f"{'yes' if alive else 'no'}, {it.probes.lost()}", alive and it.probes.lost() == 0)
    lab.check("session starts and ends", f"{it.plan.least} and more", it.cycles, it.cycles >= it.plan.least)
    lab.check("programs that were killed", "each of " + " ".join(killed),
              ", ".join(f"{name} {n}" for name, n in killed.items()), all(killed.values()))
    lab.check("probes that should not pass", f"{it.plan.wanted:,} and more", f"{sums[4]:,}", sums[4] >= it.plan.wanted)
    for v, (internet, _, _) in zip(verdicts, it.parts):
        where = "the internet" if internet else "nothing"
        lab.check(f"outside a session {where}: probes that should pass and did, of {v.sum('should'):,}", "98 % and more",
                  f"{v.sum('did'):,}", v.sum("should") > 0 and v.sum("did") >= 0.98 * v.sum("should"))
        if v.missing:
            with open(f"{lab.folder}/missing", "a") as f:
                f.writelines(f"{n} {it.probes.kinds[n % len(it.probes.kinds)].name}\n" for n in v.missing)
        lab.check(f"outside a session {where}: probes that should not pass and did, of {v.sum('must_not'):,}", "0",
                  f"{v.sum('leaked')}" + "".join(f"; {e}" for e in v.examples()), v.sum("leaked") == 0)
    closed = next(v for v, (internet, _, _) in zip(verdicts, it.parts) if not internet)
    some = sum(row.may for row, kind in zip(closed.rows, it.probes.kinds) if kind.allowed == leak_kinds.ON_LINE)
    lab.check("outside a session nothing: probes to a name on the line that came out, in sessions", "some", f"{some:,}", some > 0)
    lab.check(f"probes from the line that reached the PC, of {from_line:,}", 0, arrived)
    if it.hellos:
        with open(f"{lab.folder}/hellos", "w") as f:
            f.writelines(f"{sort} from {begin} to {end}: {how}\n" for sort, begin, end, how in it.hellos.tries)
        should, did = (sum(row[i] for row in hellos) for i in (2, 3))
        answered = sum(how == "answered" for *_, how in it.hellos.tries[:it.hellos_end])
        lab.check(f"ClientHellos with a listed name that were answered (of {should:,} wholly within a session: {did:,})",
                  "some", f"{answered:,}", answered > 0)
        lab.check(f"ClientHellos that should not come out and did, of {sum(row[5] for row in hellos):,}", 0,
                  sum(row[6] for row in hellos))


def inward_leaks(it):
    """Probes from the line that came to the PC before anything was broken on purpose."""
    return len(re.findall(rb"[^\0]", it.probes.pc.flags()[:it.inward_end]))
