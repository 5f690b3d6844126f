"""The servers around the box, each a Debian program with a small configuration made from the topology."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

import net
import pki
import topology as t

# In the registry's pages: a byte sequence that must never be seen on the uplink.
MARKER = "SEKISHO-LAB-REGISTRY-PAGE-7f3a91"
BIG = 25 * 1000 * 1000


class Server:
    """A process in a namespace that can be stopped and started."""

    def __init__(self, ns, folder, name):
        self.ns, self.name = ns, name
        self.folder = os.path.abspath(f"{folder}/{name}")
        self.log = f"{self.folder}/log"
        self.process = None
        os.makedirs(self.folder, exist_ok=True)

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w") as f:
            f.write(text)
        return path

    def command(self):
        raise NotImplementedError

    def ready(self):
        return True

    def spawn(self):
        """Start without waiting. In the main thread only: the kernel kills a child with the thread that made it."""
        self.process = net.start(self.ns, self.command(), self.log)

    def settle(self, timeout=90):
        """Wait until it serves."""
        end = time.monotonic() + timeout
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} did not start; its log ends:\n{self.tail()}")
            time.sleep(0.02)

    def start(self):
        self.spawn()
        self.settle()
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def restart(self):
        self.stop()
        self.start()

    def tail(self, lines=20):
        try:
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""

    def _tcp(self, address, port):
        with net.inside(self.ns), socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
            s.settimeout(0.5)
            return s.connect_ex((address, port)) == 0


class Dnsmasq(Server):
    """DNS for some names, and DHCP if requested."""

    def __init__(self, ns, folder, name, address, names, extra=()):
        super().__init__(ns, folder, name)
        self.address = address
        lines = ["keep-in-foreground", "no-resolv", "no-hosts", "no-poll", "bind-interfaces", "user=root", "group=root",
                 "pid-file", f"listen-address={address}", "local-ttl=60", "log-queries", "log-facility=-",
                 "local=/#/"]
        for host, addresses in names.items():
            lines += [f"address=/{host}/{a}" for a in addresses]
        self.conf = self.write("conf", "\n".join(lines + list(extra)) + "\n")

    def command(self):
        return ["dnsmasq", "-C", self.conf]

    def ready(self):
        return self._tcp(self.address, 53)

    def asked(self, name):
        """Number of queries received for that name."""
        with open(self.log, errors="replace") as f:
            # (The box randomises the case.)
            return len(re.findall(r"query\[\w+\] " + re.escape(name) + r" ", f.read(), re.I))


class Line(Dnsmasq):
    """The uplink's DHCP and DNS."""

    def __init__(self, folder, first=100, last=199):
        self.leases = os.path.abspath(f"{folder}/isp/leases")
        super().__init__("wan", folder, "isp", t.ISP, t.PUBLIC_NAMES, [
            "interface=line0", f"dhcp-range=198.51.100.{first},198.51.100.{last},255.255.255.0,2h", "dhcp-no-override",
            f"dhcp-option=option:router,{t.ISP}", f"dhcp-option=option:dns-server,{t.ISP}",
            f"dhcp-option=option:ntp-server,{t.ISP}", "dhcp-authoritative", "log-dhcp", "no-ping",
            f"dhcp-leasefile={self.leases}"])

    def offer_mtu(self, mtu):
        """Make its leases announce the uplink's MTU (option 26)."""
        self.stop()
        with open(self.conf, "a") as f:
            f.write(f"dhcp-option-force=option:mtu,{mtu}\n")
        self.start()

    def move(self, first, last):
        """Make it give other addresses, and revoke those given."""
        self.stop()
        with open(self.conf) as f:
            text = f.read()
        self.write("conf", re.sub(r"(dhcp-range=198\.51\.100\.)\d+,198\.51\.100\.\d+", rf"\g<1>{first},198.51.100.{last}", text))
        if os.path.exists(self.leases):
            os.unlink(self.leases)
        self.start()


