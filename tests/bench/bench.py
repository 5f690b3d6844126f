#!/usr/bin/env python3
"""Measures and reports; started by scripts/bench inside the workshop.

    bench.py [NAME...]           rows by name, or all; prints the table, writes build/bench.json
    bench.py --check [NAME...]   check that each row still measures something: a short run, the figures are not kept
    bench.py --list              the rows
    bench.py --group GROUP OUT   one group of rows in its own namespaces (bench.py starts itself this way)

Rows measured by the same runs form a group. A row that cannot be measured is reported in the table, removed from
build/bench.json, and makes the exit status 1.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lab")]

import netns                       # noqa: E402
from figure import CHECK, CannotMeasure, Figure   # noqa: E402

RESULT = "build/bench.json"
RUNS_FOLDER = "build/bench/run"
# Reported in one sentence; any other exception is a fault of the bench and is shown in full.
EXPECTED = ("BoxError", "RuntimeError")


@dataclass
class Row:
    name: str
    unit: str
    better: str       # "lower" or "higher"
    group: str


@dataclass
class Group:
    module: str       # imported only in the group's own process
    what: str         # passed to its measure(what, folder, runs)
    runs: int
    seconds: int      # approximate duration
    limit: int        # a longer run hangs


GROUPS = {
    "images": Group("sizes", "images", 1, 5, 900),
    "cached": Group("resolver", "cached", 5, 90, 400),
    "uncached": Group("resolver", "uncached", 5, 70, 400),
    "forwarded": Group("resolver", "forwarded", 5, 50, 300),
    "first": Group("resolver", "first_connection", 5, 30, 300),
    "firstpacket": Group("firstpacket", "refused", 10, 120, 600),
    "hello": Group("helloadded", "hello", 5, 60, 300),
    "throughput": Group("throughput", "clock", 7, 170, 900),
    "counted": Group("counted", "counted", 3, 150, 1200),
    "modechange": Group("modechange", "change", 5, 60, 400),
    "boot": Group("machines", "boot", 5, 110, 900),
    "memory": Group("machines", "memory", 1, 50, 400),
    "full": Group("memoryfull", "full", 1, 40, 300),
    "session_start": Group("sessionstart", "start", 2, 240, 1500),
    "first_box": Group("machines", "first_connection", 3, 90, 700),
}

# What --check runs in parallel: the groups of each list one after the other (those with the peer machine share its RAM disk).
LANES = (("sizes", "machines", "sessionstart"), ("throughput", "counted"),
         ("resolver", "firstpacket", "helloadded", "modechange", "memoryfull"))

ROWS = [
    Row("image_bytes", "bytes", "lower", "images"),
    Row("kernel_bytes", "bytes", "lower", "images"),
    Row("ram_session_mib", "MiB", "lower", "memory"),
    Row("rss_gate_kib", "KiB", "lower", "memory"),
    Row("rss_names_kib", "KiB", "lower", "memory"),
    Row("rss_hello_kib", "KiB", "lower", "memory"),
    Row("rss_together_kib", "KiB", "lower", "memory"),
    Row("rss_gate_full_kib", "KiB", "lower", "full"),
    Row("rss_names_full_kib", "KiB", "lower", "full"),
    Row("rss_hello_full_kib", "KiB", "lower", "full"),
    Row("rss_together_full_kib", "KiB", "lower", "full"),
    Row("rss_enroll_kib", "KiB", "lower", "memory"),
    Row("rss_status_kib", "KiB", "lower", "memory"),
    Row("rss_charon_kib", "KiB", "lower", "memory"),
    Row("boot_to_dns_s", "s", "lower", "boot"),
    Row("boot_to_tunnel_s", "s", "lower", "boot"),
    Row("first_connection_ms", "ms", "lower", "first"),
    Row("first_connection_box_ms", "ms", "lower", "first_box"),
    Row("session_start_ms", "ms", "lower", "session_start"),
    Row("dns_first_packet_refused", "of 100,000", "lower", "firstpacket"),
    Row("hello_added_ms", "ms", "lower", "hello"),
    Row("session_throughput_up", "Mbit/s", "higher", "throughput"),
    Row("session_throughput_down", "Mbit/s", "higher", "throughput"),
    Row("session_throughput_up_counted", "Mbit/s", "higher", "counted"),
    Row("session_throughput_down_counted", "Mbit/s", "higher", "counted"),
    Row("session_packet_instructions", "a packet", "lower", "counted"),
    Row("mode_change_ms", "ms", "lower", "modechange"),
    Row("dns_cached_qps", "answers/s", "higher", "cached"),
    Row("dns_cached_qps_unbound", "answers/s", "higher", "cached"),
    Row("dns_p99_us", "us", "lower", "cached"),
    Row("dns_p99_us_unbound", "us", "lower", "cached"),
    Row("dns_uncached_qps", "answers/s", "higher", "uncached"),
    Row("dns_uncached_qps_unbound", "answers/s", "higher", "uncached"),
    Row("dns_uncached_p99_us", "us", "lower", "uncached"),
    Row("dns_uncached_p99_us_unbound", "us", "lower", "uncached"),
    Row("dns_forward_qps", "answers/s", "higher", "forwarded"),
]


# ---- measuring

def in_group(name, out):
    """The body of one group's process: writes the figures, or the error, to OUT."""
    group = GROUPS[name]
    folder = f"{RUNS_FOLDER}/{name}"

    def body():
        found = {"figures": {}, "error": None}
        try:
            module = __import__(group.module)
            figures = module.measure(group.what, folder, 1 if CHECK else group.runs)
            found["figures"] = {n: vars(f) for n, f in figures.items()}
        except CannotMeasure as e:
            found["error"] = str(e)
        except Exception as e:
            if type(e).__name__ not in EXPECTED:
                traceback.print_exc()
            found["error"] = f"{type(e).__name__}: {e}"
        with open(out, "w", encoding="utf-8") as f:
            json.dump(found, f)
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return netns.enter(body)


