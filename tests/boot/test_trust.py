# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is proven boots; whatever falls short of that is refused, and the reason is exact."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import lab
import verified
from expect import QUICKLY, boots, direct, fingerprint, refused
from lab import ddi, demoroot, gpt, paths
from lab.steps import digest, once
from variants import variant


@pytest.fixture
def boot(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


DATA, HASH = "root-x86-64", "root-x86-64-verity"
SIG_UUID = "51600000-51b1-4a7e-9d3a-6f1b6e3c1d0e"
SIG_MAX = 4 << 20


def pkcs7(text: str, key: lab.Key, folder: Path, *more: str) -> str:
    """A detached signature of a text, made by OpenSSL, in base64; unless more words say otherwise."""
    (folder / "text").write_text(text)
    done = subprocess.run(
        ["openssl", "smime", "-sign", "-nocerts", "-noattr", "-binary", "-md", "sha256", "-in",
         folder / "text", "-inkey", key.key, "-signer", key.cert, "-outform", "der", *more],
        check=True, capture_output=True)
    return base64.b64encode(done.stdout).decode()


@dataclass(frozen=True)
class Sig:
    """A signature partition of our own making; the fields are what differs from a good one."""

    name: str
    code: str = ""  # "": boots
    stage: str = "choose"
    key: str = "verity"
    signs: Callable[[str], str] = lambda roothash: roothash
    openssl: Callable[[], tuple[str, ...]] = tuple  # more words for it
    edit: Callable[[bytes], bytes] = lambda text: text  # of the whole JSON text
    size: int = 0
    says: str = ""
    tpm: bool = False


def twice(text: bytes) -> bytes:
    """The root hash a second time, and another one: whoever reads it must not have a choice."""
    return text.replace(b'{', b'{"rootHash":"' + b"0" * 64 + b'",')


def escaped_nul(text: bytes) -> bytes:
    return text.replace(b'","signature"', b'\\u0000","signature"')


def deep(text: bytes) -> bytes:
    """A member that nobody asks for, of lists in lists; small enough to be read."""
    return b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"," + text[1:]


def second_signer() -> tuple[str, ...]:
    """The first one is whom the initrd trusts."""
    attacker = lab.key("attacker")
    return "-signer", str(attacker.cert), "-inkey", str(attacker.key)


SIGNATURES = [
    Sig("openssl"),
    Sig("unknown-key", "SIGNATURE_UNTRUSTED", "prove", key="attacker", tpm=True),
    Sig("other-text", "SIGNATURE_UNTRUSTED", "prove", signs=lambda h: "0" * len(h), tpm=True),
    Sig("newline", "SIGNATURE_UNTRUSTED", "prove", signs=lambda h: h + "\n"),
    Sig("upper-case", "SIGNATURE_UNTRUSTED", "prove", signs=str.upper),
    Sig("truncated", "SIGNATURE_MALFORMED", edit=lambda t: t[:-40], says="no JSON", tpm=True),
    Sig("oversized", "SIGNATURE_MALFORMED", size=SIG_MAX + 512, says="4 MiB", tpm=True),
    Sig("nul-byte", "SIGNATURE_MALFORMED", edit=lambda t: t[:30] + b"\0" + t[30:], says="NUL",
        tpm=True),
    Sig("nul-escaped", "SIGNATURE_MALFORMED", edit=escaped_nul, says="NUL", tpm=True),
    Sig("duplicate-key", "SIGNATURE_MALFORMED", edit=twice, says="twice", tpm=True),
    Sig("nested", "SIGNATURE_MALFORMED", edit=deep, says="no JSON", tpm=True),
    Sig("attached", "SIGNATURE_MALFORMED", "prove", openssl=lambda: ("-nodetach",),
        says="no plain detached one", tpm=True),
    Sig("two-signers", "SIGNATURE_MALFORMED", "prove", openssl=second_signer,
        says="'2' signers", tpm=True),
    Sig("sha1", "SIGNATURE_MALFORMED", "prove", openssl=lambda: ("-md", "sha1"), says="digest is not",
        tpm=True),
]


@pytest.mark.parametrize("case", SIGNATURES, ids=lambda case: case.name)
def test_signature_partition(case, demo, boot, tmp_path):
    signature = pkcs7(case.signs(demo.roothash), lab.key(case.key), tmp_path, *case.openssl())
    text = json.dumps({"rootHash": demo.roothash, "signature": signature}, separators=(",", ":"))
    blob = tmp_path / "signature"
    blob.write_bytes(case.edit(text.encode()).ljust(256 << 10, b"\0"))
    spec = lab.PartSpec(gpt.ROOT_VERITY_SIG, SIG_UUID, DATA + "-verity-sig", gpt.READ_ONLY, blob,
                        case.size)
    disk = lab.make_disk(tmp_path / "disk.img", kinds=("data", "hash"), more=[spec])
    got = boot(direct(disk.path, tpm=case.tpm))
    if case.code:
        refused(got, case.code, case.stage, case.says)
    else:
        boots(got)


def test_demo_boots_directly(demo, boot):
    """The demo's own disk, measured; every refusal below is a twin of this one."""
    got = boot(lab.direct(demo.disk, append="systemd.tpm2_measured_os=1", tpm="on",
                          initrd=demo.initrd, until=r"Hostname set to <slipway-demo>"))
    boots(got)
    root = got.record["root"]
    assert (root["roothash"], root["proven_by"]) == (demo.roothash, "certificate")
    assert got.record["disk"]["name"] == "vda" and got.pcrs
    assert got.record["lockdown"] == "none" and got.record["firmware"]["secure_boot"] is False
    assert said_of(got) == [  # all by rules of the initrd, as no word asked for less
        ("choose", "esp", "unprotected", "open", "default", "initrd", "accepted"),
        ("choose", "root", "verity+signed", "signed", "explicit", "initrd", "accepted"),
        ("choose", "root-verity", *["unprotected"] * 2, "derived", "initrd", "accepted"),
        ("choose", "root-verity-sig", *["unprotected"] * 2, "derived", "initrd", "accepted"),
        ("prove", "root", "verity+signed", "signed", "explicit", "initrd", "accepted")]


def said_of(got: lab.Result, *verdicts: str) -> list[tuple[str, ...]]:
    """What the record has of the image policy, or only these verdicts, sorted."""
    keys = ("stage", "partition", "found", "allowed", "rule", "of", "verdict")
    return sorted(tuple(x[key] for key in keys) for x in got.record.get("policy", [])
                  if not verdicts or x["verdict"] in verdicts)


def test_kernel_is_not_asked_about_a_key_that_it_lacks(demo, boot):
    got = boot(lab.direct(demo.disk, append="systemd.log_level=debug ignore_loglevel",
                          initrd=demo.initrd, until=r"Hostname set to <slipway-demo>"))
    boots(got)
    assert "the kernel is not asked about the signature of 'root'" in got.serial
    assert "Root hash verification failed" not in got.serial


@dataclass(frozen=True)
class Spoilt:
    """A disk that was good until somebody did something to it."""

    name: str
    code: str
    stage: str
    spoil: Callable[[lab.Disk], None] = lambda disk: None
    kinds: tuple[str, ...] = ("data", "hash", "sig")
    swap: tuple[str, ...] = ()  # these partitions are another image's
    says: str = ""
    tpm: bool = False


def cut_short(disk: lab.Disk) -> None:
    """The table says that the data partition is a block shorter than it was."""
    disk.entry(DATA).last -= 8
    disk.rewrite_table()


def claim_fewer_blocks(disk: lab.Disk) -> None:
    """The superblock, of which nobody has signed anything, leaves the last block of the data out."""
    n_blocks = lab.root_parts()[0].file.stat().st_size // 4096
    disk.patch(HASH, 72, (n_blocks - 1).to_bytes(8, "little"))


def claim_uuid(disk: lab.Disk) -> None:
    """The other image's hash partition pretends to be the right one."""
    roothash = lab.root_parts()[0].roothash
    disk.entry(HASH).uuid = as_uuid(roothash[32:])
    disk.rewrite_table()


def as_uuid(text: str) -> str:
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:32]))


