# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's own judges and forgeries, held against other people's tools; no machine is booted."""

import hashlib
import json
import struct
import subprocess
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

import cases
from lab import When, disk, gpt, judge, tpm, vm


def specs(tmp_path):
    """An ESP and two partitions with content."""
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(range(256)) * 40)
    esp = disk.make_esp(tmp_path / "esp", {"EFI/BOOT/BOOTX64.EFI": b"not a program"})
    return [disk.esp_part(esp),
            disk.PartSpec(gpt.LINUX, "11111111-2222-3333-4444-555555555555", "one", 0, blob),
            disk.PartSpec(gpt.VAR, "11111111-2222-3333-4444-666666666666", "two", 0, None, 1 << 20)]


def test_table_is_what_sgdisk_calls_good(tmp_path):
    made = disk.layout(tmp_path / "disk", specs(tmp_path))
    said = subprocess.run(["sgdisk", "--verify", made.path], capture_output=True, text=True)
    assert "No problems found" in said.stdout, said.stdout + said.stderr
    listed = subprocess.run(["sfdisk", "--json", made.path], capture_output=True, check=True)
    parts = json.loads(listed.stdout)["partitiontable"]["partitions"]
    assert [p["name"] for p in parts] == ["esp", "one", "two"]
    content = made.path.read_bytes()
    assert content[made.offset("one"):].startswith(bytes(range(256)))


def test_spoiled_table_is_what_sgdisk_calls_bad(tmp_path):
    made = disk.layout(tmp_path / "disk", specs(tmp_path))
    made.spoil_gpt(primary=True)
    said = subprocess.run(["sgdisk", "--verify", made.path], capture_output=True, text=True)
    assert "main" in (said.stdout + said.stderr).lower()


def test_flip_changes_one_byte(tmp_path):
    made = disk.layout(tmp_path / "disk", specs(tmp_path))
    before = made.path.read_bytes()
    made.flip("one", 100)
    after = made.path.read_bytes()
    assert [i for i in range(len(before)) if before[i] != after[i]] == [made.offset("one") + 100]


def test_signature_judge_can_say_no(lab, monkeypatch):
    parts = lab.root_parts()
    good = lab.Demo(*[None] * 6, parts=parts, sysext=None, pcr11={})
    assert judge.signature_verifies(good)
    monkeypatch.setattr(judge, "key", lambda name: lab.key("attacker"))
    assert not judge.signature_verifies(good)


def record(pcr, text):
    """One record of a userspace log."""
    digest = {"hashAlg": "sha256", "digest": hashlib.sha256(text.encode()).hexdigest()}
    content = {"string": text, "bootId": "0" * 32, "timestamp": 1, "eventType": "phase"}
    body = {"pcr": pcr, "digests": [digest], "content_type": "systemd", "content": content}
    return b"\x1e" + json.dumps(body).encode() + b"\n"


def test_userspace_log_replays():
    log = record(11, "enter-initrd") + record(11, "leave-initrd")
    events = tpm.userspace_events(log)
    value = bytes(32)
    for word in (b"enter-initrd", b"leave-initrd"):
        value = hashlib.sha256(value + hashlib.sha256(word).digest()).digest()
    assert tpm.replay("sha256", events)[11] == value.hex()
    assert not tpm.wrong_words(events)
    assert tpm.differences({"sha256": ["00" * 32] * 24}, events)


@pytest.mark.parametrize("log", [
    record(11, "a")[:-5],  # cut short
    record(11, "a")[1:],  # no separator
    record(11, "a").replace(b'"pcr"', b'"pcr'),  # not JSON
])
def test_bad_userspace_log_is_refused(log):
    with pytest.raises(ValueError):
        tpm.userspace_events(log)


def test_firmware_log_replays():
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 1) \
        + struct.pack("<HH", 0x0B, 32) + b"\0"
    log = struct.pack("<II20sI", 0, 3, b"", len(spec)) + spec
    digest = hashlib.sha256(b"x").digest()
    log += struct.pack("<IIIH", 4, 0x80000003, 1, 0x0B) + digest + struct.pack("<I", 2) + b"x\0"
    events = tpm.firmware_events(log)
    assert [(e.pcr, e.text) for e in events] == [(4, "x")]
    assert tpm.replay("sha256", events)[4] == hashlib.sha256(bytes(32) + digest).hexdigest()


@pytest.mark.parametrize("text, due", [
    ("Passphrase: ", True), ("Passphrase: [    3.181] clocksource: tsc", True),
    ("[    3.181] says Passphrase: ", True), ("Passphrase: typed", False), ("Pass", False)])
def test_a_prompt_is_one_although_the_kernel_speaks_behind_it(text, due):
    """It ends in no newline, so that what comes next on the console is on the same line."""
    machine = SimpleNamespace(spec=SimpleNamespace(until=""), waiting=[When(r"Passphrase: $")],
                              due=[], now=lambda: 0.0)
    vm._Machine._line(machine, text)
    assert bool(machine.due) == due


@dataclass(frozen=True)
class Case:
    """As in the tables of the boot tests."""

    name: str
    code: str = ""


def test_a_short_run_keeps_each_reason():
    """Of the tables of a file, and one boot: what begins with a good case must not lose its refusals."""
    tables = {"a": [Case("good"), Case("too"), Case("cut", "GPT_INVALID"), Case("over", "GPT_OVERLAP"),
                    Case("absurd", "GPT_INVALID"), Case("GPT_INVALID-is no name of a code")],
              "b": ["CMDLINE", "", "CMDLINE"]}
    items = [SimpleNamespace(path="x", originalname=name, name=f"{name}[{number}]", fixturenames=["boot"],
                             callspec=SimpleNamespace(params={"case": case}))
             for name, table in tables.items() for number, case in enumerate(table)]
    items += [SimpleNamespace(path="x", originalname="c", name=name, fixturenames=[])
              for name in ("c[1]", "c[2]")]
    kept = cases.first_of_each(items)
    assert [items.index(item) for item in kept] == [0, 2, 3, 6, 9, 10]
    assert kept == cases.first_of_each(kept)
