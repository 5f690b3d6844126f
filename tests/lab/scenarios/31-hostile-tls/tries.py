"""Shared by the tables of this scenario."""

import clienthello as ch
import topology as t

GOOD = t.REGISTRY_NAME
MSS = 1240


def hello(h, name, small=False):
    """A ClientHello with the attack's marks."""
    return ch.ClientHello(name, h.data(32), small)


def data_out(h, p):
    """Of the packets with marks: one with a byte that must not get out. (The handshake of TCP may, and for some flows a part.)"""
    if p.proto != 6:
        return True
    end = (p.seq - h.seq - 1 & 0xFFFFFFFF) + len(p.payload)
    # Behind the tunnel the PC's port may have been translated, so the attack's largest limit holds for all its flows.
    return bool(p.payload) and end > max(getattr(h, "limits", {0: 0}).values(), default=0)


def connect(h, port=443, **more):
    h.limits = getattr(h, "limits", {})
    h.flows = getattr(h, "flows", [])
    flow = h.flow(t.REGISTRY, port)
    if not flow.open(**more):
        raise RuntimeError("no handshake with the registry")
    h.flows.append(flow)
    h.limits.setdefault(flow.sport, 0)
    return flow


def pieces(data, cuts=(), most=MSS):
    """(offset, bytes) of the data, cut at these places and where a segment is full."""
    edges = sorted({0, len(data), *cuts})
    for begin, end in zip(edges, edges[1:]):
        for at in range(begin, end, most):
            yield at, data[at:min(at + most, end)]


def talk(h, data, cuts=(), limit=0):
    """Open a flow, send this in order, and wait for its end."""
    flow = connect(h)
    h.limits[flow.sport] = limit
    for at, piece in pieces(data, cuts):
        flow.send(at, piece)
    insist(flow, at, piece)
    return flow


def insist(flow, at, piece):
    """Retransmit the last segments, as TCP would, until the flow has ended. (A busy box is slow.)"""
    for pause in (0.05, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4):
        if ended(flow, pause):
            return
        flow.send(at, piece)
    ended(flow, 10)


def ended(flow, timeout):
    """Reset, or answered."""
    return flow.card.wait(flow.sport, lambda p: p.flags & 4 or p.payload, timeout)


def _ends(h):
    alive = [f for f in h.flows if not f.reset()]
    return "0 of them not reset", f"{len(alive)} of them not reset"


reset = ("its flows at the PC", _ends)
