# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd verify against the boot that followed: both must come to the same verdict."""

from __future__ import annotations

import json
import subprocess

import lab
from lab import paths

# What the files alone show. The rest needs the machine: devices, time, a TPM.
BY_THE_FILES = {
    "CMDLINE", "CONFIG", "POLICY_SYNTAX", "POLICY_REFUSED", "CERTIFICATE", "GPT_INVALID",
    "GPT_OVERLAP", "ROOT_MISSING", "ROOT_AMBIGUOUS", "ROOT_UNPROTECTED", "ROOT_INCOMPLETE",
    "SIGNATURE_MISSING", "SIGNATURE_MALFORMED", "SIGNATURE_UNTRUSTED", "SIGNATURE_MISMATCH",
    "VERITY_SUPERBLOCK", "VERITY_CORRUPTED",
}


def agrees(spec: lab.Spec, got: lab.Result) -> None:
    """Holds what verify says of a direct boot's files against what came of it."""
    if not spec.kernel or not spec.initrd or len(spec.drives) != 1 or spec.when:
        return
    done = subprocess.run(
        [paths.MKINITRD, "verify", "--json", spec.initrd, "--kernel", paths.DEMO / "vmlinuz",
         "--cmdline", spec.append, "--ddi", spec.drives[0].image], capture_output=True, text=True)
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    failed = [f"{x['object']}: {x['text']}" for x in json.loads(done.stdout)
              if x["verdict"] == "FAIL"]
    if (got.record or {}).get("result") == "handed-over":
        assert not failed, failed
    elif got.failure in BY_THE_FILES:
        assert any(f"({got.failure})" in text for text in failed), (got.failure, failed)
