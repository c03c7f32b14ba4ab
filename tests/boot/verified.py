# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd verify against the boot that followed: both must come to the same verdict."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import lab
from lab import paths

# What the files alone show. The rest needs the machine: devices, time, a TPM.
BY_THE_FILES = {
    "CMDLINE", "CONFIG", "POLICY_SYNTAX", "POLICY_REFUSED", "CERTIFICATE", "GPT_INVALID",
    "GPT_OVERLAP", "ROOT_MISSING", "ROOT_AMBIGUOUS", "ROOT_UNPROTECTED", "ROOT_INCOMPLETE",
    "SIGNATURE_MISSING", "SIGNATURE_MALFORMED", "SIGNATURE_UNTRUSTED", "SIGNATURE_MISMATCH",
    "VERITY_SUPERBLOCK", "VERITY_CORRUPTED", "DENIED",
}
KERNEL_DECIDES = "whether the kernel trusts the signer cannot be seen here"


def foreseen(boot: Callable[[lab.Spec], lab.Result]) -> Callable[[lab.Spec], lab.Result]:
    """The same `boot`, and what comes of it must be what verify says of the files."""
    def run(spec: lab.Spec) -> lab.Result:
        got = boot(spec)
        if spec.kernel and spec.initrd and len(spec.drives) == 1 and not spec.when:
            _agrees(spec, got)
        return got

    return run


def _agrees(spec: lab.Spec, got: lab.Result) -> None:
    done = subprocess.run(
        [paths.MKINITRD, "verify", "--json", spec.initrd, "--kernel", paths.DEMO / "vmlinuz",
         "--cmdline", spec.append, "--ddi", spec.drives[0].image], capture_output=True, text=True)
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    found = [(x["verdict"], f"{x['object']}: {x['text']}") for x in json.loads(done.stdout)]
    if any(f"sectors of {n} bytes" in text for _, text in found for n in (512, 4096)
           if n != spec.drives[0].sector_size):
        return  # a file does not say how long the sectors of the disk are that it will lie on
    failed = [text for verdict, text in found if verdict == "FAIL"]
    unknown = any(KERNEL_DECIDES in text for _, text in found)
    assert bool(failed) == bool(done.returncode)
    if (got.record or {}).get("result") == "handed-over":
        assert not failed, failed
    elif got.failure == "SIGNATURE_UNTRUSTED" and unknown:
        assert not failed, failed
    elif got.failure in BY_THE_FILES:
        assert any(f"({got.failure})" in text for text in failed), (got.failure, failed)
