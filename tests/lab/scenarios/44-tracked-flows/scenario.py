import os
import sys

import rawframes
import topology as t

sys.path.insert(0, os.path.dirname(__file__))

import many     # noqa: E402
import ports    # noqa: E402

GROUP = "internet"


def run(lab):
    lab.up()
    lab.boot(lab.site(outside="internet"))
    lab.ready()
    full_table(lab)
    used_ports(lab)


def full_table(lab):
    """Begins a session in the end."""
    greedy = many.Greedy(lab)
    lab.eventually("one PC has as many connections as a PC may have", True, lambda: greedy.has() >= many.SHARE * 9 // 10, 240)
    lab.status_says("the status names it", "A PC has nearly all the connections", many.HOST)
    lab.log_says("the log too", "connections.many", many.HOST)
    lab.log_says("and why its others are refused", "reason=share", many.HOST)
    page = lab.session()
    lab.check("the registry's page, at another PC", 200, page.status)
    lab.check("no more than its share", True, greedy.has() <= many.SHARE)
    lab.eventually("with the session its connections are gone", False,
                   lambda: "nearly all the connections" in lab.box.cli("status"))


def used_ports(lab):
    lan = rawframes.Card("lan", "pc0", t.MAC_PC, t.MAC_LAN)
    first = ports.connect(lab, 40999, ports.AGAIN)
    lab.check("another name in a new connection", "a reset", ports.say(first, ports.OTHER))
    first.close()
    with lab.capture("registry", "inner0", "tcp port 443", longest=4000) as behind:
        seen = [ports.ordinary(lab, 41000 + n, ports.OTHER, 1.5) for n in range(3)]
        lab.check("another name on the ports of a live one, at once", ["not opened"] * 3, seen)
        lab.check("another name there, by a program that waits", "a reset",
                  ports.ordinary(lab, 41010, ports.OTHER, ports.AGAIN))
        lab.check("the right name there, by a program that waits", "a ServerHello",
                  ports.ordinary(lab, 41020, t.REGISTRY_NAME, ports.AGAIN))
        beside = ports.reset_beside(lan, lab)
        lab.check("after a reset that connection tracking does not count", True, beside in ("not opened", "refused"))
    lab.check("ClientHellos with another name behind the tunnel", 0,
              sum(ports.OTHER.encode() in p.raw for p in behind.packets()))
    lab.log_says("the log says why", "ports-in-use")
