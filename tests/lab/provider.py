"""A large provider's sign-in service on the public internet: forty addresses that many customers share, behind a chain of
aliases with a TTL of two seconds, and a registry's page that sends people there and takes them back.
"""

import net
import pki
import servers
import topology as t

LOGIN, FILES, APPLY, STRANGE = (f"{x}.provider.example" for x in ("login", "files", "apply", "other"))
NETWORK = "203.0.113.128/26"     # the addresses below, all of them the provider's
ADDRESSES = [f"203.0.113.{n}" for n in range(130, 170)]
TTL = 2

# The registry's names are the portal's (topology.py): there the page is that asks who one is.
RULES = f"""name = {t.PORTAL_NAME} tcp/443 tls ech-noise
name = {LOGIN} tcp/443 tls ech-noise via line
name = {FILES} tcp/443 tls ech-noise via line
name = {APPLY} tcp/443 tls ech-noise via line before
"""
FORM = (f"<!doctype html><html><head><title>waiting</title><link rel='icon' href='data:,'>"
        f"<script src='https://{FILES}/ready.js'></script></head><body>"
        f"<form id='f' action='https://{t.PORTAL_NAME}/back'><input name='code' value='lab'></form></body></html>")


def service(lab):
    """The lab's service file, with the portal behind the tunnel and the provider's names on the line."""
    return lab.service().rstrip("\n") + "\n" + RULES


class Provider(servers.Nginx):
    address = ADDRESSES[0]

    def __init__(self, folder):
        pki.site("provider", [LOGIN, FILES, APPLY, STRANGE], ADDRESSES)
        listen = "\n    ".join(f"listen {a}:443 ssl;" for a in ADDRESSES)
        keys = f"ssl_certificate {pki.path('provider.crt')};\n    ssl_certificate_key {pki.path('provider.key')};"
        super().__init__("public", folder, "provider", f"""
  server {{
    {listen}
    server_name {LOGIN} {FILES} {APPLY} {STRANGE};
    {keys}
    location = / {{ return 200 "provider $host $remote_addr\\n"; }}
    location = /sign-in {{ default_type text/html; return 200 "{FORM}"; }}
    location = /ready.js {{ default_type text/javascript;
      return 200 "addEventListener('load', () => {{ document.title = 'sign in'; }});"; }}
  }}
  server {{
    listen {ADDRESSES[0]}:80;
    location / {{ return 200 "plain\\n"; }}
  }}""")

    def spawn(self):
        # All addresses of the network are this namespace's, and its card says so to who asks.
        net.ip("route", "replace", "local", NETWORK, "dev", "lo", ns="public")
        super().spawn()


class Registry(servers.Nginx):
    """Behind the tunnel: who is not signed in is sent to the provider, and comes back with a code."""

    address = t.PORTAL

    def __init__(self, folder):
        pki.site("portal-sign-in", [t.PORTAL_NAME], [t.PORTAL])
        super().__init__("registry", folder, "portal", f"""
  server {{
    listen {t.PORTAL}:443 ssl;
    server_name {t.PORTAL_NAME};
    ssl_certificate {pki.path('portal-sign-in.crt')};
    ssl_certificate_key {pki.path('portal-sign-in.key')};
    location = / {{ return 302 https://{LOGIN}/sign-in; }}
    location = /back {{
      default_type text/html;
      if ($arg_code != lab) {{ return 403; }}
      return 200 "<!doctype html><title>signed in</title><link rel='icon' href='data:,'><p id='what'>{servers.MARKER}</p>";
    }}
  }}""")


def known(lab, login=None):
    """From now on the line's DNS server knows the provider's names: by a chain of aliases, for the TTL that a CDN gives.

    login: addresses of the sign-in page that are not the provider's.
    """
    lab.isp.stop()
    with open(lab.isp.conf, encoding="utf-8") as f:
        lines = [line for line in f.read().split("\n") if "provider.example" not in line]
    lines += [f"cname={name},customer.provider.example,{TTL}" for name in (LOGIN, FILES, APPLY, STRANGE)[login is not None:]]
    lines += [f"cname=customer.provider.example,edge.provider.example,{TTL}"]
    lines += [f"host-record=edge.provider.example,{a},{TTL}" for a in ADDRESSES]
    lines += [f"host-record={LOGIN},{a},{TTL}" for a in login or []]
    lab.isp.write("conf", "\n".join([*lines, ""]))
    lab.isp.start()
