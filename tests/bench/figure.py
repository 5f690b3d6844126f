"""The result of a measurement, and how a failure is reported."""

import os
import statistics
from dataclasses import dataclass, field

# The short form (bench.py --check): one run, of everything just enough to show that it is measured.
CHECK = "BENCH_CHECK" in os.environ


class CannotMeasure(Exception):
    """A row has no figure; the text says why, for people."""


@dataclass
class Figure:
    """One row's figures: every run of ours, and of the peer's in the same run."""
    ours: list
    peer: str = None                            # what it is compared with; None: nothing comparable exists
    peers: list = field(default_factory=list)
    note: str = ""                              # what exactly was compared, one line

    def value(self):
        return statistics.median(self.ours)

    def peer_value(self):
        return statistics.median(self.peers) if self.peers else None


def row(program):
    """A program's name in the names of rows, which do not change."""
    return {"sni": "hello", "dns": "names"}.get(program, program)
