# SPDX-License-Identifier: LGPL-2.1-or-later
"""An encrypted root partition beside a proven /usr: whose it is is measured, and its owner opens it."""

from __future__ import annotations

import hmac
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import lab
import verified
from expect import QUICKLY, boots, direct, refused, runs_whole
from lab import gpt, hermetic, luks, paths, tree
from lab.disk import PartSpec
from lab.tpm import extend
from test_luks import BY_TPM, CAP, CREDENTIAL, LITERAL
from test_state import UUID, ext4, installed, with_files

pytestmark = pytest.mark.xdist_group("usr")
ENCRYPTED = "image-policy=usr=signed:root=encrypted:=open\n"
WORDS = "mount.usr=dissect rw"


def initrd(name: str, conf: str = ENCRYPTED, program: tuple = ("--init", paths.INIT_LUKS)) -> Path:
    return lab.initrd(paths.LAB / f"initrd-state-luks-{name}.zst", conf=QUICKLY + conf,
                      more=("--luks", *program))


@pytest.fixture
def foreseen(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


@pytest.fixture(scope="module")
def parts():
    return hermetic.usr_parts()


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """An installed root in a LUKS volume."""
    image = ext4(tmp_path_factory.mktemp("volume") / "state.ext4", installed)
    luks.encrypt(image)
    return image


def disk_of(tmp_path: Path, parts, image: Path) -> lab.Disk:
    return lab.make_disk(tmp_path / "disk.img", parts=parts,
                         more=[PartSpec(gpt.ROOT, UUID, "state", 0, image)])


def key_id(image: Path, bank: str) -> str:
    text = f"cryptsetup:root:{luks.uuid(image)}".encode()
    return hmac.digest(luks.volume_key(image), text, bank).hex()


def runs(got: lab.Result) -> None:
    """To systemd's 'running', from /usr as it was proven, on a root that dm-crypt keeps."""
    report = got.report
    runs_whole(got)
    root, usr = report.mount("/"), report.mount("/usr")
    assert (root["source"], root["fstype"]) == ("/dev/mapper/root", "ext4")
    assert root["options"].split(",")[0] == "rw", root
    assert usr["source"] == "/dev/mapper/usr" and usr["options"].split(",")[0] == "ro", usr
    assert {report.mapper[name][:6] for name in ("root", "usr")} == {"../dm-"}, report.mapper
    assert report.text("root_device") == "active"
    assert got.record["root"]["proven_by"] == "certificate"
    assert not any("weak" in text for text in got.record["warnings"]), got.record["warnings"]


def test_debian_runs(foreseen, parts, volume, tmp_path):
    """By a passphrase: its key is in PCR 15, and the TPM keeps the phases to itself."""
    got = foreseen(direct(disk_of(tmp_path, parts, volume).path, WORDS, until="", tpm=True,
                          initrd=initrd("plain"), smbios=[CREDENTIAL + luks.PASSPHRASE]))
    boots(got, words=("enter-initrd", CAP, "leave-initrd"))
    runs(got)
    assert got.seen("Hostname set to <kept-state>"), got.explain()
    assert " crypt " in got.report.text("dm_table") and "discard" not in got.report.text("dm_table")
    assert got.record["state"] == {
        "device": "/dev/mapper/root", "filesystem": "ext4", "writable": True, "proven": False,
        "luks": {"uuid": luks.uuid(volume), "unlocked_by": "credential", "keyslot": 0}}
    for bank, values in got.pcrs.items():
        assert values[15] == extend(bank, "00" * (len(values[15]) // 2), key_id(volume, bank))
    texts = [m["text"] for m in got.record["measurements"] if m.get("pcr") == 15]
    assert texts == [f"cryptsetup:root:{luks.uuid(volume)}"]


def test_root_that_repart_made(boot, parts, tmp_path):
    """As the first boot of a machine leaves it: empty, and its TPM opens it; another one does not."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    state = tmp_path / "tpm"
    shutil.copytree(lab.firmware.tpm_state(), state)
    with luks.tpm(state) as device:
        luks.repart(disk.path, "state", f"--tpm2-device={device}", LITERAL)
    spec = direct(disk.path, WORDS, until="", tpm=True, initrd=initrd("plain"), tpm_state=state)
    spec.drives[0].keep = True
    got = boot(spec)
    boots(got, words=BY_TPM)
    runs(got)
    assert got.record["state"]["luks"]["unlocked_by"] == "tpm2"
    assert not got.seen("Hostname set to <kept-state>")
    other = tmp_path / "other-tpm"
    other.mkdir()
    lab.steps.run(["swtpm_setup", "--tpm2", "--tpmstate", other, "--pcr-banks", "sha256"])
    refused(boot(direct(disk.path, WORDS, tpm=True, initrd=initrd("plain"), tpm_state=other)),
            "LUKS_LOCKED", "prove", "'root' stays locked: token 0: .*another storage root key")


@dataclass(frozen=True)
class Case:
    """Something that is not used, and why."""

    name: str
    code: str
    stage: str
    says: str
    conf: str = ENCRYPTED
    words: str = WORDS
    passphrase: str = luks.PASSPHRASE
    inside: bool = False  # only who opens it can know


CASES = [
    Case("wrong-passphrase", "LUKS_LOCKED", "prove", "cryptsetup.passphrase' does not fit", passphrase="sesame"),
    Case("no-passphrase", "LUKS_LOCKED", "prove", "nobody may be asked", passphrase=""),
    Case("floor-default", "ROOT_UNPROTECTED", "choose", "no rule 'root=encrypted'", conf=""),
    Case("policy-plain", "POLICY_REFUSED", "choose", "allows 'root=unprotected'",
         conf="image-policy=usr=signed:root=unprotected:=open\n"),
    Case("policy-integrity", "POLICY_REFUSED", "choose", "allows 'root=encryptedwithintegrity'",
         conf="image-policy=usr=signed:root=encryptedwithintegrity:=open\n"),
    Case("policy-narrows", "POLICY_REFUSED", "choose", "allows 'root=unprotected'",
         conf="image-policy=usr=signed:root=encrypted+unprotected:=open\n",
         words=WORDS + " systemd.image_policy=usr=signed:root=unprotected"),
    Case("policy-xfs", "POLICY_REFUSED", "assemble", "file system 'ext4'", inside=True,
         conf="image-policy=usr=signed:root=encrypted+xfs:=open\n"),
    Case("another-key", "LUKS_KEY", "prove", "slipway.conf does not name",
         conf=ENCRYPTED + f"luks-volume-key={'12' * 32}\n"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stays_locked(case, boot, foreseen, parts, volume, tmp_path):
    name = case.name if case.conf != ENCRYPTED else "plain"
    spec = direct(disk_of(tmp_path, parts, volume).path, case.words, initrd=initrd(name, case.conf),
                  smbios=[CREDENTIAL + case.passphrase] if case.passphrase else [])
    got = boot(spec) if case.inside else foreseen(spec)
    refused(got, case.code, case.stage, case.says)


def test_init_without_luks(boot, parts, volume, tmp_path):
    """The smaller program says what is missing."""
    disk = disk_of(tmp_path, parts, volume)
    refused(boot(direct(disk.path, WORDS, initrd=initrd("small", program=("--init", paths.INIT)))),
            "LUKS_ABSENT", "prove", "cannot open it")


def test_plain_root_in_its_place(foreseen, parts, tmp_path):
    """Nobody gets by without encryption where the policy asks for it."""
    disk = disk_of(tmp_path, parts, ext4(tmp_path / "state.ext4", installed, size=16))
    refused(foreseen(direct(disk.path, WORDS, initrd=initrd("plain"))), "ROOT_UNPROTECTED", "choose",
            "root=unprotected")


def opened(tmp_path: Path, parts, image: Path) -> lab.Spec:
    luks.encrypt(image)
    return direct(disk_of(tmp_path, parts, image).path, WORDS, initrd=initrd("plain"),
                  smbios=[CREDENTIAL + luks.PASSPHRASE])


def test_what_is_in_it_is_not_trusted(boot, parts, tmp_path):
    """Its key is known, and still nothing of it takes the place of /usr."""
    image = ext4(tmp_path / "state.ext4", with_files(bin="x"), size=16)
    refused(boot(opened(tmp_path, parts, image)), "ROOT_SHADOWED", "assemble", "'/bin' is no link")


@pytest.mark.parametrize("point, boots_with_it", [("/", True), ("/var", False)], ids=["root", "var"])
def test_purpose(point, boots_with_it, boot, parts, tmp_path):
    """What its file system says it is for, it must be used for."""
    image = ext4(tmp_path / "state.ext4", installed, size=16)
    lab.tool("debugfs", "-w", "-R", f"ea_set / user.validatefs.mount_point {point}", tree.host(image))
    got = boot(opened(tmp_path, parts, image))
    if boots_with_it:
        boots(got)
    else:
        refused(got, "ROOT_MISPLACED", "check", "'/var'")
