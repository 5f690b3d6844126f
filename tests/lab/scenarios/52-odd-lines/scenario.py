import re

import checks
import topology as t


def lease(lab, *options):
    """What the uplink's DHCP server gives besides the address."""
    with open(lab.isp.conf) as f:
        text = f.read()
    text = re.sub(r"^dhcp-option=(option:netmask|option:classless|option:router).*\n", "", text, flags=re.M)
    lab.isp.write("conf", text + "".join(f"dhcp-option={o}\n" for o in options))


def again(lab):
    """The same cable, another lease."""
    lab.box.cli("session end")
    lab.isp.restart()
    lab.box.cable("wan", False)
    lab.eventually("the cable is out", "down", lambda: lab.box.get("wan.link"))
    lab.box.cable("wan", True)
    lab.eventually("the line is up", "up", lambda: lab.box.get("wan.link"))


def way(lab, what, *words):
    lab.eventually(f"{what}: the default route", f"with {' '.join(words)}",
                   lambda: lab.box.root("ip route | grep ^default").strip(), good=lambda route: all(w in route for w in words))
    lab.ready()
    lab.eventually(f"{what}: the registry's page", 200, lambda: lab.pc.curl(f"https://{t.REGISTRY_NAME}/", timeout=40).status)


def run(lab):
    # (dnsmasq sends its own address as the router unless told not to, by the option without a value.)
    lease(lab, "option:router", f"option:classless-static-route,0.0.0.0/0,{t.ISP}")
    lab.up()
    lab.boot(lab.site(), lab_image=True)
    checks.enrolled(lab, dhcp=False)
    way(lab, "by option 121 alone", t.ISP)
    lease(lab, f"option:router,{t.ISP}", "option:netmask,255.255.255.255")
    again(lab)
    way(lab, "an address with 32 bits", t.ISP, "onlink")
    lease(lab, "option:router")
    again(lab)
    lab.status_says("no router: the status says it", "no router")
    lease(lab, f"option:router,{t.ISP}")
    again(lab)
    way(lab, "an ordinary lease again", t.ISP)
    lab.box.cut_power()
    service = lab.service().replace(f"remote = {t.INNER_NET}\n", f"remote = {t.INNER_NET}\nremote = 198.51.0.0/16\n")
    lab.box.provision(lab.site(), {"lab": service})
    lab.box.start()
    lab.status_says("the line's network lies in the registry's: the status says it", "198.51.0.0/16", "overlap")
    lab.closed("and the LAN stays closed")
