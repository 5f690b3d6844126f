import fault


def run(lab):
    fault.killed(lab, "names", ("fault", "names"))
