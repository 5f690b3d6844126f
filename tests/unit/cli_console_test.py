"""The command line and the console as programs: their output, their exit, and that there is no escape from the console."""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SEKISHO = "build/bin/sekisho"
PROMPT = "sekisho> "
failed = []


def check(what, good, seen=""):
    if not good:
        failed.append(what)
        print(f"FAIL: {what}\n  seen: {seen!r}")


def run(*words, root=None, lang=None):
    environment = {"PATH": os.environ["PATH"]} | ({"LANG": lang} if lang else {})
    command = [SEKISHO] + (["--root", root] if root else []) + list(words)
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def a_box(root):
    state = f"{root}/run/sekisho"
    put(f"{state}/gate/state", "version 1\nmode session\nsession up\nservice lab\nsince 1795000000\ntunnel up\n"
        "charon up\ncredentials yes\nnames running\nblocked.dns 3\n")
    put(f"{state}/enroll/state", "version 1\nphase valid\nloaded yes\nserial 0123\nnot-after 4000000000\nsubject CN=box\n")
    put(f"{state}/wan/state", "version 1\nlink up\naddress 192.0.2.7\n")
    put(f"{state}/clock/state", "version 1\ntrusted yes\n")
    put(f"{state}/audit/state", "version 1\nwritten 2\n")
    put(f"{root}/state/audit/audit.log.1", "2026-11-21T08:00:00Z 000001 audit audit.start\n")
    put(f"{root}/state/audit/audit.log", "2026-11-21T08:30:00Z 000002 gate session.start service=lab name=\"a\\x0a\"\n")
    put(f"{root}/state/site.conf", open("tests/golden/site-dhcp.conf", encoding="utf-8").read().replace("gtol", "lab"))
    shutil.copytree("configs/services", f"{root}/etc/sekisho/services")


def test_status(root):
    r = run("status", root=root)
    check("a box that is well ends with 0", r.returncode == 0, r)
    check("both languages by default", "Connected: PCs reach the registry" in r.stdout and "接続中" in r.stdout, r.stdout)
    r = run("status", root=root, lang="ja_JP.UTF-8")
    check("Japanese alone by LANG", "接続中" in r.stdout and "Connected" not in r.stdout, r.stdout)
    r = run("status", "--lang", "en", root=root, lang="ja_JP.UTF-8")
    check("--lang stands before LANG", "Connected" in r.stdout and "接続" not in r.stdout, r.stdout)
    r = run("status", "--json", root=root)
    check("json is one line", r.stdout.count("\n") == 1, r.stdout)
    s = json.loads(r.stdout)
    check("json has the headline", s["headline"]["id"] == "connected" and s["ok"] and s["problems"] == [], s)
    check("json has the state files", s["gate"]["since"] == "2026-11-18T20:06:40+09:00" and s["gate"]["tunnel"] == "up", s["gate"])
    check("a serial number stays text", s["enroll"]["serial"] == "0123", s["enroll"])
    put(f"{root}/run/sekisho/wan/state", "version 1\nlink down\n")
    r = run("status", root=root)
    check("trouble ends with 1", r.returncode == 1, r)
    check("trouble says what to do", "The line to the outside is down" in r.stdout and "-> Check the cable" in r.stdout, r.stdout)
    with open(f"{root}/run/sekisho/wan/state", "wb") as f:
        f.write(b"version 1\nlink up\naddress \x1b[2J\xff\"\\\n")
    r = run("status", "--json", root=root)
    check("json is valid whatever a file says", json.loads(r.stdout)["wan"]["link"] == "up", r.stdout)
    r = run("status", root=root)
    check("no control character reaches the terminal", "\x1b" not in r.stdout, r.stdout)
    put(f"{root}/run/sekisho/wan/state", "version 1\nlink up\n")
    os.rename(f"{root}/run/sekisho/gate/state", f"{root}/run/sekisho/gate/gone")
    r = run("status", root=root)
    check("no gate: the LAN is closed", r.stdout.startswith("The gate is not running: the LAN is closed."), r.stdout)
    os.rename(f"{root}/run/sekisho/gate/gone", f"{root}/run/sekisho/gate/state")


