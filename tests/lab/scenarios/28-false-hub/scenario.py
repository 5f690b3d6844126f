import re
import time

from scapy.layers.inet import IP, TCP, UDP

import rawframes
import net
import servers
import topology as t

GROUP = "two-centres"

WORD = b"OF-THE-FALSE-HUB"
LAN_HOST = "192.168.77.66"
OTHER_PORT = 8443


class Hub2:
    """What the false hub sends: packets into its side of the tunnel, past its own routes."""

    def __init__(self, vip, vip2, flow):
        self.vip, self.vip2 = vip, vip2
        self.flow = flow                      # a packet of the registry to the PC in the connection that is live
        with net.inside("hub2"):
            self.socket = rawframes.socket.socket(rawframes.socket.AF_PACKET, rawframes.socket.SOCK_DGRAM)

    def send(self, packets):
        for p in packets:
            self.socket.sendto(bytes(p), ("ipsec0", 0x0800))
            time.sleep(rawframes.PACE)
        return len(packets)

    def into_the_flow(self, flags="PA", data=WORD, again=False):
        """From the other registry's address, with the connection's next sequence number (again: with the previous one)."""
        f = self.flow
        seq = f.seq if again else f.seq + len(f.payload) & 0xFFFFFFFF
        return IP(src=f.src, dst=f.dst) / TCP(sport=f.sport, dport=f.dport, flags=flags, seq=seq, ack=f.ack, window=512) / data

    def others(self):
        """From addresses that are not its own: (what, packets)."""
        registry, dns = t.REGISTRY, t.INNER_DNS
        return [
            ("in the other registry's name, new", [IP(src=registry, dst=to) / UDP(sport=443, dport=40000) / WORD
                                                   for to in (self.vip, self.vip2)]),
            ("in the name of the other's resolver", [IP(src=dns, dst=self.vip) / UDP(sport=53, dport=40000) / WORD]),
            ("into the other's live connection", [self.into_the_flow(), self.into_the_flow("RA", b"")]),
            ("from the internet", [IP(src=t.DECOY, dst=self.vip2) / TCP(sport=80, dport=40000, flags="S")]),
            ("from the LAN", [IP(src=LAN_HOST, dst=self.vip2) / UDP(sport=5000, dport=40000) / WORD]),
        ]


def dropped(lab, name):
    return int(lab.box.root(f"nft list counter inet sekisho {name}").split("packets")[1].split()[0])


def refused_by_ipsec(lab):
    """Incoming packets refused by the kernel's own policies."""
    figures = dict(line.split() for line in lab.box.root("cat /proc/net/xfrm_stat").splitlines() if line.strip())
    return sum(int(figures[name]) for name in ("XfrmInTmplMismatch", "XfrmInNoPols"))


def addresses(lab):
    """The virtual IPs: {service: address}."""
    text = lab.box.root("nft list map inet sekisho vip_v4")
    return {int(number, 16): address for number, address in re.findall(r"(0x[0-9a-f]+) : ([\d.]+)", text)}


def last_words(lab):
    """A packet of the registry in a connection of the PC, as hub 1 sees it go into its tunnel."""
    for _ in range(20):
        with lab.capture("hub", "ipsec0") as inside:
            time.sleep(0.5)
        words = [p for p in inside.packets() if p.src == t.REGISTRY and p.sport == 443 and p.payload]
        if words:
            return words[-1]
    raise RuntimeError("the registry says nothing in the connection that is held")


def seen_by_the_pc(packets):
    return [p.what() for p in packets if p.kind == "ip" and (WORD in p.raw or p.src in (t.DECOY, LAN_HOST)
                                                              or p.src == t.REGISTRY and p.flags & 4)]


def at_the_pc(lab):
    return lab.capture("lan", "pc0", f"not src host {lab.pc.address}")


def each(lab, hub, held, what, count):
    """Everything that the false hub sends, with the counter that must see it."""
    with at_the_pc(lab) as pc:
        for name, packets in hub.others():
            before = count()
            sent = hub.send(packets)
            lab.eventually(f"{name}: {what}", sent, lambda before=before: count() - before)
    lab.check(f"of it at the PC ({what})", [], seen_by_the_pc(pc.packets()))
    lab.check("the connection to the other registry", "alive", "alive" if held.alive(2) else f"dead ({held.how})")


