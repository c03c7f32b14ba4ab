# SPDX-License-Identifier: LGPL-2.1-or-later
"""A /usr of its own on an empty root: proven as a root is, and nothing of it can be shadowed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import lab
import verified
from expect import QUICKLY, boots, direct, refused, runs_whole
from lab import hermetic, paths

pytestmark = pytest.mark.xdist_group("usr")
TMPFS = "root=tmpfs mount.usr=dissect systemd.volatile=no"


@pytest.fixture(scope="module")
def quick(lab):
    """The demo's initrd, but it does not wait after a failure whatever the command line says."""
    return lab.initrd(paths.LAB / "initrd-quick.zst", conf=QUICKLY)


@pytest.fixture
def boot(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


@pytest.fixture(scope="module")
def parts():
    return hermetic.usr_parts()


def usr_disk(tmp_path, parts, **more):
    return lab.make_disk(tmp_path / "disk.img", parts=parts, **more)


def test_debian_runs_on_a_tmpfs(boot, parts, tmp_path):
    """To systemd's 'running', with no failed unit and nothing that waited for /usr; and back."""
    words = f"{TMPFS} rootflags=size=512M,mode=0711 usrhash={parts[0].roothash}"
    image = lab.initrd(tmp_path / "initrd.zst", conf="exitrd=yes\n")
    got = boot(direct(usr_disk(tmp_path, parts).path, words, until="", tpm=True, initrd=image))
    boots(got)
    report = got.report
    runs_whole(got)
    root, usr = report.mount("/"), report.mount("/usr")
    assert root["fstype"] == "tmpfs" and "mode=711" in root["options"], root
    assert usr["source"] == "/dev/mapper/usr" and usr["options"].split(",")[0] == "ro", usr
    assert report.verity("usr")["roothash"] == parts[0].roothash
    assert report.mapper["usr"].startswith("../dm-")
    assert got.record["root"]["proven_by"] == "certificate", got.record["root"]
    assert got.seen(r"exit: detached 'usr'") and not got.seen("exit: .*(cannot|busy)"), got.explain()


@dataclass(frozen=True)
class Case:
    """Words or a disk that is spoiled, and what comes of it; without a code it boots."""

    name: str
    words: str = TMPFS
    code: str = ""
    stage: str = "choose"
    says: str = ""
    kinds: tuple[str, ...] = ("data", "hash", "sig")
    key: str = "verity"
    spoil: dict[str, int] = field(default_factory=dict)


CASES = [
    Case("volatile-yes", "systemd.volatile=yes mount.usr=dissect"),
    Case("root-beside-it", "mount.usr=dissect", "ROOT_MISSING", says="no root partition"),
    Case("tmpfs-alone", "root=tmpfs", "UNSUPPORTED", "inputs", "needs 'mount.usr=dissect'"),
    Case("no-usr-on-the-disk", "root=dissect", "ROOT_MISSING", says="no root partition"),
    Case("unsigned", code="SIGNATURE_MISSING", kinds=("data", "hash")),
    Case("other-key", key="attacker", code="SIGNATURE_UNTRUSTED", stage="prove"),
    Case("other-hash", TMPFS + " usrhash=" + "12" * 32, "ROOT_INCOMPLETE", says="not there"),
    Case("not-in-the-policy", TMPFS + " systemd.image_policy=root=signed", "POLICY_REFUSED",
         "trust", "'usr'"),
    Case("wrong-type", TMPFS + " mount.usrfstype=ext4", "ROOT_MOUNT", "assemble", "mount.usrfstype"),
    Case("tree-spoiled", code="VERITY_CORRUPTED", stage="prove", spoil={"hash": 4096}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_usr(case, boot, quick, parts, tmp_path):
    made = parts if case.key == "verity" else hermetic.usr_parts(lab.key(case.key))
    disk = usr_disk(tmp_path, made, kinds=case.kinds)
    for kind, at in case.spoil.items():
        disk.flip(next(p.label for p in made if p.kind == kind), at)
    got = boot(direct(disk.path, case.words, initrd=quick))
    if case.code:
        refused(got, case.code, case.stage, case.says)
    else:
        boots(got)


def test_a_floor_for_the_root_holds_for_usr(boot, parts, tmp_path):
    """Or words alone would let a /usr in that nobody signed."""
    image = lab.initrd(tmp_path / "initrd.zst", conf=QUICKLY + "image-policy=root=signed:=open\n")
    disk = usr_disk(tmp_path, parts, kinds=("data", "hash"))
    words = f"{TMPFS} usrhash={parts[0].roothash}"
    refused(boot(direct(disk.path, words, initrd=image)), "SIGNATURE_MISSING", "choose")
