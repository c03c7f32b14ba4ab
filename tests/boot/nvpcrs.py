# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an initrd needs to begin NvPCRs in a boot that no stub measured."""

from __future__ import annotations

import json

from lab import paths, tpm

SCHEME = "pcr-scheme=261\n"
VERITY, HARDWARE, CRYPTSETUP = 0x1D10202, 0x1D10200, 0x1D10201
BASE = tpm.extend("sha256", "00" * 32, "00" * 32)
DEFINITIONS = {f"usr/lib/nvpcr/{d['name']}.nvpcr": json.dumps(d).encode() for d in [
    {"name": "hardware", "algorithm": "sha256", "nvIndex": HARDWARE, "priority": 500, "orderly": False},
    {"name": "cryptsetup", "algorithm": "sha256", "nvIndex": CRYPTSETUP, "priority": 700},
    {"name": "verity", "algorithm": "sha256", "nvIndex": VERITY, "priority": 300}]}
# Without a stub PCR 11 starts at zero, and this was signed for it: enter-initrd, with the
# reference 'initrd'.
DATA = paths.REPO / "tests/data/pcrsig"
KEY = {".extra/tpm2-pcr-public-key.pem": (DATA / "rsa2048.pub").read_bytes()}
SIGNED = {".extra/tpm2-pcr-signature.json": (DATA / "signed.json").read_bytes()}


def after(word: str) -> str:
    """The value of an NvPCR with this one word in it."""
    return tpm.extend("sha256", BASE, tpm.word_digest("sha256", word))
