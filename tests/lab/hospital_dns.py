"""DNS servers as hospitals have them, each with Debian's own configuration and the settings to serve a LAN and forward to
the box: BIND, unbound, knot-resolver, PowerDNS recursor, dnsmasq, systemd-resolved. And behind the box a name
server with a signed root of the lab's own, whose key replaces the Internet's in all of them.

The differences from Debian's files are paths, the root's key, the listening address and the forwarder.
"""

import glob
import os
import re
import shutil
import subprocess

NAMES = ("bind", "unbound", "knot", "pdns", "dnsmasq", "resolved")
VALIDATING = ("bind", "unbound", "knot", "pdns")


def _write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path


# ---- the signed root ----

ROOT = """$TTL 3600
@ SOA ns.lab. admin.lab. 1 3600 600 86400 60
@ NS ns.lab.
lab. NS ns.lab.
ns.lab. A {address}
"""


def _zone(folder, name, lines, address, sign):
    file = _write(f"{folder}/zone-{name}", f"$ORIGIN {'' if name == 'root' else name}.\n" + lines.format(address=address))
    if not sign:
        return file
    if not glob.glob(f"{folder}/K{'' if name == 'root' else name}.+*.key"):
        subprocess.run(["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", folder,
                        "." if name == "root" else name], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["dnssec-signzone", "-S", "-z", "-q", "-K", folder, "-d", folder, "-o", "." if name == "root" else name,
                    "-f", file + ".signed", file], check=True, stdout=subprocess.DEVNULL)
    return file + ".signed"


def _apex(address):
    return f"$TTL 60\n@ SOA ns admin 1 3600 600 86400 30\n@ NS ns\nns A {address}\n"


def root(folder, address, names, signed=("signed.example",), port=53, keys=None):
    """A server for everything at `address`: names {host: [addresses]}; zones in `signed` have keys of their own.

    Returns (command, the root's DNSKEY as a zone file has it). keys: the folder of another one, whose keys it shares.
    """
    os.makedirs(folder, exist_ok=True)
    for path in glob.glob(f"{keys}/K*") if keys else ():
        shutil.copy(path, folder)
    zones = {}
    for host, addresses in names.items():
        labels = host.split(".")
        apex = next((z for z in signed if host == z or host.endswith("." + z)), labels[-1])
        zones.setdefault(apex, []).extend(f"{host}. A {a}" for a in addresses)
    made, delegations = {}, ""
    for apex in sorted(zones, key=lambda z: -z.count(".")):
        own = _apex(address) + "\n".join(zones[apex]) + "\n"
        for child in signed:
            if child != apex and child.endswith("." + apex) and child in made:
                own += f"{child}. NS ns.{child}.\nns.{child}. A {address}\n"
                own += open(glob.glob(f"{folder}/dsset-{child}.")[0]).read()
        sign = apex in signed or any(c.endswith("." + apex) for c in signed if c in made)
        made[apex] = _zone(folder, apex, own, address, sign)
        if "." not in apex:
            delegations += f"{apex}. NS ns.{apex}.\nns.{apex}. A {address}\n"
            if sign:
                delegations += open(glob.glob(f"{folder}/dsset-{apex}.")[0]).read()
    made["root"] = _zone(folder, "root", ROOT + delegations, address, True)
    key = next(line for path in glob.glob(f"{folder}/K.+*.key") for line in open(path) if " DNSKEY " in line)
    conf = f"""options {{ directory "{folder}"; listen-on port {port} {{ {address}; }};
  listen-on-v6 {{ none; }}; recursion yes;
  allow-recursion {{ any; }}; pid-file none; session-keyfile none; dnssec-validation no; minimal-responses yes; }};
controls {{ }};
""" + "".join(f'zone "{"." if z == "root" else z}" {{ type primary; file "{f}"; }};\n' for z, f in made.items())
    return ["named", "-g", "-c", _write(f"{folder}/named.conf", conf)], key.strip()


# ---- the hospital's ----

FORWARDING = {
    "bind": "forwarders {{ {box}; }};\n",
    "unbound": 'forward-zone:\n    name: "."\n    forward-addr: {box}\n',
    "knot": "policy.add(policy.all(policy.FORWARD('{box}')))\n",
    "pdns": "recursor:\n  forward_zones_recurse:\n  - zone: .\n    forwarders: ['{box}']\n",
    "dnsmasq": "", "resolved": "",
}
PAGE = "docs/internal-dns.md"


