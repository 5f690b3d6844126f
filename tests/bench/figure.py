"""What a measurement hands back, and how a failure is said."""

import os
import statistics
from dataclasses import dataclass, field

# The short form (bench.py --check): one run, and of everything just as much as shows that it is measured.
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
    """What a program is called in the names of rows, which stay what they were."""
    return {"sni": "hello", "dns": "names"}.get(program, program)