def measure(name, runs=None):
    """({row name: Figure}, error text or None) of a group, in a process of its own."""
    group = GROUPS[name]
    out = f"{RUNS_FOLDER}/{name}.json"
    if os.path.exists(out):
        os.unlink(out)
    environment = dict(os.environ, BENCH_CHECK=str(runs)) if runs else None
    process = subprocess.Popen([sys.executable, "-B", __file__, "--group", name, out], env=environment,
                               preexec_fn=netns.die_with_parent)
    try:
        process.wait(group.limit)
    except subprocess.TimeoutExpired:
        return {}, f"no end after {group.limit} s"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        tidy(f"{RUNS_FOLDER}/{name}")
    try:
        with open(out, encoding="utf-8") as f:
            found = json.load(f)
    except (OSError, ValueError):
        return {}, f"its process ended with status {process.returncode} and no result"
    return {n: Figure(**f) for n, f in found["figures"].items()}, found["error"]


def tidy(folder):
    """Keep the logs, remove large files."""
    for where, _, files in os.walk(folder):
        for name in files:
            if name in ("big", "initrd") or name.endswith((".img", ".pcap", ".cpio")):
                os.unlink(os.path.join(where, name))


# ---- reporting

def entry(row, figure):
    value, peer = figure.value(), figure.peer_value()
    return {"name": row.name, "value": rounded(value), "unit": row.unit, "better": row.better, "peer": figure.peer,
            "peer_value": None if peer is None else rounded(peer),
            "ratio": None if not peer else round(value / peer, 3), "runs": len(figure.ours),
            "command": f"make bench ONLY={row.name}", "note": figure.note,
            "spread": [rounded(min(figure.ours)), rounded(max(figure.ours))],
            "peer_spread": [rounded(min(figure.peers)), rounded(max(figure.peers))] if figure.peers else None}


def rounded(value):
    """At most three significant digits, more than the precision of any figure; integers stay integers."""
    return int(value) if float(value).is_integer() else round(value, 3)


def shown(value):
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3g}"


