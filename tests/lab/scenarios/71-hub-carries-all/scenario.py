import contextlib
import socket

import beside
import checks
import net
import pcap
import topology as t
from box import pick

PROBES = 9000       # the port of datagrams that nobody lists
# Whom the hub could carry to as well, and whom the box itself talks to: the namespace where each is.
OTHERS = {t.UNLISTED: "registry", t.HUB_INNER: "hub", t.HUB: "hub", t.ISP: "wan", t.OTHER_DNS: "public"}


@contextlib.contextmanager
def probed(lab):
    """Datagrams to the registry and to the decoy without pause, whatever the box is doing meanwhile: its changes of mode too."""
    with net.inside("lan"):
        probes = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send():
        for address in (t.REGISTRY, t.DECOY):
            with contextlib.suppress(OSError):
                probes.sendto(b"probe" * 8, (address, PROBES))
    with probes, lab.capture(expression=f"udp port {PROBES}") as wire, beside.repeat(send, 0.005):
        yield
    out = [p.dst for p in wire.packets(from_box=True)]
    lab.check("of probes to the registry, in clear", 0, out.count(t.REGISTRY))
    lab.check("of probes to the decoy", "hundreds, out of sessions", out.count(t.DECOY), out.count(t.DECOY) > 200)


def wide(lab):
    return {"lab": lab.service().replace(f"remote = {t.INNER_NET}", "remote = 0.0.0.0/0")}


def decoy_opens(lab, when):
    page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
    lab.check(f"the decoy by name {when}", "page 200", str(page), page.status == 200)


def over(lab):
    lab.box.cli("session end")
    lab.eventually("the session is over", "idle", lambda: lab.box.get("gate.session"))
    lab.check("the LAN's mode", "internet", lab.box.get("gate.mode"))


def never_in_clear(lab, when, *addresses):
    """In mode internet: each is refused, and no packet for it leaves."""
    with lab.capture() as wire:
        seen = {a: lab.pc.tcp(a, 443, 0.6) for a in addresses}      # (not so long that it is a wish for a session)
        lab.pc.tcp(t.OTHER_DNS, 443, 20)
    lab.check(f"{when}: {', '.join(addresses)}", "none is open", seen, "open" not in seen.values())
    lab.check(f"{when}: packets of them on the line", [], [p.what() for p in wire.packets() if p.dst in addresses or p.src in addresses])
    lab.check(f"{when}: another address meanwhile, on the line", True,
              any(p.dst == t.OTHER_DNS for p in wire.packets(from_box=True)))


@contextlib.contextmanager
def listening():
    """Each of the others answers at tcp/443 meanwhile, so that whoever reaches it sees it."""
    with contextlib.ExitStack() as listeners:
        for address, ns in OTHERS.items():
            if address != t.UNLISTED:       # a server is there already
                with net.inside(ns):
                    listeners.enter_context(socket.create_server((address, 443)))
        yield


def others(lab):
    return {a: lab.pc.tcp(a, 443, 20) for a in OTHERS}


def in_the_session(lab):
    """The decoy and others: neither through the tunnel nor in clear."""
    with lab.busy(), lab.capture() as wire, lab.capture("hub", "pub0") as hub:
        lab.eventually("the session", "up", lambda: lab.box.get("gate.session"))
        page = lab.pc.curl(f"https://{t.DECOY_NAME}/", connect_to=t.DECOY)
        lab.check("the decoy in the session", "no page", str(page), page.status == 0)
        tried = others(lab)
        lab.check("other addresses", "none is open", tried, "open" not in tried.values())
    lab.check("the decoy on the line", [], [p.what() for p in wire.packets() if t.DECOY in (p.src, p.dst)])
    beyond = {t.DECOY, t.OTHER_DNS, t.ISP, t.EST}
    lab.check("others behind the hub", [], [p.what() for p in hub.packets() if beyond & {p.src, p.dst}])
    lab.check("packets of the box to others", [], wire.strangers())
    lab.check("TCP of the box on the line", [],
              [p.what() for p in wire.packets(from_box=True) if p.proto == pcap.TCP and p.dst != t.EST])
    lab.check("in clear", [], wire.clear() + wire.marked())


