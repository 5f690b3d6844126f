"""A table of cases for every hub, whoever made it. One box, one hub, one case after the other; each starts without a session
and ends with `session end`.

Checked at the PC (the registry's page; a connection that must survive), at the hub (which SAs are installed) and on the wire.
"""

import threading
from dataclasses import dataclass, field

import net
import servers
import topology as t
from hubs.wish import CHAIN, RSA, Wish

URL = f"https://{t.REGISTRY_NAME}/"
LONG = 180          # seconds: only to catch hangs
SKF = 53            # payload type of an encrypted fragment (RFC 7383)
BEYOND = "10.20.200.1"   # in the service's prefix, and outside the selectors of a hub that offers less


@dataclass
class Case:
    name: str
    play: callable
    wish: Wish = field(default_factory=Wish)
    only: str = ""      # the only hub it applies to (a scenario's name); empty: all


class Seen:
    """A running case: the lab, and its name as a prefix of each check."""

    def __init__(self, lab, name):
        self.lab, self.hub, self.name = lab, lab.hub, name

    def check(self, what, expected, seen, good=None):
        return self.lab.check(f"{self.name}: {what}", expected, seen, good)

    def eventually(self, what, expected, ask, timeout=LONG, good=None):
        return self.lab.eventually(f"{self.name}: {what}", expected, ask, timeout, good)

    def page(self, what="the page", timeout=60):
        """At the first attempt."""
        page = self.lab.pc.curl(URL, timeout=timeout)
        return self.check(f"{what} ({page.seconds:.1f} s)", "page 200", str(page)[:60],
                          page.status == 200 and servers.MARKER in page.body)

    def page_again(self, what="the page again"):
        """After a transition: attempts from before it may fail."""
        self.eventually(what, 200, lambda: self.lab.pc.curl(URL, timeout=20).status)

    def hold(self):
        return self.lab.pc.hold(t.REGISTRY, t.REGISTRY_NAME, 443, tls=self.lab.pc.tls(), patience=60)

    def survives(self, held, what="the connection"):
        """The same connection gets more answers."""
        so_far = held.answers
        self.eventually(f"{what} goes on", "5 more answers", lambda: held.how or held.answers - so_far, 90,
                        lambda seen: isinstance(seen, int) and seen >= 5)

    def others(self, before, what="other ESP SAs, one tunnel"):
        """The SAs are new ones, as many as one tunnel has."""
        self.eventually(what, "1, another", lambda: self._other(before), good=lambda seen: seen == "1, another")

    def _other(self, before):
        now = self.hub.spis()
        return f"{len(now)}, {'the same' if set(now) & set(before) else 'another'}"

    def other_ike(self, before):
        def ask():
            now = self.hub.ikes()
            return f"{len(now)}, {'the same' if set(now) & set(before) else 'another'}"
        self.eventually("another IKE_SA, one", "1, another", ask)

    def last_end(self):
        """The log's last line about the end of a session."""
        return next((line for line in reversed(self.lab.box.log(400)) if "session.end" in line), "")

    def box(self, words):
        """Make the box's own charon start something."""
        return self.lab.box.root(f"swanctl {words}")


def silent(yes):
    """Cut the hub off from the internet, without a loss of carrier."""
    done = net.run("wan", ["bridge", "link", "set", "dev", "to-hub", "state", "0" if yes else "3"])
    if done.returncode != 0:
        raise RuntimeError(f"bridge: {done.stderr}")


# ---- the cases

def first(s):
    s.page()
    s.check("tunnels at the hub", 1, s.hub.installed())


def at_hub(s, what):
    if not s.hub.rekey(what):
        raise RuntimeError("the hub cannot do that")


def at_box(s, what):
    s.box(f"--rekey --{what} lab")


def at_once(s, begin):
    """Both requests are sent before either is received: RFC 7296 sections 2.8.1 and 2.25."""
    ike = "udp port 500 or udp port 4500"
    with s.lab.capture(interface="to-hub", expression=ike) as of_hub, s.lab.capture(expression=ike) as of_box:
        silent(True)
        try:
            begin()
            s.eventually("both have asked", (True, True), lambda: (
                any(p.ike() and p.src == t.HUB for p in of_hub.packets()),
                any(p.ike() for p in of_box.packets(from_box=True))))
        finally:
            silent(False)


