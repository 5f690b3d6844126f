"""A program of the box is killed in a session: the checks common to all programs."""

import threading
import time

import checks
import topology as t
from box import pick


def number(line):
    """The number of a line of the audit log; -1: not a line of the log."""
    words = line.split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else -1


def killed(lab, process, log):
    """process: the program's name; log: words of the line with the reason, new since the kill."""
    lab.up()
    lab.boot(lab_image=True)
    lab.ready()
    lab.session()
    struck(lab, process, "-9", log)


def struck(lab, process, how, log, patience=240):
    """In a session: how: the argument of `kill`; patience: seconds until a new process must run."""
    before = lab.box.root(f"pidof {process}").strip()
    newest = number(lab.box.log()[-1])
    with lab.capture() as wire:
        begin = time.monotonic()
        lab.box.root(f"kill {how} {before}")
        # The next moments are the critical ones.
        decoy = []

        def try_it():
            while time.monotonic() - begin < 2.0 or len(decoy) < 5:
                decoy.append(lab.pc.tcp(t.DECOY, 443, 0.2))
        trying = threading.Thread(target=try_it)
        trying.start()
        lab.eventually(f"a new {process} runs", f"not only {before}", lambda: lab.box.root(f"pidof {process}").strip(),
                       patience, lambda now: bool(set(now.split()) - set(before.split())))
        good, status, _ = lab.box.wait(lambda s: pick(s, "gate.session") in ("idle", "up")
                                       and pick(s, "enroll.loaded") == "yes" and pick(s, "gate.charon") == "up"
                                       and pick(s, "gate.names") == "running", 300)
        trying.join()
        lab.check(f"the decoy in the two seconds after kill {how} {process}", "never open",
                  "open" if "open" in decoy else "never open")
        lab.check(f"the box is sound again ({time.monotonic() - begin:.1f} s)", "idle or up",
                  pick(status, "gate.session"), good)
        if pick(status, "gate.session") == "idle":
            seen = lab.pc.tcp(t.REGISTRY, 443, 0.9)  # a retransmission would start a session
            lab.check("the registry by address, with the old tunnel", "not open", seen, seen != "open")
            lab.closed("the LAN until the next session")
    lab.check("packets in clear meanwhile", [], wire.clear() + wire.marked())
    lab.check("packets of the box to strangers meanwhile", [], wire.strangers())
    lab.box.wait(lambda s: pick(s, "gate.credentials", "yes") == "yes", 240)
    checks.session(lab)
    fresh = [line for line in lab.box.log() if number(line) > newest and all(w in line for w in log)]
    lab.check("the log says why", f"a new line with {' and '.join(log)}", fresh[:1] or "no such line", bool(fresh))