def renewed(lab):
    """EST, and the DNS question for its server, go on the line while the tunnel for everything stands."""
    before = lab.box.get("enroll.serial")
    with lab.busy(), lab.capture() as wire, lab.capture("hub", "pub0") as hub:
        lab.eventually("the session", "up", lambda: lab.box.get("gate.session"))
        lab.box.cli("cert renew")
        good, status, seconds = lab.box.wait(lambda s: pick(s, "enroll.serial") not in ("", before)
                                             and pick(s, "enroll.loaded") == "yes", 240)
        lab.check("the tunnel stands meanwhile", 1, lab.hub.installed())
    lab.check(f"a renewal in the session ({seconds:.1f} s)", f"another serial than {before}", pick(status, "enroll.serial"), good)
    lab.check("EST on the line", True, any(p.dst == t.EST for p in wire.packets(from_box=True)))
    lab.check("the question for its server, to the line's DNS", True,
              any(p.dst == t.ISP and p.proto == pcap.UDP and p.dport == 53 for p in wire.packets(from_box=True)))
    lab.check("EST, or the line's servers, through the tunnel", [],
              [p.what() for p in hub.packets() if {t.EST, t.ISP} & {p.src, p.dst}])


def answered(lab, address, status):
    """The registry's resolver says that a listed name is there."""
    lab.inner_dns.lie({t.FORMS_NAME: [address]}, ttl=1)
    said = lab.pc.dns(t.FORMS_NAME, timeout=30)
    lab.check(f"a listed name at {address}", status, said.status)


def killed(lab, vip):
    """What a gate that was killed had learned, the next one knows."""
    started = lab.box.root("pidof gate")
    lab.box.root("kill -9 $(pidof gate)")
    lab.eventually("gate is started again", True, lambda: lab.box.root("pidof gate").strip() not in ("", started.strip()))
    lab.eventually("the LAN's mode", "internet", lambda: lab.box.get("gate.mode"))
    lab.eventually("the decoy by name", 200, lambda: lab.pc.curl(f"https://{t.DECOY_NAME}/").status)
    never_in_clear(lab, "gate killed and started again", t.REGISTRY, t.INNER_DNS, vip)


def narrowed(lab):
    lab.hub.carry(t.INNER_NET)
    lab.inner_dns.lie({})
    lab.session()
    lab.check("what the hub has narrowed is no fault", "", lab.box.get("gate.not-carried"))
    with lab.busy():
        answered(lab, t.DECOY, "SERVFAIL")
    lab.status_says("the status says that the hub does not carry it", t.FORMS_NAME, t.DECOY)
    over(lab)
    never_in_clear(lab, "after the narrow session", t.REGISTRY, t.UNLISTED, t.DECOY)


def run(lab):
    lab.up()
    lab.hub.carry("0.0.0.0/0")
    lab.boot(lab.site(outside="internet"), wide(lab), lab_image=True)
    checks.enrolled(lab, dhcp=False)
    lab.check("the LAN's mode", "internet", lab.box.get("gate.mode"))
    decoy_opens(lab, "before the session")
    never_in_clear(lab, "before the first session", t.INNER_DNS)
    with lab.capture() as wire:
        lab.pc.udp(t.REGISTRY, PROBES, timeout=20)
    lab.check("the registry's address, which the box has never seen, leaves (docs/limits.md)", True,
              any(p.dst == t.REGISTRY for p in wire.packets(from_box=True)))

    with listening():
        reached = others(lab)
        lab.check("others before the session (those behind the hub too: docs/limits.md)", "all are open", reached,
                  set(reached.values()) == {"open"})
        checks.held_dies(lab)
        checks.session(lab)
        vip = lab.box.get("gate.vip")
        in_the_session(lab)
    renewed(lab)
    with lab.busy():
        for own in (t.HUB, t.ISP, "198.51.100.77"):
            answered(lab, own, "SERVFAIL")
        lab.log_says("the log says it", "dns.refused", t.FORMS_NAME, "forbidden-address")
        lab.check("the tunnel", 1, lab.hub.installed())
    over(lab)
    decoy_opens(lab, "after the session")
    never_in_clear(lab, "after the session", t.REGISTRY, t.INNER_DNS, vip)

    with probed(lab):
        killed(lab, vip)
        narrowed(lab)

    lab.hub.carry("0.0.0.0/0")
    lab.inner_dns.lie({})
    checks.session(lab)
    answered(lab, t.DECOY, "NOERROR")
    over(lab)
    never_in_clear(lab, "an address of the internet that a listed name had", t.DECOY)
