# SPDX-License-Identifier: LGPL-2.1-or-later
"""System and configuration extensions: good ones, and the twins that must be refused."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import ddi, paths, tools, tree
from .demoroot import EPOCH
from .keys import Key
from .steps import LabError


@dataclass
class Sysext:
    """A system extension to build, or a configuration extension.

    `files` maps a path in the image to its content: bytes, a file to copy with its mode, or a
    string, which makes a symbolic link to that text. `release` overrides the whole
    extension-release file; otherwise it is made of id, version_id and scope, and a field
    that is '' is left out.
    """

    name: str
    id: str = "slipway-demo"
    version_id: str = "1"
    scope: str = "initrd"
    files: dict[str, bytes | Path | str] = field(default_factory=dict)
    release: str | None = None
    release_name: str = ""  # extension-release.THIS, by default the name
    strict: str = ""  # that file's mark user.extension-release.strict, if it shall have one
    kind: str = "signed"  # "signed", "verity" (no signature), "gpt" (no verity), "bare" (no GPT)
    key: Key | None = None  # who signs
    fs: str = "erofs"  # or "squashfs"
    arch: str = "x86-64"
    confext: bool = False

    def class_name(self) -> str:
        """The word in its file's name."""
        return "confext" if self.confext else "sysext"

    def release_text(self) -> str:
        """The content of its extension-release file."""
        if self.release is not None:
            return self.release
        fields = (("ID", self.id), ("VERSION_ID", self.version_id),
                  (f"{self.class_name().upper()}_SCOPE", self.scope))
        return "".join(f"{name}={value}\n" for name, value in fields if value)


def build(spec: Sysext, folder: Path) -> Path:
    """Make folder/NAME.sysext.raw, or folder/NAME.confext.raw."""
    out = folder / f"{spec.name}.{spec.class_name()}.raw"
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix="sysext-", dir=paths.LAB))
    try:
        _fill(stage, spec)
        if spec.kind == "bare":
            _bare(stage, out, spec.fs)
        elif spec.kind in ("signed", "verity", "gpt"):
            if spec.kind == "signed" and not spec.key:
                raise LabError(f"sysext '{spec.name}' shall be signed: give a key")
            ddi.repart(stage, out, key=spec.key if spec.kind == "signed" else None,
                       verity=spec.kind != "gpt", fs=spec.fs, arch=spec.arch,
                       compression="lz4" if spec.fs == "erofs" else "zstd")
        else:
            raise LabError(f"no kind of sysext is called '{spec.kind}'")
    finally:
        shutil.rmtree(stage)
    return out


def _fill(stage: Path, spec: Sysext) -> None:
    top = "etc" if spec.confext else "usr/lib"
    release = f"{top}/extension-release.d/extension-release.{spec.release_name or spec.name}"
    for name, content in {release: spec.release_text().encode(), **spec.files}.items():
        place = stage / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            place.symlink_to(content)
        elif isinstance(content, bytes):
            place.write_bytes(content)
        else:
            shutil.copy(content, place)
    if spec.strict:
        os.setxattr(stage / release, "user.extension-release.strict", spec.strict.encode())
    stage.chmod(0o755)
    for path, dirs, files in os.walk(stage):
        for name in [*dirs, *files]:
            os.utime(Path(path) / name, (EPOCH, EPOCH), follow_symlinks=False)
    os.utime(stage, (EPOCH, EPOCH))


def _bare(stage: Path, out: Path, fs: str) -> None:
    out.unlink(missing_ok=True)
    place = tree.host(out.parent) + "/" + out.name
    if fs == "erofs":
        tools.tool("mkfs.erofs", "--quiet", "-U", ddi.SEED, "-T", EPOCH, place, tree.host(stage))
    else:
        # SOURCE_DATE_EPOCH gives the times.
        tools.tool("mksquashfs", tree.host(stage), place, "-quiet", "-no-progress")
