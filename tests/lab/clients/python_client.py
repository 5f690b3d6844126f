"""A Python program at the PC: python_client.py NAME TLS12_PORT CAFILE; prints one line of JSON."""

import hashlib
import http.client
import json
import socket
import ssl
import sys
import warnings

import requests

name, tls12_port, authority = sys.argv[1], int(sys.argv[2]), sys.argv[3]
out = {}


def context(version=None):
    c = ssl.create_default_context(cafile=authority)
    if version:
        c.maximum_version = version
    return c


def keep_alive():
    connection = http.client.HTTPSConnection(name, context=context(), timeout=30)
    for _ in range(5):
        connection.request("GET", "/tell")
        answer = connection.getresponse().read().decode().strip()
    return f"{answer}, 5 on one connection"


def tls12(port):
    connection = http.client.HTTPSConnection(name, port, context=context(ssl.TLSVersion.TLSv1_2), timeout=30)
    connection.request("GET", "/tell")
    return connection.getresponse().read().decode().strip()


def resumed(version):
    c, session, seen = context(version), None, []
    for _ in range(3):
        with socket.create_connection((name, 443), timeout=30) as plain:
            with c.wrap_socket(plain, server_hostname=name, session=session) as tls:
                tls.sendall(f"GET /tell HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                tls.recv(4096)
                seen.append("resumed" if tls.session_reused else "full")
                session, spoken = tls.session, tls.version()
    return f"{spoken} {' '.join(seen)}"


def by_requests():
    with requests.Session() as s:
        s.verify = authority
        body = s.get(f"https://{name}/large", timeout=60).content
    return f"{len(body)} {hashlib.sha256(body).hexdigest()[:16]}"


warnings.simplefilter("ignore")
for what, ask in (("keep_alive", keep_alive), ("tls12_port", lambda: tls12(tls12_port)), ("tls12", lambda: tls12(443)),
                  ("resume13", lambda: resumed(None)), ("resume12", lambda: resumed(ssl.TLSVersion.TLSv1_2)),
                  ("requests", by_requests)):
    try:
        out[what] = ask()
    except Exception as e:
        out[what] = f"{type(e).__name__}: {e}"
print(json.dumps(out))