class Ntp(Server):
    """The uplink's time server, with the host's time."""

    def __init__(self, folder):
        super().__init__("wan", folder, "ntp")
        self.conf = self.write("conf", "local stratum 1\nallow all\ncmdport 0\n"
                                       f"bindaddress {t.ISP}\npidfile {self.folder}/pid\nlog measurements\n")

    def command(self):
        return ["chronyd", "-d", "-x", "-u", "root", "-f", self.conf]

    def ready(self):
        with net.inside(self.ns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect((t.ISP, 123))
            try:
                s.send(b"\x23" + bytes(47))
                return len(s.recv(100)) >= 48
            except OSError:
                return False


class Charon(Server):
    """A stock strongSwan with kernel-libipsec, in any namespace: the hub, and the box's stand-in for the lab's own test.

    Its /run is its own, for charon's process id file has a fixed place.
    """

    def __init__(self, ns, folder, name, raw_esp, connections):
        super().__init__(ns, folder, name)
        self.raw_esp = raw_esp
        for d in ("x509", "x509ca", "x509crl", "private"):
            os.makedirs(f"{self.folder}/{d}", exist_ok=True)
        self.vici = f"{self.folder}/vici"
        self.conf = self.write("swanctl.conf", connections)
        self.configure()

    def configure(self):
        plugins = ("nonce openssl pem pkcs1 pkcs8 x509 revocation constraints kernel-libipsec kernel-netlink "
                   "socket-default updown vici")
        # kernel-libipsec and the sockets occupy several threads: with 8 none is left for VICI.
        self.write("strongswan.conf", f"""charon {{
  load = {plugins}
  install_routes = yes
  threads = 16
  retransmit_timeout = 1.0
  retransmit_base = 1.4
  # Twenty seconds and more: a box on a busy machine answers late, and is not to be given up.
  retransmit_tries = 6
  plugins {{
    kernel-libipsec {{
      load = yes
      raw_esp = {"yes" if self.raw_esp else "no"}
    }}
    openssl {{
      load_legacy = no
    }}
    vici {{
      socket = unix://{self.vici}
    }}
  }}
  filelog {{
    stderr {{
      default = 1
      time_format = %H:%M:%S
      flush_line = yes
    }}
  }}
}}
""")

    def command(self):
        return ["unshare", "--mount", "sh", "-c",
                "mount -t tmpfs run /run && "
                f"STRONGSWAN_CONF={self.folder}/strongswan.conf exec /usr/lib/ipsec/charon"]

    def swanctl(self, *args, timeout=60):
        env = dict(os.environ, SWANCTL_DIR=self.folder, STRONGSWAN_CONF=f"{self.folder}/strongswan.conf")
        return net.run(self.ns, ["swanctl", *args, "--uri", f"unix://{self.vici}"], env=env, timeout=timeout)

    def ready(self):
        return os.path.exists(self.vici) and self.swanctl("--stats").returncode == 0

    def settle(self, timeout=90):
        super().settle(timeout)
        self.load()

    def load(self):
        done = self.swanctl("--load-all", "--file", self.conf, "--clear")
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: swanctl --load-all: {done.stdout}{done.stderr}")

    def sas(self):
        """What stands: a list of {'name', 'identity', 'state', 'children': [...]}, from `swanctl --list-sas`."""
        out = []
        for line in self.swanctl("--list-sas").stdout.splitlines():
            head = re.match(r"^(\S+): #\d+, (\w+), IKEv2", line)
            child = re.match(r"^  (\S+): #\d+, reqid \d+, (\w+), TUNNEL([\w-]*)", line)
            remote = re.match(r"^  remote '([^']*)'", line)
            if head:
                out.append({"name": head[1], "state": head[2], "identity": "", "children": []})
            elif remote and out:
                out[-1]["identity"] = remote[1]
            elif child and out:
                out[-1]["children"].append({"name": child[1], "state": child[2], "udp": "UDP" in child[3]})
        return out

    def installed(self):
        return sum(c["state"] == "INSTALLED" for sa in self.sas() for c in sa["children"])

    def established(self):
        """Number of IKE_SAs established so far, including rekeyed ones."""
        with open(self.log, errors="replace") as f:
            return len(re.findall(r" IKE_SA \S+ established between ", f.read()))

    def terminate(self):
        """The hub deletes every tunnel."""
        for sa in self.sas():
            self.swanctl("--terminate", "--ike", sa["name"])


@dataclass
class Centre:
    """A registry's side: the hub, the networks it offers, and the network behind it."""
    hub_ns: str
    hub: str                # name of the server and of its certificate
    address: str
    identity: str
    inner: str              # network behind it
    pool: str               # its virtual IPs
    ns: str                 # namespace of that network
    dns: str
    names: dict


FIRST = Centre("hub", "hub", t.HUB, t.HUB_NAME, t.INNER_NET, t.VIP_NET, "registry", t.INNER_DNS, t.INNER_NAMES)
SECOND = Centre("hub2", "hub2", t.HUB2, t.HUB2_NAME, t.INNER2_NET, t.VIP2_NET, "registry2", t.INNER2_DNS, t.INNER2_NAMES)


class Hub(Charon):
    def __init__(self, folder, raw_esp=True, centre=FIRST):
        pki.hub(centre.hub, centre.identity, centre.address)
        self.centre = centre
        super().__init__(centre.hub_ns, folder, centre.hub, raw_esp, f"""connections {{
  sites {{
    version = 2
    local_addrs = {centre.address}
    proposals = aes256gcm16-prfsha384-ecp384, aes256gcm16-prfsha384-ecp256, default
    pools = boxes
    local {{
      auth = pubkey
      certs = hub.crt
      id = {centre.identity}
    }}
    remote {{
      auth = pubkey
      cacerts = ca.crt
      revocation = relaxed
    }}
    send_cert = always
    dpd_delay = 10s
    children {{
      registry {{
        local_ts = {centre.inner}
        esp_proposals = aes256gcm16-ecp384, aes256gcm16-ecp256, aes256gcm16, default
        updown = /usr/lib/ipsec/_updown
      }}
    }}
  }}
}}
pools {{
  boxes {{
    addrs = {centre.pool}
  }}
}}
""")
        shutil.copy(pki.path(f"{centre.hub}.crt"), f"{self.folder}/x509/hub.crt")
        shutil.copy(pki.path(f"{centre.hub}.key"), f"{self.folder}/private/hub.key")
        shutil.copy(pki.path("ca.crt"), f"{self.folder}/x509ca/ca.crt")

    def present(self, certificate):
        """Use another certificate from now on (`hub`, or another name in the lab's PKI)."""
        shutil.copy(pki.path(f"{certificate}.crt"), f"{self.folder}/x509/hub.crt")
        shutil.copy(pki.path(f"{certificate}.key"), f"{self.folder}/private/hub.key")
        self.load()

    def propose_esp(self, proposals, rekey=0):
        """Its ESP proposals from now on; rekey: it rekeys after so many seconds (0: charon's hour)."""
        with open(self.conf) as f:
            text = re.sub(r"\n +(rekey|life|rand)_time = [^\n]*# child", "", f.read())
        lines = f"esp_proposals = {proposals}"
        if rekey:
            lines += "".join(f"\n        {k}_time = {n}s # child" for k, n in (("rekey", rekey), ("life", 60 + rekey), ("rand", 0)))
        self.write("swanctl.conf", re.sub(r"esp_proposals = .*", lines, text))
        self.load()

    def carry(self, networks):
        """The networks that it offers from now on; a tunnel that stands keeps its own."""
        with open(self.conf) as f:
            self.write("swanctl.conf", re.sub(r"local_ts = .*", f"local_ts = {networks}", f.read(), count=1))
        self.load()

    def authenticate_every(self, seconds):
        """Further tunnels must be reauthenticated after so long (RFC 4478); 0: never."""
        with open(self.conf) as f:
            lines = [line for line in f if "reauth_time" not in line and "rand_time" not in line]
        at = next(i for i, line in enumerate(lines) if "dpd_delay" in line)
        if seconds:
            lines.insert(at, f"    reauth_time = {seconds}s\n    over_time = 30s\n    rand_time = 0s\n")
        lines = [line for line in lines if seconds or "over_time" not in line]
        self.write("swanctl.conf", "".join(lines))
        self.load()

    def spis(self):
        """The SPIs of the installed ESP SAs, as shown by swanctl."""
        return re.findall(r"^    in  (\w+)", self.swanctl("--list-sas").stdout, re.M)

    def swallow(self):
        """Drop all packets of the present CHILD_SAs; IKE goes on. Returns their SPIs."""
        spis = self.spis()
        rules = "".join(f"udp dport 4500 @th,64,32 0x{s} counter drop\nesp spi 0x{s} counter drop\n" for s in spis)
        done = net.run("hub", ["nft", "-f", "-"], text="table inet hollow { chain in { type filter hook prerouting "
                               "priority raw;\n" + rules + "}\n}\n")
        if done.returncode != 0 or not spis:
            raise RuntimeError(f"nft at the hub: {done.stderr}")
        return spis

    def swallowed(self):
        """Packets dropped by that."""
        text = net.run("hub", ["nft", "list", "table", "inet", "hollow"]).stdout
        return sum(int(n) for n in re.findall(r"counter packets (\d+)", text))

    def rekey(self, what):
        """The hub rekeys "child" or "ike". True if it was done."""
        return self.swanctl("--rekey", *(["--child", "registry"] if what == "child" else ["--ike", "sites"])).returncode == 0

    def die(self):
        """Kill it, without notice to the peers."""
        self.process.kill()
        self.process.wait()
        self.process = None
        if os.path.exists(self.vici):
            os.unlink(self.vici)

    def speak_for(self, networks, box, boxes):
        """The hub is compromised: packets with any source in these networks go into the tunnel to the box as well.

        box: that box's address on the line; boxes: whom the packets may be for. A policy of its own, which uses the keys
        of the tunnel that stands, so the tunnel must stand.
        """
        reqid = re.search(r"^  registry: #\d+, reqid (\d+),", self.swanctl("--list-sas").stdout, re.M)[1]
        with open(self.conf) as f:
            text = f.read()
        self.write("swanctl.conf", text.replace("connections {\n", f"""connections {{
  false {{
    version = 2
    local_addrs = {self.centre.address}
    remote_addrs = {box}
    children {{
      false {{
        local_ts = {", ".join(networks)}
        remote_ts = {", ".join(boxes)}
        reqid = {reqid}
        start_action = trap
      }}
    }}
  }}
""", 1))
        self.load()

    def refuse_revoked(self, crl):
        """Refuse certificates on this list from now on; existing tunnels are not affected."""
        shutil.copy(crl, f"{self.folder}/x509crl/ca.crl")
        self.load()


class Est(Server):
    """estserver of libest: a third-party EST server."""

    def __init__(self, folder, issuer, certificate="est"):
        super().__init__("est", folder, "est")
        self.issuer, self.certificate, self.manual = issuer, certificate, None

    def command(self):
        ca = self.issuer.folder + "/ca.crt"
        command = ["env", "-C", self.folder, f"EST_TRUSTED_CERTS={ca}", f"EST_CACERTS_RESP={ca}",
                   f"EST_OPENSSL_CACONFIG={self.issuer.folder}/ca.cnf",
                   "estserver", "-c", pki.path(self.certificate + ".crt"), "-k", pki.path(self.certificate + ".key"),
                   "-r", "sekisho", "-p", str(t.EST_PORT), "-o", "-v"]
        return command + (["-m", str(self.manual)] if self.manual else [])

    def ready(self):
        # A connection that says nothing would keep this server, which serves one at a time, busy for some seconds.
        done = net.run(self.ns, ["ss", "-Hltn", f"sport = :{t.EST_PORT}"])
        return done.stdout.strip() != ""


class EstLikeApache(Est):
    """Another EST server: with Apache's behaviour and other CAs' subjects."""

    def __init__(self, folder, issuer, subject):
        super().__init__(folder, issuer)
        self.subject, self.log = subject, f"{self.folder}/log-apache"

    def command(self):
        return ["env", "-C", self.issuer.folder, "python3", os.path.abspath("tests/unit/est_server.py"), t.EST, str(t.EST_PORT),
                pki.path(self.certificate + ".crt"), pki.path(self.certificate + ".key"), self.subject]


def _tls(name):
    return (f"ssl_certificate {pki.path(name + '.crt')};\n    ssl_certificate_key {pki.path(name + '.key')};\n"
            f"    ssl_protocols TLSv1.2 TLSv1.3;")


class Nginx(Server):
    address = ""

    def __init__(self, ns, folder, name, body):
        super().__init__(ns, folder, name)
        self.conf = self.write("conf", f"""user root;
worker_processes 1;
daemon off;
pid {self.folder}/pid;
error_log {self.folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {self.folder}/access.log;
  default_type text/plain;
  client_body_temp_path {self.folder}/body;
  proxy_temp_path {self.folder}/proxy;
  fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u;
  scgi_temp_path {self.folder}/s;
  client_max_body_size 200m;
  keepalive_requests 100000;
  server_tokens off;
{body}
}}
""")

    def command(self):
        return ["nginx", "-e", f"{self.folder}/error.log", "-c", self.conf]

    def ready(self):
        return os.path.exists(f"{self.folder}/pid") and self._tcp(self.address, 443)

    def requests(self):
        """Requests served so far."""
        try:
            with open(f"{self.folder}/access.log") as f:
                return len(f.readlines())
        except OSError:
            return 0


class Registry(Nginx):
    """The registry (listed) and another site behind the hub (not listed)."""

    address = t.REGISTRY

    def __init__(self, folder):
        self.big = os.path.abspath(f"{folder}/big")
        super().__init__("registry", folder, "registry", f"""
  server {{
    listen {t.REGISTRY}:443 ssl;
    listen {t.REGISTRY}:8443 ssl;
    server_name {t.REGISTRY_NAME} {t.FORMS_NAME};
    {_tls("registry")}
    location = / {{ return 200 "{MARKER} $host\\n"; }}
    location = /big {{ alias {self.big}; }}
    location = /upload {{ proxy_pass http://127.0.0.1:8081; }}
  }}
  server {{
    listen 127.0.0.1:8081;
    location / {{ return 200 "received $http_content_length\\n"; }}
  }}
  server {{
    listen {t.REGISTRY}:80;
    location / {{ return 200 "{MARKER} plain\\n"; }}
  }}
  server {{
    listen {t.UNLISTED}:443 ssl;
    server_name {t.UNLISTED_NAME};
    {_tls("unlisted")}
    location / {{ return 200 "unlisted\\n"; }}
  }}""")

    def offer_big(self):
        """Make the large file that it serves as /big; its path."""
        if not os.path.exists(self.big):
            # Incompressible, and all parts differ: a repetition on the wire is not a coincidence.
            with open(self.big, "wb") as f:
                f.write(os.urandom(BIG))
        return self.big


class Registry2(Nginx):
    """The second centre's registry."""

    address = t.REGISTRY2

    def __init__(self, folder):
        pki.site("registry2", [t.REGISTRY2_NAME], [t.REGISTRY2])
        super().__init__("registry2", folder, "registry2", f"""
  server {{
    listen {t.REGISTRY2}:443 ssl;
    server_name {t.REGISTRY2_NAME};
    {_tls("registry2")}
    location / {{ return 200 "{MARKER} $host\\n"; }}
  }}""")


class Decoy(Nginx):
    """An unlisted web site."""

    address = t.DECOY

    def __init__(self, folder):
        super().__init__("public", folder, "decoy", f"""
  server {{
    listen {t.DECOY}:80;
    listen {t.DECOY}:443 ssl;
    listen [{t.DECOY6}]:80;
    listen [{t.DECOY6}]:443 ssl;
    server_name {t.DECOY_NAME};
    {_tls("decoy")}
    location / {{ return 200 "decoy\\n"; }}
  }}""")


class InnerDns(Server):
    """The registry's own name server: unbound with local data only."""

    def __init__(self, folder, centre=FIRST):
        super().__init__(centre.ns, folder, f"inner-dns-{centre.hub}")
        self.centre = centre
        self.lies = {}
        self.ttl = 60
        self._configure()

    def _configure(self):
        records = []
        for name, addresses in {**self.centre.names, **self.lies}.items():
            for a in addresses:
                kind = "CNAME" if a.endswith(".") else "AAAA" if ":" in a else "A"
                records.append(f'  local-data: "{name}. {self.ttl} IN {kind} {a}"')
        self.conf = self.write("conf", f"""server:
  interface: {self.centre.dns}
  access-control: 0.0.0.0/0 allow
  do-ip6: no
  chroot: ""
  username: ""
  directory: "{self.folder}"
  pidfile: "{self.folder}/pid"
  use-syslog: no
  logfile: ""
  log-queries: yes
  num-threads: 1
  module-config: "iterator"
  local-zone: "lab.example." static
  local-zone: "lab2.example." static
  local-zone: "." refuse
""" + "\n".join(records) + "\nremote-control:\n  control-enable: no\n")

    def command(self):
        return ["unbound", "-d", "-c", self.conf]

    def ready(self):
        return self._tcp(self.centre.dns, 53)

    def lie(self, lies, ttl=60):
        """Answer these names like this from now on: {name: [addresses]}; a text with a final dot is a CNAME. {} ends it."""
        self.lies, self.ttl = lies, ttl
        self._configure()
        if self.process:
            self.restart()

    def freeze(self, frozen=True):
        """Silent, but still there: no answer and no refusal."""
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)
