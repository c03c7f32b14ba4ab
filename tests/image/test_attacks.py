# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests that ATTACKS.md, the fault matrix, SECURITY.md and extensions.md name are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
ATTACKS = (REPO / "tests/ATTACKS.md").read_text()
TEST = r"`(tests/\w+/\w+\.(?:c|py)):{1,2}(\w+)(?:\[([^`]+)\])?`"
NAMED = re.findall(TEST, ATTACKS)
EXTENSIONS = (REPO / "init/doc/extensions.md").read_text()


@cache
def collected(folder: str) -> set[str]:
    """The names that pytest gives to its tests in a folder, with and without their case."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider",
         folder], cwd=REPO, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": "tests/lib", "PYTHONDONTWRITEBYTECODE": "1"})
    names = {line for line in done.stdout.splitlines() if "::" in line}
    assert done.returncode == 0 and names, done.stdout + done.stderr
    return names | {name.partition("[")[0] for name in names}


@cache
def definitions(file: str) -> dict[str, str]:
    """The functions, tables and macros of a C file: what stands apart at the left edge."""
    found = {}
    for text in re.split(r"\n\n(?=[^\s}])", (REPO / file).read_text()):
        for name in re.findall(r"(?m)^(?:#define |[^\s#/*].*?\b)(\w+)(?:\(|\[| =)", text):
            found[name] = text
    return found


def reach(file: str, name: str) -> str:
    """A test in C, and all in its file that it uses."""
    known, todo, seen = definitions(file), [name], {name: None}
    while todo:
        used = set(re.findall(r"\w+", known[todo.pop()])) & known.keys() - seen.keys()
        seen |= dict.fromkeys(used)
        todo += used
    return "\n".join(dict.fromkeys(known[x] for x in seen))


def is_there(file: str, name: str, case: str) -> bool:
    if file.endswith(".py"):
        return f"{file}::{name}" + (f"[{case}]" if case else "") in collected(str(Path(file).parent))
    if f"UNIT_TEST({name})" not in (REPO / file).read_text():
        return False
    return not case or f'"{case}"' in reach(file, name)


def test_every_test_is_there():
    missing = [named for named in NAMED if not is_there(*named)]
    assert not missing


def test_every_row_names_a_test():
    rows = [row for row in ATTACKS.splitlines() if row.startswith("| ")]
    heads = sum(row.endswith("| shown by |") for row in rows)
    assert heads == ATTACKS.count("\n## ") and len(rows) > 50
    for row in rows:
        attack, outcome, shown = (cell.strip() for cell in row.strip("|").split(" | "))
        assert attack and outcome and (shown == "shown by" or shown.count("`") >= 2), row
    assert len(NAMED) == sum(row.count("`tests/") for row in rows), "a name that is none"


def test_every_rule_of_extensions_names_tests_that_are_there():
    head, _, rules = EXTENSIONS.partition("| rule | shown by |\n|---|---|\n")
    rows = [row.strip("|").rsplit(" | ", 1) for row in rules.splitlines()]
    assert head and len(rows) >= 30
    for rule, shown in rows:
        named = re.findall(TEST, shown)
        assert rule.strip() and named and len(named) == shown.count("`tests/"), shown
        assert not [name for name in named if not is_there(*name)], rule


@pytest.mark.parametrize("named, there", [
    (("tests/unit/test_tpm.c", "resets_are_noticed", "started again"), True),
    (("tests/unit/test_tpm.c", "resets_are_noticed", "started twice"), False),
    (("tests/unit/test_tpm.c", "resets", ""), False),
    (("tests/unit/test_tpm.c", "no_device", "started again"), False),
    (("tests/unit/test_anchors.c", "verifies", "weak RSA"), False),
    (("tests/unit/test_anchors.c", "loads", "weak RSA"), True),
    (("tests/boot/test_root.py", "test_words", "unbalanced"), True),
    (("tests/boot/test_root.py", "test_words", ""), True),
    (("tests/image/test_extension_peers.py", "test_who_fits", "sysext"), True),
    (("tests/image/test_extension_peers.py", "test_who_fits", "portable"), False),
    (("tests/boot/test_root.py", "test_words", "balanced"), False),
])
def test_a_wrong_name_would_show(named, there):
    assert is_there(*named) == there


def promises() -> list[str]:
    """The rows of SECURITY.md."""
    rows = [row for row in (REPO / "SECURITY.md").read_text().splitlines() if row.startswith("| ")]
    return [row for row in rows if row != "| promise | shown by |"]


def test_every_promise_names_tests_that_are_there():
    """Of a file of tests nobody could say which one holds the promise."""
    rows = [row.strip("|").rsplit(" | ", 1) for row in promises()]
    assert len(rows) > 30
    for promise, shown in rows:
        named = re.findall(TEST, shown)
        assert promise.strip() and named and len(named) == shown.count("`tests/"), promise
        assert not [name for name in named if not is_there(*name)], promise


FAULTS = tomllib.loads((REPO / "tests/faults/faults.toml").read_text())["fault"]


def test_every_fault_names_tests_and_reasons():
    codes = set(re.findall(r"^ERR\((\w+),", (REPO / "init/core/err.def").read_text(), re.M)) | {""}
    for row in FAULTS:
        assert row["tests"] and row["code"] in codes and row["outcome"] and row["how"], row
        for test in row["tests"]:
            named = re.fullmatch(r"(\w+/\w+\.(?:c|py)):{1,2}(\w+)(?:\[(.+)\])?", test)
            assert is_there(f"tests/{named[1]}", named[2], named[3] or ""), test


def test_the_document_has_the_matrix():
    said = subprocess.run([sys.executable, REPO / "tests/faults/run.py", "--table"],
                          capture_output=True, text=True, check=True).stdout
    assert (REPO / "tests/FAULTS.md").read_text() == said
