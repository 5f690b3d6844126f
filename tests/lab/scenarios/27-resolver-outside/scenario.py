import judge
import servers
import topology as t


def line_knows(lab, address):
    """From now on the line's DNS server gives this address for the registry."""
    lab.isp.stop()
    with open(lab.isp.conf) as f:
        lines = [line for line in f.read().split("\n") if f"/{t.REGISTRY_NAME}/" not in line]
    lab.isp.write("conf", "\n".join(lines + [f"address=/{t.REGISTRY_NAME}/{address}", ""]))
    lab.isp.start()


def inner_asked(lab):
    with open(lab.inner_dns.log, errors="replace") as f:
        return f.read().lower().count(f" {t.REGISTRY_NAME}. ")      # (the box turns letters at random)


def run(lab):
    lab.up()
    line_knows(lab, t.REGISTRY)
    service = lab.service().replace(f"resolver = {t.INNER_DNS}", "resolver = wan")
    lab.boot(lab.site(outside="internet"), {"lab": service})
    lab.ready()
    page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
    lab.check("the decoy by name before the session", "page 200", str(page), page.status == 200)
    before, decoy = lab.isp.asked(t.REGISTRY_NAME), lab.isp.asked(t.DECOY_NAME)
    judge.session(lab)
    lab.check("the line's DNS server was asked for the registry", "once or more",
              lab.isp.asked(t.REGISTRY_NAME) - before, lab.isp.asked(t.REGISTRY_NAME) > before)
    lab.check("and the one behind the hub", "0 times", f"{inner_asked(lab)} times")
    answer = lab.pc.dns(t.DECOY_NAME)
    lab.check("in the session the decoy's name", "REFUSED", str(answer), answer.status == "REFUSED")
    lab.check("questions for it on the line", 0, lab.isp.asked(t.DECOY_NAME) - decoy)
    lab.box.cli("session end")
    lab.eventually("the session is over", "idle", lambda: lab.box.get("gate.session"))

    line_knows(lab, t.DECOY)
    with lab.capture() as wire:
        answer = lab.pc.dns(t.REGISTRY_NAME, timeout=30)
        lab.check("the line's DNS server lies", "no address for the PC", str(answer), not answer.addresses)
        seen = lab.pc.tcp(t.DECOY, 443)
        lab.check("the address that it named", "not open", seen, seen != "open")
    lab.check("packets of the PC's to it on the line", [], [p.what() for p in wire.packets(from_box=True) if p.dst == t.DECOY])
    lab.log_says("the log says it", "dns.refused", t.REGISTRY_NAME, "forbidden-address")

    line_knows(lab, t.REGISTRY)
    lab.box.cli("session end")
    lab.eventually("the session is over", "idle", lambda: lab.box.get("gate.session"))
    page = lab.page(f"https://{t.REGISTRY_NAME}/")
    lab.check("with the right address again", servers.MARKER, page.body.split()[0] if page.body else str(page))
