import checks
import topology as t


def run(lab):
    lab.up()
    lab.boot(lab.site(outside="internet", idle="12 s"))
    checks.enrolled(lab, dhcp=False)
    lab.check("the LAN's mode", "internet", lab.box.get("gate.mode"))
    page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
    lab.check("the decoy by name before the session", "page 200", str(page), page.status == 200)
    with lab.capture() as wire:
        seen = lab.pc.tcp(t.REGISTRY, 443)
        lab.check("the registry's address without a session", "not open", seen, seen != "open")
    lab.check("packets in clear to the registry", [], wire.clear())
    lab.pc.ipv6()
    seen = lab.pc.tcp(t.DECOY6, 443)
    lab.check("IPv6 to the decoy", "not open", seen, seen != "open")
    checks.held_dies(lab)
    checks.session(lab)
    with lab.busy():
        lab.eventually("the session", "up", lambda: lab.box.get("gate.session"))
        page = lab.pc.curl(f"https://{t.DECOY_NAME}/", connect_to=t.DECOY)
    lab.check("the decoy in the session", "no page", str(page), page.status == 0)
    checks.idle_end(lab, 12)
    lab.check("the LAN's mode after it", "internet", lab.box.get("gate.mode"))
    page = lab.pc.curl(f"https://{t.DECOY_NAME}/")
    lab.check("the decoy by name after the session", "page 200", str(page), page.status == 200)
    with lab.capture() as wire:
        lab.pc.tcp(t.REGISTRY, 443)
    lab.check("the registry in clear after the session", [], wire.clear())
