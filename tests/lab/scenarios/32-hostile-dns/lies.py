"""Forged DNS: on the uplink, in place of the registry's server, and answers with wrong addresses (rebinding)."""

import socket
import struct
import threading
import time

import hostile
import net
import topology as t
from words import question, record

attack = hostile.Table()

# Answers of the registry's own server for these listed names: none of these addresses may be allowed.
REBINDING = {
    "lan-pc": "192.168.77.50", "lan-other": "192.168.77.99", "lan-box": t.BOX_LAN, "line-router": t.ISP, "line-other": "198.51.100.77",
    "hub": t.HUB, "est": t.EST, "decoy": t.DECOY, "lent": "10.99.0.1", "outside": "10.21.0.80", "loopback": "127.0.0.1", "zero": "0.0.0.0",
    "multicast": "224.0.0.5", "broadcast": "255.255.255.255", "link": "169.254.1.1", "class-e": "240.0.0.1",
    "six-loopback": "::1", "six-link": "fe80::1", "six-decoy": t.DECOY6, "six-mapped": "::ffff:203.0.113.80", "six-lan": "fd00::77",
    "cname-decoy": t.DECOY_NAME + ".", "cname-unlisted": t.UNLISTED_NAME + ".",
}
*REBOUND, MIXED = t.REBOUND_NAMES            # MIXED has a good address and a bad one


def answers():
    """The registry's server's answers for all of them."""
    return {n: [a] for n, a in zip(REBOUND, REBINDING.values(), strict=True)} | {MIXED: [t.REGISTRY, t.DECOY]}


def _rebinding(what, address, name):
    def send(h):
        found = [h.lab.pc.dns(name, kind) for kind in ("A", "AAAA")]
        h.addresses = sum((a.addresses for a in found), [])
        place = {t.DECOY_NAME + ".": t.DECOY, t.UNLISTED_NAME + ".": t.UNLISTED}.get(address, address)
        h.send(*h.three(place))
    send.__name__ = "rebinding_" + what.replace("-", "_")
    attack(f"the registry's server says that a listed name is {address}",
           sound=("addresses that the PC was given", lambda h: ([], h.addresses)))(send)


for (_what, _address), _name in zip(REBINDING.items(), REBOUND, strict=True):
    _rebinding(_what, _address, _name)


@attack("it says a good and a bad address: the bad one", sound=("the bad address in the answer", lambda h: (False, t.DECOY in h.addresses)))
def rebinding_mixed(h):
    h.addresses = h.lab.pc.dns(MIXED).addresses
    h.send(*h.three(t.DECOY))


# ---- forged answers. All of them name an address behind the hub that nobody listed: it would be reached.

def _answer(name, number, extra=b"", address=t.UNLISTED):
    owner = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    return question(name, flags=0x8580, counts=(1, 1, 0, 1 if extra else 0), tail=owner + extra, number=number)


def _ask_meanwhile(h, name, lie):
    """The PC asks while the real server is silent and lie() runs; returns the PC's answer."""
    told = []
    asker = threading.Thread(target=lambda: told.append(h.lab.pc.dns(name, timeout=20)))
    asker.start()
    time.sleep(0.15)
    lie()
    asker.join()
    return told[0]


@attack("a liar on the line forges answers while the box asks: in the name server's name, the line's and the hub's",
        sound=("what the PC was told in the end", lambda h: (f"NOERROR {t.REGISTRY}", str(h.told))))
def liar_on_the_line(h):
    name = "fresh-30.lab.example"
    wan = h.lab.box.get("wan.address")
    # Made before the question, so that the right server is silent for no longer than it takes to send them.
    frames = [bytes(h.line.frame(h.ip(to, (t.INNER_DNS, t.ISP, t.HUB)[n % 3]) / hostile.UDP(sport=53, dport=32768 + n * 117) /
                                 _answer(name, n * 271))) for n in range(240) for to in (wan, "10.99.0.1")]
    h.lab.inner_dns.freeze()

    def lie():
        h.line.send(*frames)
        h.lab.inner_dns.freeze(False)
    h.told = _ask_meanwhile(h, name, lie)
    if h.told.status == "SERVFAIL":      # on a slow machine the right server was silent for too long; a lie would be an answer
        h.told = h.lab.pc.dns(name)
    h.send(*h.three(t.UNLISTED))


class Liar:
    """In the name server's place behind the hub: takes its address and answers as told, answer(message, socket, from)."""

    def __init__(self, lab, answer):
        self.lab, self.answer, self.asked = lab, answer, 0

    def __enter__(self):
        self.lab.inner_dns.stop()
        with net.inside("registry"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.other_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.other_address = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((t.INNER_DNS, 53))
        self.other_port.bind((t.INNER_DNS, 54))
        self.other_address.bind((t.UNLISTED, 53))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        while True:
            try:
                message, whence = self.socket.recvfrom(2000)
                self.asked += 1
                self.answer(self, message, whence)
            except OSError:
                return

    def __exit__(self, *_):
        for s in (self.socket, self.other_port, self.other_address):
            s.close()
        # The thread still holds the closed socket until a packet comes: it is sent one.
        with net.inside("registry"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", (t.INNER_DNS, 53))
        self.thread.join(10)
        self.lab.inner_dns.start()


def _wrong(liar, message, whence):
    number = struct.unpack_from(">H", message)[0]
    name = hostile.name(message)
    for wrong in (number ^ 1, number + 1 & 0xFFFF, 0, number ^ 0xFFFF):
        liar.socket.sendto(_answer(name, wrong), whence)
    liar.other_port.sendto(_answer(name, number), whence)
    liar.other_address.sendto(_answer(name, number), whence)
    liar.socket.sendto(_answer("other." + name, number), whence)
    liar.socket.sendto(_answer(t.UNLISTED_NAME, number), whence)
    liar.socket.sendto(_answer(name, number)[:2] + b"\1\0" + _answer(name, number)[4:], whence)
    for port in (1, -1, 7):
        liar.socket.sendto(_answer(name, number), (whence[0], whence[1] + port))


@attack("answers with a wrong number, from a wrong port or address, for another question, to another port, that are none",
        sound=("the lie in the PC's answer, and the liar was asked", lambda h: ("False True", f"{t.UNLISTED in h.told.addresses} {h.asked > 0}")))
def wrong_answers(h):
    with Liar(h.lab, _wrong) as liar:
        h.told = h.lab.pc.dns("fresh-31.lab.example", timeout=3)
        h.asked = liar.asked
    h.send(*h.three(t.UNLISTED))


def _more(liar, message, whence):
    number, name = struct.unpack_from(">H", message)[0], hostile.name(message)
    extra = record(t.FORMS_NAME, 1, socket.inet_aton(t.UNLISTED))
    liar.socket.sendto(_answer(name, number, extra, t.REGISTRY), whence)


@attack("a right answer with a lie about another listed name behind it",
        sound=("what the other name is then", lambda h: (f"NOERROR {t.REGISTRY}", str(h.told))))
def lie_behind_the_answer(h):
    with Liar(h.lab, _more):
        h.lab.pc.dns("fresh-32.lab.example", timeout=3)
    h.told = h.lab.pc.dns(t.FORMS_NAME)
    h.send(*h.three(t.UNLISTED))
