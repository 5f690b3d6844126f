"""The PC in the LAN: ordinary programs in the namespace `lan`, and their results."""

import errno
import os
import re
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass

import net
import pki
import topology as t

NS = "lan"
DHCP_SCRIPT = """#!/bin/sh
case $1 in
bound|renew)
	ip -4 addr flush dev $interface
	ip addr add $ip/$mask dev $interface
	[ -z "$router" ] || ip route replace default via ${router%% *} dev $interface
	{ for d in $dns; do echo "nameserver $d"; done; echo "options timeout:20 attempts:1"; } >"$RESULT.resolv"
	# Written in place: the file is bound over /etc/resolv.conf for every program of this namespace.
	cat "$RESULT.resolv" >"$RESOLV"
	echo "$ip ${router%% *} $dns" >"$RESULT" ;;
esac
"""


@dataclass
class Page:
    """The result of curl."""
    status: int          # HTTP status; 0: none
    body: str
    error: str           # curl's error text; "" if it got a page
    seconds: float
    address: str         # the address it was connected to

    def __str__(self):
        return f"page {self.status} from {self.address}" if self.status else f"no page ({self.error})"


@dataclass
class Answer:
    """The answer of a DNS server."""
    status: str          # NOERROR, REFUSED, SERVFAIL ...; "": no answer
    addresses: list
    ttl: int
    note: str            # Extended DNS Error (RFC 8914)
    seconds: float
    text: str

    def __str__(self):
        if not self.status:
            return "no answer"
        return " ".join(filter(None, [self.status, " ".join(self.addresses), f"[{self.note}]" if self.note else ""]))


def connected(s):
    """After connect() or SO_ERROR said that all is well: is there a connection?

    An ICMP error wakes who waits for a connection before SO_ERROR has it: the kernel (tcp_v4_err) queues the packet first and
    sets the error then, and whoever looks in between sees no error. getpeername() waits until the kernel is done. (A
    connection that was reset since then was there.)
    """
    try:
        s.getpeername()
        return True
    except OSError:
        return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


