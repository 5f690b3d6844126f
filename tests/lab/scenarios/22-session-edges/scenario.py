import fcntl
import socket
import struct
import termios
import threading
import time

import checks
import net
import servers
import topology as t

GROUP = "lab-image"

URL = f"https://{t.REGISTRY_NAME}/"
EVERY = 0.005
LONGEST = 2048      # bytes of a frame that the capture keeps
PATIENCE = 12       # longer than a query may wait for a tunnel
TRIES = 4


class Probes:
    """Datagrams and connection attempts to addresses behind the hub and elsewhere, continuously, from the start on."""

    TARGETS = [(t.REGISTRY, 443), (t.REGISTRY, 8443), (t.UNLISTED, 443), (t.INNER_DNS, 5353), (t.HUB_INNER, 500), (t.DECOY, 443)]

    def __init__(self):
        self.sent, self.every, self.stop = 0, EVERY, threading.Event()
        with net.inside("lan"):
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setblocking(False)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        opened = []
        while not self.stop.wait(self.every):
            place = self.TARGETS[self.sent % len(self.TARGETS)]
            try:
                self.udp.sendto(b"probe %d" % self.sent, place)
            except OSError:
                pass  # refused by an earlier one's answer: the next is sent all the same
            if self.sent % 4 == 0:
                with net.inside("lan"):
                    opened.append(socket.socket())
                opened[-1].setblocking(False)
                opened[-1].connect_ex(place)
            while len(opened) > 20:
                opened.pop(0).close()
            self.sent += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def again(lab, what, timeout=240):
    """An attempt may have started before the transition and fail (see waiting), but not for long. Returns how long it took."""
    begin = time.monotonic()
    lab.eventually(f"{what}: the registry again", True, lambda: servers.MARKER in lab.pc.curl(URL, timeout=PATIENCE).body, timeout)
    return time.monotonic() - begin


def others(lab, before):
    now = lab.hub.spis()
    return bool(now) and not set(now) & set(before)


def authentication(lab):
    """The hub requests reauthentication after exactly 40 s; the box starts it 30 s before that."""
    for more in range(0, 20 * TRIES, 20):
        lab.box.cli("session end")
        lab.eventually("before the next authentication: tunnels at the hub", 0, lab.hub.installed)
        made = lab.hub.established()
        lab.hub.authenticate_every(40 + more)
        raised = again(lab, "a session whose authentication has an end")
        lab.hub.authenticate_every(0)
        transfer, before = checks.Transfer(lab, raised), lab.hub.spis()
        if lab.hub.established() == made + 1:
            break
        transfer.close()       # on so slow a machine the first is over before the transfer has begun
    lab.eventually("re-authentication: other SAs carry the traffic", True, lambda: others(lab, before))
    time.sleep(1)
    transfer.unbroken("re-authentication", limit=4)
    lab.eventually("re-authentication: tunnels at the hub", 1, lab.hub.installed)
    return transfer


def new_keys(lab, transfer):
    """The hub starts each of them; afterwards new SAs carry the traffic."""
    for what, words in (("child", "CHILD re-key"), ("ike", "IKE re-key")):
        before = lab.hub.spis()
        lab.check(f"{words}, begun at the hub", True, lab.hub.rekey(what))
        if what == "child":
            lab.eventually(f"{words}: other SAs carry the traffic", True, lambda b=before: others(lab, b))
        time.sleep(1)
        transfer.unbroken(words)
        lab.eventually(f"{words}: tunnels at the hub", 1, lab.hub.installed)


def short_breaks(lab, transfer):
    lab.box.root("kill -STOP $(pidof charon)")
    before = transfer.held.answers
    time.sleep(3)
    meanwhile = transfer.held.answers - before
    lab.box.root("kill -CONT $(pidof charon)")
    lab.check("charon stands still for 3 s: answers meanwhile", "some", meanwhile, meanwhile > 0)
    transfer.unbroken("charon stands still for 3 s")
    lab.box.cable("wan", False)
    time.sleep(2)
    lab.box.cable("wan", True)
    transfer.unbroken("the WAN cable out for 2 s", limit=12)


