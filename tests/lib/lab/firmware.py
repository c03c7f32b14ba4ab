# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a machine has before a disk is read: firmware, its variables, a TPM's first state."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import paths
from .steps import digest, once, run

OWNER = "51b1a7e0-c0de-4d57-9d3a-000000000001"


def code() -> Path:
    """OVMF that enforces Secure Boot (it needs smm=on)."""
    from . import tools
    return tools.tools() / "usr/share/OVMF/OVMF_CODE_4M.secboot.fd"


def variables(kind: str = "enforcing") -> Path:
    """A variable store to copy for each boot.

    'enforcing': our PK, KEK and db, Secure Boot on. 'off': the same keys, Secure Boot off.
    'setup': no keys at all.
    """
    from . import keys, tools, tree  # not for who brings his own
    pristine = tools.tools() / "usr/share/OVMF/OVMF_VARS_4M.fd"
    if kind == "setup":
        return pristine
    pk, kek, db = (keys.key(name).cert for name in ("PK", "KEK", "db"))

    def make(new: Path) -> None:
        words = ["--set-pk", OWNER, tree.host(pk), "--add-kek", OWNER, tree.host(kek),
                 "--add-db", OWNER, tree.host(db)]
        tools.tool("virt-fw-vars", "--input", tree.host(pristine),
                   "--output", tree.host(new.parent) + "/" + new.name, *words,
                   # Left alone, the firmware switches it on where it finds a PK.
                   *(["--secure-boot"] if kind == "enforcing"
                     else ["--set-false", "SecureBootEnable"]))

    out = paths.LAB / f"vars-{kind}.fd"
    once(out, digest("vars 2", kind, pk, kek, db), f"firmware variables: {kind}", make)
    return out


def tpm_state(banks: tuple[str, ...] = ("sha256",)) -> Path:
    """A new TPM's state with these PCR banks active, to copy for each boot."""

    def make(new: Path) -> None:
        new.mkdir()
        run(["swtpm_setup", "--tpm2", "--tpmstate", new, "--pcr-banks", ",".join(banks)])
        for left in new.glob(".lock"):
            left.unlink()

    out = paths.LAB / f"tpm-{'-'.join(banks)}"
    once(out, digest("tpm 1", banks, Path(shutil.which("swtpm_setup") or "/usr/bin/swtpm_setup")),
         f"TPM with banks {', '.join(banks)}", make)
    return out
