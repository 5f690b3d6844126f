"""The leak counter's checks. They use numbers only: what was sent when, and which numbers came out where.

Probes leave the PC in the order of their numbers, by one cable, and the box (one processor, one queue a card) handles them
in that order. So "before" and "after" are a matter of numbers, not of clocks. What is known for certain:

open     from the box's answer to the PC's question (the session is on) until somebody asks for its end: no number in
         between may come out in clear, listed ones have to come out behind the hub. Not counted when gate, names or charon
         were killed in it.
closed   from gate's word that the session has ended until the next question is sent: no listed number may come out, and if
         the site is closed then, none to a name on the line.
between  in one session (at most one begins after each question), from the first listed number that came out behind the hub
         to the last: no number in between may come out in clear, whatever was killed.

Everything else near an edge may pass or not, and is counted as such.
"""

import bisect
import re
from dataclasses import dataclass, field

from leak_kinds import ASKED, INTERNET, LISTED, ON_LINE, TLS_PORT

SEEN, TUNNELLED = 1, 2
EXAMPLES = 12


@dataclass
class Spans:
    """Half-open ranges of numbers, in order, not overlapping."""
    list: list = field(default_factory=list)

    def add(self, begin, end):
        if end > begin:
            self.list.append((begin, end))

    def __contains__(self, number):
        return self.covers(number, number)

    def covers(self, first, last):
        """Are both in the same span?"""
        i = bisect.bisect_right(self.list, (first, float("inf"))) - 1
        return i >= 0 and last < self.list[i][1]

    def total(self, kind, kinds, low, high):
        """How many numbers of that kind are in the spans and in [low, high)."""
        parts = ((max(begin, low), min(end, high)) for begin, end in self.list)
        return sum(_upto(end, kind, kinds) - _upto(begin, kind, kinds) for begin, end in parts if end > begin)

    @staticmethod
    def union(a, b):
        out = Spans()
        for begin, end in sorted(a.list + b.list):
            if out.list and begin <= out.list[-1][1]:
                out.list[-1] = (out.list[-1][0], max(end, out.list[-1][1]))
            else:
                out.list.append((begin, end))
        return out


def _upto(end, kind, kinds):
    """How many numbers below end are of that kind."""
    return (end - kind + kinds - 1) // kinds if end > kind else 0


@dataclass
class Known:
    """Everything that the lab knows for certain, as numbers."""
    open: Spans = field(default_factory=Spans)
    tls: Spans = field(default_factory=Spans)        # the same, and sni was not killed of late
    closed: Spans = field(default_factory=Spans)
    questions: list = field(default_factory=list)    # the first number that may have been sent after each question

    def surely(self, kind):
        """When a listed probe of this kind has to come out. Without sni no TLS flow begins: its SYN is dropped."""
        return self.tls if kind.dport == TLS_PORT else self.open


@dataclass
class Row:
    """One kind of probe."""
    sent: int = 0
    should: int = 0          # had to come out where they may
    did: int = 0             # and did
    may: int = 0             # came out where they may, at a moment at which either is right
    must_not: int = 0        # were not to come out (there, or anywhere)
    leaked: int = 0          # and did


@dataclass
class Verdict:
    rows: list
    leaks: list = field(default_factory=list)        # (number, kind, where)
    missing: list = field(default_factory=list)      # numbers that had to come out and did not

    def sum(self, what):
        return sum(getattr(r, what) for r in self.rows)

    def examples(self):
        more = f" and {len(self.leaks) - EXAMPLES} more" if len(self.leaks) > EXAMPLES else ""
        return [f"number {n}, {kind.name}: {where}" for n, kind, where in self.leaks[:EXAMPLES]] + ([more] if more else [])


def seen(flags, low, high):
    """(number, flag) of every number in [low, high) that came by."""
    view = memoryview(flags)[low:high]
    for found in re.finditer(rb"[^\0]", view):
        yield low + found.start(), view[found.start()]


def between(kinds, behind, known, low, high):
    """From the first to the last listed number of each session, as they came out behind the hub."""
    out, edges = Spans(), [low] + [q for q in known.questions if low < q < high] + [high]
    for begin, end in zip(edges, edges[1:]):
        passed = [n for n, flag in seen(behind, begin, end)
                  if flag & TUNNELLED and kinds[n % len(kinds)].allowed == LISTED]
        if passed:
            out.add(passed[0], passed[-1] + 1)
    return out


def judge(kinds, internet, line, behind, known, low, high):
    """line, behind: a byte a number. internet: the site file allows the internet without a session. A Verdict."""
    v = Verdict([Row() for _ in kinds])
    session = Spans.union(known.open, between(kinds, behind, known, low, high))
    # Where a kind must not come out in clear although it may at other times; None: never at all.
    barred = {INTERNET: session, ASKED: known.open, ON_LINE: Spans()} if internet else {ON_LINE: known.closed}
    for i, kind in enumerate(kinds):
        row = v.rows[i]
        row.sent = _upto(high, i, len(kinds)) - _upto(low, i, len(kinds))
        if kind.allowed == LISTED:
            row.should = known.surely(kind).total(i, len(kinds), low, high)
            row.must_not = known.closed.total(i, len(kinds), low, high)
        elif kind.allowed in barred:
            row.must_not = barred[kind.allowed].total(i, len(kinds), low, high)
        else:
            row.must_not = row.sent
    guilty = {}
    for n, _ in seen(line, low, high):
        kind = kinds[n % len(kinds)]
        if kind.allowed in barred and n not in barred[kind.allowed]:
            v.rows[n % len(kinds)].may += 1
        else:
            guilty[n] = "in clear on the line" + (", in a session" if n in session else "")
    for n, flag in seen(behind, low, high):
        kind, row = kinds[n % len(kinds)], v.rows[n % len(kinds)]
        if flag & SEEN:
            guilty[n] = guilty.get(n) or "behind the hub, not through the tunnel"
        elif kind.allowed != LISTED:
            guilty[n] = "behind the hub, through the tunnel"
        elif n in known.closed:
            guilty[n] = "behind the hub, after the session's end"
        elif n in known.surely(kind):
            row.did += 1
        else:
            row.may += 1
    v.missing = [n for begin, end in known.open.list for n in range(max(begin, low), min(end, high))
                 if kinds[n % len(kinds)].allowed == LISTED and n in known.surely(kinds[n % len(kinds)]) and not behind[n]]
    for n, where in sorted(guilty.items()):
        v.rows[n % len(kinds)].leaked += 1
        v.leaks.append((n, kinds[n % len(kinds)], where))
    return v