def other_address(lab):
    """The uplink gets another address: the session ends, the next query brings up a new tunnel from there."""
    lab.isp.move(200, 250)
    lab.box.cable("wan", False)
    lab.eventually("the cable is out", "down", lambda: lab.box.get("wan.link"))
    lab.box.cable("wan", True)
    # By its number: while the cable is out there is no address at all, and for a moment afterwards the old one.
    lab.eventually("another address on the line", True,
                   lambda: int((lab.box.get("wan.address") or "0").rpartition(".")[2]) >= 200)
    lab.log_says("the log says why the session has ended", "session.end", "new address")
    again(lab, "another address on the line")


def hub_restarts(lab):
    """An orderly restart, with deletes. (Scenario two-tunnels has a hub that dies silently.)"""
    lab.hub.restart()
    again(lab, "the hub has restarted")


def waiting(lab):
    """A client that has sent its request and waits for the registry's answer: the next packet is the registry's."""
    with net.inside("lan"):
        plain = socket.create_connection((t.REGISTRY, 443), 60)
    client = lab.pc.tls().wrap_socket(plain, server_hostname=t.REGISTRY_NAME)
    client.sendall(f"GET / HTTP/1.1\r\nHost: {t.REGISTRY_NAME}\r\n".encode())
    lab.eventually("a client has said all it had to say: octets that nobody has acknowledged", 0,
                   lambda: not_acknowledged(client))
    return client


def not_acknowledged(client):
    return struct.unpack("i", fcntl.ioctl(client.fileno(), termios.TIOCOUTQ, bytes(4)))[0]


def hears(client, seconds):
    client.settimeout(seconds)
    try:
        return "something" if client.recv(100) else "the end"
    except TimeoutError:
        return "nothing"
    except OSError as e:
        return type(e).__name__


def charon_killed(lab):
    client = waiting(lab)
    lab.box.root("kill -9 $(pidof charon)")
    again(lab, "charon was killed")
    # The sequence number for a reset is unknown until it sends something.
    lab.check("a client that has waited for an answer since before that", "nothing", hears(client, 1))
    begin = time.monotonic()
    with lab.capture("lan", "pc0", f"tcp and port {client.getsockname()[1]}") as lan:
        try:
            client.sendall(b"\r\n")
            heard = hears(client, 60)
        except OSError as e:
            heard = type(e).__name__
    longest = max((seconds for seconds, _ in lan.waits(lab.pc.address)), default=99)
    lab.check(f"at its next word ({time.monotonic() - begin:.2f} s)", "ConnectionResetError, the box's reset within 5 s",
              f"{heard}, {longest:.2f} s", heard == "ConnectionResetError" and longest < 5)
    client.close()


def run(lab):
    lab.up()
    lab.boot(lab_image=True)
    lab.ready()
    with lab.capture(longest=LONGEST) as wire, Probes() as probes:
        time.sleep(1)
        raised = again(lab, "start")
        # Refusing hundreds of packets a second on a tenth of a processor leaves no time for IKE.
        probes.every = EVERY * min(10, max(1, raised / 3))
        transfer = checks.Transfer(lab, raised)
        new_keys(lab, transfer)
        transfer.close()
        transfer = authentication(lab)
        short_breaks(lab, transfer)
        transfer.close()
        other_address(lab)
        hub_restarts(lab)
        charon_killed(lab)
        lab.box.cli("session end")
        lab.eventually("end: tunnels at the hub", 0, lab.hub.installed)
        time.sleep(1)
    lab.check("probes sent meanwhile", "2000 or more", probes.sent, probes.sent >= 2000)
    lab.check("packets that the capture has lost", 0, wire.dropped)
    counts = wire.counts()
    lab.check("ESP on the line", "100 packets or more", counts["esp"] + counts["esp-in-udp"],
              counts["esp"] + counts["esp-in-udp"] >= 100)
    lab.check("packets with an inner address in clear, in all that time", [], wire.clear())
    lab.check("packets that show the registry", [], wire.marked())
    lab.check("packets of the box to others than hub, line, certificate server", [], wire.strangers())
