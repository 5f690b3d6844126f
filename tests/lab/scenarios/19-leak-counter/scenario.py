import leak


def run(lab):
    leak.run(lab, leak.Plan(seconds=46, cycles=40, kills=8, rate=1500, seed=3))
