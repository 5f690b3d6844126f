"""The size of the whole operating system: rows that are only looked up."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

import ramdisk                            # noqa: E402
from figure import CannotMeasure, Figure   # noqa: E402
from peer.machine import RECIPE           # noqa: E402


def size(path):
    try:
        return os.path.getsize(path)
    except OSError:
        raise CannotMeasure(f"{path} is missing: make image") from None


def bare_kernel():
    """The kernel without a root, as kept by scripts/kernel next to its build tree."""
    done = subprocess.run(["scripts/kernel", "build"], capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotMeasure(f"scripts/kernel failed: {done.stderr.strip()[-300:]}")
    return f"{done.stdout.strip()}/bzImage.bare"


def measure(_what, _folder, _runs):
    """{name: Figure}. One look is enough."""
    packages = os.environ["SEKISHO_BENCH_PEER"]
    initrd = "build/bench/peer-initrd.img"
    ramdisk.make(packages, RECIPE, initrd)
    stock = ramdisk.kernel(packages)[1]
    return {
        "image_bytes": Figure([size("build/bzImage")], "Debian cloud kernel and initrd", [size(stock) + size(initrd)],
                              "the whole operating system; the peer's modules and programs cut to what the same job needs"),
        "kernel_bytes": Figure([size(bare_kernel())], "Debian cloud kernel", [size(stock)],
                               "the kernel alone; the stock one keeps most drivers in modules, which are not counted here"),
    }
