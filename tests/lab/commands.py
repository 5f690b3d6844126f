"""Every command of `sekisho` with every option, and the checks of its output.

One table for two places: the console of the booted box (scenario `console`) and the command line under ASan on trees of
files (tests/unit/cli_commands_test.py). `missing` compares it with the program's own list, both ways.
"""

import json
import re

JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


# ---- the audit log of a busy hour

class Reasons:
    """The words and sentences of src/lib/reason.c."""
    EVENTS = {"DNS": ("dns.refused", "why"), "TLS": ("tls.refused", "why"), "PACKET": ("blocked", "reason")}

    def __init__(self, path="src/lib/reason.c"):
        with open(path, encoding="utf-8") as f:
            self.all = re.findall(r'\{REASON_(DNS|TLS|PACKET), "([^"]+)",\s*"([^"]+)",\s*"([^"]+)"', f.read())
        assert len(self.all) > 30


class BusyLog:
    """Lines as the audit program writes them, and the expected output of `log blocked`."""

    def __init__(self, first=1):
        self.reasons = Reasons().all
        self.number = first
        self.lines = []            # bytes without newline
        self.refused = []          # (index of the line, expected --json)

    def stamp(self, offset="+09:00"):
        """One line in three is of an earlier version, which wrote UTC: it must be shown in the site's zone all the same."""
        n, hours = self.number, 9 if offset == "+09:00" else 0
        return f"2026-11-21T{hours + n // 3600 % 12:02}:{n // 60 % 60:02}:{n % 60:02}{offset}"

    def add(self, program, text):
        """text: event and details, str or bytes."""
        text = text if isinstance(text, bytes) else text.encode()
        stamp = self.stamp("+09:00" if self.number % 3 else "Z")
        self.lines.append(f"{stamp} {self.number:06} {program} ".encode() + text)
        self.number += 1

    def refuse(self, name=None):
        kind, word, en, ja = self.reasons[self.number % len(self.reasons)]
        event, why = Reasons.EVENTS[kind]
        client, port = f"192.168.99.{self.number % 250 + 1}", str(self.number % 60000 + 1)
        name = name or f"n{self.number}.busy.example"
        said = {"time": self.stamp(), "kind": kind.lower(), "reason": word, "client": client, "name": name,
                "times": self.number % 7 + 1, "not_logged": 0, "text": en, "text_ja": ja}
        more = ""
        if kind != "DNS":
            said |= {"server": "10.20.0.80", "port": port} | ({"proto": "udp"} if kind == "PACKET" else {})
            more = f" server=10.20.0.80 port={port}" + (" proto=udp" if kind == "PACKET" else "")
        self.refused.append((len(self.lines), said))
        self.add("gate", f"{event} {why}={word} client={client} name={name} at=-{more} count={said['times']} not-logged=0")

    def other(self):
        events = (("gate", "session.start service=gtol client=192.168.99.1 generation=77"), ("console", "console.command status"),
                  ("gate", "blocked reason=made-up client=192.168.99.3 server=10.20.0.80 proto=tcp port=22 count=1"),
                  ("console", "blocked reason=closed client=192.168.99.4 server=10.20.0.80 proto=tcp port=22 count=1"),
                  ("audit", "audit.suppressed count=4000"), ("gate", "dns.refused"), ("system", "boot image=1"))
        self.add(*events[self.number % len(events)])

    def odd(self):
        """A malformed line: it must neither reach the terminal raw nor hide the lines after it."""
        for text in (b"blocked \x1b[2J\x1b]0;x\x07 \xc2\x9b31m \xff\xfe", b"x" * 2060, b"y" * 60 + b" client=1",
                     b"dns.refused why=not-listed\x00 client=192.168.99.5 name=hidden", "dns.refused 日本語".encode()):
            self.add("gate", text)
        self.refuse("a." + "\\x" + "b" * 300)      # longer than any name
        self.lines += [b"", b"no line of ours", b" " * 70, b"\x00" * 9, b"2026-11-21T08:00:00Z"]

    def fill(self, size):
        """So many octets at least."""
        begin = len(self.lines)
        while sum(len(line) + 1 for line in self.lines[begin:]) < size:
            # A kilobyte at a time: the sum above is expensive.
            for _ in range(9):
                self.refuse() if self.number % 5 else self.other()
        return self.data(begin)

    def data(self, begin=0):
        return b"".join(line + b"\n" for line in self.lines[begin:])

    def expected(self, begin=0):
        """The refusals in the lines from the given one on."""
        return [said for at, said in self.refused if at >= begin]


