import leak


def run(lab):
    leak.run(lab, leak.Plan(seconds=28, cycles=40, kills=10, rate=1200, seed=3, patience=150))
