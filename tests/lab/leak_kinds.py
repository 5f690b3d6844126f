"""The kinds of probes of the leak counter: their packets, and where each may come out."""

from dataclasses import dataclass

import topology as t

# Where a probe may come out.
#   LISTED     behind the hub, through the tunnel, in a session
#   INTERNET   on the uplink in clear, without a session, and only if the site file says `outside-session = internet`
#   ASKED      the same, but it is the box that asks on (DNS): the moment is not that of the packets around it
#   ON_LINE    on the line in clear, in a session once the name has been asked for, and where INTERNET may
#   NEVER      nowhere
LISTED, INTERNET, ASKED, ON_LINE, NEVER = "listed", "internet", "asked", "on-line", "never"

PROBER = "192.168.77.60"         # the probes' own address at the PC, so that the PC's real traffic keeps its ports and limits
# The listed names, asked for in turn (the box starts a session for the same name only once a second); their addresses:
NAMES = [f"probe{i}.lab.example" for i in range(4)]
SILENT = "10.20.0.90"            # unused: packets are counted and not answered
ECHO = t.REGISTRY                # udp/9001 answers, so that there are flows that have seen both directions
DECOY_SILENT = "203.0.113.81"    # the same on the internet
DECOY_ECHO = t.DECOY
LINE_NAME, LINE_SILENT = "line0.provider.example", "203.0.113.83"      # the same, and listed `via line`
STRANGER = "203.0.113.82"        # an address of the internet that is only ever a forged source
PORT, ECHO_PORT, TLS_PORT = 9000, 9001, 443
RULES = "".join(f"name = {name} tcp/443 tls, tcp/{PORT}, udp/{PORT}, udp/{ECHO_PORT}\n" for name in NAMES)
RULES += f"name = {LINE_NAME} tcp/443 tls via line\n"
PC6_LOCAL = "fe80::5054:ff:fe5e:77"
INWARD = 80                      # kinds from here on come from the uplink


@dataclass
class Kind:
    id: int
    name: str
    allowed: str
    shape: str
    src: str
    dst: str
    sport: int
    spread: int          # how many source ports it uses in turn: new flows and old ones both
    dport: int

    def line(self):
        return f"{self.id} {self.shape} {self.src} {self.dst} {self.sport} {self.spread} {self.dport}\n"


