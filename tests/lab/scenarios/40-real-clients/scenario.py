import hashlib
import json
import os
import re
import ssl

import browser
import net
import pki
import portal
import servers
import tlsview
import topology as t

GROUP = "portal"

NAME = t.PORTAL_NAME
HTTP11 = f"HTTP/1.1 {NAME}"


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"


def s_client(*more, port=443, path="/tell", name=NAME):
    """The output of openssl s_client; the page is part of it."""
    done = net.run("lan", ["openssl", "s_client", "-connect", f"{name}:{port}", "-servername", name, "-CAfile",
                           pki.path("web.crt"), "-verify_return_error", "-ign_eof", *more], timeout=60, text=get(path))
    return done.stdout + "\n" + done.stderr


def found(pattern, text):
    match = re.search(pattern, text, re.M)
    return match[1] if match else "nothing: " + " ".join(text.split())[-160:]


def page_of(text):
    return found(r"^(TLSv1\.\d HTTP/\S+ \S+)$", text)


def every_group(lab):
    """One check for each group. The PC's stack segments here (no TSO), so that the capture is as on a cable."""
    with lab.capture("lan", "pc0", f"tcp and host {t.PORTAL}") as wire:
        for group in portal.groups():
            text = s_client("-tls1_3", "-groups", group)
            lab.check(f"openssl, TLS 1.3, group {group}", f"{agreed_by(group)}, TLSv1.3 {HTTP11}",
                      f"{agreement(text)}, {page_of(text)}")
        seen = {}
        for group in ("P-256", "P-384", "P-521", "X25519", "X448"):
            text = s_client("-tls1_2", "-groups", group)
            seen[group] = page_of(text)
        lab.check(f"openssl, TLS 1.2: {', '.join(seen)}", f"TLSv1.2 {HTTP11} with each", sorted(set(seen.values())),
                  set(seen.values()) == {f"TLSv1.2 {HTTP11}"})
        text = s_client("-groups", "*MLKEM1024:*SecP384r1MLKEM1024:*X25519MLKEM768")
        lab.check("openssl, three post-quantum key shares in one ClientHello", f"TLSv1.3 {HTTP11}", page_of(text))
        text = s_client()
        lab.check("openssl as it is", f"X25519MLKEM768, TLSv1.3 {HTTP11}",
                  f"{agreement(text)}, {page_of(text)}")
        text = s_client("-msg", port=portal.RETRY_PORT)
        lab.check("openssl, after HelloRetryRequest", f"2 ClientHellos, TLSv1.3 {HTTP11}",
                  f"{len(re.findall(r'>>> .*ClientHello', text))} ClientHellos, {page_of(text)}")
    hellos = tlsview.hellos(wire.path, lab.pc.address)
    lab.check("packets that the capture at the PC lost", 0, wire.dropped)
    connections = len(portal.groups()) + 8
    lab.check("ClientHellos in it, and their name", f"{connections} of {NAME}",
              f"{len(hellos)} of {', '.join(sorted({h.name for h in hellos}))}",
              len(hellos) == connections and {h.name for h in hellos} == {NAME})
    segments = {n: sum(h.segments == n for h in hellos) for n in sorted({h.segments for h in hellos})}
    lab.check("ClientHellos of two segments, and of three or more", "some of both",
              ", ".join(f"{count} of {n}" for n, count in segments.items()),
              segments.get(2, 0) >= 3 and any(n >= 3 for n in segments))
    lab.check("ClientHellos of openssl with an ECH extension", 0, sum(h.ech for h in hellos))


def agreement(text):
    """The key exchange: the group's name, or openssl's text for older ones."""
    return found(r"(?:Negotiated TLS1\.3 group|Peer Temp Key): (?:ECDH, )?(\S+?(?:, \d+ bits)?)$", text)


def agreed_by(group):
    """openssl's words for this group."""
    if group.startswith("ffdhe"):
        return f"DH, {group[5:]} bits"
    bits = {"secp256r1": 256, "secp384r1": 384, "secp521r1": 521, "x25519": 253, "x448": 448}.get(
        group, re.sub(r"\D", "", group.partition("P")[2][:3]))
    name = {"secp256r1": "prime256v1", "x25519": "X25519", "x448": "X448"}.get(group, group.removesuffix("tls13"))
    return group if "MLKEM" in group else f"{name}, {bits} bits"


