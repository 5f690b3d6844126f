from box import pick

GROUP = "shipped, last"


def shows(lab, name):
    return lambda: lab.box.leds.shows(name)


def run(lab):
    lab.up()
    lab.boot()
    lab.ready()
    lab.eventually("power, ready", "on", shows(lab, "power"))
    lit = [value for _, name, value in lab.box.leds.history if name == "alert"]
    lab.check("alert during a normal start", "never lit", "lit" if any(lit) else "never lit")
    lab.eventually("vpn, no session", "off", shows(lab, "vpn"))
    lab.eventually("alert, all well", "off", shows(lab, "alert"))
    lab.session()
    lab.eventually("vpn, tunnel up", "on", shows(lab, "vpn"))
    lab.box.cli("session end")
    lab.eventually("vpn, tunnel down", "off", shows(lab, "vpn"))
    lab.box.cut_power()
    lab.boot(lab.site(password="not-the-password"))
    lab.box.wait(lambda s: pick(s, "enroll.phase") == "alarm", 120)
    lab.eventually("alert, the certificate server refuses the password", "on", shows(lab, "alert"))
    lab.say("the box says: " + lab.box.sentences())
