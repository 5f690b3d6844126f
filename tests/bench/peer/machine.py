"""The peer machine in the lab: the same virtual hardware as the box's, another kernel, another root.

It gets the box's place in the topology (its two network cards, its MAC addresses) and a certificate of the same CA.
"""

import os
import shutil
import subprocess
import time

import box as boxes
import jail
import net
import pki
import serial
import topology as t
from peer import pack

MEMORY = 256          # MiB; room to spare, so that memory never slows the peer down
STRONGSWAN = """charon {
	load = nonce openssl pem x509 revocation constraints kernel-netlink socket-default vici
	install_routes = yes
	threads = 8
	plugins {
		openssl {
			load_legacy = no
		}
		vici {
			socket = unix:///run/charon.vici
		}
	}
}
swanctl {
	load = pem openssl x509
}
"""
SWANCTL = f"""connections {{
	registry {{
		version = 2
		remote_addrs = {t.HUB}
		proposals = aes256gcm16-prfsha384-ecp384
		vips = 0.0.0.0
		mobike = no
		local {{
			auth = pubkey
			certs = peer.crt
		}}
		remote {{
			auth = pubkey
			id = {t.HUB_NAME}
		}}
		children {{
			registry {{
				remote_ts = {t.INNER_NET}
				esp_proposals = aes256gcm16-ecp384
				start_action = start
			}}
		}}
	}}
}}
"""


def certificate(folder):
    """A key and a certificate as the EST server would have given them."""
    extensions = f"{folder}/peer.ext"
    with open(extensions, "w", encoding="ascii") as f:
        f.write("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n")
    pki.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-subj", "/CN=peer-0001",
                "-keyout", f"{folder}/peer.key", "-out", f"{folder}/peer.csr")
    pki.openssl("x509", "-req", "-in", f"{folder}/peer.csr", "-CA", pki.path("ca.crt"), "-CAkey", pki.path("ca.key"),
                "-set_serial", "77", "-days", "30", "-extfile", extensions, "-out", f"{folder}/peer.crt")


def settings(folder, domain):
    """The folder that is appended to the RAM disk: everything that belongs to this lab."""
    stage = f"{folder}/settings"
    swanctl = f"{stage}/etc/swanctl"
    for name in ("x509", "x509ca", "private"):
        os.makedirs(f"{swanctl}/{name}", exist_ok=True)
    certificate(folder)
    shutil.copy(f"{folder}/peer.crt", f"{swanctl}/x509/peer.crt")
    shutil.copy(f"{folder}/peer.key", f"{swanctl}/private/peer.key")
    shutil.copy(pki.path("ca.crt"), f"{swanctl}/x509ca/ca.crt")
    for name, text in (("swanctl/swanctl.conf", SWANCTL), ("strongswan.conf", STRONGSWAN),
                       ("peer.conf", f"LAN={t.BOX_LAN}/24\n"),
                       ("dnsmasq.conf", f"no-resolv\nno-hosts\nno-poll\ninterface=eth0\nbind-interfaces\ncache-size=1000\n"
                                        f"server={t.ISP}\nserver=/{domain}/{t.INNER_DNS}\n"
                                        f"nftset=/{domain}/4#inet#fw#allow\n")):
        with open(f"{stage}/etc/{name}", "w", encoding="ascii") as f:
            f.write(text)
    return stage


class Peer:
    """Switched on and off like a box (lab/box.py)."""

    def __init__(self, folder, packages, domain):
        self.folder = os.path.abspath(f"{folder}/peer")
        os.makedirs(self.folder, exist_ok=True)
        self.kernel = pack.kernel(packages)[1]
        base = os.path.abspath("build/bench/peer-initrd.img")
        pack.make(packages, base)
        extra = f"{self.folder}/settings.cpio"
        pack.archive(settings(self.folder, domain), extra, compress=False)
        self.initrd = f"{self.folder}/initrd"
        with open(self.initrd, "wb") as out:
            for part in (base, extra):
                with open(part, "rb") as f:
                    # The kernel looks for the next archive at a multiple of four bytes.
                    out.write(f.read())
                    out.write(b"\0" * (-out.tell() % 4))
        self.console_log = f"{self.folder}/console.log"
        self.process = self.agent = None

    def start(self):
        taps = [net.tap("lan", "pc0"), net.tap("wan", "line0")]
        path = "/run/peer-agent"
        if os.path.exists(path):
            os.unlink(path)
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", str(MEMORY),
                   "-nodefaults", "-display", "none", "-no-user-config", "-device", "virtio-rng-pci",
                   "-kernel", self.kernel, "-initrd", self.initrd, "-append", "quiet panic=1 console=ttyS0",
                   "-serial", f"file:{self.console_log}", "-serial", "null",
                   "-serial", f"unix:{path},server=on,wait=off"]
        for role, fd, mac, slot in (("lan", taps[0], t.MAC_LAN, 8), ("wan", taps[1], t.MAC_WAN, 9)):
            command += ["-netdev", f"tap,id={role},fd={fd}",
                        "-device", f"virtio-net-pci,netdev={role},mac={mac},addr=0x{slot:x},romfile="]
        with open(f"{self.folder}/qemu.log", "ab") as log:
            self.process = subprocess.Popen(command, pass_fds=taps, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=jail.die_with_parent)
        for fd in taps:
            os.close(fd)
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if self.process.poll() is not None or time.monotonic() > end:
                raise boxes.BoxError(f"the peer's QEMU did not start; {self.folder}/qemu.log says why")
            time.sleep(0.01)
        self.agent = serial.Agent(path)

    def cut_power(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.agent.close()
            self.process = None

    def root(self, command, timeout=20):
        """A command as root; its output."""
        status, output = self.agent.run(command, timeout)
        if status is None:
            raise boxes.BoxError("the peer machine does not answer on its third serial port")
        return output

    def console_tail(self):
        try:
            with open(self.console_log, errors="replace") as f:
                return f.read()[-1500:]
        except OSError:
            return ""
