# SPDX-License-Identifier: LGPL-2.1-or-later
"""The standard boots by an init that no mistake passes: undefined behaviour ends it, and so does a byte
beside or after an allocation. `make checked` builds it, and one that has a mistake.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

import lab
from chain import chain, initrd, uki
from expect import QUICKLY, boots, direct, refused
from lab import luks, paths
from test_luks import POLICY, opened
from variants import variant

pytestmark = pytest.mark.xdist_group("checked")
CHECKED = paths.BUILD / "checked"


def image(name: str, conf: str = "", program: str = "init", *more: str) -> Path:
    """An initrd with a program of `make checked`."""
    if not (CHECKED / program).exists():
        pytest.skip("run make checked first")
    return initrd(f"checked-{name}", conf=QUICKLY + conf, more=("--init", CHECKED / program, *more))


MISTAKES = [
    ("none", 0),
    ("read-beyond", signal.SIGSEGV),
    ("write-just-beyond", signal.SIGILL),
    ("write-before", signal.SIGILL),
    ("use-freed", signal.SIGSEGV),
    ("free-twice", signal.SIGSEGV),
    ("overflow", signal.SIGILL),
]


@pytest.mark.parametrize("mistake,end", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistakes_show(mistake, end):
    if not (CHECKED / "guarded").exists():
        pytest.skip("run make checked first")
    got = subprocess.run([CHECKED / "guarded", mistake], check=False, capture_output=True)
    assert got.returncode == -end
    assert (got.stdout == b"no mistake\n") == (end == 0)


@pytest.mark.parametrize("tpm", [False, True], ids=["plain", "measured"])
def test_boots(tpm, demo, boot):
    boots(boot(direct(demo.disk, initrd=image("plain"), tpm=tpm)))


def test_boots_from_firmware(demo, boot, tmp_path):
    """Secure Boot, the stub and what it measured."""
    made = uki("checked", image("plain"))
    disk = lab.make_disk(tmp_path / "disk.img", uki=made.path)
    boots(boot(chain(disk.path)), start=made.start)


def test_boots_encrypted(boot, tmp_path):
    got = boot(opened(luks.root(), tmp_path, image=image("luks", POLICY, "init", "--luks")))
    boots(got)
    assert got.record["root"]["luks"]["unlocked_by"] == "credential"


def test_refuses(demo, boot):
    refused(boot(direct(demo.disk, "systemd.verity=no", initrd=image("plain"), tpm=True)),
            "ROOT_UNPROTECTED", "choose")


def test_refuses_a_tree(boot, tmp_path):
    disk = lab.make_disk(tmp_path / "disk.img", parts=variant("no-os"))
    refused(boot(direct(disk.path, initrd=image("plain"))), "ROOT_NO_OS", "check")


@pytest.mark.parametrize("program", ["init", "init-planted"])
def test_mistake_ends_the_boot(program, demo, boot):
    """The same bad word: one says so, the other reads beyond a table, and dies."""
    got = boot(direct(demo.disk, "slipway.failure=nonsense", initrd=image(program, "", program)))
    if program == "init":
        refused(got, "CMDLINE", "inputs")
    else:
        assert got.end == "panic" and got.record is None, got.explain()
