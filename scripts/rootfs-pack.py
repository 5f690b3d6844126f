#!/usr/bin/env python3
"""Packs the box's root file system (see rootfs/README.md). Runs inside the workshop.

usage: rootfs-pack.py box|lab TARGET
  TARGET  folder with root/ (extracted Debian packages) and debs/ (their .deb files)

Writes build/root.cpio and build/sbom.json, or build/lab/root.cpio. The same inputs give the same bytes: entries are
sorted, owned by root, and dated SOURCE_DATE_EPOCH.
"""
import fnmatch
import glob
import hashlib
import os
import re
import stat
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import sbom  # noqa: E402
from sbom import sha256  # noqa: E402

TOP = "/sekisho"
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "1767225600"))
LIBRARY_PATH = ["/usr/lib/x86_64-linux-gnu", "/usr/lib", "/usr/lib/ipsec"]


def die(text):
    sys.exit(f"error: {text}")


class Tree:
    """The box's files: path -> ('dir', mode) | ('link', target) | ('node', major, minor, mode) | ('file', mode, source)."""

    def __init__(self):
        self.entries = {}

    def put(self, path, entry):
        self.entries[path] = entry
        parent = os.path.dirname(path)
        while parent != "/" and parent not in self.entries:
            self.entries[parent] = ("dir", 0o755)
            parent = os.path.dirname(parent)

    def take(self, root, path):
        """Take PATH from ROOT; for a symbolic link also its target."""
        full = root + path
        if os.path.islink(full):
            target = os.readlink(full)
            self.put(path, ("link", target))
            self.take(root, os.path.normpath(os.path.join(os.path.dirname(path), target)))
        elif os.path.isfile(full):
            self.put(path, ("file", 0o755 if os.access(full, os.X_OK) else 0o644, full))
        else:
            die(f"{path}: no such file in {root}")


