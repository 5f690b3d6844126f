#!/bin/sh
# The algorithms in src/lib/proposal.c, compared with charon as loaded on the box (configs/strongswan.conf) and with the
# kernel's configuration; and the verdict of `sekisho check` on each keyword.
#
# Run inside the workshop, from the top: sh tests/unit/gate_proposals_test.sh   (as root; needs build/bin)
[ -n "${GATE_TEST_INSIDE:-}" ] || GATE_TEST_INSIDE=1 exec unshare --mount --pid --net --fork --kill-child --mount-proc sh "$0"
set -u
. tests/unit/checks.sh
mount_var || exit 1
look() { tail -n 5 "$w/charon.log"; }
top=$PWD
w=$(mktemp -d) && chmod 755 "$w" || exit 1
cp build/bin/sekisho configs/services/lab.conf "$w/" || exit 1
load=$(sed -n 's/^\tload = //p' configs/strongswan.conf)
cat >"$w/strongswan.conf" <<-END
	charon {
		load = $load
		plugins {
			vici {
				socket = unix://$w/vici
			}
		}
	}
END
mount -t tmpfs x /run
STRONGSWAN_CONF=$w/strongswan.conf /usr/lib/ipsec/charon >"$w/charon.log" 2>&1 &
ok "charon as the box has it" soon swanctl --stats --uri "unix://$w/vici" >/dev/null 2>&1
ok "its algorithms are those of the table" python3 - "$top" "$w" <<'END'
import re
import subprocess
import sys

top, w = sys.argv[1:]
ROW = re.compile(r'^    \{"(\S+)", (\w+), "(\w*)", (\w+), (\w+)\},', re.M)
with open(top + "/src/lib/proposal.c") as f:
    rows = ROW.findall(f.read())
have, section = {}, ""
for line in subprocess.run(["swanctl", "--list-algs", "--uri", f"unix://{w}/vici"], capture_output=True, text=True,
                           check=True).stdout.splitlines():
    if not line.startswith(" "):
        section = line.strip(": ")
    else:
        have.setdefault(section, set()).add(line.strip().split("[")[0])
with open(top + "/firmware/kernel.config") as f:
    kernel = set(re.findall(r"^CONFIG_CRYPTO_(\w+)=y", f.read(), re.M))
SECTIONS = {"AEAD": "aead", "CIPHER": "encryption", "INTEGRITY": "integrity", "PRF": "prf", "EXCHANGE": "ke"}
# Not for IKE or ESP, or written with another word that is in the table.
OTHERS = {"AES_ECB", "AES_CFB", "DES_ECB", "HMAC_SHA1_128", "HMAC_SHA2_256_256", "HMAC_SHA2_384_384", "HMAC_SHA2_512_512",
          "PRF_KEYED_SHA1", "MODP_CUSTOM"}
KERNEL = {"AES_GCM_16": {"AES", "GCM", "SEQIV"}, "AES_CBC": {"AES", "CBC", "AUTHENC", "ECHAINIV"},
          "HMAC_SHA2_256_128": {"HMAC", "SHA256"}, "HMAC_SHA2_384_192": {"HMAC", "SHA512"},
          "HMAC_SHA2_512_256": {"HMAC", "SHA512"}}
wrong = []
if len(rows) < 60 or len({r[0] for r in rows}) != len(rows):
    wrong.append(f"{len(rows)} words, or one twice")


def proposal(use, word, kind):
    parts = {"AEAD": [word], "CIPHER": [word, "sha256"], "INTEGRITY": ["aes128", word], "PRF": ["aes128gcm16", word],
             "EXCHANGE": ["aes128gcm16", word], "SEQUENCE": ["aes128gcm16", word]}[kind]
    if use == "ike":
        parts += ["prfsha256"] * (kind in ("AEAD", "EXCHANGE")) + ["ecp256"] * (kind != "EXCHANGE")
    return "-".join(parts)


def charon_takes(use, text):
    ike, esp = (text, "aes128gcm16") if use == "ike" else ("aes128gcm16-prfsha256-ecp256", text)
    with open(w + "/swanctl.conf", "w") as f:
        f.write(f"connections {{\n t {{\n proposals = {ike}\n children {{\n t {{\n esp_proposals = {esp}\n }}\n }}\n }}\n}}\n")
    return subprocess.run(["swanctl", "--load-conns", "--file", w + "/swanctl.conf", "--uri", f"unix://{w}/vici"],
                          capture_output=True).returncode == 0


def check(use, text):
    with open(w + "/lab.conf") as f:
        service = f.read().replace("[tunnel]", f"[tunnel]\n{use}-proposal = {text}", 1)
    with open(w + "/test.conf", "w") as f:
        f.write(service)
    return subprocess.run([w + "/sekisho", "check", w + "/test.conf"], capture_output=True, text=True).stdout


for word, kind, name, ike, esp in rows:
    if kind in SECTIONS:
        there = name in have[SECTIONS[kind]]
        if "GOOD" in (ike, esp) and not there:
            wrong.append(f"{word}: charon has no {name}")
        if (ike, esp) == ("ABSENT", "ABSENT") and there:
            wrong.append(f"{word}: charon has {name}")
    if esp == "GOOD" and kind in ("AEAD", "CIPHER", "INTEGRITY") and not KERNEL.get(name, {"?"}) <= kernel:
        wrong.append(f"{word}: the kernel lacks it")
    for use, verdict in (("ike", ike), ("esp", esp)):
        if kind == "NONE" or (verdict != "GOOD" and kind == "SEQUENCE"):
            continue
        text = proposal(use, word, kind)
        said = check(use, text)
        if verdict == "GOOD" and (f"{use}-proposal" in said or not charon_takes(use, text)):
            wrong.append(f"{use} {text}: {said or 'charon does not take it'}")
        if verdict != "GOOD" and {"WEAK": "too weak", "ABSENT": "does not have"}[verdict] not in said:
            wrong.append(f"{use} {text}: not refused as {verdict}: {said}")
for section in SECTIONS.values():
    for name in have[section] - {r[2] for r in rows} - OTHERS:
        wrong.append(f"no word for {name}")
# Why each proposal of a list is sent as an item of its own, and why the words are known here.
if "ike-proposal" in check("ike", "aes128-sha256-ecp256, aes256gcm16-prfsha384-ecp384"):
    wrong.append("a list is refused")
if not charon_takes("ike", "aes256gcm16-prfsha384-mlkem768"):
    wrong.append("charon has become stricter: it refuses what it does not have")
for use, text, says in (("ike", "aes256gcm16-prfsha384", "without key exchange"), ("ike", "aes256gcm16-ecp384", "pseudo-random"),
                        ("ike", "aes256-prfsha384-ecp384", "without integrity"), ("esp", "ecp384", "without encryption"),
                        ("esp", "aes256gcm16-ecp384,", "empty place"), ("esp", "aes256gcm16--ecp384", "no algorithm"),
                        ("esp", "aes256gcm16-", "no algorithm"), ("esp", "aes256gcm16-rot13", "no algorithm"),
                        ("esp", "aes256gcm16-aes256-sha256", "two kinds"), ("esp", ", ".join(["aes128gcm16"] * 9), "more than 8")):
    if says not in check(use, text):
        wrong.append(f"{use} {text}: {check(use, text)}")
print("\n".join(wrong))
sys.exit(bool(wrong))
END
[ $failed = 0 ] || tail -n 5 "$w/charon.log"
verdict gate_proposals
