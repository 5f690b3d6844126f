"""The box's serial ports as the lab sees them: console, LEDs, and the lab agent of the lab image."""

import json
import re
import socket
import threading
import time


CONNECT_LIMIT = 60     # seconds


def connect(path, limit=CONNECT_LIMIT):
    """A connection to the unix socket at path. The file exists a moment before anybody listens, so retry."""
    end = time.monotonic() + limit
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except (ConnectionRefusedError, FileNotFoundError):
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


class Line:
    """A serial port on a unix socket: reads everything into memory, in its own thread."""

    def __init__(self, path, log=None):
        self.socket = connect(path)
        # Not QEMU's `logfile`, which repeats data when the reader is too slow.
        self.log = open(log, "ab", buffering=0) if log else None
        self.data = bytearray()
        self.changed = threading.Condition()
        self.closed = False
        self.watchers = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                block = self.socket.recv(65536)
            except OSError:
                block = b""
            if self.log and block:
                self.log.write(block)
            with self.changed:
                self.data += block
                self.closed = not block
                for w in self.watchers if block else []:
                    w(block)
                self.changed.notify_all()
            if not block:
                return

    def send(self, text):
        try:
            self.socket.sendall(text.encode())
        except OSError:
            pass

    def wait(self, pattern, start, timeout):
        """Position behind the first match of a bytes pattern at or after start; None on a time-out or at the end of the connection."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                found = re.compile(pattern).search(self.data, start)
                if found:
                    return found.end()
                rest = end - time.monotonic()
                if self.closed or rest <= 0:
                    return None
                self.changed.wait(rest)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Console(Line):
    """The person at the box's console. Knows only the prompt."""

    PROMPT = rb"(?:^|\n|\r)sekisho> "

    def __init__(self, path, log=None):
        super().__init__(path, log)
        self.lock = threading.Lock()

    def up(self, timeout):
        """Wait for the first prompt."""
        return self.wait(self.PROMPT, 0, timeout) is not None

    def command(self, text, timeout=90):
        """Type a command; returns its answer as text, '' on a time-out."""
        with self.lock:
            start = len(self.data)
            self.send(text + "\r")
            at = self.wait(self.PROMPT, start, timeout)
            if at is None:
                return ""
            answer = self.data[start:at].decode(errors="replace").replace("\r", "")
        lines = answer.split("\n")
        if lines and text in lines[0]:
            lines = lines[1:]
        return "\n".join(line for line in lines if line != "sekisho> ").strip("\n")

    def object(self, text, timeout=90):
        """Type a command with --json; the parsed answer, or None."""
        for line in self.command(text + " --json", timeout).split("\n"):
            if line[:1] in ("{", "["):
                try:
                    return json.loads(line)
                except ValueError:
                    return None
        return None


class Leds(Line):
    """Lines `NAME BRIGHTNESS`; keeps the present state and the whole history."""

    def __init__(self, path):
        super().__init__(path)
        self.history = []        # (time, name, brightness)
        self.rest = b""
        with self.changed:
            self.watchers.append(self._take)
            self._take(bytes(self.data))

    def _take(self, block):
        *lines, self.rest = (self.rest + block).split(b"\n")
        for line in lines:
            words = line.split()
            if len(words) == 2 and words[1].isdigit():
                self.history.append((time.monotonic(), words[0].decode(), int(words[1])))

    def now(self):
        """{name: brightness}, the last values."""
        with self.changed:
            return {name: value for _, name, value in self.history}

    def shows(self, name, seconds=2.2):
        """'on', 'off' or 'blinking', from the last seconds."""
        begin = time.monotonic() - seconds
        with self.changed:
            mine = [(when, value) for when, n, value in self.history if n == name]
        if sum(when >= begin for when, _ in mine) >= 2:
            return "blinking"
        return "on" if mine and mine[-1][1] else "off"


class Agent(Line):
    """Runs commands as root on the lab image. The shipped image has no agent and never answers."""

    def __init__(self, path):
        super().__init__(path)
        self.lock = threading.Lock()

    def up(self, timeout):
        return self.wait(rb"#agent ready", 0, timeout) is not None

    def run(self, command, timeout=90):
        """(exit status, output); status None: no answer."""
        with self.lock:
            start = len(self.data)
            self.send(command + "\n")
            at = self.wait(rb"#rc \d+\r?\n", start, timeout)
            if at is None:
                return None, ""
            answer = bytes(self.data[start:at]).decode(errors="replace")
        output, _, status = answer.rpartition("#rc ")
        return int(status), output
