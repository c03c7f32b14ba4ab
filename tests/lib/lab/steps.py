# SPDX-License-Identifier: LGPL-2.1-or-later
"""Do a thing once: stamps by content, a lock for neighbours, a line for the reader."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from . import paths

_start = time.monotonic()
quiet = False


class LabError(Exception):
    """Something the lab needs did not work; the text is for a person."""


def say(text: str) -> None:
    """Print one progress line with the seconds since the program started."""
    if not quiet:
        print(f"  [{time.monotonic() - _start:6.1f} s] {text}", flush=True)


def run(argv: Iterable[object], *, shown: Iterable[object] = (),
        **kw) -> subprocess.CompletedProcess:
    """Run a program; when it fails, raise LabError with the end of what it printed.

    `shown` is the command to name in the message, where argv would say less.
    """
    words = [str(a) for a in argv]
    kw.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    except FileNotFoundError as e:
        hint = "" if paths.INSTALLED else "; run ci/setup"
        raise LabError(f"'{words[0]}' is not installed{hint}") from e
    if done.returncode:
        tail = (done.stdout + b"\n" + done.stderr).decode(errors="replace").strip()
        name = " ".join(str(a) for a in shown or words)[:300]
        raise LabError(f"'{name}' ended with {done.returncode}:\n{tail[-2000:]}")
    return done


def digest(*inputs: object) -> str:
    """A digest of the inputs: the content of a Path (a file or a tree), or a value's text."""
    h = hashlib.sha256()
    for value in inputs:
        if isinstance(value, Path):
            _digest_path(h, value)
        else:
            h.update(json.dumps(value, sort_keys=True, default=str).encode())
        h.update(b"\0")
    return h.hexdigest()


def _digest_path(h, path: Path) -> None:
    if path.is_dir():
        for child in sorted(path.iterdir()):
            h.update(child.name.encode() + b"\0")
            _digest_path(h, child)
    else:
        with path.open("rb") as f:
            h.update(hashlib.file_digest(f, "sha256").digest())


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of this name: two runs in one checkout do not build the same thing."""
    folder = paths.LAB / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def once(out: Path, key: str, what: str, make: Callable[[Path], None]) -> bool:
    """Make `out` unless it was made from the same inputs before; say what is done.

    `make` gets a fresh path beside `out`; what it leaves there takes the place of `out`
    in one rename, so an interrupted run leaves nothing half-made. Returns whether it ran.
    """
    # Not by paths.BUILD, of which a test may have its own: what is made anew for another name is lost.
    stamp = paths.LAB / "stamps" / os.path.relpath(out, paths.LAB.parent).replace("/", "+")
    with locked(stamp.name):
        if out.exists() and stamp.exists() and stamp.read_text() == key:
            return False
        begun = time.monotonic()
        stamp.unlink(missing_ok=True)
        new = out.with_name(f".{out.name}.new")
        remove(new)
        out.parent.mkdir(parents=True, exist_ok=True)
        make(new)
        remove(out)
        os.rename(new, out)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(key)
        say(f"{what} ({time.monotonic() - begun:.1f} s)")
    return True


def remove(path: Path) -> None:
    """Remove a file or a whole tree, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def warn(text: str) -> None:
    """Tell the person something that does not stop the work."""
    print(f"slipway-lab: {text}", file=sys.stderr, flush=True)