def lines_of_page(kind, zone, box):
    """The settings in docs for this server, for that zone and box."""
    with open(PAGE, encoding="utf-8") as f:
        block = re.search(rf"^```{kind}\n(.*?)^```$", f.read(), re.M | re.S)
    return block[1].replace("example.jp", zone).replace("192.168.77.1", box)


def server(kind, folder, address, box, key, lines=None):
    """The command that runs it in the foreground, as root. key: the root's DNSKEY. lines: the administrator's, if not those that
    forward alone."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    anchor = _write(f"{folder}/root.key", key + "\n")
    return _SERVERS[kind](folder, address, box, key, anchor, lines or FORWARDING[kind].format(box=box))


def _bind(folder, address, box, key, anchor, lines):
    # /etc/bind/named.conf.options has `directory` only; `dnssec-validation auto` is the default.
    algorithm, public = re.search(r"DNSKEY \d+ \d+ (\d+) (.*)", key).groups()
    _write(f"{folder}/bind.keys", f'trust-anchors {{ . initial-key 257 3 {algorithm} "{public.replace(" ", "")}"; }};\n')
    conf = f"""options {{
	directory "{folder}"; pid-file none; session-keyfile none; bindkeys-file "{folder}/bind.keys";
	listen-on {{ {address}; }}; listen-on-v6 {{ none; }};
	{lines}
}};
controls {{ }};
zone "." {{ type hint; file "/usr/share/dns/root.hints"; }};
include "/etc/bind/named.conf.local";
"""
    return ["named", "-g", "-c", _write(f"{folder}/named.conf", conf)]


def _unbound(folder, address, box, key, anchor, lines):
    conf = f"""server:
    auto-trust-anchor-file: "{anchor}"
    directory: "{folder}"
    pidfile: ""
    chroot: ""
    username: ""
    use-syslog: no
    interface: {address}
    access-control: 192.168.0.0/16 allow
remote-control:
    control-enable: no
{lines}"""
    return ["unbound", "-d", "-c", _write(f"{folder}/unbound.conf", conf)]


def _knot(folder, address, box, key, anchor, lines):
    with open("/etc/knot-resolver/kresd.conf") as f:
        own = "\n".join(line for line in f.read().splitlines() if not line.startswith(("net.listen", "cache.size")))
    conf = f"""net.listen('{address}', 53, {{ kind = 'dns' }})
trust_anchors.remove('.')
trust_anchors.add_file('{anchor}', true)
{own}
cache.open(10 * MB, 'lmdb://{folder}/cache')
{lines}"""
    return ["sh", "-c", f"cd {folder} && exec kresd -c {_write(folder + '/kresd.conf', conf)} -n {folder}"]


def _pdns(folder, address, box, key, anchor, lines):
    conf = f"""dnssec:
  trustanchorfile: {anchor}
recursor:
  hint_file: /usr/share/dns/root.hints
  security_poll_suffix: ''
  socket_dir: {folder}
incoming:
  listen: ['{address}']
"""
    for section, own in re.findall(r"^(\w+:\n)((?: .*\n)+)", lines, re.M):    # below the section that is there
        conf = conf.replace(section, section + own)
    _write(f"{folder}/recursor.yml", conf)
    return ["pdns_recursor", f"--config-dir={folder}", "--daemon=no", "--write-pid=no", "--disable-syslog"]


def _dnsmasq(folder, address, box, key, anchor, lines):
    conf = f"no-resolv\nserver={box}\nlisten-address={address}\nbind-interfaces\nno-hosts\nuser=root\npid-file\n"
    return ["dnsmasq", "-k", "-C", _write(f"{folder}/dnsmasq.conf", conf)]


def _resolved(folder, address, box, key, anchor, lines):
    conf = f"[Resolve]\nDNS={box}\nDomains=~.\nDNSStubListenerExtra={address}\nLLMNR=no\nMulticastDNS=no\n"
    _write(f"{folder}/resolved.conf", conf)
    # Its files have fixed paths.
    return ["unshare", "--mount", "sh", "-ec",
            "mount -t tmpfs run /run; mkdir -p /run/systemd/resolve /run/systemd/resolved.conf.d; chown systemd-resolve: /run/systemd/resolve; "
            f"cp {folder}/resolved.conf /run/systemd/resolved.conf.d/; exec /usr/lib/systemd/systemd-resolved"]


_SERVERS = {"bind": _bind, "unbound": _unbound, "knot": _knot, "pdns": _pdns, "dnsmasq": _dnsmasq, "resolved": _resolved}
