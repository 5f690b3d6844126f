import hashlib
import json
import os
import re
import subprocess
import tempfile
import time

import commands

GROUP = "shipped"


def version_everywhere(lab, os_release, bill):
    """The file firmware/version is the only source: image, SBOM and (below) console get it from there."""
    version = commands.version()
    lab.check("version in /etc/os-release", [f'VERSION="{version}"', f'VERSION_ID="{version}"'],
              [line for line in os_release.split("\n") if line.startswith("VERSION")])
    ours = [p for p in bill["components"] if p["name"].startswith("sekisho-")]
    lab.check("versions in the bill of materials, of the whole and of our programs", {version},
              {bill["metadata"]["component"]["version"]} | {p["version"] for p in ours}, len(ours) >= 10)


def libraries(path):
    said = subprocess.run(("readelf", "-dW", path), capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", said)


def licences_as_linked(lab, parts, linked):
    """A program that links a GPL library is under the GPL in the image, and its component says so (LICENSE is for the sources)."""
    gpl, wrong, links = "libnftnl.so", [], {}
    for part in (p for p in parts if p["name"].startswith("sekisho-")):
        said = " ".join(x["expression"] for x in part["licenses"])
        path = next(v["value"] for v in part["properties"] if v["name"] == "sekisho:file")
        links[path] = any(name.startswith(gpl) for name in linked[path])
        if "BSD-2-Clause" not in said or links[path] != bool(re.search(r"(^| )GPL-2.0-or-later", said)):
            wrong.append(f"{path}: {said}")
        if any(name.startswith("libmnl.so") for name in linked[path]) and "LGPL-2.1-or-later" not in said:
            wrong.append(f"{path}: {said}")
    lab.check("our programs that link a GPL library", ["/usr/libexec/sekisho/gate"], [p for p, l in links.items() if l])
    lab.check("our programs whose licence as linked is another", [], wrong)
    of_packages = {p["name"]: v["value"] for p in parts for v in p.get("properties", ())
                   if v["name"] == "sekisho:licence-as-linked"}
    for name, must in (("busybox", "GPL-2.0-only"), ("finit", "MIT"), ("nftables", "GPL-2.0-only"),
                       ("strongswan-charon", "GPL-2.0-or-later")):
        lab.check(f"licence of {name} as linked", f"… {must} …", of_packages.get(name, ""), must in of_packages.get(name, ""))


def bill_of_materials(lab):
    """build/sbom.json against the root file system itself: every program and library, with its contents."""
    with open("build/sbom.json") as f:
        bill = json.load(f)
    parts = bill["components"]
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
        programs, linked = {}, {}
        with open(f"{folder}/etc/os-release", encoding="utf-8") as f:
            version_everywhere(lab, f.read(), bill)
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    data = f.read()
                if data[:4] == b"\x7fELF":
                    linked["/" + os.path.relpath(path, folder)] = libraries(path)
                    programs["/" + os.path.relpath(path, folder)] = hashlib.sha256(data).hexdigest()
    wrong = sorted(p for p, digest in programs.items() if listed.get(p) != digest)
    licences_as_linked(lab, parts, linked)
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
        answer = lab.box.cli(text)
        bad = [w for w in ("uid=", "root:", "not found", "# ", "BEGIN") if w in answer]
        lab.check(f"console: {text[:24]!r}", "refused by the CLI", "refused by the CLI" if not bad else answer[:200])
    lab.check("`version` at the console", f"Sekisho {commands.version()}", lab.box.cli("version").split("\n")[0])
    for character in "\x03\x04\x1a\x1c":
        lab.box.console.send(character)
        time.sleep(0.3)
    time.sleep(1.5)
    lab.eventually("the console after Ctrl-C, D, Z, \\", "still answers",
                   lambda: "still answers" if lab.box.cli("status", 30) else "silent")
