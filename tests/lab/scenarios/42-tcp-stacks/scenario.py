import hashlib
import os
import threading
import time

import net
import portal
import tlsview
import topology as t

GROUP = "portal"

SIZE = 300 * 1000
AT_ONCE = 8


def fetch(lab, whole, more, timeout):
    """Eight at once. Returns how many got the whole file, what the others got, and the longest time to the first byte."""
    results = []

    def one(n):
        got = f"{lab.folder}/got-{n}"
        page = lab.pc.curl(f"https://{t.PORTAL_NAME}/part", "-o", got, *more, timeout=timeout)
        with open(got, "rb") as f:
            good = hashlib.file_digest(f, "sha256").digest() == whole if not page.error else False
        results.append((good, page.error, page.seconds))
    for n in range(AT_ONCE):
        open(f"{lab.folder}/got-{n}", "w").close()
    threads = [threading.Thread(target=one, args=(n,)) for n in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (sum(good for good, _, _ in results), sorted({e for good, e, _ in results if not good}),
            max(seconds for _, _, seconds in results))


def nft(text):
    done = net.run("lan", ["nft", "-f", "-"], text=text)
    if done.returncode:
        raise RuntimeError(f"nft in lan: {done.stderr}")


def lossy(outward, inward):
    nft(f"""table netdev loss {{
  chain out {{
    type filter hook egress device pc0 priority 0
    ip daddr {t.PORTAL} numgen inc mod {outward} 0 drop
  }}
  chain in {{
    type filter hook ingress device pc0 priority 0
    ip saddr {t.PORTAL} numgen inc mod {inward} 0 drop
  }}
}}
""")


def sysctl(**settings):
    def change():
        net.sysctl("lan", **settings)
    return change


def link(*words):
    def change():
        net.ip("link", "set", "dev", "pc0", *words, ns="lan")
    return change


def run_tc(*words):
    def change():
        done = net.run("lan", ["tc", *words])
        if done.returncode:
            raise RuntimeError(f"tc: {done.stderr}")
    return change


# What, how, how to undo it, curl's extra words, seconds at most (a slow machine: ten times what the first takes), least
# segments of a ClientHello in the capture.
STACKS = (
    ("a Linux PC whose card cuts the segments", lambda: portal.card_cuts(False), None, (), 12, 1),
    ("a Linux PC that cuts them itself", lambda: portal.card_cuts(True), None, (), 12, 2),
    ("no timestamps, hop limit 128 (Windows)", sysctl(net__ipv4__tcp_timestamps=0, net__ipv4__ip_default_ttl=128),
     sysctl(net__ipv4__tcp_timestamps=1, net__ipv4__ip_default_ttl=64), (), 12, 2),
    ("no SACK", sysctl(net__ipv4__tcp_sack=0), sysctl(net__ipv4__tcp_sack=1), (), 12, 2),
    ("no window scaling", sysctl(net__ipv4__tcp_window_scaling=0), sysctl(net__ipv4__tcp_window_scaling=1), (), 12, 2),
    ("ECN asked for", sysctl(net__ipv4__tcp_ecn=1), sysctl(net__ipv4__tcp_ecn=2), (), 12, 2),
    ("TCP Fast Open asked for", sysctl(net__ipv4__tcp_fastopen=1), None, ("--tcp-fastopen",), 12, 2),
    ("MTU 1280 (a VPN program's)", link("mtu", "1280"), link("mtu", "1500"), (), 12, 2),
    ("MTU 576", link("mtu", "576"), link("mtu", "1500"), (), 12, 4),
    ("200 kbit/s to the box: 60 ms from segment to segment", run_tc("qdisc", "replace", "dev", "pc0", "root", "tbf", "rate", "200kbit", "burst", "1600",
                                   "latency", "2s"), run_tc("qdisc", "del", "dev", "pc0", "root"), (), 20, 2),
    ("every 5th packet lost outward, every 7th inward", lambda: lossy(5, 7), lambda: nft("delete table netdev loss"), (),
     60, 2),
)


def run(lab):
    site = portal.Portal(lab.folder)
    lab.up()
    site.start()
    with open(site.large, "rb") as f:
        part = f.read(SIZE)
    with open(os.path.join(os.path.dirname(site.large), "part"), "wb") as f:
        f.write(part)
    lab.boot(lab.site(), services={"lab": portal.service(lab)})
    lab.ready()
    lab.session()
    usual = 0.0       # what this machine takes for the first of them, in which nothing is odd
    for what, change, undo, more, limit, segments in STACKS:
        change()
        with lab.capture("lan", "pc0", f"tcp and host {t.PORTAL}") as wire:
            begin = time.monotonic()
            good, others, longest = fetch(lab, hashlib.sha256(part).digest(), more, max(limit, 10 * usual) if usual else 120)
            seconds = time.monotonic() - begin
            usual = usual or seconds
        if undo:
            undo()
        least = min((h.segments for h in tlsview.hellos(wire.path, lab.pc.address)), default=0)
        lab.check(f"{what}: {AT_ONCE} connections with 300 kB ({seconds:.1f} s)",
                  f"{AT_ONCE} whole, ClientHellos of {segments} segments or more", f"{good} whole, {least} segments"
                  + (f"; the others: {', '.join(others)}" if others else ""), good == AT_ONCE and least >= segments)
