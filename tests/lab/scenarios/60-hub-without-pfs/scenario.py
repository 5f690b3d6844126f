import time

import topology as t

GROUP = "shipped"

URL = f"https://{t.REGISTRY_NAME}/"
SAID = "refuses a new key exchange"
HOLLOW = "nothing came back through the tunnel; the box connected again"


def page(lab, what):
    seen, end = None, time.monotonic() + 240
    while time.monotonic() < end:      # an attempt that failed is followed by a pause
        seen = lab.pc.curl(URL, timeout=40)
        if seen.status == 200:
            break
        time.sleep(1)
    lab.check(what, "page 200", str(seen), seen.status == 200)


def run(lab):
    lab.up()
    lab.hub.propose_esp("aes256gcm16", rekey=4)
    lab.boot()
    lab.ready()
    page(lab, "the registry's page")
    first = lab.hub.spis()
    lab.eventually("new keys, and new again, begun by the hub", True,
                   lambda: bool(lab.hub.spis()) and not set(first) & set(lab.hub.spis()))
    page(lab, "the page with new keys")
    lab.eventually("the status says that the hub wants no key exchange for them", True, lambda: SAID in lab.box.sentences())
    lab.check("in the same session", "up", lab.box.get("gate.session"))

    lab.hub.propose_esp("aes256gcm16")      # no new keys in the next tunnel: they would get in the way of what follows
    lab.box.cli("session end")
    lab.eventually("session end: nothing stands at the hub", [], lab.hub.sas)

    def started():      # while the last session is still ending the box says so, and begins none
        lab.box.cli("session start")
        return lab.box.get("gate.session")
    lab.eventually("session start: up", "up", started)
    page(lab, "the page in it")
    lab.check("the status still says what is known of the hub", True, SAID in lab.box.sentences())

    lab.hub.swanctl("--terminate", "--child", "registry")
    lab.eventually("the hub closes the CHILD_SA alone: the whole IKE_SA goes", [], lab.hub.sas)
    page(lab, "the page once more")

    # It takes what comes by this CHILD_SA and gives nothing back; its IKE_SA lives. A new CHILD_SA has another SPI.
    old = lab.hub.swallow()
    lab.eventually("nothing comes back: the page all the same, in a new tunnel", True,
                   lambda: lab.pc.curl(URL, timeout=10).status == 200 and not set(old) & set(lab.hub.spis()))
    lab.check("the hub has swallowed some, and was there all the time", True, lab.hub.swallowed() > 0)
    lab.eventually("the status says so", True, lambda: HOLLOW in lab.box.sentences())
    lab.log_says("and the audit log", "session.hollow", "received=0")
