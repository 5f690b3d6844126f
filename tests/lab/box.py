"""The box: the real image in QEMU, its two network cards in the namespaces `lan` and `wan`."""

import datetime
import json
import os
import re
import shutil
import subprocess
import time

import jail
import net
import serial
import topology as t

IMAGE = "build/sekisho.img"
KERNEL = "build/bzImage"
LAB_KERNEL = "build/lab/bzImage"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
BOOT_LIMIT = 60        # seconds; a warm reset under TCG may take some of them more
UEFI_LIMIT = 120


class BoxError(Exception):
    pass


class Meter:
    """What the machines of this process have cost: how often QEMU was started, how long guests ran, QEMU's processor time.

    A guest's second is one of its own clock, which under TCG goes with the host's and stands still when the machine is
    paused. QEMU's processor time grows less on a busy host, but an idle guest costs none: so both.
    """

    starts, guest, processor = 0, 0.0, 0.0

    @classmethod
    def figures(cls):
        return {"starts": cls.starts, "guest": cls.guest, "processor": cls.processor}


TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid):
    """Of a process, with all its threads."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            words = f.read().rpartition(") ")[2].split()
        return (int(words[11]) + int(words[12])) / TICK
    except OSError:
        return 0.0


class Box:
    """One machine with its disk. May be started, cut off and started again; the disk stays."""

    def __init__(self, folder, name="box", memory=96):
        self.folder = os.path.abspath(f"{folder}/{name}")
        os.makedirs(self.folder, exist_ok=True)
        self.memory = memory
        self.disk = f"{self.folder}/disk.img"
        self.extra = []        # more for QEMU's command line
        self.sockets = f"/run/{name}"
        self.console_log = f"{self.folder}/console.log"
        self.process = None
        self.console = self.leds = self.agent = self.monitor = None
        self.started = time.monotonic()
        self.starts = 0

    # ---- its disk

    def fresh_disk(self):
        """A disk as it comes out of `make image`."""
        done = subprocess.run(("cp", "--sparse=always", "--reflink=auto", IMAGE, self.disk), capture_output=True, text=True)
        if done.returncode != 0:
            raise BoxError(f"there is no image: {done.stderr.strip()} (make image)")

    def provision(self, site, services, check=True, may_fail=False):
        """Write the site file and service files, {name: text}, as the site's staff do. Returns the finished process.

        check=False: past the tool's own check. may_fail: a refusal is the caller's business.
        """
        arguments = ["--site", self._file("site.conf", site)]
        for name, text in services.items():
            arguments += ["--service", self._file(f"{name}.conf", text)]
        done = subprocess.run(["scripts/provision", self.disk, *arguments] + ([] if check else ["--no-check"]),
                              capture_output=True, text=True)
        if done.returncode != 0 and not may_fail:
            raise BoxError(f"scripts/provision refused: {done.stdout}{done.stderr}")
        return done

    def _file(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w") as f:
            f.write(text)
        return path

    # ---- power

    def start(self, kernel=KERNEL, uefi=False, clock=None, wait=True):
        """Power on. kernel: booted directly; uefi: from the disk through OVMF instead. clock: a datetime for the RTC."""
        self.starts += 1
        Meter.starts += 1
        os.makedirs(self.sockets, exist_ok=True)
        for name in os.listdir(self.sockets):
            os.unlink(f"{self.sockets}/{name}")
        taps = [net.tap("lan", "pc0"), net.tap("wan", "line0")]
        with open(f"{self.folder}/qemu.log", "ab") as log:
            self.process = subprocess.Popen(self._command(taps, kernel, uefi, clock), pass_fds=taps,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=jail.die_with_parent)
        for fd in taps:
            os.close(fd)
        self.monitor = Monitor(self._socket("qmp"))
        self.console = serial.Console(self._socket("console"), self.console_log)
        self.leds = serial.Leds(self._socket("leds"))
        self.agent = serial.Agent(self._socket("agent"))
        self.started = time.monotonic()
        self.monitor.ask("cont")
        if wait and not self.console.up(UEFI_LIMIT if uefi else BOOT_LIMIT):
            raise BoxError(f"no prompt on the console; it ends:\n{self.console_tail()}")
        return self

    def _command(self, taps, kernel, uefi, clock):
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1",
                   "-m", str(192 if uefi else self.memory), "-nodefaults", "-display", "none", "-no-user-config",
                   "-device", "virtio-rng-pci",
                   "-drive", f"file={self.disk},format=raw,if=none,id=disk,cache=unsafe",
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
        """As pulling the plug."""
        if self.process:
            Meter.processor += processor_seconds(self.process.pid)
            Meter.guest += time.monotonic() - self.started
            self.process.kill()
            self.process.wait()
            for line in (self.monitor, self.console, self.leds, self.agent):
                if line:
                    line.close()
            self.process = None

    def cable(self, port, connected):
        """Pull out or plug in the cable of `lan` or `wan`."""
        self.monitor.ask("set_link", name=f"nic-{port}", up=connected)

    # ---- what it says

    def cli(self, command, timeout=90):
        """A command at the console; its text."""
        return self.console.command(command, timeout)

    def status(self):
        """`sekisho status --json`; {} when the console gives none."""
        return self.console.object("status") or {}

    def get(self, path, default=""):
        """One value of the status: 'gate.mode', 'enroll.phase', 'headline.id' ..."""
        return pick(self.status(), path, default)

    def sentences(self):
        """Everything that `sekisho status` complains about, in English: one text."""
        return " | ".join(s["text"] for s in self.problems(self.status()))

    @staticmethod
    def problems(status):
        return ([status["headline"]] if status.get("headline", {}).get("trouble") else []) + status.get("problems", [])

    def log(self, lines=400):
        """The audit log: a list of lines."""
        return [line for line in self.cli(f"log -n {lines}").split("\n") if line]

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
                # What the lab itself has asked for all the time is left out.
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
        self.socket = serial.connect(path)
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
    """A clock that is wrong by so many years."""
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=365.25 * offset)