_LISTED = [
    ("udp to the listed port", "udp", PROBER, SILENT, 20000, 16, PORT),
    ("udp in a flow that is answered", "udp", PROBER, ECHO, 20100, 4, ECHO_PORT),
    ("tcp SYN to the listed port", "syn", PROBER, SILENT, 20200, 16, PORT),
    ("tcp SYN to the TLS port", "syn", PROBER, SILENT, 20300, 16, 443),
    ("udp to the listed port, first fragment", "first", PROBER, SILENT, 20400, 16, PORT),
    ("udp to the listed port, later fragment", "later", PROBER, SILENT, 0, 1, PORT),
]
_INTERNET = [
    ("decoy, udp 443 (QUIC)", "udp", PROBER, DECOY_SILENT, 21000, 16, 443),
    ("decoy, udp in a flow that is answered", "udp", PROBER, DECOY_ECHO, 21100, 4, ECHO_PORT),
    ("decoy, tcp SYN 443", "syn", PROBER, DECOY_SILENT, 21200, 16, 443),
    ("decoy, tcp SYN 443, a few flows only", "syn", PROBER, DECOY_SILENT, 21300, 2, 443),
    ("decoy, ping", "icmp", PROBER, DECOY_SILENT, 21400, 4, 0),
    ("decoy, udp, first fragment", "first", PROBER, DECOY_SILENT, 21500, 16, 80),
    ("decoy, udp, later fragment", "later", PROBER, DECOY_SILENT, 0, 1, 80),
    ("decoy, GRE", "gre", PROBER, DECOY_SILENT, 0, 1, 0),
    ("a name on the line, QUIC", "udp", PROBER, LINE_SILENT, 24400, 16, 443),
    ("a name on the line, tcp port not listed", "syn", PROBER, LINE_SILENT, 24500, 16, 80),
    ("a name on the line, ping", "icmp", PROBER, LINE_SILENT, 24600, 4, 0),
    ("another DNS server, DNS over TLS", "syn", PROBER, t.OTHER_DNS, 21600, 16, 853),
    ("the hub, IKE of the PC's own", "udp", PROBER, t.HUB, 21700, 4, 500),
    ("the hub, ESP in UDP of the PC's own", "udp", PROBER, t.HUB, 21800, 4, 4500),
    ("the line's router, NTP", "udp", PROBER, t.ISP, 21900, 4, 123),
]
_ASKED = [
    ("DNS to another server (the box answers)", "dns", PROBER, t.OTHER_DNS, 23200, 16, 53),
    ("DNS to the server behind the hub (the box answers)", "dns", PROBER, t.INNER_DNS, 23300, 16, 53),
]
_ON_LINE = [
    ("a name on the line, tcp SYN to the TLS port", "syn", PROBER, LINE_SILENT, 24300, 16, 443),
]
_NEVER = [
    ("a name on the line, data before any handshake", "data", PROBER, LINE_SILENT, 24300, 16, 443),
    ("a name on the line, source forged: behind the hub", "syn", t.REGISTRY, LINE_SILENT, 24700, 4, 443),
    ("listed address, data on the TLS port before any handshake", "data", PROBER, SILENT, 20300, 16, 443),
    ("listed address, the rest of a TCP flow", "data", PROBER, SILENT, 22000, 16, PORT),
    ("listed address, udp port not listed", "udp", PROBER, SILENT, 22100, 16, 9002),
    ("listed address, QUIC", "udp", PROBER, SILENT, 22150, 16, 443),
    ("listed address, tcp port not listed", "syn", PROBER, SILENT, 22200, 16, 22),
    ("listed address, ping", "icmp", PROBER, SILENT, 22300, 4, 0),
    ("listed port, source routed", "routed", PROBER, SILENT, 22400, 16, PORT),
    ("listed port, source forged: the internet's", "udp", STRANGER, SILENT, 22500, 4, PORT),
    ("listed port, source forged: behind the hub", "udp", t.UNLISTED, SILENT, 22600, 4, PORT),
    ("behind the hub, not listed, udp", "udp", PROBER, t.UNLISTED, 22700, 16, PORT),
    ("behind the hub, not listed, tcp SYN", "syn", PROBER, t.UNLISTED, 22800, 16, 443),
    ("behind the hub, not listed, the rest of a flow", "data", PROBER, t.UNLISTED, 22900, 16, 443),
    ("behind the hub, the hub itself", "udp", PROBER, t.HUB_INNER, 23000, 16, PORT),
    ("behind the hub, broadcast", "udp", PROBER, "10.20.255.255", 23100, 4, PORT),
    ("decoy, the rest of a TCP flow", "data", PROBER, DECOY_SILENT, 23400, 16, 443),
    ("decoy, source forged: behind the hub", "udp", t.REGISTRY, DECOY_SILENT, 23500, 4, PORT),
    ("decoy, source forged: a stranger's", "udp", STRANGER, DECOY_SILENT, 23600, 4, PORT),
    ("decoy, source routed", "routed", PROBER, DECOY_SILENT, 23700, 4, PORT),
    ("decoy by IPv6, udp", "udp", t.PC6, t.DECOY6, 23800, 16, 443),
    ("decoy by IPv6, tcp SYN", "syn", t.PC6, t.DECOY6, 23900, 16, 443),
    ("the hub by IPv6, from a link-local address", "udp", PC6_LOCAL, t.HUB6, 24000, 4, 500),
    ("broadcast", "udp", PROBER, "255.255.255.255", 24100, 4, PORT),
    ("multicast", "udp", PROBER, "224.0.0.251", 24200, 4, 5353),
]


def _inward(box):
    """From the uplink into the LAN: none may ever arrive at the PC."""
    return [
        ("from the line as if from the registry, to the PC", "udp", ECHO, PROBER, ECHO_PORT, 1, 20100),
        ("from the line as if from behind the hub, to the box", "udp", t.UNLISTED, box, PORT, 1, 20000),
        ("from the line, udp to the PC", "udp", STRANGER, PROBER, 25000, 16, PORT),
        ("from the line, tcp SYN to the PC", "syn", STRANGER, PROBER, 25100, 16, 445),
        ("from the line, the rest of a flow to the PC", "data", STRANGER, PROBER, 443, 1, 21200),
        ("from the line, ping to the PC", "icmp", STRANGER, PROBER, 25200, 4, 0),
        ("from the line, udp to the box", "udp", STRANGER, box, 25300, 16, 21000),
        ("from the line by IPv6, udp to the PC", "udp", t.DECOY6, t.PC6, 443, 1, 23800),
    ]


def _groups(rows, allowed):
    """Rows with what they may; the two fragments of one packet are one group."""
    out = []
    for row in rows:
        out[-1:] = [out[-1] + [(row, allowed)]] if row[1] == "later" else out[-1:] + [[(row, allowed)]]
    return out


def _spread(many, few):
    """Few groups in equal distances among many."""
    out, step = [], len(many) / len(few)
    for i, group in enumerate(few):
        out += [group] + many[round(i * step):round((i + 1) * step)]
    return out


def outward():
    """In the order in which they are sent: listed ones all over the round, so that every edge has one nearby."""
    rest = _spread(_groups(_NEVER, NEVER), _groups(_INTERNET, INTERNET) + _groups(_ON_LINE, ON_LINE) +
                   _groups(_ASKED, ASKED))
    order = [entry for group in _spread(rest, _groups(_LISTED, LISTED)) for entry in group]
    return [Kind(i, row[0], allowed, *row[1:]) for i, (row, allowed) in enumerate(order)]


def inward(box):
    return [Kind(INWARD + i, row[0], NEVER, *row[1:]) for i, row in enumerate(_inward(box))]


def write(path, kinds):
    with open(path, "w") as f:
        f.writelines(k.line() for k in kinds)
