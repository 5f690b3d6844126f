"""The peer machine in the lab: the same virtual hardware as the box's, another kernel, another root.

It replaces the box in the topology (its two network interfaces and MAC addresses), with a certificate of the same CA.
"""

import os
import shutil

import pki
import ramdisk
import topology as t
from machine import Card, Machine

# It is what an administrator's hand-made box would be: Debian's cloud kernel with the modules it needs, BusyBox as shell
# and DHCP client, the same charon with the same plugins as on our box (configs/strongswan.conf), dnsmasq with --nftset as
# the DNS server, nftables. Only the files needed, so that it is not slowed down by others.
PLUGINS = ["nonce", "openssl", "pem", "x509", "revocation", "constraints", "kernel-netlink", "socket-default", "vici"]
RECIPE = ramdisk.Recipe(
    os.path.dirname(os.path.abspath(__file__)),
    programs=["/usr/sbin/nft", "/usr/sbin/swanctl", "/usr/sbin/dnsmasq", "/usr/lib/ipsec/charon",
              "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1", *(f"/usr/lib/ipsec/plugins/libstrongswan-{p}.so" for p in PLUGINS)],
    applets=["sh", "mount", "mkdir", "cat", "echo", "ip", "udhcpc", "sleep", "sed", "rm", "ln", "sysctl", "ifconfig",
             "route", "awk", "grep", "cut", "tr", "stty", "nslookup", "tail"],
    files=[("udhcpc.script", "/etc/udhcpc.script", 0o755), ("firewall.nft", "/etc/firewall.nft", 0o644)],
    folders=["etc/swanctl/x509", "etc/swanctl/x509ca", "etc/swanctl/private"])
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


class Peer(Machine):
    """Switched on and off like a box (lab/box.py)."""

    def __init__(self, folder, packages, domain):
        base = os.path.abspath("build/bench/peer-initrd.img")
        ramdisk.make(packages, RECIPE, base)
        super().__init__(folder, "peer", ramdisk.kernel(packages)[1], "", MEMORY,
                         [Card("lan", "lan", "pc0", t.MAC_LAN, 8), Card("wan", "wan", "line0", t.MAC_WAN, 9)])
        self.initrd = ramdisk.with_settings(base, settings(self.folder, domain), f"{self.folder}/initrd")
