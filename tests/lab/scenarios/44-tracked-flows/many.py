"""A PC that holds as many TCP connections as it can get."""

import os
import resource
import select
import socket
import time

import netns
import net
import pc
import topology as t

PORT = 9999
HOST = "192.168.77.61"      # an address of its own at the PC
SHARE = 1024                # what the box gives a host of the LAN
WANTED = SHARE + 400


def child(body):
    pid = os.fork()
    if pid == 0:
        try:
            netns.die_with_parent()
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
            body()
        finally:
            os._exit(0)


def serve():
    with net.inside("public"):
        s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((t.DECOY, PORT))
    s.listen(4096)
    kept = []
    while True:
        kept.append(s.accept()[0])


def hold(report):
    """Opens connections and keeps them; after a refusal or silence it tries another port. Reports its count."""
    kept, waiting, pending = [], select.epoll(), {}
    with net.inside(pc.NS):
        while True:
            while len(pending) < 100 and len(kept) < WANTED:
                s = socket.socket()
                s.setblocking(False)
                s.bind((HOST, 0))
                s.connect_ex((t.DECOY, PORT))
                pending[s.fileno()] = s
                waiting.register(s.fileno(), select.EPOLLOUT)
            for fd, _ in waiting.poll(0.5):
                waiting.unregister(fd)
                s = pending.pop(fd)
                if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and pc.connected(s):
                    kept.append(s)
                else:
                    s.close()
                    time.sleep(0.01)
            with open(report, "w") as f:
                f.write(str(len(kept)))


class Greedy:
    def __init__(self, lab):
        net.run(pc.NS, ["ip", "addr", "add", f"{HOST}/24", "dev", "pc0"])
        self.report = os.path.abspath(f"{lab.folder}/connections")
        with open(self.report, "w") as f:
            f.write("0")
        child(serve)
        child(lambda: hold(self.report))

    def has(self):
        with open(self.report) as f:
            return int(f.read() or 0)
