import hashlib
import os
import threading
import time

import pcap
import topology as t
from box import pick

HANDFUL = 6     # packets of one connection before the verdict: its ClientHello, and what is sent again


def asked(lab):
    """Packets that went to user space so far, as the rule set counts them."""
    text = lab.box.root("nft list counter inet sekisho asked")
    return int(text.split("packets")[1].split()[0])


def run(lab):
    lab.up()
    lab.boot(lab.site(idle="10 min"), lab_image=True)
    lab.ready()
    lab.session()
    big = lab.registry.offer_big()
    with open(big, "rb") as f:
        whole = hashlib.sha256(f.read()).hexdigest()
    copy = f"{lab.folder}/copy"
    before = asked(lab)
    pages = []

    def fetch():
        pages.append(lab.pc.curl(f"https://{t.REGISTRY_NAME}/big", "-o", copy, "--limit-rate", "2M", timeout=300))
    download = threading.Thread(target=fetch)
    download.start()
    lab.eventually("the download runs", "more than 1 MB", lambda: os.path.getsize(copy) if os.path.exists(copy) else 0,
                   30, lambda n: n > 1000000)

    with lab.capture("registry", "inner0", "tcp port 443") as behind:
        dead = []
        for _ in range(2):     # the second time it is started again only after some seconds
            lab.eventually("hello runs", "yes", lambda: lab.box.root("pidof hello").strip(), 30, lambda p: p not in ("", *dead))
            dead.append(lab.box.root("pidof hello").strip())
            lab.box.root(f"kill -9 {dead[-1]}")
        lab.eventually("the rules let no new TLS flow begin", "yes", lambda: "no" if "elements" in lab.box.root(
            "nft list map inet sekisho asking_generation") else "yes", 3, step=0.05)
        size = os.path.getsize(copy)
        begin = time.time()
        answer = lab.pc.tcp(t.REGISTRY, 443, 1.5)
        gone = lab.box.root("pidof hello").strip() == ""
        lab.check("a new TLS connection while hello is away", "waits", answer, gone and answer != "open")
        lab.check("the download meanwhile", "goes on", f"{os.path.getsize(copy) - size} bytes more",
                  os.path.getsize(copy) > size)
        end = time.time()
    strange = [p.what() for p in behind.packets() if p.dst == t.REGISTRY and begin <= p.time <= end and p.flags & 2]
    lab.check("new connections seen behind the tunnel meanwhile", [], strange)

    page = lab.pc.curl(f"https://{t.REGISTRY_NAME}/", timeout=40)
    lab.check(f"a page that was asked for while hello was away comes when it is back ({page.seconds:.1f} s)", 200, page.status)
    lab.eventually("hello is there again", "running", lambda: pick(lab.box.status(), "gate.hello"), 60)
    lab.log_says("the log says it", "fault", "hello", "new TLS connections wait")

    download.join()
    with open(copy, "rb") as f:
        same = hashlib.sha256(f.read()).hexdigest() == whole
    lab.check("the download of 50 MB", "whole and unchanged", f"{pages[0].status}, {'the same' if same else 'not the same'}",
              same and pages[0].status == 200)
    now = asked(lab)
    lab.check("packets of it and of the page that went to user space", f"at most {2 * HANDFUL}", now - before,
              now - before <= 2 * HANDFUL)
    lab.check("tunnels at the hub: the session went on", 1, lab.hub.installed())