SPOILT = [
    Spoilt("unsigned", "SIGNATURE_MISSING", "choose", kinds=("data", "hash"), tpm=True),
    Spoilt("plain", "ROOT_UNPROTECTED", "choose", kinds=("data",)),
    Spoilt("signature-of-another", "SIGNATURE_MISMATCH", "choose", swap=("sig",), tpm=True),
    Spoilt("hash-of-another", "ROOT_INCOMPLETE", "choose", swap=("hash",), tpm=True),
    Spoilt("hash-of-another-disguised", "VERITY_CORRUPTED", "prove", claim_uuid, swap=("hash",)),
    Spoilt("data-bit", "VERITY_CORRUPTED", "prove", lambda d: d.flip(DATA, 1024 + 5, 1), tpm=True),
    Spoilt("tree-bit", "VERITY_CORRUPTED", "prove", lambda d: d.flip(HASH, 4096 + 7, 0x80),
           tpm=True),
    Spoilt("superblock-big-endian", "VERITY_SUPERBLOCK", "prove",
           lambda d: d.patch(HASH, 8, (1).to_bytes(4, "big")), tpm=True),
    Spoilt("superblock-version", "VERITY_SUPERBLOCK", "prove",
           lambda d: d.patch(HASH, 8, (2).to_bytes(4, "little"))),
    Spoilt("superblock-magic", "VERITY_SUPERBLOCK", "prove", lambda d: d.patch(HASH, 0, b"V")),
    Spoilt("salt-bit", "VERITY_CORRUPTED", "prove", lambda d: d.flip(HASH, 88, 1), tpm=True),
    Spoilt("block-size-bit", "VERITY_SUPERBLOCK", "prove", lambda d: d.flip(HASH, 64, 1),
           says="block sizes '4097'", tpm=True),
    Spoilt("block-size-doubled", "VERITY_SUPERBLOCK", "prove",
           lambda d: d.patch(HASH, 64, (8192).to_bytes(4, "little")), says="claims"),
    Spoilt("blocks-fewer", "ROOT_MOUNT", "assemble", claim_fewer_blocks, says="cut short"),
    Spoilt("data-short", "VERITY_SUPERBLOCK", "prove", cut_short, says="data blocks", tpm=True),
]


