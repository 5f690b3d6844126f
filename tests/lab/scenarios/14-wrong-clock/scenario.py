import datetime

import box
import checks
from box import pick


def run(lab):
    lab.up()
    lab.boot(clock=box.years(-9))
    checks.enrolled(lab, dhcp=False)
    checks.session(lab)
    lab.box.cut_power()
    lab.ntp.stop()
    lab.boot(clock=box.years(14))
    lab.pc.fixed()
    status = lab.box.status()
    lab.check("the time, with no time server", "not trusted",
              "trusted" if pick(status, "clock.trusted") == "yes" else "not trusted")
    lab.eventually("the status says it", "clock-unsure", lambda: [p["id"] for p in lab.box.problems(lab.box.status())], 240,
                   lambda problems: "clock-unsure" in problems)
    lab.closed()
    lab.ntp.start()
    checks.enrolled(lab, dhcp=False)
    checks.session(lab)
    status = lab.box.status()
    wrong = abs(datetime.datetime.fromisoformat(pick(status, "now")).timestamp() - box.years(0).timestamp())
    lab.check("the clock now", "right within a minute", f"{wrong:.0f} s wrong", wrong < 60)
    lab.check("and trusted", "yes", pick(status, "clock.trusted"))
