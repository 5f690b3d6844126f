import fault


def run(lab):
    fault.killed(lab, "gate", ("gate.start",))
