# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the fault matrix, tests/faults/faults.toml, and makes tests/FAULTS.md of it.

    run.py          runs what is not known to pass with these very programs; says what came of each
    run.py --table  prints the matrix as the document has it

A boot counts if its test passed *and* the records that it left say the reason of the matrix.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = REPO / "build"
STATE = BUILD / "faults.json"  # what passed, and with which programs
JUNIT = BUILD / "junit/faults.xml"
HEAD = """# Faults, and what comes of each

Made of `tests/faults/faults.toml` by `tests/faults/run.py --table`; `make check-faults` runs them all.
The reason is one of slipway-reasons(7), and what the record of the boot must have.
"""


def matrix() -> list[dict]:
    """Every row, with its number."""
    rows = tomllib.loads((REPO / "tests/faults/faults.toml").read_text())["fault"]
    return [row | {"number": number} for number, row in enumerate(rows, 1)]


def table(rows: list[dict]) -> str:
    """The document."""
    out, area = [HEAD], ""
    for row in rows:
        if row["area"] != area:
            area = row["area"]
            out.append(f"## {area}\n\n| | fault | provoked by | outcome | reason | PCR 11 | tests |\n"
                       "|---|---|---|---|---|---|---|")
        tests = ", ".join(f"`tests/{test}`" for test in row["tests"])
        out.append(f"| {row['number']} | {row['fault']} | {row['how']} | {row['outcome']} | "
                   f"{row['code'] and '`' + row['code'] + '`'} | {row['pcr']} | {tests} |")
    return "\n".join(out).replace("|\n## ", "|\n\n## ") + "\n"


def programs() -> str:
    """What the tests run: with others, nothing is known."""
    files = [BUILD / "init", BUILD / "slipway-mkinitrd",
             *sorted(path for path in (REPO / "tests").rglob("*") if path.suffix in (".py", ".c"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def records(test: str) -> list[dict]:
    """What the boots of a test left."""
    module, name = re.fullmatch(r"boot/(\w+)\.py::(.+)", test).groups()
    start = re.sub(r"[^\w.-]+", "_", f"{module}.{name}")
    found = [folder / "record.json" for folder in (BUILD / "lab/runs").glob(f"{start}*")
             if re.fullmatch(re.escape(start) + r"(\.\d+)?", folder.name)]
    return [json.loads(path.read_text()) for path in found if path.exists()]


def says(test: str, code: str) -> bool:
    """Is the reason of one of its boots the row's?"""
    return not code or code in {(record.get("failure") or {}).get("code") for record in records(test)}


def run_boots(tests: list[str]) -> dict[str, bool]:
    """Boots, two at a time."""
    if not tests:
        return {}
    JUNIT.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2",
                    "--dist", "loadgroup", f"--junitxml={JUNIT}",
                    *(f"tests/{test}" for test in tests)], cwd=REPO,
                   env=os.environ | {"PYTHONPATH": "tests/lib", "PYTHONDONTWRITEBYTECODE": "1"})
    passed = set()
    for case in ET.parse(JUNIT).iter("testcase"):
        if not any(child.tag in ("failure", "error", "skipped") for child in case):
            module = case.get("classname").removeprefix("tests.boot.")
            passed.add(f"boot/{module}.py::{case.get('name').partition('@')[0]}")
    return {test: test in passed for test in tests}


def run_programs(tests: list[str]) -> dict[str, bool]:
    """Unit and component tests: the whole program of each."""
    done = {}
    for test in tests:
        name = BUILD / test.partition(".c:")[0]
        if name not in done:
            done[name] = subprocess.run([REPO / "ci/run-unit", name], cwd=REPO,
                                        stdout=subprocess.DEVNULL).returncode == 0
    return {test: done[BUILD / test.partition(".c:")[0]] for test in tests}


def main() -> int:
    """Run, keep, and say."""
    rows = matrix()
    if sys.argv[1:] == ["--table"]:
        print(table(rows), end="")
        return 0
    marks = programs()
    known = json.loads(STATE.read_text()) if STATE.exists() else {}
    passed = set(known.get("passed", [])) if known.get("programs") == marks else set()
    todo = sorted({test for row in rows for test in row["tests"]} - passed)
    print(f"{len(passed)} tests passed before, {len(todo)} to run")
    came = run_programs([test for test in todo if "::" not in test])
    came |= run_boots([test for test in todo if "::" in test])
    passed |= {test for test, good in came.items() if good}
    STATE.write_text(json.dumps({"programs": marks, "passed": sorted(passed)}, indent=1) + "\n")
    bad = 0
    for row in rows:
        missing = [test for test in row["tests"] if test not in passed]
        wrong = [test for test in row["tests"] if test.startswith("boot/") and test not in missing
                 and not says(test, row["code"])]
        bad += bool(missing or wrong)
        verdict = "FAILED" if missing else "OTHER REASON" if wrong else "ok"
        print(f"  {row['number']:3} {verdict:12} {row['code'] or '-':22} {row['fault']}")
        for test in missing + wrong:
            print(f"      tests/{test}")
    print(f"{len(rows) - bad} of {len(rows)} faults have their outcome")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
