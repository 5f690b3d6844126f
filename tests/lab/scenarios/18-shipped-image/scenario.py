import hashlib
import json
import os
import subprocess
import tempfile
import time

GROUP = "shipped"


def bill_of_materials(lab):
    """build/sbom.json against the root file system itself: every program and library, with its contents."""
    with open("build/sbom.json") as f:
        parts = json.load(f)["components"]
    packages = [p for p in parts if p.get("purl", "").startswith("pkg:deb/")]
    lab.check("packages in the bill of materials without version, sha256 or licence", [],
              [p["name"] for p in packages if not (p["version"] and p["hashes"][0]["content"] and p.get("licenses"))],
              len(packages) > 20 and all(p["version"] and p["hashes"][0]["content"] and p.get("licenses") for p in packages))
    listed = {}
    for part in parts:
        for value in (v["value"] for v in part.get("properties", ()) if v["name"] == "sekisho:file"):
            path, _, digest = value.partition(" sha256:")
            listed[path] = digest or part["hashes"][0]["content"]
    with tempfile.TemporaryDirectory(dir="build/lab") as folder, open("build/root.cpio", "rb") as root:
        subprocess.run(("cpio", "-id", "--quiet", "--no-absolute-filenames"), stdin=root, cwd=folder, check=True,
                       stderr=subprocess.DEVNULL)
        programs = {}
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    data = f.read()
                if data[:4] == b"\x7fELF":
                    programs["/" + os.path.relpath(path, folder)] = hashlib.sha256(data).hexdigest()
    wrong = sorted(p for p, digest in programs.items() if listed.get(p) != digest)
    lab.check(f"programs and libraries in the image ({len(programs)}) that it lacks, or has otherwise", [], wrong,
              len(programs) > 40 and not wrong)


def run(lab):
    lab.up()
    lab.boot()
    lab.check("the agent of the lab announces itself", "no", "yes" if lab.box.agent.up(3) else "no")
    status, output = lab.box.agent.run("id", 3)
    lab.check("the agent of the lab runs a command", "no answer", output or "no answer", status is None)
    with open("build/root.cpio", "rb") as root:
        names = subprocess.run(("cpio", "-t", "--quiet"), stdin=root, capture_output=True, text=True).stdout.split("\n")
    lab.check("the root was looked at", "more than 100 files", f"{len(names)} files", len(names) > 100)
    bill_of_materials(lab)
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
