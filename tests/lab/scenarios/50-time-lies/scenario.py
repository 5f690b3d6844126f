import os
import signal
import socket
import struct
import time

import netns
import checks
import net
import topology as t
from box import pick


class Liar:
    """Answers NTP as if it were `when` (UNIX time), or so many seconds ahead."""

    def __init__(self, when=None, ahead=0):
        self.pid = os.fork()
        if self.pid:
            return
        try:
            netns.die_with_parent()
            with net.inside("wan"):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((t.ISP, 123))
            start = time.monotonic()
            while True:
                q, whence = s.recvfrom(200)
                now = (when + time.monotonic() - start if when else time.time() + ahead) + 2208988800
                stamp = struct.pack(">II", int(now) & 0xFFFFFFFF, int((now % 1) * 2**32))
                s.sendto(bytes([0x24, 2, q[2], 0xEC]) + struct.pack(">II", 0x100, 0x100) + b"\x7f\x7f\1\1" + stamp +
                         q[40:48] + stamp + stamp, whence)
        finally:
            os._exit(0)

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def clock(lab):
    return int(lab.box.root("date +%s").strip())


def astray(lab):
    """Seconds that the box's clock is wrong, whatever time it took to ask."""
    before = time.time()
    seen = clock(lab)
    return min(0, seen + 1 - before) or max(0, seen - time.time())


def lie(lab, what, when, words):
    liar = Liar(when)
    lab.status_says(f"{what}: the status says it", *words)
    status = lab.box.status()
    lab.check(f"{what}: trusted", "no", pick(status, "clock.trusted"))
    built, now = int(lab.box.root("cat /etc/sekisho/build-time")), clock(lab)
    saved = lab.box.root("cat /state/clock").strip()
    lab.check(f"{what}: the clock", "near the floor", now, built <= now < built + 1e7)
    lab.check(f"{what}: saved for the next start", "nothing", saved or "nothing", not saved)
    liar.stop()


def right(lab, what, timeout=240):
    lab.eventually(f"{what}: the clock is right within a second", "yes",
                   lambda: "yes" if abs(wrong := astray(lab)) < 1 else f"{wrong:+.0f} s", timeout)


def run(lab):
    lab.up(without=("ntp",))
    lab.boot(lab.site(), lab_image=True)
    lie(lab, "2001", 1_000_000_000, ("2001-09-09", "for certain"))
    lie(lab, "2099", 4_070_908_800, ("2099-01-01", "nobody else confirms"))
    lab.ntp.start()
    checks.enrolled(lab, dhcp=False)
    right(lab, "an honest server")
    lab.ntp.stop()
    # In force: a certificate, and a time that is known. A lie after its end, and one that would be possible.
    lab.box.root("kill $(pidof clock)")   # asks at once then, instead of after minutes
    lie_after = Liar(4_070_908_800)
    lab.status_says("2099 beside a certificate: the status says it", "2099-01-01", "end of the box's certificate")
    right(lab, "2099 beside a certificate", 5)
    lie_after.stop()
    lab.ntp.start()
    lab.eventually("an honest server again: trusted", "yes", lambda: lab.box.get("clock.trusted"))
    checks.session(lab)
    lab.log_says("the audit log names the lies", "clock.refused", "2099-01-01")
