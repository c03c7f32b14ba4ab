# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hermetic /usr: the demo's Debian without a root; what /etc needs it makes at each boot."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from . import ddi, demoroot, keys, paths
from .ddi import Part
from .keys import Key
from .steps import digest, once, remove

# Debian's programs want these in /etc; systemd-tmpfiles copies them there.
FACTORY = ["pam.d", "pam.conf", "security", "nsswitch.conf", "login.defs", "shells",
           "bash.bashrc", "profile", "skel", "environment", "issue"]
TMPFILES = "".join(f"C /etc/{name}\n" for name in FACTORY) + """\
L /etc/alternatives - - - - ../usr/share/factory/etc/alternatives
L /etc/os-release - - - - ../usr/lib/os-release
L /etc/localtime - - - - ../usr/share/zoneinfo/Etc/UTC
f /etc/fstab
f /etc/hosts 0644 - - - 127.0.0.1 localhost
d /var/lib/dpkg
"""


def usr_parts(key: Key | None = None) -> list[Part]:
    """The partitions of the DDI with this /usr, signed; made once for each key."""
    return _parts(key or keys.key("verity"), "usr")


def root_parts() -> list[Part]:
    """Those of a root DDI that has nothing but this /usr."""
    return _parts(keys.key("verity"), "root")


def _parts(signer: Key, designator: str) -> list[Part]:
    suffix = "" if designator == "usr" else f"-{designator}"
    folder = paths.LAB / f"hermetic-{signer.cert.stem}{suffix}"

    def make(new: Path) -> None:
        stage = Path(tempfile.mkdtemp(prefix="hermetic-", dir=paths.LAB))
        image = stage.with_suffix(".img")
        _fill(stage, designator)
        ddi.cut(image, ddi.repart(stage, image, key=signer, designator=designator), new)
        shutil.rmtree(stage)
        image.unlink()

    once(folder, digest("hermetic 1", demoroot.key(), FACTORY, TMPFILES, signer.cert),
         f"{designator} DDI, hermetic", make)
    return ddi.load_parts(folder)


def _fill(stage: Path, designator: str) -> None:
    source = demoroot.root_tree()
    shutil.copytree(source / "usr", stage / "usr", symlinks=True)
    factory = stage / "usr/share/factory/etc"
    factory.mkdir(parents=True, exist_ok=True)
    for name in [*FACTORY, "alternatives"]:
        remove(factory / name)
        if (source / "etc" / name).is_dir():
            shutil.copytree(source / "etc" / name, factory / name, symlinks=True)
        elif (source / "etc" / name).exists():
            shutil.copy2(source / "etc" / name, factory / name)
    tmpfiles = stage / "usr/lib/tmpfiles.d/00-hermetic.conf"
    tmpfiles.write_text(TMPFILES)
    _units(stage / "usr/lib/systemd/system", designator)
    for folder, dirs, files in os.walk(stage):
        for name in [*dirs, *files, "."]:
            os.utime(Path(folder) / name, (demoroot.EPOCH, demoroot.EPOCH), follow_symlinks=False)


def _units(units: Path, designator: str) -> None:
    """What the demo says in /etc: which units are masked, and who reports."""
    for unit in demoroot.MASKED:
        remove(units / unit)
        (units / unit).symlink_to("/dev/null")
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "slipway-report.service").symlink_to("../slipway-report.service")
    report = units / "slipway-report.service"
    report.write_text(report.read_text().replace("dev-mapper-root", f"dev-mapper-{designator}"))
