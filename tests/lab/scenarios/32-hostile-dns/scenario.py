import os
import sys

import hostile
import portal
import topology as t

sys.path.insert(0, os.path.dirname(__file__))

import lies     # noqa: E402
import words    # noqa: E402

GROUP = "portal"


def run(lab):
    lab.inner_dns.lie({name: [t.REGISTRY] for name in t.FRESH_NAMES} | lies.answers())
    lab.up()
    lab.boot(lab.site(), services={"lab": portal.service(lab)})
    lab.ready()
    trial = hostile.Trial(lab, words.attack + lies.attack)
    lab.session()
    trial.session(names=t.FRESH_NAMES + t.REBOUND_NAMES)
