import os

from hubs import cases
from hubs.libreswan import Libreswan

ONLY_WITH = "LAB_HUBS"
PACKAGES = "tests/lab/hubs/libreswan/packages"


def run(lab):
    tree, wanted = lab.packages(PACKAGES), cases.wanted(os.environ["LAB_HUBS"], "libreswan")
    if not wanted:
        lab.skip(os.environ["LAB_HUBS"], "no case of this hub")
        return
    if not tree:
        raise RuntimeError("the packages of the hub's machine could not be had (scripts/packages)")
    lab.hub = Libreswan(lab.folder, tree)
    lab.machines.append(lab.hub.machine)
    lab.hub.spawn()
    lab.up(without=("hub",))
    lab.boot(lab_image=True)
    lab.hub.settle()
    lab.ready()
    try:
        cases.play(lab, wanted)
    finally:
        lab.hub.save()
