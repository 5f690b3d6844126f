"""The single description of the lab: namespaces, links, addresses, names. All other modules read it from here.

All addresses are from documentation ranges (RFC 5737, RFC 3849) or private; nothing here is connected to the host.
"""

from dataclasses import dataclass, field

# ---- addresses -------------------------------------------------------------------------------------------------

LAN_NET = "192.168.77.0/24"
BOX_LAN = "192.168.77.1"
LAN6 = "2001:db8:77::/64"
PC6 = "2001:db8:77::2"

LINE_NET = "198.51.100.0/24"
ISP = "198.51.100.1"             # router, DHCP, DNS and NTP server of the uplink
ISP6 = "2001:db8:100::1"

HUB = "203.0.113.10"
EST = "203.0.113.20"
OTHER_DNS = "203.0.113.53"
DECOY = "203.0.113.80"
DECOY6 = "2001:db8:113::80"
HUB6 = "2001:db8:113::10"
PUBLIC_ROUTER = "203.0.113.1"
PUBLIC_ROUTER6 = "2001:db8:113::1"

INNER_NET = "10.20.0.0/16"       # what the hub offers in the tunnel
HUB_INNER = "10.20.0.1"
INNER_DNS = "10.20.0.53"
REGISTRY = "10.20.0.80"
UNLISTED = "10.20.0.81"          # behind the hub too, but not listed
PORTAL = "10.20.0.82"            # a site that is started only where real clients are tested
STATIC = "10.20.0.83"
VIP_NET = "10.99.0.0/24"         # the hub's virtual IPs

# A second centre: another hub, another registry, which shares nothing with the first but the CA.
HUB2 = "203.0.113.11"
INNER2_NET = "10.21.0.0/16"
HUB2_INNER = "10.21.0.1"
INNER2_DNS = "10.21.0.53"
REGISTRY2 = "10.21.0.80"
VIP2_NET = "10.98.0.0/24"

# ---- names -----------------------------------------------------------------------------------------------------

REGISTRY_NAME = "registry.lab.example"
FORMS_NAME = "forms.lab.example"
UNLISTED_NAME = "unlisted.lab.example"
PORTAL_NAME = "portal.lab.example"
STATIC_NAME = "static.lab.example"
STRANGE_NAME = "strange.lab.example"            # at the portal's address, but not listed
DECOY_NAME = "decoy.example"
HUB_NAME = "hub.lab.example"
HUB2_NAME = "hub2.lab2.example"
REGISTRY2_NAME = "db.lab2.example"
EST_NAME = "est.lab.example"
EST_PORT = 8085
EST_USER, EST_PASSWORD = "estuser", "estpwd"    # built into estserver
DEVICE = "box-0001"

# ---- the box's interfaces --------------------------------------------------------------------------------------

MAC_LAN = "52:54:00:5e:00:01"
MAC_WAN = "52:54:00:5e:00:02"
MAC_PC = "52:54:00:5e:00:77"
BOX_LAN6 = "fe80::5054:ff:fe5e:1"    # link-local address that the kernel makes of MAC_LAN


@dataclass
class Interface:
    name: str
    peer: str                        # "tap:lan", "tap:wan" (the box's interface), or "NAMESPACE" (veth into its bridge)
    addresses: list = field(default_factory=list)
    mac: str = ""


@dataclass
class Namespace:
    name: str
    role: str
    interfaces: list
    routes: list = field(default_factory=list)
    bridge: str = ""                 # name of a bridge for those who name this namespace as their peer
    bridge_addresses: list = field(default_factory=list)
    forward: bool = False
    servers: list = field(default_factory=list)   # for the drawing: (address, what)


