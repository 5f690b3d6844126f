import browser
import provider as p
import servers
import topology as t

LEAST_TTL = 5                    # the box gives no PC less (src/dns/ttlclock.h)


def name_at(lab, name, address):
    """What the PC gets that asks this address for this name, by the ClientHello."""
    page = lab.pc.curl(f"https://{name}/", connect_to=address)
    return f"{page.status} {page.body.split()[0] if page.body else page.error}"


def opens(lab, name):
    """Ways and number of addresses that `rules` says are open for a name."""
    found = [o["way"] for s in lab.box.console.object("rules")["services"] for o in s["open"] if o["name"] == name]
    return f"{len(found)} {' '.join(sorted(set(found)))}"


def before(lab):
    lab.eventually("the mode of the LAN", "before", lambda: lab.box.get("gate.mode"))
    with lab.capture() as wire:
        answer = lab.answer(p.APPLY)
        lab.check("the page of application: its addresses, by an alias of an alias", sorted(p.ADDRESSES), sorted(answer.addresses))
        lab.check("and their TTL", f"{LEAST_TTL} s at most, of {p.TTL} s", f"{answer.ttl} s", answer.ttl <= LEAST_TTL)
        page = lab.page(f"https://{p.APPLY}/")
        lab.check("the page, by the box's address on the line", f"200 {lab.box.get('wan.address').partition('/')[0]}",
                  f"{page.status} {page.body.split()[-1] if page.body else page.error}")
        lab.eventually("`rules`: open", "40 line", lambda: opens(lab, p.APPLY))
        refused(lab, p.APPLY)
        answer = lab.pc.dns(p.LOGIN)
        lab.check("the sign-in page, without a session", "SERVFAIL", answer.status)
        lab.check("its address all the same, by its ClientHello", "0", name_at(lab, p.LOGIN, p.ADDRESSES[3])[:1])
        lab.check("the decoy", "REFUSED", lab.pc.dns(t.DECOY_NAME).status)
        lab.check("the session meanwhile", "idle", lab.box.get("gate.session"))
    lab.check("IKE and ESP on the line", 0, wire.counts()["ike"] + wire.counts()["esp"] + wire.counts()["esp-in-udp"])
    lab.check("packets of the box to others than the provider", [], wire.strangers(p.ADDRESSES))
    lab.check("ClientHellos of another name that got there", [], [x.what() for x in wire.packets(from_box=True)
                                                                 if p.STRANGE.encode() in x.raw or p.LOGIN.encode() in x.raw])
    lab.log_says("the log says that it is for a session", "dns.refused", p.LOGIN, "why=no-session", "via=line")
    said = lab.box.cli("log blocked")
    wanted = (f"DNS {p.LOGIN} [on the line]", "open in a session only", "[回線経由]", "接続中だけ使えます")
    lab.check("`log blocked` too, in both languages", list(wanted), [w for w in wanted if w in said])
    said = lab.box.cli("rules")
    wanted = ("On the line, not through the tunnel:", "回線経由", p.APPLY)
    lab.check("`rules` too", list(wanted), [w for w in wanted if w in said])


def refused(lab, listed):
    """At an address that is open for this name: not another name, not another port."""
    lab.pc.dns(listed)
    seen = name_at(lab, p.STRANGE, p.ADDRESSES[0])
    lab.check(f"another customer's name at an address of {listed}", "0, and reset", seen, seen.startswith("0"))
    lab.check("plain HTTP there", "refused", lab.pc.tcp(p.ADDRESSES[0], 80))


def sign_in(lab, page, what):
    seen, seconds = page.open(f"https://{t.PORTAL_NAME}/", 90)
    lab.check(f"{what}: the registry's page sends Chromium to sign in ({seconds:.1f} s)", f"loaded {p.LOGIN}",
              f"{seen} {page.run('location.hostname')}")
    lab.eventually("with the provider's files", "sign in", lambda: page.run("document.title"))
    page.run("document.getElementById('f').submit()")
    lab.eventually("and back with its code", f"signed in {servers.MARKER}",
                   lambda: page.run("document.title + ' ' + (document.getElementById('what') || {}).textContent"))


def wrong_answers(lab):
    """The sign-in page has an address of the internet, and nobody's here."""
    for what, address, why in (("the registry's", t.REGISTRY, "registry-address"), ("a PC's", lab.pc.address, "forbidden-address"),
                               ("the box's own", lab.box.get("wan.address").partition("/")[0], "forbidden-address"),
                               ("the hub's", t.HUB, "forbidden-address")):
        p.known(lab, [address])
        # (What the box remembers of the answer before ends with its TTL.)
        lab.eventually(f"the sign-in page at an address that is {what}", "SERVFAIL", lambda: lab.pc.dns(p.LOGIN).status)
        lab.log_says("the log says it", "dns.refused", p.LOGIN, f"why={why}", f"answer={address}")
    # What a forger on the line can do: open an address of the internet, for the sign-in page's ClientHello only.
    p.known(lab, [t.DECOY])
    lab.eventually("a forged answer: the decoy's address", [t.DECOY], lambda: lab.pc.dns(p.LOGIN).addresses)
    seen = name_at(lab, t.DECOY_NAME, t.DECOY)
    lab.check("the decoy by its own name there", "0, and reset", seen, seen.startswith("0"))
    lab.check("its other ports", "refused refused", f"{lab.pc.tcp(t.DECOY, 80)} {lab.pc.udp(t.DECOY, 443)}")
    p.known(lab)


def run(lab):
    site, registry = p.Provider(lab.folder), p.Registry(lab.folder)
    chrome = browser.Browser(lab.folder).start()
    lab.up()
    for server in (site, registry):
        server.start()
    p.known(lab)
    lab.inner_dns.lie({t.PORTAL_NAME: [t.PORTAL]}, ttl=5)
    lab.boot(lab.site(), {"lab": p.service(lab)})
    lab.ready()
    page = chrome.page()
    with lab.capture() as line, lab.capture("hub", "inner0") as behind:
        before(lab)
        sign_in(lab, page, "the first session")
        lab.check("the mode of the LAN", "session", lab.box.get("gate.mode"))
        lab.eventually("`rules`: open for the sign-in page", "40 line", lambda: opens(lab, p.LOGIN))
        lab.eventually("and for the registry's", "1 tunnel", lambda: opens(lab, t.PORTAL_NAME))
        refused(lab, p.LOGIN)
        lab.log_says("the log says which way", "tls.refused", f"name={p.STRANGE}", "via=line")
        lab.pc.dns(p.LOGIN)
        held = lab.pc.hold(p.ADDRESSES[1], p.LOGIN, 443, tls=lab.pc.tls(), patience=20)
        lab.eventually("a connection to the provider", True, lambda: held.answers > 3)
        lab.box.cli("session end")
        lab.eventually("ends with the session", True, lambda: held.ended is not None)
        lab.eventually("the mode of the LAN", "before", lambda: lab.box.get("gate.mode"))
        sign_in(lab, page, "the next session, at once")
        wrong_answers(lab)
    lab.check("packets behind the hub to the provider", [], [x.what() for x in behind.packets() if x.dst in p.ADDRESSES])
    lab.check("in clear, in all that time", [], line.clear() + line.marked())
    lab.check("packets of the box to others", [], line.strangers([*p.ADDRESSES, t.DECOY]))
    lab.check("packets that the capture has lost", 0, line.dropped)
    chrome.stop()
