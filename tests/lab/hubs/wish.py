"""The properties of a hub that a case needs, whoever made it."""

from dataclasses import dataclass

import pki
import topology as t

RSA = "hub-rsa"           # RSA-3072, signed by the lab's CA
CHAIN = "hub-chain"       # RSA-3072, two intermediate CAs with RSA-4096 below the lab's CA


@dataclass(frozen=True)
class Wish:
    certificate: str = "hub"
    networks: str = t.INNER_NET      # what it offers in the tunnel
    pfs: bool = True                 # a CREATE_CHILD_SA has a DH group
    child_seconds: int = 0           # lifetime; 0: its default, longer than ours
    ike_seconds: int = 0
    renews: bool = True              # before that it rekeys; otherwise it lets the SA expire
    reauthenticates: bool = False    # instead of rekeying the IKE_SA

    def rsa(self):
        return self.certificate in (RSA, CHAIN)


def certificates():
    """Make the hub's certificates where they are missing: (names of pairs, names of intermediate CAs)."""
    pki.hub("hub", t.HUB_NAME, t.HUB)
    pki.hub(RSA, t.HUB_NAME, t.HUB, rsa=3072, subject="hub with RSA")
    first = pki.authority_below("between-1", "Lab CA, hubs", "ca", 4096)
    second = pki.authority_below("between-2", "Lab CA, hubs of one prefecture", first, 4096)
    pki.hub(CHAIN, t.HUB_NAME, t.HUB, authority=second, rsa=3072, subject="hub with a chain")
    return ["hub", RSA, CHAIN], [first, second]
