import os
import sys

import hostile
import topology as t

sys.path.insert(0, os.path.dirname(__file__))

import lies     # noqa: E402
import words    # noqa: E402

FRESH = [f"fresh-{n}.lab.example" for n in range(34)]    # listed, and each asked for once: no answer is at hand


def run(lab):
    lab.inner_dns.lie({name: [t.REGISTRY] for name in FRESH} | lies.answers())
    lab.up()
    service = lab.service() + "".join(f"name = {name} tcp/443 tls\n" for name in FRESH + lies.NAMES)
    lab.boot(lab.site(), {"lab": service})
    lab.ready()
    trial = hostile.Trial(lab, words.attack + lies.attack)
    lab.session()
    trial.session(names=FRESH + lies.NAMES)
