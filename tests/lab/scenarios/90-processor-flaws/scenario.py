GROUP = "lab-image"


def run(lab):
    """What the kernel says of each flaw that it knows: the lab's kernel has the same configuration, and an agent to ask."""
    lab.up()
    lab.boot(lab_image=True)
    said = dict(line.split(":", 1) for line in
                lab.box.root("cd /sys/devices/system/cpu/vulnerabilities && grep . *").splitlines() if ":" in line)
    # spec_store_bypass needs a switch in the processor, and QEMU's has none.
    open_ones = [f"{name}: {what}" for name, what in sorted(said.items())
                 if "vulnerable" in what.lower() and name != "spec_store_bypass"]
    lab.check(f"flaws of processors ({len(said)}) that nothing is done about", [], open_ones, len(said) > 10 and not open_ones)
    for name in ("spectre_v1", "spectre_v2"):
        lab.check(name, "Mitigation: …", said.get(name, "nothing"), said.get(name, "").startswith("Mitigation"))
