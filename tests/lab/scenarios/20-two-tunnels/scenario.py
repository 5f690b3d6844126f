import checks
import servers
import topology as t

GROUP = "two-centres"

URL2 = f"https://{t.REGISTRY2_NAME}/"


def page(lab, what, url, **more):
    seen = lab.page(url, **more)
    return lab.check(f"{what} ({seen.seconds:.1f} s)", servers.MARKER, seen.body.split()[0] if seen.body else str(seen),
                     servers.MARKER in seen.body)


def esp(capture, hub):
    return sum(1 for p in capture.packets() if p.esp() and hub in (p.src, p.dst))


def each_by_its_own_tunnel(lab):
    """While only one is used, only its hub has ESP on the uplink, and only behind it packets come out."""
    for url, own, other, behind in ((f"https://{t.REGISTRY_NAME}/", t.HUB, t.HUB2, "registry2"),
                                    (URL2, t.HUB2, t.HUB, "registry")):
        with lab.capture() as wire, lab.capture(behind, "inner0", "ip") as wrong:
            page(lab, f"{url} with both tunnels up", url)
        lab.check("ESP with its own hub, with the other", "10 or more, under 10 (keep-alives)",
                  f"{esp(wire, own)}, {esp(wire, other)}", esp(wire, own) >= 10 > esp(wire, other))
        lab.check("of it behind the other hub", [], [p.what() for p in wrong.packets() if p.dport == 443])
        lab.check("in clear", [], wire.clear())


def crosswise(lab):
    """A listed name at the other listed registry's address."""
    for name, address in ((t.REGISTRY_NAME, t.REGISTRY2), (t.REGISTRY2_NAME, t.REGISTRY)):
        seen = lab.pc.curl(f"https://{name}/", "-k", connect_to=address, timeout=5)
        lab.check(f"{name} at {address}", "no page", str(seen), seen.status == 0)


def rules(lab):
    """The page is written every two seconds at most, so the last answer may not stand on it yet."""
    def seen():
        data = lab.box.console.object("rules")
        return sorted((s["hub"], s["up"], sorted({(o["name"], o["address"]) for o in s["open"]})) for s in data["services"])
    lab.eventually("`sekisho rules`", [(t.HUB, True, [(t.REGISTRY_NAME, t.REGISTRY)]),
                                       (t.HUB2, True, [(t.REGISTRY2_NAME, t.REGISTRY2)])], seen)


def one_dies(lab):
    """Hub 2 is killed. Flows through hub 1 go on; hub 2's service is closed, and that is logged."""
    held = lab.pc.hold(t.REGISTRY2, t.REGISTRY2_NAME, 443, tls=lab.pc.tls())
    mine = checks.Transfer(lab)
    lab.eventually("a connection to each registry", (True, True), lambda: (held.alive(), mine.held.alive()))
    with lab.capture() as wire:
        lab.hub2.die()
        lab.eventually("the tunnel of the dead hub is given up", True, step=1, ask=lambda: "tunnel for lab2 is gone" in "".join(
            lab.box.log(20)) or lab.box.get("gate.service") == "lab")
        with lab.capture("lan", "pc0", f"icmp or host {t.REGISTRY2} and not port {held.port}") as lan:
            seen = lab.pc.curl(URL2, connect_to=t.REGISTRY2)
        waited = lan.waits(lab.pc.address)[:1]
        lab.check(f"the dead hub's registry by its address ({seen.seconds:.1f} s: no hanging)", "no page, refused within 2 s",
                  f"{seen}; {waited}", seen.status == 0 and waited and waited[0][0] < 2)
        lab.check("the connection to it", "dead", "alive" if held.alive() else "dead")
        longest, most = mine.held.silence(), 2.5 + 10 * max(0, mine.usual - 0.15)
        lab.check("the other registry's connection meanwhile: longest silence", f"under {most:.1f} s", f"{longest:.2f} s",
                  longest < most)
        lab.eventually("and it lives", True, mine.held.alive)
        page(lab, "and a new connection there", f"https://{t.REGISTRY_NAME}/")
    lab.check("in clear", [], wire.clear() + wire.marked())
    lab.check("packets of the box to others", [], wire.strangers(also=(t.HUB2,)))
    held.close()
    mine.close()
    lab.hub2.start()
    lab.eventually("the second registry again, its hub being back", True,
                   lambda: servers.MARKER in lab.pc.curl(URL2, timeout=40).body)


def run(lab):
    lab.up(second=True)
    lab.boot(lab.site(extra="service = lab2"), lab.both_services(), lab_image=True)
    lab.ready()
    with lab.capture() as wire:
        page(lab, "the first registry", f"https://{t.REGISTRY_NAME}/")
        lab.check("tunnels at hub 1 and hub 2", (1, 0), (lab.hub.installed(), lab.hub2.installed()))
        page(lab, "the second registry", URL2)
        lab.check("tunnels at hub 1 and hub 2", (1, 1), (lab.hub.installed(), lab.hub2.installed()))
    lab.check("in clear", [], wire.clear() + wire.marked())
    lab.check("packets of the box to others", [], wire.strangers(also=(t.HUB2,)))
    each_by_its_own_tunnel(lab)
    crosswise(lab)
    rules(lab)
    one_dies(lab)
