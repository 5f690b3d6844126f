"""The SBOM (CycloneDX 1.5) of the root file system made by rootfs-pack.py, with the licence of each program as linked.

Our sources are under BSD-2-Clause (LICENSE). A program that links a library under the GPL is, as a binary, under both licences:
its component lists them, and the packages whose libraries it links (found in the ELF headers, not by hand).
"""
import glob
import hashlib
import json
import os
import re
import subprocess

OURS = "BSD-2-Clause"


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def named_licences(root, package):
    """All licences in the package's copyright file, for any of its files."""
    try:
        with open(f"{root}/usr/share/doc/{package}/copyright", encoding="utf-8", errors="replace") as f:
            text = f.read()
    except OSError:
        return []
    found = sorted(set(re.findall(r"^License:[ \t]*(\S.*?)\s*$", text, re.M)))
    return found or sorted(set(re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9])", text)))


def table(path):
    """rootfs/licences: package -> SPDX expression."""
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            words = line.split("#", 1)[0].split(None, 1)
            if words:
                found[words[0]] = words[1].strip()
    return found


def together(licences):
    """One SPDX expression for a work under all of these."""
    return " AND ".join(f"({x})" if " OR " in x else x for x in sorted(set(licences)))


class Links:
    """The packages whose libraries a file of the box links, directly or indirectly."""

    def __init__(self, entries, needed, package_of):
        # The soname is a symbolic link to the library's file.
        self.by_name = {os.path.basename(p): os.path.normpath(os.path.join(os.path.dirname(p), e[1])) if e[0] == "link" else p
                        for p, e in entries.items() if e[0] in ("link", "file")}
        self.needed, self.package_of, self.known = needed, package_of, {}

    def of(self, path):
        if path not in self.known:
            self.known[path] = set()
            for name in self.needed(path):
                library = self.by_name[os.path.basename(name)]
                self.known[path] |= {self.package_of[library]} | self.of(library)
        return self.known[path]


class Licences:
    def __init__(self, top, die):
        self.table, self.die = table(f"{top}/rootfs/licences"), die

    def of(self, package):
        if package not in self.table:
            self.die(f"rootfs/licences has no line for {package}: read its copyright file and add the licence of what is kept")
        return self.table[package]


def debian_components(target, kept):
    """(component, package name, [paths on the box]) of each package with kept files; removes these from kept."""
    root = f"{target}/root"
    for deb in sorted(glob.glob(f"{target}/debs/*.deb")):
        listing = subprocess.run(f"dpkg-deb --fsys-tarfile {deb} | tar -t", shell=True, capture_output=True, text=True,
                                 check=True).stdout
        # A package may still use /lib/x: on the box that is /usr/lib/x.
        files = {re.sub(r"^/(lib|lib64|bin|sbin)/", r"/usr/\1/", line[1:]) for line in listing.splitlines()}
        mine = sorted(files & set(kept))
        if not mine:
            continue
        fields = subprocess.run(["dpkg-deb", "-W", "--showformat=${Package}\n${Version}\n${source:Package}\n${source:Version}",
                                 deb], capture_output=True, text=True, check=True).stdout.split("\n")
        name, version, source, source_version = fields
        yield {
            "type": "library" if name.startswith("lib") else "application", "name": name, "version": version,
            "purl": f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-13",
            "hashes": [{"alg": "SHA-256", "content": sha256(deb)}],
            "licenses": [{"license": {"name": x}} for x in named_licences(root, name)],
            "properties": [{"name": "sekisho:source", "value": f"{source} {source_version}"}] +
                          [{"name": "sekisho:file", "value": f"{kept[f]} sha256:{sha256(root + f)}"} for f in mine],
        }, name, [kept.pop(f) for f in mine]


def linux_component():
    kernel = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "linux-source-6.12"], capture_output=True, text=True,
                            check=True).stdout
    return {
        "type": "operating-system", "name": "linux", "version": kernel,
        "purl": f"pkg:deb/debian/linux-source-6.12@{kernel}?arch=all&distro=debian-13",
        "hashes": [{"alg": "SHA-256", "content": sha256("/usr/src/linux-source-6.12.tar.xz")}],
        "licenses": [{"license": {"name": "GPL-2.0-only WITH Linux-syscall-note"}}],
    }


def write(out, top, target, entries, needed, version, built, die):
    """entries: path -> (kind, mode, source); needed: source -> (libraries, …)."""
    root = f"{target}/root"
    sources = {p: e[2] for p, e in entries.items() if e[0] == "file"}
    kept = {s[len(root):]: p for p, s in sources.items() if s.startswith(root)}
    licences, package_of, components = Licences(top, die), {}, []
    packages = list(debian_components(target, kept))
    if kept:
        die(f"no package claims {', '.join(sorted(kept))}")
    for _, name, paths in packages:
        package_of.update({p: name for p in paths})
    links = Links(entries, lambda path: needed(sources[path])[0], package_of)
    for component, name, paths in packages:
        linked = {name}.union(*(links.of(p) for p in paths))
        component["properties"].append({"name": "sekisho:licence-as-linked", "value": together(map(licences.of, linked))})
        components.append(component)
    components.append(linux_component())
    for path, source in sorted(sources.items()):
        if source.startswith(f"{top}/build/stripped/"):
            linked = sorted(links.of(path))
            components.append({
                "type": "application", "name": f"sekisho-{os.path.basename(path)}", "version": version,
                "hashes": [{"alg": "SHA-256", "content": sha256(source)}],
                "licenses": [{"expression": together([OURS] + [licences.of(p) for p in linked])}],
                "properties": [{"name": "sekisho:file", "value": path},
                               {"name": "sekisho:licence-of-sources", "value": OURS}] +
                              [{"name": "sekisho:links", "value": f"{p} {licences.of(p)}"} for p in linked]})
    with open(out, "w", encoding="utf-8") as f:
        json.dump({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
                   "metadata": {"component": {"type": "firmware", "name": "sekisho", "version": version,
                                              "properties": [{"name": "sekisho:built", "value": str(built)}]}},
                   "components": components}, f, indent=1)
        f.write("\n")
