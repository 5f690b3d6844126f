import os
import shutil

import net
import pcap
import pki
import servers
import topology as t

CONNECTION = f"""connections {{
  hub {{
    version = 2
    remote_addrs = {t.HUB}
    vips = 0.0.0.0
    proposals = aes256gcm16-prfsha384-ecp384
    local {{
      auth = pubkey
      certs = box.crt
    }}
    remote {{
      auth = pubkey
      id = {t.HUB_NAME}
    }}
    children {{
      registry {{
        remote_ts = {t.INNER_NET}
        esp_proposals = aes256gcm16-ecp384
      }}
    }}
  }}
}}
"""


def enrol(folder):
    """Key and certificate by libest's client; 'a certificate', or what went wrong."""
    os.makedirs(folder, exist_ok=True)
    pki.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{folder}/box.key")
    done = net.run("lan", ["env", "-C", folder, f"EST_OPENSSL_CACERT={pki.path('ca.crt')}", "estclient", "-e",
                           "-s", t.EST, "-p", str(t.EST_PORT), "-o", folder, "-u", t.EST_USER, "-h", t.EST_PASSWORD,
                           "-x", f"{folder}/box.key", "--common-name", "stand-in"], timeout=30)
    got = f"{folder}/cert-0-0.pkcs7"
    if not os.path.exists(got):
        return f"no certificate: {(done.stdout + done.stderr)[-300:]}"
    der = f"{folder}/cert.der"
    pki.openssl("base64", "-d", "-in", got, "-out", der)
    text = pki.openssl("pkcs7", "-inform", "DER", "-in", der, "-print_certs")
    with open(f"{folder}/box.crt", "w") as f:
        f.write(text[text.index("-----BEGIN"):])
    return "a certificate"


def run(lab):
    lab.up()
    # Here the PC is connected to the uplink: a veth replaces the box.
    net.ip("link", "add", "line", "netns", "lan", "type", "veth", "peer", "name", "stand-in", "netns", "wan")
    net.ip("addr", "del", t.ISP + "/24", "dev", "line0", ns="wan")
    net.ip("addr", "add", t.ISP + "/24", "dev", "stand-in", ns="wan")
    net.ip("link", "set", "stand-in", "up", ns="wan")
    net.ip("addr", "add", "198.51.100.50/24", "dev", "line", ns="lan")
    net.ip("link", "set", "line", "up", ns="lan")
    net.ip("route", "add", "default", "via", t.ISP, ns="lan")

    lab.check("the line's DNS knows the hub", f"NOERROR {t.HUB}", str(lab.pc.dns(t.HUB_NAME, server=t.ISP)))
    lab.check("the line's DNS does not know the registry", "no address",
              lab.pc.dns(t.REGISTRY_NAME, server=t.ISP).addresses or "no address")
    lab.check("somebody else's DNS lies about the registry", f"NOERROR {t.DECOY}",
              str(lab.pc.dns(t.REGISTRY_NAME, server=t.OTHER_DNS)))
    lab.check("the decoy's page", "decoy", lab.pc.curl(f"https://{t.DECOY_NAME}/", connect_to=t.DECOY).body.strip())
    lab.check("the line's time server", "answer", lab.pc.udp(t.ISP, 123, b"\x23" + bytes(47)))
    folder = os.path.abspath(f"{lab.folder}/stand-in-cert")
    if not lab.check("estserver gives libest's client", "a certificate", enrol(folder)):
        return
    for raw in (True, False):
        tunnel(lab, folder, raw)
    with lab.capture(interface="stand-in") as wire:
        page = lab.pc.curl(f"http://{t.REGISTRY}/")
    lab.check("without a tunnel, in clear: the trap answers", servers.MARKER,
              page.body.split()[0] if page.body else str(page))
    lab.check("and the capture sees it", "packets in clear", f"{len(wire.clear())} packets", len(wire.clear()) > 3)
    lab.check("and its marker", "marked packets", f"{len(wire.marked())} packets", len(wire.marked()) > 0)
    silences(lab)


def silences(lab):
    """wire.waits distinguishes answers, refusals and silence."""
    net.run("public", ["nft", "-f", "-"], text="table ip mute { chain in { type filter hook input priority 0; "
            "tcp dport 81 drop; tcp dport 82 reject with icmp port-unreachable; }; }")
    with lab.capture("lan", "line", f"icmp or udp port 53 or host {t.DECOY}") as wire:
        lab.pc.dns(t.HUB_NAME, server=t.ISP)
        for port in (80, 81, 82, 83):
            lab.pc.tcp(t.DECOY, port, 1.5)
    waits = {whom: seconds for seconds, whom in wire.waits("198.51.100.50")}
    lab.check("whose words were waited for", f"{t.ISP}:53, four ports of {t.DECOY}, one of them never answered", waits,
              set(waits) == {f"{t.ISP}:53", f"{t.DECOY}:80", f"{t.DECOY}:81 (never answered)", f"{t.DECOY}:82", f"{t.DECOY}:83"})
    lab.check("and for more than a second", [f"{t.DECOY}:81 (never answered)"], [whom for whom, s in waits.items() if s > 1])


def tunnel(lab, folder, raw):
    form = "bare ESP" if raw else "ESP in UDP"
    lab.hub.raw_esp = raw
    lab.hub.configure()
    lab.hub.restart()
    stand_in = servers.Charon("lan", lab.folder, "stand-in", raw, CONNECTION)
    shutil.copy(f"{folder}/box.crt", f"{stand_in.folder}/x509/box.crt")
    shutil.copy(f"{folder}/box.key", f"{stand_in.folder}/private/box.key")
    shutil.copy(pki.path("ca.crt"), f"{stand_in.folder}/x509ca/ca.crt")
    stand_in.start()
    with lab.capture(interface="stand-in") as wire:
        done = stand_in.swanctl("--initiate", "--child", "registry")
        lab.check(f"tunnel, {form}", "completed", "completed" if done.returncode == 0 else done.stdout[-300:])
        page = lab.pc.curl(f"https://{t.REGISTRY_NAME}/", connect_to=t.REGISTRY)
        lab.check(f"the registry's page through the tunnel, {form}", servers.MARKER,
                  page.body.split()[0] if page.body else str(page))
        lab.check("the hub counts the tunnels", 1, lab.hub.installed())
    counts = wire.counts()
    lab.check(f"the line carried {form}", "IKE and ESP", counts,
              counts["ike"] > 3 and counts["esp" if raw else "esp-in-udp"] > 5)
    lab.check("and nothing of the registry in clear", [], wire.clear() + wire.marked())
    lab.check("no sequence number twice with other bytes", 0, pcap.esp_figures(wire.packets()).reused)
    stand_in.stop()
