"""Network namespaces made from the topology, and work done inside them."""

import contextlib
import fcntl
import json
import os
import struct
import subprocess

import netns
import topology

TUNSETIFF = 0x400454CA
TUNSETPERSIST = 0x400454CB
TUNSETVNETHDRSZ = 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
VNET_HDR_SIZE = 12    # virtio 1.0


def nodad(address: str) -> tuple:
    """Without duplicate address detection an IPv6 address is usable at once, so that servers can bind it."""
    return ("nodad",) if ":" in address else ()


def ip(*args, ns=None, check=True):
    command = ("ip",) + (("-n", ns) if ns else ()) + tuple(args)
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def run(ns, command, timeout=30, text=None, env=None):
    """Run a command in a namespace; returns the finished process (never raises for its status)."""
    try:
        return subprocess.run(("ip", "netns", "exec", ns) + tuple(command), capture_output=True, text=True,
                              timeout=timeout, input=text, env=env, stdin=subprocess.DEVNULL if text is None else None)
    except subprocess.TimeoutExpired as e:
        return subprocess.CompletedProcess(command, 124, (e.stdout or b"").decode(errors="replace"),
                                           f"no end after {timeout} s")


def start(ns, command, log, env=None):
    """Start a server in a namespace. It dies with the lab; its output goes to the file log."""
    with open(log, "ab") as out:
        return subprocess.Popen(("ip", "netns", "exec", ns) + tuple(command), stdin=subprocess.DEVNULL, stdout=out,
                                stderr=out, env=env, preexec_fn=netns.die_with_parent)


@contextlib.contextmanager
def inside(ns):
    """This thread is in namespace ns meanwhile: a socket made here stays there. (None: where it is already.)"""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open("/run/netns/" + ns if ns else "/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.setns(there, os.CLONE_NEWNET)
        yield
    finally:
        os.setns(here, os.CLONE_NEWNET)
        os.close(here)
        os.close(there)


def tap(ns, name):
    """A TAP device in a namespace; the file is for QEMU. It keeps its name and address when QEMU closes it."""
    with inside(ns):
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        fcntl.ioctl(fd, TUNSETPERSIST, 1)
        fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", VNET_HDR_SIZE))
    return fd


def borrow(ns, name):
    """A TAP of the keeper (warm.py), reused under its name there; like a new one except for its own address."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    os.setns(netns.outside, os.CLONE_NEWNET)
    try:
        ip("link", "set", name, "netns", ns)
    finally:
        os.setns(here, os.CLONE_NEWNET)
        os.close(here)
    ip("link", "set", name, "mtu", "1500", "txqueuelen", "1000", ns=ns)
    run(ns, ["ethtool", "-K", name, "tso", "on", "gso", "on"])


def give_back(ns, name):
    ip("link", "set", name, "netns", f"/proc/{os.getpid()}/fd/{netns.outside}", ns=ns)


def link(ns, name):
    """What the kernel knows of an interface, its statistics included."""
    return json.loads(ip("-s", "-j", "link", "show", "dev", name, ns=ns))[0]


def sysctl(ns, **settings):
    lines = [f"{key.replace('__', '.')}={value}" for key, value in settings.items()]
    done = run(ns, ["sysctl", "-q", "-w"] + lines)
    if done.returncode != 0:
        raise RuntimeError(f"sysctl in {ns}: {done.stderr.strip()}")


def build(keeper=False):
    """Make every namespace and link of the topology. keeper: the box's TAPs are there already, outside."""
    for ns in topology.NAMESPACES:
        ip("netns", "add", ns.name)
        ip("link", "set", "lo", "up", ns=ns.name)
        # Addresses are usable at once, and there are none but those of the topology.
        sysctl(ns.name, net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
               net__ipv6__conf__default__accept_ra=0, net__ipv4__conf__all__rp_filter=0,
               net__ipv4__conf__default__rp_filter=0)
        if ns.forward:
            sysctl(ns.name, net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        if ns.bridge:
            ip("link", "add", ns.bridge, "type", "bridge", "forward_delay", "0", ns=ns.name)
            for address in ns.bridge_addresses:
                ip("addr", "add", address, "dev", ns.bridge, *nodad(address), ns=ns.name)
            ip("link", "set", ns.bridge, "up", ns=ns.name)
    for ns in topology.NAMESPACES:
        for interface in ns.interfaces:
            _interface(ns, interface, keeper)
    for ns in topology.NAMESPACES:
        for route in ns.routes:
            words = route.split()
            family = ["-6"] if words[0] == "-6" or ":" in words[0] else []
            words = words[1:] if words[0] == "-6" else words
            kind = [words.pop(0)] if words[0] == "blackhole" else []
            ip(*family, "route", "add", *kind, *words, ns=ns.name)


def _interface(ns, i, keeper):
    if i.peer.startswith("tap:"):
        if keeper:
            borrow(ns.name, i.name)
        else:
            os.close(tap(ns.name, i.name))
        if i.mac:
            ip("link", "set", i.name, "address", i.mac, ns=ns.name)
    else:
        port = f"to-{ns.name}"
        bridge = next(n.bridge for n in topology.NAMESPACES if n.name == i.peer)
        ip("link", "add", i.name, "netns", ns.name, "type", "veth", "peer", "name", port, "netns", i.peer)
        ip("link", "set", port, "master", bridge, "up", ns=i.peer)
    for address in i.addresses:
        ip("addr", "add", address, "dev", i.name, *nodad(address), ns=ns.name)
    ip("link", "set", i.name, "up", ns=ns.name)
