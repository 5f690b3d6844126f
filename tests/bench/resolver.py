"""The DNS rows and the first connection, in network namespaces on this machine: our gate and dns compared with dnsmasq.

Three namespaces: `pc` (the load), `box` (the server under test) and `wan` (the uplink, the registry and its resolver):

    pc0 192.168.77.2…  --  lan0 192.168.77.1  BOX  wan0 198.51.100.2  --  line0 198.51.100.1, 10.20.0.53, 10.20.1.0/24

Ours is the real gate with the real dns, started as on the box, the real kernel elements, and configs/firewall.nft. The
peer is Debian's dnsmasq with --nftset and the peer machine's rule set (peer/firewall.nft). This machine's kernel may
have no ESP, so the rules that require proof of IPsec are removed from both rulesets, and a simulated charon tells gate that the
tunnel is up; nothing is encrypted on either side.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

import charon_stand_in       # noqa: E402
import net                   # noqa: E402
from figure import CHECK, CannotMeasure, Figure   # noqa: E402

MAC_LAN = "02:00:00:00:77:01"
BOX_LAN, RESOLVER, LINE_DNS, VIP = "192.168.77.1", "10.20.0.53", "198.51.100.1", "10.99.0.1"
SOURCES = 200                 # addresses of the pc, so that the per-client limit is not measured
NAMES = 63                    # names on the list: with the wildcard, as many as a service file may have
DOMAIN = "bench.example"
NAME = "n%u." + DOMAIN        # listed
FRESH = "f%u.fresh." + DOMAIN  # below a listed wildcard: a new name each time, each with its rule in the kernel
FRESH_COUNT = 3000 if CHECK else 30000    # of them, in each run
OTHER = "x%u.other.example"   # not listed
SECONDS = 1 if CHECK else 3   # of one run of the load generator
IN_FLIGHT = 64                # queries in flight
LOSS = 0.01                   # of the answers may be late or errors; with more the figure means nothing
DNSMASQ = "dnsmasq 2.91 --nftset"
UNBOUND = "unbound 1.22"
# The load and the resolver behind all have one processor, the server under test the other, shared by gate and dns.
LOAD_CPU, BOX_CPU = ("taskset", "-c", "0"), ("taskset", "-c", "1")

# Lines to remove from the rulesets; if one is missing, this file must be adapted.
OURS_WITHOUT_IPSEC = [
    # (Also remove the per-PC share of connections.)
    ("jump share", "counter"),
    ("update @telling_hosts { ip saddr limit rate over 1000/second burst 500 packets } goto no_crowd", ""),
    ("queue to $sni_queue", "drop"),
    ("ipsec in reqid 1 meta mark set ip saddr map @tunnel_v4 meta mark 1 accept", ""),
    ("meta ipsec exists goto from_tunnel", ""),
    ("meta ipsec missing ", ""),
    ("meta mark set ip saddr map @tunnel_v4 goto no_clear", "meta mark set ip saddr map @tunnel_v4 accept"),
    ("meta mark . ipsec in reqid $service_reqid accept", "accept"),
    ("meta ipsec exists ct status", 'iifname "wan0" meta mark != 0 ct status'),
    ("rt ipsec missing goto no_clear", ""),
    ("meta mark 1 ipsec out reqid 1 ct state == established accept", ""),
    ("meta mark . ipsec out reqid $service_reqid accept", "accept"),
]
PEER_WITHOUT_IPSEC = [("ip daddr $registry rt ipsec missing drop", "")]

SITE = f"""[site]
name = bench
service = bench
idle = 1 h
outside-session = internet
session = {{session}}

[wan]
mode = dhcp

[enroll]
server = est.lab.example
ca-fingerprint = {"5e" * 32}
username = bench
password = bench-password
device = bench
"""

# Without `tls`: no `sni` runs here, and without it no such flow begins (what sni adds is a row of its own).
SERVICE = """[service]
title = bench
number = 1

[tunnel]
hub = 198.51.100.1
hub-id = hub.lab.example
remote = 10.20.0.0/16

[dns]
resolver = 10.20.0.53

