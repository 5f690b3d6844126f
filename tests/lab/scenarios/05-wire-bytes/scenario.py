import hashlib
import os

import net
import pcap
import servers
import topology as t

GROUP = "shipped"


SIZE = f"{servers.BIG // 10**6} MB"
LONGEST = 2048        # bytes of a frame that the capture keeps: ESP packets are not larger than the uplink's MTU


def transfer(lab, form):
    url = f"https://{t.REGISTRY_NAME}"
    got = f"{lab.folder}/got"
    with lab.capture(big=True, longest=LONGEST) as wire:
        page = lab.pc.curl(f"{url}/big", "-o", got, timeout=300)
        size = os.path.getsize(got) if os.path.exists(got) else 0
        rate = size * 8 / 1e6 / page.seconds
        lab.check(f"{form}: {SIZE} down, byte for byte ({page.seconds:.1f} s, {rate:.0f} Mbit/s)", "the same",
                  "the same" if size == servers.BIG and digest(got) == digest(lab.registry.big) else
                  f"{size} bytes, {page}")
        page = lab.pc.curl(f"{url}/upload", "-T", lab.registry.big, "-X", "POST", timeout=300)
        rate = servers.BIG * 8 / 1e6 / page.seconds
        lab.check(f"{form}: {SIZE} up ({page.seconds:.1f} s, {rate:.0f} Mbit/s)", f"received {servers.BIG}",
                  page.body.strip() or str(page))
    with lab.box.still():
        judge(lab, form, wire)
    os.unlink(wire.path)
    if os.path.exists(got):
        os.unlink(got)


def judge(lab, form, wire):
    figures = pcap.esp_figures(wire.packets())
    counts = wire.counts()
    lab.check(f"{form}: packets that the capture lost", 0, wire.dropped)
    lab.check(f"{form}: the capture is of {form}", "more than 30000 packets of it, none of the other", counts,
              (counts["esp"] > 30000 and counts["esp-in-udp"] == 0) if form == "bare ESP" else
              (counts["esp-in-udp"] > 30000 and counts["esp"] == 0))
    lab.check(f"{form}: sequence numbers used twice with different bytes, of {figures.packets}", 0,
              f"{figures.reused}, e.g. {figures.example}" if figures.reused else 0)
    lab.check(f"{form}: packets with an inner address in clear", [], wire.clear())
    lab.check(f"{form}: packets that show the registry's name or page", [], wire.marked())


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def run(lab):
    lab.registry.offer_big()
    lab.up()
    lab.boot()
    lab.ready()
    lab.session()
    offload = net.run("lan", ["ethtool", "-k", "pc0"]).stdout
    lab.check("the PC's card hands TSO frames to the box, as a virtio card does", "tcp-segmentation-offload: on",
              next((line.strip() for line in offload.split("\n") if "tcp-segmentation-offload" in line), "unknown"))
    transfer(lab, "bare ESP")
    lab.box.cli("session end")
    lab.eventually("tunnels at the hub after `session end`", 0, lab.hub.installed)
    lab.hub.raw_esp = False
    lab.hub.configure()
    lab.hub.restart()
    lab.session()
    transfer(lab, "ESP in UDP")
