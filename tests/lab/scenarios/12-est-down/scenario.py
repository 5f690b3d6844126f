import checks
from box import pick


def run(lab):
    lab.up(without=("est",))
    lab.boot()
    lab.pc.fixed()
    good, status, _ = lab.box.wait(lambda s: pick(s, "enroll.phase") == "waiting" and pick(s, "enroll.fault") != "", 120)
    lab.check("the status says it", "a sentence about the certificate server", pick(status, "enroll.fault"), good)
    code = pick(status, "enroll.cause", {}).get("code")
    lab.check("and which cause it is", "est-unreachable or est-unresolved", code, code in ("est-unreachable", "est-unresolved"))
    lab.closed()
    lab.eventually("alert LED", "on", lambda: lab.box.leds.shows("alert"))
    lab.est.start()
    checks.enrolled(lab, dhcp=False)
    lab.eventually("alert LED afterwards", "off", lambda: lab.box.leds.shows("alert"))
    checks.session(lab)
    lab.log_says("the log says why", "cert.failed")