def resumption(lab):
    text = s_client("-tls1_2", "-no_ticket", "-reconnect")
    lab.check("TLS 1.2, resumed by session id (-reconnect)", "5 of 5", f"{len(re.findall('Reused, TLSv1.2', text))} of 5")
    text = s_client("-tls1_2", "-reconnect")
    lab.check("TLS 1.2, resumed by ticket (-reconnect)", "5 of 5", f"{len(re.findall('Reused, TLSv1.2', text))} of 5")
    kept, early = f"{lab.folder}/session", f"{lab.folder}/early"
    text = s_client("-tls1_3", "-sess_out", kept, path="/early")
    lab.check("TLS 1.3, a new session", "New, full", f"{found(r'(New|Reused), TLSv1.3', text)}, "
              f"{'full' if 'early-data= reused=.' in text else found(r'(early-data=.*)', text)}")
    text = s_client("-tls1_3", "-sess_in", kept, path="/early")
    lab.check("TLS 1.3, resumed by PSK", "Reused, early-data= reused=r",
              f"{found(r'(New|Reused), TLSv1.3', text)}, {found(r'(early-data=.*)', text)}")
    # A session serves once: another one for 0-RTT.
    s_client("-tls1_3", "-sess_out", kept, path="/early")
    with open(early, "w", newline="") as f:
        f.write(get("/early"))
    with lab.capture("lan", "pc0", f"tcp and host {t.PORTAL}") as wire:
        text = s_client("-tls1_3", "-sess_in", kept, "-early_data", early, path="/tell")
    lab.check("TLS 1.3, 0-RTT", "accepted, early-data=1 reused=r",
              f"{found(r'Early data was (accepted|rejected|not sent)', text)}, {found(r'(early-data=.*)', text)}")
    hellos = tlsview.hellos(wire.path, lab.pc.address)
    lab.check("its ClientHello in the capture", "early_data and a PSK",
              " and ".join(n for n, x in (("early_data", tlsview.EARLY_DATA), ("a PSK", tlsview.PSK))
                           if hellos and x in hellos[0].extensions))


def gnutls(lab):
    def ask(*more):
        done = net.run("lan", ["gnutls-cli", "--x509cafile", pki.path("web.crt"), "-p", "443", *more, NAME], timeout=60,
                       text=get("/tell"))
        return done.stdout + done.stderr
    text = ask()
    lab.check("gnutls-cli", f"TLSv1.3 {HTTP11}", page_of(text))
    text = ask("--resume")
    lab.check("gnutls-cli --resume", f"resumed, TLSv1.3 {HTTP11}",
              f"{'resumed' if 'This is a resumed session' in text else 'full'}, {page_of(text)}")
    names = "X25519 X448 SECP256R1 SECP384R1 SECP521R1 FFDHE2048 FFDHE3072 FFDHE4096 FFDHE6144 FFDHE8192".split()
    seen = [g for g in names if found(r"Description: (.*)", text := ask(
        "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-{g}")).find(f"-{g})") >= 0
        and page_of(text) == f"TLSv1.3 {HTTP11}"]
    lab.check(f"gnutls-cli with each of its {len(names)} groups", " ".join(names), " ".join(seen))


def curl(lab):
    version = ("-w", "\n%{http_version} %{http_code} %{remote_ip}")
    page = lab.pc.curl(f"https://{NAME}/tell", "--http2")
    lab.check("curl --http2", f"TLSv1.3 HTTP/2.0 {NAME}", page.body.strip() or str(page))
    page = lab.pc.curl(f"https://{NAME}/tell", "--http2", "--tls-max", "1.2")
    lab.check("curl --http2 --tls-max 1.2", f"TLSv1.2 HTTP/2.0 {NAME}", page.body.strip() or str(page))
    page = lab.pc.curl(f"https://{NAME}:{portal.TLS12_PORT}/tell", *version)
    lab.check("curl, the port with TLS 1.2 only", f"TLSv1.2 {HTTP11}", page.body.split("\n")[0] or str(page))
    person = pki.person("clerk")
    page = lab.pc.curl(f"https://{NAME}:{portal.PERSON_PORT}/", "--cert", pki.path(person + ".crt"), "--key",
                       pki.path(person + ".key"))
    lab.check("curl with a client certificate", "SUCCESS CN=clerk", page.body.strip() or str(page))
    page = lab.pc.curl(f"https://{NAME}:{portal.PERSON_PORT}/")
    lab.check("curl without it", "status 400 of the site", f"status {page.status} of the site", page.status == 400)


