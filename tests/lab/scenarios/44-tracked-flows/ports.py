"""Reuses the ports of a live TLS flow that the server has forgotten but connection tracking has not."""

import os
import socket
import time

import rawframes
import net
import pc
import topology as t
from clienthello import of_openssl

OTHER = "evil.other.example"
AGAIN = 60          # seconds: a PC that tries again has got through by then (the entry is kept for ten)


def connect(lab, port, timeout):
    with net.inside(pc.NS):
        s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((lab.pc.address, port))
    s.settimeout(timeout)
    try:
        s.connect((t.REGISTRY, 443))
    except OSError:
        s.close()
        raise
    return s


def say(s, name):
    """The answer to a ClientHello with this name."""
    try:
        s.sendall(of_openssl(name))
        got = s.recv(200)
        return "a ServerHello" if got[:1] == b"\x16" else got.hex() or "the end"
    except ConnectionResetError:
        return "a reset"
    except OSError as e:
        return e.__class__.__name__


def until_the_server_resets(s):
    """A record that cannot be right, and more than the server will have read when it sees that."""
    try:
        s.sendall(b"\x17\x03\x03\x00\x20" + os.urandom(12032))
        while s.recv(65536):
            pass
    except OSError:
        pass
    s.close()


def ordinary(lab, port, name, timeout):
    """An unprivileged program: a listed name, the server's reset, the same port again with this name."""
    s = connect(lab, port, AGAIN)
    first = say(s, t.REGISTRY_NAME)
    if first != "a ServerHello":
        return f"at first {first}"
    until_the_server_resets(s)
    try:
        s = connect(lab, port, timeout)
    except OSError as e:
        return "not opened" if isinstance(e, TimeoutError) else e.__class__.__name__
    seen = say(s, name)
    s.close()
    return seen


def live(lan, lab):
    """A live flow in user space: (flow, octets sent)."""
    flow = rawframes.Flow(lan, lab.pc.address, t.REGISTRY, 443, int.from_bytes(os.urandom(4), "big"), 0x5E01)
    good = of_openssl(t.REGISTRY_NAME)
    if not flow.open():
        raise RuntimeError("no handshake")
    for at in range(0, len(good), 1200):
        flow.send(at, good[at:at + 1200])
    if flow.answered(10)[:1] != b"\x16":
        raise RuntimeError("no ServerHello")
    return flow, len(good)


def reset_beside(lan, lab):
    """The PC's own reset, at a place that the server takes and connection tracking does not count; then another name."""
    flow, end = live(lan, lab)
    time.sleep(0.3)
    frames = [lan.frame(p) for p in (flow.segment(end, b"\x17\x03\x03\x40\x00"),    # a part of a record: the server waits
                                     flow.segment(end - 1, flags="A"),              # an older place
                                     flow.segment(end + 5, flags="R"))]
    for f in frames:
        lan.socket.send(bytes(f))
    time.sleep(1.0)
    lan.heard.pop(flow.sport, None)
    new = rawframes.Flow(lan, lab.pc.address, t.REGISTRY, 443, (flow.first + 0x4000) & 0xFFFFFFFF, flow.window, sport=flow.sport)
    if not new.open(timeout=3.0):
        return "not opened"
    other = of_openssl(OTHER)
    for at in range(0, len(other), 1200):
        new.send(at, other[at:at + 1200])
    return "a ServerHello" if new.answered(4)[:1] == b"\x16" else "refused"
