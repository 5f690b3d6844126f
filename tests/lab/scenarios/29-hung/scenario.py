import time

import fault
import topology as t

GROUP = "lab-image"

WRONG = "standing-still.example"


def running(lab, process):
    return lab.box.root(f"pidof {process}").split()


def replaced(lab, process, before, patience):
    lab.eventually(f"{process}: the one that stands still is gone, another one runs", f"none of {before}",
                   lambda: running(lab, process), patience, lambda now: now and not set(now) & set(before))


def hello(lab):
    held = lab.pc.hold(t.REGISTRY, t.REGISTRY_NAME, 443, tls=lab.pc.tls(), patience=60)
    lab.eventually("a connection to the registry", "alive", lambda: "alive" if held.alive() else f"dead ({held.how})")
    before = running(lab, "sni")
    with lab.capture("registry", "inner0", "tcp port 443") as behind:
        begin, clock = time.time(), time.monotonic()
        lab.box.root(f"kill -STOP {' '.join(before)}")
        tried = {name: lab.pc.curl(f"https://{name}/", connect_to=t.REGISTRY, timeout=2) for name in (t.REGISTRY_NAME, WRONG)}
        lab.check("new TLS connections while sni stands still", "no page",
                  ", ".join(f"{k}: {v}" for k, v in tried.items()), all(p.status == 0 for p in tried.values()))
        replaced(lab, "sni", before, 240)
        end = time.time()
        lab.eventually("a page, with new connections", 200, lambda: lab.pc.curl(f"https://{t.REGISTRY_NAME}/").status)
        seconds = time.monotonic() - clock
        lab.check(f"the time from standing still to that page ({seconds:.1f} s)", "under 45 s", f"{seconds:.1f} s", seconds < 45)
    lab.eventually("the open connection after all that time", "alive", lambda: "alive" if held.alive() else f"dead ({held.how})")
    held.close()
    packets = [p for p in behind.packets() if p.dst == t.REGISTRY]
    new = {p.sport for p in packets if p.flags & 2 and begin <= p.time <= end}
    said = [p.what() for p in packets if p.sport in new and p.payload and begin <= p.time <= end]
    lab.check("what came out behind the tunnel of connections that began meanwhile", [], said)
    lab.check("the name that is on no list, there", "never seen", "seen" if any(
        WRONG.encode() in p.payload for p in packets) else "never seen")
    lab.check("the capture has seen the open connection", "packets", f"{len(packets)} packets", len(packets) > 20)
    lab.log_says("the log says it", "fault", "sni", "it does not answer and is ended")
    lab.check("tunnels at the hub: the session went on", 1, lab.hub.installed())


def stand_still(lab, *processes):
    """Programs that no packet depends on: {program: PIDs}."""
    before = {p: running(lab, p) for p in processes}
    lab.box.root(f"kill -STOP {' '.join(sum(before.values(), []))}")
    return before


def others(lab, before):
    for process, pids in before.items():
        replaced(lab, process, pids, 240)
        lab.log_says(f"the log says it of {process}", "fault program-hung", f"program={process} ")


def the_session_went_on(lab):
    lab.check("tunnels at the hub: the session went on", 1, lab.hub.installed())
    page = lab.pc.curl(f"https://{t.REGISTRY_NAME}/", timeout=20)
    lab.check("the registry's page", 200, page.status)


def run(lab):
    lab.up()
    lab.boot(lab.site(idle="10 min"), lab_image=True)
    lab.ready()
    lab.session()
    hello(lab)
    fault.struck(lab, "charon", "-STOP", ("fault charon-hangs",))
    lab.check("why the last session ended", "charon does not answer...", lab.box.get("gate.last-end"),
              "charon does not answer" in lab.box.get("gate.last-end"))
    fault.struck(lab, "dns", "-STOP", ("fault dns-front-lost", "peer-silent"))
    # (Each is watched separately, so they may hang together; but without audit nothing would be logged.)
    before = stand_still(lab, "enroll", "status")
    fault.struck(lab, "gate", "-STOP", ("fault program-hung", "program=gate "))
    others(lab, before)
    others(lab, stand_still(lab, "audit"))
    the_session_went_on(lab)
