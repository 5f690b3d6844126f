"""libreswan of Debian 13 as the hub: it needs ESP in the kernel, so it is a machine of its own, on Debian's cloud kernel.

It replaces the namespace `hub`: its interfaces are plugged into that namespace's two bridges, whose addresses it takes.
"""

import base64
import os
import re
import shutil
import subprocess
import time

import net
import pki
import ramdisk
import topology as t
from hubs.wish import Wish, certificates
from machine import Card, Machine

PACKAGES = "tests/lab/hubs/libreswan/packages"
MEMORY = 192
HERE = os.path.dirname(os.path.abspath(__file__))
LIB = "/usr/lib/x86_64-linux-gnu"
RECIPE = ramdisk.Recipe(
    f"{HERE}/libreswan",
    programs=["/usr/bin/ip", *(f"/usr/libexec/ipsec/{n}" for n in ("pluto", "whack", "addconn", "_updown", "_updown.xfrm")),
              f"{LIB}/libgcc_s.so.1",
              # Loaded by NSS by name.
              *(f"{LIB}/{n}" for n in ("libsoftokn3.so", "libsoftokn3.chk", "libfreebl3.so", "libfreebl3.chk",
                                       "libfreeblpriv3.so", "libfreeblpriv3.chk", "libnssckbi.so"))],
    applets=["sh", "mount", "mkdir", "cat", "echo", "sleep", "sed", "rm", "ln", "sysctl", "awk", "grep", "cut", "tr", "stty",
             "base64", "cp", "kill", "pidof", "tail", "head", "printf", "test", "touch", "expr"],
    files=[("ipsec", "/usr/sbin/ipsec", 0o755)],
    folders=["run/pluto", "var/log", "var/lib/ipsec", "etc/ipsec.d"])
PLUTO = "/usr/libexec/ipsec/pluto --config /etc/ipsec.conf --nofork --stderrlog --nssdir /etc/ipsec.d"
MACS = ("52:54:00:5e:00:10", "52:54:00:5e:00:11")


def _openssl_pkcs12(name, out):
    pki.openssl("pkcs12", "-export", "-inkey", pki.path(name + ".key"), "-in", pki.path(name + ".crt"), "-name", name,
                "-passout", "pass:lab", "-out", out)


def database(folder):
    """The NSS database with all certificates of the hub in the cases."""
    os.makedirs(folder)
    here = f"sql:{folder}"

    def nss(*command):
        subprocess.run(command, check=True, capture_output=True, text=True)
    nss("certutil", "-N", "-d", here, "--empty-password")
    leaves, authorities = certificates()
    nss("certutil", "-A", "-d", here, "-n", "ca", "-t", "CT,C,C", "-i", pki.path("ca.crt"))
    for name in authorities:
        nss("certutil", "-A", "-d", here, "-n", name, "-t", ",,", "-i", pki.path(name + ".crt"))
    for name in leaves:
        _openssl_pkcs12(name, f"{folder}/pair.p12")
        nss("pk12util", "-i", f"{folder}/pair.p12", "-d", here, "-W", "lab", "-K", "")
        os.unlink(f"{folder}/pair.p12")


def configuration(w):
    """/etc/ipsec.conf for a Wish."""
    lines = {
        "keyexchange": "ikev2", "left": t.HUB, "leftid": f"@{t.HUB_NAME}", "leftcert": w.certificate,
        "leftsendcert": "always", "sendca": "all",
        # By default it picks RSA, and signing fails with an EC key.
        "leftauth": "rsasig" if w.rsa() else "ecdsa", "rightauth": "ecdsa",
        "leftsubnet": w.networks, "leftmodecfgserver": "yes", "right": "%any", "rightid": "%fromcert",
        "rightca": '"CN=Lab CA"', "rightaddresspool": t.VIP_NET.replace(".0/24", ".1-") + t.VIP_NET.replace("0/24", "254"),
        "rightmodecfgclient": "yes", "narrowing": "yes", "ike": "aes_gcm256-sha2_384-dh20", "esp": "aes_gcm256",
        # The group of CREATE_CHILD_SA comes from the IKE_SA.
        "pfs": "yes" if w.pfs else "no", "encapsulation": "auto", "auto": "add",
        "rekey": "yes" if w.renews else "no", "reauth": "yes" if w.reauthenticates else "no",
        "retransmit-timeout": "20s"}
    if w.child_seconds:
        lines["ipsec-lifetime"] = f"{w.child_seconds}s"
    if w.ike_seconds:
        lines["ikelifetime"] = f"{w.ike_seconds}s"
    if w.child_seconds or w.ike_seconds:
        lines["rekeymargin"] = f"{min(filter(None, (w.child_seconds, w.ike_seconds))) // 2}s"
        lines["rekeyfuzz"] = "0%"
    return "config setup\nconn sites\n" + "".join(f"\t{key}={value}\n" for key, value in lines.items())