def test_words(root):
    """Every word that a program publishes of its state has its Japanese; the words are taken from where they are published."""
    def words(path, pattern):
        return re.findall(r'"(\w+)"', re.search(pattern, open(path, encoding="utf-8").read(), re.S).group(1))

    state = f"{root}/run/sekisho"
    kept = {p: open(f"{state}/{p}/state", encoding="utf-8").read() for p in ("gate", "enroll", "wan", "clock")}
    cases = [("gate", "mode", "LANの状態", words("src/gate/session_ask.c", r"\[MODE_CLOSED\] = (.*?)\}")),
             ("gate", "session", "接続", words("src/gate/session_ask.c", r"state_names\[\w+\] = \{(.*?)\}")),
             ("gate", "tunnel", "トンネル", ["up", "down"]), ("wan", "link", "回線", ["up", "down"]),
             ("enroll", "phase", "証明書", words("src/enroll/agent.c", r"names\[\] = \{(.*?)\}")),
             ("clock", "trusted", "時刻の確認", ["yes", "no"])]
    for program, key, label, known in cases:
        check(f"words of {key}", len(known) >= 2, known)
        for word in known:
            put(f"{state}/{program}/state", f"version 1\n{key} {word}\n")
            seen = re.findall(f"^  {label}: (.*)$", run("status", "--lang", "ja", root=root).stdout, re.M)
            check(f"{key} {word} in Japanese", len(seen) == 1 and not re.search("[a-z]", seen[0]), seen)
            seen = run("status", root=root).stdout
            check(f"{key} {word} in both", re.search(f" / {label}: {word} / [^a-z\n]+$", seen, re.M), seen)
            seen = run("status", "--lang", "en", root=root).stdout
            check(f"{key} {word} in English", re.search(f": {word}$", seen, re.M), seen)
        put(f"{state}/{program}/state", f"version 1\n{key} odd\n")
        seen = run("status", "--lang", "ja", root=root).stdout
        check(f"{key}: a word that is not known", f"  {label}: odd\n" in seen, seen)
        put(f"{state}/{program}/state", kept[program])
    seen = run("cert", "show", "--lang", "ja", root=root).stdout
    check("the certificate's words", "状態: 有効" in seen and "VPNで使用: はい" in seen, seen)


