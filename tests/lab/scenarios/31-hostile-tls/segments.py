"""How a ClientHello arrives: segmentation, order, overlaps, retransmissions, pauses, and good ones that the server discards."""

import random
import time

from scapy.layers.inet import fragment

import hostile
import topology as t
from tries import GOOD, connect, data_out, hello, insist, pieces, reset, talk

attack = hostile.Table(bad=data_out)
NAME = "registry.lab.evil.example"      # goes with the listed name for a while


def _bad(h, name=t.DECOY_NAME):
    return hello(h, name, small=True)


def _limit(data, name=t.DECOY_NAME):
    """How much of it could be a listed name's: all before the first letter that is none's."""
    same = max(next((n for n, (a, b) in enumerate(zip(name, listed)) if a != b), len(listed)) for listed in (GOOD, t.FORMS_NAME))
    return data.index(name.encode()) + same


def _flow(h, data, name=t.DECOY_NAME):
    flow = connect(h)
    h.limits[flow.sport] = _limit(data, name)
    return flow


# ---- cuts and orders

def _orders(data):
    """(what, pieces in an order)"""
    single = list(pieces(data, range(len(data))))
    by_seven = list(pieces(data, range(0, len(data), 7)))
    shuffled = random.sample(by_seven, len(by_seven))
    yield "byte by byte", single[:160] + list(pieces(data, most=1240))[-1:] if len(single) > 400 else single
    yield "last first", by_seven[::-1]
    yield "shuffled", shuffled
    yield "each twice", [p for p in by_seven for _ in (1, 2)]
    yield "every other, then the rest", by_seven[1::2] + by_seven[::2]
    yield "first last", by_seven[1:] + by_seven[:1]
    yield "overlapping, the same bytes", [(at, data[at:at + 40]) for at in range(0, len(data), 17)]


def _try_order(h, number):
    data = bytes(_bad(h))
    flow = _flow(h, data)
    for at, piece in list(_orders(data))[number][1]:
        flow.send(at, piece)
    insist(flow, at, piece)


def good_order(h, number):
    """The same with the listed name; returns the server's answer."""
    data = bytes(hello(h, GOOD, small=True))
    flow = connect(h)
    order = list(_orders(data))[number][1]
    for _ in range(10):      # as a client would: what is not acknowledged comes again
        for at, piece in order:
            flow.send(at, piece)
        if flow.answered(0.7):
            break
    answer = flow.answered(20)
    flow.send(len(data), flags="R")
    return "a ServerHello" if answer[:1] == b"\x16" else "a reset" if flow.reset() else answer[:8].hex() or "nothing"


ORDERS = [what for what, _ in _orders(bytes(50))]
for _number, _what in enumerate(ORDERS):
    def _send(h, number=_number):
        _try_order(h, number)
    _send.__name__ = "split_" + _what.replace(",", "").replace(" ", "_")
    attack(f"another name in segments: {_what}", sound=reset)(_send)


@attack("a wait of 0.1 s before every letter of the name", sound=reset)
def waits_in_the_name(h):
    data = bytes(_bad(h, NAME))
    flow = _flow(h, data, NAME)
    begin = data.index(NAME.encode())
    for at, piece in pieces(data, range(begin, begin + len(NAME) + 1)):
        flow.send(at, piece)
        if begin <= at < begin + len(NAME):
            time.sleep(0.1)
    insist(flow, at, piece)


@attack("a wait just before and just behind the first wrong letter; the listed name whole and then more of it", sound=reset)
def waits_at_the_border(h):
    for name in (NAME, GOOD + ".evil.example", t.DECOY_NAME):
        data = bytes(_bad(h, name))
        flow = _flow(h, data, name)
        edge = _limit(data, name)
        for at, piece in pieces(data, (edge - 1, edge, edge + 1)):
            flow.send(at, piece)
            time.sleep(0.15)
        insist(flow, at, piece)


@attack("a hole that is never filled: everything but the first byte; everything but the name's first letter")
def hole(h):
    data = bytes(_bad(h))
    for missing in (0, data.index(t.DECOY_NAME.encode())):
        flow = _flow(h, data)
        for at, piece in pieces(data, (missing, missing + 1)):
            if at != missing:
                flow.send(at, piece)
        time.sleep(0.1)


