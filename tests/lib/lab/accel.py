# SPDX-License-Identifier: LGPL-2.1-or-later
"""KVM where it works, else TCG; found out once for each checkout."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time

from . import paths
from .steps import locked, say

_LIMIT = 5.0
# A boot sector that writes "K" to the serial port, and halts:
# mov dx, 0x3f8; mov al, 'K'; out dx, al; cli; hlt
_SECTOR = bytes.fromhex("ba f8 03 b0 4b ee fa f4").ljust(510, b"\0") + b"\x55\xaa"


def accelerator() -> str:
    """'kvm' or 'tcg'. SLIPWAY_ACCEL= decides without a trial."""
    forced = os.environ.get("SLIPWAY_ACCEL")
    if forced:
        return forced
    remembered = paths.LAB / "accelerator"
    with locked("accelerator"):
        if not remembered.exists():
            found = "kvm" if runs("kvm") else "tcg"
            remembered.write_text(found)
            say(f"accelerator: {found}")
    return remembered.read_text()


def runs(accel: str) -> bool:
    """Whether a program really runs: a /dev/kvm that opens may still hang."""
    if accel == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.NamedTemporaryFile() as sector, tempfile.NamedTemporaryFile() as serial:
        sector.write(_SECTOR)
        sector.flush()
        process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-M",
             "pc", "-accel", accel, "-cpu", "host" if accel == "kvm" else "max", "-m", "64",
             "-serial", f"file:{serial.name}", "-drive",
             f"if=ide,format=raw,snapshot=on,file={sector.name}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _LIMIT
        while process.poll() is None and time.monotonic() < deadline and not serial.read(1):
            time.sleep(0.02)
        process.kill()
        process.wait()
        serial.seek(0)
        return serial.read(1) == b"K"
