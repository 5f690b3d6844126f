"""`make run`: the main job step by step, with expected and seen values; then a prompt for experiments."""

import os
import shlex
import subprocess
import sys
import time

import box as boxes
import checks
import report
import topology as t
import testbed
from box import pick

HELP = f"""  pc COMMAND...    as the PC: pc curl https://{t.REGISTRY_NAME}/    pc dig {t.DECOY_NAME}    pc sh
  box COMMAND...   at the box's console: box status    box log    box cert show    box session end    box help
  box              the console itself, until Ctrl-]
  hub              the tunnels as the hub sees them
  wire             what is on the line in the next 5 seconds
  cable out|in     pull out or plug in the box's WAN cable
  power            cut the power of the box and give it back
  topology         the lab as text
  quit             end; everything is cleaned up"""


class Demo:
    def __init__(self, folder):
        self.terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self.report = report.Report("", sys.stdout.isatty(), lambda text: print(text, flush=True))
        self.number = 0
        self.lab = testbed.Testbed(folder, self.report)

    def chapter(self, title, *lines):
        self.number += 1
        print(f"\n{self.number}. {title}", flush=True)
        for line in lines:
            print(f"   {line}", flush=True)

    def tell(self):
        begin = time.monotonic()
        self.closed_site()
        self.internet_site()
        print(f"\n{self.report.passed} as expected, {self.report.failed} not, in {time.monotonic() - begin:.0f} s")

    def closed_site(self):
        lab = self.lab
        self.chapter("The surroundings",
                     "A hub (stock strongSwan), a registry behind it (nginx), an EST server (libest), DNS, a decoy,",
                     "a PC: each in a network namespace of its own. `make topology` draws them.")
        begin = time.monotonic()
        lab.up()
        lab.say(f"up after {time.monotonic() - begin:.1f} s")

        self.chapter("The box starts", "The real image in QEMU, with nothing but its site file. It makes a key, and enrols "
                     "over EST.")
        begin = time.monotonic()
        lab.boot(lab.site(idle="10 s"))
        lab.say(f"its console answers after {time.monotonic() - begin:.1f} s")
        checks.enrolled(lab)
        lab.closed("before a session nothing passes from the LAN")

        self.chapter("The PC opens the registry",
                     "It asks for a name; the box raises the tunnel, closes the LAN but for that name, then answers.")
        checks.session(lab)

        self.chapter("In that session the PC reaches nothing else")
        checks.nothing_else(lab)

        self.chapter("`sekisho status` at the box's console")
        checks.plain_words(lab)
        self.quote(lab.box.cli("status"))

        self.chapter("Nobody works for 10 s", "The session ends by itself; the site file says `closed`.")
        checks.idle_end(lab, 10)
        lab.closed("nothing passes from the LAN")

    def internet_site(self):
        lab = self.lab
        self.chapter("The same box at a site that allows the internet outside sessions",
                     "Power off, another site file on the same disk, power on: the certificate is still there.")
        issued = len(lab.issuer.issued())
        lab.box.cut_power()
        lab.box.provision(lab.site(outside="internet", idle="10 min" if self.terminal else "10 s"), {"lab": lab.service()})
        lab.box.start()
        lab.ready()
        lab.check("certificates issued by the EST server in all", issued, len(lab.issuer.issued()))
        page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
        lab.check("the decoy before the session", "page 200", str(page), page.status == 200)
        checks.held_dies(lab)
        with lab.busy():
            page = lab.pc.curl(f"https://{t.DECOY_NAME}/", connect_to=t.DECOY)
        lab.check("the decoy in the session", "no page", str(page), page.status == 0)
        if self.terminal:
            return
        checks.idle_end(lab, 10)
        page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
        lab.check("the decoy after it", "page 200", str(page), page.status == 200)

    @staticmethod
    def quote(text):
        for line in text.split("\n"):
            print("    | " + line)

    # ---- afterwards, on a terminal

    def stay(self):
        print("\nThe box is up. Try it; `quit` or Ctrl-D ends.\n" + HELP)
        while True:
            try:
                line = input("\nlab> ").strip()
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                print()
                continue
            word, _, rest = line.partition(" ")
            if word in ("quit", "exit"):
                return
            try:
                if word:
                    self.command(word, rest.strip())
            except KeyboardInterrupt:
                print()
            except (boxes.BoxError, RuntimeError, OSError, ValueError) as e:
                print(e)

    def command(self, word, rest):
        lab = self.lab
        if word == "pc":
            self.as_pc(rest)
        elif word == "box" and rest:
            print(lab.box.cli(rest, 95) or "(the console says nothing)")
        elif word == "box":
            self.console()
        elif word == "hub":
            print(lab.hub.swanctl("--list-sas").stdout or "no tunnel")
        elif word == "wire":
            with lab.capture() as wire:
                time.sleep(5)
            print("  ".join(f"{n} {kind}" for kind, n in wire.counts().items()))
            print("in clear with an inner address:", report.text(wire.clear()))
        elif word == "cable" and rest in ("out", "in"):
            lab.box.cable("wan", rest == "in")
        elif word == "power":
            lab.box.cut_power()
            lab.box.start()
            lab.ready()
            print("on again; " + pick(lab.box.status(), "headline.text"))
        elif word == "topology":
            print(t.draw())
        else:
            print(HELP)

    @staticmethod
    def as_pc(rest):
        """A command in the PC's namespace, with this terminal. curl trusts the lab's web CA."""
        words = shlex.split(rest) or ["sh"]
        environment = dict(os.environ, CURL_CA_BUNDLE=testbed.pki.path("web.crt"), PS1="pc$ ")
        subprocess.run(["ip", "netns", "exec", "lan", *words], env=environment)

    def console(self):
        """The box's console on this terminal."""
        import termios
        import tty
        console, fd = self.lab.box.console, sys.stdin.fileno()
        print("(the box's console; Ctrl-] goes back)")
        saved = termios.tcgetattr(fd)

        def show(block):
            os.write(1, block)
        with console.changed:
            console.watchers.append(show)
        try:
            tty.setraw(fd)
            console.send("\r")
            while True:
                keys = os.read(fd, 256)
                if not keys or b"\x1d" in keys:
                    break
                console.send(keys.decode(errors="replace"))
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, saved)
            with console.changed:
                console.watchers.remove(show)
            print()


def tell(folder):
    """Returns the exit status."""
    demo = None
    try:
        demo = Demo(folder)
        demo.tell()
    except (boxes.BoxError, RuntimeError, OSError) as e:
        print(f"\nIt stops here: {e}")
        if demo:
            demo.report.failed += 1
    good = demo is not None and demo.report.failed == 0
    if demo and demo.lab.box and not good:
        print("The console ends:")
        demo.quote(demo.lab.box.console_tail())
    if demo and demo.terminal and demo.lab.box and demo.lab.box.process:
        demo.stay()
    if demo:
        demo.lab.down()
    print("\nTo look further: `make run` on a terminal stays up with a prompt; `make lab` runs every scenario;\n"
          "configs/firewall.nft is the whole packet filter; tests/lab/README.md explains this lab.\n"
          + ("Everything was as expected." if good else f"Not everything was as expected. Logs of this run: {folder}"))
    return 0 if good else 1
