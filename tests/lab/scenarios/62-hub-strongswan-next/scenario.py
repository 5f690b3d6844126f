import os

from hubs import cases
from hubs.strongswan import NextStrongswan

ONLY_WITH = "LAB_HUBS"
PACKAGES = "tests/lab/hubs/strongswan-next/packages"


def run(lab):
    tree, wanted = lab.packages(PACKAGES), cases.wanted(os.environ["LAB_HUBS"], "strongswan-next")
    if not tree:
        for case in wanted:
            lab.skip(case.name, "Debian's next release is not to be had from this machine's mirror")
        return
    lab.hub = NextStrongswan(lab.folder, tree)
    lab.up()
    lab.check("the hub", "strongSwan 6.1 or later", lab.hub.version(), "strongSwan 6.0" not in lab.hub.version())
    lab.boot(lab_image=True)
    lab.ready()
    cases.play(lab, wanted)