def python(lab, large):
    done = net.run("lan", ["python3", "tests/lab/clients/python_client.py", NAME, str(portal.TLS12_PORT),
                           pki.path("web.crt")], timeout=120)
    seen = json.loads(done.stdout or "{}")
    for what, key, expected in (
            ("http.client", "keep_alive", f"TLSv1.3 {HTTP11}, 5 on one connection"),
            ("ssl with TLS 1.2 at most", "tls12", f"TLSv1.2 {HTTP11}"),
            ("the port with TLS 1.2 only", "tls12_port", f"TLSv1.2 {HTTP11}"),
            ("ssl, three connections with one session, TLS 1.3", "resume13", "TLSv1.3 full resumed resumed"),
            ("the same, TLS 1.2", "resume12", "TLSv1.2 full resumed resumed"),
            ("requests, 3 MB", "requests", large)):
        lab.check("Python: " + what, expected, seen.get(key, done.stderr[-200:]))


def node(lab, large):
    done = net.run("lan", ["node", "tests/lab/clients/node_client.mjs", NAME, str(portal.TLS12_PORT)], timeout=120,
                   env=dict(os.environ, NODE_EXTRA_CA_CERTS=pki.path("web.crt")))
    seen = json.loads(done.stdout or "{}")
    for what, key, expected in (
            ("https", "https", f"TLSv1.3 {HTTP11}"), ("fetch", "fetch", f"TLSv1.3 {HTTP11}"),
            ("the port with TLS 1.2 only", "tls12Port", f"TLSv1.2 {HTTP11}"),
            ("http2, 8 streams at once", "streams", f"TLSv1.3 HTTP/2.0 {NAME}, 8 streams"),
            ("https, three connections of one agent, TLS 1.3", "resumed13", "full resumed resumed"),
            ("the same, TLS 1.2", "resumed12", "full resumed resumed"), ("https, 3 MB", "large", large)):
        lab.check("Node: " + what, expected, seen.get(key, done.stderr[-200:]))


SOCKET = """new Promise((good) => {
    window.echoes = [0, 0, 'open'];
    const s = window.ws = new WebSocket('wss://%s/ws');
    s.onopen = () => { good('open'); setInterval(() => { s.send('a' + echoes[0]); echoes[0]++; }, 1000); };
    s.onmessage = (m) => { if (m.data === 'a' + echoes[1]) { echoes[1]++; } };
    s.onerror = () => good('error');
    s.onclose = () => { echoes[2] = 'closed'; };
})""" % NAME
RESOURCES = ("performance.getEntriesByType('resource').filter(e => e.name.startsWith('https')).map("
             "e => new URL(e.name).hostname + ' ' + e.nextHopProtocol)")
LOADED = "[...document.images].filter(i => i.naturalWidth > 0).map(i => i.id).join(' ')"


def security(page, url):
    """Chromium's information about a page's connection."""
    for e in page.browser.events:
        if e["method"] == "Network.responseReceived" and e["params"]["response"]["url"] == url:
            d = e["params"]["response"].get("securityDetails", {})
            return f"{d.get('protocol')} {d.get('keyExchangeGroup') or d.get('keyExchange')}"
    return "nothing"


def chromium(lab, page):
    what, seconds = page.open(f"https://{NAME}/")
    lab.check(f"Chromium: a page of two listed names ({seconds:.2f} s)", "loaded", what)
    lab.check("Chromium: its key agreement", "TLS 1.3 X25519MLKEM768", security(page, f"https://{NAME}/"))
    lab.check("Chromium: text, script, style, images of it", f"{servers.MARKER}, all loaded, rgb(1, 2, 3), near far",
              page.run("document.getElementById('what').textContent + ', ' + document.title + ', ' + getComputedStyle("
                       f"document.getElementById('what')).color + ', ' + {LOADED}"))
    lab.check("Chromium: its parts by HTTP/2", [f"{NAME} h2", f"{t.STATIC_NAME} h2"], sorted(set(page.run(RESOURCES))))
    lab.check("Chromium: 3 MB by fetch", portal.LARGE,
              page.run("fetch('/large').then(r => r.arrayBuffer()).then(b => b.byteLength)"))
    what, seconds = page.open(f"https://{NAME}:{portal.TLS12_PORT}/tell")
    lab.check(f"Chromium: the port with TLS 1.2 only ({seconds:.2f} s)", f"loaded, TLSv1.2 {HTTP11}",
              f"{what}, {page.run('document.body.textContent.trim()')}")
    what, seconds = page.open(f"https://{NAME}/slow?")
    lab.check(f"Chromium: a page that trickles ({seconds:.1f} s)", "loaded, 32768 bytes",
              f"{what}, {page.run('document.body.textContent.length')} bytes")


