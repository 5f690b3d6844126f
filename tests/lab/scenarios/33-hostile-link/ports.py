"""Attacks on the box's own addresses: every port, hairpins, forged flows."""

import concurrent.futures
import select
import socket

from scapy.layers.inet import ICMP, UDP, IPOption_RR

import hostile
import net
import report
import topology as t

attack = hostile.Table()
ALL = range(1, 65536)
PC_LINK = "fe80::5054:ff:fe5e:77"
# UDP services that a box might have by accident, and every 97th port.
UDP_PORTS = sorted({7, 9, 13, 17, 19, 37, 67, 68, 69, 88, 111, 123, 137, 138, 161, 177, 389, 427, 443, 500, 514, 520, 546, 547, 623, 631, 853,
                    1194, 1434, 1701, 1900, 3478, 3702, 4500, 5060, 5351, 5353, 5355, 8472, 51820, *range(1, 65536, 97)} - {53})


def scans(lab, trial):
    """Every TCP port of each of the box's addresses, from the LAN and from the uplink. Not in the table: no marks, not forwarded.

    That port 53 answers on the LAN, open or refused, shows that the scan works. The uplink gets no answer of any kind.
    """
    wan = lab.box.get("wan.address")
    wanted = (
            (trial.lan, lab.pc.address, t.BOX_LAN, "from the LAN, its LAN address", ([53], [])),
            (trial.lan, lab.pc.address, wan, "from the LAN, its line address (the box answers all DNS of the LAN)", ([53], [])),
            (trial.lan, PC_LINK, t.BOX_LAN6, "from the LAN, its IPv6 address (DNS is not served there)", ([], [53])),
            (trial.line, t.ISP, wan, "from the line, its line address", ([], [])),
            (trial.line, "fe80::1", "fe80::5054:ff:fe5e:2", "from the line, its IPv6 address", ([], [])))
    found = {}

    def one_by_one(card):      # (both interfaces at the same time)
        for mine, source, address, what, _ in wanted:
            if mine is card:
                found[what] = mine.scan(source, address, ALL)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(one_by_one, card) for card in (trial.lan, trial.line)]:
            done.result()
    for _, _, _, what, expected in wanted:
        opened, refused = found[what]
        lab.check(f"TCP ports of the box 1 to 65535 {what}", "open: {}; refused: {}".format(*map(report.text, expected)),
                  f"open: {report.text(opened)}; refused: {report.text(refused)}")


def _udp_answers(h):
    """UDP ports of the box that answer with anything but silence."""
    answered = []
    with net.inside("lan"):
        sockets = {socket.socket(socket.AF_INET, socket.SOCK_DGRAM): port for port in UDP_PORTS}
    for s, port in sockets.items():
        s.setblocking(False)
        s.connect((t.BOX_LAN, port))
        s.send(h.data())
    waiting, _, _ = select.select(list(sockets), [], [], 0.5)
    for s in waiting:
        try:
            s.recv(1)
        except OSError:
            pass
        answered.append(sockets[s])
    for s in sockets:
        s.close()
    h.answered = answered


@attack("UDP ports of the box: known services and a sample of all others",
        sound=("ports that gave any answer", lambda h: ([], h.answered)))
def udp_ports(h):
    _udp_answers(h)


@attack("the box's address on the line, from the LAN: TCP, UDP, pings, as if it were the way out")
def box_line_address(h):
    address = h.lab.box.get("wan.address")
    h.send(*h.three(address), *[h.syn(address, port) for port in (22, 80, 500)], *[h.datagram(address, port) for port in (68, 123, 500, 4500)])


@attack("hairpin: the LAN to itself by its translated addresses, with the ports of a live flow", bad=lambda h, p: p.dst != t.REGISTRY)
def hairpin(h):
    flow = h.flow(t.REGISTRY, 443)
    flow.open()
    for address in (h.lab.box.get("wan.address"), "10.99.0.1", "192.168.77.99"):
        h.send(h.ip(address) / h.tcp(flow.sport, "SA", 443), h.ip(address) / h.tcp(flow.sport, "S", 443), h.syn(address, flow.sport),
               h.ip(address) / h.tcp(443, "PA", flow.sport) / h.data())
    flow.send(0, flags="R")


@attack("the box as a mirror: pings and DNS in the name of others")
def mirror(h):
    for source in (t.DECOY, t.REGISTRY, t.HUB, "255.255.255.255", "192.168.77.255", t.ISP):
        h.send(h.echo(t.BOX_LAN, source), h.ip(t.BOX_LAN, source) / UDP(sport=53, dport=53) / (
            h.word[:2] + b"\1\0\0\1" + bytes(6) + b"\x08" + h.word + b"\7example\0\0\1\0\1"))
    h.send(h.ip(t.BOX_LAN, options=[IPOption_RR(routers=["0.0.0.0"] * 3)]) / ICMP() / h.data())


@attack("broken words to the box's own ports: DNS, DHCP")
def broken_words(h):
    for size in (1, 11, 12, 40, 600, 1400):
        h.send(h.datagram(t.BOX_LAN, 53, size=size), h.datagram(t.BOX_LAN, 67, size=size), h.datagram(t.BOX_LAN6, 53, PC_LINK, size=size))
    h.send(h.datagram(t.BOX_LAN, 53), h.datagram(t.BOX_LAN, 67))
