"""strongSwan of Debian's next release as the hub: its charon, from extracted packages, in the namespace `hub`."""

import re
import shutil

import pki
import servers
import topology as t
from hubs.wish import Wish, certificates

PACKAGES = "tests/lab/hubs/strongswan-next/packages"

CONNECTIONS = """connections {{
  sites {{
    version = 2
    local_addrs = {address}
    proposals = aes256gcm16-prfsha384-ecp384
    pools = boxes
    rekey_time = {ike_rekey}
    reauth_time = {reauth}
    over_time = {ike_over}
    rand_time = 0s
    local {{
      auth = pubkey
      certs = hub.crt
      id = {identity}
    }}
    remote {{
      auth = pubkey
      cacerts = ca.crt
      revocation = relaxed
    }}
    send_cert = always
    dpd_delay = 20s
    children {{
      registry {{
        local_ts = {networks}
        esp_proposals = {esp}
        rekey_time = {child_rekey}
        life_time = {child_life}
        rand_time = 0s
        updown = /usr/lib/ipsec/_updown
      }}
    }}
  }}
}}
pools {{
  boxes {{
    addrs = {pool}
  }}
}}
"""


def connections(w):
    """swanctl.conf for a Wish."""
    return CONNECTIONS.format(
        address=t.HUB, identity=t.HUB_NAME, pool=t.VIP_NET, networks=w.networks,
        esp="aes256gcm16-ecp384" if w.pfs else "aes256gcm16",
        ike_rekey=f"{w.ike_seconds // 2}s" if w.ike_seconds and w.renews and not w.reauthenticates else "0s",
        reauth=f"{w.ike_seconds // 2}s" if w.reauthenticates else "0s",
        ike_over=f"{w.ike_seconds // 2}s" if w.ike_seconds else "600s",
        child_rekey="0s" if not w.renews else f"{w.child_seconds // 2}s" if w.child_seconds else "8h",
        child_life=f"{w.child_seconds}s" if w.child_seconds else "9h")


class NextStrongswan(servers.Hub):
    name = "strongSwan of Debian's next release"

    def __init__(self, folder, tree):
        self.tree, self.wish = f"{tree}/root", Wish()
        _, self.between = certificates()
        super().__init__(folder)
        for name in self.between:
            shutil.copy(pki.path(name + ".crt"), f"{self.folder}/x509/{name}.crt")
        self.conf = self.write("swanctl.conf", connections(self.wish))

    def command(self):
        """In its own root, the extracted packages; only the lab's folder, /dev and /proc are shared."""
        return ["unshare", "--mount", "sh", "-ec",
                f"mount --bind {self.tree} {self.tree}; cd {self.tree}; mount -o remount,bind,ro .; "
                "for d in run tmp var; do mount -t tmpfs $d $d; done; ln -s ../run var/run; "
                "for d in dev proc sys; do mount --rbind /$d $d; done; "
                # The configuration's paths are relative to this root.
                f"mkdir tmp/lab; mount --bind {self.folder} tmp/lab; "
                "exec chroot . env STRONGSWAN_CONF=/tmp/lab/strongswan.conf /usr/lib/ipsec/charon"]

    def configure(self):
        super().configure()
        with open(f"{self.folder}/strongswan.conf", encoding="utf-8") as f:
            text = f.read()
        self.write("strongswan.conf", text.replace(f"unix://{self.vici}", "unix:///tmp/lab/vici"))

    def version(self):
        return self.swanctl("--version", "--daemon").stdout.strip()

    def serve(self, wish):
        """Reconfigure the hub. Existing SAs are deleted."""
        if wish == self.wish:
            return
        self.terminate()
        self.wish = wish
        self.write("swanctl.conf", connections(wish))
        self.present(wish.certificate)

    def crash(self):
        """Kill and restart it: its state is lost."""
        self.die()
        self.start()

    def ikes(self):
        """Numbers of the established IKE_SAs."""
        return re.findall(r"^sites: #(\d+), ESTABLISHED", self.swanctl("--list-sas").stdout, re.M)

    def delete(self, what):
        """Delete every CHILD_SA or every IKE_SA, with notice to the box."""
        words = ("--child", "registry") if what == "child" else ("--ike", "sites")
        return self.swanctl("--terminate", *words).returncode == 0

    def save(self):
        """Nothing to do: its log is already in the run's folder."""
