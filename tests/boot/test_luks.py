# SPDX-License-Identifier: LGPL-2.1-or-later
"""An encrypted root: opened only as the policy lets it be, by its header as it was judged."""

from __future__ import annotations

import hmac
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import lab
from expect import QUICKLY, boots, direct, measured, refused
from lab import luks, paths
from lab.tpm import extend

pytestmark = pytest.mark.xdist_group("luks")
POLICY = "image-policy=root=encrypted:=open\n"
CAP = "slipway-not-by-tpm"
ASKING = POLICY + "luks-prompt=yes\n"
QUESTION = r"Passphrase or recovery key of 'root' \(%d of 3\): $"
CREDENTIAL = "io.systemd.credential:cryptsetup.passphrase="


def initrd(name: str, conf: str = POLICY, *more) -> Path:
    """One with init-luks and its modules."""
    return lab.initrd(paths.LAB / f"initrd-luks-{name}.zst", conf=QUICKLY + conf,
                      more=("--luks", "--init", paths.INIT_LUKS, *more))


@pytest.fixture(scope="module")
def root():
    """The demo's root, encrypted."""
    return luks.root()


def disk_of(tmp_path, part, attributes: int = 0) -> lab.Disk:
    """A disk with nothing but this root."""
    spec = lab.PartSpec(part.type, part.uuid, part.label, attributes, part.file)
    return lab.make_disk(tmp_path / "disk.img", kinds=(), more=[spec])


def opened(part: lab.Part, tmp_path, *, passphrase: str = luks.PASSPHRASE, words: str = "",
           image=None, **more) -> lab.Spec:
    """A boot of this root with a credential of the passphrase."""
    return direct(disk_of(tmp_path, part).path, words, initrd=image or initrd("plain"),
                  smbios=[CREDENTIAL + passphrase] if passphrase else [], **more)


def test_debian_runs(root, boot, tmp_path):
    """To systemd's 'running' on dm-crypt, writable, and no unit waits for its device."""
    got = boot(opened(root, tmp_path, words="rw", until=""))
    boots(got)
    report = got.report
    assert got.end == "poweroff" and report.state == "running", got.explain()
    assert not report.failed_units and not report.slow_waits(), got.explain()
    mount = report.mount("/")
    assert (mount["source"], mount["fstype"]) == ("/dev/mapper/root", "ext4")
    assert mount["options"].split(",")[0] == "rw", mount
    assert report.mapper["root"].startswith("../dm-")
    assert report.text("root_device") == "active"
    assert " crypt aes-xts-plain64 :64:logon:" in report.text("dm_table"), report.text("dm_table")
    assert got.record["root"] == {
        "device": "/dev/mapper/root", "roothash": None, "proven_by": None, "certificate": None,
        "filesystem": "ext4",
        "luks": {"uuid": luks.uuid(root.file), "unlocked_by": "credential", "keyslot": 0}}
    assert luks.PASSPHRASE not in got.serial


