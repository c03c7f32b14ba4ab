# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root DDIs of one static program, for what needs many boots that take no longer than they must."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import ddi, keys, paths
from .steps import digest, once, run

_FOLDERS = ("dev", "proc", "sys", "run", "sbin", "etc", "var", "root", "usr/bin", "usr/lib/systemd")


def program(source: Path, out: Path) -> Path:
    """One C program, static against musl."""
    compiler = paths.BUILD / "deps/x86_64-linux-musl/bin/slipway-cc"
    once(out, digest("cc 1", source), source.stem,
         lambda new: run([compiler, "-Os", "-s", "-o", new, source]))
    return out


def root(init: Path, folder: Path) -> list[ddi.Part]:
    """A root, signed by the key 'verity', whose init is this program; made below the folder."""
    key = keys.key("verity")

    def make(new: Path) -> None:
        tree, image = folder / "tree", folder / "root.img"
        shutil.rmtree(tree, ignore_errors=True)
        for name in _FOLDERS:
            (tree / name).mkdir(parents=True)
        shutil.copy(init, tree / "usr/lib/systemd/systemd")
        (tree / "usr/lib/os-release").write_text("ID=tiny\nPRETTY_NAME=tiny\n")
        ddi.cut(image, ddi.repart(tree, image, key=key), new)
        image.unlink()

    once(folder / "root", digest("tiny root 1", init, key.cert), f"root DDI of {init.name}", make)
    return ddi.load_parts(folder / "root")
