"""A whole lab: namespaces, servers, the PC, the capture point and a box. The object `lab` of a scenario."""

import threading
import time

import beside
import box as boxes
import net
import pc
import pki
import servers
import topology as t
import warm
import wire

LAB_SERVICE = "configs/services/lab.conf"
PATIENCE = 240       # seconds to wait for what must happen; only a failure takes so long, even on a busy machine
HELD = 7.0           # seconds: the box gives up a query that waits for a tunnel after eight


class Testbed:
    def __init__(self, folder, report):
        self.folder, self.report = folder, report
        self.check, self.say, self.skip = report.check, report.say, report.skip
        self.box = None
        self.captures = 0
        self.keeper = warm.keeper()
        self.key = None           # of the box that is to be saved when it is ready
        self.machines = []       # others that are switched off with it
        pki.ensure()
        net.build(self.keeper is not None)
        self.issuer = pki.Issuer(f"{folder}/issuer")
        self.isp = servers.Line(folder)
        self.other_dns = servers.Dnsmasq("public", folder, "other-dns", t.OTHER_DNS,
                                         {t.DECOY_NAME: [t.DECOY], t.REGISTRY_NAME: [t.DECOY]})
        self.ntp = servers.Ntp(folder)
        self.hub = servers.Hub(folder)
        self.est = servers.Est(folder, self.issuer)
        self.registry = servers.Registry(folder)
        self.inner_dns = servers.InnerDns(folder)
        self.decoy = servers.Decoy(folder)
        self.hub2 = servers.Hub(folder, centre=servers.SECOND)
        self.registry2 = servers.Registry2(folder)
        self.inner_dns2 = servers.InnerDns(folder, servers.SECOND)
        self.pc = pc.Pc(folder)

    # ---- environment

    def up(self, without=(), second=False):
        """Start every server but those named in `without` (attribute names); second: the second centre's too."""
        names = [n for n in ("isp", "other_dns", "ntp", "hub", "est", "registry", "inner_dns", "decoy")
                 if n not in without] + ["hub2", "registry2", "inner_dns2"] * second
        for n in names:
            getattr(self, n).spawn()
        for n in names:
            getattr(self, n).settle()
        self.report.step("the surroundings are up")

    def down(self):
        """Orderly, so that the same process can bring up another box; the kernel would do it all anyway."""
        for machine in self.machines:
            machine.cut_power()
        if self.box and self.keeper and self.box.process and self.keeper.ask("live"):
            self.box.leave()
        elif self.box:
            self.box.cut_power()
        if self.keeper:
            for ns in t.NAMESPACES:
                for i in ns.interfaces:
                    if i.peer.startswith("tap:"):
                        net.give_back(ns.name, i.name)

    @staticmethod
    def packages(wanted):
        """Where the packages of that list are extracted (scripts/packages); None: they were not to be had."""
        with open(f"build/lab/packages/{wanted.replace('/', '-')}", encoding="utf-8") as f:
            return f.read().strip() or None

    # ---- the box's configuration

    def site(self, outside=None, idle="10 min", session=None, server=None, fingerprint=None, device=t.DEVICE,
             password=t.EST_PASSWORD, extra="", hosts=()):
        """The text of a site file for this lab. extra: lines for [site]; hosts: lines of [hosts]."""
        lines = ["# Written by the lab.", "[site]", "name = 試験病院 (lab)", "service = lab", f"idle = {idle}"]
        lines += [f"outside-session = {outside}"] if outside else []
        lines += [f"session = {session}"] if session else []
        lines += [extra] if extra else []
        lines += ["", "[hosts]", *hosts] if hosts else []
        lines += ["", "[wan]", "mode = dhcp", "", "[enroll]", f"server = {server or f'{t.EST_NAME}:{t.EST_PORT}'}",
                  f"ca-fingerprint = {fingerprint or pki.fingerprint()}", f"username = {t.EST_USER}",
                  f"password = {password}", f"device = {device}"]
        return "\n".join(lines) + "\n"

    def service(self, encapsulation=None):
        """The lab's service file, as shipped in configs/, or forced to ESP in UDP."""
        with open(LAB_SERVICE) as f:
            text = f.read()
        return text.replace("[tunnel]\n", f"[tunnel]\nencapsulation = {encapsulation}\n") if encapsulation else text

    def both_services(self):
        """The service files of both centres; the site file needs `service = lab2` besides."""
        return {"lab": self.service(), "lab2": f"""[service]
title = Second registry (試験用)
number = 2
[tunnel]
hub = {t.HUB2}
hub-id = {t.HUB2_NAME}
remote = {t.INNER2_NET}
[dns]
resolver = {t.INNER2_DNS}
[allow]
name = {t.REGISTRY2_NAME} tcp/443 tls
"""}

    # ---- the box

    def make_box(self, site=None, services=None, check=True):
        """A box with a fresh disk and these files; not started."""
        self.box = boxes.Box(self.folder, keeper=self.keeper)
        self.box.fresh_disk()
        self.box.provision(site if site is not None else self.site(), {"lab": self.service()} if services is None
                           else services, check)
        return self.box

    def boot(self, site=None, services=None, check=True, lab_image=False, **start):
        """Make a box and boot it; returns when its console answers.

        In a group of scenarios (warm.py): or take the one that is warm, if it is the same.
        """
        if self.keeper and self._warm(site, services, lab_image or start):
            return self.box
        self.make_box(site, services, check)
        if lab_image:
            start["kernel"] = boxes.LAB_KERNEL
        self.report.step("the disk is written")
        self.box.start(**start)
        self.report.step("the console answers")
        if lab_image and not self.box.agent.up(30):
            raise boxes.BoxError("this is not the lab image: its agent does not answer")
        return self.box

    def ready(self, timeout=PATIENCE, dhcp=False):
        """Wait until the box has its certificate in charon and waits for a session; the PC has an address then.

        By hand, unless dhcp: the box's DHCP server looks around for two seconds before it gives one.
        """
        good, status, seconds = self.box.wait(is_ready, timeout)
        if not good:
            raise boxes.BoxError(f"not ready after {timeout} s: "
                                 f"{self.box.sentences() or status.get('headline', {}).get('text')}")
        self.report.step("certificate in charon, time confirmed")
        if self.key:
            self._save()
        if not dhcp:
            self.pc.fixed()
        elif not self.pc.dhcp():
            raise boxes.BoxError("the PC got no address from the box")
        return seconds

    def _warm(self, site, services, how):
        """The group's box, if there is one like this; else the one that is booted now is saved when it is ready."""
        if self.box is not None:
            self.key = None
            return False
        self.key = warm.key(site or self.site(), services or {"lab": self.service()}, how)
        state, live = self.keeper.ask("saved", key=self.key)
        if not state:
            return False
        self.box = boxes.Box(self.folder, keeper=self.keeper)
        if self.box.load(state, live) and self.box.wait(is_ready, 60)[0]:
            if not live:
                self.keeper.ask("save", key=self.key, state=state)
            self.issuer.take(f"{self.keeper.folder}/issuer-{self.key[:8]}")
            self.key = None
            if self.est.process:
                self.est.restart()
            self.report.step("the group's box goes on from where it was ready")
            return True
        self.say(f"the group's box is not ready, a fresh one is booted: {self.box.sentences()}")
        self.box.cut_power()
        self.box = None
        return False

    def _save(self):
        self.keeper.ask("save", key=self.key, state=self.box.save())
        self.issuer.give(f"{self.keeper.folder}/issuer-{self.key[:8]}")
        self.key = None
        self.report.step("its state is saved for the group")

    def answer(self, name, **more):
        """The PC asks the box for a name; again if the hold timed out before the tunnel was up."""
        return self._held(lambda: self.pc.dns(name, timeout=40, **more), lambda answer: answer.status == "NOERROR")

    def page(self, url, **more):
        """A page of a listed name; again if the hold of its query timed out before the tunnel was up."""
        return self._held(lambda: self.pc.curl(url, **{"timeout": 40, **more}), lambda page: page.status != 0)

    @staticmethod
    def _held(ask, good):
        """A failure before the box's own time-out is an error. On a slow machine a tunnel may take longer than that."""
        slow, end = False, time.monotonic() + PATIENCE
        while True:
            seen = ask()
            slow = slow or seen.seconds > HELD
            if good(seen) or not slow or time.monotonic() > end:
                return seen
            time.sleep(1)

    def session(self):
        """The PC opens the registry's page; the page. Raises when it does not come."""
        end = time.monotonic() + PATIENCE
        while True:
            page = self.pc.curl(f"https://{t.REGISTRY_NAME}/", timeout=40)
            if servers.MARKER in page.body or time.monotonic() > end:
                break
            time.sleep(1)
        if servers.MARKER not in page.body:
            raise boxes.BoxError(f"no session: {page}; {self.box.sentences()}")
        return page

    def busy(self, every=2):
        """Meanwhile the PC uses the registry, so that there is a session and it is not idle."""
        return beside.repeat(lambda: self.pc.curl(f"https://{t.REGISTRY_NAME}/"), every)

    # ---- the wire

    def capture(self, ns="wan", interface="line0", expression="", big=False, longest=0):
        """A capture of the uplink (or of another interface), used with `with`."""
        self.captures += 1
        return wire.Capture(f"{self.folder}/capture-{self.captures}.pcap", ns, interface, expression, big,
                            longest)

    # ---- checks

    def eventually(self, what, expected, ask, timeout=PATIENCE, good=None, step=0.25):
        """Ask until it is as expected. The line says how long it took."""
        begin = time.monotonic()
        while True:
            seen = ask()
            holds = seen == expected if good is None else good(seen)
            seconds = time.monotonic() - begin
            if holds or seconds > timeout:
                break
            time.sleep(step)
        return self.check(f"{what} ({seconds:.1f} s)", expected, seen, holds)

    def _line(self, what, words, ask, timeout):
        """Wait until ask() returns a line with all these words."""
        none = "no such line"

        def find():
            return next((line.strip() for line in reversed(ask()) if all(w in line for w in words)), none)
        return self.eventually(what, f"a line with {' and '.join(words)}", find, timeout, lambda line: line != none, 0.5)

    def log_says(self, what, *words, timeout=PATIENCE):
        """The audit log has a line with all these words."""
        return self._line(what, words, self.box.log, timeout)

    def status_says(self, what, *words, timeout=PATIENCE):
        """`sekisho status` has a line for people with all these words."""
        return self._line(what, words, lambda: self.box.cli("status").split("\n"), timeout)

    def closed(self, what="the LAN is closed"):
        """Check that nothing passes: neither to a listed nor to any other address, by TCP, UDP or ping."""
        seen = {}

        def attempt(name, ask, *args):
            seen[name] = ask(*args)
        # TCP less than a second: a retransmission would start a session if the address was allowed recently.
        attempts = [(f"tcp {address}:{port}", self.pc.tcp, address, port, 0.6)
                    for address, port in ((t.REGISTRY, 443), (t.DECOY, 443), (t.DECOY, 80))]
        attempts += [(f"udp {t.DECOY}:443", lambda: self.pc.udp(t.DECOY, 443)),
                     (f"ping {t.DECOY}", lambda: "answer" if self.pc.ping(t.DECOY, 1, 0.6) else "silent")]
        with self.capture() as capture:
            threads = [threading.Thread(target=attempt, args=a) for a in attempts]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        out = [p.what() for p in capture.packets(from_box=True) if p.dst in (t.REGISTRY, t.DECOY)]
        opened = [k for k, v in seen.items() if v in ("open", "answer")] + out
        opened += [f"{a[0]} was not tried" for a in attempts if a[0] not in seen]
        return self.check(what, "nothing passes", opened or "nothing passes", not opened)


def is_ready(status):
    return (boxes.pick(status, "enroll.loaded") == "yes" and boxes.pick(status, "gate.credentials", "yes") == "yes"
            and boxes.pick(status, "gate.session") == "idle" and boxes.pick(status, "wan.link") == "up"
            and boxes.pick(status, "clock.trusted") == "yes")