def inward(lab, vips, held):
    lab.hub2.speak_for(("0.0.0.0/1", "128.0.0.0/1"), lab.box.get("wan.address"), (t.VIP_NET, t.VIP2_NET))
    hub = Hub2(vips[1], vips[2], last_words(lab))
    own = dropped(lab, "dropped_wrong_tunnel")
    hub.send([IP(src=t.REGISTRY2, dst=vips[2]) / UDP(sport=443, dport=40000) / WORD])
    each(lab, hub, held, "refused by the rule set", lambda: dropped(lab, "dropped_wrong_tunnel"))
    sent = sum(len(packets) for _, packets in hub.others())
    lab.check("refused in all: what was in another's name, and nothing else", sent, dropped(lab, "dropped_wrong_tunnel") - own)

    lab.box.root("nft insert rule inet sekisho from_tunnel accept")
    each(lab, hub, held, "the rule set's guard being open, refused by IPsec", lambda: refused_by_ipsec(lab))

    lab.box.root("for f in all default wan0; do echo 1 >/proc/sys/net/ipv4/conf/$f/disable_policy; done")
    with at_the_pc(lab) as pc:
        hub.flow = last_words(lab)
        hub.send([hub.into_the_flow(again=True)])
        lab.eventually("control: both being open, a packet into the connection arrives at the PC", "1 or more",
                       lambda: len(seen_by_the_pc(pc.packets())), 240, lambda n: n > 0)
    lab.eventually("the connection to the other registry", True, held.alive)


def behind_hub_1(lab):
    return lab.capture("hub", "ipsec0", f"dst host {t.REGISTRY}")


def out(capture):
    return sorted({p.what() for p in capture.packets()})


def outward(lab, vips):
    """False elements: by them the first registry's addresses are the second service's, and so is the way there."""
    clear, wrong = dropped(lab, "dropped_clear"), dropped(lab, "dropped_wrong_tunnel")
    lab.box.root("nft 'delete element inet sekisho tunnel_v4 { %s }; add element inet sekisho tunnel_v4 { %s : 2 }; "
                 "add element inet sekisho allow_v4 { %s . tcp . %d . 2 timeout 60s }'"
                 % (t.INNER_NET, t.INNER_NET, t.REGISTRY, OTHER_PORT))
    with behind_hub_1(lab) as inside:
        lab.eventually("what the live connection sends, refused by the rule set", "1 or more",
                       lambda: dropped(lab, "dropped_wrong_tunnel") - wrong, 240, lambda n: n > 0)
        lab.pc.tcp(t.REGISTRY, OTHER_PORT, 0.9)
        lab.eventually("new, under hub 2's address: no IPsec policy takes it, so refused as clear", "1 or more",
                       lambda: dropped(lab, "dropped_clear") - clear, 240, lambda n: n > 0)
    lab.check("of both behind hub 1", [], out(inside))

    lab.box.root("nft 'delete element inet sekisho vip_v4 { 2 }; add element inet sekisho vip_v4 { 2 : %s }'" % vips[1])
    wrong = dropped(lab, "dropped_wrong_tunnel")
    with behind_hub_1(lab) as inside:
        lab.pc.tcp(t.REGISTRY, OTHER_PORT, 0.9)
        lab.eventually("new, under hub 1's address: refused by the rule set", "1 or more",
                       lambda: dropped(lab, "dropped_wrong_tunnel") - wrong, 240, lambda n: n > 0)
    lab.check("of it behind hub 1", [], out(inside))

    lab.box.root("nft insert rule inet sekisho guard_out accept")
    with behind_hub_1(lab) as inside:
        lab.pc.tcp(t.REGISTRY, OTHER_PORT, 0.9)
        lab.eventually("control: the guard being open, it comes out behind hub 1", "1 or more",
                       lambda: sum(p.dport == OTHER_PORT for p in inside.packets()), 240, lambda n: n > 0)


def run(lab):
    lab.up(second=True)
    lab.boot(lab.site(extra="service = lab2"), lab.both_services(), lab_image=True)
    lab.ready()
    for name in (t.REGISTRY_NAME, t.REGISTRY2_NAME):
        seen = lab.page(f"https://{name}/")
        lab.check(f"https://{name}/", servers.MARKER, seen.body.split()[0] if seen.body else str(seen))
    vips = addresses(lab)
    held = lab.pc.hold(t.REGISTRY, t.REGISTRY_NAME, 443, tls=lab.pc.tls(), patience=240)
    lab.eventually("a connection to the first registry", True, held.alive)
    inward(lab, vips, held)
    outward(lab, vips)
    held.close()
