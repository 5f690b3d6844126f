"""The results of a scenario: one line for each check, with expected and seen."""

import json
import os
import time

COLOUR = {"ok": "32", "FAIL": "31", "skip": "33"}
LONGEST = 400      # characters of a failure when it is repeated at the end


class Report:
    """Counts and prints. alone: the command to run this scenario alone."""

    def __init__(self, alone, colour=False, out=print):
        self.alone, self.colour, self.out = alone, colour, out
        self.passed = self.failed = self.skipped = 0
        self.failures = []        # a line each
        self.checks = []          # the name of each check that was made
        self.times = "LAB_TIMES" in os.environ    # seconds since the scenario's start before each line
        self.begin = time.monotonic()

    def say(self, text):
        self.out(f"    {'':6}{text}")

    def step(self, what):
        """Print a note, for finding out where the time goes."""
        if self.times:
            self.out(f"    {'':5} {time.monotonic() - self.begin:6.1f} {what}")

    def check(self, what, expected, seen, good=None):
        """One check. good: None: seen must equal expected. Returns whether it holds."""
        good = seen == expected if good is None else bool(good)
        mark = "ok" if good else "FAIL"
        shown = f"\033[{COLOUR[mark]}m{mark:<5}\033[0m" if self.colour else f"{mark:<5}"
        if self.times:
            shown += f" {time.monotonic() - self.begin:6.1f}"
        self.out(f"    {shown} {what}: expected {text(expected)}; seen {text(seen)}")
        self.checks.append(what)
        if good:
            self.passed += 1
        else:
            self.failed += 1
            self.failures.append(" ".join(f"{what}: expected {text(expected)}; seen {text(seen)}".split())[:LONGEST])
            if self.alone:
                self.out(f"          alone: {self.alone}")
        return good

    def skip(self, what, why):
        """A check that is impossible here, through no fault of the box."""
        mark = f"\033[{COLOUR['skip']}mskip \033[0m" if self.colour else "skip "
        self.out(f"    {mark} {what}: {why}")
        self.skipped += 1

    def broken(self, what):
        """The scenario itself failed."""
        return self.check("the scenario runs to its end", "yes", what, False)

    def save(self, path, **figures):
        with open(path, "w") as f:
            json.dump({"passed": self.passed, "failed": self.failed, "skipped": self.skipped,
                       "seconds": time.monotonic() - self.begin, "failures": self.failures,
                       "checks": self.checks, **figures}, f)


def text(value):
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, set)):
        value = list(value)
        if not value:
            return "none"
        more = f" and {len(value) - 4} more" if len(value) > 4 else ""
        return ", ".join(str(v) for v in value[:4]) + more
    return str(value)
