"""Which code opens which file. A file in a folder that another user can write may be a link to the private key, or a pipe that never ends:
C reads such files through state_file_read() alone, and a script, which runs as root, does not touch them at all."""

import glob
import re
import sys

# Where C opens something by its path, and why that is no file of another user's.
OPENS = {
    "src/lib/state_file.c": 2,     # state_file_read itself; the own new file, by a program that writes its state
    "src/lib/conf_load.c": 1,   # /state/site.conf and /state/services: root's
    "src/lib/hang_guard.c": 1,    # for writing; the pipe is root's, in a folder of root's
    "src/gate/dns_link.c": 1,   # /dev/null
    "src/audit/store.c": 3,     # its own log
    "src/clock/main.c": 1,      # /state/clock: root's, for writing
    "src/enroll/main.c": 1,     # /state/keys: in a folder of root's
    "src/enroll/store_fs.c": 4,  # its own keys, below a folder's descriptor
    "src/cli/check.c": 1,   # a file that the caller names
    "src/cli/log.c": 1,     # the audit log: a plain file of its owner's, checked as in state_file_read
    "src/cli/console.c": 1,  # the terminal
    "src/status/leds.c": 3,     # /sys, and a map in the read-only root
    "src/wan/main.c": 1,        # /sys
}
# Folders below /run/sekisho that belong to other users, and what scripts may say of them.
FOLDERS = re.compile(r"/run/sekisho/(?:gate|enroll|audit|wan|clock|lan)\b|/run/sekisho/\*|/run/charon\.vici|/state/(?:keys|audit)")
SCRIPTS = {
    "boot/10-mounts.sh": ["mkdir -p"],                             # makes them, before anybody else runs
    "boot-event": ["while [ ! -S /run/sekisho/audit/sock ]"],      # root's socket, which nobody can replace
    "lan": ["dir=/run/sekisho/lan"],                               # names it for udhcpd, which runs as its owner
    "charon": ["/usr/bin/rm -f /run/charon.pid /run/charon.vici"],  # in /run, which is root's
}
# In `lan` the folder may be given away and named in a configuration, not read.
LAN = re.compile(r'^\s*(?:dir=|echo "(?:lease_file|pidfile) |chown lan:lan \$dir$)')


def opens(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return len(re.findall(r"(?<![\w.>])(?:f?open|openat|opendir|freopen|scandir|creat)\s*\(", text))


def touches(name, text):
    """Lines of a script that touch a folder of another user's."""
    wrong = []
    for line in text.split("\n"):
        line = re.sub(r"(^|\s)#.*", "", line)
        if FOLDERS.search(line) and not any(word in line for word in SCRIPTS.get(name, ())):
            wrong.append(line.strip())
        if name == "lan" and "$dir" in line and not LAN.match(line):
            wrong.append(line.strip())
    return wrong


failed = 0
seen = {}
for path in glob.glob("src/*/*.c"):
    with open(path) as f:
        count = opens(f.read())
    if count:
        seen[path] = count
for path in sorted(set(seen) | set(OPENS)):
    if seen.get(path, 0) != OPENS.get(path, 0):
        print(f"{path}: opens {seen.get(path, 0)} files by name, {OPENS.get(path, 0)} are known: is it another user's? Then state_file_read()")
        failed += 1
base = "rootfs/overlay/usr/libexec/sekisho/"
scripts = [p for p in glob.glob(base + "**", recursive=True) + ["rootfs/overlay/init"] if re.search(r"/(?:\w[\w-]*(?:\.sh)?)$", p)]
looked = 0
for path in sorted(scripts):
    try:
        with open(path) as f:
            text = f.read()
    except IsADirectoryError:
        continue
    looked += 1
    for line in touches(path.removeprefix(base), text):
        print(f"{path}: touches what another user may have replaced: {line}")
        failed += 1
if looked < 10:
    print(f"only {looked} scripts were looked at")
    failed += 1
# What there was once must be found.
for name, line in (("clock", "servers=$(cat /run/sekisho/wan/ntp 2>/dev/null)"), ("x", "done </run/sekisho/wan/state"), ("lan", "cat $dir/lan.leases")):
    if not touches(name, line):
        print(f"this should have been found: {line}")
        failed += 1
if opens('f = fopen(path, "re"); fd = open(p, 0); fd = openat(d, p, 0); popen("x"); ipc_open(x);') != 3:
    print("the count of open() is wrong")
    failed += 1
print(f"{failed} failed")
sys.exit(failed > 0)
