# SPDX-License-Identifier: LGPL-2.1-or-later
"""A /usr of its own that is encrypted, not proven: opened only where the policy lets it be."""

from __future__ import annotations

import hmac
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import lab
import verified
from expect import boots, direct, refused, runs_whole
from lab import gpt, hermetic, luks
from lab.disk import PartSpec
from lab.tpm import extend
from test_luks import CAP, CREDENTIAL, initrd
from test_state import empty, ext4

pytestmark = pytest.mark.xdist_group("luks")
WORDS = "root=tmpfs mount.usr=dissect systemd.volatile=no rootflags=size=512M"
POLICY = "image-policy=usr=encrypted:=open\n"


@pytest.fixture
def foreseen(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


@pytest.fixture(scope="module")
def plain() -> lab.Part:
    """The file system of a hermetic /usr."""
    return hermetic.usr_parts()[0]


@pytest.fixture(scope="module")
def volume(plain, tmp_path_factory) -> Path:
    """The same in a LUKS volume."""
    image = tmp_path_factory.mktemp("volume") / "usr.luks"
    shutil.copyfile(plain.file, image)
    luks.encrypt(image)
    return image


def disk_of(tmp_path: Path, plain: lab.Part, image: Path, *more: PartSpec) -> lab.Disk:
    spec = PartSpec(plain.type, plain.uuid, plain.label, 0, image)
    return lab.make_disk(tmp_path / "disk.img", kinds=(), more=[spec, *more])


def test_debian_runs(foreseen, plain, volume, tmp_path):
    """To systemd's 'running', on a tmpfs; whose /usr it is stands in PCR 15."""
    disk = disk_of(tmp_path, plain, volume)
    got = foreseen(direct(disk.path, WORDS, until="", tpm=True, initrd=initrd("usr", POLICY),
                          smbios=[CREDENTIAL + luks.PASSPHRASE]))
    boots(got, words=("enter-initrd", CAP, "leave-initrd"))
    report = got.report
    runs_whole(got)
    usr = report.mount("/usr")
    assert usr["source"] == "/dev/mapper/usr" and usr["options"].split(",")[0] == "ro", usr
    assert got.record["root"]["proven_by"] is None
    assert got.record["root"]["luks"]["uuid"] == luks.uuid(volume)
    text = f"cryptsetup:usr:{luks.uuid(volume)}".encode()
    for bank, values in got.pcrs.items():
        told = hmac.digest(luks.volume_key(volume), text, bank).hex()
        assert values[15] == extend(bank, "00" * (len(told) // 2), told)


@dataclass(frozen=True)
class Case:
    """Something that is not used, and why."""

    name: str
    code: str
    stage: str
    says: str = ""
    words: str = WORDS
    conf: str = POLICY
    passphrase: str = luks.PASSPHRASE
    encrypted: bool = True
    beside: bool = False


CASES = [
    Case("wrong-passphrase", "LUKS_LOCKED", "prove", "'usr' stays locked", passphrase="sesame"),
    Case("floor-default", "POLICY_REFUSED", "choose", "'encrypted'", conf=""),
    Case("plain", "ROOT_UNPROTECTED", "choose", encrypted=False),
    Case("beside-a-root", "UNSUPPORTED", "choose", "beside a /usr that is encrypted, not proven",
         words="mount.usr=dissect rw", conf="image-policy=usr=encrypted:root=unprotected:=open\n", beside=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stays_locked(case, boot, plain, volume, tmp_path):
    root = PartSpec(gpt.ROOT, "57a7e000-51b1-4a7e-9d3a-6f1b6e3c1d0e", "state", 0, ext4(tmp_path / "state.ext4", empty, size=8))
    disk = disk_of(tmp_path, plain, volume if case.encrypted else plain.file, *([root] if case.beside else []))
    got = boot(direct(disk.path, case.words, initrd=initrd(f"usr-{case.name}", case.conf),
                      smbios=[CREDENTIAL + case.passphrase]))
    refused(got, case.code, case.stage, case.says)
