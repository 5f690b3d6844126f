"""dns_first_packet_refused: is the first packet that follows a DNS answer at once ever refused?

In the namespaces of resolver.py: names below a listed wildcard, each asked for once, each with an address of its own that
nobody has been let to before; a UDP packet goes out in the moment the answer is read (firstpacket.c).
"""

import net
import resolver
from figure import CannotMeasure, Figure

EACH = 10000                  # names of one run
IN_FLIGHT = 100               # each from an address of its own
PORT = 4433
WILD = "w." + resolver.DOMAIN
FIRST = "10.20.64.0"          # addresses of the names
LATE = 0.01                   # of the questions may be left without an answer; more, and the figure means nothing


class Ours(resolver.Ours):
    """With a service file whose one rule is the wildcard."""

    def __init__(self, folder):
        super().__init__(folder)
        head = resolver.SERVICE.partition("[allow]")[0]
        with open(f"{self.folder}/services/bench.conf", "w", encoding="ascii") as f:
            f.write(f"{head}[allow]\nname = *.{WILD} udp/{PORT}\n")


def one(contender):
    found = resolver.tool("pc", "build/bench/firstpacket", "-a", resolver.BOX_LAN, "-s", "192.168.77.2", "-k", str(IN_FLIGHT),
                          "-w", str(IN_FLIGHT), "-n", str(EACH), "-p", str(PORT), WILD, timeout=120)
    if found["answered"] < EACH * (1 - LATE):
        raise CannotMeasure(f"{type(contender).__name__}: only {found['answered']} of {EACH} names were answered")
    return found


def measure(_what, folder, runs):
    """{name: Figure}. In namespaces of its own."""
    resolver.lay_cables()
    net.ip("route", "add", "local", "10.20.64.0/18", "dev", "lo", ns="wan")
    net.start("wan", ["build/bench/firstpacket", "-l", resolver.RESOLVER, "-b", FIRST], f"{folder}/stub.log")
    net.start("wan", ["build/bench/dnsstub", "-a", resolver.LINE_DNS, "-b", "203.0.113.1"], f"{folder}/line-dnsstub.log")
    net.start("wan", ["build/bench/firstpacket", "-e", str(PORT)], f"{folder}/server.log")
    ours, peers = resolver.alternate([Ours(f"{folder}/ours"), resolver.Dnsmasq(f"{folder}/dnsmasq")], runs, one)

    def bad(found):
        return sum(r["refused"] + r["silent"] for r in found)
    asked = [sum(r["answered"] for r in found) for found in (ours, peers)]
    return {"dns_first_packet_refused": Figure(
        [bad(ours)], resolver.DNSMASQ, [bad(peers)],
        f"of {asked[0]:,} (the peer: {asked[1]:,}) answers about names never asked for before, each with a new address; a "
        "packet went there the moment the answer was read")}
