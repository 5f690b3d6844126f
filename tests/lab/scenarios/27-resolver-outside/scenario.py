import checks
import servers
import topology as t


# The answers of the hospital's own DNS, behind the uplink's server, for its names and for others.
HOSPITAL = {"intranet.hospital.example": "10.30.1.10", "hospital.example": "10.30.1.11", "pc.hospital.example": "192.168.77.9",
            "box.hospital.example": t.BOX_LAN, "db.hospital.example": t.REGISTRY, "printer.other.example": "10.30.1.12",
            "nothospital.example": "10.30.1.13"}


def line_knows(lab, address):
    """Make the uplink's DNS server answer with this address for the registry."""
    lab.isp.stop()
    with open(lab.isp.conf) as f:
        lines = [line for line in f.read().split("\n") if f"/{t.REGISTRY_NAME}/" not in line]
    own = [] if any("/hospital.example/" in line for line in lines) else [f"address=/{n}/{a}" for n, a in HOSPITAL.items()]
    lab.isp.write("conf", "\n".join(lines + own + [f"address=/{t.REGISTRY_NAME}/{address}", ""]))
    lab.isp.start()


def private(lab, what, passes):
    """Of all these names exactly those pass."""
    seen = {name: lab.pc.dns(name, timeout=10) for name in HOSPITAL}
    lab.check(f"{what}: private addresses that pass", {n: HOSPITAL[n] for n in passes},
              {n: " ".join(a.addresses) for n, a in seen.items() if a.addresses})
    lab.check(f"{what}: the others", {"SERVFAIL"}, {a.status for n, a in seen.items() if n not in passes})


def private_answers(lab):
    private(lab, "nothing in the site file", [])
    lab.pc.dns("intranet.hospital.example", timeout=10)
    lab.status_says("the status says which line would do", "intranet.hospital.example", "10.30.1.10",
                    "`private-answers = hospital.example`")
    lab.check("and in Japanese", True, "`private-answers = hospital.example`" in lab.box.cli("status --lang ja"))
    said = lab.box.cli("log blocked")
    lab.check("`log blocked` too, in both languages", True,
              all(w in said for w in ("DNS intranet.hospital.example", "`private-answers = DOMAIN`", "`private-answers = ドメイン`")))
    lab.box.root("sed -i 's/^.wan.$/[lan]\\nprivate-answers = hospital.example\\n\\n&/' /state/site.conf")
    said = lab.box.cli("check")
    lab.check("`check` takes the line", "no mistake", said, "private-answers" not in said and "mistakes" not in said)
    started = lab.box.root("pidof gate")
    lab.box.root("kill $(pidof gate)")
    lab.eventually("gate reads the file anew", True, lambda: lab.box.root("pidof gate").strip() not in ("", started.strip()))
    lab.eventually("the session", "idle", lambda: lab.box.get("gate.session"))
    lab.eventually("the hospital's name", "NOERROR 10.30.1.10", lambda: str(lab.pc.dns("intranet.hospital.example", timeout=10)))
    private(lab, "private-answers = hospital.example", ["intranet.hospital.example", "hospital.example"])
    lab.log_says("what leads into the LAN is no matter of a line", "dns.refused", "pc.hospital.example", "forbidden-address")


def inner_asked(lab):
    with open(lab.inner_dns.log, errors="replace") as f:
        return f.read().lower().count(f" {t.REGISTRY_NAME}. ")      # (the box turns letters at random)


def run(lab):
    lab.up()
    line_knows(lab, t.REGISTRY)
    service = lab.service().replace(f"resolver = {t.INNER_DNS}", "resolver = wan")
    lab.boot(lab.site(outside="internet"), {"lab": service}, lab_image=True)
    lab.ready()
    private_answers(lab)
    page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
    lab.check("the decoy by name before the session", "page 200", str(page), page.status == 200)
    before, decoy = lab.isp.asked(t.REGISTRY_NAME), lab.isp.asked(t.DECOY_NAME)
    checks.session(lab)
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
