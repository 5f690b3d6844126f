"""Makes the peer machine's initial RAM disk out of stock Debian packages (tests/bench/peer/packages).

It is what an administrator's hand-made box would be: Debian's cloud kernel with the modules it needs, BusyBox as
shell and DHCP client, the same charon, dnsmasq with --nftset as the DNS front, nftables. Only the files that are
needed go in (the libraries by walking ELF headers), as initramfs-tools would do with MODULES=list, so that the peer is
not slowed down by ballast. Compressed with zstd, Debian's default.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/ipsec", "/usr/lib"]
PROGRAMS = ["/usr/bin/busybox", "/usr/bin/kmod", "/usr/sbin/nft", "/usr/sbin/swanctl", "/usr/sbin/dnsmasq",
            "/usr/lib/ipsec/charon", "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1"]
# The same plugins as on our box (configs/strongswan.conf).
PLUGINS = ["nonce", "openssl", "pem", "x509", "revocation", "constraints", "kernel-netlink", "socket-default", "vici"]
APPLETS = ["sh", "mount", "mkdir", "cat", "echo", "ip", "udhcpc", "sleep", "sed", "rm", "ln", "sysctl", "ifconfig", "route",
           "awk", "grep", "cut", "tr", "stty"]
# What goes into the RAM disk as it stands in this folder: name, place, mode.
FILES = [("init", "/init", 0o755), ("udhcpc.script", "/etc/udhcpc.script", 0o755),
         ("firewall.nft", "/etc/firewall.nft", 0o644)]


class PeerError(Exception):
    """The peer machine could not be put together; the text says why."""


def kernel(peer):
    """(version, path of the kernel's image) of the stock kernel in the folder of extracted packages."""
    images = glob.glob(f"{peer}/root/boot/vmlinuz-*")
    if len(images) != 1:
        raise PeerError(f"one kernel was expected in the peer's packages, {len(images)} found")
    return os.path.basename(images[0])[len("vmlinuz-"):], images[0]


def modules_wanted():
    with open(f"{HERE}/modules", encoding="utf-8") as f:
        return [line.split("#")[0].strip() for line in f if line.split("#")[0].strip()]


def copy_modules(root, version, stage):
    """The wanted modules and what they depend on, and a fresh index of them."""
    base = f"{root}/usr/lib/modules/{version}"
    if not os.path.exists(f"{base}/modules.dep.bin"):
        subprocess.run(["depmod", "-b", f"{root}/usr", "-m", "/lib/modules", version], check=True)
    for name in modules_wanted():
        found = subprocess.run(["modprobe", "-d", f"{root}/usr", "-S", version, "--show-depends", name],
                               capture_output=True, text=True)
        if found.returncode != 0:
            raise PeerError(f"module {name}: {found.stderr.strip()}")
        for path in re.findall(r"^insmod (\S+)", found.stdout, re.M):
            target = stage + path[len(root):]
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(path, target)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(f"{base}/{name}", f"{stage}/usr/lib/modules/{version}/{name}")
    subprocess.run(["depmod", "-b", f"{stage}/usr", "-m", "/lib/modules", version], check=True)


def needed(path):
    """Libraries and interpreter that an ELF file asks for; nothing for other files."""
    out = subprocess.run(["readelf", "-dlW", path], capture_output=True, text=True).stdout
    names = re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", out)
    interpreter = re.search(r"Requesting program interpreter: (.*?)\]", out)
    return names, interpreter.group(1) if interpreter else None


def take(root, stage, path):
    """Copy one file under its own name, links followed. Returns its path in the tree."""
    os.makedirs(os.path.dirname(stage + path), exist_ok=True)
    shutil.copy(os.path.realpath(root + path), stage + path)
    return path


def copy_programs(root, stage):
    todo = PROGRAMS + [f"/usr/lib/ipsec/plugins/libstrongswan-{p}.so" for p in PLUGINS]
    done = set()
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
                raise PeerError(f"{path} needs {name}, which no package of the peer has")
            todo.append(f"{folder}/{name}")


def lay_out(stage):
    for folder in ("dev", "proc", "sys", "run", "tmp", "etc/swanctl/x509", "etc/swanctl/x509ca", "etc/swanctl/private",
                   "usr/bin", "usr/sbin", "usr/lib64", "var/empty"):
        os.makedirs(f"{stage}/{folder}", exist_ok=True)
    for link, target in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"),
                         ("var/run", "/run"), ("usr/sbin/modprobe", "../bin/kmod")):
        os.symlink(target, f"{stage}/{link}")
    for name in APPLETS:
        os.symlink("busybox", f"{stage}/usr/bin/{name}")
    for name, place, mode in FILES:
        shutil.copy(f"{HERE}/{name}", stage + place)
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


def make(peer, out):
    """Make the peer's RAM disk at OUT unless it is there already and made of the same things."""
    root = f"{peer}/root"
    key = hashlib.sha256(peer.encode())
    for name in sorted(os.listdir(HERE)):
        if os.path.isfile(f"{HERE}/{name}"):
            with open(f"{HERE}/{name}", "rb") as f:
                key.update(f.read())
    key = key.hexdigest()
    if os.path.exists(out) and os.path.exists(out + ".key"):
        with open(out + ".key", encoding="ascii") as f:
            if f.read() == key:
                return
    stage = out + ".root"
    shutil.rmtree(stage, ignore_errors=True)
    try:
        os.makedirs(f"{stage}/usr")
        lay_out(stage)
        copy_modules(root, kernel(peer)[0], stage)
        copy_programs(root, stage)
        archive(stage, out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    with open(out + ".key", "w", encoding="ascii") as f:
        f.write(key)
