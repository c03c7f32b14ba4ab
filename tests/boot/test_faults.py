# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines that fail while they boot: disks that go, reads that fail, power that is cut."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

import chain
import lab
from expect import RUNNING, boots, direct, refused
from lab import nbd, steps

AWAITED = "slipway: waiting for the disk with"
DATA = "root-x86-64"
# What we did not read is checked by the kernel's dm-verity alone.
UNREAD = range(256 * 1024, 12 << 20, 4096)


def late(disk: Path, *when: lab.When, words: str = "", after: float = 0, tpm: bool = False) -> lab.Spec:
    """The disk is plugged in when init says that it waits."""
    spec = direct(disk, words, when=[lab.When(AWAITED, after=after, attach=0), *when], tpm=tpm)
    spec.drives[0] = replace(spec.drives[0], attached=False)
    return spec


def test_disk_after_a_minute(demo, boot):
    """The line that says what is awaited says for how long still."""
    got = boot(late(demo.disk, after=60))
    boots(got)
    left = [int(s) for s in re.findall(AWAITED + r".* (\d+) s", got.serial)]
    assert len(left) > 3 and left == sorted(left, reverse=True), left
    assert max(wait["duration_us"] for wait in got.record["waits"]) > 59e6


@pytest.mark.parametrize("words,code", [
    ("slipway.timeout=8 rootflags=x-systemd.device-timeout=1min,nosuid,X-any", ""),
    ("slipway.timeout=8 rootflags=nosuid", "DISK_TIMEOUT"),
    ("rootflags=x-systemd.device-timeout=8s", "DISK_TIMEOUT"),
    ("rootflags=x-systemd.device-timeout=soon", "CMDLINE")], ids=["longer", "not-said", "shorter", "no-time"])
def test_root_flags_say_how_long(words, code, demo, boot):
    """The disk comes after twelve seconds."""
    got = boot(late(demo.disk, words=words, after=12))
    if code:
        refused(got, code, "inputs" if code == "CMDLINE" else "discover")
    else:
        boots(got)


def test_disk_that_goes_again(demo, boot):
    """Whoever pulls it for a prompt to appear finds none, and PCR 11 capped."""
    got = boot(late(demo.disk, lab.When("boot disk is", detach=0), tpm=True))
    refused(got, "DISK_FAILED", got.record["failure"]["stage"])
    assert got.record["failure"]["stage"] in ("choose", "prove")


def unreadable(out: Path, sectors: Iterable[int]) -> str:
    """A blkdebug configuration: reads of these sectors fail."""
    out.write_text("".join('[inject-error]\nevent = "none"\niotype = "read"\nerrno = "5"\n'
                           f'sector = "{sector}"\n' for sector in sectors))
    return str(out)


@pytest.mark.parametrize("kind,stage", [("", "prove"), ("-verity", "prove"), ("-verity-sig", "choose")])
def test_read_error(kind, stage, boot, tmp_path):
    """The first sectors of a partition cannot be read: nobody says that they were altered."""
    disk = lab.make_disk(tmp_path / "disk.img")
    first = disk.entry(DATA + kind).first
    rules = unreadable(tmp_path / "rules", range(first, first + 16))
    spec = direct(disk.path, tpm=True)
    spec.drives[0] = replace(spec.drives[0], blkdebug=rules)
    refused(boot(spec), "DISK_FAILED", stage, "read .*I/O error")


@pytest.mark.parametrize("conf,words,says", [
    ("", "panic=-1", "Kernel panic - not syncing: dm-verity device corrupted"),
    ("corruption=restart\n", "", "reboot: Restarting system with command 'dm-verity device corrupted'")],
    ids=["panic", "restart"])
def test_corruption_that_only_the_kernel_meets(conf, words, says, boot, tmp_path):
    """We read the first blocks and the last one; what it finds elsewhere it hands to nobody."""
    disk = lab.make_disk(tmp_path / "disk.img")
    for offset in UNREAD:
        disk.flip(DATA, offset, 1)
    image = lab.initrd(tmp_path / "initrd.zst", conf=conf)
    got = boot(direct(disk.path, words, initrd=image))
    assert got.end == "reboot" and got.record is None, got.explain()
    assert got.seen(says) and (not conf or not got.seen("Kernel panic")), got.explain()
    assert not got.seen(RUNNING) and not got.seen("FAILED stage")


@pytest.mark.parametrize("conf,words,says", [
    ("", "panic=-1", "Kernel panic - not syncing: dm-verity device has I/O error"),
    ("corruption=restart\n", "", "reboot: Restarting system with command 'dm-verity device has I/O error'")],
    ids=["panic", "restart"])
