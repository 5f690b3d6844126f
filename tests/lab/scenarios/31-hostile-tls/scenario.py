import os
import sys

import hostile
import topology as t

sys.path.insert(0, os.path.dirname(__file__))

import names       # noqa: E402
import segments    # noqa: E402
from tries import GOOD, hello, talk    # noqa: E402

GROUP = "shipped"


def run(lab):
    lab.up()
    lab.boot(lab.site())
    lab.ready()
    trial = hostile.Trial(lab, names.attack + segments.attack)
    lab.session()
    good = {}

    def what_must_pass():
        """With a good name the same segmentation must pass, seen by the same check."""
        for number, what in enumerate(segments.ORDERS):
            good[what] = segments.good_order(trial.hand(), number)
        for small in (True, False):
            h = trial.hand()
            flow = talk(h, bytes(hello(h, GOOD, small)))
            good["in one piece" if small else "in two segments"] = "a ServerHello" if flow.answered(10)[:1] == b"\x16" else "none"

    trial.session(also=what_must_pass)
    for what, answer in good.items():
        lab.check(f"a good ClientHello {what}: the server's answer", "a ServerHello", answer)
