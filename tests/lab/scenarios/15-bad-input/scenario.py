import hashlib
import re

import checks
import servers
import topology as t
from box import pick


def refused_file(lab, what, place, site, services):
    """The provisioning tool refuses it; a box that gets it all the same stays closed and reports the mistake."""
    lab.make_box(site, services, check=False)
    tool = lab.box.provision(site, services, check=True, may_fail=True)
    said = (tool.stdout + tool.stderr).strip()
    lab.check(f"{what}: scripts/provision", f"refuses, and names {place}", said.split("\n")[0],
              tool.returncode != 0 and re.search(place, said))
    lab.box.start()
    lab.pc.fixed()
    good, status, _ = lab.box.wait(lambda s: re.search(place, lab.box.sentences()), 240)
    lab.check(f"{what}: the status names the place", place, lab.box.sentences(), good)
    lab.closed(f"{what}: the LAN is closed")
    lab.check(f"{what}: the box asks for no certificate", 0, len(lab.issuer.issued()))
    lab.box.cut_power()


def bad_files(lab):
    site = lab.site(extra="colour = green")
    line = site.split("\n").index("colour = green") + 1
    refused_file(lab, "unknown key in the site file", rf"site\.conf:{line}\b", site, {"lab": lab.service()})
    service = lab.service().replace(f"name = {t.FORMS_NAME}", "name = forms_-.lab")
    line = next(i for i, text in enumerate(service.split("\n"), 1) if "forms_-.lab" in text)
    refused_file(lab, "no FQDN in the service file", rf"lab\.conf:{line}\b", lab.site(), {"lab": service})


def contradictions(lab):
    """Rules that contradict each other: the provisioning tool reports them in both languages, and writes nothing."""
    lab.make_box()
    good, card = lab.service(), "02:00:5e:10:00:20"
    rule = f"name = {t.REGISTRY_NAME} tcp/443 tls"
    one_address = [f"host = 192.168.77.20 {card} lab", f"host = 192.168.77.20 {card} lab2"]
    cases = (
        ("a wildcard at the top level", "lab", good.replace(rule, "name = *.jp tcp/443 tls"), lab.site(), r"\*\.jp"),
        ("overlapping rules", "lab", good.replace(rule, f"{rule}\nname = *.lab.example tcp/443 tls"), lab.site(), "same as line"),
        ("contradictory rules", "lab", good.replace(rule, f"{rule}\nname = *.lab.example tcp/443"), lab.site(), "contradicts line"),
        ("the box as its own resolver", "lab", re.sub(r"resolver = .*", f"resolver = {t.BOX_LAN}",
         good.replace("[tunnel]\n", f"[tunnel]\nremote = {t.LAN_NET}\n")), lab.site(), "the box itself"),
        ("a host bound to two services", "lab", good, lab.site(extra="service = lab2", hosts=one_address), "one service"),
    )
    for what, name, service, site, words in cases:
        with open(lab.box.disk, "rb") as f:
            before = hashlib.file_digest(f, "sha256").digest()
        tool = lab.box.provision(site, {**lab.both_services(), name: service}, check=True, may_fail=True)
        said = (tool.stdout + tool.stderr).strip()
        line = next((text for text in said.split("\n") if re.search(words, text)), said)
        lab.check(f"{what}: scripts/provision", f"refuses: file, line, `{words}`, and a remedy in Japanese", line,
                  tool.returncode != 0 and re.search(rf"\.conf:\d+: .*{words}", line) and re.search("ください", said))
        with open(lab.box.disk, "rb") as f:
            after = hashlib.file_digest(f, "sha256").digest()
        lab.check(f"{what}: the disk", "as before", "as before" if before == after else "changed")


def strange_server(lab):
    lab.est.stop()
    strange = servers.Est(f"{lab.folder}/strange", lab.issuer, certificate="strange-est")
    strange.start()
    lab.boot()
    good, status, _ = lab.box.wait(lambda s: re.search("trust|CA |certificate of", pick(s, "enroll.fault")), 120)
    lab.check("a strange EST server: the status says it", "a sentence about its certificate", pick(status, "enroll.fault"),
              good)
    lab.check("a strange EST server: certificates issued", 0, len(lab.issuer.issued()))
    with open(strange.log, errors="replace") as f:
        heard = re.search(r"Basic|estuser|simpleenroll", f.read())
    lab.check("a strange EST server: it has seen a request or a password", "no", "yes" if heard else "no")
    strange.stop()
    lab.est.start()
    checks.enrolled(lab, dhcp=False)


def forged_answers(lab):
    for what, lie in (("the PC itself", [lab.pc.address]), ("the box", [t.BOX_LAN]), ("loopback", ["127.0.0.1"]),
                      ("the decoy", [t.DECOY]), ("a public address outside the tunnel", ["11.22.33.44"]),
                      ("multicast", ["224.0.0.251"]), ("a good and a forged address", [t.REGISTRY, t.DECOY]),
                      ("an alias that leads to a strange name", ["decoy.example."])):
        lab.inner_dns.lie({t.FORMS_NAME: lie}, ttl=1)
        answer = lab.pc.dns(t.FORMS_NAME, timeout=30)
        opened = [a for a in answer.addresses if a != t.REGISTRY]
        lab.check(f"forged answer, {what}", "no forged address at the PC", str(answer), not opened and answer.status)
        seen = lab.pc.tcp(t.DECOY, 443)
        lab.check(f"forged answer, {what}: the decoy by address", "not open", seen, seen != "open")
    lab.log_says("the log says it", "dns.refused", t.FORMS_NAME)
    lab.status_says("the status says it", t.FORMS_NAME)
    lab.inner_dns.lie({})


def run(lab):
    lab.up()
    bad_files(lab)
    contradictions(lab)
    strange_server(lab)
    forged_answers(lab)
    checks.session(lab)