def at_the_card(lab):
    """The PC's queries and packets, except to the portal itself."""
    return lab.capture("lan", "pc0", f"icmp or udp port 53 or tcp and not host {t.PORTAL}")


def longest_wait(lab, lan):
    """The PC's longest wait, from the capture at its interface, because the browser may be slow."""
    return max((seconds for seconds, _ in lan.waits(lab.pc.address)), default=0.0)


def unlisted(lab, page):
    """A wrong address must cost the clerk no time."""
    for what, url in (("a name that nobody listed", f"https://{t.DECOY_NAME}/"),
                      ("a name behind the hub that nobody listed", f"https://{t.UNLISTED_NAME}/"),
                      ("its address", f"https://{t.UNLISTED}/"), ("the decoy's address", f"https://{t.DECOY}/")):
        with at_the_card(lab) as lan:
            seen, seconds = page.open(url, 60)
        longest = longest_wait(lab, lan)
        lab.check(f"Chromium: {what}", "an error, each of its questions answered within 2 s",
                  f"{seen} after {seconds:.2f} s, {longest:.2f} s", seen.startswith("net::ERR_") and longest < 2)
    with at_the_card(lab) as lan:
        seen, seconds = page.open(f"https://{NAME}/mixed.html", 60)
    longest = longest_wait(lab, lan)
    lab.check("Chromium: a page with images of an unlisted name and address",
              "loaded, image: near, each of its questions answered within 2 s",
              f"{seen} after {seconds:.2f} s, image: {page.run(LOADED)}, {longest:.2f} s",
              seen == "loaded" and longest < 2 and page.run(LOADED) == "near")


def run(lab):
    site = portal.Portal(lab.folder)
    chrome = browser.Browser(lab.folder).start()
    lab.up()
    site.start()
    lab.boot(lab.site(), services={"lab": portal.service(lab)})
    lab.ready()
    lab.session()
    with open(site.large, "rb") as f:
        large = f"{portal.LARGE} {hashlib.file_digest(f, 'sha256').hexdigest()[:16]}"

    lab.check("the portal's address", f"NOERROR {t.PORTAL}", str(lab.pc.dns(NAME)))
    held = lab.pc.hold(t.PORTAL, NAME, 443, 0.5, ssl.create_default_context(cafile=pki.path("web.crt")), patience=240)
    held.request = held.request.replace(b"GET / ", b"GET /tell ")
    lab.say(chrome.version())
    sockets, page = chrome.page(), chrome.page()
    portal.card_cuts(True)
    with lab.capture("lan", "pc0", f"tcp and ( host {t.PORTAL} or host {t.STATIC} )") as wire:
        sockets.open(f"https://{NAME}/tell")
        lab.check("Chromium: a WebSocket", "open", sockets.run(SOCKET))
        chromium(lab, page)
    hellos = tlsview.hellos(wire.path, lab.pc.address)
    lab.check("Chromium's ClientHellos, and those with an ECH extension (it puts a random one into each)",
              "at least 4, all", f"{len(hellos)}, {sum(h.ech for h in hellos)}",
              len(hellos) >= 4 and all(h.ech for h in hellos))
    lab.check("Chromium's ClientHellos of two segments", "at least 3",
              f"{sum(h.segments == 2 for h in hellos)}; {sorted({h.bytes for h in hellos})} bytes",
              sum(h.segments == 2 for h in hellos) >= 3)
    unlisted(lab, page)

    every_group(lab)
    portal.card_cuts(False)
    resumption(lab)
    gnutls(lab)
    curl(lab)
    python(lab, large)
    node(lab, large)

    lab.eventually("Chromium: the WebSocket at the end", "open, more than 7 messages sent, all came back but the last",
                   lambda: "{} sent, {} came back, {}".format(*sockets.run("echoes")),
                   good=lambda said: said.endswith("open") and int(said.split()[0]) > 7
                   and int(said.split()[0]) - int(said.split()[2]) <= 2)
    lab.eventually("a TLS connection of before all this", "alive, more than 20 answers",
                   lambda: f"{'alive' if held.alive(2) else 'dead: ' + held.how}, {held.answers} answers",
                   good=lambda said: said.startswith("alive") and held.answers > 20)
    held.close()
    chrome.stop()
