"""The leak counter's TLS probes: real ClientHellos over real connections of the PC, each with a number in it.

They go to the TLS port of a listed address, so the packet filter lets the handshake of TCP pass in a session; what decides is
`sni`, which reads the name. With a listed name the hello may come out behind the hub; any other may not come out anywhere.
"""

import random
import socket
import ssl
import struct
import threading
import time

import leak_kinds
import net
import topology as t

FIRST = 7_000_000        # their numbers, far above those of the other probes
KIND = 60                # the first of their kinds
MAGIC = "735081907263"   # probe.h
CONNECT, WAIT = 0.2, 0.6  # seconds for a connection, and for the server's first word

# (what, name, listed, how it is sent). `{}` is the number itself, as a name. The listed name is the one whose answer began the
# session: the box agrees only to names that were asked for in the session that is on.
SORTS = [
    ("ClientHello, listed name", None, True, "whole"),
    ("ClientHello, name of another site behind the hub", t.UNLISTED_NAME, False, "whole"),
    ("ClientHello, listed name, in small pieces", None, True, "pieces"),
    ("ClientHello, a name of the internet", "{}.example", False, "whole"),
    ("ClientHello, no name", None, False, "whole"),
    ("ClientHello, name not listed, in small pieces", t.UNLISTED_NAME, False, "pieces"),
    ("no TLS at all on the TLS port", None, False, "plain"),
]


def tag(sort, number):
    return f"{MAGIC}{KIND + sort:02d}{number:020d}"


def client_hello(sort, number, listed_name):
    """The bytes: OpenSSL's own ClientHello (with its post-quantum key share), the number as a protocol that nobody knows."""
    _, name, listed, how = SORTS[sort]
    name = listed_name if listed else name
    if how == "plain":
        return f"GET /{tag(sort, number)} HTTP/1.1\r\n\r\n".encode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1", tag(sort, number)])
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name and name.format(tag(sort, number)))
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Hellos:
    """One connection after another, in a thread of its own, until it is stopped."""

    def __init__(self, seed, after, before, asked):
        self.random, self.after, self.before, self.asked = random.Random(seed), after, before, asked
        self.tries = []          # (sort, number of other probes before it, and behind it, how it ended) at index NUMBER - FIRST
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.over.set()
        self.thread.join(10)

    def _run(self):
        while not self.over.is_set():
            number = FIRST + len(self.tries)
            sort = self.random.randrange(len(SORTS))
            begin = self.after()             # before the name is chosen: a session that began since may have another
            hello = client_hello(sort, number, self.asked())
            answered = self._one(hello, SORTS[sort][3])
            self.tries.append((sort, begin, self.before(), answered))

    def _one(self, hello, how):
        """"answered" by a TLS server, or what came instead."""
        with net.inside("lan"):
            s = socket.socket()
        with s:
            # What was not acknowledged is not sent again and again after the end.
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.settimeout(CONNECT)
            try:
                s.connect((leak_kinds.ECHO, 443))
                s.settimeout(WAIT)
                for piece in self._pieces(hello) if how == "pieces" else [hello]:
                    s.sendall(piece)
                    time.sleep(0.002)
                answer = s.recv(1)
                return "answered" if answer == b"\x16" else f"closed with {answer}"
            except OSError as e:
                self.over.wait(0.02)
                return str(e)

    def _pieces(self, hello):
        """Cut anywhere but in the number: the counters would not know it again."""
        number = hello.find(MAGIC.encode())
        at = 0
        while at < len(hello):
            end = at + self.random.randrange(1, 400)
            if number < end < number + 40:
                end = number + 40
            yield hello[at:end]
            at = end

    def rows(self, line, behind, opened, first, last):
        """[(what, sent, should, did, edge, should not, leaked)] of each sort. line, behind: a byte a number;
        opened(a, b): the session was on for certain, undisturbed, from other probe a to b; first, last: indices."""
        rows = [[what, 0, 0, 0, 0, 0, 0] for what, *_ in SORTS]
        for i in range(first, last):
            sort, begin, end, answered = self.tries[i]
            row, listed = rows[sort], SORTS[sort][2]
            row[1] += 1
            in_clear, came = line[FIRST + i] != 0, behind[FIRST + i]
            if in_clear or came & 1 or (came and not listed):
                row[6] += 1
            row[5] += not listed
            if listed and opened(begin, end):
                row[2] += 1
                row[3] += answered == "answered"
            elif listed:
                row[4] += came != 0
        return rows

    def lost(self, opened, first, last):
        """What each one was, and how it ended, that had to be answered and was not."""
        return [f"{SORTS[sort][0]}: {how}" for sort, begin, end, how in self.tries[first:last]
                if SORTS[sort][2] and how != "answered" and opened(begin, end)]