[allow]
""" + f"name = *.fresh.{DOMAIN} tcp/443\n" + "".join(
    f"name = {NAME.replace('%u', str(i))} tcp/443\n" for i in range(NAMES))


# ---- the namespaces

def lay_cables():
    # dns needs /var/empty, which the workshop's read-only root does not have.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "bench", "/var"], check=True)
    os.mkdir("/var/empty", 0o755)
    for name in ("pc", "box", "wan"):
        net.ip("netns", "add", name)
        net.ip("link", "set", "lo", "up", ns=name)
        net.sysctl(name, net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0)
    net.sysctl("box", net__ipv4__ip_forward=1)
    net.ip("link", "add", "pc0", "netns", "pc", "type", "veth", "peer", "name", "lan0", "address", MAC_LAN,
           "netns", "box")
    net.ip("link", "add", "wan0", "netns", "box", "type", "veth", "peer", "name", "line0", "netns", "wan")
    addresses = [("pc", "pc0", f"192.168.77.{i}/24") for i in range(2, 2 + SOURCES)]
    addresses += [("box", "lan0", BOX_LAN + "/24"), ("box", "wan0", "198.51.100.2/24"), ("box", "wan0", VIP + "/32"),
                  ("wan", "line0", LINE_DNS + "/24"), ("wan", "line0", RESOLVER + "/16")]
    for ns, device, address in addresses:
        net.ip("addr", "add", address, "dev", device, ns=ns)
        net.ip("link", "set", device, "up", ns=ns)
    net.ip("route", "add", "default", "via", BOX_LAN, ns="pc")
    net.ip("route", "add", "default", "via", LINE_DNS, ns="box")
    net.ip("route", "add", VIP, "via", "198.51.100.2", ns="wan")
    net.ip("route", "add", "local", "10.20.1.0/24", "dev", "lo", ns="wan")


OUR_RULES = "configs/firewall.nft"


def without_ipsec(path, changes, out):
    if path == OUR_RULES:
        text = subprocess.run(["scripts/firewall-cat"], check=True, stdout=subprocess.PIPE, text=True).stdout
    else:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    for old, new in changes:
        if old not in text:
            raise CannotMeasure(f"{path} has no line '{old}' any more: adapt tests/bench/resolver.py")
        text = text.replace(old, new)
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)
    return out


def peer_rules(folder):
    """The peer machine's rule set, for these namespaces; its path."""
    path = without_ipsec("tests/bench/peer/firewall.nft", PEER_WITHOUT_IPSEC, f"{folder}/peer-firewall.nft")
    with open(path, encoding="utf-8") as f:
        rules = f.read().replace('"eth0"', '"lan0"').replace('"eth1"', '"wan0"')
    with open(path, "w", encoding="utf-8") as f:
        f.write(rules)
    return path


def load_rules(path):
    net.run("box", ["nft", "flush", "ruleset"])
    net.run("box", ["conntrack", "-F"])
    done = net.run("box", ["nft", "-f", path])
    if done.returncode != 0:
        raise CannotMeasure(f"the rule set does not load: {done.stderr.strip()[-300:]}")


# ---- the servers compared

class Contender:
    """Something that answers DNS for the pc, and opens the packet filter for what it answered."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.log = f"{self.folder}/log"
        self.process = None

    def tail(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-600:]

    def wait(self, name, limit=15):
        """Ask until the name is answered."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            done = net.run("pc", ["dig", "+short", "+tries=1", "+timeout=1", "@" + BOX_LAN, name])
            if done.stdout.strip().startswith(("10.20.1.", "203.0.113.")):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise CannotMeasure(f"{type(self).__name__} does not answer for {name}; its log ends: {self.tail()}")

    @staticmethod
    def port_is_free(limit=5):
        """Wait until the previous one has released the DNS port: a child may exit after its parent."""
        end = time.monotonic() + limit
        with net.inside("box"):
            while time.monotonic() < end:
                try:
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                        s.bind((BOX_LAN, 53))
                        return
                except OSError:
                    time.sleep(0.02)

    def run_in_box(self, command):
        self.port_is_free()
        open(self.log, "w").close()
        self.process = net.start("box", (*BOX_CPU, *command), self.log)

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