class Pc:
    def __init__(self, folder):
        self.folder = os.path.abspath(f"{folder}/pc")
        os.makedirs(self.folder, exist_ok=True)
        os.makedirs(f"/etc/netns/{NS}", exist_ok=True)
        self.resolv = f"/etc/netns/{NS}/resolv.conf"
        open(self.resolv, "a").close()
        script = f"{self.folder}/dhcp.sh"
        with open(script, "w") as f:
            f.write(DHCP_SCRIPT)
        os.chmod(script, 0o755)
        self.address = self.router = ""

    def dhcp(self, timeout=20):
        """Ask for an address, as when the cable is plugged in. The address, or ''."""
        result = f"{self.folder}/lease"
        if os.path.exists(result):
            os.unlink(result)
        net.run(NS, ["busybox", "udhcpc", "-i", "pc0", "-f", "-n", "-q", "-t", str(timeout), "-T", "1", "-s",
                     f"{self.folder}/dhcp.sh"], timeout=timeout + 5,
                env=dict(os.environ, RESULT=result, RESOLV=self.resolv))
        if not os.path.exists(result):
            return ""
        with open(result) as f:
            words = f.read().split()
        self.address, self.router = words[0], words[1]
        return self.address

    def fixed(self, address="192.168.77.50"):
        """A manually configured address."""
        net.ip("-4", "addr", "flush", "dev", "pc0", ns=NS)
        net.ip("addr", "add", address + "/24", "dev", "pc0", ns=NS)
        net.ip("route", "replace", "default", "via", t.BOX_LAN, ns=NS)
        with open(self.resolv, "w") as f:
            f.write(f"nameserver {t.BOX_LAN}\noptions timeout:20 attempts:1\n")
        self.address, self.router = address, t.BOX_LAN

    def become(self, address, mac):
        """Another PC at the same socket: its MAC address and its IP address, both set manually."""
        net.ip("link", "set", "pc0", "address", mac, ns=NS)
        net.ip("neigh", "flush", "dev", "pc0", ns=NS)
        self.fixed(address)
        self.ping(t.BOX_LAN, 1, 1)  # the box learns where the address is now

    def ipv6(self):
        """Configure an IPv6 address, and the box as the router, regardless of whether it is one."""
        net.ip("-6", "addr", "replace", t.PC6 + "/64", "dev", "pc0", ns=NS)
        net.ip("-6", "route", "replace", "default", "via", t.BOX_LAN6, "dev", "pc0", ns=NS)

    def curl(self, url, *more, timeout=20, connect_to=None):
        """Fetch a page. connect_to: connect to this address instead of resolving the name."""
        command = ["curl", "-sS", "-m", str(timeout), "--noproxy", "*", "--cacert", pki.path("web.crt"),
                   "-w", "\n%{http_code} %{remote_ip}", *more]
        if connect_to:
            command += ["--connect-to", f"::[{connect_to}]:" if ":" in connect_to else f"::{connect_to}:"]
        begin = time.monotonic()
        done = net.run(NS, command + [url], timeout=timeout + 5)
        seconds = time.monotonic() - begin
        body, _, tail = done.stdout.rpartition("\n")
        words = tail.split()
        status = int(words[0]) if words and words[0].isdigit() else 0
        error = re.sub(r"^curl: \(\d+\) ", "", done.stderr.strip()) if done.returncode else ""
        return Page(status if not error else 0, body, error, seconds, words[1] if len(words) > 1 else "")

    def dns(self, name, kind="A", server=None, timeout=25, tcp=False):
        """Resolve a name with the box, or with another server."""
        begin = time.monotonic()
        done = net.run(NS, ["dig", "+tries=1", f"+timeout={timeout}", "+nocookie", *(["+tcp"] if tcp else []),
                            f"@{server or t.BOX_LAN}", name, kind], timeout=timeout + 5)
        seconds = time.monotonic() - begin
        text = done.stdout
        status = re.search(r"status: (\w+)", text)
        note = re.search(r"EDE: (.*)", text)
        records = re.findall(r"^[^;\s]\S*\s+(\d+)\s+IN\s+(?:A|AAAA)\s+(\S+)$", text, re.M)
        return Answer(status[1] if status else "", [r[1] for r in records], int(records[0][0]) if records else 0,
                      note[1].strip() if note else "", seconds, text)

    def tcp(self, address, port, timeout=2.0):
        """'open', 'refused', 'unreachable' or 'silent'."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with net.inside(NS):
            s = socket.socket(family)
        with s:
            s.settimeout(timeout)
            try:
                s.connect((address, port))
                return "open" if connected(s) else "unreachable"
            except ConnectionRefusedError:
                return "refused"
            except TimeoutError:
                return "silent"
            except OSError:
                return "unreachable"

    def scan(self, address, ports, timeout=4, ns=NS, surely=()):
        """The open TCP ports, all probed at once; the time is enough for two retransmissions of a lost SYN.

        surely: ports whose answer is waited for longer than that, on a busy machine.
        """
        open_ports = []
        waiting = selectors.DefaultSelector()
        with net.inside(ns):
            for port in ports:
                s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
                s.setblocking(False)
                error = s.connect_ex((address, port))
                if error in (0, errno.EINPROGRESS):
                    waiting.register(s, selectors.EVENT_WRITE, port)
                else:
                    s.close()
        begin = time.monotonic()
        while waiting.get_map():
            rest = begin + (timeout if set(surely) <= set(open_ports) else 90) - time.monotonic()
            if rest <= 0:
                break
            for key, _ in waiting.select(min(1, rest)):
                if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and connected(key.fileobj):
                    open_ports.append(key.data)
                waiting.unregister(key.fileobj)
                key.fileobj.close()
        for key in list(waiting.get_map().values()):
            key.fileobj.close()
        waiting.close()
        return sorted(open_ports)

    def udp(self, address, port, payload=b"\0" * 32, timeout=0.5):
        """Send a datagram; 'answer', 'refused' or 'silent'."""
        with net.inside(NS):
            s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.settimeout(timeout)
            try:
                s.connect((address, port))
                s.send(payload)
                s.recv(2000)
                return "answer"
            except TimeoutError:
                return "silent"
            except OSError:
                return "refused"

    def ping(self, address, count=1, timeout=2):
        done = net.run(NS, ["ping", "-n", "-q", "-c", str(count), "-W", str(timeout), address], timeout=count + timeout + 3)
        return done.returncode == 0

    @staticmethod
    def tls():
        """For hold(): a TLS client that trusts the lab's web CA."""
        return ssl.create_default_context(cafile=pki.path("web.crt"))

    def hold(self, address, host, port=80, every=0.1, tls=None, patience=3):
        return Held(address, host, port, every, tls, patience)


class Held:
    """A connection that is kept busy: a request ten times a second, and when the last one was answered.

    tls: the ssl.SSLContext of a client that speaks TLS. patience: seconds without an answer after which it gives up.
    """

    def __init__(self, address, host, port, every, tls, patience):
        self.last = None           # time.monotonic() of the last answer
        self.gap = 0.0             # the longest between two
        self.ended = None          # when it was found dead, and how
        self.how = ""
        self.answers = 0
        self.stop = threading.Event()
        self.every = every
        with net.inside(NS):
            self.socket = socket.socket()
        self.socket.settimeout(patience)
        self.socket.connect((address, port))
        self.port = self.socket.getsockname()[1]      # the PC's own
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while not self.stop.is_set():
                self.socket.sendall(self.request)
                if not self.socket.recv(4096):
                    raise ConnectionError("closed by the other side")
                now = time.monotonic()
                self.gap, self.last = max(self.gap, now - (self.last or now)), now
                self.answers += 1
                time.sleep(self.every)
        except OSError as e:
            self.ended, self.how = time.monotonic(), str(e)

    def alive(self, seconds=1.0):
        """Was there an answer within the last seconds?"""
        return self.last is not None and time.monotonic() - self.last < seconds

    def silence(self):
        """Its longest silence since this was asked last."""
        seen, self.gap = max(self.gap, time.monotonic() - (self.last or time.monotonic())), 0.0
        return seen

    def close(self):
        self.stop.set()
        self.socket.close()
