import os

import browser
import net
import pki
import portal
import servers
import tlsview
import topology as t

GROUP = "portal"

HOSTS = "/etc/netns/lan/hosts"


def refused(lab, page, what, url):
    with at_the_card(lab) as lan:
        seen, seconds = page.open(url, 60)
    longest = longest_wait(lab, lan)
    lab.check(f"Chromium: {what}", "an error, each of its words answered within 2 s",
              f"{seen} after {seconds:.2f} s, {longest:.2f} s", seen.startswith("net::ERR_CONNECTION_") and longest < 2)


def at_the_card(lab):
    return lab.capture("lan", "pc0", "icmp or tcp port 443")


def longest_wait(lab, lan):
    """From the capture at the PC's interface, because the browser may be slow."""
    return max((seconds for seconds, _ in lan.waits(lab.pc.address)), default=99.0)


def without_ech(lab, name):
    """curl, openssl, Python and Node at one name: what each of them got."""
    url = f"https://{name}/"
    page = lab.pc.curl(url)
    seen = {"curl": page.status == 200}
    done = net.run("lan", ["openssl", "s_client", "-connect", f"{name}:443", "-servername", name, "-CAfile",
                           pki.path("web.crt"), "-verify_return_error"], timeout=30, text="")
    seen["openssl"] = "Verify return code: 0 (ok)" in done.stdout and "Cipher is (NONE)" not in done.stdout
    done = net.run("lan", ["python3", "-c", f"import requests; print(requests.get({url!r}, verify={pki.path('web.crt')!r}, "
                           "timeout=20).status_code)"], timeout=40)
    seen["Python"] = done.stdout.strip() == "200"
    done = net.run("lan", ["node", "-e", f"fetch({url!r}).then(r => console.log(r.status), () => console.log('none'))"],
                   timeout=40, env=dict(os.environ, NODE_EXTRA_CA_CERTS=pki.path("web.crt")))
    seen["Node"] = done.stdout.strip() == "200"
    return [who for who, good in seen.items() if good]


def run(lab):
    site = portal.Portal(lab.folder)
    # The PC uses this without a DNS query, like one set up to bypass the box's DNS.
    with open(HOSTS, "w") as f:
        f.write(f"127.0.0.1 localhost\n{t.PORTAL} {t.STRANGE_NAME}\n")
    chrome = browser.Browser(lab.folder).start()
    lab.up()
    site.start()
    lab.boot(lab.site(), services={"lab": portal.service(lab)})
    lab.ready()
    lab.session()
    # The portal's address is admitted from here on.
    lab.check("the portal's address", f"NOERROR {t.PORTAL}", str(lab.pc.dns(t.PORTAL_NAME)))
    before = lab.registry.requests(), site.requests()
    page = chrome.page()
    everybody = ["curl", "openssl", "Python", "Node"]

    with lab.capture("lan", "pc0", "tcp port 443") as wire:
        refused(lab, page, "an unlisted name on a listed address", f"https://{t.STRANGE_NAME}/")
        refused(lab, page, "a listed name without `ech-noise`", f"https://{t.REGISTRY_NAME}/")
        lab.check("requests at the two servers meanwhile", "0, 0",
                  f"{lab.registry.requests() - before[0]}, {site.requests() - before[1]}")
        seen, seconds = page.open(f"https://{t.PORTAL_NAME}/")
        lab.check(f"Chromium: a listed name with `ech-noise` ({seconds:.2f} s)", f"loaded, {servers.MARKER}",
                  f"{seen}, {page.run('document.getElementById(\"what\").textContent')}")
        with at_the_card(lab) as lan:
            seen = page.run("(async () => { try { await fetch('https://%s/', {mode: 'no-cors'}); return 'an answer'; }"
                            " catch (e) { return 'an error'; } })()" % t.REGISTRY_NAME)
        longest = longest_wait(lab, lan)
        lab.check("Chromium: the page asks the listed name without `ech-noise`",
                  "an error, each of its words answered within 2 s", f"{seen}, {longest:.2f} s", seen == "an error" and longest < 2)
    hellos = [h for h in tlsview.hellos(wire.path, lab.pc.address) if h.name]
    names = {name: sum(h.name == name for h in hellos) for name in sorted({h.name for h in hellos})}
    lab.check("Chromium's ClientHellos, and those with an ECH extension", "all of at least 4",
              f"{sum(h.ech for h in hellos)} of {len(hellos)}: " + ", ".join(f"{n} {c}" for n, c in names.items()),
              len(hellos) >= 4 and all(h.ech for h in hellos) and set(names) == {
                  t.STRANGE_NAME, t.REGISTRY_NAME, t.PORTAL_NAME, t.STATIC_NAME})
    lab.log_says("the log names the first", "tls.refused", f"name={t.STRANGE_NAME}", f"client={lab.pc.address}",
                 f"server={t.PORTAL}")
    lab.log_says("the log names the second, and why", "tls.refused", f"name={t.REGISTRY_NAME}",
                 f"client={lab.pc.address}", f"server={t.REGISTRY}", "why=ech")

    lab.check("who opens the listed name without `ech-noise`", everybody, without_ech(lab, t.REGISTRY_NAME))
    lab.check("who opens the listed name with it", everybody, without_ech(lab, t.PORTAL_NAME))
    before = site.requests()
    lab.check("who opens the unlisted name on its address", [], without_ech(lab, t.STRANGE_NAME))
    lab.check("requests at the server meanwhile", 0, site.requests() - before)
    lab.log_says("the log says why", "tls.refused", f"name={t.STRANGE_NAME}", f"at={t.PORTAL_NAME}", "why=not-listed")
    chrome.stop()
