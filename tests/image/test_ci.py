# SPDX-License-Identifier: LGPL-2.1-or-later
"""The scripts that set a machine up say what is missing, and what to do; nothing is fetched."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
CONTENT = b"no tarball at all"
GOOD = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def tree(tmp_path):
    """A checkout with nothing but ci, whose lock asks no archive for anything."""
    shutil.copytree(REPO / "ci", tmp_path / "ci")
    lines = [f"{name}\t1\t{name}-1.tar\t{GOOD}\t{name}\t" for name in ("util-linux", "mbedtls")]
    (tmp_path / "ci/deps/lock").write_text("\n".join(lines) + "\n")
    (tmp_path / "tarballs").mkdir()
    return tmp_path


def build(tree: Path) -> str:
    """What `ci/deps/build host` says when it stops."""
    env = os.environ | {"SLIPWAY_TARBALLS": str(tree / "tarballs")}
    done = subprocess.run([tree / "ci/deps/build", "host"], env=env, capture_output=True, text=True)
    assert done.returncode == 1, done
    return done.stderr


def what_to_do(text: str) -> bool:
    return bool(re.search(r"Put a file with this name and .*SHA-256.* in a folder and name the folder in "
                          r"SLIPWAY_TARBALLS\.", text))


def test_missing_source_stops_the_build(tree):
    said = build(tree)
    assert f"cannot find util-linux-1.tar; looked in: {tree}/tarballs" in said
    assert GOOD in said and what_to_do(said)


def test_wrong_source_stops_the_build(tree):
    (tree / "tarballs/util-linux-1.tar").write_bytes(CONTENT + b"!")
    wrong = hashlib.sha256(CONTENT + b"!").hexdigest()
    said = build(tree)
    assert f"util-linux-1.tar from {tree}/tarballs has SHA-256 {wrong}" in said
    assert f"ci/deps/lock wants {GOOD}" in said and what_to_do(said)
    assert not (tree / "build/deps/src/util-linux-1.tar").exists()


def test_right_source_is_taken(tree):
    """The twin: then it is the next one that is missing."""
    (tree / "tarballs/util-linux-1.tar").write_bytes(CONTENT)
    said = build(tree)
    assert "cannot find mbedtls-1.tar" in said and "util-linux" not in said
    assert (tree / "build/deps/src/util-linux-1.tar").read_bytes() == CONTENT


@pytest.fixture
def without_apt(tmp_path):
    """`without_apt(missing)`: run ci/setup where there is no apt, and all programs but this one."""
    names = re.search(r'programs="([^"]+)"', (REPO / "ci/setup").read_text())[1].split()
    (tmp_path / "bin").mkdir()
    for name in (*names, "dirname"):
        (tmp_path / "bin" / name).symlink_to("/bin/true" if name != "dirname" else "/usr/bin/dirname")

    def run(missing: str = "") -> subprocess.CompletedProcess:
        if missing:
            (tmp_path / "bin" / missing).unlink()
        return subprocess.run(["/bin/sh", REPO / "ci/setup"], env={"PATH": str(tmp_path / "bin")},
                              capture_output=True, text=True)

    return run


def test_without_apt_what_is_there_is_enough(without_apt):
    done = without_apt()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_apt_what_is_missing_is_named(without_apt):
    done = without_apt("swtpm")
    assert done.returncode == 3 and done.stderr.endswith("install by its own means: swtpm\n")
    assert "swtpm-tools" in done.stdout


@pytest.fixture
def arrows(tmp_path):
    """`arrows(include)`: what ci/check-layers says of a tree whose one file has this include."""
    def run(include: str) -> subprocess.CompletedProcess:
        (tmp_path / "modules/disk").mkdir(parents=True)
        (tmp_path / "modules/disk/x.c").write_text(f'#include "{include}"\n')
        shutil.copy(REPO / "ARCHITECTURE.md", tmp_path)
        for words in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True)
        return subprocess.run([REPO / "ci/check-layers"], cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("include, good", [
    ("init/core/err.h", True), ("modules/disk/gpt.h", True), ("modules/trust/policy.h", False),
    ("init/boot.h", False), ("mkinitrd/pe.h", False)])
def test_include_against_the_arrows_is_found(arrows, include, good):
    done = arrows(include)
    assert done.returncode == (0 if good else 1)
    assert good or done.stderr == f"check-layers: modules/disk/x.c must not include {include}\n"


@pytest.mark.parametrize("name, words, says", [
    ("build/init", (), ""), ("build/init", ("1000",), "more than 1000"),
    ("/bin/true", (), "asks for a dynamic loader"),
    ("writable stack", (), "has an executable stack"), ("no relro", (), "has no RELRO segment")])
def test_wrong_binary_is_found(name, words, says, tmp_path):
    path = REPO / name
    if " " in name:
        path = tmp_path / "init"
        path.write_bytes((REPO / "build/init").read_bytes())
        spoil(path, *{"writable stack": (PT_GNU_STACK, None), "no relro": (PT_GNU_RELRO, PT_NULL)}[name])
    done = subprocess.run([REPO / "ci/check-binary", path, *words], capture_output=True, text=True)
    assert done.returncode == (1 if says else 0)
    assert says in done.stderr and bool(done.stderr) == bool(says)


PT_NULL, PT_GNU_STACK, PT_GNU_RELRO = 0, 0x6474e551, 0x6474e552


def spoil(path: Path, kind: int, other: int | None) -> None:
    """A program header of this kind gets another one, or, without, may be executed."""
    data = bytearray(path.read_bytes())
    at, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    for header in range(at, at + size * count, size):
        if struct.unpack_from("<I", data, header)[0] == kind:
            struct.pack_into("<I", data, header + (0 if other is not None else 4),
                             other if other is not None else 7)
    path.write_bytes(data)
