# SPDX-License-Identifier: LGPL-2.1-or-later
"""The peers tree: kernel-install, mkosi and the other builders of initrds, with the demo's kernel."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import paths, tools, tree
from .steps import digest, once, run

PACKAGES = [
    "mkosi", "dracut-core", "initramfs-tools-core", "busybox", "systemd-sysv", "systemd-ukify",
    "systemd-boot-efi", "systemd-boot-tools", "systemd-repart", "systemd-cryptsetup", "udev",
    "dmsetup", "cryptsetup-bin", "kmod", "cpio", "zstd", "xz-utils", "dosfstools", "mtools",
    "e2fsprogs", "erofs-utils", "squashfs-tools", "openssl", "sbsigntool", "python3-cryptography",
    "debian-archive-keyring", "libtss2-esys-3.0.2-0t64", "libtss2-mu-4.0.1-0t64",
    "libtss2-rc0t64", "libtss2-tcti-device0t64", "tpm2-tools",
]


def peers() -> Path:
    """The tree; made once (about a minute)."""
    version = tools.kernel_version()
    once(paths.PEERS_TREE, digest("peers 2", tree.SUITE, PACKAGES, version),
         "peers tree: mkosi, dracut, initramfs-tools, kernel-install", _make)
    return paths.PEERS_TREE


def installed() -> Path:
    """What `make install` makes: slipway, as the tree shall find it."""
    out = paths.LAB / "installed"
    once(out, digest("installed 2", paths.INIT, paths.MKINITRD, paths.REPORTER, paths.SCHEMA,
                     paths.REPO / "mkinitrd", *sorted((paths.REPO / "tests/lib").rglob("*.py")),
                     paths.REPO / "tests/lib/slipway-smoke", paths.REPO / "TUTORIAL.md"),
         "slipway, installed",
         lambda new: run(["make", "-s", "install", f"DESTDIR={new}", "PREFIX=/usr"],
                         cwd=paths.REPO))
    return out


def enter(*argv: object, **kw) -> subprocess.CompletedProcess:
    """Run a program of the tree, where slipway is installed; paths by `tree.host()`.

    The tree stays as it is: slipway's files lie over it for as long as the program runs.
    """
    over = 'mount -t overlay -o "lowerdir=$1/usr:/usr" slipway /usr; shift; exec "$@"'
    return tree.enter(peers(), "sh", "-ec", over, "sh", tree.host(installed()), *argv, **kw)


def _make(new: Path) -> None:
    tree.make(new, PACKAGES)
    version = tools.kernel_version()
    modules = new / "usr/lib/modules" / version
    shutil.copytree(tools.kernel() / "usr/lib/modules" / version, modules, symlinks=True)
    (new / "usr/lib/firmware").mkdir()  # mkosi-initrd wants one, if only an empty one
    # Where dracut, mkosi and kernel-install look, and where mkinitramfs does.
    shutil.copyfile(tools.kernel() / "boot/vmlinuz", modules / "vmlinuz")
    shutil.copyfile(tools.kernel() / f"boot/config-{version}", new / f"boot/config-{version}")
