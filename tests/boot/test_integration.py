# SPDX-License-Identifier: LGPL-2.1-or-later
"""Others call the builder, and what comes of it boots: kernel-install and mkosi of Debian."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import lab as the_lab
from chain import chain
from expect import RUNNING, boots
from lab import appliance, paths, peers, steps, tools, tree

# As on a machine: a /boot and settings of its own. /run is fresh in each call.
ON_A_MACHINE = """
mount --bind "$1/boot" /boot; mkdir /run/slipway; cp "$1/mkinitrd.conf" /run/slipway
export KERNEL_INSTALL_CONF_ROOT=$1/kernel BOOT_MNT=/boot; shift; exec "$@"
"""
TOKEN = "demo"


def kernel_install(folder: Path, layout: str, cmdline: str, *words: str) -> str:
    """`kernel-install WORDS` on a machine whose files are in this folder; what it said."""
    db = the_lab.key("db")
    for name in ("boot", "kernel"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "kernel/install.conf").write_text(
        f"layout={layout}\ninitrd_generator=slipway\nuki_generator=ukify\nBOOT_ROOT=/boot\n")
    (folder / "kernel/cmdline").write_text(cmdline)
    (folder / "kernel/entry-token").write_text(TOKEN)
    (folder / "kernel/uki.conf").write_text(
        f"[UKI]\nSecureBootSigningTool=sbsign\nSecureBootPrivateKey={tree.host(db.key)}\n"
        f"SecureBootCertificate={tree.host(db.cert)}\n")
    shutil.copy(the_lab.key("verity").cert, folder / "vendor.pem")
    (folder / "mkinitrd.conf").write_text(f"cert={tree.host(folder / 'vendor.pem')}\n")
    return peers.enter("sh", "-ec", ON_A_MACHINE, "sh", tree.host(folder), "kernel-install",
                       *words).stdout.decode()


def add(folder: Path, layout: str, cmdline: str) -> None:
    """Install the demo's kernel, which lies where Debian and others put it."""
    version = tools.kernel_version()
    said = kernel_install(folder, layout, cmdline, "add", version,
                          f"/usr/lib/modules/{version}/vmlinuz")
    assert "slipway" not in said


def test_entry_by_kernel_install_boots(lab, demo, boot, tmp_path):
    version = tools.kernel_version()
    add(tmp_path, "bls", appliance.DIRECT)
    text = (tmp_path / f"boot/loader/entries/{TOKEN}-{version}.conf").read_text()
    entry = dict(re.findall(r"(?m)^(\w+) +(.*)$", text))
    assert entry["version"] == version
    kernel, initrd = (tmp_path / f"boot{entry[name]}" for name in ("linux", "initrd"))
    assert {p.name for p in initrd.parent.iterdir()} == {"initrd", "linux"}
    boots(boot(lab.Spec(kernel=kernel, initrd=initrd, append=entry["options"], timeout=300,
                        until=RUNNING, drives=[lab.Drive(demo.disk)])))
    said = kernel_install(tmp_path, "bls", "", "--verbose", "remove", version)
    assert "Removing" in said and not initrd.exists()


def test_uki_by_kernel_install_boots(lab, boot, tmp_path):
    """With ukify behind the plugin, as uki.conf says; the firmware wants the signature."""
    add(tmp_path, "uki", appliance.CMDLINE)
    uki = tmp_path / f"boot/EFI/Linux/{TOKEN}-{tools.kernel_version()}.efi"
    disk = lab.make_disk(tmp_path / "disk.img", uki=uki)
    boots(boot(chain(disk.path, tpm="none")))


# As its README says, with the demo's keys and the mirror of this machine.
MKOSI = """
cp -r /usr/share/doc/slipway/mkosi "$1"; cd "$1"; cp "$2" mkosi.key; cp "$3" mkosi.crt
mkosi --local-mirror="$4" build
"""


def mkosi_image() -> Path:
    """The image that the recipe makes, made again when slipway or the recipe changes."""
    out, db = paths.LAB / "mkosi", the_lab.key("db")
    inputs = steps.digest("mkosi 1", db.cert, *(p for p in sorted(peers.installed().rglob("*"))
                                                if p.is_file() and "share/man" not in str(p)))

    def make(new: Path) -> None:
        place = f"{tree.host(new.parent)}/{new.name}"
        peers.enter("sh", "-ec", MKOSI, "sh", place, tree.host(db.key), tree.host(db.cert),
                    tree.mirror())

    steps.once(out, inputs, "image by mkosi", make)
    return out / "appliance_1.raw"


def test_image_by_mkosi_boots(lab, boot):
    """From Secure Boot to the last target, with nothing but the recipe's own words."""
    end = r"Reached target.*multi-user\.target"
    got = boot(chain(mkosi_image(), words="console=ttyS0", tpm="none", until=end))
    boots(got)
    assert got.seen(end), got.explain()
    assert got.record["root"]["proven_by"] == "kernel"  # the UKI's key signed the root, too
