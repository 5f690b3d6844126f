import time

import browser
import fault
import portal
import servers
import topology as t

URL = f"https://{t.PORTAL_NAME}/"
LIMIT = 6
TRIES = 3


def questions(wire):
    """Names of the page that the browser asked for; other queries do not matter here."""
    asked = [p.payload.lower() for p in wire.packets() if p.dport == 53]
    return [name for name in (t.PORTAL_NAME, t.STATIC_NAME)
            if any(name.split(".", maxsplit=1)[0].encode() in payload for payload in asked)]


def idle(lab):
    return lab.box.get("gate.session")


def click(lab, page, what, end, pause, limit):
    """The session is over; she clicks so much later. Returns the result, and the names that the browser asked for first."""
    end()
    lab.eventually(f"{what}: tunnels at the hub", 0, lab.hub.installed)
    time.sleep(pause)
    with lab.capture("lan", "pc0", "port 53 or port 443") as wire:
        seen, seconds = page.open(URL, 90)
    text = page.run('document.title + " " + document.getElementById("what").textContent') if seen == "loaded" else ""
    asked = questions(wire)
    lab.check(f"{what}: the page ({seconds:.1f} s{', asked for anew' if asked else ''})",
              f"loaded within {limit:.0f} s, with all that belongs to it", f"{seen} {text}",
              seen == "loaded" and seconds < limit and text == f"all loaded {servers.MARKER}")
    lab.check(f"{what}: packets that the capture has lost", 0, wire.dropped)
    return asked


def again(lab, page, what, end, pause, limit):
    """Repeat until the browser uses its cached address: it may drop it early (for instance after a start under load)."""
    asked = []
    for _ in range(TRIES):
        asked = click(lab, page, what, end, pause, limit)
        if not asked:
            break
    lab.check(f"{what}: names that the browser asked for, at the best of {TRIES} clicks", [], asked)


def stranger(lab):
    """Nobody has asked for the name yet: the address alone must not start a session."""
    begin = time.monotonic()
    with lab.capture("lan", "pc0", f"icmp or host {t.PORTAL}") as lan:
        seen = lab.pc.tcp(t.PORTAL, 443, 60)
    waited = max((seconds for seconds, _ in lan.waits(lab.pc.address)), default=99.0)
    lab.check(f"the address before any session ({time.monotonic() - begin:.0f} s)", "refused, within 16 s",
              f"{seen}, {waited:.1f} s", seen == "refused" and waited < 16)
    lab.check("the session after that", "idle", idle(lab))
    lab.log_says("the log says that the PC has waited", "reason=unasked", f"client={lab.pc.address}", f"server={t.PORTAL}")
    # What the IT staff of a hospital with a hosts file find at the console: which PC, why, and what to do, in both languages.
    for command in ("log blocked", "status"):
        said = lab.box.cli(command)
        wanted = (lab.pc.address, "hosts file", "open the page by its name", "hostsファイルから", "名前でページを開いてください")
        lab.check(f"`{command}` says why nothing begins, and what to do", list(wanted), [w for w in wanted if w in said])


def moved(lab):
    """The registry has another address now: the old one must not be allowed from memory."""
    lab.box.cli("session end")
    lab.eventually("tunnels at the hub before the registry moves", 0, lab.hub.installed)
    lab.inner_dns.lie({t.PORTAL_NAME: [t.UNLISTED], t.STATIC_NAME: [t.UNLISTED]}, ttl=5)
    newest = fault.number(lab.box.log()[-1])
    with lab.capture("hub", "inner0", f"host {t.PORTAL} and tcp") as behind:
        seen = lab.pc.tcp(t.PORTAL, 443, 60)
        # Read the log: the session may have ended again already.
        lab.eventually("its old address begins a session", "up", lambda: "up" if any(
            " session.start " in line and fault.number(line) > newest for line in lab.box.log()) else "not begun")
    lab.check("and stays closed", "refused", seen)
    lab.check("packets to it behind the hub", [], [p.what() for p in behind.packets()])

    def opened():
        if idle(lab) != "up":       # the refusal took as long as the idle time: a query starts the next session
            lab.pc.dns(t.PORTAL_NAME)
        return {(o["name"], o["address"]) for s in lab.box.console.object("rules")["services"] for o in s["open"]}
    # (gate publishes what is allowed at most every two seconds.)
    lab.eventually("open for its names", "the new address only", opened, 240,
                   lambda seen: (t.PORTAL_NAME, t.UNLISTED) in seen and not any(a == t.PORTAL for _, a in seen))


def run(lab):
    site = portal.Portal(lab.folder)
    chrome = browser.Browser(lab.folder).start()
    lab.up()
    site.start()
    # A short TTL changes nothing: Chromium keeps an address for a minute all the same.
    lab.inner_dns.lie({t.PORTAL_NAME: [t.PORTAL], t.STATIC_NAME: [t.STATIC]}, ttl=5)
    lab.boot(lab.site(idle="10 s"), services={"lab": portal.service(lab)})
    lab.ready()
    page = chrome.page()
    with lab.capture() as line:
        stranger(lab)
        seen, seconds = page.open(URL, 90)
        lab.check(f"the first page ({seconds:.1f} s)", "loaded", seen)
        limit = max(LIMIT, 3 * seconds)      # that one brought up a tunnel too, so it is a measure of this machine
        again(lab, page, "ended because nobody used it", lambda: None, 2, limit)
        again(lab, page, "ended by command", lambda: lab.box.cli("session end"), 3, limit)
        moved(lab)
    lab.check("in clear, in all that time", [], line.clear() + line.marked())
    lab.check("packets of the box to others", [], line.strangers())
    chrome.stop()