def print_table(entries, failures, rows):
    lines = [("name", "ours", "peer", "ratio", "better", "unit", "runs", "compared with")]
    for row in rows:
        e = entries.get(row.name)
        if e:
            lines.append((row.name, shown(e["value"]), shown(e["peer_value"]), shown(e["ratio"]), e["better"], e["unit"],
                          str(e["runs"]), e["peer"] or "-"))
        else:
            lines.append((row.name, "FAILED", "", "", row.better, row.unit, "0", failures[row.name]))
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    print()
    for line in lines:
        cells = [line[0].ljust(widths[0])] + [line[i].rjust(widths[i]) for i in (1, 2, 3)]
        cells += [line[i].ljust(widths[i]) for i in (4, 5)] + [line[6].rjust(widths[6]), line[7]]
        print("  ".join(cells).rstrip())
    print()


def save(entries, rows):
    """Keep figures of other rows from an earlier run; remove rows whose measurement failed."""
    try:
        with open(RESULT, encoding="utf-8") as f:
            kept = {e["name"]: e for e in json.load(f)}
    except (OSError, ValueError):
        kept = {}
    for row in rows:
        kept.pop(row.name, None)
    kept.update(entries)
    order = [row.name for row in ROWS]
    result = [kept[n] for n in order if n in kept] + [e for n, e in kept.items() if n not in order]
    with open(RESULT + ".tmp", "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1, ensure_ascii=False)
        f.write("\n")
    os.rename(RESULT + ".tmp", RESULT)


def run(rows):
    entries, failures = {}, {}
    for name in dict.fromkeys(row.group for row in rows):
        mine = [row for row in rows if row.group == name]
        print(f"[{time.strftime('%H:%M:%S')}] measuring {', '.join(row.name for row in mine)} "
              f"(about {GROUPS[name].seconds} s)", file=sys.stderr, flush=True)
        figures, error = measure(name)
        for row in mine:
            if row.name in figures:
                entries[row.name] = entry(row, figures[row.name])
            else:
                failures[row.name] = error or "the measurement gave no figure for it"
    print_table(entries, failures, rows)
    save(entries, rows)
    print(f"{RESULT}: {len(entries)} rows measured, {len(failures)} failed")
    return 1 if failures else 0


def check(rows):
    """Check that each row measures something: one short run of each group."""
    results = {}

    def lane(names):
        for name in names:
            results[name] = measure(name, 1)
    groups = list(dict.fromkeys(row.group for row in rows))
    threads = [threading.Thread(target=lane, args=([n for n in groups if GROUPS[n].module in modules],)) for modules in LANES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = []
    for row in rows:
        figures, error = results[row.group]
        if row.name in figures and figures[row.name].value() is not None:
            print(f"  ok    {row.name}: {shown(rounded(figures[row.name].value()))} {row.unit}")
        else:
            why = " ".join((error or "the measurement gave no figure for it").split())[:300]
            print(f"  FAIL  {row.name}: {why}")
            failed.append(f"failed: bench: {row.name}: expected a figure; seen {why}; alone: make bench CHECK=1 ONLY={row.name}")
    print("".join(line + "\n" for line in failed) + f"bench: {len(rows) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main(names):
    checking = names[:1] == ["--check"]
    names = names[checking:]
    if names[:1] == ["--list"]:
        for row in ROWS:
            print(f"{row.name:<34}{row.unit:<12}{row.better} is better")
        return 0
    if names[:1] == ["--group"]:
        return in_group(*names[1:])
    unknown = [n for n in names if n not in [row.name for row in ROWS]]
    if unknown:
        print(f"error: there is no row {', '.join(unknown)}; scripts/bench --list says what there is", file=sys.stderr)
        return 2
    os.makedirs(RUNS_FOLDER, exist_ok=True)
    with open("build/bench/lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("error: another bench is running in this checkout; two at a time would measure each other",
                  file=sys.stderr)
            return 2
        return (check if checking else run)([row for row in ROWS if not names or row.name in names])


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
sys.exit(main(sys.argv[1:]))
