# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-smoke as `make install` leaves it, run by nobody in particular; image/test_smoke.py has
what needs no machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

import chain
import systemd_initrd
from lab import appliance, key, layout, make_disk, make_uki, peers, tools
from lab import root_parts as the_root
from lab.disk import root_parts

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i",
          "PATH=/usr/bin:/bin", "HOME=/nonexistent"]


@pytest.fixture
def work(demo):
    """A folder that `nobody` may write to, with slipway installed in `usr`, and the demo's files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(peers.installed() / "usr", folder / "usr")
        for file, source in {"uki.efi": demo.uki, "disk.img": demo.disk, demo.sysext.name: demo.sysext,
                             "other.crt": key("attacker").cert}.items():
            shutil.copyfile(source, folder / file)
        shutil.chown(folder, 65534, 65534)
        folder.chmod(0o755)
        yield folder


def smoke(work: Path, *words: str) -> tuple[int, str, set[str]]:
    """Exit status, what it printed, and the cases that have failed in its JUnit file."""
    done = subprocess.run([*NOBODY, work / "usr/bin/slipway-smoke", "--output=out", *words],
                          cwd=work, capture_output=True, text=True)
    suite = xml.parse(work / "out/junit.xml").getroot()
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    return done.returncode, done.stdout + done.stderr, failed


def test_good_image_with_new_keys_extension_and_predictions(work, demo):
    extension = demo.sysext.name
    told = subprocess.run([work / "usr/bin/slipway-mkinitrd", "predict", "--json", "--uki=uki.efi",
                           f"--sysext={extension}"], cwd=work, check=True, capture_output=True).stdout
    (work / "pcrs").write_bytes(told)
    status, said, failed = smoke(work, "--uki=uki.efi", f"--beside={extension}", "--predicted=pcrs",
                                 "--secure-boot=generate", "disk.img")
    assert (status, failed) == (0, set()), said
    assert "outcome: booted" in said and "Secure Boot: enforced" in said and "PCR 13" in said
    record = json.loads((work / "out/record.json").read_text())
    assert record["firmware"]["secure_boot"] and record["extensions"][0]["verdict"] == "merged"
    assert "handing over" in (work / "out/serial.log").read_text()
    assert ">virtio_blk<" in (work / "out/timeline.svg").read_text()
    assert len(json.loads((work / "out/pcrs.json").read_text())["sha256"]) == 24


def test_firmware_refuses_the_keys_of_another(work):
    status, said, failed = smoke(work, "--uki=uki.efi", "--secure-boot=other.crt", "--tpm=none",
                                 "--expect=refused", "disk.img")
    assert (status, failed) == (0, set()), said
    assert not (work / "out/record.json").exists()


def test_ddi_alone_without_firmware(work):
    """The root's partitions and nothing else; what signed them is all that has to be told."""
    layout(work / "root.raw", root_parts(the_root()))
    shutil.copytree(tools.kernel() / "usr", work / "linux/usr", symlinks=True)
    (work / "linux/boot").mkdir()
    shutil.copyfile(tools.kernel() / "boot/vmlinuz", work / "linux/boot/vmlinuz")
    shutil.copyfile(key("verity").cert, work / "image.crt")
    status, said, failed = smoke(work, "--kernel=linux", "--cert=image.crt", "--tpm=none",
                                 "--append=quiet", "root.raw")
    assert (status, failed) == (0, set()), said
    record = json.loads((work / "out/record.json").read_text())
    assert record["firmware"]["efi"] is False and record["root"]["proven_by"] == "certificate"


def test_image_that_does_not_boot_is_a_failure(work, demo):
    """A disk as it is; the exit status, JUnit and the lines say what came instead."""
    make_disk(work / "bad.img", uki=demo.uki, kinds=("data", "hash"))
    status, said, failed = smoke(work, "--tpm=none", "bad.img")
    assert (status, failed) == (1, {"outcome"}), said
    assert "FAIL  outcome: SIGNATURE_MISSING (expected 'booted')" in said
    assert "next  " in said
    assert "SIGNATURE_MISSING in stage" in (work / "out/timeline.svg").read_text()


# What only the demo's root says; systemd's initrd has no name of the machine.
ROOT_SAYS = "--until=Hostname set to <slipway-demo>"


@pytest.fixture
def foreign(work, demo):
    """UKIs with an initrd of systemd's, which leaves no record: of this root, and of another."""
    theirs = work / "systemd.zst"
    systemd_initrd.build(theirs)
    # Ours is there for the kernel modules alone; what is in this file makes systemd an initrd's.
    ours = chain.with_files(demo.initrd, {"etc/initrd-release": b"ID=another\n"}, work / "initrd")
    ours.write_bytes(ours.read_bytes() + bytes(-ours.stat().st_size % 4) + theirs.read_bytes())
    for name, roothash in (("good", demo.roothash), ("bad", demo.roothash[::-1])):
        make_uki(work / f"{name}.efi", initrd=ours, key=None, cmdline=f"{appliance.CMDLINE} "
                 f"rdinit=/usr/lib/systemd/systemd roothash={roothash}")


def test_image_of_another_initrd(work, foreign):
    status, said, failed = smoke(work, "--no-record", ROOT_SAYS, "--uki=good.efi", "--tpm=none", "disk.img")
    assert (status, failed) == (0, set()), said
    assert "ok    outcome: booted" in said and not (work / "out/record.json").exists()
    console = (work / "out/serial.log").read_text()
    assert console.count("running in system mode") >= 1 and "slipway[1]" not in console


def test_image_of_another_initrd_that_finds_no_root(work, foreign):
    """The twin: no partition has that root hash, and systemd's initrd waits for one."""
    status, said, failed = smoke(work, "--no-record", ROOT_SAYS, "--uki=bad.efi", "--tpm=none", "--timeout=60",
                                 "disk.img")
    assert (status, failed) == (1, {"outcome"}), said
    assert "was not seen: timeout (expected 'booted')" in said
    assert "systemd[1]" in (work / "out/serial.log").read_text()
