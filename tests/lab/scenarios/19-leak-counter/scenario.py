import leak


def run(lab):
    leak.run(lab, leak.Plan(seconds=44, cycles=30, kills=9, rate=1500, seed=3))
