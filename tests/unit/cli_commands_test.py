"""Every command of `sekisho` with every option under ASan, on files at and beyond every limit. Checks the output."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/lab")
sys.dont_write_bytecode = True
import commands  # noqa: E402

SEKISHO = "build/asan/sekisho"
KEPT = 512 * 1024          # octets that are read of one file of the log
failed = []


def check(what, good, seen=""):
    if not good:
        failed.append(what)
        print(f"FAIL: {what}\n  seen: {str(seen)[-1500:]}")


def run(root, line):
    """The answer as shown by the console (stdout and stderr), and the exit status."""
    done = subprocess.run([SEKISHO, "--root", root, *line.split()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={"PATH": os.environ["PATH"]}, timeout=300)
    return done.stdout.decode("utf-8"), done.returncode


def put(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())


def rules_page():
    """More names, hosts and services than there may be, lines of every wrong kind, and an end in the middle of a line."""
    now = int(time.time())
    lines = ["version 1", f"written {now}", "mode session", "others all"]
    lines += [f"service {n} up s{n} 203.0.113.{n} Title {n} (がん登録)" for n in range(1, 40)]
    lines += [f"host 192.168.77.{n} 02:00:5e:10:00:{n:02x} s1" for n in range(200)]
    lines += ["open", "open 1", "open x y z", "service", "host 1", "open 1 name 10.0.0.1 99999999999999999999 tcp/443",
              "open 1 " + "n" * 300 + f" 10.0.0.1 {now + 60} tcp/443", "\x1b[2J", "open 4294967297 a b 9 c", ""]
    # A line is some 70 octets: the page is as long as what gate may write, and longer than what is read.
    lines += [f"open {n % 8 + 1} name{n}.example 10.{n // 65536}.{n // 256 % 256}.{n % 256} {now + 600} tcp/443+tls tunnel"
              for n in range(2200)]
    return "\n".join(lines) + f"\nmore {2**32 - 1}\nopen 1 half.exa"


def a_box(root):
    state = f"{root}/run/sekisho"
    put(f"{state}/gate/state", "version 1\nmode session\nsession up\nservice lab\nsince 1795000000\ntunnel up\ncharon up\n"
        "credentials yes\nnames running\nblocked.dns 18446744073709551615\nblocked.dns.flood 99999999999999999999999\n"
        f"vip {'9' * 600}\nlast-end \x1b[31mred\xc2\x9b\n")
    put(f"{state}/gate/rules", rules_page())
    put(f"{state}/enroll/state", "version 1\nphase valid\nloaded yes\nserial 0123\nnot-before 1\nnot-after 99999999999999\n"
        "renew-at 4000000000\nsubject CN=box\nnext-try -5\n" + "k" * 70 + " v\nlast")
    for page in os.listdir("docs/man"):        # as they are written; the image has them as text
        with open(f"docs/man/{page}", encoding="utf-8") as f:
            put(f"{root}/usr/share/sekisho/help/{page[:-2]}", f.read().replace("Fl n Ar n", "[-n n]").replace(" Oo", ""))
    put(f"{state}/wan/state", "version 1\nlink up\naddress 192.0.2.7\n")
    put(f"{state}/clock/state", "version 1\ntrusted yes\n")
    put(f"{state}/audit/state", "version 1\nwritten 2\n")
    site = open("tests/golden/site-dhcp.conf", encoding="utf-8").read().replace("gtol", "lab")
    put(f"{root}/state/site.conf", site)
    shutil.copytree("configs/services", f"{root}/etc/sekisho/services")
    put(f"{root}/state/services/lab.conf", open("configs/services/lab.conf", encoding="utf-8").read())


def busy_log(root):
    """Four files: one larger than is read, one that ends in half a line, odd lines, and the command's own line at the end."""
    folder = f"{root}/state/audit"
    log = commands.BusyLog()
    oldest = log.fill(KEPT + 90000)
    put(f"{folder}/audit.log.3", oldest)
    skipped = oldest[:len(oldest) - KEPT].count(b"\n") + 1
    begin = len(log.lines)
    put(f"{folder}/audit.log.2", log.fill(256 * 1024))
    put(f"{folder}/audit.log.1", log.fill(200000) + b"2026-11-21T08:00:00Z 0123")
    later = len(log.lines)
    for _ in range(30):
        log.refuse()
    log.odd()
    for _ in range(30):
        log.refuse()
    log.add("console", "console.command log blocked")
    put(f"{folder}/audit.log", log.data(later))
    shown = sum(bool(line) for line in log.lines[skipped:]) + 1        # the half line is one, an empty one is none
    assert begin > skipped
    return commands.Facts(refused=log.expected(skipped), live=False, log_lines=shown, last_number=log.number - 1,
                          headline="connected", mode="session", reached=False, opened=1500, subject="CN=box")