def rekeyed(s, what, *who):
    """what is rekeyed; who: the initiator, one or both."""
    s.page("the page before")
    held, spis, ikes = s.hold(), s.hub.spis(), s.hub.ikes()

    def begin():
        threads = [threading.Thread(target=w, args=(s, what)) for w in who]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if len(who) > 1:
        at_once(s, begin)
    else:
        who[0](s, what)
    if what == "child":
        s.others(spis)
    else:
        s.other_ike(ikes)
    s.survives(held)
    held.close()
    s.page("the page afterwards")
    s.eventually("tunnels at the hub", 1, s.hub.installed)


def authentication_at_box(s):
    s.page("the page before")
    held, ikes = s.hold(), s.hub.ikes()
    s.box("--rekey --reauth --ike lab")
    s.other_ike(ikes)
    s.survives(held)
    held.close()
    s.page("the page afterwards")


def authentication_at_hub(s):
    s.page("the page before")
    ikes = s.hub.ikes()
    s.other_ike(ikes)
    s.page_again()


def deleted(s, what):
    s.page("the page before")
    s.check(f"the hub ends the {what.upper()}_SA", True, s.hub.delete(what))
    s.page_again()
    s.eventually("tunnels at the hub", 1, s.hub.installed)


def deleted_at_box(s):
    s.page("the page before")
    s.box("--terminate --child lab")
    s.page_again()
    s.eventually("tunnels at the hub", 1, s.hub.installed)


def restarted(s):
    s.page("the page before")
    s.hub.restart()
    s.page_again()
    s.eventually("tunnels at the hub", 1, s.hub.installed)


def crashed(s):
    s.page("the page before")
    s.hub.crash()
    s.page_again()
    s.eventually("tunnels at the hub", 1, s.hub.installed)


def dead(s):
    s.page("the page before")
    held, before = s.hold(), s.last_end()
    silent(True)
    s.eventually("the box notices, and says so", "another end of a session", s.last_end,
                 good=lambda line: line not in ("", before))
    s.eventually("the connection is told", "its end", lambda: held.how or "nothing", good=lambda how: how != "nothing")
    held.close()
    silent(False)
    s.page_again()
    s.eventually("tunnels at the hub", 1, s.hub.installed)


def short_lives(s):
    """The hub rekeys both, again and again; the connection is not affected."""
    s.page("the page before")
    held, seen, ikes = s.hold(), set(s.hub.spis()), s.hub.ikes()

    def generations():
        seen.update(s.hub.spis())
        return len(seen)
    s.eventually("generations of ESP SAs", "4 or more", generations, good=lambda n: n >= 4)
    s.eventually("another IKE_SA meanwhile", True, lambda: bool(set(s.hub.ikes()) - set(ikes)))
    s.survives(held)
    held.close()
    s.page("the page afterwards")


def short_lives_that_end(s):
    """The hub rekeys nothing: the tunnel ends, and the next query brings up another one."""
    for turn in ("first", "second"):
        s.page_again(f"the page, {turn} time")
        before = s.hub.spis()
        s.eventually(f"its end, {turn} time", "no SA of these", lambda b=before: "there" if set(b) & set(s.hub.spis()) else
                     "no SA of these", good=lambda seen: seen == "no SA of these")
    s.page_again("the page at the end")


def no_pfs(s):
    """A hub without a DH group in its ESP proposals."""
    s.page()
    for who in (at_box, at_hub):
        words = "the box" if who is at_box else "the hub"
        held, before = s.hold(), s.hub.spis()
        who(s, "child")
        s.others(before, f"CHILD re-key, begun by {words}: other ESP SAs, one tunnel")
        s.survives(held, f"CHILD re-key, begun by {words}: the connection")
        held.close()
        s.page(f"the page after that of {words}")
    s.hub.delete("child")
    s.page_again("the hub ends the CHILD_SA: the page again")


