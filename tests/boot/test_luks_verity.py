# SPDX-License-Identifier: LGPL-2.1-or-later
"""A LUKS volume of which every byte is proven: only where slipway.conf asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import chain
import lab
from expect import QUICKLY, boots, direct, refused, runs_whole
from lab import luks, paths, tree
from test_luks import BY_TPM, CREDENTIAL, LITERAL, key_id, sealed
from lab.tpm import extend

pytestmark = pytest.mark.xdist_group("luks")
ASKED = "luks-in-verity=yes\n"


@pytest.fixture(scope="module")
def volume(tmp_path_factory) -> lab.Part:
    """The demo's root in a LUKS volume that this TPM opens."""
    return sealed(luks.root(), tmp_path_factory.mktemp("volume"), LITERAL)


def uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@pytest.fixture(scope="module")
def parts(demo, volume, tmp_path_factory) -> list[lab.Part]:
    """With its hashes, signed by the owner."""
    folder = tmp_path_factory.mktemp("proven")
    # No block is larger than those of the file system.
    lab.tool("veritysetup", "format", "--data-block-size=1024", f"--root-hash-file={tree.host(folder)}/roothash",
             tree.host(volume.file), f"{tree.host(folder)}/hash")
    roothash = (folder / "roothash").read_text().strip()
    changes = {"data": {"uuid": uuid(roothash[:32]), "file": volume.file},
               "hash": {"uuid": uuid(roothash[-32:]), "file": folder / "hash"}, "sig": {}}
    own = [replace(part, roothash=roothash, **changes[part.kind]) for part in demo.parts]
    return chain.signed_again(own, lab.key("verity"), folder / "sig")


def initrd(name: str, conf: str) -> Path:
    return lab.initrd(paths.LAB / f"initrd-luks-verity-{name}.zst", conf=QUICKLY + conf, compress="zstd:3",
                      more=("--luks", "--init", paths.INIT_LUKS))


def test_debian_runs(boot, parts, volume, tmp_path):
    """Proven first, then opened; what is written to it is nothing, and the host finds both devices."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    got = boot(direct(disk.path, "rw", until="", tpm=True, initrd=initrd("asked", ASKED)))
    boots(got, words=BY_TPM, warning="'rw' is ignored: a proven root")
    report = got.report
    runs_whole(got)
    mount = report.mount("/")
    assert mount["source"] == "/dev/mapper/root" and mount["options"].split(",")[0] == "ro", mount
    assert {report.mapper[name][:6] for name in ("root", "root-verity")} == {"../dm-"}, report.mapper
    root = got.record["root"]
    assert (root["proven_by"], root["roothash"]) == ("certificate", parts[0].roothash)
    assert root["luks"]["unlocked_by"] == "tpm2"
    assert got.pcrs["sha256"][15] == extend("sha256", "00" * 32, key_id(volume))


@dataclass(frozen=True)
class Case:
    """Something that does not boot, and why."""

    name: str
    code: str
    stage: str
    says: str = ""
    conf: str = ASKED
    passphrase: str = luks.PASSPHRASE
    key: str = "verity"
    spoil: bool = False


CASES = [
    Case("not-asked", "ROOT_MOUNT", "assemble", "'crypto_LUKS', which is not mounted unasked", conf=""),
    Case("wrong-passphrase", "LUKS_LOCKED", "prove", "'root' stays locked", passphrase="sesame"),
    Case("other-key", "SIGNATURE_UNTRUSTED", "prove", key="attacker"),
    Case("header-changed", "VERITY_CORRUPTED", "prove", spoil=True),
    Case("policy", "POLICY_REFUSED", "choose", conf=ASKED + "image-policy=root=encrypted:=open\n"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(case, boot, parts, tmp_path):
    made = parts if case.key == "verity" else chain.signed_again(parts, lab.key(case.key), tmp_path / "sig")
    disk = lab.make_disk(tmp_path / "disk.img", parts=made)
    if case.spoil:
        disk.flip(parts[0].label, 100)
    got = boot(direct(disk.path, initrd=initrd(case.name if case.conf != ASKED else "asked", case.conf),
                      smbios=[CREDENTIAL + case.passphrase]))
    refused(got, case.code, case.stage, case.says)
