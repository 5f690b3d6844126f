import checks
import topology as t
from box import pick

GROUP = "lab-image, last"


def full(lab):
    """Fill the disk; returns the KiB still free."""
    lab.box.root("cat /dev/zero >/state/filler 2>/dev/null; echo x >>/state/filler2 2>/dev/null; sync")
    return int(lab.box.root("df -k /state | tail -n 1").split()[3])


def complains(lab, what):
    """Cause events until the log's last block is full; then the status must report it."""
    def ask():
        # (What PCs can cause at will has a small allowance in the log; sessions have not.)
        for _ in range(4):
            lab.box.cli("session end")
            lab.pc.dns(t.REGISTRY_NAME, timeout=40)
        return [s["id"] for s in lab.box.problems(lab.box.status())]
    lab.eventually(f"{what}: the status names the fault", "audit-says", ask, 240, lambda ids: "audit-says" in ids)
    lab.status_says(f"{what}: and what to do", "ask for a replacement box")
    lab.eventually(f"{what}: the alert LED", "on", lambda: lab.box.leds.shows("alert"))


def page(lab, what):
    answer = lab.answer(t.REGISTRY_NAME)
    seen = lab.page(f"https://{t.REGISTRY_NAME}/")
    lab.check(what, f"NOERROR {t.REGISTRY}, 200", f"{answer}, {seen.status}")


def run(lab):
    lab.up()
    lab.boot(lab_image=True)
    lab.ready()
    lab.session()
    number = int(lab.box.log()[-1].split()[1])
    left = full(lab)
    lab.check("free on the state partition when it is filled", "4 KiB at most", f"{left} KiB", left <= 4)
    page(lab, "the page, with the disk full")
    complains(lab, "in a session")
    lab.box.cli("session end")
    lab.box.cut_power()
    lab.box.start(kernel="build/lab/bzImage")
    lab.box.agent.up(30)
    lab.closed("after the start the LAN is closed")
    lab.ready()
    left = full(lab)
    lab.check("free after the start", "4 KiB at most", f"{left} KiB", left <= 4)
    checks.session(lab)
    checks.nothing_else(lab)
    complains(lab, "after the start")
    lab.box.root("rm /state/filler /state/filler2")
    lab.eventually("with room again: problems", [], lambda: [s["id"] for s in lab.box.problems(lab.box.status())], step=2)
    numbers = [int(line.split()[1]) for line in lab.box.log()]
    lab.check("the log's numbers go on", f"more than {number}, each once and in order", numbers[-1:],
              numbers[-1] > number and numbers == sorted(set(numbers)))
    lab.eventually("the alert LED", "off", lambda: lab.box.leds.shows("alert"))
    assert pick(lab.box.status(), "audit.fault") == ""
