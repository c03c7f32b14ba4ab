# SPDX-License-Identifier: LGPL-2.1-or-later
"""The firmware for virtual machines that this machine has, by QEMU's own descriptors of it."""

from __future__ import annotations

import json
from pathlib import Path

from .steps import LabError

# A file in an earlier folder hides one of the same name in a later one.
FOLDERS = (Path("/etc/qemu/firmware"), Path("/usr/local/share/qemu/firmware"),
           Path("/usr/share/qemu/firmware"))


def find(named: str | None = None) -> tuple[Path, Path]:
    """Code, and a template of variables without keys; `named` is CODE:VARS of somebody's own."""
    if named:
        code, _, template = named.partition(":")
        pair = Path(code), Path(template)
        for path in pair:
            if not path.is_file():
                raise LabError(f"--firmware is CODE:VARS, and '{path}' is no file")
        return pair
    files: dict[str, Path] = {}
    for folder in reversed(FOLDERS):
        files |= {path.name: path for path in folder.glob("*.json")}
    for name in sorted(files):
        if pair := _suits(files[name]):
            return pair
    raise LabError("no OVMF with Secure Boot and without keys is installed (Debian: ovmf); "
                   "or name one by --firmware=CODE:VARS")


def _suits(descriptor: Path) -> tuple[Path, Path] | None:
    """Its files, if it is for our machine, can enforce Secure Boot, and has no keys yet."""
    try:
        said = json.loads(descriptor.read_text())
        features = set(said["features"])
        targets = {target["architecture"] for target in said["targets"]}
        flash = said["mapping"]
        code = Path(flash["executable"]["filename"])
        template = Path(flash["nvram-template"]["filename"])
        raw = {flash["executable"]["format"], flash["nvram-template"]["format"]} == {"raw"}
    except (ValueError, KeyError, TypeError):  # for another kind of flash, or of nobody's use
        return None
    wanted = {"secure-boot", "requires-smm"} <= features and "enrolled-keys" not in features
    good = wanted and raw and "x86_64" in targets and code.is_file() and template.is_file()
    return (code, template) if good else None
