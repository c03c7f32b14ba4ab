# SPDX-License-Identifier: LGPL-2.1-or-later
"""A root partition beside a proven /usr: only where slipway.conf says so, and nothing of it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import lab
import verified
from expect import QUICKLY, boots, direct, refused, runs_whole
from lab import gpt, hermetic, paths, tree
from lab.disk import MIB, PartSpec
from test_extend_root import make

pytestmark = pytest.mark.xdist_group("usr")
ALLOWED = "image-policy=usr=signed:root=unprotected:=open\n"
WEAK = "nothing proves partition '.*' beside /usr"
UUID = "57a7e000-51b1-4a7e-9d3a-6f1b6e3c1d0e"
LINKS = {"bin": "usr/bin", "sbin": "/usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}


def initrd(name: str, conf: str = ALLOWED) -> Path:
    return lab.initrd(paths.LAB / f"initrd-state-{name}.zst", conf=QUICKLY + conf)


@pytest.fixture
def boot(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


@pytest.fixture(scope="module")
def parts():
    return hermetic.usr_parts()


def empty(root: Path) -> None:
    """Nothing but what mkfs makes."""


def installed(root: Path) -> None:
    """As an earlier boot left it."""
    for name in ("usr", "dev", "proc", "sys", "run", "var/lib", "etc", "root"):
        (root / name).mkdir(parents=True)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    (root / "etc/hostname").write_text("kept-state\n")
    (root / "etc/os-release").write_text('PRETTY_NAME="Forged"\nID=forged\n')


def with_files(**files: str) -> Callable[[Path], None]:
    """An installed root with more in it; a name's "__" is a slash, "->" makes a link."""
    def fill(root: Path) -> None:
        installed(root)
        for name, content in files.items():
            at = root / name.replace("__", "/")
            if at.is_symlink():
                at.unlink()
            elif at.is_dir():
                at.rmdir()
            at.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("->"):
                at.symlink_to(content[2:])
            else:
                at.write_text(content)
                at.chmod(0o755)

    return fill


def ext4(out: Path, fill: Callable[[Path], None], *words: str, size: int = 96) -> Path:
    """A file system with what `fill` puts into a folder."""
    stage = out.with_suffix(".tree")
    stage.mkdir()
    fill(stage)
    lab.tool("mke2fs", "-q", "-t", "ext4", *words, "-d", tree.host(stage), tree.host(out), f"{size}M")
    shutil.rmtree(stage)
    return out


def disk_of(tmp_path: Path, parts, image: Path, **more) -> lab.Disk:
    spec = PartSpec(gpt.ROOT, UUID, "state", 0, image)
    return lab.make_disk(tmp_path / "disk.img", parts=parts, more=[spec, *more.pop("beside", [])], **more)


@pytest.mark.parametrize("fill", [empty, installed], ids=["empty", "installed"])
def test_debian_runs(fill, boot, parts, tmp_path):
    """To systemd's 'running', with no failed unit and no slow wait, and its root keeps what it wrote."""
    image = ext4(tmp_path / "state.ext4", fill)
    got = boot(direct(disk_of(tmp_path, parts, image).path, "mount.usr=dissect rw", until="",
                      initrd=initrd("allowed"), tpm=True))
    boots(got, warning=WEAK)
    report = got.report
    runs_whole(got)
    root, usr = report.mount("/"), report.mount("/usr")
    device = got.record["state"]["device"]
    assert got.record["state"] == {"device": device, "filesystem": "ext4", "writable": True, "proven": False}
    assert (root["source"], root["fstype"]) == (device, "ext4")
    assert root["options"].split(",")[0] == "rw", root
    assert usr["source"] == "/dev/mapper/usr" and usr["options"].split(",")[0] == "ro", usr
    assert got.record["root"]["proven_by"] == "certificate" and "Debian" in got.record["os"]
    assert bool(got.seen("Hostname set to <kept-state>")) == (fill is installed), got.explain()


