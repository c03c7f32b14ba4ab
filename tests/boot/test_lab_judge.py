# SPDX-License-Identifier: LGPL-2.1-or-later
"""`slipway-lab boot` can say no, for each thing that it promises; no machine is booted."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import struct
import tarfile
from argparse import Namespace

import pytest

from lab import Demo, Result, __main__ as command, appliance, judge, key, paths, tpm, vm
from lab.report import Report
from lab.steps import LabError

WORDS = ("enter-initrd", "leave-initrd", "sysinit", "ready")
FIRMWARE = "/sys/kernel/security/tpm0/binary_bios_measurements"
USERSPACE = "/run/log/systemd/tpm2-measure.log"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def word(text: str) -> bytes:
    """A record of the userspace log."""
    body = {"pcr": 11, "digests": [{"hashAlg": "sha256", "digest": sha256(text.encode())}],
            "content_type": "systemd", "content": {"string": text}}
    return b"\x1e" + json.dumps(body).encode() + b"\n"


def firmware_log() -> bytes:
    """A log of the firmware's with one event, of PCR 4."""
    start = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 1) \
        + struct.pack("<HH", 0x0B, 32) + b"\0"
    event = struct.pack("<IIIH", 4, 0x80000003, 1, 0x0B) + bytes.fromhex(sha256(b"x"))
    return struct.pack("<II20sI", 0, 3, b"", len(start)) + start + event + struct.pack("<I", 1) + b"x"


