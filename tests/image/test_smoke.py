# SPDX-License-Identifier: LGPL-2.1-or-later
"""What slipway-smoke concludes, prepares and refuses, without a machine; boot/test_smoke.py has some."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests/lib"))

from lab import disk, efivars, gpt, ovmf, smoke  # noqa: E402
from lab.spec import Result  # noqa: E402
from lab.steps import LabError  # noqa: E402

LAB = REPO / "tests/lib/lab"
RECORDS = {p.stem: json.loads(p.read_text()) for p in (REPO / "tests/data/records").glob("*.json")}


def result(record: str | None, end: str, console: str = "") -> Result:
    """A machine that left this record and ended like this."""
    left = json.loads(json.dumps(RECORDS[record])) if record else None
    pcrs = {"sha256": [f"{n:064x}" for n in range(24)]}
    return Result(end, 1.0, [(0.5, console)], left, None, pcrs, Path("/nowhere"))


def arguments(*words: str):
    return smoke.parser().parse_args([*words, "image"])


# record, end, and what that is
OUTCOMES = {
    "went on": ("demo", "stopped", "booted"),
    "powered itself off": ("demo", "poweroff", "booted"),
    "panic behind the hand-over": ("demo", "panic", "handed over, and then: panic"),
    "restart behind it": ("demo", "reboot", "handed over, and then: reboot"),
    "hang behind it": ("demo", "timeout", "handed over, and then: timeout"),
    "failed": ("failed", "reboot", "DISK_TIMEOUT"),
    "refused": (None, "refused", "refused"),
    "nothing": (None, "timeout", "no record: timeout"),
    "QEMU died": (None, "died", "no record: died"),
}


@pytest.mark.parametrize("record, end, word", OUTCOMES.values(), ids=OUTCOMES)
def test_outcome(record, end, word):
    assert smoke.outcome(result(record, end)) == word


# the words, what the machine did, and the checks that it does not pass
JUDGED = {
    "as expected": ([], "demo", "stopped", set()),
    "expected failure": (["--expect=DISK_TIMEOUT"], "failed", "reboot", set()),
    "other failure": (["--expect=ROOT_MISSING"], "failed", "reboot", {"outcome"}),
    "failed": ([], "failed", "reboot", {"outcome"}),
    "booted where it must not": (["--expect=DISK_TIMEOUT"], "demo", "stopped", {"outcome"}),
    "console": (["--until=hello w"], "demo", "stopped", set()),
    "other console": (["--until=farewell"], "demo", "poweroff", {"console"}),
    "Secure Boot": (["--secure-boot=x"], "demo", "stopped", set()),
    "no Secure Boot": (["--secure-boot=x", "--expect=DISK_TIMEOUT"], "failed", "reboot", {"Secure Boot"}),
}


NO_RECORD = ["--no-record", "--until=hello w"]
JUDGED |= {
    "another's": (NO_RECORD, None, "stopped", set()),
    "another's that went off": (NO_RECORD, None, "poweroff", set()),
    "another's that hangs": (["--no-record", "--until=farewell"], None, "timeout", {"outcome"}),
    "another's that panics": (["--no-record", "--until=farewell"], None, "panic", {"outcome"}),
    "another's refused": (["--no-record", "--until=farewell", "--expect=refused"], None, "refused", set()),
    "another's not refused": ([*NO_RECORD, "--expect=refused"], None, "stopped", {"outcome"}),
    "slipway's as another's": (NO_RECORD, "demo", "stopped", {"record"}),
    "no record where one must be": (["--until=hello w"], None, "stopped", {"outcome"}),
}


@pytest.mark.parametrize("words, record, end, wrong", JUDGED.values(), ids=JUDGED)
def test_judgement(words, record, end, wrong):
    got = result(record, end, "hello world")
    assert {c.name for c in smoke.check(arguments(*words), got) if c.wrong} == wrong


def test_record_that_breaks_its_schema_is_a_failure():
    got = result("demo", "stopped")
    got.record["stages"] = 7
    assert [c.name for c in smoke.check(arguments(), got) if c.wrong] == ["record"]


def test_what_was_not_checked_is_said(monkeypatch, capsys, tmp_path):
    """In JUnit, among the lines, and where errors go; and the lab itself does not go on without."""
    monkeypatch.setattr(smoke.record, "jsonschema", None)
    got, args = result("demo", "stopped"), arguments(f"--output={tmp_path}")
    got.record["stages"] = 7
    checks = smoke.check(args, got)
    suite = xml.fromstring(smoke.junit(checks, got))
    assert (suite.get("skipped"), suite.get("failures")) == ("1", "0")
    assert "jsonschema" in suite.find("testcase[@name='record']/skipped").get("message")
    smoke.tell(args, got, checks)
    said = capsys.readouterr()
    assert "SKIP  record: not held against its schema" in said.out
    assert said.err == "slipway-smoke: not checked: record: Python's jsonschema is not installed\n"
    with pytest.raises(LabError, match="jsonschema"):
        smoke.record.faults(got.record)


def predictions(got: Result) -> list[dict]:
    """Such as hold for this machine, and some that are not about it."""
    left = got.record["pcr"]["digests"]["sha256"]
    return [{"bank": "sha256", "pcr": 4, "value": got.pcrs["sha256"][4]},
            {"bank": "sha256", "pcr": 11, "phase": "enter-initrd:leave-initrd", "value": left},
            {"bank": "sha256", "pcr": 11, "phase": "enter-initrd", "value": "of another phase"},
            {"bank": "sha384", "pcr": 4, "value": "of a bank that is not there"},
            {"bank": "sha256", "pcr": 9, "value": None, "reason": "it depends on the machine"},
            {"bank": "sha256", "nvpcr": "verity", "nv_index": 30474059, "value": "of no PCR"},
            {"bank": "sha256", "pcr": 15, "value": "what the system has changed"}]


@pytest.mark.parametrize("spoiled", [None, 0, 1])
def test_predictions(tmp_path, spoiled):
    got, file = result("demo", "stopped"), tmp_path / "pcrs"
    told = predictions(got)
    if spoiled is not None:
        told[spoiled]["value"] = "ff" * 32
    file.write_text(json.dumps(told))
    checks = smoke.check(arguments(f"--predicted={file}"), got)
    assert [c.name for c in checks][-2:] == ["PCR 4 (sha256)", "PCR 11 (sha256)"]
    wrong = [] if spoiled is None else [("PCR 4 (sha256)", "PCR 11 (sha256)")[spoiled]]
    assert [c.name for c in checks if c.wrong] == wrong


def test_prediction_about_nothing_is_a_failure(tmp_path):
    (tmp_path / "pcrs").write_text("[]")
    checks = smoke.check(arguments(f"--predicted={tmp_path}/pcrs"), result("demo", "stopped"))
    assert [c.name for c in checks if c.wrong] == ["prediction"]


def test_junit_is_xml_whatever_the_console_says():
    got = result("failed", "reboot", "</failure>\x1b[31m & \ufffe")
    suite = xml.fromstring(smoke.junit(smoke.check(arguments(), got), got))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    failure = suite.find("testcase[@name='outcome']/failure")
    assert failure.get("message") == "outcome: DISK_TIMEOUT (expected 'booted')"
    assert "</failure>?[31m & ?" in failure.text
    assert suite.find("testcase[@name='record']/failure") is None


def test_ddi_becomes_a_disk_beside_a_new_esp(tmp_path):
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(range(1, 256)) * 40)
    old = disk.make_esp(tmp_path / "old", {"EFI/BOOT/BOOTX64.EFI": b"old"})
    uuids = ["11111111-2222-3333-4444-55555555555" + n for n in "56"]
    parts = [disk.PartSpec(gpt.ROOT, uuids[0], "a", gpt.READ_ONLY, blob),
             disk.PartSpec(gpt.VAR, uuids[1], "b", 0, None, 1 << 20)]
    ddi = disk.layout(tmp_path / "ddi", [disk.esp_part(old), *parts]).path
    for name in ("uki", "x.raw"):
        (tmp_path / name).write_bytes(name.encode())
    args = smoke.parser().parse_args(["--beside", f"{tmp_path}/x.raw", str(ddi)])
    made = smoke.compose(args, tmp_path / "uki", tmp_path)
    found = gpt.read_entries(made)
    assert [(e.type, e.label) for e in found] == [(gpt.ESP, "esp"), (gpt.ROOT, "a"), (gpt.VAR, "b")]
    assert [e.uuid for e in found[1:]] == uuids and found[1].attributes == gpt.READ_ONLY
    image = made.read_bytes()
    root = image[found[1].first * 512 : (found[1].last + 1) * 512]
    assert root.rstrip(b"\0") == blob.read_bytes()
    (tmp_path / "new").write_bytes(image[found[0].first * 512 : (found[0].last + 1) * 512])
    for path, content in (("EFI/BOOT/BOOTX64.EFI", b"uki"),
                          ("EFI/BOOT/BOOTX64.EFI.extra.d/x.raw", b"x.raw")):
        read = subprocess.run(["mtype", "-i", tmp_path / "new", f"::{path}"], capture_output=True)
        assert read.stdout == content
    assert b"No problems found" in subprocess.run(["sgdisk", "--verify", made],
                                                  capture_output=True).stdout


def test_image_without_partitions_is_refused(tmp_path):
    (tmp_path / "image").write_bytes(bytes(1 << 20))
    (tmp_path / "uki").write_bytes(b"uki")
    args = smoke.parser().parse_args([f"{tmp_path}/image"])
    with pytest.raises(LabError, match="no partitions of 512-byte sectors"):
        smoke.compose(args, tmp_path / "uki", tmp_path)


def template() -> bytes:
    return ovmf.find()[1].read_bytes()


def certificate(tmp_path: Path) -> Path:
    return smoke.make_keys(tmp_path)[1]


def test_keys_are_enrolled(tmp_path):
    """The headers' own sizes lead from one variable to the next; a boot says that OVMF agrees."""
    cert = certificate(tmp_path)
    der = subprocess.run(["openssl", "x509", "-in", cert, "-outform", "der"], check=True,
                         capture_output=True).stdout
    store = efivars.enroll(template(), cert.read_bytes())
    assert len(store) == len(template()) and store.count(der) == 3
    for name in ("PK", "KEK", "db", "SecureBootEnable"):
        assert (name + "\0").encode("utf-16-le") in store
    again = efivars.enroll(store, cert.read_bytes())  # behind what is there already
    assert again.count(der) == 6 and again.startswith(store[:1000])