@dataclass(frozen=True)
class Case:
    """A root partition, and what comes of it; without a code it boots."""

    name: str
    fill: Callable[[Path], None] = installed
    code: str = ""
    stage: str = "assemble"
    says: str = ""
    words: str = "mount.usr=dissect rw"
    conf: str = ALLOWED


CASES = [
    Case("read-only", words="mount.usr=dissect"),
    Case("by-uuid", words=f"mount.usr=dissect root=PARTUUID={UUID}"),
    Case("other-uuid", code="ROOT_MISSING", stage="choose", says="not the UUID asked for",
         words="mount.usr=dissect root=PARTUUID=57a7e000-51b1-4a7e-9d3a-000000000000"),
    Case("floor-default", code="ROOT_UNPROTECTED", stage="choose", says="root=unprotected", conf=""),
    Case("floor-signed", code="ROOT_UNPROTECTED", stage="choose", conf="image-policy=root=signed:=open\n"),
    Case("floor-open", code="ROOT_UNPROTECTED", stage="choose", conf="image-policy=usr=signed:=open\n"),
    Case("policy-narrows", code="ROOT_UNPROTECTED", stage="choose",
         conf="image-policy=usr=signed:root=signed+unprotected:=open\n",
         words="mount.usr=dissect rw systemd.image_policy=usr=signed:root=signed"),
    Case("policy-xfs", code="POLICY_REFUSED", says="file system 'ext4'",
         conf="image-policy=usr=signed:root=unprotected+xfs:=open\n"),
    Case("type-btrfs", code="ROOT_MOUNT", says="rootfstype=", words="mount.usr=dissect rootfstype=btrfs"),
    Case("empty-read-only", empty, "SWITCH", says="'rw' lets it be made", words="mount.usr=dissect"),
    Case("usr-is-a-link", with_files(usr="->var"), "ROOT_SHADOWED", says="'/usr' is no directory"),
    Case("usr-has-content", with_files(usr__evil="x"), "ROOT_SHADOWED", says="not empty: 'evil'"),
    Case("bin-is-a-program", with_files(bin="x"), "ROOT_SHADOWED", says="'/bin' is no link"),
    Case("lib-leads-out", with_files(lib="->usr/../var/lib"), "ROOT_SHADOWED", says="'/lib' is no link"),
    Case("lib32-added", with_files(lib32="->/opt"), "ROOT_SHADOWED", says="'/lib32' is no link"),
    Case("init-of-the-root", with_files(opt__init="#!/usr/bin/sh\n"), "ROOT_NO_INIT", "check",
         "not in the proven /usr", words="mount.usr=dissect rw init=/opt/init"),
    Case("init-by-a-link", code="", words="mount.usr=dissect rw init=/sbin/init"),
    Case("volatile", code="UNSUPPORTED", stage="inputs", says="for what stays",
         words="mount.usr=dissect systemd.volatile=overlay"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_state(case, boot, parts, tmp_path):
    disk = disk_of(tmp_path, parts, ext4(tmp_path / "state.ext4", case.fill, size=16))
    name = case.name if case.conf != ALLOWED else "allowed"
    got = boot(direct(disk.path, case.words, initrd=initrd(name, case.conf)))
    if case.code:
        refused(got, case.code, case.stage, case.says)
    else:
        boots(got, warning=WEAK)
        assert got.record["state"]["writable"] == ("rw" in case.words.split())


def test_corrupted_superblock(boot, parts, tmp_path):
    disk = disk_of(tmp_path, parts, ext4(tmp_path / "state.ext4", installed, size=16))
    disk.flip("state", 1024 + 0x3FC)  # its checksum
    refused(boot(direct(disk.path, "mount.usr=dissect rw", initrd=initrd("allowed"))), "ROOT_MOUNT",
            "assemble", "no known file system")


@pytest.mark.parametrize("complete", [True, False], ids=["complete", "incomplete"])
def test_full(complete, boot, parts, tmp_path):
    """Without one free inode it boots if nothing has to be made; else it says what could not be."""
    def fill(root: Path) -> None:
        installed(root)
        if not complete:
            (root / "usr").rmdir()
        # 10 are mkfs's own, then lost+found.
        for n in range(64 - 11 - sum(1 for _ in root.rglob("*"))):
            (root / f"var/{n}").touch()

    image = ext4(tmp_path / "state.ext4", fill, "-N", "64", "-O", "^orphan_file", size=16)
    got = boot(direct(disk_of(tmp_path, parts, image).path, "mount.usr=dissect rw", initrd=initrd("allowed")))
    if not complete:
        refused(got, "SWITCH", "assemble", "make its '/usr': No space left")
    else:
        boots(got, warning=WEAK)


@pytest.mark.parametrize("words", ["rw", "ro"])
def test_dirty_journal(words, boot, parts, tmp_path):
    """Writable it is replayed, as after any power cut; read-only nothing is written to the disk."""
    image = ext4(tmp_path / "state.ext4", installed, size=16)
    script = tmp_path / "journal"
    script.write_text("jo\njw -b 4000 /dev/zero\njc\n")
    lab.tool("debugfs", "-w", "-f", tree.host(script), tree.host(image))
    disk = disk_of(tmp_path, parts, image)
    got = boot(direct(disk.path, f"mount.usr=dissect {words}", initrd=initrd("allowed")))
    boots(got, warning=WEAK)
    assert bool(got.seen("EXT4-fs .*recovery complete")) == (words == "rw"), got.explain()


def test_two_of_one_version(boot, parts, tmp_path):
    image = ext4(tmp_path / "state.ext4", installed, size=16)
    other = PartSpec(gpt.ROOT, UUID.replace("57a7", "57a8"), "state", 0, image)
    disk = disk_of(tmp_path, parts, image, beside=[other])
    refused(boot(direct(disk.path, "mount.usr=dissect rw", initrd=initrd("allowed"))), "ROOT_AMBIGUOUS",
            "choose", "'state'")


def test_hashes_of_a_root(boot, parts, tmp_path):
    """Who put them there meant the root to be proven."""
    image = ext4(tmp_path / "state.ext4", installed, size=16)
    hashes = PartSpec(gpt.ROOT_VERITY, UUID.replace("57a7", "57a8"), "hashes", 0, None, MIB)
    disk = disk_of(tmp_path, parts, image, beside=[hashes])
    refused(boot(direct(disk.path, "mount.usr=dissect rw", initrd=initrd("allowed"))), "ROOT_INCOMPLETE",
            "choose", "there to prove a root")


def test_extensions_of_the_root(boot, parts, tmp_path):
    """A signed image of it is merged; a folder, which is nobody's word, is not."""
    signed = make("signed", tmp_path)
    unsigned = make("unsigned", tmp_path, kind="verity")

    def fill(root: Path) -> None:
        installed(root)
        (root / "etc/extensions").mkdir()
        shutil.copy(signed, root / "etc/extensions/signed.raw")
        release = root / "var/lib/extensions/plain/usr/lib/extension-release.d/extension-release.plain"
        release.parent.mkdir(parents=True)
        release.write_text("ID=debian\nVERSION_ID=13\n")
        shutil.copy(unsigned, root / "var/lib/extensions/unsigned.raw")

    disk = disk_of(tmp_path, parts, ext4(tmp_path / "state.ext4", fill))
    got = boot(direct(disk.path, "mount.usr=dissect rw",
                      initrd=initrd("extended", ALLOWED + "root-extensions=yes\n")))
    boots(got, warning=WEAK)
    found = {x["name"]: x["code"] or x["verdict"] for x in got.record["extensions"]}
    assert found == {"signed": "merged", "unsigned": "EXTENSION_UNPROVEN"}, found
