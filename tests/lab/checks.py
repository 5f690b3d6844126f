"""Checks shared by several scenarios and `make run`: the points of the main job."""

import datetime
import re
import socket
import threading
import time

import servers
import topology as t
from box import pick


def enrolled(lab, timeout=240, dhcp=True):
    """The box has enrolled by itself and charon has the certificate; dhcp: and the PC has an address from the box."""
    seconds = lab.ready(timeout, dhcp)
    status = lab.box.status()
    lab.check(f"the box enrols by itself ({seconds:.1f} s after its first prompt)", "valid, loaded",
              f"{pick(status, 'enroll.phase')}, {'loaded' if pick(status, 'enroll.loaded') == 'yes' else 'not loaded'}")
    lab.check("the EST server has issued this certificate", lab.issuer.issued()[-1:],
              [pick(status, "enroll.serial").upper().replace(":", "")])
    if not dhcp:
        return
    lab.check("the PC's address by DHCP is of the box's range", "192.168.77.100-199", lab.pc.address,
              re.fullmatch(r"192\.168\.77\.1\d\d", lab.pc.address))
    lab.check("and the box is its router", t.BOX_LAN, lab.pc.router)


def session(lab):
    """The PC opens the registry's page: name, tunnel, page; and on the uplink only IKE and ESP."""
    fresh = lab.hub.installed() == 0
    with lab.capture() as wire:
        answer = lab.answer(t.REGISTRY_NAME)
        lab.check(f"the box answers for the registry ({answer.seconds:.1f} s, tunnel included)",
                  f"NOERROR {t.REGISTRY}", str(answer))
        page = lab.page(f"https://{t.REGISTRY_NAME}/")
        lab.check(f"the registry's page at the PC ({page.seconds:.2f} s)", servers.MARKER,
                  page.body.split()[0] if page.body else str(page))
        sas = lab.hub.sas()
        lab.check("tunnels at the hub, and whose", [f"CN={t.DEVICE}"],
                  [sa["identity"] for sa in sas if any(c["state"] == "INSTALLED" for c in sa["children"])])
    counts = wire.counts()
    lab.check("the line carried IKE and ESP" if fresh else "the line carried ESP of the standing tunnel", "packets of it",
              f"{counts['ike']} IKE, {counts['esp']} ESP, {counts['esp-in-udp']} ESP in UDP, {counts['other']} others",
              counts["ike"] >= 4 * fresh and counts["esp"] + counts["esp-in-udp"] >= 6)
    lab.check("packets on the line with an inner address in clear", [], wire.clear())
    lab.check("packets on the line that show the registry's name or page", [], wire.marked())
    lab.check("packets of the box to anybody but the hub and the line's servers", [], wire.strangers())


def nothing_else(lab):
    """In the session, the PC reaches nothing but the listed name: one check for each attempt."""
    before = lab.other_dns.asked(t.REGISTRY_NAME)
    with lab.busy(), lab.capture() as wire, lab.capture("registry", "inner0") as behind:
        lab.eventually("the session", "up", lambda: lab.box.get("gate.session"))
        page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
        lab.check("the decoy by name", "no page", str(page), page.status == 0)
        answer = lab.pc.dns(t.DECOY_NAME)
        lab.check("its name", "REFUSED", str(answer), answer.status == "REFUSED")
        with lab.capture("lan", "pc0", f"icmp or host {t.DECOY}") as lan:
            page = lab.pc.curl(f"https://{t.DECOY_NAME}/", connect_to=t.DECOY)
        longest = lan.waits(lab.pc.address)[:1]
        lab.check(f"the decoy by address ({page.seconds:.1f} s: no hanging)", "no page, refused within 2 s",
                  f"{page}; {longest}", page.status == 0 and longest and longest[0][0] < 2)
        tried = {f"{a}:{p}": lab.pc.tcp(a, p) for a, p in
                 ((t.UNLISTED, 443), (t.REGISTRY, 80), (t.REGISTRY, 8443), (t.HUB_INNER, 443), (t.INNER_DNS, 853),
                  (t.HUB, 443), (t.HUB, 80))}
        lab.check("the hub's other addresses and ports", "none is open",
                  ", ".join(f"{k} {v}" for k, v in tried.items()), "open" not in tried.values())
        answer = lab.pc.dns(t.REGISTRY_NAME, server=t.OTHER_DNS)
        lab.check("another DNS server: the box answers in its place", f"NOERROR {t.REGISTRY}", str(answer))
        lab.check("and the other server was asked", "0 times", f"{lab.other_dns.asked(t.REGISTRY_NAME) - before} times")
        seen = lab.pc.udp(t.REGISTRY, 443)
        lab.check("the registry by QUIC (udp/443)", "no answer", seen, seen != "answer")
        lab.pc.ipv6()
        found = []
        scan = threading.Thread(target=lambda: found.extend(lab.pc.scan(t.BOX_LAN, range(1, 2049), surely=[53])))
        scan.start()
        seen = [lab.pc.tcp(t.DECOY6, 443, 1), lab.pc.tcp(t.HUB6, 500, 1), "answer" if lab.pc.ping(t.DECOY6) else "silent"]
        lab.check("IPv6: the decoy, the hub, a ping", "nothing answers", ", ".join(seen),
                  "open" not in seen and "answer" not in seen)
        scan.join()
        lab.check("the box's own TCP ports, 1 to 2048", [53], found)
    lab.check("packets of the box to anybody but the hub and the line's servers", [], wire.strangers())
    lab.check("packets in clear that show the registry", [], wire.clear() + wire.marked())
    lab.check("IPv6 packets of the PC on the line", [], [p.what() for p in wire.packets() if p.src == t.PC6])
    got = sorted({f"{'tcp' if p.proto == 6 else 'udp' if p.proto == 17 else p.proto} {p.dst}:{p.dport}"
                  for p in behind.packets() if p.kind == "ip" and p.src.startswith("10.99.")})
    allowed = {f"tcp {t.REGISTRY}:443", f"udp {t.INNER_DNS}:53", f"tcp {t.INNER_DNS}:53"}
    lab.check("what came out behind the hub", "the registry's page, the box's DNS", got,
              set(got) <= allowed and f"tcp {t.REGISTRY}:443" in got)