@pytest.mark.parametrize("case", SPOILT, ids=lambda case: case.name)
def test_spoilt_disk(case, boot, tmp_path):
    other = {p.kind: p for p in variant("no-os")} if case.swap else {}
    parts = [other[p.kind] if p.kind in case.swap else p for p in lab.root_parts()]
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts, kinds=case.kinds)
    case.spoil(disk)
    refused(boot(direct(disk.path, tpm=case.tpm)), case.code, case.stage, case.says)


@dataclass(frozen=True)
class Words:
    """Words of the command line that turn the demo's boot; no code: it boots all the same."""

    name: str
    words: str
    code: str = ""
    stage: str = "trust"
    says: str = ""
    tpm: bool = False
    policy: tuple[tuple[str, ...], ...] = ()  # what the record says is refused


OTHER_HALF = "{roothash:.32}" + "5" * 32

WORDS = [
    Words("policy-signed", "systemd.image_policy=root=signed+erofs:=absent+unused"),
    Words("policy-absent", "systemd.image_policy=root=absent", "POLICY_REFUSED"),
    Words("policy-unprotected", "systemd.image_policy=root=unprotected", "POLICY_REFUSED"),
    Words("policy-verity", "systemd.image_policy=root=verity", "POLICY_REFUSED", tpm=True),
    Words("policy-attribute", "systemd.image_policy=root=signed+read-only-off", "POLICY_REFUSED",
          "choose", "read-only", policy=(
              ("choose", "root", "verity+signed+read-only-on", "signed+read-only-off", "explicit",
               "command line", "refused"),
              *[("choose", part, "unprotected+read-only-on", "unprotected+read-only-off", "derived",
                 "command line", "refused") for part in ("root-verity", "root-verity-sig")])),
    Words("policy-filesystem", "systemd.image_policy=root=signed+ext4", "POLICY_REFUSED",
          "assemble", "erofs", tpm=True, policy=(
              ("assemble", "root", "erofs", "signed+ext4", "explicit", "command line", "refused"),)),
    Words("policy-esp", "systemd.image_policy=root=signed:esp=absent:=open", "POLICY_REFUSED",
          "choose", "'esp'", policy=(
              ("choose", "esp", "unprotected", "absent", "explicit", "command line", "refused"),)),
    Words("policy-malformed", "systemd.image_policy=root=signed:usr", "POLICY_SYNTAX", tpm=True),
    Words("policy-unknown-flag", "systemd.image_policy=root=signed+trusted", "POLICY_SYNTAX"),
    Words("filter", "systemd.image_filter=root=root-x86-64*:home=none"),
    Words("filter-root", "systemd.image_filter=root=other_*", "ROOT_MISSING", "choose",
          "hidden by systemd.image_filter"),
    Words("filter-hash", "systemd.image_filter=root-verity=other", "ROOT_INCOMPLETE", "choose"),
    Words("filter-signature", "systemd.image_filter=root-verity-sig=other", "SIGNATURE_MISSING",
          "choose", policy=(
              ("choose", "root", "unprotected", "signed", "explicit", "initrd", "refused"),
              ("choose", "root-verity-sig", "absent", "unprotected", "derived", "initrd",
               "refused"))),
    Words("filter-malformed", "systemd.image_filter=root", "CMDLINE", says="no '='", tpm=True),
    Words("verity-off", "systemd.verity=no", "ROOT_UNPROTECTED", "choose"),
    Words("kernel-alone", "systemd.allow_userspace_verity=no", "SIGNATURE_UNTRUSTED", "prove",
          "user space may not"),
    Words("kernel-demands", "dm_verity.require_signatures=1", "SIGNATURE_UNTRUSTED", "prove",
          "the kernel requires a signature"),
    Words("roothash-agrees", "roothash={roothash}"),
    Words("roothash-half-another", "roothash=" + OTHER_HALF, "SIGNATURE_MISMATCH", "choose"),
    Words("roothash-another", "roothash=" + "7" * 64, "ROOT_INCOMPLETE", "choose"),
    Words("roothash-twice", "roothash={roothash} roothash=" + OTHER_HALF, "CMDLINE", "inputs",
          "twice", tpm=True),
]


