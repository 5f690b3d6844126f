import concurrent.futures
import threading

import topology as t


def run(lab):
    lab.up()
    lab.make_box()
    lab.pc.fixed()
    lab.pc.ipv6()
    over = threading.Event()
    tried = [0]

    def try_everything():
        while not over.wait(0.1):
            tried[0] += 1
            for address in (t.REGISTRY, t.DECOY, t.DECOY6):
                lab.pc.tcp(address, 443, 0.05)
            lab.pc.udp(t.OTHER_DNS, 443, timeout=0.05)
    trier = threading.Thread(target=try_everything, daemon=True)
    with lab.capture() as wire:
        trier.start()
        lab.box.start()
        good, status, seconds = lab.box.wait(lambda s: s.get("enroll", {}).get("loaded") == "yes", 240)
        over.set()
        trier.join()
    lab.say(f"the PC tried {tried[0]} times, {seconds:.1f} s from the first prompt to the certificate")
    own = sum(1 for _ in wire.packets(from_box=True))
    lab.check("the capture saw the box's own packets", "more than 20", own, own > 20)
    lab.check("packets of the box to anybody but the line's servers and EST", [],
              wire.strangers() + [p.what() for p in wire.packets(from_box=True) if p.dst == t.HUB])
    lab.check("IPv6 packets of the PC", [], [p.what() for p in wire.packets() if p.src == t.PC6])
    address = status.get("wan", {}).get("address", "")
    wanted = {"of the box to the LAN": (t.BOX_LAN, "lan", [53]),
              "of its address on the line, to the LAN (53: all DNS is redirected)": (address, "lan", [53]),
              "of its address on the line, to the line": (address, "wan", [])}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = {what: pool.submit(lab.pc.scan, where, range(1, 2049), ns=ns, surely=expected)
                 for what, (where, ns, expected) in wanted.items()}
    for what, (_, _, expected) in wanted.items():
        lab.check(f"open TCP ports {what}", expected, found[what].result())
