"""The causes (src/lib/cause.def) and the programs: each is raised somewhere and by some test, and nothing else is told to people.

Between processes causes are codes, never free text: neither in a message (src/lib/msg.h) nor in a state file.
"""

import glob
import re
import subprocess
import sys

failed = 0


def fail(text):
    global failed
    failed += 1
    print(text)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def code(path):
    """A C file without its comments."""
    return re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)


TABLE = read("src/lib/cause.def")
STRING = r'"((?:[^"\\]|\\.)*)"'
CAUSES = [m.groups() for m in re.finditer(rf'^CAUSE\((\w+), {STRING}, (?:\w+, ){{3}}\w+, {STRING}, {STRING}', TABLE, re.M)]
REMEDIES = [(name, word, "", en) for name, word, en in
            (m.groups() for m in re.finditer(rf'^REMEDY\((\w+), {STRING}, {STRING}', TABLE, re.M))]
ALL = CAUSES + REMEDIES
if len(ALL) < 300 or len(ALL) != len(re.findall(r"^(?:CAUSE|REMEDY)\(", TABLE, re.M)):
    fail(f"only {len(ALL)} causes were read")

# ---- each is used, and each is raised by some test
sources = "\n".join(code(p) for p in glob.glob("src/*/*.[ch]"))
scripts = "\n".join(read(p) for p in glob.glob("rootfs/overlay/usr/libexec/sekisho/boot/*.sh"))
scripts += re.sub(r'.*audit send fault "([^"]*)"', r"complain \1", read("rootfs/overlay/usr/libexec/sekisho/hang-guard"))
tests = "\n".join(read(p) for kind in ("unit/*_test.*", "unit/*.h", "golden/*.expected", "lab/**/*.py")
                  for p in glob.glob(f"tests/{kind}", recursive=True) if p != "tests/unit/lib_causes_test.py")


# Causes that no test can produce at will, and why.
RARE = {
    "peer-link-broken": "the moment of the end is the kernel's",
    "peer-does-not-read": "the child's queue is full only when it hangs, and that is seen first",
    "vpn-silent": "no charon at hand is silent about why",
    "hub-gave-no-address": "no hub at hand does that",
    "crowded-by": "by make lab ONLY=tracked-flows, which reads its sentence",
    "est-tls-setup": "out of memory",
    "est-broke-off-request": "the moment of the end is the kernel's",
    "est-too-slow": "ninety seconds",
    "est-reader-status": "a worker that exits by itself with a status has a defect",
    "est-cert-too-large": "the response is limited first",
    "est-request-too-large": "longer values than a site file may have",
    "est-cert-no-use": "another key than EC is never made",
    "vpn-no-cert": "out of memory",
    "gate-late": "ninety seconds",
    "enroll-late": "ninety seconds",
}
MISTAKES = TABLE.index("/* ---- site and service files")     # lib_conf_test sees that each of these is made
checked = {name for name, *_ in ALL if re.search(rf"^(?:CAUSE|REMEDY)\({name},", TABLE[MISTAKES:], re.M)}

for name, word, args, en in ALL:
    section = word.startswith("keys-of-")            # chosen by the section's name, src/lib/conf.c
    if not section and not re.search(rf"\bCAUSE_{name}\b", sources) and not re.search(rf"complain \"?{word}\b", scripts):
        fail(f"{word}: nobody says this")
    raised = name in checked or re.search(rf"complain \"?{word}\b", scripts)      # those of the scripts: below
    if word in RARE and raised:
        fail(f"{word}: it is raised, and called rare")
    if not raised and word not in RARE and not re.search(rf"\bCAUSE_{name}\b", tests) and not re.search(rf"(?<![\w-]){word}(?![\w-])", tests):
        fail(f"{word}: no test raises it")

for word in RARE:
    if word not in [w for _, w, _, _ in ALL]:
        fail(f"{word}: no cause")

# ---- the remedies of the configuration's keys name the keys that there are
for kind in ("site", "service"):
    keys = re.findall(r'\{"([a-z]+)", "([a-z-]+)", [^{}]*?CAUSE_(\w+)\}', code(f"src/lib/conf_{kind}.c"), flags=re.S)
    if len(keys) < 8:
        fail(f"only {len(keys)} keys were found in conf_{kind}.c")
    for section in {k[0] for k in keys}:
        said = next(en for name, _, _, en in REMEDIES if name == f"KEYS_OF_{section.upper()}")
        if re.findall(r"`([a-z-]+)`", said) != [k[1] for k in keys if k[0] == section]:
            fail(f"[{section}]: {said}")
    for _, key, remedy in keys:
        if remedy not in [r[0] for r in REMEDIES]:
            fail(f"{key}: {remedy} is no remedy")

# ---- messages: what text there is in them is a name, checked by ipc.c, or data that nobody is shown as a sentence
NAMES = {"name", "domain", "reason", "servers"}
messages = code("src/lib/msg.h")
for struct, body in re.findall(r"struct (msg_\w+) \{(.*?)\n\};", messages, flags=re.S):
    for field in re.findall(r"\bchar (\w+)\s*\[", body):
        if field not in NAMES:
            fail(f"struct {struct}: `{field}` is free text in a message")
