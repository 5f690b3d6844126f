import fault

GROUP = "lab-image"


def run(lab):
    fault.killed(lab, "dns", ("fault", "dns"))