def test_read_error_that_only_the_kernel_meets(conf, words, says, boot, tmp_path):
    """A disk that hides what was altered behind an error gains nothing by that."""
    disk = lab.make_disk(tmp_path / "disk.img")
    first = disk.entry(DATA).first
    spec = direct(disk.path, words, initrd=lab.initrd(tmp_path / "initrd.zst", conf=conf))
    rules = unreadable(tmp_path / "rules", (first + offset // 512 for offset in UNREAD))
    spec.drives[0] = replace(spec.drives[0], blkdebug=rules)
    got = boot(spec)
    assert got.end == "reboot" and got.record is None, got.explain()
    assert got.seen(says) and (not conf or not got.seen("Kernel panic")), got.explain()
    assert not got.seen(RUNNING) and not got.seen("FAILED stage")


def test_superblock_that_changes(boot, tmp_path):
    """The disk gives another salt from the second reading on: what was checked is what counts."""
    disk = lab.make_disk(tmp_path / "disk.img")
    at = disk.entry(DATA + "-verity").first * 512 + 88
    with nbd.two_faced(disk.path, at, b"another salt") as image:
        got = boot(direct(image))
    refused(got, "VERITY_SUPERBLOCK", "prove", "changed while it was read")


def test_signature_that_would_change(boot, tmp_path):
    """The twin: nobody reads twice what the disk answers otherwise the second time."""
    disk = lab.make_disk(tmp_path / "disk.img")
    at = disk.entry(DATA + "-verity-sig").first * 512
    with nbd.two_faced(disk.path, at, b"another signature") as image:
        boots(boot(direct(image)))


def test_without_a_console(demo, boot):
    """Nobody sees it, and it boots."""
    spec = direct(demo.disk, settle=1, until="")
    spec.append = spec.append.replace("console=ttyS0", "console=ttyS7")
    got = boot(spec)
    assert got.record["result"] == "handed-over" and not got.seen("slipway"), got.explain()


def test_failure_without_a_console(demo, boot):
    """The twin: it fails, and ends as it would otherwise."""
    spec = direct(demo.disk, "systemd.verity=no")
    spec.append = spec.append.replace("console=ttyS0", "console=ttyS7")
    got = boot(spec)
    assert (got.failure, got.end) == ("ROOT_UNPROTECTED", "reboot"), got.explain()


def test_without_the_driver_of_verity(demo, boot, tmp_path):
    """An initrd of somebody who left it out."""
    tree = chain.unpacked(demo.initrd, tmp_path / "tree")
    for path in [*tree.rglob("dm-verity.ko*"), tree / "etc/slipway.manifest"]:
        path.unlink()
    image = tmp_path / "initrd"
    image.write_bytes(chain.archive(tree))
    refused(boot(direct(demo.disk, initrd=image, tpm=True)), "MODULES", "prove", "dm_verity")


def issued(folder: Path) -> lab.Key:
    """A signer whom somebody else vouches for: then the kernel might know that one, and is asked."""
    made = lab.Key("issued", folder / "issued.key", folder / "issued.crt")
    attacker = lab.key("attacker")
    steps.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", made.key,
               "-subj", "/CN=slipway demo issued/", "-out", folder / "csr"])
    steps.run(["openssl", "x509", "-req", "-in", folder / "csr", "-CA", attacker.cert, "-CAkey",
               attacker.key, "-set_serial", "2", "-days", "3650", "-out", made.cert])
    return made


def forget_signatures(tree: Path) -> None:
    """The driver of verity of a kernel without CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG: it differs in a
    word that it does not know. Without its own signature Linux takes it where nothing is locked down."""
    (driver,) = tree.rglob("dm-verity.ko")
    module, mark, rest = driver.read_bytes().partition(b"~Module signature appended~\n")
    assert mark and not rest and module.count(b"root_hash_sig_key_desc\0") == 1
    n_signature = 12 + int.from_bytes(module[-4:], "big")
    driver.write_bytes(module[:-n_signature].replace(b"root_hash_sig_key_desc", b"root_hash_sig_key_none"))


@pytest.mark.parametrize("words, code", [("", ""), ("systemd.allow_userspace_verity=no",
                                                    "SIGNATURE_UNTRUSTED")], ids=["ours", "its-own"])
def test_kernel_that_checks_no_signatures(words, code, demo, boot, tmp_path):
    """Our certificates decide, if they may; otherwise nobody."""
    signer = issued(tmp_path)
    disk = lab.make_disk(tmp_path / "disk.img",
                         parts=chain.signed_again(lab.root_parts(), signer, tmp_path / "parts"))
    tree = chain.unpacked(lab.initrd(tmp_path / "initrd.zst", certs=(signer.cert,)), tmp_path / "tree")
    forget_signatures(tree)
    (tree / "etc/slipway.manifest").unlink()
    image = tmp_path / "initrd"
    image.write_bytes(chain.archive(tree))
    got = boot(direct(disk.path, words, initrd=image, tpm=True))
    assert got.seen("Unrecognized verity feature request"), got.explain()
    if code:
        refused(got, code, "prove", "the kernel does not accept .* user space may not")
    else:
        boots(got)
        assert got.record["root"]["proven_by"] == "certificate"


def test_name_of_the_root_is_taken(demo, boot, tmp_path):
    """By a device that nobody proved: it is not used, whatever it is made of."""
    (driver,) = chain.unpacked(demo.initrd, tmp_path / "tree").rglob("dm-mod.ko")
    image = chain.beside("name_taken", demo.initrd, tmp_path / "initrd", {"dm-mod.ko": driver.read_bytes()})
    refused(boot(direct(demo.disk, "rdinit=/name_taken", initrd=image, tpm=True)), "NAME_TAKEN", "prove",
            "'/dev/mapper/root' exists already")


# What the console shows when a stage is reached.
CUTS = {"early": "Run /init", "enter": "slipway.*measured 'enter-initrd'", "discover": "boot disk is",
        "prove": "device-mapper: core", "switch": "handing over to"}


@pytest.mark.parametrize("stage", ["early", "enter", "discover", "prove", "switch"])
def test_power_is_cut(stage, demo, boot, tmp_path):
    """The disk is as it was, and the next boot knows of nothing."""
    disk = shutil.copy(demo.disk, tmp_path / "disk.img")
    before = hashlib.sha256(disk.read_bytes()).digest()
    spec = direct(disk, tpm=True, until=CUTS[stage])
    spec.drives[0] = replace(spec.drives[0], keep=True)
    got = boot(spec)
    assert got.end == "stopped" and not got.seen(RUNNING), got.explain()
    assert hashlib.sha256(disk.read_bytes()).digest() == before
    spec.until = RUNNING
    boots(boot(spec))
