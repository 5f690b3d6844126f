import commands
import topology as t


def busy_log():
    """Four files, the newest so full that the first word of the box rotates them; and what is to be read of them then."""
    log, files = commands.BusyLog(), {}
    files["audit.log.3"] = log.fill(1000)                  # goes
    largest = log.data(begin := len(log.lines)) + log.fill(600 * 1024)
    files["audit.log.2"] = largest                         # larger than what is read: its beginning is left out
    skipped = begin + largest[:len(largest) - 512 * 1024].count(b"\n") + 1
    files["audit.log.1"] = log.fill(200000) + b"2026-11-21T08:00:00Z 0123"
    begin = len(log.lines)
    log.fill(256 * 1024 - 14000)
    log.odd()
    for _ in range(60):
        log.refuse()
    files["audit.log"] = log.data(begin)
    return log, skipped, files


def opened(lab):
    """What is so while the table runs; the session is begun by the table itself."""
    def now(status):
        return {"headline": status["headline"]["id"], "mode": status["gate"]["mode"], "subject": status["enroll"]["subject"]}
    return now(lab.box.status())


def run_table(lab, facts, rows):
    usage = lab.box.cli("help")
    absent = commands.missing(usage, rows)
    lab.check("commands and options of `help` that are not in the table", [], absent)
    lab.check("commands that it lists", "at least 10", len(set(c for c, _ in commands.missing(usage, []))),
              len(set(c for c, _ in commands.missing(usage, []))) >= 10)
    for line, judge in rows:
        if line == "rules":          # in a session, with a name open; what gate has written of it is a second old
            lab.session()
            facts.mode = "session"
            lab.eventually("`rules` shows the page's name", True, lambda: t.REGISTRY_NAME in lab.box.cli("rules"))
        if line in ("status", "status --json"):
            facts.__dict__.update(opened(lab))
        answer = lab.box.cli(line)
        seen = "good"
        try:
            if "broken off" in answer or not answer:
                raise AssertionError(answer or "nothing")
            judge(answer, facts)
        except (AssertionError, ValueError, KeyError, TypeError) as why:
            seen = f"{why!r} in: {answer[-600:]}"
        lab.check(f"`{line}`", "good", seen)


def run(lab):
    log, skipped, files = busy_log()
    lab.up()
    lab.make_box()
    lab.box.put_state("audit", files, 607, 600)
    lab.box.start()
    lab.ready()
    lab.check("numbers go on where the log ended", f"more than {log.number - 1}", lab.box.log(1)[0].split()[1],
              int(lab.box.log(1)[0].split()[1]) > log.number - 1)
    facts = commands.Facts(refused=log.expected(skipped), live=True, log_lines=10**6, last_number=log.number,
                           reached=True, opened=1, mode="session")
    rows = commands.table("/state/site.conf", "/state/services/lab.conf", "/state/services")
    run_table(lab, facts, rows)
    lab.log_says("what was typed is in the log", "console.command", "log blocked --lang ja -n 21")
