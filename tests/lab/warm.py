"""A warm box: one machine that several scenarios use in turn, each from the same snapshot.

Scenarios of one group (GROUP in scenario.py) run one after the other in the same namespaces, whose process 1 is the keeper. Each has
surroundings of its own, new, in such namespaces inside that one, as if it were alone. What they share is the machine: the first one
boots it, and when it is ready its whole state is saved, memory and disk (QEMU's `savevm`). For the others that state is
loaded again, so each finds a box that has just become ready, whatever was done to it before. Only its clock is a little
behind then: by as much as has passed since.

The machine is the keeper's child and its cards' TAPs are the keeper's; a scenario takes the TAPs into its namespaces and
gives them back. A scenario that ends in another way takes them with it. Then, and when a scenario has cut the power, QEMU is
started anew for the next one, which goes on from the same state. Who wants another box, or finds this one not ready, boots.
"""

import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import threading
import time

import netns
import net
import topology as t

VARIABLE = "LAB_KEEPER"       # descriptor of the socket to the keeper
TAPS = [i.name for n in t.NAMESPACES for i in n.interfaces if i.peer.startswith("tap:")]
TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def processor_seconds(pid):
    """Of a process, with all its threads."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            words = f.read().rpartition(") ")[2].split()
        return (int(words[11]) + int(words[12])) / TICK
    except OSError:
        return 0.0


class Process(subprocess.Popen):
    """QEMU as a child of this process."""

    def __init__(self, command, taps, log):
        with open(log, "ab") as out:
            super().__init__(command, pass_fds=taps, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                             preexec_fn=netns.die_with_parent)

    def processor(self):
        return processor_seconds(self.pid)


# ---- the keeper's side

class Keeper:
    """Keeps one machine. Serves one scenario at a time, with JSON messages."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.saved, self.live = {}, None      # states by their keys; the key of the one that the running machine can load
        os.makedirs(f"{folder}/sockets", exist_ok=True)

    def taps(self):
        """They are here; those that are not have gone with a scenario, and the machine that used them is of no use."""
        for name in TAPS:
            if not os.path.exists(f"/sys/class/net/{name}"):
                self.kill()
                os.close(net.tap(None, name))

    def serve(self, ours, limit):
        """Until the other side has closed its end. False: it took longer than that."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if not select.select([ours], [], [], 1.0)[0]:
                continue
            text, fds, _, _ = socket.recv_fds(ours, 65536, 4)
            if not text:
                return True
            asked = json.loads(text)
            answer = getattr(self, "do_" + asked.pop("do"))(fds=fds, **asked)
            for fd in fds:
                os.close(fd)
            ours.send(json.dumps(answer).encode())
        return False

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = self.live = None

    def do_start(self, command, log, fds):
        self.kill()
        # The numbers of the TAPs' files are others here than where the command line was written.
        words = [word.replace("fd=LAN", f"fd={fds[0]}").replace("fd=WAN", f"fd={fds[1]}") for word in command]
        self.process = Process(words, fds, log)

    def do_poll(self, fds):
        return self.process.poll() if self.process else -9

    def do_kill(self, fds):
        self.kill()

    def do_processor(self, fds):
        return self.process.processor() if self.process else 0.0

    def do_save(self, key, state, fds):
        self.saved[key], self.live = state, key

    def do_saved(self, key, fds):
        """The state with this key, and whether the running machine is that one."""
        return self.saved.get(key), self.alive() and self.live == key

    def do_live(self, fds):
        return self.alive() and self.live is not None

    def alive(self):
        return self.process is not None and self.process.poll() is None


# ---- the scenario's side

class There:
    """QEMU as the keeper's child: what a scenario needs of a Popen."""

    def __init__(self, keeper):
        self.keeper = keeper

    def poll(self):
        return self.keeper.ask("poll")

    def kill(self):
        self.keeper.ask("kill")

    def wait(self):
        return -9

    def processor(self):
        return self.keeper.ask("processor")


class Client:
    def __init__(self, number):
        self.socket = socket.socket(fileno=number)
        self.folder = os.environ[VARIABLE + "_FOLDER"]
        self.sockets = f"{self.folder}/sockets"
        self.lock = threading.Lock()

    def ask(self, what, fds=(), **more):
        with self.lock:
            socket.send_fds(self.socket, [json.dumps({"do": what, **more}).encode()], list(fds))
            return json.loads(self.socket.recv(1 << 20))

    def start(self, command, taps, log):
        words = [word.replace(f"fd={taps[0]}", "fd=LAN").replace(f"fd={taps[1]}", "fd=WAN") if word.startswith("tap,") else word
                 for word in command]
        self.ask("start", taps, command=words, log=log)
        return There(self)


def keeper():
    """Of this scenario; None: it is alone, and boots for itself."""
    number = os.environ.get(VARIABLE)
    return Client(int(number)) if number else None


def key(*parts):
    """Key of a box: boxes with the same inputs are the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def overlay(path, disk):
    """A qcow2 file over a raw disk, in which a machine's state can be saved. (qemu-img would be a package more.)"""
    size, name = os.path.getsize(disk), os.path.abspath(disk).encode()
    cluster = 1 << 16
    words = -(-size // (cluster * (cluster // 8)))      # tables of the second level
    extension = struct.pack(">II", 0xE2792ACA, 3) + b"raw" + bytes(5) + struct.pack(">II", 0, 0)
    at = 72 + len(extension)
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, at, len(name), 16, size, 0, words, 3 * cluster, cluster, 1, 0, 0)
    with open(path, "wb") as f:
        f.write(header + extension + name)
        f.seek(cluster)
        f.write(struct.pack(">Q", 2 * cluster))         # table of reference counts: one block
        f.seek(2 * cluster)
        f.write(struct.pack(">4H", 1, 1, 1, 1))         # header, that table, that block, table of the first level
        f.truncate(4 * cluster)
