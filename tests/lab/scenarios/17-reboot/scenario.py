import checks
from box import pick

GROUP = "shipped, last"


def number(line):
    return int(line.split()[1])


def run(lab):
    lab.up()
    lab.boot()
    lab.ready()
    lab.session()
    serial = lab.box.get("enroll.serial")
    log = lab.box.log()
    lab.check("the log before", "some lines", f"{len(log)} lines", len(log) > 3)
    # A line is durable as soon as a later one is visible: lines are written and synced before the next ones.
    lab.eventually("the log goes on after these lines", f"beyond number {number(log[-1])}", lambda: number(lab.box.log()[-1]), 30,
                   lambda n: n > number(log[-1]))
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
    lost = [line for line in log[-5:] if line not in after]
    lab.check("of the last five lines of the old log, missing in the new one", [], lost)
    numbers = [number(line) for line in after]
    lab.check("its numbers go on, none is missing", "yes",
              "yes" if numbers == list(range(numbers[0], numbers[0] + len(numbers))) else numbers)
    checks.session(lab)