def plain_words(lab):
    """`sekisho status` at the console reports it."""
    with lab.busy():      # (earlier checks may have taken longer than the idle time)
        lab.eventually("the session", "up", lambda: lab.box.get("gate.session"))
        text = lab.box.cli("status")
    first = next((line for line in text.split("\n") if line.strip()), "")
    lab.check("the console's status begins", "Connected: ...", first, first.startswith("Connected"))


def idle_end(lab, idle):
    """A last page, then silence: the session ends after the idle time.

    Measured by the box's own clock, because when the lab notices depends on this machine's load.
    """
    def clock():
        return datetime.datetime.fromisoformat(pick(lab.box.status(), "now")).timestamp()
    lab.session()
    before = clock()
    page = lab.page(f"https://{t.REGISTRY_NAME}/")
    after = clock()
    good, status, _ = lab.box.wait(lambda s: pick(s, "gate.session") == "idle", idle + 240)
    ended = [line.split()[0] for line in lab.box.log() if " session.end " in line]
    end = datetime.datetime.fromisoformat(ended[-1]).timestamp() if ended else after + 999
    lab.check(f"the session ends after {idle} s without traffic ({end - after:.0f} s)", "idle",
              f"{pick(status, 'gate.session')}, {end - before:.0f} s after the page was asked for, "
              f"{end - after:.0f} after it came",
              good and page.status == 200 and before + idle - 2 <= end <= after + idle + 10)
    lab.eventually("tunnels at the hub", 0, lab.hub.installed)
    lab.log_says("the log says why", "session.end")


def held_dies(lab):
    """A connection to the decoy that was open before the session is dead within a second of its start."""
    held = lab.pc.hold(t.DECOY, t.DECOY_NAME)
    if not lab.eventually("a connection to the decoy before the session", "alive, ten answers",
                          lambda: f"{'alive' if held.alive() else 'dead'}, {held.answers} answers", 20,
                          lambda seen: held.alive() and held.answers >= 10):
        return
    # The session's start as seen by the PC: the first answer for the registry's name. Both times are from the capture at the
    # PC's interface, so it does not matter when the PC's programs notice.
    with lab.capture("lan", "pc0", f"udp port 53 or ( tcp and host {t.DECOY} )") as lan:
        answer = lab.answer(t.REGISTRY_NAME)
        time.sleep(2)
        lab.eventually("the connection is silent", True, lambda: not held.alive(1.5), 60)
    lab.check("the session starts", f"NOERROR {t.REGISTRY}", str(answer))
    packets = list(lan.packets())
    started = max((p.time for p in packets if p.sport == 53 and socket.inet_aton(t.REGISTRY) in p.payload), default=0)
    late = max((p.time for p in packets if p.src == t.DECOY and p.payload), default=0) - started
    lab.check("the connection's last answer, after the session's start", "under 1 s",
              f"{late:+.2f} s" if started else "the capture has seen no start", started and late < 1.0)
    lab.check("how it ended", "dead", f"dead ({held.how})" if not held.alive(1.5) else "alive", not held.alive(1.5))
    held.close()


class Transfer:
    """A connection of the PC to the registry with ten answers a second, and its longest silence.

    The usual delay measured at first is what an answer takes on this machine; raised: the seconds it took to establish the
    tunnel. Rekeying and reauthentication cost the box the same computations.
    """

    def __init__(self, lab, raised=0.0):
        self.lab, self.raised = lab, raised
        self.held = lab.pc.hold(t.REGISTRY, t.REGISTRY_NAME, 443, tls=lab.pc.tls(), patience=240)
        lab.eventually("a transfer", "goes on", lambda: "goes on" if self.held.answers > 3 else "begins")
        self.held.silence()
        time.sleep(1)
        self.usual = max(self.held.silence(), 0.1)

    def unbroken(self, what, limit=3):
        """It lives, and was not silent for longer than that since the last call, on an idle machine.

        On a busy one each answer takes longer: add ten times the usual delay, and twice the time of a slow tunnel.
        """
        limit += 10 * max(0, self.usual - 0.15) + 2 * max(0, self.raised - 3)
        self.lab.eventually(f"{what}: the transfer goes on", True, lambda: self.held.alive(1.0))
        longest = self.held.silence()
        self.lab.check(f"{what}: its longest silence", f"under {limit:.1f} s", f"{longest:.2f} s", longest < limit)

    def close(self):
        self.held.close()