def run_table(root, facts):
    rows = commands.table(f"{root}/state/site.conf", f"{root}/state/services/lab.conf", f"{root}/state/services")
    usage = subprocess.run([SEKISHO, "help"], capture_output=True, text=True).stdout
    absent = commands.missing(usage, rows, elsewhere=[("console", ""), ("console", "--tty")])  # cli_console_test
    check("every command and option is in the table", not absent, absent)
    check("a table without a row is noticed", ("log blocked", "") in commands.missing(usage, [
        r for r in rows if not r[0].startswith("log blocked")]))
    for line, judge in rows:
        answer, status = run(root, line)
        if status not in (0, 1, 2):
            check(f"`{line}` ends as it should", False, f"{status}: {answer}")
            continue
        try:
            judge(answer.strip("\n"), facts)
        except (AssertionError, ValueError, KeyError, TypeError) as why:
            check(f"`{line}`: {why!r}", False, answer)


def logs(root):
    """The limits of the ring, and a nearly empty log."""
    folder = f"{root}/state/audit"
    for end in (b"", b"2026-11-21T08:30:00Z 000999 console console.command log blocked\n", b"2026-11-21T08:30:00Z 0009",
                b"\x00", b"\n\n", b"2026-11-21T08:30:00Z 000999 gate blocked\n"):
        for count in (0, 1, 19, 20, 21, 40):
            shutil.rmtree(folder, ignore_errors=True)
            log = commands.BusyLog()
            for _ in range(count):
                log.refuse()
            put(f"{folder}/audit.log", log.data() + end)
            answer, status = run(root, "log blocked --json")
            what = f"{count} refusals and {end!r}"
            check(f"{what}: json", status == 0 and commands.no_json(answer) == log.expected()[-20:], (status, answer))
            answer, status = run(root, "log blocked --lang en")
            seen = answer.count(" -> ") if count else answer.count("Nothing was refused")
            check(f"{what}: words", status == 0 and seen == max(1, min(count, 20)), (status, answer))
            answer, status = run(root, "log --lang en")
            lines = count + bool(end.strip(b"\n"))
            check(f"{what}: log", status == 0 and len(answer.splitlines()) == max(1, min(lines, 20)), (status, answer))
    # What the box adds to its log by itself is said in both languages, whatever stands before the cause.
    notes = {"audit.torn log-torn": ("cut off by a power failure", "停電"),
             "audit.shortened log-shortened": ("oldest part of the log", "最も古い記録"),
             'dns.many client=192.168.77.10 name=a.example.jp cause="wildcard-names-many"': ("carry data", "データの持ち出し"),
             'limit table="open addresses" times=3 cause="wildcard-name-gives-way"': ("gives way", "許可リスト"),
             'limit table="open addresses" times=3 cause="wildcard-name-unanswered"': ("table of open names is full", "表が一杯"),
             'limit table="registry addresses" times=3 cause="registry-address-unanswered"': ("registry addresses is full", "表が一杯"),
             'limit table="open addresses" times=3 cause="pc-hub-unanswered"': ("hub addresses is full", "表が一杯")}
    for event, (en, ja) in notes.items():
        put(f"{folder}/audit.log", f"2026-11-21T08:30:00+09:00 000001 gate {event}\n")
        said = {lang: run(root, f"log --lang {lang}")[0] for lang in ("en", "ja")}
        check(f"{event}: English", en in said["en"] and ja not in said["en"], said)
        check(f"{event}: Japanese", ja in said["ja"] and en not in said["ja"], said)
    put(f"{folder}/audit.log", "")
    check("an empty log is said to be empty", "The audit log is empty." in run(root, "log")[0], run(root, "log"))
    check("and is an empty list", run(root, "log --json") == ("[]\n", 0), run(root, "log --json"))
    os.unlink(f"{folder}/audit.log")
    for line in ("log", "log blocked"):
        answer, status = run(root, line)
        check(f"no log, `{line}`", status == 2 and "cannot be read: No such file" in answer and "読み取れません(ファイルがありません)" in answer, answer)
        answer, status = run(root, line + " --json")
        check(f"no log, `{line} --json`", status == 2 and commands.no_json(answer)["ok"] is False, answer)
    os.symlink("/etc/passwd", f"{folder}/audit.log")
    check("a link is not followed", "root:" not in run(root, "log")[0], run(root, "log"))
    os.unlink(f"{folder}/audit.log")
    os.mkfifo(f"{folder}/audit.log")
    check("a pipe is not waited for", run(root, "log")[1] == 2, run(root, "log"))