@attack("half a ClientHello and then nothing for 5.5 s: it must be ended", sound=reset)
def slow(h):
    data = bytes(_bad(h, NAME))
    flow = _flow(h, data, NAME)
    flow.send(0, data[:80])
    flow.reset(5.5)
    insist(flow, 0, data[:80])


# ---- the same place twice, with other bytes

def _twice(h, first, second, rest):
    """Good and bad bytes for the same place; both ClientHellos are equally long."""
    name = "registry.evi.example"
    assert len(name) == len(GOOD)
    good = bytes(hello(h, GOOD, small=True))
    bad = good.replace(GOOD.encode(), name.encode())
    at = good.index(GOOD.encode())
    flow = _flow(h, bad, name)
    versions = {"good": good, "bad": bad}
    for which, begin, end in (first, second, rest):
        begin, end = (len(good) - 1 if x == "end" else at + x if isinstance(x, int) else {"0": 0, "all": len(good)}[x] for x in (begin, end))
        flow.send(begin, versions[which][begin:end])
    insist(flow, 0, bad)


@attack("overlap: good bytes first, then other ones in their place", sound=reset)
def overlap_good_first(h):
    _twice(h, ("good", "0", 24), ("bad", 0, 28), ("bad", 24, "all"))
    _twice(h, ("good", "0", "end"), ("bad", 0, "end"), ("bad", "end", "all"))
    _twice(h, ("good", 0, "all"), ("bad", "0", 24), ("bad", "0", "all"))


@attack("overlap: other bytes first, then good ones in their place", sound=reset)
def overlap_bad_first(h):
    _twice(h, ("bad", 0, 24), ("good", 0, 24), ("good", "0", "all"))
    _twice(h, ("bad", 9, 20), ("good", "0", "end"), ("good", "end", "all"))


@attack("a whole good ClientHello, and at once a bad one in its place", bad=lambda h, p: b"registry.evi" in p.raw)
def replaced(h):
    good = bytes(hello(h, GOOD, small=True))
    flow = connect(h)
    # At once: when the server has answered the good one, the place is taken, and what comes then is no matter.
    for frame in [bytes(h.lan.frame(flow.segment(0, d))) for d in (good, good.replace(GOOD.encode(), b"registry.evi.example"))]:
        h.lan.socket.send(frame)
    flow.reset(0.5)


# ---- insertion: a good ClientHello that the server discards, then a bad one in its place

def _insert(h, stamps=False, late=0.3, **odd):
    good = bytes(hello(h, GOOD, small=True))
    bad = good.replace(GOOD.encode(), b"registry.evi.example")
    flow = connect(h, stamps=stamps)
    flow.send(0, good, **odd)
    time.sleep(late)
    for _ in range(2):
        flow.send(0, bad)
        time.sleep(0.1)
    # And in pieces: only the name.
    at = good.index(GOOD.encode())
    flow.send(at, bad[at:at + 30])
    flow.send(at + 9, bad[at + 9:at + 12])


def _evil(h, p):
    return b"registry.evi" in p.raw or (p.proto == 6 and b"evi" == p.payload)


@attack("insertion by hop limit: a good one that dies on its way, then a bad one", bad=_evil)
def insertion_ttl(h):
    for ttl in (1, 2, 3, 32):
        _insert(h, ttl=ttl, late=0.1)


@attack("insertion by options: a TCP signature, MPTCP, one that nobody knows", bad=_evil)
def insertion_options(h):
    for option in ((19, b"\0" * 16), (29, b"\0" * 14), (30, b"\x20\1" + b"\0" * 16), (253, b"\x12\x34")):
        _insert(h, options=[option], late=0.1)


@attack("insertion by an old timestamp, and by none where there must be one", bad=_evil)
def insertion_timestamp(h):
    _insert(h, stamps=True, options=[("NOP", None), ("NOP", None), ("Timestamp", (5, 1))])
    _insert(h, stamps=True, options=[("NOP", None), ("NOP", None), ("Timestamp", (900000, 1))])
    _insert(h, stamps=True, options=[])


@attack("insertion by a wrong acknowledgement, a wrong checksum, urgent data, no ACK, RST, SYN", bad=_evil)
def insertion_fields(h):
    _insert(h, ack=12345)
    _insert(h, chksum=0x1234)
    _insert(h, flags="PAU", urgptr=20)
    _insert(h, flags="P")
    # Not by a FIN: the server accepts such a segment and answers, so what follows belongs to an allowed flow.
    _insert(h, flags="PAR")
    _insert(h, flags="PAS")