# ---- the table

class Facts:
    """Facts about the system that the table is run on."""

    def __init__(self, **facts):
        self.refused = None        # of the log: the list of BusyLog.expected, None: no log
        self.busy = True
        self.__dict__.update(facts)


def version():
    """The file with the version."""
    with open("firmware/version", encoding="utf-8") as f:
        return f.read().strip()


def no_json(answer):
    for line in answer.split("\n"):
        if line[:1] in ("{", "["):
            return json.loads(line)
    raise AssertionError("no JSON")


def both(*words, without=()):
    """Plain text with all these words, none of the others, and no control sequences."""
    def judge(answer, _facts):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", answer), "a control character"
        for word in words:
            assert word in answer, f"`{word}` is missing"
        for word in without:
            assert word not in answer, f"`{word}` is there"
    return judge


def english(*words, titles=()):
    def judge(answer, facts):
        both(*words)(answer, facts)
        for title in (*titles, "試験用", "試験病院", "がん登録"):
            answer = answer.replace(title, "")
        assert not JAPANESE.search(answer), "Japanese"
    return judge


def japanese(*words, without=()):
    def judge(answer, facts):
        both(*words)(answer, facts)
        for word in without:
            assert word not in answer, f"`{word}` is English"
    return judge


def data(test):
    """JSON on one line for which test(data, facts) holds."""
    def judge(answer, facts):
        assert test(no_json(answer), facts), "the data is not as it should be"
    return judge


def told(n):
    """The newest n refusals, by --json; the box's own ones in between are ignored."""
    def judge(answer, facts):
        seen = no_json(answer)
        expected = facts.refused[-n:]
        assert len(seen) == min(n, len(facts.refused)) or (facts.live and len(seen) == n), f"{len(seen)} refusals"
        ours = [r for r in seen if r.get("client", "").startswith("192.168.99.")]
        assert len(ours) + 40 * facts.live >= len(seen), "too few of the log's own"
        assert ours == expected[len(expected) - len(ours):], "others than the newest"
    return judge


def told_words(n, en, ja):
    """The same for people: each refusal with its client, its sentence, and how often."""
    def judge(answer, facts):
        both()(answer, facts)
        lines = answer.split("\n")
        for said in facts.refused[-(n - 10 if facts.live else n):]:
            times = f" ({said['times']} times)" if said["times"] > 1 else ""
            times_ja = f"({said['times']}回)" if said["times"] > 1 else ""
            name = said["name"][:511]
            if en:
                assert any(said["time"] in x and f"{said['client']} -> " in x and name in x
                           and x.endswith(f": {said['text']}{times}") for x in lines), f"no line for {said}"
            if ja:
                assert any(f"{said['client']} → " in x and name in x and x.endswith(f":{said['text_ja']}{times_ja}")
                           for x in lines), f"no Japanese line for {said}"
        count = sum(" -> " in x for x in lines) if en else sum(" → " in x for x in lines)
        assert count == min(n, len(facts.refused) + 40 * facts.live), f"{count} lines"
        assert (" -> " in answer) == en and (" → " in answer) == ja, "the wrong language"
    return judge


def log_lines(n, words=()):
    """So many lines of the log, the newest, each with time and number."""
    def judge(answer, facts):
        both(*words)(answer, facts)
        lines = [x for x in answer.split("\n") if not re.match(r"    \S", x)]    # (a cause's sentences follow its line)
        assert len(lines) == min(n, facts.log_lines), f"{len(lines)} lines"
        numbers = [int(x.split()[1]) for x in lines if re.match(r"\d{4}-\d\d-\d\dT[0-9:]+\+09:00 \d{6} ", x)]
        assert numbers and numbers == sorted(numbers) and numbers[-1] >= facts.last_number, f"numbers end with {numbers[-3:]}"
    return judge