def moving(root):
    """The log is rotated while it is read: nothing is shown twice and nothing is missing."""
    folder = f"{root}/state/audit"
    shutil.rmtree(folder)
    log = commands.BusyLog()
    for age in (3, 2, 1, 0):
        put(f"{folder}/audit.log" + (f".{age}" if age else ""), log.fill(100000))
        newest = len(log.lines)
    last = log.number - 1
    readers = [subprocess.Popen([SEKISHO, "--root", root, "log", "-n", "100000"], stdout=subprocess.PIPE) for _ in range(4)]
    for _ in range(3):     # the oldest go, and nothing new comes: what is left must be in order
        for age in (3, 2, 1):
            newer = f"{folder}/audit.log" + (f".{age - 1}" if age > 1 else "")
            if os.path.exists(newer):
                os.replace(newer, f"{folder}/audit.log.{age}")
    for reader in readers:
        numbers = [int(line.split()[1]) for line in reader.communicate(timeout=300)[0].splitlines()]
        check("each line once, in order, up to the last", not numbers or (numbers == list(range(numbers[0], last + 1))),
              (len(numbers), numbers[:2], numbers[-2:], last))
    assert newest


def version(root):
    """The file firmware/version's, by both names; the console has one of them."""
    put(f"{root}/etc/sekisho/build-time", "1795894160\n")
    for line in ("version", "--version"):
        answer, status = run(root, line)
        check(f"`{line}`", status == 0 and answer.startswith(f"Sekisho {commands.version()}\n") and "2026-11-29" in answer,
              (status, answer))
    check("a version is three numbers", commands.re.fullmatch(r"\d+\.\d+\.\d+(-[a-z0-9]+)?", commands.version()),
          commands.version())
    seen = commands.no_json(run(root, "version --json")[0])
    check("`version --json`", seen["version"] == commands.version() and seen["built"].startswith("2026-11-29T"), seen)
    check("`--help`", run(root, "--help") == run(root, "help"), run(root, "--help"))


def nobody(root):
    """A tree without any state files: every command reports that, in the requested form."""
    for line in ("status", "rules", "cert show", "log", "log blocked", "session start", "session end", "cert renew", "check"):
        answer, status = run(root, line)
        check(f"an empty box, `{line}`", status in (1, 2) and answer.strip(), (status, answer))
        if line != "check":
            answer, status = run(root, line + " --json")
            check(f"an empty box, `{line} --json`", commands.no_json(answer), (status, answer))


def main():
    subprocess.run(["make", "-s", "-f", "src/build.mk", SEKISHO], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as root:
        a_box(root)
        run_table(root, busy_log(root))
        logs(root)
        os.unlink(f"{root}/state/audit/audit.log")
        moving(root)
    with tempfile.TemporaryDirectory() as root:
        nobody(root)
        version(root)
    print(f"{len(failed)} failed")
    sys.exit(bool(failed))


main()