def test_others(root):
    r = run("log", "-n", "1", "--json", root=root)
    log = json.loads(r.stdout)
    check("log gives the last line", len(log) == 1 and log[0]["number"] == 2 and log[0]["event"] == "session.start", log)
    check("its time is the site's", log[0]["time"] == "2026-11-21T17:30:00+09:00", log)
    site = f"{root}/state/site.conf"
    text = open(site, encoding="utf-8").read()
    put(site, text.replace("[site]\n", "[site]\ntimezone = -03:30\n"))
    for words, expected in ((("log",), "2026-11-21T05:00:00-03:30 000002 gate"), (("status",), "2026-11-18 07:36 -03:30"),
                            (("status", "--json"), '"since":"2026-11-18T07:36:40-03:30"'),
                            (("cert", "show"), "2096-10-02 03:36 -03:30")):
        r = run(*words, root=root)
        check(f"another zone: {words}", expected in r.stdout, r.stdout)
    put(site, text)
    r = run("log", root=root)
    check("log goes over the files", r.stdout.splitlines()[0].endswith("audit.start") and r.returncode == 0, r.stdout)
    r = run("cert", "show", "--json", root=root)
    check("cert show", json.loads(r.stdout)["enroll"]["subject"] == "CN=box", r.stdout)
    r = run("check", root=root)
    check("check of the box's own files", r.returncode == 0 and "1 service file: good" in r.stdout, r)
    r = run("check", "--json", "tests/golden/bad-site.conf")
    c = json.loads(r.stdout)
    check("check --json", r.returncode == 1 and not c["ok"] and c["errors"][0]["line"] == 3 and c["errors"][0]["remedy"], c)
    r = run("session", "start", "--json", root=root)
    check("nobody to ask ends with 2", r.returncode == 2 and not json.loads(r.stdout)["ok"], r)
    said = json.loads(r.stdout)
    check("... and says who", said["cause"]["code"] == "gate-unreachable" and said["cause"]["args"]["error"] == 2, said)
    said = json.loads(run("cert", "renew", "--json", root=root).stdout)
    check("... whoever it is", said["cause"]["code"] == "enroll-unreachable" and "証明書のプログラム" in said["text_ja"], said)
    for words in (("session", "start"), ("session", "end"), ("cert", "renew")):
        lines = run(*words, root=root).stdout.splitlines()
        check(f"... and what to do, {words}", len(lines) == 4 and lines[2].startswith("Wait a minute.") and "電源" in lines[3], lines)
    lines = run("cert", "renew", "--lang", "ja", root=root).stdout.splitlines()
    check("... in Japanese alone", len(lines) == 2 and "電源" in lines[1], lines)
    said = json.loads(run("session", "start", "nowhere", "--json", root=root).stdout)
    check("no such service", said["cause"]["code"] == "no-service-of-name", said)
    for program, words, code in (("gate", ("session", "end"), "gate-broke-off"), ("enroll", ("cert", "renew"), "enroll-broke-off")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(f"{root}/run/sekisho/{program}/ctl.sock")
            door.listen()
            for what in (b"", struct.pack("=HHI", 99, 5, 0) + b"Hello",                     # nothing; free text
                         struct.pack("=HHI", 99, 322, 0) + struct.pack("=BxH318s", 1, 65000, b"")):  # no such cause
                asked = subprocess.Popen([SEKISHO, "--root", root, *words, "--json"], stdout=subprocess.PIPE, text=True)
                caller = door.accept()[0]
                caller.recv(100)
                if what:
                    caller.send(what)
                caller.close()
                said = json.loads(asked.communicate(timeout=120)[0])
                check(f"{program} answers {what[:20]}", said["cause"]["code"] == code and asked.returncode == 2, said)
        os.unlink(f"{root}/run/sekisho/{program}/ctl.sock")
    for words in (["nonsense"], ["status", "x"], ["log", "-n"], ["log", "-n", "0"], ["check", "/nowhere"], [],
                  ["status", "--lang", "fr"], ["session"], ["check", "--site", "--service", "x"]):
        check(f"wrong call {words} ends with 2", run(*words).returncode == 2)


def test_log_of_the_console(root):
    """Typed text is shown as such, and not explained as if a program had reported it."""
    path = f"{root}/state/audit/audit.log"
    kept = open(path, encoding="utf-8").read()
    for line, said in (("gate session.failed hub-refuses-cert", True), ("console console.command hub-refuses-cert", False),
                       ('console console.command x reason="hub-refuses-cert"', False)):
        put(path, f"2026-11-21T08:30:00Z 000002 {line}\n")
        seen = run("log", "-n", "1", root=root).stdout
        check(f"`{line}` in words", ("証明書を拒否" in seen) == said and line in seen, seen)
        seen = json.loads(run("log", "-n", "1", "--json", root=root).stdout)[0]
        check(f"`{line}` as data", ("cause" in seen) == said and ("text" in seen) == said, seen)
    put(path, kept)


def test_examples(root):
    """What the pages show as a whole file is one."""
    for kind, files in (("site", 1), ("service", 2)):
        page = open(f"docs/man/{kind}.conf.5", encoding="utf-8").read()
        blocks = [b for b in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page, re.S | re.M) if b.startswith(f"[{kind}]")]
        check(f"{kind}.conf(5) shows so many files", len(blocks) == files, page[-600:])
        for block in blocks:
            put(f"{root}/example.conf", block)
            r = run("check", f"--{kind}", f"{root}/example.conf")
            check(f"the example of {kind}.conf(5)", r.returncode == 0, r.stdout)


