"""The lab's entry, run inside the workshop by scripts/lab and scripts/run.

    lab.py topology               the lab as text
    lab.py list                   the scenarios, marking those that need a variable to run
    lab.py packages [NAME ...]    lists of packages that scenarios need besides the workshop's (all, or those named)
    lab.py test [NAME ...]        run scenarios (all, or those whose folder name contains NAME)
    lab.py demo                   the main job, step by step, for people (make run)
    lab.py leak                   the leak counter's long form (make leak)
"""

import fcntl
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import costs          # noqa: E402
import netns           # noqa: E402
import report         # noqa: E402
import topology       # noqa: E402
import warm           # noqa: E402

SCENARIOS = os.path.join(HERE, "scenarios")
RUNS = "build/lab"
SCENARIO_LIMIT = int(os.environ.get("LAB_LIMIT", "1500"))     # seconds; a longer run hangs
JOBS = 2


def said(name, pattern):
    """The value of a variable in a scenario's scenario.py, or None."""
    with open(f"{SCENARIOS}/{name}/scenario.py") as f:
        return re.search(pattern, f.read(), re.M)


def kept_back():
    """{scenario: how to run it}: ONLY_WITH = "VARIABLE", and this variable is not set. Nothing else runs them."""
    found = {name: said(name, r'^ONLY_WITH = "(\w+)"') for name in folders()}
    return {name: f"make {line[1].lower().replace('_', '-')}" for name, line in found.items()
            if line and not os.environ.get(line[1])}


def folders():
    return sorted(d for d in os.listdir(SCENARIOS) if os.path.exists(f"{SCENARIOS}/{d}/scenario.py"))


def scenarios(names):
    """Folders to run, in order. A name selects the scenario with that name, otherwise all that contain it."""
    back = kept_back()
    found = [d for d in folders() if d not in back]
    if not names:
        return found
    wanted = set()
    for n in names:
        exact = [d for d in found if n in (d, d.partition("-")[2])]
        wanted.update(exact or [d for d in found if n in d])
    return [d for d in found if d in wanted]


def groups(names):
    """[[scenario, ...], ...]: those of one group (GROUP = "name" in scenario.py) run one after the other, with one box.

    One that uses it up (GROUP = "name, last") comes last.
    """
    found = {}
    for name in names:
        line = said(name, r'^GROUP = "([\w-]+)(, last)?"')
        found.setdefault(line[1] if line else name, []).append((bool(line and line[2]), name))
    return sorted(([name for _, name in sorted(members)] for members in found.values()), key=len, reverse=True)


def packages(names):
    """The PACKAGES = "FILE" of these scenarios."""
    return sorted({line[1] for line in (said(name, r'^PACKAGES = "(.+)"$') for name in scenarios(names)) if line})


def alone(name):
    by = said(name, r'^ONLY_WITH = "(\w+)"')
    return f"make {by[1].lower().replace('_', '-')}" if by else f"make lab ONLY={name.partition('-')[2]}"


