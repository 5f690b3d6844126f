import os
import shutil
import socket

import net
import pc
import pki
import servers
import topology as t

BOUND = ("192.168.77.20", "52:54:00:5e:10:20")
SECOND = ("lan2", "192.168.77.51")
SERVICE = f"""[service]
title = Own tool (試験用)
number = 2
[tunnel]
kind = pc
[allow]
name = {t.HUB2_NAME} udp/500, udp/4500, esp
"""
URL = f"https://{t.REGISTRY2_NAME}/"


class Tool(servers.Charon):
    """The registry's VPN tool on a PC: `own` finds the hub by its name, `again` by its address."""

    def __init__(self, ns, folder, name):
        identity = f"{name}.lab.example"
        pki.hub(name, identity, "192.168.77.99")
        super().__init__(ns, folder, name, False, "connections {" + "".join(f"""
  {child} {{
    version = 2
    remote_addrs = {hub}
    proposals = aes256gcm16-prfsha384-ecp384
    vips = 0.0.0.0
    local {{
      auth = pubkey
      certs = pc.crt
      id = {identity}
    }}
    remote {{
      auth = pubkey
      id = {t.HUB2_NAME}
    }}
    children {{
      {child} {{
        remote_ts = {t.INNER2_NET}
        esp_proposals = aes256gcm16-ecp384
      }}
    }}
  }}""" for child, hub in (("own", t.HUB2_NAME), ("again", t.HUB2))) + "\n}\n")
        shutil.copy(pki.path(f"{name}.crt"), f"{self.folder}/x509/pc.crt")
        shutil.copy(pki.path(f"{name}.key"), f"{self.folder}/private/pc.key")
        shutil.copy(pki.path("ca.crt"), f"{self.folder}/x509ca/ca.crt")

    def connect(self, child="own"):
        done = self.swanctl("--initiate", "--child", child, timeout=120)
        return done.returncode == 0 or done.stdout[-400:] + done.stderr[-200:]

    def page(self):
        """The registry's page through this tunnel."""
        done = net.run(self.ns, ["curl", "-sS", "-m", "20", "--noproxy", "*", "--cacert", pki.path("web.crt"),
                                 "--connect-to", f"::{t.REGISTRY2}:", URL], timeout=25)
        return servers.MARKER if servers.MARKER in done.stdout else done.stderr.strip()


def second_pc():
    """Another PC in the same LAN, with a network card of its own."""
    ns, address = SECOND
    os.makedirs(f"/etc/netns/{ns}", exist_ok=True)
    with open(f"/etc/netns/{ns}/resolv.conf", "w") as f:
        f.write(f"nameserver {t.BOX_LAN}\noptions timeout:20 attempts:1\n")
    net.ip("netns", "add", ns)
    net.ip("link", "add", "pc1", "link", "pc0", "netns", ns, "type", "macvlan", "mode", "bridge", ns=pc.NS)
    for words in (("link", "set", "lo", "up"), ("link", "set", "pc1", "up"), ("addr", "add", f"{address}/24", "dev", "pc1"),
                  ("route", "add", "default", "via", t.BOX_LAN)):
        net.ip(*words, ns=ns)


def raw_esp(ns, to):
    with net.inside(ns), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP) as s:
        s.sendto(b"\xc1\x5e\x1c\x15" + bytes(60), (to, 0))


def session_is(lab, what, state):
    lab.eventually(what, state, lambda: lab.box.get("gate.session"))


def nothing_else(lab):
    answer = lab.pc.dns(t.DECOY_NAME)
    lab.check("the decoy's name", "REFUSED", answer.status)
    answer = lab.pc.dns(t.REGISTRY_NAME)
    lab.check("the name of the box's own service, which is not this PC's", "REFUSED", answer.status)
    for what, seen in (("the decoy by its address", lab.pc.tcp(t.DECOY, 443)), ("the hub's tcp/443", lab.pc.tcp(t.HUB2, 443))):
        lab.check(what, "not open", seen, seen != "open")
    for what, address, port in (("IKE to another host", t.DECOY, 500), ("ESP in UDP to another host", t.DECOY, 4500),
                                ("the hub's udp/5000", t.HUB2, 5000)):
        lab.check(what, "refused", lab.pc.udp(address, port, timeout=3))


def native_esp(lab):
    """By itself, of one PC, both ways. (IKE would not choose it behind address translation; a tool may be told to.)"""
    line = lab.box.get("wan.address")
    with lab.capture("hub2", "pub0", "proto 50") as there, lab.capture(pc.NS, "pc0", "proto 50") as back:
        raw_esp(pc.NS, t.HUB2)
        raw_esp(pc.NS, t.DECOY)
        lab.eventually("ESP by itself leaves", True, lambda: os.path.getsize(there.path) > 24)
        raw_esp("hub2", line)
        lab.eventually("and reaches the PC", True, lambda: any(p.src == t.HUB2 for p in back.packets()))
    lab.check("at the hub", [(line, t.HUB2)], [(p.src, p.dst) for p in there.packets() if p.src != t.HUB2])
    lab.check("and its answer at the PC", [(t.HUB2, lab.pc.address)],
              [(p.src, p.dst) for p in back.packets() if p.src == t.HUB2])


