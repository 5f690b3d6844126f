import subprocess

import box as boxes
from box import pick


def run(lab):
    lab.make_box()
    # As the image comes: its state partition has no site file, and a box that took it would say so.
    path = f"{lab.box.folder}/stranger.img"
    subprocess.run(("cp", "--sparse=always", boxes.IMAGE, path), check=True)
    drive = ["-drive", f"file={path},format=raw,if=none,id=other,cache=unsafe"]
    lab.box.extra = [*drive, "-device", "qemu-xhci,addr=0x1e", "-device", "usb-storage,drive=other,removable=off"]
    lab.box.start()
    lab.check("with a USB stick: the site file of the box's own disk", "yes", pick(lab.box.status(), "boot.site"))
    said = lab.box.sentences()
    lab.check("with a USB stick: complaints about the state partition", "none", said or "none", "partition" not in said)
    lab.box.cut_power()
    lab.box.extra = [*drive, "-device", "virtio-blk-pci,drive=other"]
    lab.box.start()
    lab.status_says("with a second disk: the status says it", "several state partitions")
    lab.check("with a second disk: a site file in force", "no", pick(lab.box.status(), "boot.site"))
