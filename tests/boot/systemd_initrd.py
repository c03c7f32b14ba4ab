# SPDX-License-Identifier: LGPL-2.1-or-later
"""An initrd of Debian's own systemd, as image builders make them: no shell, no hooks."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from chain import archive
from lab import paths, peers, tree
from lab.steps import digest, run

LIB, SYSTEMD, UNIT = "/usr/lib/x86_64-linux-gnu", "/usr/lib/systemd", "/usr/lib/systemd/system"
PROGRAMS = [
    *(f"/usr/bin/{name}" for name in ("systemctl", "systemd-sysext", "systemd-tmpfiles", "udevadm",
                                      "kmod", "mount", "umount")),
    *(f"/usr/sbin/{name}" for name in ("dmsetup", "modprobe")),
    *(f"{SYSTEMD}/{name}" for name in (
        "systemd", "systemd-executor", "systemd-fsck", "systemd-journald", "systemd-modules-load",
        "systemd-pcrextend", "systemd-shutdown", "systemd-sulogin-shell",
        "systemd-sysroot-fstab-check", "systemd-tpm2-setup", "systemd-udevd",
        "systemd-veritysetup", "system-generators/systemd-fstab-generator",
        "system-generators/systemd-tpm2-generator",
        "system-generators/systemd-veritysetup-generator")),
    # systemd loads these when it wants them.
    *(f"{LIB}/{name}" for name in (
        "libblkid.so.1", "libcryptsetup.so.12", "libkmod.so.2", "libmount.so.1",
        "libtss2-esys.so.0", "libtss2-mu.so.0", "libtss2-rc.so.0", "libtss2-sys.so.1",
        "libtss2-tcti-device.so.0")),
]
SETTINGS = [
    "/etc/passwd", "/etc/group", "/usr/lib/tmpfiles.d/20-systemd-stub.conf",
    "/usr/lib/tmpfiles.d/systemd.conf",
    *(f"/usr/lib/udev/rules.d/{name}.rules" for name in (
        "50-udev-default", "55-dm", "60-block", "60-persistent-storage",
        "60-persistent-storage-dm", "60-tpm-udev", "80-drivers", "95-dm-notify", "99-systemd")),
]
UNITS = """
basic.target cryptsetup-pre.target cryptsetup.target emergency.service emergency.target final.target
initrd-cleanup.service initrd-fs.target initrd-parse-etc.service initrd-root-device.target
initrd-root-fs.target initrd-switch-root.service initrd-switch-root.target
initrd-udevadm-cleanup-db.service initrd-usr-fs.target initrd.target kmod-static-nodes.service
local-fs-pre.target local-fs.target modprobe@.service paths.target reboot.target
remote-veritysetup.target shutdown.target slices.target sockets.target swap.target sysinit.target
system-systemd\\x2dveritysetup.slice systemd-fsck@.service systemd-journald-dev-log.socket
systemd-journald.service systemd-journald.socket systemd-modules-load.service
systemd-pcrphase-initrd.service systemd-reboot.service systemd-sysext.service
systemd-tmpfiles-setup-dev-early.service systemd-tmpfiles-setup-dev.service
systemd-tmpfiles-setup.service systemd-tpm2-setup-early.service systemd-udev-trigger.service
systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd.service timers.target
tpm2.target umount.target veritysetup-pre.target veritysetup.target
""".split()
WANTS = {
    "sysinit.target": [
        "kmod-static-nodes.service", "systemd-journald.service", "systemd-modules-load.service",
        "systemd-sysext.service", "systemd-tmpfiles-setup-dev-early.service",
        "systemd-tmpfiles-setup-dev.service", "systemd-tmpfiles-setup.service",
        "systemd-tpm2-setup-early.service", "systemd-udev-trigger.service",
        "systemd-udevd.service", "veritysetup.target"],
    "sockets.target": ["systemd-journald-dev-log.socket", "systemd-journald.socket",
                       "systemd-udevd-control.socket", "systemd-udevd-kernel.socket"],
    "initrd.target": ["systemd-pcrphase-initrd.service"],
    "initrd-root-device.target": ["remote-veritysetup.target"],
}
FILES = {
    "etc/machine-id": "",
    "etc/modules-load.d/initrd.conf": "virtio_blk\nloop\ndm_verity\nerofs\noverlay\n",
    # Version 257 does not say that it needs a driver.
    f"{UNIT[1:]}/systemd-sysext.service.d/modules.conf":
        "[Unit]\nAfter=systemd-modules-load.service\n",
}
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib64": "usr/lib64",
         f"{UNIT[1:]}/default.target": "initrd.target"}


def key() -> str:
    """A digest of all that it is made from."""
    return digest("systemd 1", peers.PACKAGES, PROGRAMS, SETTINGS, UNITS, WANTS, FILES, LINKS)


def build(out: Path) -> None:
    """A packed cpio of it, but without kernel modules, certificates and /etc/initrd-release."""
    stage = Path(tempfile.mkdtemp(prefix="systemd-", dir=paths.LAB))
    stage.chmod(0o755)
    peers.enter("/usr/lib/dracut/dracut-install", "-D", tree.host(stage), "--ldd", "--all",
                *PROGRAMS, *SETTINGS, *(f"{UNIT}/{unit}" for unit in UNITS))
    for name, text in FILES.items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).write_text(text)
    for name, target in LINKS.items():
        if not (stage / name).is_symlink():
            (stage / name).symlink_to(target)
    for unit, wanted in WANTS.items():
        folder = stage / f"{UNIT[1:]}/{unit}.wants"
        folder.mkdir()
        for name in wanted:
            (folder / name).symlink_to(f"../{name}")
    run(["zstd", "-10", "-T0", "-q", "-o", out], stdin=None, input=archive(stage))
    shutil.rmtree(stage)