class RunFolder:
    """build/lab/run-*: logs, disks and captures of one run. A lock tells a living run from a killed one."""

    def __init__(self):
        os.makedirs(RUNS, exist_ok=True)
        self.clear()
        stamp = time.strftime("%H%M%S")
        self.path = next(p for p in (f"{RUNS}/run-{stamp}-{n}" for n in range(100)) if not os.path.exists(p))
        os.makedirs(self.path)
        self.lock = open(f"{self.path}/lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    @staticmethod
    def clear():
        """Remove the files of earlier runs, except of one still running.

        A run's mounts were in its own mount namespace and are gone, so there are only files.
        """
        for name in os.listdir(RUNS):
            if not name.startswith("run-"):
                continue
            try:
                with open(f"{RUNS}/{name}/lock") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(f"{RUNS}/{name}", ignore_errors=True)
            except BlockingIOError:
                continue
            except OSError:
                shutil.rmtree(f"{RUNS}/{name}", ignore_errors=True)

    def tidy(self):
        """Keep the logs, remove large files."""
        for folder, _, files in os.walk(self.path):
            for name in files:
                if name == "big" or name.endswith((".img", ".qcow2", ".pcap", ".fd")):
                    os.unlink(os.path.join(folder, name))


def run_scenario(name, folder):
    """One scenario in namespaces of its own. Returns the exit status: 0 only if every check held."""
    def body():
        import box as boxes
        import testbed
        rep = report.Report(alone(name), sys.stdout.isatty(), lambda text: print(text, flush=True))
        lab = None
        try:
            spec = importlib.util.spec_from_file_location("scenario", f"{SCENARIOS}/{name}/scenario.py")
            scenario = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(scenario)
            lab = testbed.Testbed(folder, rep)
            scenario.run(lab)
            if rep.passed + rep.failed + rep.skipped == 0:
                rep.broken("it made no check")
        except Exception as e:
            rep.broken(f"{type(e).__name__}: {e}")
            if not isinstance(e, (RuntimeError, OSError)) and type(e).__name__ != "BoxError":
                traceback.print_exc(file=sys.stdout)
        if rep.failed and lab and lab.box:
            print("    the console ends:")
            for line in lab.box.console_tail().splitlines():
                print("    | " + line)
            print(f"    logs of this run: {folder}")
        if lab:
            lab.down()
        rep.save(f"{folder}/result.json", **boxes.Meter.figures())
        return 1 if rep.failed else 0
    os.makedirs(folder, exist_ok=True)
    return netns.enter(body)


class Worker:
    """Scenarios in a process of its own, one after the other; the output of each is kept until it has ended."""

    def __init__(self, names, folder, live):
        self.names, self.folder, self.live = list(names), folder, live
        self.output = None if live else open(f"{folder}/{names[0]}.worker", "w+")
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "group", folder, "live" if live else "kept",
                                         *names], stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                                        preexec_fn=netns.die_with_parent)

    def ended(self):
        """The scenarios that have ended since the last call."""
        over = self.process.poll() is not None
        out = [name for name in self.names if over or os.path.exists(f"{self.folder}/{name}/ended")]
        self.names = [name for name in self.names if name not in out]
        return out

    def result(self, name):
        """What report.save has written; prints the scenario's output."""
        if not self.live:
            print(name, flush=True)
            for path in (f"{self.folder}/{name}/output", self.output.name):
                if os.path.exists(path):
                    with open(path, errors="replace") as f:
                        sys.stdout.write(f.read())
        try:
            with open(f"{self.folder}/{name}/result.json") as f:
                return json.load(f)
        except (OSError, ValueError):
            line = "the scenario runs to its end: expected yes; seen that it was ended"
            print(f"    FAIL  {line}\n          alone: {alone(name)}")
            return {"passed": 0, "skipped": 0, "failures": [line], "seconds": 0, "checks": [],
                    "starts": 0, "guest": 0, "processor": 0}


def run_group(folder, live, names):
    """Scenarios one after the other, each in namespaces of its own; several have one box (warm.py)."""
    def one(keeper, name):
        own = f"{folder}/{name}"
        os.makedirs(own, exist_ok=True)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = dict(os.environ)
        if len(names) > 1:
            keeper.taps()
            environment |= {warm.VARIABLE: str(theirs.fileno()), warm.VARIABLE + "_FOLDER": keeper.folder}
        output = None if live else open(f"{own}/output", "w")
        with subprocess.Popen([sys.executable, os.path.abspath(__file__), "one", name, own], stdin=subprocess.DEVNULL,
                              stdout=output, stderr=output, env=environment, pass_fds=(theirs.fileno(),),
                              preexec_fn=netns.die_with_parent) as process:
            theirs.close()
            if not keeper.serve(ours, SCENARIO_LIMIT):
                process.kill()
                (output or sys.stdout).write(f"    it is stuck: ended after {SCENARIO_LIMIT} s\n")
        ours.close()
        if output:
            output.close()
        open(f"{own}/ended", "w").close()

    def body():
        keeper = warm.Keeper(f"{folder}/{names[0]}/keeper")
        for name in names:
            one(keeper, name)
        keeper.kill()
    return netns.enter(body)