def lines(name):
    with open(f"{TOP}/{name}", encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            words = line.split("#", 1)[0].split()
            if words:
                yield f"{name}:{number}", words


# --- the kept files of the packages

def all_files(root):
    found = []
    for folder, _, files in os.walk(root):
        found += [os.path.join(folder, f)[len(root):] for f in files]
    return found


def take_kept(tree, root):
    names = all_files(root)
    for where, words in lines("rootfs/keep"):
        hits = fnmatch.filter(names, words[0])
        if not hits:
            die(f"{where}: {words[0]} matches nothing in the packages; correct rootfs/keep or rootfs/packages")
        for hit in hits:
            tree.take(root, hit)


# --- our own files

def take_overlay(tree, folder):
    for path in all_files(folder):
        full = folder + path
        if os.path.islink(full):
            tree.put(path, ("link", os.readlink(full)))
        else:
            tree.put(path, ("file", 0o755 if os.access(full, os.X_OK) else 0o644, full))


def strip(name):
    source, out = f"{TOP}/build/bin/{name}", f"{TOP}/build/stripped/{name}"
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(["strip", "-s", "-o", out, source], check=True)
    return out


def os_release(version, out):
    """The overlay's file with the version (from firmware/version) filled in."""
    with open(f"{TOP}/rootfs/overlay/etc/os-release", encoding="utf-8") as f:
        text = f.read()
    with open(out, "w", encoding="utf-8") as f:
        f.write(f'{text}VERSION="{version}"\nVERSION_ID="{version}"\n')
    return out


def take_help(tree):
    """The man pages as text for `sekisho help TOPIC`: 80 columns, without bold and underline."""
    for page in sorted(glob.glob(f"{TOP}/docs/man/*.[0-9]")):
        text = subprocess.run([os.environ["MANDOC"], "-T", "utf8", "-I", "os=Sekisho", "-O", "width=78", page], capture_output=True,
                              text=True, check=True).stdout
        topic = os.path.basename(page).rsplit(".", 1)[0]
        out = f"{TOP}/build/help/{topic}"
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(out, "w", encoding="utf-8") as f:
            f.write(re.sub(".\b", "", text).expandtabs())
        tree.put(f"/usr/share/sekisho/help/{topic}", ("file", 0o644, out))


def take_tree_file(tree):
    partial = bool(os.environ.get("SEKISHO_PARTIAL"))
    for where, words in lines("rootfs/tree"):
        kind, rest = words[0], words[1:]
        if kind == "dir":
            tree.put(rest[1], ("dir", int(rest[0], 8)))
        elif kind == "link":
            tree.put(rest[0], ("link", rest[1]))
        elif kind == "node":
            tree.put(rest[0], ("node", int(rest[1]), int(rest[2]), int(rest[3], 8)))
        elif kind in ("file", "program"):
            source = f"{TOP}/{rest[0]}" if kind == "file" else f"{TOP}/build/bin/{rest[0]}"
            if not os.path.exists(source):
                if not partial:
                    die(f"{where}: {source[len(TOP) + 1:]} is missing")
                print(f"warning: {where}: {source[len(TOP) + 1:]} is missing, left out", file=sys.stderr)
            elif kind == "file":
                tree.put(rest[1], ("file", 0o644, source))
            else:
                tree.put(rest[1], ("file", 0o755, strip(rest[0])))
        elif kind == "applet":
            for name in rest[1:]:
                tree.put(f"{rest[0]}/{name}", ("link", "/usr/bin/busybox"))
        else:
            die(f"{where}: unknown word {kind}")


# --- libraries

def needed(path):
    """The libraries and the interpreter that an ELF file needs, and its RUNPATH."""
    with open(path, "rb") as f:
        if f.read(4) != b"\x7fELF":
            return [], [], None
    out = subprocess.run(["readelf", "-dlW", path], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", out)
    paths = [p for r in re.findall(r"\((?:RUNPATH|RPATH)\).*?\[(.*?)\]", out) for p in r.split(":")]
    interpreter = re.search(r"Requesting program interpreter: (.*?)\]", out)
    return names, paths, interpreter.group(1) if interpreter else None


def take_libraries(tree, root):
    todo = [p for p, e in tree.entries.items() if e[0] == "file"]
    done = set()
    while todo:
        path = todo.pop()
        if path in done:
            continue
        done.add(path)
        names, paths, interpreter = needed(tree.entries[path][2])
        if interpreter:
            tree.take(root, "/usr" + interpreter if not interpreter.startswith("/usr") else interpreter)
        for name in names:
            for folder in [os.path.normpath(p.replace("$ORIGIN", os.path.dirname(path))) for p in paths] + LIBRARY_PATH:
                candidate = f"{folder}/{name}"
                if os.path.lexists(root + candidate):
                    tree.take(root, candidate)
                    break
            else:
                die(f"{path} needs {name}, which is in no package of rootfs/packages")
        todo += [p for p, e in tree.entries.items() if e[0] == "file" and p not in done]


# --- output

def cpio(tree, out):
    """cpio 'newc', uncompressed: the kernel image as a whole is compressed once."""
    with open(out, "wb") as f:
        def pad():
            f.write(b"\0" * (-f.tell() % 4))

        def entry(inode, name, mode, data=b"", major=0, minor=0):
            raw = name.encode() + b"\0"
            fields = (inode, mode, 0, 0, 2 if stat.S_ISDIR(mode) else 1, EPOCH, len(data), 0, 0, major, minor, len(raw), 0)
            f.write(b"070701" + b"".join(b"%08X" % v for v in fields) + raw)
            pad()
            f.write(data)
            pad()

        entry(0, ".", stat.S_IFDIR | 0o755)
        for inode, path in enumerate(sorted(tree.entries), 1):
            kind, *args = tree.entries[path]
            name = path.lstrip("/")
            if kind == "dir":
                entry(inode, name, stat.S_IFDIR | args[0])
            elif kind == "link":
                entry(inode, name, stat.S_IFLNK | 0o777, args[0].encode())
            elif kind == "node":
                entry(inode, name, stat.S_IFCHR | args[2], b"", args[0], args[1])
            else:
                with open(args[1], "rb") as source:
                    entry(inode, name, stat.S_IFREG | args[0], source.read())
        entry(0, "TRAILER!!!", 0)


def inputs_key(tree, target):
    made_by = "".join(sha256(f) for f in (__file__, sbom.__file__, f"{TOP}/rootfs/licences"))
    h = hashlib.sha256(f"{EPOCH} {os.path.basename(target)} {made_by}\n".encode())
    for path in sorted(tree.entries):
        entry = tree.entries[path]
        line = entry[:2] + (sha256(entry[2]),) if entry[0] == "file" else entry
        h.update(f"{path} {line}\n".encode())
    return h.hexdigest()


def main():
    variant, target = sys.argv[1:]
    root, build = f"{target}/root", f"{TOP}/build"
    out = f"{build}/root.cpio" if variant == "box" else f"{build}/lab/root.cpio"
    os.makedirs(os.path.dirname(out), exist_ok=True)
    stamp = f"{build}/.time"
    with open(stamp, "w", encoding="utf-8") as f:
        f.write(f"{EPOCH}\n")
    with open(f"{TOP}/firmware/version", encoding="utf-8") as f:
        version = f.read().strip()

    tree = Tree()
    take_kept(tree, root)
    take_tree_file(tree)
    take_overlay(tree, f"{TOP}/rootfs/overlay")
    take_help(tree)
    if variant == "lab":
        take_overlay(tree, f"{TOP}/tests/lab/agent")
        tree.take(root, "/usr/sbin/swanctl")     # lets the lab start a rekey on the box
        for name in subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
            tree.put(f"/usr/lib/lab/bin/{name}", ("link", "/usr/bin/busybox"))
    tree.put("/etc/sekisho/build-time", ("file", 0o644, stamp))
    tree.put("/etc/os-release", ("file", 0o644, os_release(version, f"{build}/.os-release")))
    take_libraries(tree, root)

    key = inputs_key(tree, target)
    try:
        with open(out + ".key", encoding="utf-8") as f:
            if f.read() == key and os.path.exists(out):
                return
    except OSError:
        pass
    cpio(tree, out + ".tmp")
    if variant == "box":
        sbom.write(f"{build}/sbom.json", TOP, target, tree.entries, needed, version, EPOCH, die)
    os.rename(out + ".tmp", out)
    with open(out + ".key", "w", encoding="utf-8") as f:
        f.write(key)
    size = os.path.getsize(out)
    print(f"root file system: {out[len(TOP) + 1:]}, {len(tree.entries)} entries, {size / 1e6:.1f} MB", file=sys.stderr)


main()
