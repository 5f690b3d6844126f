"""Every sentence that the box says to people about mistakes and faults has its Japanese, and is shown in it."""

import glob
import re
import subprocess
import sys

PARSER = ["src/lib/proposal.c", "src/lib/conf.c", "src/lib/conf_site.c", "src/lib/conf_service.c", "src/lib/conf_load.c"]
# Sentences of these begin with a capital letter; of the session also what is said of its beginning and its end.
BOX = ["src/gate/session.c", "src/gate/session_ask.c", "src/enroll/agent.c", "src/enroll/exchange.c", "src/enroll/net.c", "src/enroll/tls.c",
       "src/enroll/load.c", "src/enroll/keys.c", "src/enroll/main.c", "src/clock/say.c", "src/clock/main.c", "src/wan/main.c"]
NO_SENTENCE = {"abcdefghijklmnopqrstuvwxyz0123456789-_, ", "conf_parser.seen has too few bits"}


def literals(path):
    """The string literals of a C file, those that stand side by side put together; format words all as %s."""
    with open(path) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    text = re.sub(r"^#include.*$", "", text, flags=re.M)
    for group in re.finditer(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text):
        whole = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', group.group(0)))
        yield re.sub(r"(%s ?)+%s|(%s)+", "%s", re.sub(r"%(\.\d+)?[sud]|%02x", "%s", whole))


failed = 0
known = set(literals("src/lib/japanese_conf.c")) | set(literals("src/lib/japanese_box.c"))
said = {t for path in PARSER for t in literals(path) if " " in t and re.search("[a-z]{2}", t)} - NO_SENTENCE
said |= {t for path in BOX for t in literals(path) if re.match(r"(The|There|A|Asking|Reading) .*[.]$", t)}
said |= {t for t in literals(BOX[0]) if re.match(r"the |charon |nobody |ended |asked |gate ", t)}
said |= {t for path in ("src/gate/charon.c", "src/gate/session_sa.c") for t in literals(path)
         if re.match(r"the hub.* |our key |a certificate |there is no ", t)}
said |= {t for t in literals("src/cli/control.c") if re.match(r"(The|There) |%s .* ", t) and t[-1] not in "=s"}
for path in glob.glob("rootfs/overlay/usr/libexec/sekisho/boot/*.sh"):
    with open(path) as f:
        found = re.findall(r'(?:complain|echo) "((?:The|There|This|A) [^"]*[.)])', f.read())
    said |= {re.sub(r"\$\(.*|\$\w+", "%s", t) for t in found} - {""}
if len(said) < 200:
    print(f"only {len(said)} sentences were found")
    failed += 1
for sentence in sorted(said - known):
    print(f"no Japanese for: {sentence}")
    failed += 1

made = subprocess.run(["make", "-s", "-f", "src/build.mk", "build/bin/sekisho"], capture_output=True, text=True)
failed += made.returncode != 0
for name in ("bad-site", "bad-service", "bad-hosts"):
    out = subprocess.run(["build/bin/sekisho", "check", "--lang", "ja", f"tests/golden/{name}.conf"],
                         capture_output=True, text=True).stdout
    lines = [line for line in out.split("\n") if line]
    for line in lines:
        if not re.search("[\u3040-\u30ff]", line):
            print(f"{name}: not in Japanese: {line}")
            failed += 1
    if len(lines) < 20:
        print(f"{name}: only {len(lines)} lines")
        failed += 1
print(f"{failed} failed")
sys.exit(failed > 0)