def run_all(todo, folder, jobs):
    """Run scenarios, so many at once. {name: what report.save wrote}"""
    results, waiting, running = {}, groups(todo), []
    while waiting or running:
        while waiting and len(running) < jobs:
            names = waiting.pop(0)
            if jobs == 1 and len(names) == 1:
                print(names[0], flush=True)
            running.append(Worker(names, folder, jobs == 1 and len(names) == 1))
        for worker in list(running):
            for name in worker.ended():
                r = results[name] = worker.result(name)
                print(f"    {r['passed']} passed, {len(r['failures'])} failed ({r['seconds']:.0f} s)", flush=True)
            if not worker.names:
                running.remove(worker)
        time.sleep(0.05)
    return {name: results[name] for name in sorted(results)}


def load(loops):
    """So many busy loops during the run: checks by wall-clock time fail then."""
    for _ in range(loops):
        subprocess.Popen(["sh", "-c", "while :; do :; done"], preexec_fn=netns.die_with_parent)


def test(names):
    todo = scenarios(names)
    if not todo:
        print(f"no scenario is called {' '.join(names)}; there are: {' '.join(scenarios([]))}" if names
              else "there is no scenario")
        for name, how in kept_back().items():
            print(f"{name} runs only by {how}")
        print("lab: 0 passed, 1 failed")
        return 1

    def body():
        import pki
        pki.ensure()
        folder = RunFolder()
        begin = time.monotonic()
        load(int(os.environ.get("LAB_LOAD") or 0))
        results = run_all(todo, folder.path, 1 if len(todo) == 1 else int(os.environ.get("LAB_JOBS", JOBS)))
        passed, skipped = (sum(r[word] for r in results.values()) for word in ("passed", "skipped"))
        failed = [f"{name}: {line}; alone: {alone(name)}" for name, r in results.items() for line in r["failures"]]
        costs.keep(results)
        print("\n" + costs.table(results))
        print(f"{len(todo)} scenarios in {time.monotonic() - begin:.0f} s")
        for line in failed:
            print(f"failed: lab: {line}")
        print(f"lab: {passed} passed, {len(failed)} failed" + (f", {skipped} skipped" if skipped else ""))
        folder.tidy()
        return 1 if failed or not passed + skipped else 0
    return netns.enter(body)


def demo_run():
    def body():
        import demo
        folder = RunFolder()
        try:
            return demo.tell(folder.path)
        finally:
            folder.tidy()
    return netns.enter(body)


def leak():
    """The long form of scenarios/*-leak-counter, for up to 15 minutes."""
    def body():
        import leak as counter
        import testbed
        folder = RunFolder()
        rep = report.Report("make leak", sys.stdout.isatty(), lambda text: print(text, flush=True))
        lab = None
        try:
            lab = testbed.Testbed(folder.path, rep)
            counter.run(lab, counter.long_plan(os.environ), counter.Progress(lab))
        except Exception as e:
            rep.broken(f"{type(e).__name__}: {e}")
            traceback.print_exc(file=sys.stdout)
        finally:
            if lab:
                lab.down()
            folder.tidy()
        print(f"leak: {rep.passed} passed, {rep.failed} failed")
        return 1 if rep.failed or not rep.passed else 0
    return netns.enter(body)


def main(arguments):
    os.umask(0o022)
    command, *rest = arguments or ["help"]
    if command == "topology":
        print(topology.draw())
        return 0
    if command == "list":
        print("\n".join(scenarios(rest) + [f"{name} (only by {how})" for name, how in kept_back().items()]))
        return 0
    if command == "packages":
        print("\n".join(packages(rest)))
        return 0
    if command == "test":
        return test(rest)
    if command == "group" and len(rest) > 2:
        return run_group(rest[0], rest[1] == "live", rest[2:])
    if command == "one" and len(rest) == 2:
        return run_scenario(*rest)
    if command == "leak":
        return leak()
    if command == "demo":
        return demo_run()
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