def test_stores_that_are_none(tmp_path):
    cert = certificate(tmp_path).read_bytes()
    for store, pem, says in ((bytes(4096), cert, "none of OVMF's"), (template(), b"x", "no certificate"),
                             (template()[:72] + bytes(28), cert, "authenticated")):
        with pytest.raises(LabError, match=says):
            efivars.enroll(store, pem)


def descriptor(tmp_path: Path, name: str, features: list[str], code: str = "code") -> None:
    for file in ("code", "vars"):
        (tmp_path / file).touch()
    flash = {"executable": {"filename": f"{tmp_path}/{code}", "format": "raw"},
             "nvram-template": {"filename": f"{tmp_path}/vars", "format": "raw"}}
    said = {"features": features, "mapping": flash, "targets": [{"architecture": "x86_64"}]}
    (tmp_path / name).write_text(json.dumps(said))


def test_firmware_is_chosen_by_its_features(tmp_path, monkeypatch):
    monkeypatch.setattr(ovmf, "FOLDERS", (tmp_path,))
    descriptor(tmp_path, "10.json", ["secure-boot", "requires-smm", "enrolled-keys"])
    descriptor(tmp_path, "20.json", ["requires-smm"])
    descriptor(tmp_path, "30.json", ["secure-boot", "requires-smm"], code="gone")
    (tmp_path / "40.json").write_text('{"features": 1}')
    with pytest.raises(LabError, match="no OVMF"):
        ovmf.find()
    descriptor(tmp_path, "50.json", ["secure-boot", "requires-smm"])
    assert ovmf.find() == (tmp_path / "code", tmp_path / "vars")


