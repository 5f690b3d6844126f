"""Endless bulk data over real TLS, in the manner of a registry's pages and uploads.

    bulk.py serve ADDRESS CERTIFICATE KEY         the registry: receives or sends as fast as possible
    bulk.py up|down ADDRESS NAME CA SECONDS       the PC: one connection; prints one line of JSON

The rate is the receiver's, without the first second: {"mbit": N, "bytes": N, "handshake_ms": N}
"""

import json
import queue
import socket
import ssl
import sys
import threading
import time

BLOCK = b"\0" * 262144
SKIP = 1.0          # seconds until the window is open
TURN = 1200         # octets: one packet, including TLS and IPsec


def give(connection, seconds):
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            connection.sendall(BLOCK)
    except OSError:
        pass


def take(connection):
    """Receive until the end: (bytes after the first second, their seconds)."""
    counted, begin, since, at = 0, None, None, None
    buffer = bytearray(262144)
    while True:
        try:
            n = connection.recv_into(buffer)
        except OSError:
            n = 0
        now = time.monotonic()
        if n == 0:
            return counted, (at - since) if since and at > since else 0
        begin = begin or now
        if since is not None:
            counted, at = counted + n, now
        elif now - begin >= SKIP:
            since = at = now


def receive(connection, size):
    """Exactly so many octets; fewer at the end of the connection."""
    got, buffer = 0, bytearray(size)
    while got < size:
        n = connection.recv_into(memoryview(buffer)[got:])
        if n == 0:
            break
        got += n
    return got


def answer_turns(connection):
    """Answer each request of the peer."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while receive(connection, TURN) == TURN:
        connection.sendall(b"\0" * TURN)


def read_line(connection):
    line = b""
    while not line.endswith(b"\n"):
        c = connection.recv(1)
        if not c:
            break
        line += c
    return line.decode().split()


def serve(address, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server((address, 443), backlog=64)

    results = queue.Queue()

    def one(plain):
        try:
            connection = context.wrap_socket(plain, server_side=True)
            direction, seconds = read_line(connection)
            if direction == "down":
                give(connection, float(seconds))
            elif direction == "turns":      # one packet there and one back (replay.py)
                answer_turns(connection)
            elif direction == "up":
                results.put(take(connection))
            else:
                connection.sendall("{} {}\n".format(*results.get(timeout=60)).encode())
            connection.close()
        except (OSError, ValueError, queue.Empty):
            pass
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def connect(address, name, ca):
    context = ssl.create_default_context(cafile=ca)
    plain = socket.create_connection((address, 443), timeout=30)
    begin = time.monotonic()
    connection = context.wrap_socket(plain, server_hostname=name)
    return connection, time.monotonic() - begin


def client(direction, address, name, ca, seconds):
    connection, handshake = connect(address, name, ca)
    connection.sendall(f"{direction} {seconds}\n".encode())
    if direction == "down":
        counted, took = take(connection)
    else:
        give(connection, float(seconds))
        connection.close()
        # Query the number received on a separate connection: the first may still be emptying its buffers.
        connection, _ = connect(address, name, ca)
        connection.sendall(b"result 0\n")
        counted, took = (float(x) for x in read_line(connection))
    print(json.dumps({"bytes": int(counted), "mbit": counted * 8 / took / 1e6 if took else 0,
                      "handshake_ms": handshake * 1e3}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    elif len(sys.argv) == 6 and sys.argv[1] in ("up", "down"):
        client(*sys.argv[1:])
    else:
        sys.exit(__doc__)
