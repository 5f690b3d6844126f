import os
import re
import socket

import net
import pki
import servers
import topology as t

INNER6 = "2001:db8:20::/64"      # behind the hub
HUB_INNER6, REGISTRY6 = "2001:db8:20::1", "2001:db8:20::80"
VIP6_NET = "2001:db8:99::/112"    # lent to boxes
URL = f"https://{t.REGISTRY_NAME}/"
PC_LINK = "fe80::5054:ff:fe5e:77"


def offer_ipv6(lab):
    """The hub and the network behind it have IPv6 as well; the registry's name server has AAAA records."""
    net.ip("addr", "add", HUB_INNER6 + "/64", "dev", "inner0", "nodad", ns="hub")
    net.ip("addr", "add", REGISTRY6 + "/64", "dev", "inner0", "nodad", ns="registry")
    net.ip("-6", "route", "add", "default", "via", HUB_INNER6, ns="registry")
    with open(lab.hub.conf) as f:
        text = f.read()
    text = text.replace(f"local_ts = {t.INNER_NET}", f"local_ts = {t.INNER_NET}, {INNER6}").replace(
        "pools = boxes", "pools = boxes, boxes6").replace("pools {\n", f"pools {{\n  boxes6 {{\n    addrs = {VIP6_NET}\n  }}\n")
    lab.hub.write("swanctl.conf", text)
    lab.hub.load()
    lab.inner_dns.lie({t.REGISTRY_NAME: [t.REGISTRY, REGISTRY6]})


def answers(lab, what):
    """AAAA is answered at once with no data; the resolver is not queried."""
    before = lab.hub.installed()
    with lab.capture("lan", "pc0", "udp port 53") as lan:
        seen = lab.pc.dns(t.REGISTRY_NAME, "AAAA")
    waited = max((seconds for seconds, _ in lan.waits(lab.pc.address)), default=99)
    lab.check(f"{what}: AAAA of the registry's name ({seen.seconds:.2f} s)", "NOERROR, within 0.5 s",
              f"{seen}, {waited:.2f} s", str(seen) == "NOERROR" and waited < 0.5 and "SOA" in seen.text)
    lab.check(f"{what}: tunnels that the question has raised", 0, lab.hub.installed() - before)
    with open(lab.inner_dns.log, errors="replace") as f:
        lab.check(f"{what}: questions for AAAA that the registry's resolver got", 0,
                  f.read().lower().count(f" {t.REGISTRY_NAME}. aaaa "))


def lent(lab):
    """The virtual IPs, and the networks."""
    text = lab.hub.swanctl("--list-sas").stdout
    return sorted(re.findall(r"(?:10\.99\.0\.|2001:db8:99::)[0-9a-f]+(?=/(?:32|128))", text)), text.count(INNER6)


def clients(lab):
    """Programs that would take the IPv6 address if they were given one."""
    with lab.capture("lan", "pc0", f"udp port 53 or host {t.REGISTRY} or host {REGISTRY6}") as lan:
        page = lab.pc.curl(URL, timeout=60)
    waited = max((seconds for seconds, _ in lan.waits(lab.pc.address)), default=99)
    lab.check(f"curl ({page.seconds:.2f} s)", f"page 200 from {t.REGISTRY}, no word waited for 2 s, nothing tried by IPv6",
              f"{page}, {waited:.2f} s, {lan.to(REGISTRY6)}",
              page.address == t.REGISTRY and page.status == 200 and waited < 2 and not lan.to(REGISTRY6))
    for what, command in (("Node", ["node", "-e", f"fetch({URL!r}).then(r => r.text()).then(console.log)"]),
                          ("Python", ["python3", "-c", "import requests; print(requests.get("
                                      f"{URL!r}, verify={pki.path('web.crt')!r}, timeout=20).text)"])):
        done = net.run("lan", command, timeout=40, env=dict(os.environ, NODE_EXTRA_CA_CERTS=pki.path("web.crt")))
        lab.check(what, servers.MARKER, done.stdout.split(" ")[0].strip() or done.stderr, servers.MARKER in done.stdout)


