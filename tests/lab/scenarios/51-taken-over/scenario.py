import re

GROUP = "lab-image"

# One line, as the lab's agent wants it: of each process its name, numbers, user, rights and root.
LISTING = ("for d in /proc/[0-9]*; do grep -q . $d/cmdline 2>/dev/null || continue; "
           "echo $(grep -E '^(Name|Pid|PPid|Uid|CapEff|NoNewPrivs|Seccomp):' $d/status) Root: $(readlink $d/root); done")
CAPABILITIES = {10: "net_bind_service", 12: "net_admin", 13: "net_raw", 25: "sys_time"}
STATES = (("wan", "wan", "wan/state"), ("gate", "gate", "gate/state"), ("enroll", "enroll", "enroll/state"),
          ("clock", "clock", "clock/state"), ("audit", "audit", "audit/state"))
PLANTS = {"a link to the key": "ln -s /state/keys/current/key.pem state", "a pipe": "mkfifo state",
          "a folder": "mkdir state", "a file of 300 kB": "head -c 300000 /dev/zero >state"}


def table():
    """{name: (user, capabilities, no new privileges, seccomp, root)}"""
    with open("rootfs/processes") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {r[0]: (r[1], r[2], r[3], r[4], r[5]) for r in rows}


def capabilities(word):
    bits = int(word, 16)
    names = [CAPABILITIES.get(n, str(n)) for n in range(64) if bits >> n & 1]
    return "none" if not names else "all" if len(names) > 30 else ",".join(sorted(names))


def processes(lab, users):
    """What runs, but for the kernel's threads and the lab's own agent with what it starts."""
    found, every = {}, {}
    for line in lab.box.root(LISTING).splitlines():
        w = dict(re.findall(r"(\w+): +(\S*)", line.replace("\r", "")))
        if w.get("Pid"):
            every[w["Pid"]] = w

    def agents(w):
        return w is not None and (w["Name"] == "lab-agent" or agents(every.get(w["PPid"])))
    for w in every.values():
        if agents(w):
            continue
        yes_or_no = ["yes" if w[key] == value else "no" for key, value in (("NoNewPrivs", "1"), ("Seccomp", "2"))]
        row = (users.get(w["Uid"], w["Uid"]), capabilities(w["CapEff"]), *yes_or_no,
               "empty" if w["Root"] == "/var/empty" else w["Root"])
        found.setdefault(w["Name"], set()).add(row)
    return found


def rights(lab, when):
    users = {line.split(":")[2]: line.split(":")[0] for line in lab.box.root("cat /etc/passwd").splitlines() if ":" in line}
    wanted, seen = table(), processes(lab, users)
    if "sekisho" in seen:   # the console is the command line itself
        seen["console"] = seen.pop("sekisho")
    for name in sorted(set(wanted) | set(seen)):
        lab.check(f"{when}: {name}", " ".join(wanted.get(name, ["no such process"])),
                  " | ".join(sorted(" ".join(row) for row in seen.get(name, ()))) or "it does not run")


def quiet(lab):
    """Nobody has done anything yet: no packet is told as blocked. (But a question to the line's DNS server, a moment before
    gate has allowed it.)"""
    lines = [line for line in lab.box.log() if " blocked reason=" in line and "port=53 " not in line]
    lab.check("blocked packets in the log of a quiet start", [], lines)
    counters = lab.box.root("nft list counters | tr -d '\\n\\t' | sed 's/}/}\\n/g'")
    for name in ("input_wan", "clear", "invalid"):
        packets = re.search(rf"dropped_{name} {{\s*packets (\d+)", counters)
        lab.check(f"counted as {name}", "0", packets.group(1) if packets else "no such counter")


FILES = "find /run/sekisho /state | while read -r f; do echo \"$(stat -c '%n %U:%G %a %F' $f)\"; done"
KINDS = {"directory": "folder", "socket": "socket", "fifo": "pipe", "symbolic link": "link"}


def described():
    """docs/state-files.md: [(pattern of the path, its name there, "kind owner mode", may it be missing)]"""
    rows = []
    with open("docs/state-files.md", encoding="utf-8") as f:
        for path, kind, owner, mode, more in re.findall(r"^\| `(/[^`]+)` \| (\w+) \| (\S+) \| (\d+) \| ?(\w*) ?\|$", f.read(), re.M):
            pattern = re.escape(path).replace("NAME", "[a-z0-9-]+").replace("N", "[0-9]+")
            rows.append((pattern, path, f"{kind} {owner} {mode}", more == "sometimes"))
    return rows


def state_files(lab):
    """Every file below /run/sekisho and /state, as docs/state-files.md says. (NAME.new is there for a moment.)"""
    rows, met = described(), set()
    lab.check("files that docs/state-files.md describes", "more than 40", len(rows), len(rows) > 40)
    for line in lab.box.root(FILES).replace("\r", "").splitlines():
        words = re.fullmatch(r"(/\S+) (\S+) (\d+) (.*)", line.strip())
        if not words or words[1].endswith(".new"):
            continue
        seen = f"{KINDS.get(words[4], 'file')} {words[2]} {words[3]}"
        row = next((r for r in rows if re.fullmatch(r[0], words[1])), None)
        met.add(row)
        lab.check(words[1], row[2] if row else "no file: it is not described", seen)
    missing = [r[1] for r in rows if r not in met and not r[3]]
    lab.check("described and not there", [], missing)


def as_user(lab, user, command):
    return lab.box.root(f"setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs --inh-caps=-all "
                        f"sh -c '{command}' 2>&1; echo rc $?")


def plants(lab):
    key = lab.box.root("sed 1d /state/keys/current/key.pem | head -n 1").strip()
    lab.check("the key is there to be read by root", "a line", f"{len(key)} letters", len(key) > 30)
    for user, program, path in STATES:
        folder = f"/run/sekisho/{path.split('/', maxsplit=1)[0]}"
        pid = f"$(for p in /proc/[0-9]*; do read -r c <$p/comm && [ $c = {program} ] && echo ${{p#/proc/}}; done)"
        for what, command in PLANTS.items():
            lab.box.root(f"kill -STOP {pid}")   # or it would put its own file there again at once
            as_user(lab, user, f"cd {folder} && mv state kept && {command}")
            text = lab.box.cli("status")
            lab.check(f"{path} is {what}: said, and nothing of the key", "said, without the key",
                      "it hangs" if not text else "the key!" if key and key in text else
                      "said, without the key" if "something else stands in the place of its file" in text else text[:200])
            as_user(lab, user, f"cd {folder} && rm -rf state && mv kept state")
            lab.box.root(f"kill -CONT {pid}")
    for user, door in (("gate", "gate/ctl.sock"), ("gate", "gate/sni.sock"), ("enroll", "enroll/ctl.sock"),
                       ("audit", "audit/sock")):
        done = as_user(lab, user, f"rm -f /run/sekisho/{door}; ls /run/sekisho/{door}")
        lab.check(f"{user} takes {door} away", "it stays", "it stays" if "rc 0" in done else done)
    done = as_user(lab, "dhcp", "nft add element inet sekisho live { 5 }")
    lab.check("user dhcp changes the packet filter", "refused", "refused" if "rc 0" not in done else done)


def run(lab):
    lab.up()
    lab.boot(lab_image=True)
    lab.ready()
    quiet(lab)
    rights(lab, "at rest")
    lab.session()
    rights(lab, "in a session")
    state_files(lab)
    plants(lab)
    text = lab.box.cli("status")
    lab.check("the status afterwards", "no complaint about files", text[:300], "something else stands" not in text)
    lab.session()
