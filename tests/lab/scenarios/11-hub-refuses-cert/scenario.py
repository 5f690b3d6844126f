import checks
import topology as t
from box import pick

GROUP = "shipped"


def run(lab):
    lab.up()
    lab.boot()
    lab.ready()
    serial = lab.issuer.issued()[-1]
    lab.issuer.revoke(serial)
    lab.hub.refuse_revoked(lab.issuer.crl())
    answer = lab.pc.dns(t.REGISTRY_NAME, timeout=40)
    lab.check(f"the answer when the hub refuses ({answer.seconds:.1f} s)", "SERVFAIL", answer.status)
    lab.say(str(answer))
    lab.check("tunnels at the hub", 0, lab.hub.installed())
    lab.closed()
    lab.eventually("the status says it", "a sentence about the hub's refusal", lab.box.sentences, 20,
                   lambda said: "refus" in said.lower() or "authent" in said.lower())
    cause = pick(lab.box.status(), "gate.cause", {})
    lab.check("and which cause it is", "tunnel-failed by hub-refuses-cert", cause,
              (cause.get("code"), cause.get("args", {}).get("why", {}).get("code")) == ("tunnel-failed", "hub-refuses-cert"))
    lab.log_says("the log says why", "session.failed", "hub-refuses-cert")
    lab.say("a new certificate: " + lab.box.cli("cert renew"))
    lab.eventually("a second certificate is issued", 2, lambda: len(lab.issuer.issued()))
    lab.box.wait(lambda s: pick(s, "enroll.serial").upper() == lab.issuer.issued()[-1]
                 and pick(s, "enroll.loaded") == "yes", 240)
    lab.eventually("the name, with the new certificate", f"NOERROR {t.REGISTRY}",
                   lambda: str(lab.pc.dns(t.REGISTRY_NAME, timeout=40)), step=2)
    checks.session(lab)