def test_times():
    """Times for people are written in one place, which puts their offset beside them; nothing else makes one."""
    found = subprocess.run(["grep", "-rlE", r"\b(strftime|gmtime|gmtime_r|localtime|localtime_r|ctime|asctime)\(", "src"],
                           capture_output=True, text=True).stdout.split()
    check("who makes a calendar of a time", sorted(found) == ["src/enroll/http_date.c", "src/lib/zone.c"], found)


class Console:
    """The console on a terminal of its own, as the box starts it."""

    def __init__(self):
        self.master, self.slave = pty.openpty()  # the slave stays open, so that the terminal exists throughout
        name = os.ttyname(self.slave)
        self.process = subprocess.Popen([SEKISHO, "console", "--tty", name], stdin=subprocess.DEVNULL,
                                        start_new_session=True, env={"PATH": os.environ["PATH"]})

    def until_prompt(self, seconds=60):
        seen, end = "", time.monotonic() + seconds
        while not seen.endswith(PROMPT) and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                seen += os.read(self.master, 65536).decode("utf-8", "replace")
        return seen

    def ask(self, line):
        os.write(self.master, line.encode() + b"\r")
        return self.until_prompt()


def test_console():
    console = Console()
    try:
        screen = console.until_prompt()
        check("the console begins with the status", "== Sekisho ==" in screen and "The gate is not running" in screen, screen)
        check("with the time and its offset", re.search(r"== Sekisho ==  20\d\d-\d\d-\d\d \d\d:\d\d \+09:00 ", screen), screen)
        check("and then prompts", screen.endswith(PROMPT), screen)
        status = open(f"/proc/{console.process.pid}/status").read()
        ids = [line.split()[1:] for line in status.splitlines() if line.startswith(("Uid:", "Gid:"))]
        check("it has given up root", os.geteuid() != 0 or ids == [["606"] * 4, ["606"] * 4], ids)
        check("it holds no capability", "CapEff:\t0000000000000000" in status or os.geteuid() != 0, status)
        check("it is under seccomp", "Seccomp:\t2" in status or os.geteuid() != 0, status)
        answer = console.ask("status --json")
        check("an answer ends with the prompt", answer.endswith("}\r\n" + PROMPT), answer[-200:])
        for line in ("sh", "!sh", "status; sh", "$(sh)", "log | sh", "console", "--root / status", "help\x00sh",
                     "check --site /etc/shadow", "../../bin/sh", "status --lang `sh`"):
            answer = console.ask(line)
            check(f"{line!r} leads nowhere", answer.endswith(PROMPT) and "root:" not in answer, answer)
        check("a long line is refused", "too long" in console.ask("x" * 1000), "")
        check("an empty line does nothing", console.ask("").strip() == PROMPT.strip(), "")
        os.write(console.master, b"half a comm\x03")
        answer = console.until_prompt()
        check("Ctrl-C only clears the line", answer.endswith(PROMPT), answer)
        os.write(console.master, b"\x1a\x1c")  # Ctrl-Z, Ctrl-\
        check("Ctrl-Z and Ctrl-\\ do nothing", console.ask("").endswith(PROMPT))
        check("still the same process", console.process.poll() is None)
        time.sleep(1)
        check("nothing is written while nobody types", not select.select([console.master], [], [], 1)[0])
        os.write(console.master, b"\x04")
        check("end of input ends it well", console.process.wait(60) == 0)
    finally:
        if console.process.poll() is None:
            os.kill(console.process.pid, signal.SIGKILL)
        console.process.wait()


def main():
    subprocess.run(["make", "-s", "-f", "src/build.mk", SEKISHO], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as root:
        a_box(root)
        test_status(root)
        test_words(root)
        test_others(root)
        test_log_of_the_console(root)
        test_examples(root)
    test_times()
    test_console()
    print(f"{len(failed)} failed")
    sys.exit(bool(failed))


main()
