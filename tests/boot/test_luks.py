# SPDX-License-Identifier: LGPL-2.1-or-later
"""An encrypted root: opened only as the policy lets it be, by its header as it was judged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import lab
import verified
from expect import QUICKLY, boots, direct, measured, refused, runs_whole
from lab import luks, paths
from lab.tpm import extend, word_digest

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


@pytest.fixture
def foreseen(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


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


def test_debian_runs(root, foreseen, tmp_path):
    """To systemd's 'running' on dm-crypt, writable, and no unit waits for its device."""
    words = f"rw root=/dev/mapper/root rd.luks.name={luks.uuid(root.file)}=root " \
            "rd.luks.options=tpm2-device=auto,discard,no-read-workqueue"
    got = foreseen(opened(root, tmp_path, words=words, until=""))
    boots(got)
    report = got.report
    runs_whole(got)
    mount = report.mount("/")
    assert (mount["source"], mount["fstype"]) == ("/dev/mapper/root", "ext4")
    assert mount["options"].split(",")[0] == "rw", mount
    assert report.mapper["root"].startswith("../dm-")
    assert report.text("root_device") == "active"
    assert " crypt aes-xts-plain64 :64:logon:" in report.text("dm_table"), report.text("dm_table")
    assert "allow_discards no_read_workqueue" in report.text("dm_table"), report.text("dm_table")
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
        told = key_id(root, bank)
        assert values[15] == extend(bank, "00" * (len(told) // 2), told)
    assert [m["text"] for m in got.record["measurements"] if m.get("pcr") == 15] == [text]


def test_same_uuid_another_key(root, boot, tmp_path):
    """The attacker's volume looks the same, but PCR 15 tells it from the owner's."""
    other = luks.empty(tmp_path / "other-luks.img", "--uuid", luks.uuid(root.file))
    got = boot(opened(replace(root, file=other), tmp_path, tpm=True))
    assert got.failure == "ROOT_MOUNT", got.explain()
    measured(got, ["enter-initrd", CAP, "slipway-failed"])
    assert got.pcrs["sha256"][15] not in ("00" * 32, extend("sha256", "00" * 32, key_id(root)))


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
    Case("word-other-uuid", "LUKS_UUID", "and the command line says '4f68bce3-",
         words="rd.luks.uuid=4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
    Case("word-other-key", "LUKS_KEY", "which the command line does not name",
         words=f"rd.luks.options=fixate-volume-key={'12' * 32}"),
    Case("word", "CMDLINE", "'luks=no' forbids", stage="choose", words="rd.luks=no", tpm=True),
    Case("policy-signed", "POLICY_REFUSED", "encrypted", stage="choose", conf="", tpm=True),
    Case("policy-integrity", "POLICY_REFUSED", "encrypted", stage="choose",
         conf="image-policy=root=encryptedwithintegrity:=open\n"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stays_locked(case, foreseen, root, tmp_path):
    part = replace(root, file=luks.empty(tmp_path / "root-luks.img"))
    name = case.name if case.conf != POLICY else "plain"
    spec = opened(part, tmp_path, passphrase=case.passphrase, words=case.words, tpm=case.tpm,
                  image=initrd(name, case.conf))
    refused(foreseen(spec), case.code, case.stage, case.says)


def test_init_without_luks(boot, root, tmp_path):
    """The smaller program says what is missing."""
    part = replace(root, file=luks.empty(tmp_path / "root-luks.img"))
    image = lab.initrd(paths.LAB / "initrd-no-luks.zst", conf=QUICKLY + POLICY)
    refused(boot(opened(part, tmp_path, image=image)), "LUKS_ABSENT", "prove", "cannot open it")


def test_plain_root_in_its_place(foreseen, root, tmp_path):
    """Nobody gets by without encryption where the policy asks for it."""
    plain = tmp_path / "plain-ext4.img"
    with plain.open("wb") as f:
        f.truncate(8 << 20)
    lab.tool("mke2fs", "-q", "-t", "ext4", f"/host{plain}")
    refused(foreseen(opened(replace(root, file=plain), tmp_path)), "ROOT_UNPROTECTED", "choose")


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
    image = luks.empty(tmp_path / "root-luks.img")
    luks.edit(image, change)
    refused(boot(opened(replace(root, file=image), tmp_path)), "LUKS_HEADER", "prove", says)


def test_header_that_claims_ten_megabytes(boot, root, tmp_path):
    image = luks.empty(tmp_path / "root-luks.img")
    with image.open("r+b") as f:
        f.seek(8)
        f.write((10 << 20).to_bytes(8, "big"))
        f.seek(16384)
        f.write(bytes(4096))
    refused(boot(opened(replace(root, file=image), tmp_path)), "LUKS_HEADER", "prove", "10485760 bytes")


def test_second_copy_of_the_header(boot, root, tmp_path):
    """A power cut while the first one is written costs a warning, and both of them the boot."""
    image = tmp_path / "root-luks.img"
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
    part = replace(root, file=luks.empty(tmp_path / "root-luks.img"))
    spec = opened(part, tmp_path, passphrase="", image=initrd("asking", ASKING))
    spec.when = [lab.When(QUESTION % n, type="\x03\x1a\x04\n" if n == 2 else "wrong\n") for n in (1, 2, 3)]
    refused(boot(spec), "LUKS_LOCKED", "prove", "3 wrong answers")


def test_enter_is_held(boot, root, tmp_path):
    """CVE-2016-4484: whoever holds the key down gets three empty answers, and no shell for them."""
    part = replace(root, file=luks.empty(tmp_path / "root-luks.img"))
    spec = opened(part, tmp_path, passphrase="", image=initrd("asking", ASKING), tpm=True)
    spec.when = [lab.When(seen, type="\n" * 300) for seen in (*(QUESTION % n for n in (1, 2, 3)), "FAILED stage")]
    got = boot(spec)
    refused(got, "LUKS_LOCKED", "prove", "3 wrong answers")
    assert all(got.seen(QUESTION % n) for n in (1, 2, 3)) and not got.seen(QUESTION % 4)


def key_id(root, hashed: str = "sha256") -> str:
    """What PCR 15 is told of the volume's key; by SHA-256 it is what slipway.conf calls it."""
    text = f"cryptsetup:root:{luks.uuid(root.file)}".encode()
    return hmac.digest(luks.volume_key(root.file), text, hashed).hex()


def test_volume_key_that_is_named(boot, root, tmp_path):
    """With the right key it boots; the attacker's volume is refused, whatever opens it."""
    image = initrd("named", POLICY + f"luks-volume-key={'12' * 32}\nluks-volume-key={key_id(root)}\n")
    boots(boot(opened(root, tmp_path, image=image)))
    other = luks.empty(tmp_path / "other-luks.img", "--uuid", luks.uuid(root.file))
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


RECOVERY = "-".join(["cbdefghi", "jklnrtuv"] * 4)
# As people type it: capitals, blanks in place of dashes.
TYPED_RECOVERY = [lab.When(QUESTION % 1, type=RECOVERY.upper().replace("-", " ") + "\n")]


def recoverable(part: lab.Part, image: Path) -> lab.Part:
    """The same volume, which a recovery key opens as well."""
    shutil.copyfile(part.file, image)
    luks.cryptsetup("luksAddKey", *luks.CHEAP, image, "NEWKEY", more=RECOVERY)
    return replace(part, file=image)


def test_recovery_key_is_typed(boot, root, tmp_path):
    spec = opened(recoverable(root, tmp_path / "root-luks.img"), tmp_path, passphrase="",
                  image=initrd("asking", ASKING))
    spec.when = TYPED_RECOVERY
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


def test_data_of_another_volume(boot, root, tmp_path):
    """Two volumes, each of which boots, and their data exchanged: the TPM opens the one, by its header,
    and nothing of the other is taken for a file system."""
    part, other = sealed(root, tmp_path, LITERAL), tmp_path / "other-luks.img"
    shutil.copyfile(root.file, other)
    luks.decrypt(other)
    luks.encrypt(other)
    assert other.stat().st_size == part.file.stat().st_size
    assert luks.volume_key(other) != luks.volume_key(part.file)
    boots(boot(opened(replace(root, file=other), tmp_path)))
    by_tpm(boot(opened(part, tmp_path, passphrase="", tpm=True)))
    with part.file.open("rb") as f:
        header = f.read(luks.HEADER)
    with other.open("r+b") as f:
        f.write(header)
    got = boot(opened(replace(root, file=other), tmp_path, passphrase="", tpm=True))
    refused(got, "ROOT_MOUNT", "assemble", "no known file system")
    assert got.pcrs["sha256"][15] == extend("sha256", "00" * 32, key_id(part))


# ---- the TPM ----

ENTERED = extend("sha256", "00" * 32, word_digest("sha256", "enter-initrd"))
LITERAL = f"--tpm2-pcrs=11:sha256={ENTERED}"
ELSEWHERE = f"--tpm2-pcrs=11:sha256={'12' * 32}"
PIN_QUESTION = r"PIN of the TPM for 'root' \(%d of 5\): $"
BY_TPM = ("enter-initrd", "leave-initrd")


def sealed(root, tmp_path, *words: str, pin: str = "", state: Path | None = None) -> lab.Part:
    """The root with one more key slot, by systemd-cryptenroll."""
    image = tmp_path / "root-luks.img"
    shutil.copyfile(root.file, image)
    with luks.tpm(state) as device:
        luks.enroll(image, *words, device=device, pin=pin)
    return replace(root, file=image)


def by_tpm(got: lab.Result) -> None:
    """It booted, nothing was capped, and the record says how it was opened."""
    boots(got, words=BY_TPM)
    assert got.record["root"]["luks"]["unlocked_by"] == "tpm2"
    assert got.record["root"]["luks"]["keyslot"] == 1
    assert "unlock the encrypted volume" in [c["what"] for c in got.record["tpm_commands"]]
    assert got.pcrs["sha256"][15] != "00" * 32


def test_tpm_in_this_state(boot, root, tmp_path):
    part = sealed(root, tmp_path, LITERAL)
    by_tpm(boot(opened(part, tmp_path, passphrase="", tpm=True)))


def test_tpm_in_another_state(boot, root, tmp_path):
    """Neither this one nor, with what a person knows, without a cap."""
    part = sealed(root, tmp_path, ELSEWHERE)
    refused(boot(opened(part, tmp_path, passphrase="", tpm=True)), "LUKS_LOCKED", "prove",
            r"token 0: .*is bound \(PCRs 11 in bank sha256\)")
    got = boot(opened(part, tmp_path, tpm=True))
    boots(got, words=("enter-initrd", CAP, "leave-initrd"), warning="token 0 of 'root'")
    assert got.record["root"]["luks"]["unlocked_by"] == "credential"


def test_recovery_key_where_the_tpm_is_in_another_state(boot, root, tmp_path):
    """It is asked for, with the cap before it opens anything."""
    part = sealed(recoverable(root, tmp_path / "recoverable.img"), tmp_path, ELSEWHERE)
    spec = opened(part, tmp_path, passphrase="", image=initrd("asking", ASKING), tpm=True)
    spec.when = TYPED_RECOVERY
    got = boot(spec)
    boots(got, words=("enter-initrd", CAP, "leave-initrd"), warning="token 0 of 'root'.*PCRs 11")
    assert got.record["root"]["luks"]["unlocked_by"] == "passphrase"


def test_tpm_of_another_machine(boot, root, tmp_path):
    state = tmp_path / "tpm"
    state.mkdir()
    lab_run("swtpm_setup", "--tpm2", "--tpmstate", state, "--pcr-banks", "sha256")
    part = sealed(root, tmp_path, LITERAL, state=state)
    refused(boot(opened(part, tmp_path, passphrase="", tpm=True)), "LUKS_LOCKED", "prove", "token 0")


def test_tpm_of_a_boot_that_is_not_measured(boot, root, tmp_path):
    """It is not asked: what it gives out then is worth nothing."""
    part = sealed(root, tmp_path, LITERAL)
    refused(boot(opened(part, tmp_path, passphrase="")), "LUKS_LOCKED", "prove", "not measured")


def lab_run(*words: object) -> bytes:
    return subprocess.run([str(word) for word in words], check=True, capture_output=True).stdout


def new_signer(folder: Path) -> Path:
    """A key that signs policies; its public half is beside it."""
    key = folder / "signer.key"
    lab_run("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
            "-out", key)
    lab_run("openssl", "pkey", "-in", key, "-pubout", "-out", key.with_suffix(".pub"))
    return key


@pytest.fixture(scope="module")
def signer(tmp_path_factory) -> Path:
    return new_signer(tmp_path_factory.mktemp("signer"))


def signature(key: Path, pcr11: str, folder: Path) -> Path:
    """A tpm2-pcr-signature.json for PCR 11 with this value."""
    digest = hashlib.sha256(bytes.fromhex(pcr11)).digest()
    policy = hashlib.sha256(bytes(32) + bytes.fromhex("0000017f00000001000b03000800") + digest).digest()
    (folder / "policy").write_bytes(policy)
    signed = lab_run("openssl", "dgst", "-sha256", "-sign", key, folder / "policy")
    public = lab_run("openssl", "rsa", "-in", key, "-RSAPublicKey_out", "-outform", "DER")
    out = folder / "tpm2-pcr-signature.json"
    out.write_text(json.dumps({"sha256": [{
        "pcrs": [11], "pkfp": hashlib.sha256(public).hexdigest(), "pol": policy.hex(),
        "sig": base64.b64encode(signed).decode()}]}))
    return out


@pytest.mark.parametrize("value, opens", [(ENTERED, True), ("12" * 32, False)],
                         ids=["this-image", "another-image"])
def test_signed_policy(value, opens, boot, root, signer, tmp_path):
    """The signature is the image's: with that of another one the key slot stays shut."""
    part = sealed(root, tmp_path, "--tpm2-pcrs=", "--tpm2-public-key-pcrs=11",
                  f"--tpm2-public-key=/host{signer.with_suffix('.pub')}")
    said = signature(signer, value, tmp_path)
    image = tmp_path / "initrd-signed.img"
    lab.initrd(image, conf=QUICKLY + POLICY, compress="zstd:3",
               more=("--luks", "--init", paths.INIT_LUKS, "--include",
                     f"{said}:/etc/systemd/tpm2-pcr-signature.json"))
    got = boot(opened(part, tmp_path, passphrase="", image=image, tpm=True))
    if opens:
        by_tpm(got)
    else:
        refused(got, "LUKS_LOCKED", "prove", "token 0")


def test_pin_is_typed(boot, root, tmp_path):
    """Wrong once, which the TPM counts, then right."""
    part = sealed(root, tmp_path, LITERAL, "--tpm2-with-pin=yes", pin="open-4711")
    spec = opened(part, tmp_path, passphrase="", image=initrd("asking", ASKING), tpm=True)
    spec.when = [lab.When(PIN_QUESTION % 1, type="0815\n"), lab.When(PIN_QUESTION % 2, type="open-4711\n")]
    got = boot(spec)
    by_tpm(got)
    assert got.seen("the TPM says that the PIN of 'root' is wrong") and "open-4711" not in got.serial


def test_pin_as_a_credential(boot, root, tmp_path):
    """Where nobody may be asked; a wrong one is tried once, and the recovery costs the phases."""
    part = sealed(root, tmp_path, LITERAL, "--tpm2-with-pin=yes", pin="4711")
    spec = opened(part, tmp_path, tpm=True)
    spec.smbios = ["io.systemd.credential:cryptsetup.tpm2-pin=4711"]
    by_tpm(boot(spec))
    spec.smbios = ["io.systemd.credential:cryptsetup.tpm2-pin=0815"]
    refused(boot(spec), "LUKS_LOCKED", "prove", "token 0")


def test_pin_until_the_tpm_locks_itself(boot, root, tmp_path):
    """It says so, and no further PIN is asked for; the passphrase still opens."""
    state = tmp_path / "tpm"
    shutil.copytree(lab.firmware.tpm_state(), state)
    part = sealed(root, tmp_path, LITERAL, "--tpm2-with-pin=yes", pin="4711", state=state)
    with luks.tpm(state) as device:
        lab.tool("tpm2_dictionarylockout", "--tcti", device, "--setup-parameters", "--max-tries=2",
                 "--recovery-time=600", "--lockout-recovery-time=600")
    spec = opened(part, tmp_path, passphrase="", image=initrd("asking", ASKING), tpm=True,
                  tpm_state=state)
    spec.when = [lab.When(PIN_QUESTION % 1, type="1\n"), lab.When(PIN_QUESTION % 2, type="2\n"),
                 lab.When(PIN_QUESTION % 3, type="3\n"),
                 lab.When(QUESTION % 1, type=luks.PASSPHRASE + "\n")]
    got = boot(spec)
    boots(got, words=("enter-initrd", CAP, "leave-initrd"), warning="lock")
    assert not got.seen(PIN_QUESTION % 4), got.explain()


HOSTILE = {
    "no-blob": lambda token: token.pop("tpm2-blob"),
    "blob-of-noise": lambda token: token.update({"tpm2-blob": base64.b64encode(b"x" * 200).decode()}),
    "policy-of-noise": lambda token: token.update({"tpm2-policy-hash": "00" * 32}),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_token(name, boot, root, tmp_path):
    """It is skipped with a reason, and the next one opens the volume."""
    part = sealed(root, tmp_path, LITERAL)
    token: dict = {}
    luks.edit(part.file, lambda text: token.update(text["tokens"]["0"]), copies=(0,))
    HOSTILE[name](bad := dict(token))
    luks.edit(part.file, lambda text: text["tokens"].update({"0": bad, "1": token}))
    got = boot(opened(part, tmp_path, passphrase="", tpm=True))
    by_tpm(got)
    assert got.seen(r"token 0.*(of 'root'|does not fit)"), got.explain()


def test_tpm_that_dies_with_the_key_in_our_hands(boot, root, tmp_path):
    """A key that PCR 15 cannot be told of is dropped, and no passphrase is tried in its place."""
    got = boot(opened(sealed(root, tmp_path, LITERAL), tmp_path, tpm=True, fatal=15))
    refused(got, "TPM_FAILED", "prove", "cannot extend a PCR")
    assert "'cryptsetup:root:" in got.record["failure"]["where"]
    assert [m["text"] for m in got.record["measurements"]] == ["enter-initrd"]
    assert "root" not in got.record and not got.seen(r"opened the root|\(dm-0\)"), got.explain()
