"""mode_change_ms: a change of mode with ten thousand admitted addresses and as many live flows.

In the namespaces of resolver.py. Each flow is a TCP connection of the pc through the box to an address of its own; both its
endpoints are sockets of this process. Before the change data of each client must arrive; after it, none may. Ours is gate's
own code for the packet filter (modechange.c) on configs/firewall.nft; the peer is what a script can do with Debian's tools
on the peer machine's ruleset.
"""

import json
import mmap
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import time

import netns
import net
import resolver
from figure import CannotMeasure, Figure

COUNT = 10000
AT_ONCE = 500
TOOLS = "nft -f, conntrack -F"
# The script's method: flush the admitted addresses, and delete the rule that accepts established flows.
PEER_CHANGE = "flush set inet fw allow\nflush chain inet fw forward\n"


def address(i):
    """As modechange.c counts them."""
    return f"10.20.{1 + i // 250}.{1 + i % 250}"


def in_box(command, text=None):
    """Run a command in the box's namespace, without a wrapper that would be measured too."""
    with net.inside("box"):
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise CannotMeasure(f"{' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


class Server:
    """Accepts every connection on the uplink side and counts the data. Its own process, because of the limit of open
    files. The two counters are in shared memory."""

    def __init__(self):
        self.memory = mmap.mmap(-1, 16)
        with net.inside("wan"):
            self.listener = socket.create_server(("0.0.0.0", 443), backlog=4096)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                netns.die_with_parent()
                self._serve()
            finally:
                os._exit(1)
        self.listener.close()

    def _serve(self):
        self.listener.setblocking(False)
        sockets, poll, words = {}, select.epoll(), 0
        poll.register(self.listener, select.EPOLLIN)
        while True:
            for fd, _ in poll.poll(-1, 4096):
                if fd == self.listener.fileno():
                    try:
                        client = self.listener.accept()[0]
                    except BlockingIOError:
                        continue
                    sockets[client.fileno()] = client
                    poll.register(client, select.EPOLLIN)
                    continue
                try:
                    word = sockets[fd].recv(64)
                except OSError:
                    word = b""
                words += len(word)
                if not word:
                    poll.unregister(fd)
            struct.pack_into("QQ", self.memory, 0, len(sockets), words)

    def accepted(self):
        return struct.unpack_from("Q", self.memory, 0)[0]

    def words(self):
        return struct.unpack_from("Q", self.memory, 8)[0]

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Flows:
    """So many connections from the pc, each to an address of its own."""

    def __init__(self, count):
        self.clients = []
        self.server = Server()
        for first in range(0, count, AT_ONCE):
            self._open(range(first, min(first + AT_ONCE, count)))
        if self.server.accepted() < count:
            raise CannotMeasure(f"only {self.server.accepted()} of {count} connections came up")

    def _open(self, numbers):
        with net.inside("pc"):
            sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in numbers]
        for s, i in zip(sockets, numbers):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.connect_ex((address(i), 443))
        self.clients += sockets
        self._until(lambda: self.server.accepted() >= len(self.clients), 5)

    @staticmethod
    def _until(holds, seconds):
        end = time.monotonic() + seconds
        while not holds() and time.monotonic() < end:
            time.sleep(0.002)

    def words(self, seconds):
        """Each client sends data; returns how many arrive in time."""
        before = self.server.words()
        for s in self.clients:
            try:
                s.send(b"x")
            except OSError:
                pass
        self._until(lambda: self.server.words() - before >= len(self.clients), seconds)
        return self.server.words() - before

    def close(self):
        self.server.close()
        for s in self.clients:
            s.close()


class Ours:
    """gate's code."""

    def __init__(self, folder):
        self.rules = resolver.without_ipsec(resolver.OUR_RULES, resolver.OURS_WITHOUT_IPSEC, f"{folder}/ours.nft")

    def open(self):
        resolver.load_rules(self.rules)
        in_box(["build/bench/modechange", "open", str(COUNT)])

    @staticmethod
    def change():
        """(milliseconds until no old flow passes, until the clean-up is done as well)"""
        found = json.loads(in_box(["build/bench/modechange", "change"]))
        return found["set_ms"], found["set_ms"] + found["forget_ms"]


class Script:
    """The peer."""

    def __init__(self, folder):
        self.rules = resolver.peer_rules(folder)

    def open(self):
        resolver.load_rules(self.rules)
        in_box(["nft", "-f", "-"], "".join(f"add element inet fw allow {{ {address(i)} }}\n" for i in range(COUNT)))

    @staticmethod
    def change():
        begin = time.monotonic()
        in_box(["nft", "-f", "-"], PEER_CHANGE)
        cut = time.monotonic()
        in_box(["conntrack", "-F"])
        return (cut - begin) * 1e3, (time.monotonic() - begin) * 1e3


def one(contender):
    """(ms to the cut, ms in all, tracked connections before)"""
    contender.open()
    flows = Flows(COUNT)
    try:
        before = flows.words(10)
        tracked = int(in_box(["conntrack", "-C"]))
        times = contender.change()
        after = flows.words(1)
    finally:
        flows.close()
    if before < COUNT or tracked < COUNT:
        raise CannotMeasure(f"only {before} of {COUNT} flows were alive before the change, {tracked} were tracked")
    if after:
        raise CannotMeasure(f"{type(contender).__name__}: {after} of {COUNT} flows of before lived on after the change")
    return *times, tracked


def measure(_what, folder, runs):
    """{name: Figure}. In namespaces of its own."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if limit < COUNT + 100:
        raise CannotMeasure(f"a process may open only {limit} files here; {COUNT + 100} are needed")
    resolver.lay_cables()
    net.ip("route", "add", "local", "10.20.0.0/18", "dev", "lo", ns="wan")
    contenders = [Ours(folder), Script(folder)]
    found = [[one(c) for c in contenders] for _ in range(runs)]
    ours, peers = zip(*found)
    middle = sorted(r[1] for r in ours)[len(ours) // 2]
    return {"mode_change_ms": Figure(
        [r[0] for r in ours], TOOLS, [r[1] for r in peers],
        f"{COUNT} elements, {ours[0][2]} tracked connections; one transaction until no old flow passes "
        f"({middle:.1f} ms until they are forgotten too); {COUNT} words said afterwards, none arrived")}
