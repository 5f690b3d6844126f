import hostile
import topology as t

addresses, ipv4, ipv6 = (hostile.module(__file__, name).attack for name in ("addresses", "ipv4", "ipv6"))

GROUP = "internet"


def run(lab):
    lab.up()
    lab.boot(lab.site(outside="internet"))
    lab.ready()
    lab.pc.ipv6()
    trial = hostile.Trial(lab, addresses + ipv4 + ipv6)
    lab.check("the LAN's mode", "internet", lab.box.get("gate.mode"))
    trial.outside()
    lab.session()
    trial.keep("flow-of-earlier-session", open_flow)
    lab.box.cli("session end")
    lab.eventually("tunnels at the hub between the sessions", 0, lab.hub.installed)
    lab.session()
    trial.session()


def open_flow(h):
    flow = h.flow(t.REGISTRY, 443)
    return flow if flow.open() else None
