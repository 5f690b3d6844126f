"""The lab's entry, run inside the workshop by scripts/lab and scripts/run.

    lab.py topology               the lab as text
    lab.py list                   the scenarios
    lab.py test [NAME ...]        run scenarios (all, or those whose folder name contains NAME)
    lab.py story                  the main job, step by step, for people (make run)
    lab.py leak                   the leak counter's long form (make leak)
"""

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import costs          # noqa: E402
import jail           # noqa: E402
import report         # noqa: E402
import topology       # noqa: E402

SCENARIOS = os.path.join(HERE, "scenarios")
RUNS = "build/lab"
SCENARIO_LIMIT = 600      # seconds; longer is stuck (a slow machine takes its time)
JOBS = 2


def scenarios(names):
    """Folders to run, in order. A name means the scenario of that name, else all that contain it."""
    found = sorted(d for d in os.listdir(SCENARIOS) if os.path.exists(f"{SCENARIOS}/{d}/scenario.py"))
    if not names:
        return found
    wanted = set()
    for n in names:
        exact = [d for d in found if n in (d, d.partition("-")[2])]
        wanted.update(exact or [d for d in found if n in d])
    return [d for d in found if d in wanted]


def alone(name):
    return f"make lab ONLY={name.partition('-')[2]}"


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
        """Remove what earlier runs have left, but not what belongs to a run that is still going on.

        A run's mounts are in its own mount namespace and went with it, so there is nothing below but files.
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
        """Keep the logs, drop what is large."""
        for folder, _, files in os.walk(self.path):
            for name in files:
                if name == "big" or name.endswith((".img", ".pcap", ".fd")):
                    os.unlink(os.path.join(folder, name))


def run_scenario(name, folder):
    """One scenario in namespaces of its own. Returns the exit status: 0 only if every check held."""
    def body():
        import box as boxes
        import world
        rep = report.Report(alone(name), sys.stdout.isatty(), lambda text: print(text, flush=True))
        lab = None
        try:
            spec = importlib.util.spec_from_file_location("scenario", f"{SCENARIOS}/{name}/scenario.py")
            scenario = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(scenario)
            lab = world.World(folder, rep)
            scenario.run(lab)
            if rep.passed + rep.failed == 0:
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
    return jail.enter(body)


class Worker:
    """A scenario in a process of its own, its output kept until it is its turn."""

    def __init__(self, name, folder, live):
        self.name, self.folder, self.live = name, folder, live
        os.makedirs(folder, exist_ok=True)
        self.begin = time.monotonic()
        self.output = None if live else open(f"{folder}/output", "w+")
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "one", name, folder],
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                                        preexec_fn=jail.die_with_parent)

    def ended(self):
        if self.process.poll() is None and time.monotonic() - self.begin > SCENARIO_LIMIT:
            self.process.kill()
            self.process.wait()
            (self.output or sys.stdout).write(f"    it is stuck: ended after {SCENARIO_LIMIT} s\n")
        return self.process.poll() is not None

    def result(self):
        """What report.save has written; prints what the scenario said."""
        if not self.live:
            self.output.seek(0)
            print(self.name, flush=True)
            sys.stdout.write(self.output.read())
            self.output.close()
        try:
            with open(f"{self.folder}/result.json") as f:
                return json.load(f)
        except (OSError, ValueError):
            line = f"the scenario runs to its end: expected yes; seen status {self.process.returncode}"
            print(f"    FAIL  {line}\n          alone: {alone(self.name)}")
            seconds = time.monotonic() - self.begin
            return {"passed": 0, "failures": [line], "seconds": seconds, "checks": [], "starts": 0, "guest": 0, "processor": 0}


def run_all(todo, folder, jobs):
    """Run scenarios, so many at once, and print them in order. {name: what report.save wrote}"""
    results = {}
    waiting, order, running, finished = list(todo), list(todo), [], {}
    while order:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            if jobs == 1:
                print(name, flush=True)
            running.append(Worker(name, f"{folder}/{name}", jobs == 1))
        for w in [w for w in running if w.ended()]:
            running.remove(w)
            finished[w.name] = w
        while order and order[0] in finished:
            name = order.pop(0)
            r = results[name] = finished.pop(name).result()
            print(f"    {r['passed']} passed, {len(r['failures'])} failed ({r['seconds']:.0f} s)", flush=True)
        time.sleep(0.05)
    return results


def test(names):
    todo = scenarios(names)
    if not todo:
        print(f"no scenario is called {' '.join(names)}; there are: {' '.join(scenarios([]))}" if names
              else "there is no scenario")
        print("lab: 0 passed, 1 failed")
        return 1

    def body():
        import pki
        pki.ensure()
        folder = RunFolder()
        begin = time.monotonic()
        results = run_all(todo, folder.path, 1 if len(todo) == 1 else int(os.environ.get("LAB_JOBS", JOBS)))
        passed = sum(r["passed"] for r in results.values())
        failed = [f"{name}: {line}; alone: {alone(name)}" for name, r in results.items() for line in r["failures"]]
        costs.keep(results)
        print("\n" + costs.table(results))
        print(f"{len(todo)} scenarios in {time.monotonic() - begin:.0f} s")
        for line in failed:
            print(f"failed: lab: {line}")
        print(f"lab: {passed} passed, {len(failed)} failed")
        folder.tidy()
        return 1 if failed or not passed else 0
    return jail.enter(body)


def story():
    def body():
        import story as told
        folder = RunFolder()
        try:
            return told.tell(folder.path)
        finally:
            folder.tidy()
    return jail.enter(body)


def leak():
    """The long form of scenarios/*-leak-counter, for up to 15 minutes."""
    def body():
        import leak as counter
        import world
        folder = RunFolder()
        rep = report.Report("make leak", sys.stdout.isatty(), lambda text: print(text, flush=True))
        lab = None
        try:
            lab = world.World(folder.path, rep)
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
    return jail.enter(body)


def main(arguments):
    os.umask(0o022)
    command, *rest = arguments or ["help"]
    if command == "topology":
        print(topology.draw())
        return 0
    if command == "list":
        print("\n".join(scenarios(rest)))
        return 0
    if command == "test":
        return test(rest)
    if command == "one" and len(rest) == 2:
        return run_scenario(*rest)
    if command == "leak":
        return leak()
    if command == "story":
        return story()
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