@pytest.mark.parametrize("case", WORDS, ids=lambda case: case.name)
def test_words(case, demo, boot):
    """The demo's disk, with words that ask for more or less than it proves."""
    image = lab.initrd(paths.LAB / "initrd-quick.zst", conf=QUICKLY)
    spec = direct(demo.disk, case.words.format(roothash=demo.roothash), tpm=case.tpm, initrd=image)
    got = boot(spec)
    if case.code:
        refused(got, case.code, case.stage, case.says)
    else:
        boots(got)
        assert got.record["root"]["proven_by"] == "certificate"
    assert said_of(got, "refused") == sorted(case.policy)


def test_weak_policy_is_called_weak(demo, boot):
    """It cannot loosen the floor, but the host reads it as it stands."""
    weak = "systemd.image_policy=root=verity+signed+absent:=open"
    boots(boot(direct(demo.disk, weak)), warning="verity.signed.absent.* is weak")


def wrong(roothash: str) -> str:
    """A root hash that differs in its last digit."""
    return roothash[:-1] + ("0" if roothash[-1] != "0" else "1")


NO_SIG, STRANGER = ("data", "hash"), ("data", "hash", "sig")


# An initrd without certificates: only the root hash on the command line speaks for the root. A
# signature that is there must be good all the same.
BOUND = [
    ("right", lambda h: f"roothash={h}", NO_SIG, False, "", ""),
    ("strangers-signature", lambda h: f"roothash={h}", STRANGER, False, "SIGNATURE_UNTRUSTED",
     "prove"),
    ("strangers-signature-hidden",
     lambda h: f"roothash={h} systemd.image_filter=root-verity-sig=none", STRANGER, False, "", ""),
    ("wrong", lambda h: f"roothash={wrong(h)}", NO_SIG, False, "ROOT_INCOMPLETE", "choose"),
    ("wrong-with-its-partitions", lambda h: f"roothash={wrong(h)}", NO_SIG, True, "VERITY_CORRUPTED",
     "prove"),
    ("none", lambda h: "", NO_SIG, False, "SIGNATURE_MISSING", "choose"),
]


@pytest.mark.parametrize("words,kinds,disguise,code,stage", [case[1:] for case in BOUND],
                         ids=[case[0] for case in BOUND])
def test_root_hash_without_certificates(words, kinds, disguise, code, stage, demo, boot, tmp_path):
    disk = lab.make_disk(tmp_path / "disk.img", kinds=kinds)
    if disguise:
        disk.entry(HASH).uuid = as_uuid(wrong(demo.roothash)[32:])
        disk.rewrite_table()
    image = lab.initrd(paths.LAB / "initrd-no-cert.zst", certs=())
    got = boot(direct(disk.path, words(demo.roothash), initrd=image))
    if code:
        refused(got, code, stage)
    else:
        boots(got)
        assert got.record["root"]["proven_by"] == "roothash"
        assert got.record["trust"]["certificates"] == 0


@pytest.mark.parametrize("floor, code", [
    ("home=encrypted+absent:=open", "SIGNATURE_MISSING"),
    ("home=encrypted+absent:root=verity+signed:=open", ""),
], ids=["of-others", "its-own"])
def test_floor(floor, code, demo, boot, tmp_path):
    """Whoever lists other partitions has not opened the root: a root hash alone does not do there."""
    disk = lab.make_disk(tmp_path / "disk.img", kinds=("data", "hash"))
    image = lab.initrd(tmp_path / "initrd.zst", conf=f"{QUICKLY}image-policy={floor}\n")
    got = boot(direct(disk.path, f"roothash={demo.roothash}", initrd=image))
    if code:
        refused(got, code, "choose")
    else:
        boots(got)
        assert got.record["root"]["proven_by"] == "roothash"


