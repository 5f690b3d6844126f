import judge
import pki
from box import pick

GROUP = "lab-image"


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
    judge.session(lab)
    lab.log_says("the log says it", "cert.renewed")
