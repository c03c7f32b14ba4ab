# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an attacker puts beside something that is signed, and a boot loader hands to it.

Of an initrd nothing helps but to sign nothing that takes one, as nothing of slipway runs then; the twins
show what comes of doing so. Words are taken by a UKI that has none, and loosen nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import chain
import lab
import predicted
from expect import boots, refused
from lab import appliance, tools, tree, uki
from lab.tpm import extend
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


LOADERS = [  # the UKI's own words, what the entry adds to the demo's, whether they are taken, then the code
    pytest.param("", "systemd.verity=no", True, "ROOT_UNPROTECTED", id="none-of-its-own"),
    pytest.param("", "slipway.timeout=90", True, "", id="harmless"),
    pytest.param(appliance.CMDLINE, "systemd.verity=no", False, "", id="its-own"),
]


@pytest.mark.parametrize("own, added, taken, code", LOADERS)
def test_words_of_a_loaders_entry(lab, demo, tmp_path, own, added, taken, code):
    """The stub of a signed UKI without .cmdline takes them; they loosen nothing, and PCR 12 has them.

    predict refuses such a UKI: what it would take is not in it.
    """
    image, words = tmp_path / "uki.efi", f"{appliance.CMDLINE} slipway.failure_delay=0 {added}"
    lab.make_uki(image, initrd=demo.initrd, key=lab.key("db"), cmdline=own)
    entry = f"title x\nlinux /it.efi\noptions {words}\n"
    made = lab.make_disk(tmp_path / "disk.img", esp_files={
        appliance.UKI_ON_ESP: sd_boot(tmp_path), "it.efi": image,
        "loader/entries/x.conf": entry.encode(), "loader/loader.conf": b"timeout 0\n"})
    spec = chain.chain(made.path, name=f"test_stranger.entry.{'taken' if taken else 'left'}{bool(code)}")
    spec.cmdline_extra = ""
    got = lab.boot(spec)
    assert got.record and got.record["firmware"]["secure_boot"] is True, got.explain()
    if code:
        refused(got, code, "choose", start=chain.start(image))
    else:
        boots(got, start=chain.start(image))
    # sd-boot measures the words of any entry, and a stub once more what it takes.
    for bank, values in got.pcrs.items():
        value = "00" * (len(values[12]) // 2)
        digest = hashlib.new(bank, f"{words}\0".encode("utf-16-le")).hexdigest()
        for _ in range(1 + taken):
            value = extend(bank, value, digest)
        assert values[12] == value, got.explain()