def narrowed(s):
    s.page()
    seen = s.lab.pc.tcp(BEYOND, 443)
    s.check("an address of the service that the hub did not agree to", "not open", seen, seen != "open")
    s.page("the page afterwards")


def fragmented(s):
    with s.lab.capture() as wire:
        s.page()
    parts = [p for p in wire.packets(from_box=False) if p.src == t.HUB and p.ike() and _next_payload(p) == SKF]
    s.check("IKE fragments of the hub", "3 or more", len(parts), len(parts) >= 3)
    s.check("packets that IP has cut", 0, sum(1 for p in wire.packets() if p.proto == 17 and not p.sport))


def _next_payload(p):
    ike = p.payload[4:] if p.payload[:4] == bytes(4) else p.payload
    return ike[16] if len(ike) > 16 else 0


SHORT = Wish(child_seconds=24, ike_seconds=60)
ENDING = Wish(child_seconds=12, renews=False)

CASES = [
    Case("first session", first),
    Case("CHILD re-key, begun by the hub", lambda s: rekeyed(s, "child", at_hub)),
    Case("CHILD re-key, begun by the box", lambda s: rekeyed(s, "child", at_box)),
    Case("restart", restarted),
    Case("no PFS", no_pfs, Wish(pfs=False)),
    Case("CHILD re-key, both at once", lambda s: rekeyed(s, "child", at_hub, at_box), only="strongswan-next"),
    Case("IKE re-key, begun by the hub", lambda s: rekeyed(s, "ike", at_hub)),
    Case("IKE re-key, begun by the box", lambda s: rekeyed(s, "ike", at_box)),
    Case("IKE re-key, both at once", lambda s: rekeyed(s, "ike", at_hub, at_box), only="strongswan-next"),
    Case("re-authentication, begun by the box", authentication_at_box),
    Case("re-authentication, wanted by the hub", authentication_at_hub, Wish(ike_seconds=120, reauthenticates=True),
         only="strongswan-next"),
    Case("the hub deletes the CHILD_SA", lambda s: deleted(s, "child")),
    Case("the hub deletes the IKE_SA", lambda s: deleted(s, "ike")),
    Case("the box deletes the CHILD_SA", deleted_at_box),
    Case("a hub that was killed", crashed),
    Case("silent death", dead),
    Case("lifetimes shorter than ours", short_lives, SHORT),
    Case("lifetimes shorter than ours, never renewed", short_lives_that_end, ENDING),
    Case("narrowed selectors", narrowed, Wish(networks="10.20.0.0/25")),
    Case("widened selectors", first, Wish(networks="0.0.0.0/0")),
    Case("RSA-3072", first, Wish(certificate=RSA)),
    Case("a chain that needs IKE fragments", fragmented, Wish(certificate=CHAIN)),
]


def wanted(words, hub):
    """The cases for LAB_HUBS: `all`, or parts of their names: `RSA|selectors`."""
    found = [c for c in CASES if words == "all" or any(word in c.name for word in words.split("|"))]
    if not found:
        raise RuntimeError(f"no case has \"{words}\" in its name; there are: {'; '.join(c.name for c in CASES)}")
    return [c for c in found if c.only in ("", hub)]


def play(lab, cases):
    """All of them, with the uplink captured."""
    with lab.capture() as wire:
        for case in cases:
            seen = Seen(lab, case.name)
            try:
                lab.hub.serve(case.wish)
                case.play(seen)
            except RuntimeError as e:
                seen.check("it is played to its end", "yes", str(e)[:300], False)
                silent(False)
            lab.box.cli("session end")
            seen.eventually("afterwards, tunnels at the hub", 0, lab.hub.installed)
    lab.check("packets that the capture has lost", 0, wire.dropped)
    counts = wire.counts()
    few = 10 * len(cases)
    lab.check("ESP on the line", f"{few} packets or more", counts["esp"], counts["esp"] >= few)
    lab.check("in clear, in all that time", [], wire.clear() + wire.marked())
    lab.check("packets of the box to others", [], wire.strangers())