def log_data(n):
    def judge(answer, facts):
        seen = no_json(answer)
        assert len(seen) == min(n, facts.log_lines), f"{len(seen)} lines"
        fields = {"time", "number", "program", "event", "details"}
        assert all(set(x) in (fields, fields | {"text", "text_ja", "cause"}) for x in seen)
        assert all(re.fullmatch(r"\S+T\S+\+09:00", x["time"]) for x in seen[-5:])
        assert max(x["number"] for x in seen) >= facts.last_number
    return judge


def status_data(seen, facts):
    return (seen["version"] == 1 and re.fullmatch(r"20\S+T\S+\+09:00", seen["now"]) and seen["headline"]["id"] == facts.headline and seen["headline"]["text_ja"]
            and seen["gate"]["mode"] == facts.mode and all(p["id"] and p["text"] and p["text_ja"] for p in seen["problems"]))


def rules_data(seen, facts):
    opened = [o for s in seen["services"] for o in s["open"]]
    return seen["mode"] == facts.mode and len(opened) >= facts.opened and all(o["address"] and o["ports"] for o in opened)


def answered(seen, facts):
    return seen["ok"] == facts.reached and seen["text"] and seen["text_ja"] and JAPANESE.search(seen["text_ja"])


def reply(lang):
    """A daemon's sentence, or that it does not run."""
    judges = {"en": english(), "ja": japanese(without=("The ",)), "both": both("The")}

    def judge(answer, facts):
        judges[lang](answer, facts)
        assert bool(JAPANESE.search(answer)) == (lang != "en"), "the wrong language"
        assert ("cannot be reached" in answer or "に届きません" in answer) != facts.reached, "reached or not"
    return judge


def cert_data(seen, facts):
    return seen["enroll"]["subject"] == facts.subject and seen["enroll"]["phase"] == "valid"


