import checks
import pki
import servers
import topology as t
from box import pick

GROUP = "lab-image"

# As Japanese CAs write them: not ASCII, marks that charon's text of a subject takes for its own, more than 255 octets. The length
# of each is what RFC 5280 allows.
SUBJECTS = {
    "Japanese": "/C=JP/O=例示病院/OU=がん登録室/CN=" + t.DEVICE,
    "comma, plus sign, slash in O": "/C=JP/O=Example Hospital, Room 1\\+2 (a\\/b)/CN=" + t.DEVICE,
    "270 letters": "/C=JP/O=National Example Hospital Organization" + "".join(f"/OU={c * 60}" for c in "wxyz") + "/CN=" + t.DEVICE,
}


def public_key(lab):
    """Of the generation in use. (Only the lab image lets us look.)"""
    path = f"{lab.folder}/cert.pem"
    with open(path, "w") as f:
        f.write(lab.box.root("cat /state/keys/current/cert.pem").replace("\r", ""))
    return pki.openssl("x509", "-in", path, "-noout", "-pubkey")


def run(lab):
    lab.up()
    lab.boot(lab_image=True)
    lab.ready()
    lab.session()
    before = lab.box.status()["enroll"]
    old_key = public_key(lab)
    lab.say("the box says: " + lab.box.cli("cert renew"))
    good, status, seconds = lab.box.wait(lambda s: pick(s, "enroll.serial") not in ("", before["serial"])
                                         and pick(s, "enroll.loaded") == "yes", 240)
    after = status["enroll"]
    issued = lab.issuer.issued()
    lab.check(f"a new serial number ({seconds:.1f} s)", f"another than {before['serial']}", after["serial"], good)
    lab.check("certificates issued", 2, len(issued))
    if not good or len(issued) != 2:
        return
    lab.check("the key", "another one", "the same" if public_key(lab) == old_key else "another one")
    lab.check("the generation", f"after {before['generation']}", after["generation"],
              int(after["generation"]) > int(before["generation"]))
    lab.box.cli("session end")
    lab.eventually("tunnels at the hub after `session end`", 0, lab.hub.installed)
    lab.issuer.revoke(issued[0])
    lab.hub.refuse_revoked(lab.issuer.crl())
    lab.say("the hub refuses the old certificate from now on")
    checks.session(lab)
    lab.log_says("the log says it", "cert.renewed")
    lab.est.stop()
    for what, subject in SUBJECTS.items():
        renewed(lab, what, subject)


def renewed(lab, what, subject):
    """By an EST server behind Apache (it sends on, and asks for the certificate late), for a certificate with this subject."""
    est = servers.EstLikeApache(lab.folder, lab.issuer, subject).start()
    serial = lab.box.get("enroll.serial")
    lab.box.cli("session end")
    lab.eventually("tunnels at the hub after `session end`", 0, lab.hub.installed)
    lab.box.cli("cert renew")
    good, status, _ = lab.box.wait(lambda s: pick(s, "enroll.serial") not in ("", serial) and pick(s, "enroll.loaded") == "yes",
                                   240)
    est.stop()
    lab.check(f"{what}: a certificate with such a subject", "renewed and loaded", pick(status, "enroll.fault") or "renewed and loaded",
              good)
    serial = lab.issuer.issued()[-1]
    name = pki.openssl("x509", "-in", f"{lab.issuer.folder}/newcerts/{serial}.pem", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb")
    lab.say("its subject: " + name.strip()[:200])
    page = lab.session()
    lab.check(f"{what}: the page with it", servers.MARKER, page.body.split()[0])
    lab.check(f"{what}: at the hub", 1, lab.hub.installed())
