import hostile

GROUP = "shipped"

frames, liars, ports = (hostile.module(__file__, name) for name in ("frames", "liars", "ports"))


def run(lab):
    lab.up()
    lab.boot(lab.site())
    lab.ready()
    lab.pc.ipv6()
    trial = hostile.Trial(lab, frames.attack + liars.attack + ports.attack)
    lab.session()
    trial.session()
    ports.scans(lab, trial)