def two_pcs(lab, one, two):
    with lab.capture() as wire:
        lab.check("the first PC's tool connects", True, one.connect())
        session_is(lab, "the session", "up")
        lab.check("its tunnel", "pc", lab.box.get("gate.tunnel"))
        lab.check("the registry's page through the PC's own tunnel", servers.MARKER, one.page())
        lab.check("the second PC's tool connects", True, two.connect())
        lab.check("its page", servers.MARKER, two.page())
        lab.check("tunnels at the PCs' hub, all in UDP", [True, True],
                  [c["udp"] for sa in lab.hub2.sas() for c in sa["children"] if c["state"] == "INSTALLED"])
        lab.check("at the box's hub", 0, lab.hub.installed())
        nothing_else(lab)
        for what in ("child", "ike"):
            lab.check(f"the hub begins new keys ({what})", True, lab.hub2.rekey(what))
            lab.check("the pages", [servers.MARKER] * 2, [one.page(), two.page()])
        lab.check("a PC does", 0, one.swanctl("--rekey", "--child", "own").returncode)
        lab.check("the pages", [servers.MARKER] * 2, [one.page(), two.page()])
        native_esp(lab)
    lab.check("to others on the line", [], wire.strangers(also=(t.HUB2,)))
    lab.check("in clear", [], wire.clear() + wire.marked())
    # (The second half of a datagram in two fragments has no ports.)
    lab.check("to the hub, but IKE and ESP", [], [p.what() for p in wire.packets(from_box=True) if p.dst == t.HUB2 and
                                                  not p.ike() and not p.esp() and (p.sport or p.dport or p.proto != 17)])


def what_people_read(lab):
    own = next(s for s in lab.box.console.object("rules")["services"] if s["name"] == "own")
    lab.check("`rules` says whose tunnel it is, and what is open",
              ("pc", True, [(t.HUB2_NAME, t.HUB2, "udp/500,udp/4500,esp")]),
              (own["tunnel"], own["up"], [(o["name"], o["address"], o["ports"]) for o in own["open"]]))
    text = lab.box.cli("rules")
    lab.check("in both languages", True, "Its tunnel is the PC's own" in text and "PC自身がトンネルを張ります" in text)
    text = lab.box.cli("status")
    lab.check("`status`", "own", "own" if "Tunnel of the PC's own for / PC自身がトンネルを張るサービス: own" in text else text)
    first = next((line for line in text.split("\n") if line.strip()), "")
    lab.check("its headline", "Open for the VPN tool on the PC; nothing else passes: own", first.strip())


def ends(lab, one, two):
    """Disconnected: silence; then the address alone; then by command, while the tunnel stands."""
    one.swanctl("--terminate", "--ike", "own")
    two.swanctl("--terminate", "--ike", "own")
    session_is(lab, "silence ends the session", "idle")
    lab.log_says("the log says so", "session.end", "session-idle")
    page = lab.pc.curl(f"http://{t.DECOY_NAME}/")
    lab.check("the decoy is open again", 200, page.status)
    with lab.capture() as wire:
        lab.check("IKE to the known address begins a session", True, one.connect("again"))
        lab.check("the page", servers.MARKER, one.page())
        lab.box.cli("session end")
        session_is(lab, "the session, ended by command", "idle")
        begun = len([line for line in lab.box.log(400) if "session.start" in line])
        seen = one.page()
        lab.check("the page through what is left of the tunnel", "none", seen, seen != servers.MARKER)
        session_is(lab, "the rest of a tunnel begins no session", "idle")
        lab.check("sessions begun since", begun, len([line for line in lab.box.log(400) if "session.start" in line]))
    lab.check("in clear", [], wire.clear() + wire.marked())
    text = lab.box.cli("log blocked")
    lab.check("`log blocked` says both", True, "begins its own tunnel" in text and "own earlier tunnel" in text)


def the_bound_pc(lab, one):
    one.stop()
    lab.pc.become(*BOUND)
    answer = lab.pc.dns(t.HUB2_NAME)
    lab.check("the hub's name, of a PC that is bound to the first service", "REFUSED", answer.status)
    lab.check("its address", "refused", lab.pc.udp(t.HUB2, 500, bytes(7) + b"\1" + bytes(24), timeout=3))
    session_is(lab, "that begins no session", "idle")
    page = lab.page(f"https://{t.REGISTRY_NAME}/")
    lab.check("its own service's page", servers.MARKER, page.body.split()[0] if page.body else str(page))


def run(lab):
    lab.up(second=True)
    lab.boot(lab.site(outside="internet", idle="20 s", extra="service = own",
                      hosts=[f"host = {' '.join(BOUND)} lab", "others = own"]),
             {"lab": lab.service(), "own": SERVICE}, lab_image=True)
    lab.ready()
    second_pc()
    one, two = Tool(pc.NS, lab.folder, "pc-one").start(), Tool(SECOND[0], lab.folder, "pc-two").start()
    page = lab.pc.curl(f"http://{t.DECOY_NAME}/")
    lab.check("the decoy before the session", 200, page.status)
    two_pcs(lab, one, two)
    what_people_read(lab)
    ends(lab, one, two)
    the_bound_pc(lab, one)
