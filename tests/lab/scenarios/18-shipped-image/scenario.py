import subprocess
import time


def run(lab):
    lab.up()
    lab.boot()
    lab.check("the agent of the lab announces itself", "no", "yes" if lab.box.agent.up(3) else "no")
    status, output = lab.box.agent.run("id", 3)
    lab.check("the agent of the lab runs a command", "no answer", output or "no answer", status is None)
    with open("build/root.cpio", "rb") as root:
        names = subprocess.run(("cpio", "-t", "--quiet"), stdin=root, capture_output=True, text=True).stdout.split("\n")
    lab.check("the root was looked at", "more than 100 files", f"{len(names)} files", len(names) > 100)
    lab.check("files of the agent in the root", [], [n for n in names if "lab-agent" in n or "usr/lib/lab" in n])
    for text in ("sh", "/bin/sh", "id; sh", "$(id)", "`id`", "log | sh", "status && sh", "!sh", "log -n 5 > /state/x",
                 "check /etc/shadow", "check /state/keys", "x" * 5000, "\x1b[A", "\t\t"):
        answer = lab.box.cli(text, 10)
        bad = [w for w in ("uid=", "root:", "not found", "# ", "BEGIN") if w in answer]
        lab.check(f"console: {text[:24]!r}", "refused by the CLI", "refused by the CLI" if not bad else answer[:200])
    for character in "\x03\x04\x1a\x1c":
        lab.box.console.send(character)
        time.sleep(0.3)
    time.sleep(1.5)
    answer = lab.box.cli("status", 10)
    lab.check("the console after Ctrl-C, D, Z, \\", "still answers", "still answers" if answer else "silent")
