# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small root DDIs, signed and whole, whose trees lack something; each is made once."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import lab
from lab import ddi, paths
from lab.demoroot import EPOCH
from lab.steps import digest, once

RELEASE = {"usr/lib/os-release": 'ID=tiny\nPRETTY_NAME="tiny variant"\n'}
INIT = {"usr/lib/systemd/systemd": "not a program, but it may be executed\n"}
TREES: dict[str, dict[str, str]] = {
    "no-os": INIT,
    "no-init": RELEASE,
    "extended-no-init": RELEASE | {
        "etc/extensions/of-the-first/usr/lib/extension-release.d/extension-release.of-the-first": "ID=tiny\n"},
    "no-usr": {"etc/os-release": "ID=tiny\n", "sbin/init": "not a program\n"},
    "no-mount-points": RELEASE | INIT,
    "version-5": {"usr/lib/os-release": "ID=tiny\nIMAGE_VERSION=5\n"} | INIT,
}

# user.validatefs.*, of the directory that becomes the file system's root directory.
Purpose = dict[str, list[str]]


def variant(name: str, key: str = "verity", designator: str = "root",
            purpose: Purpose | None = None) -> list[lab.Part]:
    """The partitions of the DDI with this tree, signed by this key, for this purpose."""
    signer = lab.key(key)
    mark = digest("variant 2", TREES[name], signer.cert, designator, purpose)
    said = f"-{designator}-{mark[:8]}" if purpose else ""
    folder = paths.LAB / f"variant-{name}-{key}{said}"

    def make(new: Path) -> None:
        stage = Path(tempfile.mkdtemp(prefix="variant-", dir=paths.LAB))
        image = stage.with_suffix(".img")
        _fill(stage, TREES[name], name != "no-mount-points")
        top = stage if designator == "root" else stage / designator
        for kind, values in (purpose or {}).items():
            os.setxattr(top, f"user.validatefs.{kind}", "".join(f"{v}\0" for v in values).encode())
        ddi.cut(image, lab.repart(stage, image, key=signer, designator=designator), new)
        shutil.rmtree(stage)
        image.unlink()

    once(folder, mark, f"{designator} DDI '{name}'", make)
    return ddi.load_parts(folder)


def _fill(stage: Path, files: dict[str, str], mount_points: bool) -> None:
    for folder in ("usr", *(("dev", "proc", "sys", "run") if mount_points else ())):
        (stage / folder).mkdir()
    for path, text in files.items():
        place = stage / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o755)
    stage.chmod(0o755)
    for folder, dirs, names in os.walk(stage):
        for name in [*dirs, *names, "."]:
            os.utime(Path(folder) / name, (EPOCH, EPOCH), follow_symlinks=False)
