import judge
from box import pick


def run(lab):
    lab.up()
    lab.boot()
    lab.ready()
    lab.session()
    serial = lab.box.get("enroll.serial")
    log = lab.box.log()
    lab.check("the log before", "some lines", f"{len(log)} lines", len(log) > 3)
    lab.box.cut_power()
    lab.box.start()
    session = lab.box.get("gate.session")
    lab.check("the session after the start", "not up", session or "the gate is not there yet", session != "up")
    lab.closed("after the start the LAN is closed")
    lab.ready()
    status = lab.box.status()
    lab.check("the certificate", serial, pick(status, "enroll.serial"))
    lab.check("certificates issued", 1, len(lab.issuer.issued()))
    after = lab.box.log()
    kept = [line for line in log[-5:] if line in after]
    lab.check("the last lines of the old log are there", 5, len(kept))
    numbers = [int(line.split()[1]) for line in after]
    lab.check("its numbers go on, none is missing", "yes",
              "yes" if numbers == list(range(numbers[0], numbers[0] + len(numbers))) else numbers)
    judge.session(lab)
