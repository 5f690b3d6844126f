"""Makes a machine's initial RAM disk from stock Debian packages (scripts/packages), as initramfs-tools would do
with MODULES=list: only what is needed goes in, the libraries by walking ELF headers. Compressed with zstd, Debian's
default.

A machine is described by a Recipe and its folder: `init`, `modules` (one kernel module per line), other files.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/ipsec", "/usr/lib"]
AGENT = f"{HERE}/machine-agent"      # every machine's /init ends with it


class MachineError(Exception):
    """The machine could not be built; the text says why."""


@dataclass
class Recipe:
    folder: str                                    # where init, modules and the files are
    programs: list                                 # and libraries that nothing names; busybox and kmod go in anyway
    applets: list                                  # of BusyBox
    files: list = field(default_factory=list)      # (name in the folder, place, mode)
    folders: list = field(default_factory=list)    # empty ones
    links: list = field(default_factory=list)      # (link, target)


def kernel(tree):
    """(version, path of the kernel's image) of the stock kernel in a folder of extracted packages."""
    images = glob.glob(f"{tree}/root/boot/vmlinuz-*")
    if len(images) != 1:
        raise MachineError(f"one kernel was expected in the packages, {len(images)} found")
    return os.path.basename(images[0])[len("vmlinuz-"):], images[0]


def modules_wanted(folder):
    with open(f"{folder}/modules", encoding="utf-8") as f:
        return [line.split("#")[0].strip() for line in f if line.split("#")[0].strip()]


def copy_modules(root, version, wanted, stage):
    """The listed modules with their dependencies, and a new index."""
    base = f"{root}/usr/lib/modules/{version}"
    if not os.path.exists(f"{base}/modules.dep.bin"):
        subprocess.run(["depmod", "-b", f"{root}/usr", "-m", "/lib/modules", version], check=True)
    for name in wanted:
        found = subprocess.run(["modprobe", "-d", f"{root}/usr", "-S", version, "--show-depends", name],
                               capture_output=True, text=True)
        if found.returncode != 0:
            raise MachineError(f"module {name}: {found.stderr.strip()}")
        for path in re.findall(r"^insmod (\S+)", found.stdout, re.M):
            target = stage + path[len(root):]
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(path, target)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(f"{base}/{name}", f"{stage}/usr/lib/modules/{version}/{name}")
    subprocess.run(["depmod", "-b", f"{stage}/usr", "-m", "/lib/modules", version], check=True)


def needed(path):
    """The libraries and interpreter that an ELF file needs; nothing for other files."""
    out = subprocess.run(["readelf", "-dlW", path], capture_output=True, text=True).stdout
    names = re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", out)
    interpreter = re.search(r"Requesting program interpreter: (.*?)\]", out)
    return names, interpreter.group(1) if interpreter else None


def take(root, stage, path):
    """Copy one file under its own name, links followed. Returns its path in the tree."""
    os.makedirs(os.path.dirname(stage + path), exist_ok=True)
    shutil.copy(os.path.realpath(root + path), stage + path)
    return path


def copy_programs(root, programs, stage):
    todo, done = list(programs), set()
    while todo:
        path = todo.pop()
        if path in done:
            continue
        done.add(take(root, stage, path))
        names, interpreter = needed(stage + path)
        if interpreter:
            todo.append("/usr" + interpreter.replace("/usr", ""))
        for name in names:
            folder = next((d for d in LIBRARIES if os.path.lexists(f"{root}{d}/{name}")), None)
            if folder is None:
                raise MachineError(f"{path} needs {name}, which is in none of the packages")
            todo.append(f"{folder}/{name}")


def lay_out(recipe, stage):
    for folder in ("dev", "proc", "sys", "run", "tmp", "etc", "usr/bin", "usr/sbin", "usr/lib64", "var/empty",
                   *recipe.folders):
        os.makedirs(f"{stage}/{folder}", exist_ok=True)
    for link, target in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"),
                         ("var/run", "/run"), ("usr/sbin/modprobe", "../bin/kmod"), *recipe.links):
        os.symlink(target, f"{stage}/{link}")
    for name in recipe.applets:
        os.symlink("busybox", f"{stage}/usr/bin/{name}")
    for source, place, mode in [(f"{recipe.folder}/init", "/init", 0o755), (AGENT, "/agent", 0o755),
                                *((f"{recipe.folder}/{n}", place, mode) for n, place, mode in recipe.files)]:
        shutil.copy(source, stage + place)
        os.chmod(stage + place, mode)
    with open(f"{stage}/etc/passwd", "w", encoding="ascii") as f:
        f.write("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/false\n")
    with open(f"{stage}/etc/group", "w", encoding="ascii") as f:
        f.write("root:x:0:\nnogroup:x:65534:\n")


def archive(stage, out, compress=True):
    """Pack a folder as an initial RAM disk, everything owned by root."""
    pack = "find . -mindepth 1 | sort | cpio -o -H newc -R 0:0 --quiet"
    with open(out + ".tmp", "wb") as f:
        subprocess.run(["sh", "-c", pack + (" | zstd -q -9 -c" if compress else "")], cwd=stage, stdout=f, check=True)
    os.rename(out + ".tmp", out)


def _key(tree, recipe):
    key = hashlib.sha256(f"{tree} {recipe}".encode())
    own = sorted(f"{recipe.folder}/{n}" for n in os.listdir(recipe.folder))
    for path in [os.path.abspath(__file__), AGENT, *own]:
        if os.path.isfile(path):
            with open(path, "rb") as f:
                key.update(f.read())
    return key.hexdigest()


def make(tree, recipe, out):
    """Make the RAM disk at OUT unless it exists with the same inputs."""
    root, key = f"{tree}/root", _key(tree, recipe)
    if os.path.exists(out) and os.path.exists(out + ".key"):
        with open(out + ".key", encoding="ascii") as f:
            if f.read() == key:
                return
    os.makedirs(os.path.dirname(out), exist_ok=True)
    stage = out + ".root"
    shutil.rmtree(stage, ignore_errors=True)
    try:
        os.makedirs(f"{stage}/usr")
        lay_out(recipe, stage)
        copy_modules(root, kernel(tree)[0], modules_wanted(recipe.folder), stage)
        copy_programs(root, ["/usr/bin/busybox", "/usr/bin/kmod", *recipe.programs], stage)
        archive(stage, out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    with open(out + ".key", "w", encoding="ascii") as f:
        f.write(key)


def with_settings(base, folder, out):
    """RAM disk OUT: what is in the folder, which belongs to one lab, on top of the RAM disk that all labs share."""
    extra = out + ".settings"
    archive(folder, extra, compress=False)
    with open(out, "wb") as whole:
        for part in (base, extra):
            with open(part, "rb") as f:
                # The kernel looks for the next archive at a multiple of four bytes.
                whole.write(f.read())
                whole.write(b"\0" * (-whole.tell() % 4))
    os.unlink(extra)
    return out