class Ours(Contender):
    """gate, which starts names, as on the box."""
    PROGRAMS = ("gate", "dns")

    def __init__(self, folder):
        super().__init__(folder)
        self.rules = without_ipsec(OUR_RULES, OURS_WITHOUT_IPSEC, f"{self.folder}/firewall.nft")
        self.run = "/run/sekisho"
        os.makedirs(f"{self.folder}/services", exist_ok=True)
        with open(f"{self.folder}/services/bench.conf", "w", encoding="ascii") as f:
            f.write(SERVICE)
        self.states()
        self.charon = charon_stand_in.StandIn("/run/bench-vici", VIP)

    def states(self):
        """The state files that the other programs of the box would have published."""
        now = int(time.time())
        for name, lines in (
                ("wan", f"link up\naddress 198.51.100.2\ngateway {LINE_DNS}\ndns {LINE_DNS}\n"),
                ("clock", "trusted yes\nsource bench\n"),
                ("enroll", f"phase valid\nidentity 3010310e300c06035504030c0562656e6368\nsubject CN=bench\nissuer CN=bench\nserial 01\nnot-before {now - 60}\n"
                           f"not-after {now + 86400}\nrenew-at {now + 43200}\ngeneration 1\nloaded yes\n")):
            os.makedirs(f"{self.run}/{name}", exist_ok=True)
            with open(f"{self.run}/{name}/state", "w", encoding="ascii") as f:
                f.write("version 1\n" + lines)

    def start(self, session=True):
        load_rules(self.rules)
        site = f"{self.folder}/site.conf"
        with open(site, "w", encoding="ascii") as f:
            f.write(SITE.format(session="always" if session else "demand"))
        self.charon.up.clear()
        self.run_in_box(["build/bin/gate", "-s", site, "-d", f"{self.folder}/services", "-D", f"{self.folder}/services",
                         "-r", self.run, "-n", os.path.abspath("build/bin/dns"), "-v", "/run/bench-vici"])
        if not session:
            self.wait(OTHER.replace("%u", "0"))
            return
        end = time.monotonic() + 15
        while "session up" not in self.state() and time.monotonic() < end:
            time.sleep(0.1)
        if "session up" not in self.state():
            raise CannotMeasure(f"gate raises no session; its log ends: {self.tail()}")

    def stop(self):
        super().stop()
        # The next start must not read the previous one's state.
        try:
            os.unlink(f"{self.run}/gate/state")
        except OSError:
            pass

    def state(self):
        try:
            with open(f"{self.run}/gate/state", encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""


class Dnsmasq(Contender):
    """The peer."""
    PROGRAMS = ("dnsmasq",)

    def __init__(self, folder):
        super().__init__(folder)
        self.rules = peer_rules(self.folder)
        with open(f"{self.folder}/conf", "w", encoding="ascii") as f:
            f.write(f"keep-in-foreground\nno-resolv\nno-hosts\nno-poll\nuser=root\nlisten-address={BOX_LAN}\n"
                    f"bind-interfaces\nserver={LINE_DNS}\nserver=/{DOMAIN}/{RESOLVER}\ncache-size=10000\n"
                    f"dns-forward-max=1000\npid-file=\nnftset=/{DOMAIN}/4#inet#fw#allow\n")

    def start(self, session=True):
        load_rules(self.rules)
        self.run_in_box(["dnsmasq", "-C", f"{self.folder}/conf"])
        self.wait(OTHER.replace("%u", "0"))


class Unbound(Contender):
    """The other peer: no packet filter, one thread, forwards as dnsmasq does."""
    PROGRAMS = ("unbound",)

    def __init__(self, folder):
        super().__init__(folder)
        with open(f"{self.folder}/conf", "w", encoding="ascii") as f:
            f.write(f"""server:
  interface: {BOX_LAN}
  access-control: 0.0.0.0/0 allow
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  msg-cache-size: 64m
  rrset-cache-size: 64m
  outgoing-range: 4096
  num-queries-per-thread: 2048
remote-control:
  control-enable: no
forward-zone:
  name: "{DOMAIN}"
  forward-addr: {RESOLVER}
forward-zone:
  name: "."
  forward-addr: {LINE_DNS}
""")

    def start(self, session=True):
        net.run("box", ["nft", "flush", "ruleset"])
        net.run("box", ["conntrack", "-F"])
        self.run_in_box(["unbound", "-d", "-c", f"{self.folder}/conf"])
        self.wait(OTHER.replace("%u", "0"))


# ---- the measurements

def tool(ns, *command, timeout=60):
    done = net.run(ns, command, timeout=timeout)
    if done.returncode != 0:
        raise CannotMeasure(f"{os.path.basename(command[0])} failed: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)


def load(contender, name, names, in_flight=IN_FLIGHT, seconds=SECONDS, count=0, busy=False):
    priority, waiting = (("chrt", "-f", "1"), ("-b",)) if busy else ((), ())
    found = tool("pc", *LOAD_CPU, *priority, "build/bench/dnsload", "-a", BOX_LAN, "-s", "192.168.77.2", "-k", str(SOURCES),
                 "-w", str(in_flight), "-t", str(seconds), "-n", str(count), "-N", str(names), "-i", "pc0", "-m", MAC_LAN,
                 *waiting, name)
    bad = found["failed"] + found["lost"]
    if found["answers"] == 0 or bad > found["answers"] * LOSS:
        raise CannotMeasure(f"{type(contender).__name__}: of {found['answers']} answers {found['failed']} were errors, and "
                            f"{found['lost']} did not come within a second")
    return found


def alternate(contenders, runs, measure, session=True):
    """measure(contender) in turn, each time on a fresh start: a list for each contender."""
    found = [[] for _ in contenders]
    for _ in range(runs):
        for mine, contender in zip(found, contenders):
            contender.start(session)
            try:
                mine.append(measure(contender))
            finally:
                contender.stop()
    return found


def figures(key, found, note, suffix=""):
    """Compared with dnsmasq, and with unbound."""
    ours, dnsmasq, unbound = ([r[key] for r in runs] for runs in found)
    name = {"qps": "qps", "p99_us": "p99_us"}[key]
    return {f"dns_{suffix}{name}": Figure(ours, DNSMASQ, dnsmasq, note),
            f"dns_{suffix}{name}_unbound": Figure(ours, UNBOUND, unbound, note)}


def processes(contender):
    """Its PIDs."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                if f.read().strip() in contender.PROGRAMS:
                    found.append(int(pid))
        except OSError:
            pass
    return found


def processor_ns(contender):
    """The processor time of its programs since their start."""
    used = 0
    for pid in processes(contender):
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
            used += int(f.read().split()[0])
    return used


def box_pays_for_what_arrives():
    """A veth pair handles a packet on its sender's processor; a box's own network interface would interrupt the box's."""
    path, mask = "/sys/class/net/lan0/queues/rx-0/rps_cpus", f"{1 << int(BOX_CPU[-1]):x}"
    done = net.run("box", ["sh", "-c", f"echo {mask} >{path} && cat {path}"])
    if done.stdout.strip().lstrip("0") != mask:
        raise CannotMeasure(f"what arrives cannot be given to the box's processor (CONFIG_RPS): {done.stderr.strip()}")


def cached(contenders, runs):
    """Also the processor time per answer. Server and load have priority over other processes."""
    def one(contender):
        contender.wait(NAME.replace("%u", "0"))
        load(contender, NAME, NAMES, seconds=0.5)
        for pid in processes(contender):
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
        before = processor_ns(contender)
        done = load(contender, NAME, NAMES, busy=True)
        return done | {"cpu_us": (processor_ns(contender) - before) / done["answers"] / 1000}
    box_pays_for_what_arrives()
    found = alternate(contenders, runs, one)
    needs = ", ".join(f"{type(contender).__name__.lower()} {statistics.median(r['cpu_us'] for r in mine):.2f} us"
                      for contender, mine in zip(contenders, found))
    note = (f"{NAMES} listed names in a session, {IN_FLIGHT} questions in flight from {SOURCES} clients; one processor each, the "
            f"gateway's has its kernel's part too; both gateways behind their whole rule set, unbound without; processor time of the program an answer: {needs}")
    both = figures("qps", found, note, "cached_") | figures("p99_us", found, note + "; 99 of 100 came within")
    return both


def uncached(contenders, runs):
    """Each name is new, and its rule is in the kernel before its answer (unbound has no rules at all)."""
    def one(contender):
        return load(contender, FRESH, FRESH_COUNT * 4, seconds=20, count=FRESH_COUNT)
    found = alternate(contenders, runs, one)
    note = (f"{FRESH_COUNT} new names below a listed wildcard, each rule confirmed before its answer; {IN_FLIGHT} questions "
            "in flight; gate and dns on one processor")
    return figures("qps", found, note, "uncached_") | figures("p99_us", found, note, "uncached_")


def forwarded(contenders, runs):
    def one(contender):
        return load(contender, OTHER, 1000000)
    ours, peers = alternate(contenders[:2], runs, one, session=False)
    return {"dns_forward_qps": Figure([r["qps"] for r in ours], DNSMASQ, [r["qps"] for r in peers],
                                      "names on no list, outside a session: forwarded, none asked for twice")}


def first_connection(contenders, runs):
    def one(_):
        found = tool("pc", "build/bench/firstbyte", "-a", BOX_LAN, "-n", str(NAMES), "-w", "10", NAME)
        if found["failed"] or not found["ms"]:
            raise CannotMeasure(f"{found['failed']} of {NAMES} first connections failed")
        return sorted(found["ms"])[len(found["ms"]) // 2]
    ours, peers = alternate(contenders[:2], runs, one)
    return {"first_connection_ms": Figure(ours, DNSMASQ, peers, f"DNS question to first byte; each run {NAMES} names, "
                                          "each asked for the first time; namespaces, no encryption on either side")}


def measure(what, folder, runs):
    """{name: Figure} of one of cached, uncached, forwarded, first_connection. In namespaces of its own."""
    lay_cables()
    net.start("wan", [*LOAD_CPU, "build/bench/dnsstub", "-a", RESOLVER, "-b", "10.20.1.1"], f"{folder}/dnsstub.log")
    net.start("wan", [*LOAD_CPU, "build/bench/dnsstub", "-a", LINE_DNS, "-b", "203.0.113.1"], f"{folder}/line-dnsstub.log")
    net.start("wan", ["build/bench/firstbyte", "-l", "0.0.0.0", "-p", "443"], f"{folder}/server.log")
    time.sleep(0.2)
    contenders = [Ours(f"{folder}/ours"), Dnsmasq(f"{folder}/dnsmasq"), Unbound(f"{folder}/unbound")]
    return {"cached": cached, "uncached": uncached, "forwarded": forwarded,
            "first_connection": first_connection}[what](contenders, runs)