NAMESPACES = [
    Namespace("lan", "the hospital's LAN: one PC", [Interface("pc0", "tap:lan", mac=MAC_PC)],
              servers=[("by DHCP from the box", "PC: curl, dig, udhcpc"), (PC6, "its IPv6 address")]),
    Namespace("wan", "the line's provider, and the internet's router; the capture is taken here",
              [Interface("line0", "tap:wan", [ISP + "/24", ISP6 + "/64"])],
              bridge="net0", bridge_addresses=[PUBLIC_ROUTER + "/24", PUBLIC_ROUTER6 + "/64"], forward=True,
              # A trap: packets that leave the box in clear for the registry do arrive, and are answered.
              routes=[f"{INNER_NET} via {HUB}", f"{INNER2_NET} via {HUB2}", f"{LAN6} dev line0"],
              servers=[(ISP, "dnsmasq: DHCP and DNS of the line"), (ISP, "chronyd: NTP")]),
    Namespace("hub", "the VPN hub: stock Debian strongSwan, kernel-libipsec",
              [Interface("pub0", "wan", [HUB + "/24", HUB6 + "/64"])],
              bridge="inner0", bridge_addresses=[HUB_INNER + "/16"], forward=True,
              routes=[f"default via {PUBLIC_ROUTER}", f"blackhole {VIP_NET} metric 1000"],
              servers=[(HUB, "charon"), (HUB_INNER, "its inner side; lends " + VIP_NET)]),
    Namespace("registry", "the registry's network behind the hub",
              [Interface("inner0", "hub", [REGISTRY + "/16", UNLISTED + "/16", PORTAL + "/16", STATIC + "/16",
                                           INNER_DNS + "/16"])],
              routes=[f"default via {HUB_INNER}"],
              servers=[(REGISTRY, "nginx, TLS: " + REGISTRY_NAME + ", " + FORMS_NAME),
                       (UNLISTED, "nginx, TLS: " + UNLISTED_NAME + " (not listed)"),
                       (f"{PORTAL}, {STATIC}", "nginx, TLS: " + PORTAL_NAME + ", " + STATIC_NAME),
                       (INNER_DNS, "unbound: the registry's names; may turn liar")]),
    Namespace("hub2", "the second centre's VPN hub (started where a scenario wants it)",
              [Interface("pub0", "wan", [HUB2 + "/24"])],
              bridge="inner0", bridge_addresses=[HUB2_INNER + "/16"], forward=True,
              routes=[f"default via {PUBLIC_ROUTER}", f"blackhole {VIP2_NET} metric 1000"],
              servers=[(HUB2, "charon"), (HUB2_INNER, "its inner side; lends " + VIP2_NET)]),
    Namespace("registry2", "the second centre's network",
              [Interface("inner0", "hub2", [REGISTRY2 + "/16", INNER2_DNS + "/16"])],
              routes=[f"default via {HUB2_INNER}"],
              servers=[(REGISTRY2, "nginx, TLS: " + REGISTRY2_NAME), (INNER2_DNS, "unbound: its names")]),
    Namespace("est", "the certificate server", [Interface("pub0", "wan", [EST + "/24"])],
              routes=[f"default via {PUBLIC_ROUTER}"],
              servers=[(f"{EST}:{EST_PORT}", "estserver of libest: " + EST_NAME)]),
    Namespace("public", "the rest of the internet",
              [Interface("pub0", "wan", [DECOY + "/24", OTHER_DNS + "/24", DECOY6 + "/64"])],
              routes=[f"default via {PUBLIC_ROUTER}", f"-6 default via {PUBLIC_ROUTER6}"],
              servers=[(DECOY, "nginx, TLS and plain: " + DECOY_NAME), (DECOY6, "the same by IPv6"),
                       (OTHER_DNS, "dnsmasq: somebody else's DNS")]),
]

# Names that everybody on the internet may know.
# Listed where the portal is: in a zone with signatures; and asked for by the hostile PC only, so no answer is at hand.
SIGNED_NAME = "entry.signed.example"
FRESH_NAMES = [f"fresh-{n}.lab.example" for n in range(34)]
REBOUND_NAMES = [f"re-{n}.lab.example" for n in range(24)]

PUBLIC_NAMES = {HUB_NAME: [HUB], HUB2_NAME: [HUB2], EST_NAME: [EST], DECOY_NAME: [DECOY, DECOY6]}
# Names that only the registry's DNS knows.
INNER_NAMES = {REGISTRY_NAME: [REGISTRY], FORMS_NAME: [REGISTRY], UNLISTED_NAME: [UNLISTED],
               PORTAL_NAME: [PORTAL], STATIC_NAME: [STATIC], STRANGE_NAME: [PORTAL]}


INNER2_NAMES = {REGISTRY2_NAME: [REGISTRY2]}


def draw():
    """The lab as text, made from the description above."""
    def box(ns):
        lines = [f"{ns.name}: {ns.role}"]
        for i in ns.interfaces:
            kind = {"tap:lan": "TAP = the box's LAN card", "tap:wan": "TAP = the box's WAN card"}.get(
                i.peer, f"veth to {i.peer}")
            lines.append(f"  {i.name:<7} {', '.join(i.addresses) or '(DHCP)'}   [{kind}]")
        if ns.bridge:
            lines.append(f"  {ns.bridge:<7} {', '.join(ns.bridge_addresses)}   [bridge]")
        lines += [f"  * {address:<22} {what}" for address, what in ns.servers]
        lines += [f"  > route {r}" for r in ns.routes]
        return lines

    by_name = {ns.name: ns for ns in NAMESPACES}
    out = ["The lab: every namespace, its links (veth and TAP), its servers. Nothing here touches the host's network.", ""]
    width = 96

    def frame(lines, indent):
        pad = " " * indent
        w = width - indent
        out.append(pad + "+" + "-" * (w - 2) + "+")
        out.extend(pad + "| " + line[:w - 4].ljust(w - 4) + " |" for line in lines)
        out.append(pad + "+" + "-" * (w - 2) + "+")

    frame(box(by_name["lan"]), 0)
    out.extend(["        |  " + LAN_NET + f"  (the box: {BOX_LAN})", "        |"])
    frame(["THE BOX in QEMU: build/sekisho.img or build/bzImage",
           f"  lan0 {MAC_LAN}   wan0 {MAC_WAN}",
           "  serial 0: console   serial 1: LEDs   serial 2: lab agent (lab image only)"], 0)
    out.extend(["        |  " + LINE_NET + "  (the box: by DHCP)", "        |"])
    frame(box(by_name["wan"]), 0)
    for ns in NAMESPACES:
        if any(i.peer == "wan" for i in ns.interfaces):
            out.append("        |  203.0.113.0/24, 2001:db8:113::/64")
            frame(box(ns), 6)
            for inner in NAMESPACES:
                if any(i.peer == ns.name for i in inner.interfaces):
                    out.append("              |  " + (INNER2_NET if ns.name == "hub2" else INNER_NET))
                    frame(box(inner), 12)
    return "\n".join(out)
