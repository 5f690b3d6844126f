import net
import servers
import topology as t

ONE = ("192.168.77.20", "52:54:00:5e:10:20")
TWO = ("192.168.77.21", "52:54:00:5e:10:21")
NONE = ("192.168.77.22", "52:54:00:5e:10:22")
OTHER = ("192.168.77.60", "52:54:00:5e:10:60")
FIRST, SECOND = (t.REGISTRY_NAME, t.REGISTRY), (t.REGISTRY2_NAME, t.REGISTRY2)


def uses(lab, who, registry):
    name, _ = registry
    seen = lab.page(f"https://{name}/")
    lab.check(f"{who}: {name}", servers.MARKER, seen.body.split()[0] if seen.body else str(seen))


def may_not(lab, who, registry):
    name, address = registry
    with lab.capture("registry" if registry == FIRST else "registry2", "inner0", "tcp port 443") as behind:
        answer = lab.pc.dns(name)
        lab.check(f"{who}: {name} by DNS", "REFUSED, with an EDE and a text", str(answer),
                  answer.status == "REFUSED" and answer.note.startswith("15") and "(" in answer.note)
        seen = lab.pc.curl(f"https://{name}/", connect_to=address, timeout=4)
        lab.check(f"{who}: {name} by its address", "no page", str(seen), seen.status == 0)
    lab.check("at the registry behind that hub", [], [p.what() for p in behind.packets() if p.dst == address])


def dhcp(lab):
    for address, mac in (TWO, ONE):
        net.ip("link", "set", "pc0", "address", mac, ns="lan")
        lab.check(f"DHCP gives the card {mac}", address, lab.pc.dhcp())


def forged(lab, who, address, mac, registry):
    """An IP address and a MAC address that do not belong together."""
    lab.pc.become(address, mac)
    with lab.capture("registry" if registry == FIRST else "registry2", "inner0", "tcp port 443") as behind:
        seen = lab.pc.curl(f"https://{registry[0]}/", connect_to=registry[1], timeout=2)
        lab.check(who, "no page", str(seen), seen.status == 0)
    # (The other direction does not count: a server may retransmit its FIN to the PC's earlier address.)
    lab.check("at the registry behind the hub", [], [p.what() for p in behind.packets() if p.dst == registry[1]])


def in_the_middle_of_a_flow(lab):
    """Another MAC address takes over the IP address and the ports of an open connection."""
    lab.pc.become(*ONE)
    held = lab.pc.hold(t.REGISTRY, t.REGISTRY_NAME, 443, tls=lab.pc.tls())
    lab.eventually("a connection of the bound PC", True, held.alive)
    net.ip("link", "set", "pc0", "address", OTHER[1], ns="lan")
    lab.eventually("the same connection from another card", False, held.alive, 60)
    with lab.capture("registry", "inner0", "tcp port 443") as behind:
        lab.eventually("stays silent", False, held.alive, 1)
    lab.check("of it behind the hub", [], [p.what() for p in behind.packets() if p.dst == t.REGISTRY])
    held.close()


def run(lab):
    lab.up(second=True)
    lab.boot(lab.site(extra="service = lab2", hosts=[f"host = {' '.join(ONE)} lab", f"host = {' '.join(TWO)} lab2",
                                                     f"host = {' '.join(NONE)} none", "others = lab2"]),
             lab.both_services(), lab_image=True)
    lab.ready()
    seen = [line.split() for line in lab.box.root("cat /proc/net/arp").splitlines()[1:]]
    lab.check("cards that the box takes no ARP answer for", sorted(ONE + TWO + NONE),
              sorted(x for words in seen if len(words) > 3 and int(words[2], 16) & 4 for x in (words[0], words[3])))
    lab.pc.become(*NONE)
    may_not(lab, "bound to none", FIRST)
    may_not(lab, "bound to none", SECOND)
    lab.pc.become(*ONE)
    may_not(lab, "bound to the first", SECOND)
    lab.check("tunnels that such questions have raised", (0, 0), (lab.hub.installed(), lab.hub2.installed()))
    dhcp(lab)
    with lab.capture() as wire:
        lab.pc.become(*ONE)
        uses(lab, "bound to the first", FIRST)
        lab.pc.become(*TWO)
        uses(lab, "bound to the second", SECOND)
        may_not(lab, "bound to the second", FIRST)
        lab.pc.become(*OTHER)
        uses(lab, "one of the others", SECOND)
        may_not(lab, "one of the others", FIRST)
        lab.pc.become(*ONE)
        may_not(lab, "bound to the first, both tunnels up", SECOND)
        lab.pc.become(*NONE)
        may_not(lab, "bound to none, both tunnels up", SECOND)
        forged(lab, "another card with the bound PC's address", ONE[0], OTHER[1], FIRST)
        forged(lab, "a card bound to the first, with another address", OTHER[0], ONE[1], FIRST)
        forged(lab, "a card bound to none, with the bound PC's address", ONE[0], NONE[1], FIRST)
        forged(lab, "a card bound to the second, with the first's address", ONE[0], TWO[1], FIRST)
        in_the_middle_of_a_flow(lab)
    lab.check("in clear", [], wire.clear() + wire.marked())
    text = lab.box.cli("rules")
    lab.check("`sekisho rules` says for whom", ONE[0], ONE[0] if f"{ONE[0]} ({ONE[1]})" in text else text)
    lab.log_says("the log says who may not", "why=host", t.REGISTRY_NAME)