@dataclass(frozen=True)
class Conf:
    """A slipway.conf that withdraws or demands something; no code: it boots all the same."""

    name: str
    conf: Callable[[str], str]  # of the root hash
    code: str = ""
    stage: str = ""
    says: str = ""
    words: str = ""
    certs: bool = True
    tpm: bool = False


CONFS = [
    Conf("deny-signer", lambda h: f"deny-certificate={fingerprint('verity')}", "DENIED", "prove",
         "certificate", tpm=True),
    Conf("deny-another-signer", lambda h: f"deny-certificate={fingerprint('attacker')}"),
    Conf("deny-root-hash", lambda h: f"deny-root-hash={h}", "DENIED", "prove", "root hash"),
    Conf("deny-root-hash-named", lambda h: f"deny-root-hash={h}", "DENIED", "prove", "root hash",
         "roothash={roothash}", certs=False),
    Conf("deny-another-root-hash", lambda h: f"deny-root-hash={wrong(h)}"),
    Conf("secure-boot", lambda h: "secure-boot=required", "SECURE_BOOT", "firmware", "UEFI"),
    Conf("lockdown-missing", lambda h: "lockdown=integrity", "SECURE_BOOT", "firmware", "'none'"),
    Conf("lockdown-lower", lambda h: "lockdown=confidentiality", "SECURE_BOOT", "firmware",
         "'integrity'", "lockdown=integrity"),
    Conf("lockdown", lambda h: "lockdown=integrity", words="lockdown=integrity"),
    Conf("no-version", lambda h: "minimum-version=1", "ROLLBACK", "check", "no IMAGE_VERSION"),
]


@pytest.mark.parametrize("case", CONFS, ids=lambda case: case.name)
def test_settings(case, demo, boot, tmp_path):
    """The demo's disk, and an initrd that was told more."""
    image = lab.initrd(tmp_path / "initrd.zst", conf=QUICKLY + case.conf(demo.roothash) + "\n",
                       certs=None if case.certs else ())
    words = case.words.format(roothash=demo.roothash)
    got = boot(direct(demo.disk, words, tpm=case.tpm, initrd=image))
    if case.code:
        refused(got, case.code, case.stage, case.says)
    else:
        boots(got)
    if case.name == "lockdown":
        assert got.record["lockdown"] == "integrity"


def versioned() -> list[lab.Part]:
    """The demo's root as version 5, which says what it is for."""
    folder, key = paths.LAB / "root-version-5", lab.key("verity")

    def make(new: Path) -> None:
        stage = Path(tempfile.mkdtemp(prefix="versioned-", dir=paths.LAB))
        tree, image = stage / "tree", stage / "root.img"
        subprocess.run(["cp", "-a", demoroot.root_tree(), tree], check=True)
        with (tree / "usr/lib/os-release").open("a") as release:
            release.write("IMAGE_VERSION=5\n")
        os.setxattr(tree, "user.validatefs.mount_point", b"/srv\0/\0")
        ddi.cut(image, lab.repart(tree, image, key=key), new)
        shutil.rmtree(stage)

    once(folder, digest("version 2", lab.root_parts()[0].roothash, key.cert), "root DDI, version 5",
         make)
    return ddi.load_parts(folder)


VERSIONS = [  # the label, the minimum, then code, stage and what is said
    ("enough", "demo_5", "5", "", "", ""),
    ("no-label", DATA, "4.9", "", "", ""),
    ("old-label", "demo_4", "5", "ROLLBACK", "choose", "'4'"),
    ("relabelled", "demo_99", "6", "ROLLBACK", "check", "IMAGE_VERSION '5'"),
]


@pytest.mark.parametrize("label,minimum,code,stage,says", [case[1:] for case in VERSIONS],
                         ids=[case[0] for case in VERSIONS])
def test_versions(label, minimum, code, stage, says, demo, boot, tmp_path):
    """A root that was good once, with a label that anybody can write."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=versioned())
    disk.entry(DATA).label = label
    disk.rewrite_table()
    conf = QUICKLY + f"minimum-version={minimum}\n"
    got = boot(direct(disk.path, initrd=lab.initrd(tmp_path / "initrd.zst", conf=conf)))
    if code:
        refused(got, code, stage, says)
    else:
        boots(got)
        assert got.record["image_version"] == "5"
