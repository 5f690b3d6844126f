#!/usr/bin/env python3
"""scripts/lint-lengths: it finds what is too long, and nothing else."""
import os
import subprocess
import sys
import tempfile

LINT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts/lint-lengths")
BODY = "    f();\n"
CASES = [
    ("a function of 60 lines", "src/a.c", "int a(void)\n{\n" + 60 * BODY + "}\n", ""),
    ("a function of 61 lines", "src/a.c", "int a(void)\n{\n" + 61 * BODY + "}\n", "src/a.c:2: a function of 61 lines"),
    ("a long table is none", "src/a.c", "int a[] = {\n" + 100 * "    1,\n" + "};\n", ""),
    ("a file of 601 lines", "tests/a.c", 601 * "\n", "tests/a.c: 601 lines"),
    ("a line of 120 columns", "src/a.c", "/* " + 114 * "x" + " */" + "\n", ""),
    ("columns are counted, not octets", "src/a.c", "/* " + 114 * "€" + " */" + "\n", ""),
    ("a line of 121 columns", "src/a.h", "\n/* " + 115 * "x" + " */" + "\n", "src/a.h:2: 121 columns"),
    ("a test's line may be longer", "tests/a.c", "/* " + 200 * "x" + " */" + "\n", ""),
]
failed = 0
with tempfile.TemporaryDirectory() as folder:
    for name in ("src", "tests"):
        os.mkdir(f"{folder}/{name}")
    for what, path, text, says in CASES:
        with open(f"{folder}/{path}", "w", encoding="utf-8") as f:
            f.write(text)
        r = subprocess.run([LINT, path], cwd=folder, capture_output=True, text=True)
        good = r.returncode == bool(says) and (says in r.stdout if says else r.stdout + r.stderr == "")
        print(f"  {'ok  ' if good else 'FAIL'}  {what}" + ("" if good else f"\n        status {r.returncode}: {r.stdout}{r.stderr}"))
        failed += not good
print(f"lint_lengths: {len(CASES) - failed} passed, {failed} failed")
sys.exit(failed > 0)