for struct in ("msg_est_done", "msg_reply"):
    if not re.search(rf"struct {struct} \{{[^}}]*struct cause cause;", messages):
        fail(f"struct {struct} has no cause")
if "cause_of_est(" not in code("src/lib/ipc.c") or code("src/lib/ipc.c").count("cause_ok(") < 3:
    fail("ipc.c does not check the causes in messages")

# ---- state files: what is said is a cause; the other keys are data: words, names, numbers, addresses
SAID = {"cause", "reason", "last-end", "refused", "crowded"}
DATA = {"phase", "loaded", "subject", "issuer", "serial", "server", "trusted", "source", "link", "address", "gateway", "own",
        "mode", "session", "service", "vip", "hub", "tunnel", "charon", "credentials", "names", "hello", "resolver", "no-pfs",
        "hollow", "not-carried", "unasked", "version"}
written = set()
for path in glob.glob("src/*/*.c"):
    text = code(path)
    for key, value in re.findall(rf'state_file_add\([^,]+, {STRING}, {STRING}', text):
        written.add(key)
        if "%s" in value and key not in DATA:
            fail(f"{path}: `{key}` of a state file may be free text")
    for key in re.findall(rf'state_file_cause\([^,]+, {STRING}', text):
        written.add(key)
        if key not in SAID:
            fail(f"{path}: `{key}` is a cause, and nobody shows it as one")
if not SAID <= written or written & {"fault"}:
    fail(f"keys of the state files: {sorted(written)}")
for text in re.findall(r"^(.*>/run/sekisho/boot/state)", read("rootfs/overlay/usr/libexec/sekisho/boot/90-done.sh"), re.M):
    if "echo" in text:
        fail(f"boot/state: {text}")

# ---- the audit log: what is wrong is said by a cause
for path in glob.glob("src/*/*.c"):
    for event, form in re.findall(rf'audit_event\({STRING}, {STRING}', code(path)):
        if event in ("fault", "clock.refused", "session.moved") and form != "%s" or re.search(r'(?:reason|cause)=\\"[^%]', form):
            fail(f"{path}: `{event} {form}` is free text in the audit log")

# ---- the programs, as they are built: the sentences are where people read, and only there
made = subprocess.run(["make", "-s", "-f", "src/build.mk", "bin"], capture_output=True, text=True)
if made.returncode:
    fail(f"the programs cannot be built: {made.stderr[-1500:]}")
long = [en.encode().split(b"%")[0] for _, _, _, en in CAUSES if len(en.split("%")[0]) > 24]
for program in ("gate", "dns", "sni", "enroll", "clock", "wan", "audit", "status"):
    for path in glob.glob(f"build/bin/{program}"):
        with open(path, "rb") as f:
            binary = f.read()
        for text in long:
            if text in binary:
                fail(f"{program} has a sentence of the table in it: {text.decode()}")
with open("build/bin/sekisho", "rb") as f:
    binary = f.read()
if len(long) < 60 or not all(text.replace(b"\\", b"") in binary for text in long):
    fail("the command line does not have the sentences")


def sekisho(*words):
    return subprocess.run(["build/bin/sekisho", *words], capture_output=True, text=True)


# ---- what the scripts of the start say is known
said = [line for line in re.findall(r"complain (.*)", scripts)]
if len(said) < 9:
    fail(f"only {len(said)} causes were found in the scripts")
for line in said:
    words = re.sub(r"\$\{mistake:-unknown\}", "unknown", line).replace('"', "").split()
    words = [re.sub(r"\$\w+", "1", w) for w in words]
    answer = sekisho("explain", *words)
    if answer.returncode or "。" not in answer.stdout:
        fail(f"the start says `{line}`: {answer.stdout}{answer.stderr}")

# ---- mistakes of a file: all in Japanese, and the first one as a cause that can be passed on
for name in ("bad-site", "bad-service", "bad-hosts"):
    path = f"tests/golden/{name}.conf"
    lines = [line for line in sekisho("check", "--lang", "ja", path).stdout.split("\n") if line]
    for line in lines:
        if not re.search("[\u3040-\u30ff]", line):
            fail(f"{name}: not in Japanese: {line}")
    if len(lines) < 20:
        fail(f"{name}: only {len(lines)} lines")
    first = sekisho("check", "--cause", path)
    answer = sekisho("explain", "--lang", "ja", *first.stdout.split())
    if first.returncode != 1 or lines[0].split(": ", 1)[1] not in answer.stdout or lines[1].strip() not in answer.stdout:
        fail(f"{name}: {first.stdout}{answer.stdout}{lines[:2]}")
if sekisho("explain", "The gate has a fault.").returncode != 2:
    fail("a sentence is taken for a cause")

print(f"{failed} failed")
sys.exit(failed > 0)
