# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that answers otherwise when it is asked again, served to QEMU by nbdkit."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .steps import run


@contextlib.contextmanager
def two_faced(image: Path, at: int, later: bytes) -> Iterator[Path]:
    """Serves the image; from the second read on that has all of them, `later` is at this offset.

    Gives what a Drive takes as its image.
    """
    folder = Path(tempfile.mkdtemp(prefix="nbd-"))
    try:
        run(["nbdkit", "--readonly", "--unix", folder / "socket", "--pidfile", folder / "pid",
             "python", Path(__file__).with_name("nbd_plugin.py"), f"file={image}", f"at={at}",
             f"later={later.hex()}"])
        yield Path(f"nbd:unix:{folder}/socket")
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
    finally:
        shutil.rmtree(folder)
