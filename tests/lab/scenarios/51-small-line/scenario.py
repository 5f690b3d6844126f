import net
import topology as t
from box import pick


def narrow(size):
    """The line drops what is larger, and tells nobody."""
    net.run("wan", ["nft", "delete", "table", "inet", "narrow"])
    done = net.run("wan", ["nft", "-f", "-"], text=f"""table inet narrow {{
  chain way {{
    type filter hook forward priority filter
    meta length > {size} counter drop
  }}
}}
""")
    if done.returncode:
        raise RuntimeError(done.stderr)


def both_ways(lab, size):
    """Two megabytes each way over that line."""
    with lab.capture("wan", "line0", big=True) as wire:
        page = lab.pc.curl(f"https://{t.REGISTRY_NAME}/big", "-r", "0-1999999", "-o", f"{lab.folder}/got", timeout=300)
        lab.check(f"a line of {size}: 2 MB from the registry", "done", page.error or "done")
        page = lab.pc.curl(f"https://{t.REGISTRY_NAME}/upload", "--data-binary", f"@{lab.folder}/up", timeout=300)
        lab.check(f"a line of {size}: 2 MB to the registry", "received 2000000", page.error or page.body.strip())
    # (What the box sends is seen before the line drops it.)
    for what, mine in (("hub to box", lambda p: p.src == t.HUB), ("box to hub", lambda p: p.dst == t.HUB)):
        seen = [len(p.raw) - 14 for p in wire.packets() if p.kind == "ip" and mine(p)]
        lab.check(f"a line of {size}: the largest packet, {what}", f"{size} at most, and near it", max(seen),
                  size - 120 < max(seen) <= size)


def run(lab):
    lab.up()
    lab.registry.offer_big()
    with open(f"{lab.folder}/up", "wb") as f:
        f.write(bytes(2000000))
    lab.boot(services={"lab": lab.service(encapsulation="udp")})
    lab.ready()
    lab.check("what the box takes the line for", "1454", pick(lab.box.status(), "wan.mtu"))
    lab.session()
    for device in net.run("hub", ["sh", "-c", "ls /sys/class/net | grep ipsec"]).stdout.split():
        net.ip("link", "set", device, "mtu", "1500", ns="hub")
    narrow(1454)
    both_ways(lab, 1454)

    lab.box.cli("session end")
    narrow(1400)
    lab.isp.offer_mtu(1400)
    lab.box.cable("wan", False)
    lab.eventually("the cable is out", "down", lambda: pick(lab.box.status(), "wan.link"))
    lab.box.cable("wan", True)
    lab.eventually("what the lease says of the line", "1400", lambda: pick(lab.box.status(), "wan.mtu"))
    lab.session()
    both_ways(lab, 1400)
    lab.status_says("the status has it", "Largest packet of the line / 回線のMTU: 1400")
