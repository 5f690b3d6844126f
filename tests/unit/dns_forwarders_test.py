#!/usr/bin/env python3
"""`dns` behind the DNS servers that hospitals have (tests/lab/hospital_dns.py), with a simulated gate and a signed root.

In a closed LAN, each server's first query finds no tunnel, which then takes 1.5 s; in mode internet many other names come
first, and must not bring one up. Runs as root in the workshop, in mount, network and process namespaces of its own.
"""

import os
import re
import subprocess
import sys
import time

sys.path.insert(0, "tests/lab")
import hospital_dns  # noqa: E402

FOLDER, BOX, INNER, PC = "/var/dns", "192.168.77.1", "10.99.0.53", "192.168.77.100"
ADDRESSES = {kind: f"192.168.77.{60 + i}" for i, kind in enumerate(hospital_dns.NAMES)}
LISTED, SIGNED = "registry.lab.example", "entry.signed.example"
WORLD = {LISTED: ["10.99.0.5"], SIGNED: ["10.99.0.7"], **{f"www{i}.site{i}.shop": ["203.0.113.9"] for i in range(20)}}
# As the box's packet filter has it: questions to other servers come to the box, TCP to them is refused.
FILTER = f"""table ip divert {{
	chain turn {{ type nat hook output priority -100
		ip daddr != {{ 192.168.77.0/24, 127.0.0.0/8, {INNER} }} udp dport 53 dnat to {BOX}
	}}
	chain refuse {{ type filter hook output priority 0
		ip daddr != {{ 192.168.77.0/24, 127.0.0.0/8, {INNER} }} tcp dport 53 reject with tcp reset
	}}
}}
"""
failed = 0


def check(what, good, seen=""):
    global failed
    failed += not good
    print(f"ok: {what}" if good else f"FAIL: {what}: {seen}", flush=True)


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def dig(server, name, kind="A", *more):
    """(status, addresses), as a PC's stub resolver: it asks again after five seconds."""
    done = subprocess.run(["dig", "@" + server, "-b", PC, name, kind, "+tries=4", "+time=5", "+nocookie", *more],
                          capture_output=True, text=True, check=False)
    status = re.search(r"status: (\w+)", done.stdout)
    return (status[1] if status else "silence", re.findall(r"^\S+\s+\d+\s+IN\s+A\s+(\S+)$", done.stdout, re.M))


class Process:
    def __init__(self, name, command):
        self.log = f"{FOLDER}/{name}.log"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def serves(self, address, name):
        """Wait until it answers anything at all."""
        for _ in range(300):
            done = subprocess.run(["dig", "@" + address, name, "TXT", "+tries=1", "+time=1", "+norec"],
                                  capture_output=True, text=True, check=False)
            if "status:" in done.stdout:
                return self
            time.sleep(0.1)
        print(self.text()[-2000:])
        raise SystemExit(f"FAIL: nothing answers at {address}")

    def end(self):
        self.process.kill()
        self.process.wait()


def gate(mode, raise_ms):
    it = Process("gate", ["build/bench/fakegate", "-l", BOX, "-r", INNER, "-P", "53", "-m", mode, "-u", str(raise_ms),
                          "build/bin/dns", f"{LISTED}:1", f"{SIGNED}:1"])
    return it.serves(BOX, "_ready._tcp." + LISTED)


def front(kind, key, lines=None):
    command = hospital_dns.server(kind, f"{FOLDER}/{kind}", ADDRESSES[kind], BOX, key, lines)
    return Process(kind + "-server", command).serves(ADDRESSES[kind], "version.bind" if kind == "bind" else "localhost")


