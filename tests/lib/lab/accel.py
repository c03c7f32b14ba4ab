# SPDX-License-Identifier: LGPL-2.1-or-later
"""KVM where it works, else TCG; found out once for each checkout."""

from __future__ import annotations

import os
import select
import subprocess
import time

from . import paths, tools
from .steps import locked, say

_LIMIT = 10.0


def accelerator() -> str:
    """'kvm' or 'tcg'. SLIPWAY_ACCEL= decides without a trial."""
    forced = os.environ.get("SLIPWAY_ACCEL")
    if forced:
        return forced
    remembered = paths.LAB / "accelerator"
    with locked("accelerator"):
        if not remembered.exists():
            found = "kvm" if _kvm_works() else "tcg"
            remembered.write_text(found)
            say(f"accelerator: {found}")
    return remembered.read_text()


def _kvm_works() -> bool:
    """Whether a kernel really starts: a /dev/kvm that opens may still hang."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    process = subprocess.Popen(
        ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
         "-no-reboot", "-M", "q35", "-accel", "kvm", "-cpu", "host", "-m", "256", "-serial",
         "stdio", "-kernel", tools.kernel() / "boot/vmlinux", "-append",
         "console=ttyS0 earlyprintk=ttyS0 panic=-1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    seen, deadline = b"", time.monotonic() + _LIMIT
    while b"Linux version" not in seen and time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.5)[0]:
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                break
            seen += data
    process.kill()
    process.wait()
    return b"Linux version" in seen
