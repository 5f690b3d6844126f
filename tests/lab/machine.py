"""A machine in QEMU that is not our box: a RAM disk of stock parts (ramdisk.py), network interfaces in the lab's namespaces, the
console in a file, and an agent on its third serial port. Switched on and off like a box (box.py)."""

import os
import subprocess
import time
from dataclasses import dataclass

import box as boxes
import netns
import net
import console
import warm


@dataclass
class Card:
    role: str
    ns: str
    tap: str
    mac: str
    slot: int      # on the PCI bus: interfaces are numbered in this order


class Machine:
    def __init__(self, folder, name, kernel, initrd, memory, cards):
        self.folder = os.path.abspath(f"{folder}/{name}")
        os.makedirs(self.folder, exist_ok=True)
        self.name, self.kernel, self.initrd, self.memory, self.cards = name, kernel, initrd, memory, cards
        self.console_log = f"{self.folder}/console.log"
        self.extra = []        # further QEMU arguments
        self.process = self.agent = None
        self.started = time.monotonic()

    def start(self):
        boxes.Meter.starts += 1
        self.started = time.monotonic()
        taps = [net.tap(c.ns, c.tap) for c in self.cards]
        path = f"/run/{self.name}-agent"
        if os.path.exists(path):
            os.unlink(path)
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1",
                   "-m", str(self.memory), "-nodefaults", "-display", "none", "-no-user-config",
                   "-device", "virtio-rng-pci",
                   "-kernel", self.kernel, "-initrd", self.initrd, "-append", "quiet panic=1 console=ttyS0",
                   "-serial", f"file:{self.console_log}", "-serial", "null",
                   "-serial", f"unix:{path},server=on,wait=off"]
        for card, fd in zip(self.cards, taps):
            command += ["-netdev", f"tap,id={card.role},fd={fd}",
                        "-device", f"virtio-net-pci,netdev={card.role},mac={card.mac},addr=0x{card.slot:x},romfile="]
        command += self.extra
        with open(f"{self.folder}/qemu.log", "ab") as log:
            self.process = subprocess.Popen(command, pass_fds=taps, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=netns.die_with_parent)
        for fd in taps:
            os.close(fd)
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if self.process.poll() is not None or time.monotonic() > end:
                raise boxes.BoxError(f"{self.name}: QEMU did not start; {self.folder}/qemu.log says why")
            time.sleep(0.01)
        self.agent = console.Agent(path)

    def cut_power(self):
        if self.process:
            boxes.Meter.processor += warm.processor_seconds(self.process.pid)
            boxes.Meter.guest += time.monotonic() - self.started
            self.process.kill()
            self.process.wait()
            self.agent.close()
            self.process = None

    def run(self, command, timeout=20):
        """(exit status, output) of a command as root."""
        status, output = self.agent.run(command, timeout)
        if status is None:
            raise boxes.BoxError(f"{self.name} does not answer on its third serial port; its console ends:\n"
                                 f"{self.console_tail()}")
        return status, output

    def root(self, command, timeout=20):
        """A command as root; its output."""
        return self.run(command, timeout)[1]

    def console_tail(self):
        try:
            with open(self.console_log, errors="replace") as f:
                return f.read()[-1500:]
        except OSError:
            return ""
