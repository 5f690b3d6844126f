"""The box: the real image in QEMU, its two network interfaces in the namespaces `lan` and `wan`."""

import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
import time

import net
import console
import topology as t
import warm

IMAGE = "build/sekisho.img"
KERNEL = "build/bzImage"
LAB_KERNEL = "build/lab/bzImage"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
BOOT_LIMIT = 900       # seconds; generous, only to catch hangs


class BoxError(Exception):
    pass


class Meter:
    """The cost of this process's machines: QEMU starts, guest seconds, QEMU's processor time.

    Guest seconds are measured by the guest's clock, which under TCG follows the host's and stops while the machine is
    paused. QEMU's processor time depends less on other load, but an idle guest costs none: so measure both.
    """

    starts, guest, processor = 0, 0.0, 0.0

    @classmethod
    def figures(cls):
        return {"starts": cls.starts, "guest": cls.guest, "processor": cls.processor}


class Box:
    """One machine with its disk, which survives power cuts and restarts."""

    def __init__(self, folder, name="box", memory=96, keeper=None):
        self.folder = os.path.abspath(f"{folder}/{name}")
        os.makedirs(self.folder, exist_ok=True)
        self.memory = memory
        self.disk = f"{self.folder}/disk.img"
        self.extra = []        # further QEMU arguments
        self.keeper = keeper   # warm.py: the machine is its child, so that it outlives the scenario
        self.overlay = f"{self.folder}/disk.qcow2" if keeper else None
        self.sockets = keeper.sockets if keeper else f"/run/{name}"
        self.console_log = f"{self.folder}/console.log"
        self.process = self.kernel = None
        self.console = self.leds = self.agent = self.monitor = None
        self.processor = 0.0   # seconds that the machine had used before we took it over
        self.running = None    # since when, by time.monotonic()
        self.starts = 0

    # ---- its disk

    def fresh_disk(self):
        """A disk as made by `make image`."""
        done = subprocess.run(("cp", "--sparse=always", "--reflink=auto", IMAGE, self.disk), capture_output=True, text=True)
        if done.returncode != 0:
            raise BoxError(f"there is no image: {done.stderr.strip()} (make image)")
        if self.overlay and os.path.exists(self.overlay):
            os.unlink(self.overlay)

    def provision(self, site, services, check=True, may_fail=False):
        """Write the site file and service files, {name: text}, as the site's staff do. Returns the finished process.

        check=False: skip the tool's own check. may_fail: the caller handles a refusal.
        """
        if self.overlay and os.path.exists(self.overlay):
            raise BoxError("a machine of a group has used this disk: it can be provisioned no more")
        arguments = ["--site", self._file("site.conf", site)]
        for name, text in services.items():
            arguments += ["--service", self._file(f"{name}.conf", text)]
        done = subprocess.run(["scripts/provision", self.disk, *arguments] + ([] if check else ["--no-check"]),
                              capture_output=True, text=True)
        if done.returncode != 0 and not may_fail:
            raise BoxError(f"scripts/provision refused: {done.stdout}{done.stderr}")
        return done

    def put_state(self, folder, files, owner, group):
        """Write files, {name: bytes}, into a folder of the state partition, as the box itself would have left them."""
        def told(*arguments):
            return subprocess.run(("sgdisk", *arguments, self.disk), capture_output=True, text=True, check=True).stdout
        number = re.search(r"^ +(\d+) .* sekisho-state$", told("-p"), re.M)[1]
        part = told("-i", number)
        at = int(re.search(r"First sector: (\d+)", part)[1]) * 512
        size = int(re.search(r"Partition size: (\d+)", part)[1]) * 512
        fs = f"{self.folder}/state"
        commands = [f"mkdir {folder}"]
        for name, data in files.items():
            with open(f"{self.folder}/put-{name}", "wb") as f:
                f.write(data)
            commands += [f"write {self.folder}/put-{name} {folder}/{name}", f"set_inode_field {folder}/{name} mode 0100640",
                         f"set_inode_field {folder}/{name} uid {owner}", f"set_inode_field {folder}/{name} gid {group}"]
        copy = ("dd", "bs=1M", "conv=notrunc,sparse", "status=none")
        with open(fs, "wb") as f:
            f.truncate(size)
        subprocess.run((*copy, f"if={self.disk}", f"of={fs}", f"skip={at}", f"count={size}",
                        "iflag=skip_bytes,count_bytes"), check=True)
        subprocess.run(("debugfs", "-w", "-f", "-", fs), input="\n".join(commands), text=True, capture_output=True, check=True)
        for name, data in files.items():
            there = subprocess.run(("debugfs", "-R", f"cat {folder}/{name}", fs), capture_output=True, check=True).stdout
            if there != data:
                raise BoxError(f"{folder}/{name} was not written")
        # (Blocks of zeros are written too: what they replace need not be zero.)
        subprocess.run(("dd", "bs=1M", "conv=notrunc", "status=none", f"if={fs}", f"of={self.disk}", f"seek={at}",
                        "oflag=seek_bytes"), check=True)
        os.unlink(fs)

    def _file(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w") as f:
            f.write(text)
        return path

    # ---- power

    def start(self, kernel=KERNEL, uefi=False, clock=None, wait=True):
        """Power on. kernel: booted directly; uefi: from the disk through OVMF instead. clock: a datetime for the RTC."""
        self._power_on(kernel, uefi, clock)
        self._connect()
        self.go_on()
        if wait and not self.console.up(BOOT_LIMIT):
            raise BoxError(f"no prompt on the console; it ends:\n{self.console_tail()}")
        return self

    def _power_on(self, kernel, uefi=False, clock=None):
        """QEMU runs, but the machine is still paused."""
        self.starts += 1
        Meter.starts += 1
        self.kernel = kernel
        os.makedirs(self.sockets, exist_ok=True)
        for name in os.listdir(self.sockets):
            os.unlink(f"{self.sockets}/{name}")
        taps = [net.tap("lan", "pc0"), net.tap("wan", "line0")]
        if self.overlay and not os.path.exists(self.overlay):
            warm.overlay(self.overlay, self.disk)
        start = self.keeper.start if self.keeper else warm.Process
        self.process = start(self._command(taps, kernel, uefi, clock), taps, f"{self.folder}/qemu.log")
        for fd in taps:
            os.close(fd)

    def _connect(self):
        self.monitor = Monitor(self._socket("qmp"))
        self.console = console.Console(self._socket("console"), self.console_log)
        self.leds = console.Leds(self._socket("leds"))
        self.agent = console.Agent(self._socket("agent"))

    def go_on(self):
        self.monitor.ask("cont")
        self.running = time.monotonic()

    def pause(self):
        """Pause the machine, and with it its clock."""
        self.monitor.ask("stop")
        self._count()

    @contextlib.contextmanager
    def still(self):
        """Pause the machine while the lab evaluates captures, which then takes no time for the box."""
        self.pause()
        try:
            yield
        finally:
            self.go_on()

    def _count(self):
        if self.running is not None:
            Meter.guest += time.monotonic() - self.running
        self.running = None

    # ---- snapshots

    def save(self):
        """Save its whole state, to be restored later; returns what the keeper needs."""
        self.pause()
        self._savevm("savevm ready")
        now = time.monotonic()
        with self.leds.changed:
            lamps = [(now - when, name, value) for when, name, value in self.leds.history]
        state = {"kernel": self.kernel, "disk": self.disk, "overlay": self.overlay, "leds": lamps,
                 "agent": bytes(self.agent.data).decode(errors="replace")}
        self.go_on()
        return state

    def load(self, state, live):
        """Restore the keeper's machine from the snapshot. live: that machine still runs."""
        self.disk, self.overlay = state["disk"], state["overlay"]
        if live:
            self.process, self.kernel = warm.There(self.keeper), state["kernel"]
            self.processor = self.process.processor()
        else:
            self._power_on(state["kernel"])
        self._connect()
        for role in ("lan", "wan"):
            self.cable(role, True)
        self._savevm("loadvm ready")
        now = time.monotonic()
        with self.leds.changed:
            self.leds.history[:0] = [(now - age, name, value) for age, name, value in state["leds"]]
        with self.agent.changed:
            self.agent.data[:0] = state["agent"].encode()
        self.go_on()
        self.console.send("\r")
        return self.console.up(BOOT_LIMIT)

    def _savevm(self, command):
        said = self.monitor.ask("human-monitor-command", **{"command-line": command})
        if said.strip():
            raise BoxError(f"QEMU, {command}: {said.strip()}")

    def leave(self):
        """Leave this machine to another scenario."""
        self.pause()
        self._close()

    def _command(self, taps, kernel, uefi, clock):
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1",
                   "-m", str(192 if uefi else self.memory), "-nodefaults", "-display", "none", "-no-user-config",
                   "-device", "virtio-rng-pci",
                   "-drive", f"file={self.overlay or self.disk},format={'qcow2' if self.overlay else 'raw'},if=none,id=disk,"
                             "cache=unsafe",
                   "-device", "virtio-blk-pci,drive=disk,bootindex=1",
                   "-qmp", f"unix:{self.sockets}/qmp,server=on,wait=off", "-S"]
        for role, fd, mac, slot in (("lan", taps[0], t.MAC_LAN, 8), ("wan", taps[1], t.MAC_WAN, 9)):
            command += ["-netdev", f"tap,id={role},fd={fd}",
                        "-device", f"virtio-net-pci,netdev={role},id=nic-{role},mac={mac},addr=0x{slot:x},romfile="]
        for name in ("console", "leds", "agent"):
            command += ["-chardev", f"socket,id={name},path={self.sockets}/{name},server=on,wait=off",
                        "-serial", f"chardev:{name}"]
        if uefi:
            shutil.copy(OVMF_VARS, f"{self.folder}/vars.fd")
            command += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
                        "-drive", f"if=pflash,format=raw,file={self.folder}/vars.fd"]
        else:
            command += ["-kernel", kernel]
        return command + self.extra + ["-rtc", f"base={clock:%Y-%m-%dT%H:%M:%S}" if clock else "base=utc"]

    def _socket(self, name):
        path = f"{self.sockets}/{name}"
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if self.process.poll() is not None or time.monotonic() > end:
                with open(f"{self.folder}/qemu.log", errors="replace") as f:
                    raise BoxError(f"QEMU did not start: {f.read()[-2000:]}")
            time.sleep(0.01)
        return path

    def cut_power(self):
        """Cut the power."""
        if self.process:
            self._count()
            used = self.process.processor()
            self.process.kill()
            self.process.wait()
            self._close(used)

    def _close(self, used=None):
        Meter.processor += (self.process.processor() if used is None else used) - self.processor
        for line in (self.monitor, self.console, self.leds, self.agent):
            if line:
                line.close()
        self.process, self.processor = None, 0.0

    def cable(self, port, connected):
        """Pull out or plug in the cable of `lan` or `wan`."""
        self.monitor.ask("set_link", name=f"nic-{port}", up=connected)

    # ---- its output

    def cli(self, command, timeout=90):
        """Run a command at the console; returns its text."""
        return self.console.command(command, timeout)

    def status(self):
        """`sekisho status --json`; {} if the console does not answer."""
        return self.console.object("status") or {}

    def get(self, path, default=""):
        """One value of the status: 'gate.mode', 'enroll.phase', 'headline.id' ..."""
        return pick(self.status(), path, default)

    def sentences(self):
        """All problems in `sekisho status`, in English, as one text."""
        return " | ".join(s["text"] for s in self.problems(self.status()))

    @staticmethod
    def problems(status):
        return ([status["headline"]] if status.get("headline", {}).get("trouble") else []) + status.get("problems", [])

    def log(self, lines=400):
        """The audit log: a list of lines; the sentences that the command writes under one belong to it."""
        return [line for line in self.cli(f"log -n {lines}").replace("\n    ", " | ").split("\n") if line]

    def wait(self, test, timeout, step=0.25):
        """Ask for the status until test(status) holds; (held, last status, seconds)."""
        begin = time.monotonic()
        while True:
            status = self.status()
            if status and test(status):
                return True, status, time.monotonic() - begin
            if time.monotonic() - begin > timeout:
                return False, status, time.monotonic() - begin
            time.sleep(step)

    def console_tail(self, lines=25):
        try:
            with open(self.console_log, errors="replace") as f:
                # Leave out the lab's own repeated queries.
                kept = [line[:200].rstrip() for line in f if not re.search(r'--json|^\{"version"|console\.command', line)]
                return "\n".join(kept[-lines:])
        except OSError:
            return ""

    def root(self, command, timeout=90):
        """A command as root, on the lab image only; its output."""
        status, output = self.agent.run(command, timeout)
        if status is None:
            raise BoxError("the lab agent does not answer: was the lab image booted?")
        return output


def pick(status, path, default=""):
    value = status
    for part in path.split(".", 1):
        if not isinstance(value, dict) or part not in value:
            return default
        value = value[part]
    return value


class Monitor:
    """QEMU's own control socket (QMP)."""

    def __init__(self, path):
        self.socket = console.connect(path)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        for line in self.file:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise BoxError(f"QMP {command}: {answer['error']['desc']}")
        raise BoxError("QEMU has gone")

    def close(self):
        self.socket.close()


def years(offset):
    """A clock wrong by so many years."""
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=365.25 * offset)