def document(items: dict[str, bytes]) -> dict:
    """What the demo sends, with these files in it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in items.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return {"tar": base64.b64encode(made.getvalue()).decode()}


def good_record() -> dict:
    said = [{"pcr": 11, "text": text} for text in WORDS[:2]]
    return {"result": "handed-over", "firmware": {"secure_boot": True}, "measurements": said,
            "root": {"proven_by": "certificate"},
            "extensions": [{"name": "demo-tools", "verdict": "merged"}]}


def good_items(roothash: str) -> dict[str, bytes]:
    """A report that keeps every promise."""
    ours = b"".join(map(word, WORDS))
    events = tpm.firmware_events(firmware_log()) + tpm.userspace_events(ours)
    pcrs = tpm.replay("sha256", events)
    mount = {"target": "/", "source": "/dev/mapper/root", "fstype": "erofs", "options": "ro"}
    table = f"verity 1 /dev/vda2 /dev/vda3 4096 4096 9 1 sha256 {roothash} salt"
    return {
        "state.out": b"running\n", "failed.out": b"", "analyze.out": b"Startup finished\n",
        "journal.out": b"kernel: Secure boot enabled\n", "root_device.out": b"active\n",
        "findmnt.out": json.dumps({"filesystems": [mount]}).encode(),
        "dm_table.out": f"root: 0 80 {table}\n".encode(), "dm_status.out": b"root: 0 80 verity V\n",
        "mapper.out": b"/dev/mapper/root\t../dm-0\n", "proc/stat": b"cpu  1 1 1 9000 1\n",
        "manager.out": b"UnitsLoadFinishTimestampMonotonic=1000000\n",
        "udev.out": b"Id=systemd-udevd.service\nActiveEnterTimestampMonotonic=2000000\n",
        "devices.out": b"Id=dev-mapper-root.device\nActiveState=active\n"
                       b"ActiveEnterTimestampMonotonic=3000000\n",
        "pcrs.out": "".join(f"pcr-sha256/{n}:{pcrs[n]}\n" for n in range(24)).encode(),
        FIRMWARE[1:]: firmware_log(), USERSPACE[1:]: ours,
        "run/slipway/boot.json": json.dumps(good_record()).encode()}


def result(folder, items: dict[str, bytes], record: dict | None, end: str = "poweroff") -> Result:
    (folder / "serial.log").write_text("")
    report = Report(json.loads(json.dumps(document(items)))) if items else None
    return Result(end, 1.0, [], record, report, {}, folder)


@pytest.fixture
def made(lab, tmp_path, monkeypatch):
    """The demo as far as it is judged, in a build folder of its own."""
    parts = lab.root_parts()
    value = tpm.replay("sha256", tpm.userspace_events(b"".join(map(word, WORDS))))[11]
    demo = Demo(tmp_path, *[None] * 5, parts=parts, sysext=None,
                pcr11={judge.READY: {"sha256": value}})
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(appliance, "demo", lambda: demo)
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    return demo


def said(made, monkeypatch, capsys, got: Result) -> tuple[int, list[str], str]:
    """What `slipway-lab boot` ends with, which promises it finds broken, and what it complains."""
    monkeypatch.setattr(vm, "boot", lambda spec: got)
    status = command._boot(Namespace(append="", timeout=1, echo=False))
    out, err = capsys.readouterr()
    broken = [line.split("FAIL  ")[1] for line in out.splitlines() if "FAIL  " in line]
    return status, broken, err


def items(**changes: bytes | None):
    """These files of the report are otherwise, or are not there."""
    def change(got: dict) -> None:
        for name, content in changes.items():
            got["items"][f"{name}.out"] = content or b""
    return change


def in_record(*path: str, value: object = None):
    """This member of the record is otherwise, and of the copy in the report as well."""
    def change(got: dict) -> None:
        inner = got["record"]
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value
        got["items"]["run/slipway/boot.json"] = json.dumps(got["record"]).encode()
    return change


def log(name: str, content: bytes):
    return lambda got: got["items"].update({name[1:]: content})


def pcr(number: int):
    def change(got: dict) -> None:
        lines = got["items"]["pcrs.out"].splitlines()
        lines[number] = f"pcr-sha256/{number}:{'77' * 32}".encode()
        got["items"]["pcrs.out"] = b"\n".join(lines)
    return change


NO = {
    "the machine powered itself off": [lambda got: got.update(end="timeout")],
    "slipway handed over and left its record": [in_record("result", value="failed")],
    "Secure Boot is enforced": [items(journal=b""), in_record("firmware", "secure_boot", value=False)],
    "/run/slipway/boot.json is the record of the port": [log("/run/slipway/boot.json", b"{}")],
    "/ is erofs on /dev/mapper/root": [items(findmnt=b'{"filesystems":[]}')],
    "dm-verity finds no fault and has the signed root hash": [items(dm_status=b"root: 0 80 verity C\n"),
                                                             items(dm_table=None)],
    "the root hash's signature is valid": [in_record("root", "proven_by", value="roothash")],
    "/dev/mapper/root is a link to the kernel's node": [items(mapper=b"/dev/mapper/root\t\n")],
    "systemd says 'running'": [items(state=b"degraded\n")],
    "no unit failed": [items(failed=b"a.service loaded failed failed\n")],
    "dev-mapper-root.device is active": [items(root_device=b"inactive\n")],
    "no job waited over 5 s for a device or udev": [
        items(journal=b"Secure boot enabled\nTimed out waiting for device dev-x.device.\n"),
        items(devices=b"Id=x.device\nActiveState=active\nActiveEnterTimestampMonotonic=9000000\n"),
        items(manager=None, udev=None, devices=None)],
    "the system extension was merged": [in_record("extensions", value=[])],
    "PCR 11 is what was predicted": [pcr(11), items(pcrs=None)],
    "the event logs can be read": [log(FIRMWARE, b""), log(USERSPACE, b"x"),
                                   log(USERSPACE, b"\x1e{}\n"), log(USERSPACE, b"\x1e[]\n")],
    "the event logs replay to the TPM's PCRs": [pcr(4), log(USERSPACE, word("enter-initrd"))],
    "what the record says was measured is in the log": [
        in_record("measurements", value=[{"pcr": 11, "text": "another"}])],
    "the booted system reported": [lambda got: got["items"].clear()],
}
CASES = [(what, change) for what, changes in NO.items() for change in changes]


def changed(made, change) -> dict:
    got = {"items": good_items(made.roothash), "record": good_record(), "end": "poweroff"}
    change(got)
    return got


def test_every_promise_kept_is_a_success(made, monkeypatch, capsys, tmp_path):
    got = result(tmp_path / "run", **changed(made, lambda got: None))
    assert said(made, monkeypatch, capsys, got) == (0, [], "")
    assert json.loads((tmp_path / "boot.json").read_text()) == good_record()


@pytest.mark.parametrize("what, change", CASES, ids=[what for what, _ in CASES])
def test_each_broken_promise_is_a_failure(made, monkeypatch, capsys, tmp_path, what, change):
    got = result(tmp_path / "run", **changed(made, change))
    status, broken, err = said(made, monkeypatch, capsys, got)
    assert status == 1 and any(line.startswith(what) for line in broken), broken
    assert f"{paths.short(tmp_path / 'run')}/serial.log" in err


def test_signature_by_another_is_a_failure(made, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(judge, "key", lambda name: key("attacker"))
    got = result(tmp_path / "run", **changed(made, lambda got: None))
    status, broken, _ = said(made, monkeypatch, capsys, got)
    assert status == 1 and [line[:23] for line in broken] == ["the root hash's signatu"]


@pytest.mark.parametrize("change", [
    items(findmnt=b"{"), items(analyze=None, findmnt=b"no JSON"), in_record("partitions", value=[1])])
def test_what_cannot_be_judged_is_a_failure(made, monkeypatch, capsys, tmp_path, change):
    got = result(tmp_path / "run", **changed(made, change))
    status, _, err = said(made, monkeypatch, capsys, got)
    assert status == 1 and f"{paths.short(tmp_path / 'run')}/serial.log" in err


def test_nothing_said_of_the_times_is_no_error(made, monkeypatch, capsys, tmp_path):
    got = result(tmp_path / "run", **changed(made, items(analyze=None)))
    assert said(made, monkeypatch, capsys, got) == (0, [], "")


@pytest.mark.parametrize("record", [None, copy.deepcopy(good_record())])
def test_an_older_record_is_never_left(made, monkeypatch, tmp_path, record):
    """Whoever reads boot.json takes it for the last boot's, which may not even have begun."""
    (tmp_path / "boot.json").write_text("of yesterday")

    def fails() -> Demo:
        raise LabError("the demo cannot be made")

    if record:
        monkeypatch.setattr(appliance, "demo", fails)
        with pytest.raises(LabError):
            command._boot(Namespace(append="", timeout=1, echo=False))
    else:
        monkeypatch.setattr(vm, "boot", lambda spec: result(tmp_path / "run", {}, None))
        assert command._boot(Namespace(append="", timeout=1, echo=False)) == 1
    assert not (tmp_path / "boot.json").exists()
