import hospital_dns
import net
import servers
import topology as t

ADDRESSES = {kind: f"192.168.77.{60 + i}" for i, kind in enumerate(hospital_dns.NAMES)}
SIGNED = "entry.signed.example"
OTHERS = {f"www.site{i}.shop": ["203.0.113.9"] for i in range(12)}
UNASKED = "late.shop"       # exists, and no server has it from before the session
PATIENCE = {"pdns": 90}


class Root(servers.Server):
    """Everything that there is to know, with signatures."""

    def __init__(self, ns, folder, address, port=53, keys=None):
        super().__init__(ns, folder, "signed-root")
        self.address, self.port = address, port
        names = {**t.PUBLIC_NAMES, **t.INNER_NAMES, **OTHERS, UNASKED: ["203.0.113.9"], SIGNED: [t.REGISTRY]}
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
    """The line's DNS server knows nothing by itself and asks the signed root beside it."""
    with open(lab.isp.conf) as f:
        lines = [line for line in f.read().split("\n") if not line.startswith(("address=", "local=/#/"))]
    lab.isp.write("conf", "\n".join([*lines, f"server={t.ISP}#{port}", ""]))


def address_through(lab, kind, name, what):
    seen = []

    def asked():
        seen.append(lab.pc.dns(name, server=ADDRESSES[kind], timeout=10))
        return str(seen[-1])
    lab.eventually(f"{kind}: {what}", f"NOERROR {t.REGISTRY}", asked, PATIENCE.get(kind, 45))


def listed_through_all(lab, begin):
    for kind in ADDRESSES:
        if begin:
            lab.box.cli("session end")    # (the other servers may raise the next one at any moment, by what they refresh)
        address_through(lab, kind, t.REGISTRY_NAME, "the listed name, first" if begin else "the listed name")
        address_through(lab, kind, t.REGISTRY_NAME, "again")
        address_through(lab, kind, SIGNED, "one in a signed zone")
        answer = lab.pc.dns(t.REGISTRY_NAME, "TYPE65", server=ADDRESSES[kind], timeout=10)
        lab.check(f"{kind}: type 65", "NOERROR", answer.status)
        answer = lab.pc.dns(UNASKED, server=ADDRESSES[kind], timeout=15)
        lab.check(f"{kind}: a name on no list", "no address", str(answer), not answer.addresses)


def others_through_all(lab):
    for kind in ADDRESSES:
        seen = {str(lab.pc.dns(name, server=ADDRESSES[kind], timeout=15)) for name in OTHERS}
        lab.check(f"{kind}: {len(OTHERS)} names of others", {"NOERROR 203.0.113.9"}, seen)
        answer = lab.pc.dns("words.lab.example", server=ADDRESSES[kind], timeout=15)
        lab.check(f"{kind}: a neighbour of the listed name", "NXDOMAIN", answer.status)
    lab.check("tunnels raised by all that", 0, lab.hub.installed())
    lab.check("and the box", "idle", lab.box.get("gate.session"))


def run(lab):
    line = Root("wan", lab.folder + "/line", t.ISP, port=5300)
    inner = Root("registry", lab.folder + "/inner", t.INNER_DNS, keys=f"{line.folder}/zones")
    line_asks(lab, line.port)
    lab.up(without=("inner_dns",))
    for server in (line, inner):
        server.start()
    service = lab.service() + f"name = {SIGNED} tcp/443 tls\n"
    for outside in ("closed", "internet"):
        lab.boot(lab.site(outside=outside), {"lab": service})
        lab.ready()
        fronts = [Front(f"{lab.folder}/{outside}", kind, line.key).start() for kind in ADDRESSES]
        if outside == "internet":
            others_through_all(lab)
        listed_through_all(lab, begin=outside == "closed")
        for front in fronts:
            front.stop()
        lab.box.cli("session end")
        lab.eventually("tunnels at the end", 0, lab.hub.installed, 60)
        lab.box.cut_power()
