"""A modern web site behind the hub, for real clients: two listed names, and a third, unlisted one.

443 every TLS version and group that OpenSSL knows, HTTP/2, tickets, 0-RTT, a WebSocket; 8443 TLS 1.2 only; 8444 asks for a
client certificate; 8445 accepts one group that no client offers a share for (a second ClientHello after HelloRetryRequest).
"""

import os
import subprocess

import net
import pki
import servers
import topology as t

TLS12_PORT, PERSON_PORT, RETRY_PORT = 8443, 8444, 8445
LARGE = 3 * 1000 * 1000
# ech-noise: Chromium puts a random ECH extension into every ClientHello (tests/lab/README.md).
PORTS = ", ".join(f"tcp/{port} tls ech-noise" for port in (443, TLS12_PORT, PERSON_PORT, RETRY_PORT))
RULES = f"""
name = {t.PORTAL_NAME} {PORTS}
name = {t.STATIC_NAME} tcp/443 tls ech-noise
"""

# Two names, one page: what a site with a host for its files looks like.
PAGE = f"""<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>waiting</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="https://{t.STATIC_NAME}/style.css">
<script src="https://{t.STATIC_NAME}/script.js"></script></head><body><p id="what">{servers.MARKER}</p>
<img src="/dot.svg" alt="dot" id="near"><img src="https://{t.STATIC_NAME}/dot.svg" alt="dot" id="far">
</body></html>
"""
# A page that also loads something from an unlisted name, as many pages do.
MIXED = f"""<!doctype html><html><head><meta charset="utf-8"><title>mixed</title><link rel="icon" href="data:,"></head>
<body><img src="/dot.svg" id="near"><img src="https://{t.DECOY_NAME}/dot.svg" id="decoy">
<img src="https://{t.UNLISTED}/dot.svg" id="address"></body></html>
"""
FILES = {
    "index.html": PAGE,
    "mixed.html": MIXED,
    "style.css": "#what { color: rgb(1, 2, 3); }\n",
    "script.js": "addEventListener('load', () => { document.title = 'all loaded'; });\n",
    "dot.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"><circle r="3" cx="3" cy="3"/></svg>\n',
}


def groups():
    """Every key agreement of TLS that the workshop's OpenSSL knows."""
    done = subprocess.run(("openssl", "list", "-tls-groups"), capture_output=True, text=True, check=True)
    return done.stdout.split()[-1].split(":")


class Echo(servers.Server):
    """A WebSocket echo server."""

    PORT = 8082

    def __init__(self, folder):
        super().__init__("registry", folder, "echo")

    def command(self):
        return ["python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients", "echo_server.py"),
                str(self.PORT)]

    def ready(self):
        return self._tcp("127.0.0.1", self.PORT)


class Portal(servers.Nginx):
    address = t.PORTAL

    def __init__(self, folder):
        names = [t.PORTAL_NAME, t.STATIC_NAME, t.STRANGE_NAME]
        self.echo = Echo(folder)
        # Both kinds: with TLS 1.2 an EC certificate would bind the client to its curve.
        keys = "".join(f"ssl_certificate {pki.path(site + '.crt')};\n    ssl_certificate_key {pki.path(site + '.key')};\n    "
                       for site in (pki.site("portal", names, [t.PORTAL]), pki.site("portal-rsa", names, [t.PORTAL], True)))
        keys += ("    ssl_session_cache shared:portal:1m;\n    ssl_session_tickets on;")
        root = os.path.abspath(f"{folder}/portal/root")
        tell = 'return 200 "$ssl_protocol $server_protocol $host\\n";'
        super().__init__("registry", folder, "portal", f"""
  types {{ text/html html; text/css css; text/javascript js; image/svg+xml svg; }}
  server {{
    listen {t.PORTAL}:443 ssl;
    listen {t.STATIC}:443 ssl;
    http2 on;
    server_name {t.PORTAL_NAME} {t.STATIC_NAME} {t.STRANGE_NAME};
    {keys}
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve {':'.join(groups())};
    ssl_early_data on;
    root {root};
    add_header Timing-Allow-Origin *;
    add_header Cache-Control no-store;
    location = /tell {{ {tell} }}
    location = /early {{ return 200 "early-data=$ssl_early_data reused=$ssl_session_reused\\n"; }}
    location = /slow {{ alias {root}/slow; limit_rate 8k; }}
    location = /ws {{
      proxy_pass http://127.0.0.1:{Echo.PORT};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection Upgrade;
      proxy_set_header Sec-WebSocket-Key $http_sec_websocket_key;
      proxy_read_timeout 300s;
    }}
  }}
  server {{
    listen {t.PORTAL}:{TLS12_PORT} ssl;
    server_name {t.PORTAL_NAME};
    {keys}
    ssl_protocols TLSv1.2;
    root {root};
    location = /tell {{ {tell} }}
  }}
  server {{
    listen {t.PORTAL}:{PERSON_PORT} ssl;
    server_name {t.PORTAL_NAME};
    {keys}
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_client_certificate {pki.path("web.crt")};
    ssl_verify_client on;
    location = / {{ return 200 "$ssl_client_verify $ssl_client_s_dn\\n"; }}
  }}
  server {{
    listen {t.PORTAL}:{RETRY_PORT} ssl;
    server_name {t.PORTAL_NAME};
    {keys}
    ssl_protocols TLSv1.3;
    ssl_ecdh_curve secp384r1;
    location = /tell {{ {tell} }}
  }}""")
        os.makedirs(root)
        for name, text in FILES.items():
            with open(f"{root}/{name}", "w", encoding="utf-8") as f:
                f.write(text)
        with open(f"{root}/slow", "wb") as f:
            f.write(b"slow and steady\n" * 2048)
        with open(f"{root}/large", "wb") as f:
            f.write(os.urandom(LARGE))
        self.large = f"{root}/large"

    def spawn(self):
        self.echo.spawn()
        super().spawn()

    def settle(self, timeout=90):
        self.echo.settle(timeout)
        super().settle(timeout)
        # Check each port, not only the first, so that a missing one is not blamed on the box.
        for port in (TLS12_PORT, PERSON_PORT, RETRY_PORT):
            if not self._tcp(self.address, port):
                raise RuntimeError(f"portal: port {port} does not answer:\n{self.tail()}")


def service(lab):
    """The lab's service file with the portal's names on its list, which is the file's last part.

    And those that 32-hostile-dns and 44-internal-dns want, so that they can have the same box.
    """
    names = "".join(f"name = {name} tcp/443 tls\n" for name in [*t.FRESH_NAMES, *t.REBOUND_NAMES, t.SIGNED_NAME])
    return lab.service().rstrip("\n") + "\n" + RULES.lstrip("\n") + names


def card_cuts(yes):
    """yes: the PC's stack segments by itself; no: its interface gets large frames (TSO), as with virtio (the default)."""
    net.run("lan", ["ethtool", "-K", "pc0", "tso", "off" if yes else "on", "gso", "off" if yes else "on"])