# the words behind the image, and what is wrong about them
MISUSED = {
    "keys for nothing": (["--secure-boot=generate"], "name it by --uki"),
    "nothing beside": (["--beside=/etc/hostname"], "--beside goes with --uki"),
    "two keys": (["--vars=/etc/hostname", "--secure-boot=/etc/hostname"], "leave out --secure-boot"),
    "no TPM": (["--predicted=/etc/hostname", "--tpm=none"], "needs a TPM"),
    "no file": (["--uki=/nonexistent"], "'/nonexistent' is no file"),
    "no expression": (["--until=("], "no regular expression"),
    "kernel and firmware": (["--kernel=/usr", "--cert=/etc/hostname", "--uki=/etc/hostname"],
                            "without firmware"),
    "no certificate": (["--kernel=/usr"], "--kernel and --cert go together"),
    "no kernel": (["--kernel=/nonexistent", "--cert=/etc/hostname"], "vmlinuz' is no file"),
    "no sign": (["--no-record"], "needs --until"),
    "no record to say why": (["--no-record", "--until=x", "--expect=DISK_TIMEOUT"], "tells a reason"),
    "no record of a kernel": (["--no-record", "--until=x", "--kernel=/usr", "--cert=/etc/hostname"],
                              "leave out --kernel"),
    "unknown end": (["--expect=halted"], "or a reason code"),
    "unknown bus": (["--bus=ide"], "invalid choice"),
}


def run(*words: object, **more) -> subprocess.CompletedProcess:
    return subprocess.run([REPO / "tests/lib/slipway-smoke", *words], capture_output=True, text=True,
                          **more)


@pytest.mark.parametrize("words, says", MISUSED.values(), ids=MISUSED)
def test_misuse(tmp_path, words, says):
    done = run("/etc/hostname", *words, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr
    assert not any(tmp_path.iterdir())


def test_missing_programs_are_named(tmp_path):
    done = run("/etc/hostname", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert done.returncode == 3
    assert done.stderr == "slipway-smoke: not installed: qemu-system-x86_64, swtpm, swtpm_setup\n"


def test_page_has_each_option():
    page = (REPO / "tests/lib/slipway-smoke.1").read_text()
    shown = set(re.findall(r"--([a-z-]+)", smoke.parser().format_help()))
    assert set(re.findall(r"(?m)^\.It (?:Fl . , )?Fl -([a-z-]+)", page)) == shown - {"json"}


def test_what_is_installed_needs_nothing_that_is_not():
    listed = re.search(r"(?m)^SMOKE := (.*)$", (REPO / "Makefile").read_text())[1].split()
    for name in listed:
        tree = ast.parse((LAB / f"{name}.py").read_text())
        for node in tree.body:  # at the top: those within functions are the lab's own business
            if isinstance(node, ast.ImportFrom) and node.level:
                wanted = [node.module] if node.module else [alias.name for alias in node.names]
                assert set(wanted) <= set(listed), (name, wanted)