@attack("insertion before the stream's beginning and beyond the window", bad=_evil)
def insertion_place(h):
    good = bytes(hello(h, GOOD, small=True))
    bad = good.replace(GOOD.encode(), b"registry.evi.example")
    for place in (-1, -len(good), 60000):
        flow = connect(h)
        flow.send(place, b"x" + good if place == -1 else good)
        time.sleep(0.1)
        flow.send(0, bad)
        time.sleep(0.05)


@attack("insertion by size: a good one in fragments of which one is missing, then a bad one", bad=_evil)
def insertion_fragments(h):
    flow = connect(h)
    good = bytes(hello(h, GOOD, small=True))
    parts = fragment(flow.segment(0, good), fragsize=104)
    h.send(*parts[:-1])
    flow.send(0, good.replace(GOOD.encode(), b"registry.evi.example"))
    h.send(parts[-1])
    flow.reset(0.3)


# ---- around the handshake and after the verdict

@attack("a SYN with data: a good and a bad ClientHello, with and without a Fast Open cookie")
def syn_with_data(h):
    for name in (GOOD, t.DECOY_NAME):
        for options in ([], [(34, b"")], [(34, h.word)]):
            flow = h.flow(t.REGISTRY, 443)
            flow.send(-1, bytes(hello(h, name, small=True)), flags="S", ack=0, options=options)


@attack("data with odd flags in a flow whose name is not known: FIN, RST, SYN, URG, none", sound=None)
def odd_data(h):
    data = bytes(_bad(h))
    for flags in ("FPA", "R", "RA", "S", "SA", "PAU", "P", "", "FPAUECN", "PAEC"):
        flow = connect(h)
        flow.send(0, data, flags=flags)
        flow.send(0, data[:50], flags=flags)
        flow.send(-1, data[:50], flags=flags)


@attack("keep-alives with words, window probes, a window of 0")
def probes(h):
    flow = connect(h)
    for at in (-1, -2, -8):
        flow.send(at, h.word[:-at], flags="A")
    flow.send(0, bytes(_bad(h)), window=0)
    flow.send(0, h.word[:1], flags="A", window=0)
    flow.send(0, flags="A", window=0)


@attack("a refused flow goes on with a good ClientHello, and with words", sound=reset)
def after_refusal(h):
    flow = talk(h, bytes(_bad(h)))
    good = bytes(hello(h, GOOD, small=True))
    for at in (0, len(bytes(_bad(h)))):
        flow.send(at, good)
        flow.send(at, h.data(200))
    time.sleep(0.1)


@attack("the ports of an agreed flow again: after RST, after FIN, and right in it", bad=_evil)
def ports_again(h):
    good = bytes(hello(h, GOOD, small=True))
    bad = good.replace(GOOD.encode(), b"registry.evi.example")
    for end in ("R", "FA", None):
        flow = talk(h, good)
        if not flow.answered(10):
            raise RuntimeError("a good ClientHello was not answered")
        if end:
            flow.send(len(good), flags=end)
        time.sleep(0.05)
        h.lan.heard.pop(flow.sport, None)
        again = h.flow(t.REGISTRY, 443, sport=flow.sport)
        again.first = again.first + 0x4000
        # (Where no other connection can begin, its words would be words of the one that is live.)
        if again.open(timeout=2.0):
            again.send(0, bad)
            again.reset(0.3)


@attack("150 flows that say half of a ClientHello, at once", sound=("then a good one gets", lambda h: ("a ServerHello", h.good)))
def crowd(h):
    data = bytes(_bad(h, NAME))
    flows = []
    for _ in range(150):
        flow = h.flow(t.REGISTRY, 443)
        flow.send(-1, flags="S", ack=0)
        flows.append(flow)
    h.limits = {0: _limit(data, NAME)}
    for flow in flows:
        got = h.lan.wait(flow.sport, lambda p: p.flags & 0x12 == 0x12, 0.5)
        if got:
            flow.theirs = got.seq + 1 & 0xFFFFFFFF
            flow.send(0, data[:90])
    h.good = good_order(h.other(), 0)
    for flow in flows:
        flow.send(90, flags="R")