class Libreswan:
    """The hub, with the methods of servers.Hub that the cases need."""

    name = "libreswan 5.2"

    def __init__(self, folder, tree):
        self.wish = Wish()
        base = os.path.abspath("build/lab/libreswan-initrd.img")
        ramdisk.make(tree, RECIPE, base)
        self.machine = Machine(folder, "libreswan", ramdisk.kernel(tree)[1], "", MEMORY,
                               [Card("public", "hub", "hub-pub", MACS[0], 8), Card("inner", "hub", "hub-in", MACS[1], 9)])
        settings = f"{self.machine.folder}/settings"
        os.makedirs(f"{settings}/etc", exist_ok=True)
        database(f"{settings}/etc/ipsec.d")
        for name, text in (("hub.conf", f"PUBLIC={t.HUB}/24\nINNER={t.HUB_INNER}/16\nROUTER={t.PUBLIC_ROUTER}\n"),
                           ("ipsec.conf", configuration(self.wish))):
            with open(f"{settings}/etc/{name}", "w", encoding="ascii") as f:
                f.write(text)
        self.machine.initrd = ramdisk.with_settings(base, settings, f"{self.machine.folder}/initrd")
        shutil.rmtree(settings)
        self.log = f"{self.machine.folder}/pluto.log"

    # ---- as a server of the lab

    def spawn(self):
        """Start the machine without waiting for it (see settle)."""
        net.ip("addr", "flush", "dev", "pub0", ns="hub")
        net.ip("addr", "flush", "dev", "inner0", ns="hub")
        net.ip("link", "add", "public0", "type", "bridge", "forward_delay", "0", ns="hub")
        net.ip("link", "set", "public0", "up", ns="hub")
        net.ip("link", "set", "pub0", "master", "public0", ns="hub")
        self.machine.start()
        for tap, bridge in (("hub-pub", "public0"), ("hub-in", "inner0")):
            net.ip("link", "set", tap, "master", bridge, "up", ns="hub")

    def settle(self, timeout=240):
        if not self.machine.agent.up(timeout):
            raise RuntimeError(f"{self.name}: the machine's agent does not answer; {self.machine.console_tail()}")
        self.start()

    def root(self, command, timeout=60):
        return self.machine.root(command, timeout)

    def whack(self, words, timeout=60):
        """(exit status, output)"""
        return self.machine.run(f"/usr/libexec/ipsec/whack {words}", timeout)

    def _eventually(self, what, good, timeout=60):
        end = time.monotonic() + timeout
        while not good():
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name}: {what}; its log ends:\n{self.tail()}")
            time.sleep(0.3)

    def start(self):
        self.root(f"{PLUTO} </dev/null >>/var/log/pluto 2>&1 &")
        self._eventually("pluto does not start", lambda: self.whack("--status")[0] == 0)
        self._load()
        self.whack("--listen")

    def _load(self):
        text = base64.b64encode(configuration(self.wish).encode()).decode()
        self.root(f"echo {text} | base64 -d >/etc/ipsec.conf")
        status, said = self.machine.run("/usr/libexec/ipsec/addconn --config /etc/ipsec.conf sites", 60)
        if status != 0:
            raise RuntimeError(f"{self.name} does not take its configuration: {said}")

    def stop(self):
        """Orderly: it sends deletes."""
        self.whack("--shutdown")
        self._eventually("pluto does not end", lambda: self.machine.run("pidof pluto")[0] != 0)

    def restart(self):
        self.stop()
        self.start()

    def serve(self, wish):
        """Reconfigure the hub. Existing SAs are deleted."""
        if wish != self.wish:
            self.whack("--delete --name sites")
            self.wish = wish
            self._load()

    def crash(self):
        """Kill and restart it: its state is lost."""
        self.root("kill -9 $(pidof pluto)")
        self._eventually("pluto does not die", lambda: self.machine.run("pidof pluto")[0] != 0)
        self.root("rm -f /run/pluto/*")
        self.start()

    # ---- SAs and actions

    def spis(self):
        """The SPIs of the tunnels' inward ESP SAs, as the kernel has them."""
        return re.findall(rf"dst {re.escape(t.HUB)}\n\s+proto esp spi (0x\w+)", self.root("ip xfrm state"))

    def installed(self):
        return len(self.spis())

    def _states(self, word):
        return re.findall(rf"^#(\d+): .*{word}", self.whack("--showstates")[1], re.M)

    def ikes(self):
        """Numbers of the established IKE_SAs."""
        return self._states("ESTABLISHED_IKE_SA")

    def rekey(self, what):
        return self.whack(f"--rekey-{what} --name sites --asynchronous")[0] == 0

    def delete(self, what):
        """Delete every CHILD_SA or every IKE_SA, with notice to the box."""
        numbers = self._states("ESTABLISHED_CHILD_SA") if what == "child" else self.ikes()
        for n in numbers:
            self.whack(f"--deletestate {n}")
        return bool(numbers)

    def said(self, pattern):
        """Number of matching lines in its log."""
        return int(self.root(f"grep -cE '{pattern}' /var/log/pluto").strip() or 0)

    def tail(self, lines=25):
        return self.root(f"tail -n {lines} /var/log/pluto")

    def save(self):
        """Copy its log to the run's folder."""
        with open(self.log, "w", encoding="utf-8") as f:
            f.write(self.root("cat /var/log/pluto", 120))
