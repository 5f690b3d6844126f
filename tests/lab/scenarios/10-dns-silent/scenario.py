import checks
import topology as t

GROUP = "shipped"


def run(lab):
    lab.up()
    lab.boot()
    lab.ready()
    lab.inner_dns.freeze()
    answer = lab.pc.dns(t.REGISTRY_NAME, timeout=30)
    lab.check(f"the answer while the registry's DNS is silent ({answer.seconds:.1f} s)", "SERVFAIL within 20 s",
              str(answer), answer.status == "SERVFAIL" and answer.seconds < 20)
    seen = lab.pc.tcp(t.REGISTRY, 443)
    lab.check("the registry by address meanwhile", "not open", seen, seen != "open")
    lab.log_says("the log says why", "dns", t.REGISTRY_NAME)
    lab.inner_dns.freeze(False)
    lab.eventually("the name after the server has come back", f"NOERROR {t.REGISTRY}",
                   lambda: str(lab.pc.dns(t.REGISTRY_NAME)), step=1)
    checks.session(lab)
