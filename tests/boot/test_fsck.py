# SPDX-License-Identifier: LGPL-2.1-or-later
"""A root that can be written to is checked before it is mounted, if the initrd has what does it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import chain
import lab
import test_state_luks
from expect import QUICKLY, boots, direct, refused
from lab import hermetic, luks, paths, tools, tree
from test_state import ALLOWED, WEAK, disk_of, ext4, with_files

pytestmark = pytest.mark.xdist_group("usr")
PLACE = "/usr/sbin/fsck.ext4"
WORDS = "mount.usr=dissect rw"


@pytest.fixture(scope="module")
def parts():
    return hermetic.usr_parts()


def initrd(name: str, program: Path | None = None, conf: str = ALLOWED, *more: str) -> Path:
    words = ("--include", f"{program}:{PLACE}") if program else ()
    return lab.initrd(paths.LAB / f"initrd-fsck-{name}.zst", conf=QUICKLY + conf, compress="zstd:3",
                      more=(*words, *more))


def debugfs(image: Path, *commands: str) -> None:
    for command in commands:
        lab.tool("debugfs", "-w", "-R", command, tree.host(image))


def clean(image: Path) -> None:
    """As mkfs leaves it."""


def dirty(image: Path) -> None:
    """A file has more names than it has, and the kernel noticed: safe to repair."""
    debugfs(image, "set_inode_field /etc/hostname links_count 5", "set_super_value state 2")


def torn(image: Path) -> None:
    """Two files share a block: which of them has it, only a person can say."""
    said = lab.tool("debugfs", "-R", "blocks /opt/one", tree.host(image)).stdout.decode().split()
    debugfs(image, "set_super_value state 2", f"set_inode_field /opt/two block[0] {said[0]}",
            f"set_inode_field /opt/one block[0] {said[0]}")


def state(tmp_path: Path, damage: Callable[[Path], None]) -> Path:
    """A root partition; its files have no extents, so that their blocks can be set."""
    image = ext4(tmp_path / "state.ext4", with_files(opt__one="1" * 2000, opt__two="2" * 2000), "-O", "^extent,^64bit",
                 size=16)
    damage(image)
    return image


@dataclass(frozen=True)
class Case:
    """A root, and what becomes of it."""

    name: str
    damage: Callable[[Path], None]
    result: str = "repaired"
    words: str = WORDS
    code: str = ""
    says: str = ""
    has_program: bool = True


CASES = [
    Case("clean", clean, "clean"),
    Case("dirty", dirty, says="had errors, and was repaired"),
    Case("torn", torn, "failed", code="ROOT_FSCK", says="fsck leaves errors in it: exit status 4"),
    Case("torn-repair-all", torn, words=WORDS + " fsck.repair=yes"),
    Case("dirty-repair-none", dirty, "failed", words=WORDS + " rd.fsck.repair=no", code="ROOT_FSCK",
         says="leaves errors in it: exit status 4"),
    Case("forced", clean, "clean", words=WORDS + " fsck.mode=force"),
    Case("skipped", dirty, "skipped", words=WORDS + " fsck.mode=skip"),
    Case("no-program", dirty, "no program", has_program=False),
    Case("read-only", dirty, "", words="mount.usr=dissect"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_root(case, boot, parts, tmp_path):
    """Repaired, refused, or, without the program, mounted with a note."""
    disk = disk_of(tmp_path, parts, state(tmp_path, case.damage))
    image = initrd("e2fsck", tools.static_fsck()) if case.has_program else initrd("none")
    got = boot(direct(disk.path, case.words, initrd=image))
    assert got.record.get("fsck", {}).get("result", "") == case.result, got.explain()
    if case.code:
        refused(got, case.code, "assemble", case.says)
        return
    boots(got, warning=case.says or WEAK)
    assert bool(got.seen("fsck: .*clean")) == (case.name == "clean"), got.explain()
    assert bool(got.seen("is mounted unchecked: this initrd has no")) == (not case.has_program)


def test_encrypted_root(boot, parts, tmp_path):
    """Opened, checked, mounted."""
    image = state(tmp_path, dirty)
    spec = test_state_luks.opened(tmp_path, parts, image)
    spec.initrd = initrd("luks", tools.static_fsck(), test_state_luks.ENCRYPTED, "--luks", "--init", str(paths.INIT_LUKS))
    got = boot(spec)
    boots(got, warning="'/dev/mapper/root' had errors, and was repaired")
    assert got.record["fsck"]["device"] == "/dev/mapper/root"
    assert luks.PASSPHRASE not in got.serial


def program(tmp_path: Path, *words: str) -> Path:
    out = tmp_path / "checker"
    lab.steps.run([paths.BUILD / "deps/x86_64-linux-musl/bin/slipway-cc", "-Os", *words, "-o", out,
                   Path(chain.__file__).with_name("checker.c")])
    return out


def own_initrd(tmp_path: Path, checker: Path, conf: str = "") -> Path:
    image = tmp_path / "initrd.img"
    return lab.initrd(image, conf=QUICKLY + ALLOWED + conf, compress="zstd:3", more=("--include", f"{checker}:{PLACE}"))


def test_it_sees_nothing_else(boot, parts, tmp_path):
    """What reads an unproven file system has no privileges that a mistake in it could give away."""
    disk = disk_of(tmp_path, parts, state(tmp_path, clean))
    got = boot(direct(disk.path, WORDS + " fsck.mode=force", initrd=own_initrd(tmp_path, program(tmp_path))))
    boots(got, warning=WEAK)
    assert got.record["fsck"]["result"] == "clean" and got.seen("fsck: called with -a -f"), got.explain()


def test_it_never_ends(boot, parts, tmp_path):
    disk = disk_of(tmp_path, parts, state(tmp_path, clean))
    image = own_initrd(tmp_path, program(tmp_path, "-DHANGS"), "fsck-timeout=1\n")
    refused(boot(direct(disk.path, WORDS, initrd=image)), "ROOT_FSCK", "assemble", "more than fsck-timeout=1 seconds")


def test_it_needs_libraries(boot, parts, tmp_path):
    checker = tmp_path / "dynamic"
    shutil.copyfile(tools.tools() / "usr/sbin/e2fsck", checker)
    checker.chmod(0o755)
    disk = disk_of(tmp_path, parts, state(tmp_path, clean))
    refused(boot(direct(disk.path, WORDS, initrd=own_initrd(tmp_path, checker))), "ROOT_FSCK", "assemble",
            "it is no static program")
