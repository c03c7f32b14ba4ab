# SPDX-License-Identifier: LGPL-2.1-or-later
"""For nbdkit: a disk that answers otherwise when the same bytes are asked for again.

file= is the image, at= an offset in it, later= (hex) what is there from the second read on.
"""

from __future__ import annotations

import threading
from pathlib import Path

API_VERSION = 2
given: dict[str, str] = {}
lock = threading.Lock()
seen = {"image": b"", "reads": 0}


def config(key: str, value: str) -> None:
    """One parameter of nbdkit's command line."""
    given[key] = value


def config_complete() -> None:
    """All of them were given."""
    seen["image"] = Path(given["file"]).read_bytes()


def open(readonly: bool) -> int:
    """A client is there."""
    return 1


def get_size(handle: int) -> int:
    """Of the disk, in bytes."""
    return len(seen["image"])


def pread(handle: int, buf: bytearray, offset: int, flags: int) -> None:
    """Fills the buffer."""
    at, later, end = int(given["at"]), bytes.fromhex(given["later"]), offset + len(buf)
    buf[:] = seen["image"][offset:end]
    if offset <= at and at + len(later) <= end:
        with lock:
            seen["reads"] += 1
            first = seen["reads"] == 1
        if not first:
            buf[at - offset:at - offset + len(later)] = later
