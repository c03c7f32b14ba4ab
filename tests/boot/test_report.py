# SPDX-License-Identifier: LGPL-2.1-or-later
"""`slipway report` in the system that was booted; image/test_report.py has records of others."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import xml.etree.ElementTree as xml
from pathlib import Path

import chain
import lab
from expect import direct
from lab import appliance, paths
from test_hooks import Image, compiled

# What the report does beside all else, by name.
ASKED = """	item own_text slipway report
	item own_json slipway report --json
	item own_svg slipway report --svg
"""
SVG = "{http://www.w3.org/2000/svg}"
# What each lane is called, and the lists of the record whose spans are in it.
LANES = {"stages": ["stages"], "waiting for devices": ["waits"], "kernel modules": ["modules"],
         "TPM commands": ["measurements", "tpm_commands"], "hooks": ["hooks"]}


def asking_root():
    """The demo's root with the program, which is static, and a report that asks it."""
    def change(root: Path) -> None:
        shutil.copy(paths.REPORTER, root / "usr/bin/slipway")
        script = root / "usr/lib/slipway-demo/report"
        script.write_text(script.read_text().replace("\tmkdir self\n", ASKED + "\tmkdir self\n"))

    mark = hashlib.sha256(paths.REPORTER.read_bytes()).hexdigest() + ASKED
    return appliance.altered_root("asking", mark, change)


def test_report_in_the_booted_system(boot, tmp_path):
    """With all that takes time: drivers, disks, a TPM, a hook."""
    folder = chain.SHARED / "hooks"
    folder.mkdir(parents=True, exist_ok=True)
    view = compiled(folder, "tests/component/hook.c", "tell-view", "failure=skip\n")
    image = Image([("checked", view)], "hook-measure=yes\n").build("report")
    disk = lab.make_disk(tmp_path / "disk.img", parts=asking_root())
    got = boot(direct(disk.path, initrd=image, tpm=True, until=""))
    assert got.record["result"] == "handed-over", got.explain()
    assert got.end == "poweroff" and got.report.state == "running", got.explain()
    assert [got.report.items[f"own_{name}.code"] for name in ("text", "json", "svg")] == [b"0\n"] * 3
    assert json.loads(got.report.text("own_json")) == got.record
    assert all(got.record[name] for names in LANES.values() for name in names), got.record.keys()
    in_lines(got.record, got.report.text("own_text"))
    in_picture(got.record, got.report.text("own_svg"))
    commands(got.record)


def spans(record: dict, lane: str) -> list[dict]:
    return [span for name in LANES[lane] for span in record[name]]


def in_lines(record: dict, said: str) -> None:
    """Below the heading of each lane there is a line for each of its spans."""
    assert re.search(r"(?m)^result +handed-over after ", said)
    heads = re.split(r"(?m)^ +start +took  (.*)\n", said)[1:]
    found = dict(zip(heads[::2], heads[1::2], strict=True))
    assert list(found) == list(LANES), said
    for lane in LANES:
        assert len(found[lane].strip().splitlines()) == len(spans(record, lane)), found[lane]


def in_picture(record: dict, said: str) -> None:
    """It is XML, and has the heading of each lane and a bar for each span."""
    picture = xml.fromstring(said)
    bold = [text.text for text in picture.iter(f"{SVG}text") if text.get("font-weight") == "bold"]
    assert bold[1:] == list(LANES)
    bars = [group for group in picture.iter(f"{SVG}g") if group.find(f"{SVG}rect") is not None]
    assert len(bars) == sum(len(spans(record, lane)) for lane in LANES)


def commands(record: dict) -> None:
    """None of them was before the TPM was there, or after the record was written; each took time."""
    begun = next(stage for stage in record["stages"] if stage["name"] == "tpm")["start_us"]
    end = record["stages"][-1]["start_us"]
    assert {c["what"] for c in record["tpm_commands"]} >= {
        "look at its banks", "close banks that are not used", "storage root key", "read PCR 11"}
    for command in record["tpm_commands"]:
        assert command["duration_us"] > 0, command
        assert begun <= command["start_us"] < command["start_us"] + command["duration_us"] <= end, command
