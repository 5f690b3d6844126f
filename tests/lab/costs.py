"""The cost and the checks of a run of the lab: kept in build/lab/figures.json, shown as a table, compared.

    costs.py names                       the names of all checks of the last runs, one per line: SCENARIO<tab>CHECK
    costs.py compare NAMES               the names in that file that were not checked in the last runs

A name is a check's text without its numbers, which are measurements.
"""

import json
import os
import re
import sys

FIGURES = "build/lab/figures.json"
TABLE = "build/lab/figures.txt"       # the same for people; scripts/test shows it at the end
COLUMNS = ("seconds", "starts", "guest", "processor")


def known():
    try:
        with open(FIGURES) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def keep(results):
    """Keep each scenario's last run, even when others run alone later."""
    every = known()
    for name, r in results.items():
        every[name] = {key: r[key] for key in (*COLUMNS, "passed", "checks")} | {"failed": len(r["failures"])}
    with open(FIGURES, "w") as f:
        json.dump(every, f)
    with open(TABLE, "w") as f:
        f.write(table(results) + "\n")


def table(results):
    """Seconds; starts of QEMU; seconds of guests by their own clock; processor seconds of QEMU."""
    form = "{:<28}{:>8}{:>8}{:>9}{:>12}{:>9}{:>8}"
    lines = [form.format("scenario", "seconds", "starts", "guest s", "QEMU CPU s", "passed", "failed")]
    rows = [(name, *[r[c] for c in COLUMNS], r["passed"], len(r["failures"])) for name, r in results.items()]
    rows.append(("all", *[sum(row[i] for row in rows) for i in range(1, 7)]))
    lines += [form.format(name, *[f"{n:.0f}" for n in numbers]) for name, *numbers in rows]
    return "\n".join(lines)


def plain(check):
    """Remove what differs between runs: numbers, and bracketed words after them; whether a tunnel was up already."""
    check = check.replace("carried ESP of the standing tunnel", "carried IKE and ESP")
    return re.sub(r"[-+]?\d+(?:[.,:]\d+)*", "N", re.sub(r" \([^()]*\d[^()]*\)", "", check))


def names():
    return sorted({f"{name}\t{plain(check)}" for name, r in known().items() for check in r["checks"]})


def main(arguments):
    if arguments == ["names"]:
        print("\n".join(names()))
        return 0
    if len(arguments) == 2 and arguments[0] == "compare":
        with open(arguments[1]) as f:
            before = {(line.split("\t")[0], plain(line.rstrip("\n").split("\t")[1])) for line in f if line.strip()}
        now = {tuple(line.split("\t")) for line in names()}
        missing = sorted(before - now)
        elsewhere = [one for one in missing if one[1] in {check for _, check in now}]
        missing = [one for one in missing if one not in elsewhere]
        print("".join(f"{'missing' if one in missing else 'now in another scenario'}: {one[0]}: {one[1]}\n"
                      for one in missing + elsewhere) + f"{len(before)} names, {len(missing)} of them missing now")
        return 1 if missing or not before else 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
