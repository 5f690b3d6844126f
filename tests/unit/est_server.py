"""An EST server that behaves like Apache and public CAs, for enroll_est_test.sh and the lab's `renew`:

    est_server.py ADDRESS PORT CERTIFICATE KEY [SUBJECT]     SUBJECT: of all certificates, as `openssl ca -subj` takes it

Runs in the folder of the CA (ca.cnf, ca.crt). Everything below /.well-known/est is redirected to /moved on the same server (307); the
client's certificate is requested only after the path has been read (post-handshake authentication). Below the labels `nowhere`,
`curt` and `mute` it omits parts: 307 without a Location, 401 without a WWW-Authenticate, 500 without a body. Below the labels of
ODD it answers the request with that, and below `circle`, `elsewhere`, `bye` and `half` it redirects the box in a loop, to another
server, or closes the connection, by TLS or without a word within the answer. Below `forget` it gives a certificate and does not
know it for renewal.
"""

import base64
import http.server
import os
import socket
import ssl
import subprocess
import sys
import tempfile

ADDRESS, PORT, CERTIFICATE, KEY = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
SUBJECT = ["-preserveDN", "-utf8", "-subj", sys.argv[5]] if len(sys.argv) > 5 else []


def openssl(*arguments):
    done = subprocess.run(("openssl", *arguments), capture_output=True)
    if done.returncode:
        print(done.stderr.decode(errors="replace"), flush=True)
    return done.stdout


def pkcs7(path):
    return base64.encodebytes(openssl("crl2pkcs7", "-nocrl", "-certfile", path, "-outform", "DER"))


def issue(body):
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/csr.der", "wb") as f:
            f.write(base64.b64decode(body))
        openssl("req", "-inform", "DER", "-in", d + "/csr.der", "-out", d + "/csr.pem")
        openssl("ca", "-config", "ca.cnf", "-batch", "-notext", "-in", d + "/csr.pem", "-out", d + "/crt.pem",
                *SUBJECT)
        return pkcs7(d + "/crt.pem") if os.path.exists(d + "/crt.pem") else None


ODD = {"html": (200, b"<html>Welcome</html>", {}), "forbid": (403, b"not\r\nyou", {}), "later": (202, b"", {"Retry_After": "60"}),
       "digest": (401, b"", {"WWW_Authenticate": 'Digest realm="x"'}), "round": (307, b"", {"Location": "?"}),
       "elsewhere": (307, b"", {"Location": "https://other.example/est"})}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, fmt, *arguments):
        print(fmt % arguments, flush=True)

    def reply(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def moved(self):
        if self.path.startswith("/moved"):
            return False
        if "/nowhere/" in self.path:
            self.reply(307)
            return True
        self.reply(307, Location=f"https://{self.headers['Host']}/moved{self.path}" if "enroll" in self.path else f"/moved{self.path}")
        return True

    def certs(self, body):
        self.reply(200 if body else 500, body or b"", Content_Type="application/pkcs7-mime; smime-type=certs-only",
                   Content_Transfer_Encoding="base64")

    def do_GET(self):
        if not self.moved():
            self.certs(pkcs7("ca.crt"))

    def client(self):
        self.connection.verify_client_post_handshake()
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")   # the question goes out with it
        self.connection.settimeout(5)
        for _ in range(10):
            try:
                self.connection.read(1)
            except (TimeoutError, ssl.SSLError, OSError):
                pass
            if self.connection.getpeercert():
                break
        return self.connection.getpeercert()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.moved():
            return
        if "/curt/" in self.path:
            return self.reply(401)
        if "/mute/" in self.path:
            return self.reply(500)
        label = self.path.split("/")[-2]
        if label == "bye":
            self.close_connection = True
            return self.connection.unwrap().close()
        if label == "half":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nMII")
            return self.connection.shutdown(socket.SHUT_RDWR)
        if label == "noise":
            self.close_connection = True
            return self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        if label in ("other-key", "other-ca"):
            with tempfile.TemporaryDirectory() as d:
                if label == "other-key":
                    return self.certs(pkcs7("ca.crt"))
                with open(d + "/csr.der", "wb") as f:
                    f.write(base64.b64decode(body))
                openssl("x509", "-req", "-inform", "DER", "-in", d + "/csr.der", "-CA", "public.crt", "-CAkey", "public.key",
                        "-CAcreateserial", "-days", "9", "-out", d + "/crt.pem")
                return self.certs(pkcs7(d + "/crt.pem"))
        if label in ODD:
            status, body, fields = ODD[label]
            fields = {k: v.replace("?", self.path) for k, v in fields.items()}
            return self.reply(status, body, **fields)
        if self.path.endswith("/simpleenroll"):
            if self.headers.get("Authorization") != "Basic " + base64.b64encode(b"estuser:estpwd").decode():
                return self.reply(401, WWW_Authenticate='Basic realm="sekisho"')
            return self.certs(issue(body))
        if label == "forget":
            return self.reply(401, WWW_Authenticate='Basic realm="sekisho"')
        peer = self.client()
        print(f"renewal by {peer and peer.get('subject')}", flush=True)
        if not peer:
            return self.reply(403, b"Forbidden: a client certificate is needed here\n")
        self.certs(issue(body))


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        sock, peer = self.socket.accept()
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(CERTIFICATE, KEY)
        ctx.load_verify_locations("ca.crt")
        ctx.verify_mode = ssl.CERT_OPTIONAL
        ctx.post_handshake_auth = True
        sock.settimeout(20)
        try:
            return ctx.wrap_socket(sock, server_side=True), peer
        except (ssl.SSLError, OSError) as e:
            print(f"handshake: {e}", flush=True)
            sock.close()
            raise OSError from e


Server((ADDRESS, PORT), Handler).serve_forever()