def table(site, service, services):
    """(command line, check) in the order of execution; includes a session's start and end.

    site, service, services: paths on that system. A check takes the answer and the facts, and raises AssertionError.
    """
    name = service.rsplit("/", 1)[-1].removesuffix(".conf")
    refusals = []
    for n in (1, 19, 20, 21, 1000, 1001):
        refusals.append((f"log blocked -n {n} --json", told(n)))
    return [
        ("help", both("status [--json] [--lang en|ja]", "この一覧")),
        ("help sekisho", both("log blocked [-n n]", "EXIT STATUS")),
        ("help site.conf", both("ca-fingerprint", "private-answers")),
        ("help service.conf", both("esp-proposal", "ech-noise")),
        ("help ../../../state/site.conf", both("There is no such page.", "そのページはありません", without=("[site]",))),
        ("help passwd", both("There is no such page.")),
        ("version", both(f"Sekisho {version()}")),
        ("version --json", data(lambda seen, facts: seen["version"] == version() and seen.get("built", "2") > "1")),
        ("status", both("Names refused / 拒否した名前")),
        ("status --lang en", english("Names refused: ")),
        ("status --lang ja", japanese("拒否した名前: ", without=("Names refused",))),
        ("status --json", data(status_data)),
        ("status --json --lang ja", data(status_data)),
        ("session end", reply("both")),
        ("session end --json", data(answered)),
        ("session end --lang ja", reply("ja")),
        ("session start --lang en", reply("en")),
        (f"session start {name} --lang ja", reply("ja")),
        (f"session start {name}", reply("both")),
        ("session start nowhere", both("There is no service of that name", "名前")),
        ("session start --json", data(answered)),
        ("rules", both("A session is on", "接続中です", "until ", " +09:00 (")),
        ("rules --lang en", english("Only through the tunnel", "until ")),
        ("rules --lang ja", japanese("だけを通ります", " +09:00 まで", without=("until", "Only through"))),
        ("rules --json", data(rules_data)),
        ("session end --lang en", reply("en")),
        ("cert show", both("Valid until / 期限: ", " +09:00")),
        ("cert show --lang en", english("Valid until: ", "Subject: ")),
        ("cert show --lang ja", japanese("期限: ", without=("Valid",))),
        ("cert show --json", data(cert_data)),
        ("log blocked", told_words(20, True, True)),
        ("log blocked --lang en", told_words(20, True, False)),
        ("log blocked --lang ja -n 21", told_words(21, False, True)),
        *refusals,
        ("log", log_lines(20)),
        ("log -n 1", log_lines(1)),
        ("log -n 300 --lang ja", log_lines(300)),
        ("log -n 20 --json", log_data(20)),
        ("log -n 0", both("-n 0 does not fit / この値は使えません", "usage / 使い方: log")),
        ("log -n 100001", both("-n 100001 does not fit")),
        ("log -n", both("-n needs a value / 値が必要です")),
        ("log blocked -n 4294967297", both("does not fit")),
        ("status x", both("status does not take x / status に x は付けられません")),
        ("check", both(": good / 誤りはありません")),
        ("check --lang en", english(": good")),
        ("check --lang ja", japanese(": 誤りはありません", without=("good", " and "))),
        ("check --json", data(lambda seen, _: seen == {"ok": True, "count": 0, "errors": []})),
        ("check --export", both("LAN_ADDRESS='192.168.77.1'")),
        ("check --dump", both("set unbound { 1 }", "set tls_v4")),
        (f"check {site} {service}", both(f"{site}: good", f"{service}: good")),
        (f"check --site {site}", both(f"{site}: good")),
        (f"check --site {site} --export", both("WAN_MODE='dhcp'")),
        (f"check --services {services} {site}", both(f"{site}: good")),
        (f"check --services {services} --dump {site}", both("set unbound { 1 }", "set tls_v4")),
        (f"check --service {service} --dump", both("map tunnel_v4")),
        (f"check --site {service} --lang en", english("in a site file")),
        (f"check --service {site} --lang ja", japanese("セクション", without=("There is no", "there is no"))),
        (f"check --site {service} --cause", both("file-wrong file=", "why=section-unknown-site section=service")),
        ("explain tunnel-failed service=lab why=hub-silent", both("could not be raised: the hub does not answer.", "接続先が応答しません")),
        ("explain hub-refuses-cert --lang en", english("refuses our certificate", "Ask the centre")),
        ("explain hub-refuses-cert --lang ja", japanese("証明書を拒否", "確認してください", without=("Ask",))),
        ("explain crowded all=3 most=4 --json", data(lambda seen, _: seen["cause"]["args"] == {"all": 3, "most": 4})),
        ("explain hub-silent x", both("That is no cause")),
        ("check --site", both("need a FILE", "指定してください")),
        ("check /nowhere", both("cannot read /nowhere: No such", "読み取れません(ファイルがありません)")),
        ("check --json /nowhere", data(lambda seen, _: not seen["ok"])),
        ("cert renew --lang en", reply("en")),
        ("cert renew --lang ja", reply("ja")),
        ("cert renew --json", data(lambda seen, _: seen["text"] and seen["text_ja"])),
        ("cert renew", reply("both")),
    ]


# ---- completeness

def pairs(call):
    """`check [--site] [--services DIR] [FILE...]` or a command line as {(command, option), (command, "")}."""
    words = call.replace("[", "").replace("]", "").split()
    command = [words[0]]
    if words[0] in ("session", "cert") or words[:2] == ["log", "blocked"]:
        command.append(words[1])
    command = " ".join(command)
    return {(command, "")} | {(command, w) for w in words if w.startswith("-")}


def missing(usage, rows, elsewhere=()):
    """Differences between the program's own list and the table, both ways. elsewhere: tested by other means."""
    known = set().union(*(pairs(call) for call in re.findall(r"^  (\S.*)$", usage, re.M)))
    tried = set().union(*(pairs(call) for call, _ in rows))
    bad = {pair for call, _ in rows for pair in pairs(call) if pair not in known}
    return sorted((known - tried - set(elsewhere)) | bad)
