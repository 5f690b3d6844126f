import checks
from box import pick

GROUP = "shipped"


def run(lab):
    lab.up()
    lab.boot()
    lab.ready()
    lab.session()
    lab.box.cable("wan", False)
    good, status, seconds = lab.box.wait(lambda s: pick(s, "wan.link") == "down" and pick(s, "gate.session") != "up", 240)
    lab.check(f"the session is over ({seconds:.1f} s)", "not up", pick(status, "gate.session"), good)
    lab.check("the tunnel", "down", pick(status, "gate.tunnel"))
    lab.closed("the LAN with the cable out")
    said = lab.box.sentences()
    lab.check("the status says it", "a sentence about the line", said, "line" in said)
    lab.box.cable("wan", True)
    good, status, seconds = lab.box.wait(lambda s: pick(s, "wan.link") == "up" and pick(s, "gate.session") == "idle", 240)
    lab.check(f"the line is back ({seconds:.1f} s)", "up, idle",
              f"{pick(status, 'wan.link')}, {pick(status, 'gate.session')}")
    lab.closed("the LAN before the next session")
    checks.session(lab)
    lab.log_says("the log says why", "session.end")
