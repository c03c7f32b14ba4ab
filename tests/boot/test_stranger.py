# SPDX-License-Identifier: LGPL-2.1-or-later
"""An initrd of the attacker's, beside something that is signed. Nothing of slipway runs where it is
taken, so all that helps is to sign nothing that takes one; the twins show what comes of doing so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import chain
import lab
import predicted
from lab import appliance, tools, tree, uki
from test_failure import sd_boot

RUNS, WORDS = "stranger: runs", "console=ttyS0"
REFUSED = "Already started|Access denied"  # by the stub, which has one; by the firmware


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Path:
    """The initrd."""
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "tree").mkdir()
    chain.compiled("stranger", folder / "tree/init")
    (folder / "initrd").write_bytes(chain.archive(folder / "tree"))
    return folder / "initrd"


def kernel(folder: Path) -> Path:
    """As the distribution signed it; its key is not in db."""
    return tools.kernel() / "boot/vmlinuz"


def signed_kernel(folder: Path) -> Path:
    key, out = lab.key("db"), folder / "signed"
    lab.tool("sbsign", "--key", tree.host(key.key), "--cert", tree.host(key.cert), "--output",
             f"{tree.host(folder)}/{out.name}", tree.host(kernel(folder)))
    return out


def without_initrd(folder: Path) -> Path:
    """A UKI of a kernel and words alone, signed."""
    key, out = lab.key("db"), folder / "uki.efi"
    lab.tool("ukify", "build", f"--linux={tree.host(kernel(folder))}", f"--cmdline={WORDS}",
             "--os-release=", f"--stub={uki.STUB}", f"--output={tree.host(folder)}/{out.name}",
             "--signtool=sbsign", f"--secureboot-private-key={tree.host(key.key)}",
             f"--secureboot-certificate={tree.host(key.cert)}")
    return out


@dataclass(frozen=True)
class Entry:
    """What a loader that is signed is told to start with the stranger as its initrd."""

    name: str
    make: Callable[[Path], Path]
    runs: bool = False  # the stranger


ENTRIES = [
    Entry("uki", lambda folder: appliance.demo().uki),
    Entry("uki-without-initrd", without_initrd, runs=True),
    Entry("kernel", kernel),
    Entry("signed-kernel", signed_kernel, runs=True),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry_with_another_initrd(entry, demo, boot, stranger, tmp_path):
    text = f"title x\nlinux /it.efi\ninitrd /stranger.img\noptions {WORDS}\n"
    made = lab.make_disk(tmp_path / "disk.img", esp_files={
        appliance.UKI_ON_ESP: sd_boot(tmp_path), "it.efi": entry.make(tmp_path),
        "loader/entries/x.conf": text.encode(), "loader/loader.conf": b"timeout 0\n",
        "stranger.img": stranger})
    got = boot(chain.chain(made.path, tpm="none", until=f"{RUNS}|{REFUSED}"))
    assert got.end == "stopped", got.explain()
    assert bool(got.seen(RUNS)) == bool(got.seen("Linux version")) == entry.runs, got.explain()


def test_kernel_that_the_host_gives(lab, demo, stranger):
    """Firmware may start it though Secure Boot refuses it (CVE-2025-2296), as it does not know the UKI
    on the disk then. That is nothing of ours to run, nor for a TPM to take for ours."""
    told = predicted.at_phase(predicted.values([("uki", demo.uki)]), predicted.NOTHING)
    words = ["-kernel", kernel(demo.folder), "-initrd", stranger, "-append", WORDS]
    got = lab.boot(chain.chain(demo.disk, name="test_stranger.host", until=f"{RUNS}|{REFUSED}",
                               arguments=list(map(str, words))))
    assert got.end in ("stopped", "refused") and not got.seen(r"slipway\[1\]"), got.explain()
    assert predicted.wrong(got.pcrs, told) >= {4, 11}
