# SPDX-License-Identifier: LGPL-2.1-or-later
"""One initrd for any machine: the profile generic finds the disk wherever it hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

import chain
import lab
from expect import boots, direct, refused

CARD_BYTES = 128 << 20  # QEMU takes an SD card only if its size is a power of two
# The drivers that a bus brings, first the one that finds its disks.
BUSES = {
    "virtio-blk": ("virtio_blk",),
    "virtio-scsi": ("virtio_scsi", "sd_mod"),
    "nvme": ("nvme",),
    "ahci": ("ahci", "sd_mod"),
    "usb": ("usb_storage", "sd_mod"),
    "sdhci": ("sdhci_pci", "mmc_block"),
    "pvscsi": ("vmw_pvscsi", "sd_mod"),
}
GENERIC = "--profile=generic"


@pytest.fixture(scope="module")
def card(demo, tmp_path_factory) -> Path:
    """The demo's root on a disk of a size that all of them take."""
    disk = lab.make_disk(tmp_path_factory.mktemp("card") / "card.img")
    disk.table.sectors = CARD_BYTES // disk.table.sector_size
    disk.rewrite_table()
    return disk.path


def generic(*more: str, name: str = "generic") -> Path:
    return chain.initrd(name, sysroot=lab.kernel_generic(), more=(GENERIC, *more))


def machine(disk: Path, initrd: Path, words: str = "", **more) -> lab.Spec:
    """A direct boot with Debian's kernel for any machine."""
    spec = direct(disk, words, initrd=initrd, **more)
    spec.kernel = lab.kernel_generic() / "boot/vmlinux"
    return spec


def loaded(got: lab.Result) -> set[str]:
    return {module["name"] for module in got.record["modules"] if "errno" not in module}


@pytest.mark.parametrize("bus", BUSES)
def test_generic_boots_from(bus, card, boot):
    got = boot(machine(card, generic(), bus=bus))
    boots(got)
    assert set(BUSES[bus]) <= loaded(got)
    assert not loaded(got) & {names[0] for other, names in BUSES.items() if other != bus}


@pytest.mark.parametrize("bus", ["sdhci", "pvscsi"])
def test_generic_without_its_driver(bus, card, boot):
    """The twin: the same initrd, but for one driver, never sees the disk."""
    driver = BUSES[bus][0]
    got = boot(machine(card, generic(f"--modules=-{driver}", name=f"generic-without-{driver}"),
                       "slipway.timeout=5", bus=bus))
    refused(got, "DISK_TIMEOUT", "discover")
    assert driver not in loaded(got)


@pytest.fixture(scope="module")
def both(lab, tmp_path_factory) -> Path:
    """A sysroot with both kernels, as an update leaves it."""
    root = tmp_path_factory.mktemp("both")
    modules = root / "usr/lib/modules"
    modules.mkdir(parents=True)
    for kernel in (lab.kernel(), lab.kernel_generic()):
        version = lab.kernel_version(kernel)
        (modules / version).symlink_to(kernel / "usr/lib/modules" / version)
    return root


@pytest.mark.parametrize("kernel", ["kernel", "kernel_generic"])
def test_one_initrd_for_two_kernels(kernel, both, demo, boot):
    """Each takes the modules of its own folder: those of the other would not load."""
    spec = direct(demo.disk, initrd=chain.initrd("both", sysroot=both))
    sysroot = getattr(lab, kernel)()
    spec.kernel = sysroot / "boot/vmlinux"
    got = boot(spec)
    boots(got)
    assert got.seen(rf"Linux version {lab.kernel_version(sysroot)} ".replace("+", r"\+"))
    assert {"virtio_blk", "dm_verity", "erofs"} <= loaded(got)


def test_an_initrd_for_the_other_kernel(demo, boot):
    """The twin: without a folder of its own a kernel has no driver at all."""
    spec = direct(demo.disk, "slipway.timeout=5")
    spec.kernel = lab.kernel_generic() / "boot/vmlinux"
    got = boot(spec)
    refused(got, "DISK_TIMEOUT", "discover")
