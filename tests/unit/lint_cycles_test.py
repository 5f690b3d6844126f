#!/usr/bin/env python3
"""scripts/lint-cycles: it finds a cycle of calls and one of #includes, and nothing where there is none."""
import os
import subprocess
import sys
import tempfile

LINT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts/lint-cycles")
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"  {'ok  ' if good else 'FAIL'}  {what}" + ("" if good else f"\n        {detail}"))


def lint(folder, files):
    """The lint's verdict about a program of these files: (status, what it says)."""
    sources, objects = f"{folder}/src/made-up", f"{folder}/obj/made-up"
    os.makedirs(sources)
    os.makedirs(objects)
    for name, text in files.items():
        with open(f"{sources}/{name}", "w", encoding="utf-8") as f:
            f.write(text)
    for name in files:
        if name.endswith(".c"):
            subprocess.run(["gcc", "-c", "-o", f"{objects}/{name[:-2]}.o", f"{sources}/{name}"], check=True)
    r = subprocess.run([LINT, "-s", f"{folder}/src", "-o", f"{folder}/obj", "made-up"], capture_output=True, text=True)
    return r.returncode, r.stdout + r.stderr


BELOW = {"a.c": '#include "a.h"\n#include "b.h"\nint a(void) { return b(); }\n', "a.h": '#include "b.h"\nint a(void);\n',
         "b.c": '#include "b.h"\nint b(void) { return 1; }\n', "b.h": "int b(void);\n"}
CASES = [
    ("one above the other", {}, 0, "1 passed, 0 failed"),
    ("two that call each other", {"b.c": "int a(void);\nint b(void) { return a(); }\n"}, 1, "a circle of calls: a -> b (b), b -> a (a)"),
    ("data counts too", {"a.c": "extern int b_data;\nint a(void) { return b_data; }\n",
                         "b.c": "int a(void);\nint b_data = 1;\nint b(void) { return a(); }\n"}, 1, "a -> b (b_data)"),
    ("a circle of three", {"b.c": "int c(void);\nint b(void) { return c(); }\n", "c.c": "int a(void);\nint c(void) { return a(); }\n"},
     1, "c -> a (a)"),
    ("an address taken is a call", {"b.c": "int a(void);\nint (*b_calls)(void) = a;\nint b(void) { return 1; }\n"}, 1, "b -> a (a)"),
    ("a function pointer handed over is none", {"a.c": "int b(int (*f)(void));\nint a(void) { return b(a); }\n",
                                                "b.c": "int b(int (*f)(void)) { return f(); }\n"}, 0, "1 passed"),
    ("headers", {"b.h": '#ifndef B\n#define B\n#include "a.h"\nint b(void);\n#endif\n', "a.h": '#ifndef A\n#define A\n#include "b.h"\n#endif\n'},
     1, "a circle of #include: a.h -> b.h, b.h -> a.h"),
]


def main():
    for what, files, status, says in CASES:
        with tempfile.TemporaryDirectory() as folder:
            got, text = lint(folder, BELOW | files)
            check(what, got == status and says in text, f"status {got}: {text}")
    with tempfile.TemporaryDirectory() as folder:
        r = subprocess.run([LINT, "-s", folder, "-o", folder], capture_output=True, text=True)
        check("no program at all is no pass", r.returncode == 1, r.stdout)
    print(f"lint_cycles: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
