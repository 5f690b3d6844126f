import fault


def run(lab):
    fault.killed(lab, "charon", ("session.end", "charon"))
