import hospital_dns
import net
import portal
import servers
import topology as t

GROUP = "portal, last"

ADDRESSES = {kind: f"192.168.77.{60 + i}" for i, kind in enumerate(hospital_dns.NAMES)}
OTHERS = {f"www.site{i}.shop": ["203.0.113.9"] for i in range(12)}
UNASKED = "late.shop"       # exists, and no server has it from before the session
PATIENCE = 180              # seconds: what ends a server that says SERVFAIL for ever


class Root(servers.Server):
    """A server for all names, with signatures."""

    def __init__(self, ns, folder, address, port=53, keys=None):
        super().__init__(ns, folder, "signed-root")
        self.address, self.port = address, port
        names = {**t.PUBLIC_NAMES, **t.INNER_NAMES, **OTHERS, UNASKED: ["203.0.113.9"], t.SIGNED_NAME: [t.REGISTRY]}
        names = {n: [a for a in addresses if ":" not in a] for n, addresses in names.items()}
        self.run, self.key = hospital_dns.root(f"{self.folder}/zones", address, names, port=port, keys=keys)

    def command(self):
        return self.run

    def ready(self):
        return self._tcp(self.address, self.port)


class Front(servers.Server):
    def __init__(self, folder, kind, key):
        super().__init__("lan", folder, "front-" + kind)
        self.address = ADDRESSES[kind]
        self.run = hospital_dns.server(kind, f"{self.folder}/own", self.address, t.BOX_LAN, key)

    def command(self):
        return self.run

    def start(self):
        net.ip("addr", "replace", self.address + "/24", "dev", "pc0", ns="lan")
        return super().start()

    def ready(self):
        return self._tcp(self.address, 53)


def line_asks(lab, port):
    """The uplink's DNS server forwards to the signed root next to it."""
    with open(lab.isp.conf) as f:
        lines = [line for line in f.read().split("\n") if not line.startswith(("address=", "local=/#/"))]
    lab.isp.write("conf", "\n".join([*lines, f"server={t.ISP}#{port}", ""]))


def address_through(lab, kind, name, what):
    seen = []

    def asked():
        seen.append(lab.pc.dns(name, server=ADDRESSES[kind], timeout=10))
        return str(seen[-1])
    lab.eventually(f"{kind}: {what}", f"NOERROR {t.REGISTRY}", asked, PATIENCE)


def listed_through_all(lab, begin):
    for kind in ADDRESSES:
        if begin:
            lab.box.cli("session end")    # (the other servers may raise the next one at any moment, by what they refresh)
        address_through(lab, kind, t.REGISTRY_NAME, "the listed name, first" if begin else "the listed name")
        address_through(lab, kind, t.REGISTRY_NAME, "again")
        address_through(lab, kind, t.SIGNED_NAME, "one in a signed zone")
        lab.eventually(f"{kind}: type 65", "NOERROR", lambda k=kind: lab.pc.dns(
            t.REGISTRY_NAME, "TYPE65", server=ADDRESSES[k]).status, PATIENCE)
        answer = lab.pc.dns(UNASKED, server=ADDRESSES[kind], timeout=15)
        lab.check(f"{kind}: a name on no list", "no address", str(answer), not answer.addresses)


def others_through_all(lab):
    for kind in ADDRESSES:
        lab.eventually(f"{kind}: {len(OTHERS)} names of others", {"NOERROR 203.0.113.9"}, lambda k=kind: {
            str(lab.pc.dns(name, server=ADDRESSES[k])) for name in OTHERS}, PATIENCE)
        lab.eventually(f"{kind}: a neighbour of the listed name", "NXDOMAIN", lambda k=kind: lab.pc.dns(
            "words.lab.example", server=ADDRESSES[k]).status, PATIENCE)
    lab.check("tunnels raised by all that", 0, lab.hub.installed())
    lab.check("and the box", "idle", lab.box.get("gate.session"))


def run(lab):
    line = Root("wan", lab.folder + "/line", t.ISP, port=5300)
    inner = Root("registry", lab.folder + "/inner", t.INNER_DNS, keys=f"{line.folder}/zones")
    line_asks(lab, line.port)
    lab.up(without=("inner_dns",))
    for server in (line, inner):
        server.start()
    for outside in ("closed", "internet"):
        # (Closed is the default of a site file, so this is the group's box.)
        lab.boot(lab.site(outside=None if outside == "closed" else outside), services={"lab": portal.service(lab)})
        lab.ready()
        fronts = [Front(f"{lab.folder}/{outside}", kind, line.key).start() for kind in ADDRESSES]
        if outside == "internet":
            others_through_all(lab)
        listed_through_all(lab, begin=outside == "closed")
        for front in fronts:
            front.stop()
        lab.box.cli("session end")
        lab.eventually("tunnels at the end", 0, lab.hub.installed)
        lab.box.cut_power()
