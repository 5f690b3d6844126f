import socket
import ssl
import struct
import time

import net
import pc
import pcap
import pieces
import pki
import topology as t
from clienthello import of_openssl as hello

GROUP = "shipped"

ECH = 0xFE0D
RST = 4


def with_extension(data, kind, body):
    """The same ClientHello with one more extension at its end."""
    at = 9 + 34
    at += 1 + data[at]                                      # session id
    at += 2 + struct.unpack_from(">H", data, at)[0]         # cipher suites
    at += 1 + data[at]                                      # compression
    extra = struct.pack(">HH", kind, len(body)) + body
    (size,) = struct.unpack_from(">H", data, at)
    out = bytearray(data + extra)
    struct.pack_into(">H", out, at, size + len(extra))
    struct.pack_into(">H", out, 3, len(out) - 5)            # record
    out[6:9] = (len(out) - 9).to_bytes(3, "big")            # message
    return bytes(out)


def say(data, pieces=1, pause=0.0):
    """Send this to the registry's address; (answer, own port)."""
    with net.inside(pc.NS):
        s = socket.socket()
    s.settimeout(60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.connect((t.REGISTRY, 443))
    port = s.getsockname()[1]
    size = -(-len(data) // pieces)
    begin = time.monotonic()
    try:
        for at in range(0, len(data), size):
            s.sendall(data[at:at + size])
            time.sleep(pause)
        got = s.recv(16)
        seen = "a ServerHello" if got[:1] == b"\x16" else f"{got!r}"
    except ConnectionResetError:
        seen = "reset"
    except BrokenPipeError:
        seen = "reset"
    except TimeoutError:
        seen = "nothing"
    s.close()
    return seen, port, time.monotonic() - begin


def s_client(version, name, *more):
    """The negotiated version, and the page's first line."""
    done = net.run(pc.NS, ["openssl", "s_client", "-connect", f"{t.REGISTRY}:443", "-servername", name, version, *more, "-ign_eof",
                           "-CAfile", pki.path("web.crt"), "-verify_return_error", "-brief"],
                   text=f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n", timeout=60)
    lines = (done.stderr + "\n" + done.stdout).replace("\r", "").split("\n")
    seen = [next((line for line in lines if line.startswith(word)), "") for word in ("Protocol version", "HTTP/")]
    return ", ".join(seen) if all(seen) else " / ".join(lines)[-200:]


# How the server's octets arrive, the client's options, and the version. Each is an ordinary server behind a proxy.
ANSWERS = (
    ("octet by octet, TLS 1.3", {}, ("-tls1_3",)),
    ("octet by octet, TLS 1.2", {}, ("-tls1_2",)),
    ("octet by octet behind an alert that warns", {"before": pieces.WARNING}, ("-tls1_2",)),
    ("an alert that warns and the rest in one segment", {"before": pieces.WARNING, "octets": 0}, ("-tls1_2",)),
    ("octet by octet, every third lost at first, so in disorder", {"lost": 3}, ("-tls1_3",)),
    ("octet by octet, every seventh lost at first", {"lost": 7}, ("-tls1_2",)),
    ("octet by octet, and the server asks for another ClientHello", {},
     ("-tls1_3", "-groups", "brainpoolP256r1tls13:X25519")),
)


def answers(lab):
    """A server's answer is recognised in any segmentation, and the connection goes on."""
    for what, how, words in ANSWERS:
        version = "TLSv1.3" if "-tls1_3" in words else "TLSv1.2"
        with pieces.pieces("registry", t.REGISTRY, **how):
            seen = s_client(words[0], t.REGISTRY_NAME, *words[1:])
        lab.check(f"the answer {what}", f"Protocol version: {version}, HTTP/1.1 200 OK", seen)


def run(lab):
    lab.up()
    lab.boot()
    lab.ready()
    lab.session()

    for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        lab.check(f"openssl s_client {version} to the listed name", f"Protocol version: {name}, HTTP/1.1 200 OK",
                  s_client(version, t.REGISTRY_NAME))
    answers(lab)

    right, small = hello(t.REGISTRY_NAME), hello(t.REGISTRY_NAME, ssl.TLSVersion.TLSv1_2)
    wrong, wrong_small = hello("decoy.example"), hello("decoy.example", ssl.TLSVersion.TLSv1_2)
    old = bytearray(small)
    old[9:11] = b"\x03\x01"
    passes = (
        (f"a post-quantum hello of {len(right)} bytes", right, 1, 0.0),
        ("the same in three pieces, 100 ms between them", right, 3, 0.1),
        ("a TLS 1.2 hello byte by byte", small, len(small), 0.002),
    )
    refused = (
        ("a name that is not listed", wrong, 1, "why=not-listed", "name=decoy.example"),
        ("the same in 20 pieces", wrong, 20, "why=not-listed", "name=decoy.example"),
        ("the same byte by byte", wrong_small, len(wrong_small), "why=not-listed", "name=decoy.example"),
        ("a listed name that was not admitted for this address", hello(t.FORMS_NAME), 1, "why=wrong-name",
         f"name={t.FORMS_NAME}"),
        ("no name", hello(None), 1, "why=no-name", "name=-"),
        ("a hidden name (ECH) behind a listed one", with_extension(right, ECH, b"\0" * 32), 1, "why=ech",
         f"name={t.REGISTRY_NAME}"),
        ("plain HTTP on the TLS port", f"GET / HTTP/1.1\r\nHost: {t.REGISTRY_NAME}\r\n\r\n".encode(), 1, "why=not-tls",
         "client="),
        ("nothing newer than TLS 1.0", bytes(old), 1, "why=old-tls", "client="),
    )
    seen = {}
    with lab.capture("registry", "inner0", "tcp port 443") as behind:
        for what, data, pieces, pause in passes:
            seen[what] = say(data, pieces, pause)
        for what, data, pieces, *_ in refused:
            seen[what] = say(data, pieces, 0.002 if pieces > 1 else 0.0)
        time.sleep(1.0)
    flows = {}
    for p in behind.packets():
        if p.dst == t.REGISTRY and p.proto == pcap.TCP:
            octets, reset = flows.get(p.sport, (0, False))
            flows[p.sport] = octets + len(p.payload), reset or bool(p.flags & RST)

    for what, data, *_ in passes:
        answer, port, seconds = seen[what]
        lab.check(f"{what} ({seconds:.2f} s)", "a ServerHello", answer)
        octets = flows.get(port, (0, False))[0]
        lab.check(f"{what}: octets behind the tunnel", f"{len(data)} or more (repetitions)", octets, octets >= len(data))
    for what, data, pieces, *words in refused:
        answer, port, seconds = seen[what]
        lab.check(f"{what} ({seconds:.2f} s)", "reset", answer)
        octets, reset = flows.get(port, (-1, False))
        # A client that sends single octets waits for ACKs: octets before the name may be accepted, but no letter of it.
        most = data.index(b"decoy.example") if pieces == len(data) else 0
        lab.check(f"{what}: behind the tunnel", f"{'at most ' if most else ''}{most} octets, reset",
                  f"{octets} octets{', reset' if reset else ''}", 0 <= octets <= most and reset)
        if pieces == 1:
            lab.log_says(f"{what}: the log says it", "tls.refused", *words)

    lab.pc.dns(t.FORMS_NAME)
    lab.check("the other listed name, once it was asked for", "a ServerHello", say(hello(t.FORMS_NAME))[0])
    lab.eventually("refused TLS connections are counted", len(refused), lambda: lab.box.get("gate.blocked.tls", 0))
    text = lab.box.cli("log blocked -n 40")
    for words in ("the server name in the TLS connection is not on the list", "許可リストにありません", "decoy.example:443",
                  "names no server (no SNI)"):
        lab.check(f"`log blocked` says: {words}", "yes", "yes" if words in text else "no")