def attempts(lab, address6):
    """Connections, datagrams and pings by IPv6; how many packets at least left the PC."""
    sent = 0
    with net.inside("lan"):
        card = socket.if_nametoindex("pc0")
    for target in (REGISTRY6, t.DECOY6, address6):
        for source in (PC_LINK, t.PC6):    # (the first one finds the box: it answers no other IPv6 address)
            with net.inside("lan"):
                tcp, udp = socket.socket(socket.AF_INET6), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            for s in (tcp, udp):
                s.settimeout(0.1)
                s.bind((source, 0, 0, card if source == PC_LINK else 0))
            try:
                tcp.connect((target, 443))
                lab.check(f"TCP from {source} to {target}", "no connection", "open")
            except OSError:
                pass
            udp.sendto(b"by IPv6", (target, 443))
            tcp.close()
            udp.close()
            sent += 2
        lab.pc.ping(target, 1, 1)
        sent += 1
    return sent


def counted(lab):
    return int(lab.box.get("gate.blocked.ip-version") or 0)


def run(lab):
    lab.up()
    offer_ipv6(lab)
    lab.check("from the hub, the registry's IPv6 address", True,
              net.run("hub", ["ping", "-n", "-q", "-c", "1", "-W", "2", REGISTRY6]).returncode == 0)
    service = lab.service().replace(f"remote = {t.INNER_NET}\n", f"remote = {t.INNER_NET}\nremote = {INNER6}\n")
    lab.boot(lab.site(), services={"lab": service})
    lab.ready()
    lab.pc.ipv6()
    answers(lab, "before the session")
    lab.session()
    answers(lab, "in the session")
    addresses, networks = lent(lab)
    lab.check("addresses lent to the box, and tunnels for the IPv6 network", "one of each family, 1", f"{' '.join(addresses)}, {networks}",
              len(addresses) == 2 and networks == 1)
    clients(lab)
    address6 = next((a for a in addresses if ":" in a), REGISTRY6)
    before = counted(lab)
    with lab.capture(expression="ip6") as line, lab.capture("hub", "inner0", f"ip6 and (host {t.PC6} or host {PC_LINK} or net {VIP6_NET})"
                                                            ) as behind, lab.capture("lan", "pc0", "ip6") as lan:
        sent = attempts(lab, address6)
        with net.inside("registry"), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            for port in (53, 443, 500):
                s.sendto(b"from behind the hub", (address6, port))
        lab.eventually("of the PC's packets by IPv6, refused for that reason", f"{sent} or more",
                       lambda: counted(lab) - before, good=lambda n: n >= sent)
    seen = [p for p in lan.packets() if p.src in (t.PC6, PC_LINK) and p.dst in (REGISTRY6, t.DECOY6, address6)]
    lab.check("of them seen at the PC's card", f"{sent} or more", len(seen), len(seen) >= sent)
    lab.check("IPv6 on the line, but for what a link needs", [], [p.what() for p in line.packets(from_box=True) if not p.dst.startswith("ff02:")])
    lab.check("IPv6 behind the hub from the PC or in the box's name", [], [p.what() for p in behind.packets()
                                                                         if p.src in (t.PC6, PC_LINK) or p.src == address6])
    lab.check("what was sent from behind the hub to the lent address", 3, sum(p.dst == address6 for p in behind.packets()))
    lab.check("of it in the LAN", [], [p.what() for p in lan.packets() if p.src == REGISTRY6])
    lab.log_says("the log says why", "blocked", "reason=ip-version", f"client={t.PC6}", f"server={REGISTRY6}")
    page = lab.pc.curl(URL)
    lab.check(f"the page afterwards ({page.seconds:.2f} s)", f"page 200 from {t.REGISTRY}", str(page))
