import fault

GROUP = "lab-image"


def run(lab):
    fault.killed(lab, "charon", ("session.end", "charon"))