def test_key_is_measured(root, boot, tmp_path):
    """Whose volume it is stands in PCR 15, and no phase of the image goes on behind a passphrase."""
    got = boot(opened(root, tmp_path, tpm=True))
    boots(got, words=("enter-initrd", CAP, "leave-initrd"))
    text = f"cryptsetup:root:{luks.uuid(root.file)}"
    assert got.record["root"]["luks"]["unlocked_by"] == "credential"
    for bank, values in got.pcrs.items():
        told = hmac.digest(luks.volume_key(root.file), text.encode(), bank).hex()
        assert values[15] == extend(bank, "00" * (len(told) // 2), told)
    assert [m["text"] for m in got.record["measurements"] if m.get("pcr") == 15] == [text]


def test_same_uuid_another_key(root, boot, tmp_path):
    """The attacker's volume looks the same, but PCR 15 tells it from the owner's."""
    other = luks.empty(tmp_path / "other.luks", "--uuid", luks.uuid(root.file))
    got = boot(opened(replace(root, file=other), tmp_path, tpm=True))
    assert got.failure == "ROOT_MOUNT", got.explain()
    measured(got, ["enter-initrd", CAP, "slipway-failed"])
    told = hmac.digest(luks.volume_key(root.file), f"cryptsetup:root:{luks.uuid(root.file)}".encode(),
                       "sha256").hex()
    assert got.pcrs["sha256"][15] not in ("00" * 32, extend("sha256", "00" * 32, told))


@dataclass(frozen=True)
class Case:
    """Something that does not open, and why."""

    name: str
    code: str
    says: str
    stage: str = "prove"
    passphrase: str = luks.PASSPHRASE
    conf: str = POLICY
    words: str = ""
    tpm: bool = False


CASES = [
    Case("wrong-passphrase", "LUKS_LOCKED", "cryptsetup.passphrase' does not fit", passphrase="sesame",
         tpm=True),
    Case("no-passphrase", "LUKS_LOCKED", "nobody may be asked", passphrase="", tpm=True),
    Case("key-file-missing", "LUKS_LOCKED", "no key file '/etc/root.key'", passphrase="",
         words="rd.luks.key=/etc/root.key"),
    Case("policy-signed", "POLICY_REFUSED", "encrypted", stage="choose", conf="", tpm=True),
    Case("policy-integrity", "POLICY_REFUSED", "encrypted", stage="choose",
         conf="image-policy=root=encryptedwithintegrity:=open\n"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stays_locked(case, boot, root, tmp_path):
    part = replace(root, file=luks.empty(tmp_path / "root.luks"))
    name = case.name if case.conf != POLICY else "plain"
    spec = opened(part, tmp_path, passphrase=case.passphrase, words=case.words, tpm=case.tpm,
                  image=initrd(name, case.conf))
    refused(boot(spec), case.code, case.stage, case.says)


def test_init_without_luks(boot, root, tmp_path):
    """The smaller program says what is missing."""
    part = replace(root, file=luks.empty(tmp_path / "root.luks"))
    image = lab.initrd(paths.LAB / "initrd-no-luks.zst", conf=QUICKLY + POLICY)
    refused(boot(opened(part, tmp_path, image=image)), "LUKS_ABSENT", "prove", "cannot open it")


def test_plain_root_in_its_place(boot, root, tmp_path):
    """Nobody gets by without encryption where the policy asks for it."""
    plain = tmp_path / "plain.ext4"
    with plain.open("wb") as f:
        f.truncate(8 << 20)
    lab.tool("mke2fs", "-q", "-t", "ext4", f"/host{plain}")
    refused(boot(opened(replace(root, file=plain), tmp_path)), "ROOT_UNPROTECTED", "choose")


def segment(**changes) -> Callable[[dict], None]:
    """What changes the segment of a header."""
    return lambda text: text["segments"]["0"].update(changes)


HEADERS: list[tuple[str, Callable[[dict], None], str]] = [
    ("null-cipher", segment(encryption="cipher_null-ecb"), "cipher 'cipher_null-ecb'"),
    ("null-cipher-of-a-slot",
     lambda text: text["keyslots"]["0"]["area"].update(encryption="cipher_null-ecb"),
     "key slot asks for cipher 'cipher_null-ecb'"),
    ("plain-segment", lambda text: text["segments"].update(
        {"1": {"type": "linear", "offset": "16777216", "size": "dynamic"}}), "not one segment"),
    ("integrity", segment(integrity={"type": "hmac(sha256)", "journal_encryption": "none",
                                     "journal_integrity": "none"}), "dm-integrity"),
    ("data-over-the-header", segment(offset="4096"), "begins at '4096'"),
    ("required-feature", lambda text: text["config"].update(
        requirements={"mandatory": ["online-reencrypt-v2"]}), "requires something"),
    ("many-tokens", lambda text: text["tokens"].update(
        {str(n): {"type": "x", "keyslots": []} for n in range(100)}), "'100' tokens"),
]


@pytest.mark.parametrize("name,change,says", HEADERS, ids=[row[0] for row in HEADERS])
def test_header_asks_for_what_is_never_opened(name, change, says, boot, root, tmp_path):
    """Whoever holds the disk writes the header: with the right passphrase it is refused."""
    image = luks.empty(tmp_path / "root.luks")
    luks.edit(image, change)
    refused(boot(opened(replace(root, file=image), tmp_path)), "LUKS_HEADER", "prove", says)


def test_header_that_claims_ten_megabytes(boot, root, tmp_path):
    image = luks.empty(tmp_path / "root.luks")
    with image.open("r+b") as f:
        f.seek(8)
        f.write((10 << 20).to_bytes(8, "big"))
        f.seek(16384)
        f.write(bytes(4096))
    refused(boot(opened(replace(root, file=image), tmp_path)), "LUKS_HEADER", "prove", "10485760 bytes")


def test_second_copy_of_the_header(boot, root, tmp_path):
    """A power cut while the first one is written costs a warning, and both of them the boot."""
    image = tmp_path / "root.luks"
    shutil.copyfile(root.file, image)
    luks.spoil(image, 0)
    boots(boot(opened(replace(root, file=image), tmp_path)), warning="second copy")
    luks.spoil(image, 1)
    refused(boot(opened(replace(root, file=image), tmp_path)), "LUKS_HEADER", "prove")


def test_passphrase_is_typed(boot, root, tmp_path):
    """Twice wrong, then right; nothing of it is on the console, and a backspace counts."""
    spec = opened(root, tmp_path, passphrase="", image=initrd("asking", ASKING))
    spec.when = [lab.When(QUESTION % 1, type="wrong\n"), lab.When(QUESTION % 2, type="\n"),
                 lab.When(QUESTION % 3, type="open sesamx\x7fe\n")]
    got = boot(spec)
    boots(got)
    assert got.record["root"]["luks"]["unlocked_by"] == "passphrase"
    assert "sesam" not in got.serial and len(list(filter(None, (got.seen(QUESTION % n) for n in (1, 2, 3))))) == 3


def test_three_wrong_passphrases(boot, root, tmp_path):
    part = replace(root, file=luks.empty(tmp_path / "root.luks"))
    spec = opened(part, tmp_path, passphrase="", image=initrd("asking", ASKING))
    spec.when = [lab.When(QUESTION % n, type="\x03\x1a\x04\n" if n == 2 else "wrong\n") for n in (1, 2, 3)]
    refused(boot(spec), "LUKS_LOCKED", "prove", "3 wrong answers")


def key_id(root) -> str:
    """What slipway.conf calls the key of the volume."""
    text = f"cryptsetup:root:{luks.uuid(root.file)}".encode()
    return hmac.digest(luks.volume_key(root.file), text, "sha256").hex()


def test_volume_key_that_is_named(boot, root, tmp_path):
    """With the right key it boots; the attacker's volume is refused, whatever opens it."""
    image = initrd("named", POLICY + f"luks-volume-key={'12' * 32}\nluks-volume-key={key_id(root)}\n")
    boots(boot(opened(root, tmp_path, image=image)))
    other = luks.empty(tmp_path / "other.luks", "--uuid", luks.uuid(root.file))
    got = boot(opened(replace(root, file=other), tmp_path, image=image, tpm=True))
    assert got.failure == "LUKS_KEY", got.explain()
    measured(got, ["enter-initrd", CAP, "slipway-failed"])


def test_key_file(boot, root, tmp_path):
    """In the initrd, all of its bytes; measured like a passphrase, as it says no more."""
    key = tmp_path / "key"
    key.write_text(luks.PASSPHRASE)
    image = initrd("key", POLICY, "--include", f"{key}:/etc/cryptsetup-keys.d/root.key")
    got = boot(opened(root, tmp_path, passphrase="", image=image, tpm=True))
    boots(got, words=("enter-initrd", CAP, "leave-initrd"))
    assert got.record["root"]["luks"]["unlocked_by"] == "key file"


def test_recovery_key_is_typed(boot, root, tmp_path):
    """As people type it: capitals, blanks in place of dashes."""
    key = "-".join(["cbdefghi", "jklnrtuv"] * 4)
    image = tmp_path / "root.luks"
    shutil.copyfile(root.file, image)
    luks.cryptsetup("luksAddKey", *luks.CHEAP, image, "NEWKEY", more=key)
    spec = opened(replace(root, file=image), tmp_path, passphrase="", image=initrd("asking", ASKING))
    spec.when = [lab.When(QUESTION % 1, type=key.upper().replace("-", " ") + "\n")]
    got = boot(spec)
    boots(got)
    assert got.record["root"]["luks"] == {"uuid": luks.uuid(root.file), "unlocked_by": "passphrase",
                                          "keyslot": 1}


def test_header_is_overwritten_while_a_person_is_asked(boot, root, tmp_path):
    """What was judged is what is used: neither header nor key slots are read again."""
    disk = disk_of(tmp_path, root)
    spec = direct(disk.path, initrd=initrd("asking", ASKING))
    gone = f"qemu-io drive0 \"write -P 255 {disk.offset(root.label)} {luks.HEADER}\""
    spec.when = [lab.When(QUESTION % 1, type="wrong\n",
                          qmp=("human-monitor-command", {"command-line": gone})),
                 lab.When(QUESTION % 2, type=luks.PASSPHRASE + "\n")]
    boots(boot(spec))
