# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo appliance's root file system: a small, ordinary Debian with systemd."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from . import paths, tools, tree
from .steps import digest, once, remove

PACKAGES = [
    "systemd-sysv", "udev", "dbus", "dmsetup", "kmod",
    # systemd loads these by dlopen() when there is a TPM.
    "libtss2-esys-3.0.2-0t64", "libtss2-mu-4.0.1-0t64", "libtss2-rc0t64",
    "libtss2-tcti-device0t64",
]

# Units that have nothing to do in a machine that boots, reports and goes.
MASKED = [
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "systemd-tmpfiles-clean.timer", "getty@tty1.service",
    "systemd-firstboot.service", "systemd-logind.service", "systemd-user-sessions.service",
    "systemd-machine-id-commit.service", "systemd-pstore.service", "serial-getty@ttyS0.service",
    "sys-kernel-config.mount", "sys-fs-fuse-connections.mount", "sys-kernel-tracing.mount",
    "sys-kernel-debug.mount", "dev-hugepages.mount", "proc-sys-fs-binfmt_misc.automount",
    "systemd-ask-password-console.path", "systemd-ask-password-wall.path",
    "systemd-journal-catalog-update.service", "systemd-update-done.service",
]

# The drivers of the machine that the lab boots: an appliance knows its hardware.
MODULES = [
    "virtio_blk", "virtio_scsi", "virtio_net", "sd_mod", "loop", "dm_verity", "dm_crypt", "erofs",
    "squashfs", "overlay", "vfat", "nls_ascii", "nls_cp437", "efivarfs", "efi_pstore", "autofs4",
    "qemu_fw_cfg", "dmi_sysfs", "button",
]

# What a running appliance does not read.
STRIPPED = [
    "boot", "usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale",
    "usr/share/i18n", "usr/share/common-licenses", "usr/share/bash-completion",
    "usr/share/zsh", "usr/share/lintian", "usr/share/bug", "usr/share/perl5",
    "usr/lib/x86_64-linux-gnu/perl-base", "usr/lib/apt", "var/cache", "var/lib/apt",
    "var/lib/dpkg", "var/log", "usr/sbin/policy-rc.d", "etc/apt", "etc/dpkg", "host",
]
EPOCH = 1767225600  # 2026-01-01: the time of every file, so that the same tree hashes the same


def _packages(suite: str) -> list[str]:
    # Debian took this out of its package 'systemd' after trixie.
    return PACKAGES + ([] if suite == tree.SUITE else ["systemd-tpm"])


def key(suite: str = tree.SUITE) -> str:
    """A digest of all that the tree is made from."""
    return digest("root 2", suite, _packages(suite), MASKED, STRIPPED, MODULES,
                  tools.kernel_version(), paths.GUEST)


def root_tree(suite: str = tree.SUITE) -> Path:
    """The tree that becomes the root DDI, with systemd of this suite; made once."""
    out = paths.ROOT_TREE if suite == tree.SUITE else paths.LAB / f"root-tree-{suite}"
    once(out, key(suite), f"demo root: a small Debian with systemd of {suite}",
         lambda new: _make(new, suite))
    # The tree, where only a link to it is here: who writes to a copy must not write to this one.
    return out.resolve()


def _make(new: Path, suite: str) -> None:
    tree.make(new, _packages(suite), suite)
    for name in STRIPPED:
        remove(new / name)
    for name in ("boot", "efi", "var/log", "var/cache", "var/lib/dpkg", "etc/apt"):
        (new / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(paths.GUEST, new, dirs_exist_ok=True)
    _modules(new)
    _settings(new)
    for folder, dirs, files in os.walk(new):
        for name in [*dirs, *files]:
            os.utime(Path(folder) / name, (EPOCH, EPOCH), follow_symlinks=False)
    os.utime(new, (EPOCH, EPOCH))


def _modules(new: Path) -> None:
    """The modules of the list and what they need, with an index of their own."""
    version = tools.kernel_version()
    source = tools.kernel() / "usr/lib/modules" / version
    wanted = tools.tool("modprobe", "--dirname", tree.host(tools.kernel()), "--set-version",
                        version, "--show-depends", "--all", *MODULES).stdout.decode()
    for name in set(re.findall(r"^insmod \S*/lib/modules/[^/]+/(\S+)", wanted, re.M)):
        place = new / "usr/lib/modules" / version / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, place)
    for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(source / index, new / "usr/lib/modules" / version / index)
    tools.tool("depmod", "--basedir", tree.host(new), version)


def _settings(new: Path) -> None:
    etc = new / "etc"
    # Empty: every boot makes up its own, and none counts as the first (which would try to
    # write presets into a read-only /etc).
    (etc / "machine-id").write_text("")
    remove(new / "var/lib/dbus/machine-id")
    (etc / "hostname").write_text("slipway-demo\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 slipway-demo\n")
    (etc / "fstab").write_text("")
    remove(etc / "resolv.conf")
    units = etc / "systemd/system"
    for unit in MASKED:
        remove(units / unit)
        (units / unit).symlink_to("/dev/null")
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "slipway-report.service").symlink_to("/usr/lib/systemd/system/slipway-report.service")
    default = new / "usr/lib/systemd/system/default.target"
    remove(default)
    default.symlink_to("multi-user.target")
