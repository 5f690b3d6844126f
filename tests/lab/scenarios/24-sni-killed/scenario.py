import hashlib
import socket
import threading
import time

import net
import pcap
import servers
import topology as t
from box import pick

GROUP = "lab-image"

TRIES = 5
HANDFUL = 6     # packets of one connection before the verdict: its ClientHello, and what is sent again


def asked(lab):
    """Packets queued to user space so far, as counted by the ruleset."""
    text = lab.box.root("nft list counter inet sekisho asked")
    return int(text.split("packets")[1].split()[0])


class Download:
    """Download the large file, slowly until hurry(), so that it lasts as long as needed."""

    SLOW = 1_000_000      # octets a second

    def __init__(self, lab):
        self.octets, self.digest, self.error = 0, hashlib.sha256(), ""
        self.hurry = threading.Event()
        with net.inside("lan"):
            s = socket.socket()
        s.settimeout(60)
        s.connect((t.REGISTRY, 443))
        self.socket = lab.pc.tls().wrap_socket(s, server_hostname=t.REGISTRY_NAME)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            self.socket.sendall(f"GET /big HTTP/1.0\r\nHost: {t.REGISTRY_NAME}\r\n\r\n".encode())
            got = self.socket.makefile("rb")
            while got.readline().strip():
                pass
            while data := got.read(16384):
                self.octets += len(data)
                self.digest.update(data)
                self.hurry.wait(len(data) / self.SLOW)
        except OSError as e:
            self.error = str(e)


def kill_twice(lab):
    """The second time Finit restarts it only after some seconds. Returns when it is down, and the rules know."""
    dead = []
    for _ in range(2):
        lab.eventually("sni runs", "yes", lambda: lab.box.root("pidof sni").strip(), good=lambda p: p not in ("", *dead),
                       step=0.05)
        dead.append(lab.box.root("pidof sni").strip())
        lab.box.root(f"kill -9 {dead[-1]}")
    lab.eventually("the rules let no new TLS flow begin", "yes", lambda: "no" if "elements" in lab.box.root(
        "nft list map inet sekisho asking_generation") else "yes", step=0.05)


def run(lab):
    lab.up()
    lab.boot(lab.site(idle="10 min"), lab_image=True)
    lab.ready()
    lab.session()
    big = lab.registry.offer_big()
    with open(big, "rb") as f:
        whole = hashlib.sha256(f.read()).hexdigest()
    before = asked(lab)
    download = Download(lab)
    lab.eventually("the download runs", "more than 1 MB", lambda: download.octets, 240, lambda n: n > 1000000)

    with lab.capture("registry", "inner0", "tcp port 443") as behind:
        for _ in range(TRIES):     # a slow machine may see it back too soon
            kill_twice(lab)
            size = download.octets
            begin = time.time()
            answer = lab.pc.tcp(t.REGISTRY, 443, 1.5)
            end, more = time.time(), download.octets - size
            if gone := lab.box.root("pidof sni").strip() == "":
                break
        lab.check("a new TLS connection while sni is away", "waits", answer if gone else "sni is not away",
                  gone and answer != "open")
        lab.check("the download meanwhile", "goes on", f"{more} bytes more", more > 0)
    strange = [p.what() for p in behind.packets() if p.dst == t.REGISTRY and begin <= p.time <= end and p.flags & 2]
    lab.check("new connections seen behind the tunnel meanwhile", [], strange)

    page = lab.pc.curl(f"https://{t.REGISTRY_NAME}/", timeout=40)
    lab.check(f"a page that was asked for while sni was away comes when it is back ({page.seconds:.1f} s)", 200, page.status)
    lab.eventually("sni is there again", "running", lambda: pick(lab.box.status(), "gate.hello"))
    lab.log_says("the log says it", "fault tls-check-lost why=peer-ended", "new TLS connections wait")

    download.hurry.set()
    download.thread.join(300)
    same = download.digest.hexdigest() == whole
    lab.check(f"the download of {servers.BIG // 10**6} MB", "whole and unchanged",
              f"{download.error or download.octets}, {'the same' if same else 'not the same'}", same and not download.error)
    now = asked(lab)
    lab.check("packets of it and of the page that went to user space", f"at most {2 * HANDFUL}", now - before,
              now - before <= 2 * HANDFUL)
    lab.check("tunnels at the hub: the session went on", 1, lab.hub.installed())
