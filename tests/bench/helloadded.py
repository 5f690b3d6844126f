"""hello_added_ms: what the check of the ClientHello adds to a new TLS connection.

In the namespaces of resolver.py, with the real gate, names and sni. One listed name has two ports, one with `tls` and one
without; connections go to the two in turn, and each carries the same ClientHello of OpenSSL, two segments with its
post-quantum key. The time is from the SYN to the first octet of the server, which answers when it has the whole ClientHello.

This machine's kernel may lack nftables' `queue`: xtqueue.c puts xtables' NFQUEUE in its place. It may also be unable to set
a flow's mark by a verdict (NETFILTER_NETLINK_GLUE_CT), which the box's kernel can: a rule behind the queue does it instead.
"""

import os
import ssl
import statistics

import net
import resolver
from figure import CHECK, CannotMeasure, Figure

COUNT = 100 if CHECK else 1000    # connections of one run to each port
PORT_TLS, PORT_PLAIN = 443, 444
NAME = "n0." + resolver.DOMAIN
QUEUE_HERE = [
    ("queue to $sni_queue", "goto to_sni"),
    ("	chain asked_out {", "	chain to_sni {\n	}\n	chain asked_out {"),
    # Without IPsec the rule about `service_reqid` is true of every packet, of those from the queue too.
    ("		ct state == established meta mark . ipsec out reqid $service_reqid accept\n		meta mark & $asked != 0 jump requeue_check\n",
     "		meta mark & $asked != 0 jump requeue_check\n		ct state == established meta mark . ipsec out reqid $service_reqid accept\n"),
    ("		ct mark @asking return\n",
     "		ct mark @asking @ih,0,8 >= 0 ct mark set ct mark & 0x3fffffff | 0x40000000 return\n		ct mark @asking return\n"),
]


def client_hello(path, name=NAME):
    """As this machine's OpenSSL writes it."""
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    data = outgoing.read()
    with open(path, "wb") as f:
        f.write(data)
    return len(data)


class Ours(resolver.Ours):
    """gate and names, and sni beside them."""

    def __init__(self, folder):
        super().__init__(folder)
        changes = QUEUE_HERE + [c for c in resolver.OURS_WITHOUT_IPSEC if not c[0].startswith("queue")]
        self.rules = resolver.without_ipsec(resolver.OUR_RULES, changes, f"{self.folder}/firewall.nft")
        self.sni = None
        head = resolver.SERVICE.partition("[allow]")[0]
        with open(f"{self.folder}/services/bench.conf", "w", encoding="ascii") as f:
            f.write(f"{head}[allow]\nname = {NAME} tcp/{PORT_TLS} tls, tcp/{PORT_PLAIN}\n")

    def start(self, session=True):
        super().start(session)
        done = net.run("box", ["build/bench/xtqueue", "sekisho", "to_sni", "1"])
        if done.returncode != 0:
            raise CannotMeasure(f"no NFQUEUE here: {done.stderr.strip()}")
        self.sni = net.start("box", ["build/bin/sni", "-s", f"{self.run}/gate/sni.sock"], f"{self.folder}/sni.log")

    def stop(self):
        super().stop()
        if self.sni:
            self.sni.terminate()
            self.sni.wait(10)
            self.sni = None

    def counted(self, name):
        """Packets of a counter of the rule set."""
        words = net.run("box", ["nft", "list", "counter", "inet", "sekisho", name]).stdout.split()
        return int(words[words.index("packets") + 1])


def one(contender, hello):
    contender.wait(NAME)
    server = net.run("pc", ["dig", "+short", "@" + resolver.BOX_LAN, NAME]).stdout.strip()
    before = contender.counted("asked")
    found = resolver.tool("pc", "build/bench/tlsfirst", "-a", server, "-f", hello, "-n", str(COUNT), "-w", "1",
                          str(PORT_TLS), str(PORT_PLAIN))
    asked = contender.counted("asked") - before
    if found["failed"]:
        raise CannotMeasure(f"{found['failed']} of {2 * COUNT} connections failed; {contender.tail()}")
    if not COUNT <= asked <= 4 * COUNT:
        raise CannotMeasure(f"{asked} packets went through sni for {COUNT} connections: this is not its path")
    return [statistics.median(ms) for ms in found["ms"]], asked


def measure(_what, folder, runs):
    """{name: Figure}. In namespaces of its own."""
    resolver.lay_cables()
    hello = os.path.abspath(f"{folder}/clienthello")
    size = client_hello(hello)
    net.start("wan", ["build/bench/dnsstub", "-a", resolver.RESOLVER, "-b", "10.20.1.1"], f"{folder}/dnsstub.log")
    net.start("wan", ["build/bench/dnsstub", "-a", resolver.LINE_DNS, "-b", "203.0.113.1"], f"{folder}/line-dnsstub.log")
    net.start("wan", ["build/bench/tlsfirst", "-l", str(PORT_TLS), str(PORT_PLAIN)], f"{folder}/server.log")
    [found] = resolver.alternate([Ours(f"{folder}/ours")], runs, lambda contender: one(contender, hello))
    with_hello, without = ([r[0][i] for r in found] for i in range(2))
    return {"hello_added_ms": Figure(
        [a - b for a, b in zip(with_hello, without)], note=
        f"median of {COUNT} new TLS connections with a ClientHello of {size} octets: {statistics.median(with_hello):.3f} ms with "
        f"sni, {statistics.median(without):.3f} ms to a port that is listed without tls; "
        f"{found[0][1] / COUNT:.1f} packets of a connection went through sni")}
