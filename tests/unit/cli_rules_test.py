#!/usr/bin/env python3
"""`sekisho rules`: gate's file as a page and as JSON. Runs in the checkout's top."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

NOW = int(time.time())
PAGE = f"""version 1
written {NOW}
mode session
service 1 up cancer 203.0.113.10 Cancer registry (がん登録)
service 5 up rare 203.0.113.11 Rare diseases
service 6 down heart - Heart
service 7 up own pc Own tool
service 8 down other pc Other tool
host 192.168.77.20 02:00:5e:10:00:20 cancer
host 192.168.77.21 02:00:5e:10:00:21 none
others rare
open 5 db.rare.example 10.21.0.80 {NOW + 600} tcp/443+tls tunnel
open 1 www.cancer.example 10.20.0.81 {NOW + 600} tcp/443+tls,udp/123 tunnel
open 1 www.cancer.example 10.20.0.80 {NOW + 60} tcp/443+tls,udp/123 tunnel
open 7 vpn.own.example 203.0.113.12 {NOW + 600} udp/500,udp/4500,esp tunnel
open 1 old.cancer.example 10.20.0.9 {NOW - 1} tcp/443 tunnel
open 1 apply.provider.example 198.51.100.8 {NOW + 60} tcp/443+tls line
more 7
"""


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%S+09:00", time.gmtime(when + 9 * 3600))


def call(root, *words):
    done = subprocess.run(["build/bin/sekisho", "--root", root, "rules", *words], capture_output=True, text=True)
    return done.returncode, done.stdout


def check(what, condition, text=""):
    if not condition:
        sys.exit(f"FAIL: {what}\n{text}")


with tempfile.TemporaryDirectory() as root:
    status, text = call(root)
    check("no file: nobody to ask", status == 2 and "not running" in text and "動いていません" in text, text)

    path = pathlib.Path(root, "run/sekisho/gate/rules")
    path.parent.mkdir(parents=True)
    path.write_text(PAGE)
    status, text = call(root, "--lang", "en")
    parts = text.split("\n\n")
    check("good", status == 0 and len(parts) == 7, text)
    cancer, rare, heart, own, other, more = parts[1:]
    check("title, tunnel and hub", "Cancer registry (がん登録)" in cancer and "`cancer` to the hub 203.0.113.10" in cancer, cancer)
    check("bound hosts only", "For these PCs only:\n    192.168.77.20 (02:00:5e:10:00:20)" in cancer, cancer)
    check("ports", "www.cancer.example  tcp/443 (TLS, the name is checked), udp/123\n" in cancer, cancer)
    check("addresses in order, under their name once", cancer.index("10.20.0.80") < cancer.index("10.20.0.81")
          and cancer.count("www.cancer.example") == 1, cancer)
    check("until when", time.strftime("until %H:%M:%S +09:00 ", time.gmtime(NOW + 60 + 9 * 3600)) in cancer, cancer)
    check("what is over is not shown", "old.cancer" not in text, text)
    check("others but those bound", "For all PCs but these:" in rare and "192.168.77.21" in rare
          and "192.168.77.20" in rare, rare)
    check("nothing of the other service", "10.21.0.80" in rare and "10.20" not in rare, rare)
    check("a tunnel that is down", "down: nothing of it can be reached" in heart, heart)
    check("a tunnel of the PC's own", "Its tunnel is the PC's own: on the line its hub can be reached" in own
          and "vpn.own.example  udp/500, udp/4500, esp\n" in own and "Only through the tunnel" not in own, own)
    check("no session for it", "Its tunnel is the PC's own, and its session is not on" in other, other)
    check("more", "+ 7" in more, more)
    behind, _, line = cancer.partition("On the line, not through the tunnel:\n")
    check("on the line apart from the tunnel", "www.cancer" in behind and "198.51" not in behind
          and "apply.provider.example" in line and "198.51.100.8" in line and "10.20" not in line, cancer)
    check("in Japanese too", "回線経由(トンネルを通りません):" in call(root, "--lang", "ja")[1])
    check("Japanese", "トンネル「cancer」(接続先 203.0.113.10)だけを通ります" in call(root, "--lang", "ja")[1])

    data = json.loads(call(root, "--json")[1])
    check("times in json have their offset", data["written"] == stamp(NOW)
          and data["services"][1]["open"][0]["until"] == stamp(NOW + 600), str(data))
    check("whose tunnel it is, in json", [s["tunnel"] for s in data["services"]] == ["box", "box", "box", "pc", "pc"]
          and data["services"][3]["hub"] == "-", str(data))
    check("json", data["mode"] == "session" and data["more"] == 7 and data["services"][0]["hosts"] == ["192.168.77.20"]
          and not data["services"][0]["others"] and data["services"][1]["others"]
          and [o["address"] for o in data["services"][0]["open"]] == ["10.20.0.80", "10.20.0.81", "198.51.100.8"]
          and [o["way"] for o in data["services"][0]["open"]] == ["tunnel", "tunnel", "line"], str(data))

    for mode, word in (("closed", "Closed: nothing passes"), ("internet", "may use the internet")):
        path.write_text(PAGE.replace("mode session", f"mode {mode}"))
        status, text = call(root, "--lang", "en")
        check(mode, word in text and "10.20" not in text, text)
    path.write_text(PAGE.replace("mode session", "mode before").replace(" tunnel\n", " line\n", 1))
    status, text = call(root, "--lang", "en")
    check("before", "Closed, but for the names on the line" in text and "198.51.100.8" in text and "10.20" not in text, text)
print("ok")