def gate_ends(it):
    it.end()
    for _ in range(100):
        if subprocess.run(["pgrep", "-x", "dns"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return
        time.sleep(0.1)


def closed(key):
    for kind, address in ADDRESSES.items():
        box = gate("closed", 1500)
        server = front(kind, key)
        first = dig(address, LISTED)
        check(f"{kind}, closed, the first question, the tunnel takes 1.5 s", first == ("NOERROR", WORLD[LISTED]), first)
        for what, name, more in (("again", LISTED, []), ("with signatures", LISTED, ["+dnssec"]), ("a signed name", SIGNED, [])):
            seen = dig(address, name, "A", *more)
            check(f"{kind}, closed, {what}", seen == ("NOERROR", WORLD[name]), seen)
        for kind_of, name in (("AAAA", LISTED), ("TYPE65", LISTED), ("A", LISTED)):
            seen = dig(address, name, kind_of)
            check(f"{kind}, closed, {kind_of}", seen[0] == "NOERROR", seen)
        seen = dig(address, "www1.site1.shop")
        check(f"{kind}, closed, a name on no list", seen[0] != "silence" and not seen[1], seen)
        server.end()
        gate_ends(box)


def internet(key):
    box = gate("internet", 500)
    for kind, address in ADDRESSES.items():
        server = front(kind, key)
        seen = [dig(address, name) for name in WORLD if name.endswith(".shop")]
        check(f"{kind}, internet, names of others", seen == [("NOERROR", ["203.0.113.9"])] * 20, seen[:3])
        seen = dig(address, "words.lab.example")
        check(f"{kind}, internet, a neighbour of the listed name", seen[0] == "NXDOMAIN", seen)
        check(f"{kind}, internet, none of that raises a tunnel", "want" not in box.text(), box.text()[-500:])
        seen = dig(address, LISTED)
        check(f"{kind}, internet, the listed name", seen == ("NOERROR", WORLD[LISTED]), seen)
        check(f"{kind}, internet, does", "want id=0" in box.text(), box.text()[-500:])
        server.end()
        gate_ends(box)
        box = gate("internet", 500)
    gate_ends(box)


def rootless(key):
    """The tunnel's DNS server knows the registry's names and refuses all else."""
    inner = Process("rootless", ["dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                                 "--user=root", "--pid-file=", "--listen-address=" + INNER,
                                 *(f"--address=/{n}/{WORLD[n][0]}" for n in (LISTED, SIGNED))]).serves(INNER, LISTED)
    for kind in hospital_dns.VALIDATING:
        address, box = ADDRESSES[kind], gate("closed", 300)
        server = front(kind, key)
        seen = dig(address, LISTED)
        check(f"{kind}, a tunnel without the root, forwarding alone: no address", not seen[1], seen)
        seen = dig(address, LISTED, "A", "+cd", *(["+noad"] if kind == "pdns" else []))
        check(f"{kind}, but with `+cd` there is one", seen[1] == WORLD[LISTED], seen)
        server.end()
        server = front(kind, key, hospital_dns.lines_of_page(kind, "lab.example", BOX))
        for what in ("with the lines of the page", "again"):
            seen = dig(address, LISTED)
            check(f"{kind}, a tunnel without the root, {what}", seen == ("NOERROR", WORLD[LISTED]), seen)
        seen = dig(address, SIGNED)
        check(f"{kind}, other zones are validated as before", not seen[1], seen)
        server.end()
        gate_ends(box)
    inner.end()


def inside():
    os.makedirs(FOLDER)
    ip("link", "set", "lo", "up")
    ip("link", "add", "pc0", "type", "veth", "peer", "name", "pc1")
    for card in ("pc0", "pc1"):
        ip("link", "set", card, "up")
    for a in (BOX + "/24", INNER + "/32", PC + "/24", *(a + "/24" for a in ADDRESSES.values())):
        ip("addr", "add", a, "dev", "pc0")
    ip("route", "add", "default", "dev", "pc0")
    subprocess.run(["nft", "-f", "-"], input=FILTER, text=True, check=True)
    command, key = hospital_dns.root(f"{FOLDER}/root", INNER, WORLD)
    inner = Process("inner", command).serves(INNER, LISTED)
    if "rootless" not in sys.argv:
        closed(key)
        internet(key)
    inner.end()
    rootless(key)
    print(f"dns_forwarders_test: {failed} failed")
    return 1 if failed else 0


def main():
    if not os.path.isdir("/sekisho"):
        os.execvp("scripts/workshop", ["scripts/workshop", "run", "--", "python3", "tests/unit/dns_forwarders_test.py"])
    if "inside" in sys.argv:
        return inside()
    subprocess.run(["make", "-s", "-f", "tests/bench/dns/build.mk"], check=True)
    setup = ("mount -t tmpfs -o mode=0755 dns-test /var && mkdir -m 755 /var/empty && "
             "exec python3 tests/unit/dns_forwarders_test.py inside " + " ".join(sys.argv[1:]))
    os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation",
                          "private", "--", "sh", "-c", setup])


sys.exit(main())
