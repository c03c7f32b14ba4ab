# SPDX-License-Identifier: LGPL-2.1-or-later
"""The schema of the record: against its page, against records of real boots, and spoiled ones."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests/lib"))

from lab import record as judge  # noqa: E402

SCHEMA = json.loads((REPO / "init/slipway-boot.schema.json").read_text())
PAGE = (REPO / "init/slipway-boot.json.5").read_text()
RECORDS = sorted((REPO / "tests/data/records").glob("*.json"))


def members_in_page(page: str) -> set[str]:
    """As `stages.name`; a line may name several."""
    outer, words, found = [], [], set()
    for line in page.split(".Ss Members")[1].split("\n.S")[0].splitlines():
        if line.startswith(".Bl"):
            outer.append(words)
        elif line.startswith(".El"):
            outer.pop()
        elif line.startswith(".It Va "):
            words = re.split(r"[ ,]+", line[7:].split(" Pq ")[0])
            above = [parent[0] for parent in outer if parent]
            found |= {".".join([*above, word]) for word in words}
    return found


def members_in_schema(node: dict, above: str = "") -> set[str]:
    node = node.get("items", node)
    node = SCHEMA["$defs"].get(node.get("$ref", "").removeprefix("#/$defs/"), node)
    found = set()
    for name, member in node.get("properties", {}).items():
        found |= {above + name} | members_in_schema(member, f"{above}{name}.")
    return found


def test_schema_is_a_good_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_schema_and_page_name_the_same_members():
    assert "failure.means" in members_in_schema(SCHEMA)
    assert members_in_page(PAGE) == members_in_schema(SCHEMA)
    for name in ("waits", "came", "where"):
        spoiled = re.sub(rf"(?m)^(\.It Va .*?)\b{name}\b", r"\1another", PAGE)
        assert members_in_page(spoiled) != members_in_schema(SCHEMA)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_records_of_real_boots_are_good(path):
    assert judge.faults(json.loads(path.read_text())) == []


def test_members_may_be_added_everywhere():
    record = json.loads(RECORDS[0].read_text())
    for node in (record, record["stages"][0], record["firmware"]):
        node["of a later version"] = {"any": 1}
    assert judge.faults(record) == []


def spoil(record: dict, path: str, value: object) -> dict:
    *way, last = path.split(".")
    node = record
    for step in way:
        node = node[int(step) if step.isdigit() else step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return record


# where, another value (... takes it away), and in which record
SPOILED = {
    "other schema": ("schema", 2, "demo"),
    "no result": ("result", ..., "demo"),
    "unknown result": ("result", "fine", "demo"),
    "failure without failing": ("failure", {}, "demo"),
    "failed without a failure": ("failure", ..., "failed"),
    "failure without a code": ("failure.code", ..., "failed"),
    "code in words": ("failure.code", "no root", "failed"),
    "booted without a root": ("root", ..., "demo"),
    "root hash cut within a byte": ("root.roothash", "abc", "demo"),
    "unknown proof": ("root.proven_by", "hope", "demo"),
    "time as text": ("stages.0.start_us", "1", "demo"),
    "time before the start": ("stages.1.duration_us", -1, "demo"),
    "stage without a name": ("stages.2.name", ..., "demo"),
    "wait without an end": ("waits.0.came", ..., "demo"),
    "unknown bank": ("measurements.0.digests.md5", "00", "demo"),
    "PCR that no TPM has": ("pcr.pcr", 24, "demo"),
    "skipped without a reason": ("extensions.0.verdict", "skipped", "demo"),
    "UUID in capitals": ("boot_id", "A" * 8, "demo"),
    "hook at no point": ("hooks.0.point", "somewhere", "refused"),
    "hook that went on for a reason": ("hooks.0.why", "because", "refused"),
    "hook that refused for none": ("hooks.2.code", None, "refused"),
    "fact that is no text": ("hooks.2.facts.switch", 1, "refused"),
    "fact with a space in its name": ("hooks.2.facts.a b", "1", "refused"),
}


@pytest.mark.parametrize("path, value, name", SPOILED.values(), ids=SPOILED)
def test_changed_record_is_refused(path, value, name):
    record = json.loads((REPO / f"tests/data/records/{name}.json").read_text())
    wrong = judge.faults(spoil(record, path, value))
    where = "the record" if value is ... and "." not in path else path.split(".")[0]
    assert any(text.startswith(where) for text in wrong), wrong


def test_records_of_several_boots():
    assert judge.documents('{"a": 1}\n{"a": 2}{"a": 3') == [{"a": 1}, {"a": 2}]
    assert judge.documents("") == judge.documents("7\n[]\n") == []
