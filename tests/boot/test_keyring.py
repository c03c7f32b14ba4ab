# SPDX-License-Identifier: LGPL-2.1-or-later
"""A kernel with a keyring for dm-verity alone: the initrd's certificates go there, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

import chain
from expect import boots, direct, refused
from lab import steps, tools

# Without the first the kernel seals it itself, as it is: empty.
UNSEALED, REQUIRED = "dm_verity.keyring_unsealed=1", "dm_verity.require_signatures=1"


@pytest.fixture
def start(lab, boot, tmp_path):
    """`start(disk, words, signers)`: boot with Linux of another suite."""

    def run(disk: Path, words: str, *signers: str):
        kernel = tools.kernel_newer()
        image = chain.initrd(f"newer-kernel-{'-'.join(signers)}", sysroot=kernel,
                             certs=tuple(lab.key(name).cert for name in signers))
        another = steps.run(["openssl", "x509", "-in", lab.key("attacker").cert, "-outform", "der"])
        return boot(direct(disk, f"rdinit=/late_key {words}", kernel=kernel / "boot/vmlinuz",
                           initrd=chain.beside("late_key", image, tmp_path / "initrd",
                                               {"late.der": another.stdout})))

    return run


def test_the_initrds_certificates_and_no_later_ones(demo, start):
    """The kernel demands a signature, and knows the signer by the initrd alone."""
    got = start(demo.disk, f"{UNSEALED} {REQUIRED}", "verity")
    boots(got)
    assert got.record["root"]["proven_by"] == "certificate"
    assert got.seen("late key: Operation not permitted"), got.explain()


@pytest.mark.parametrize("words, signers", [(REQUIRED, ("verity",)),
                                            (f"{UNSEALED} {REQUIRED}", ("attacker",)),
                                            (f"{UNSEALED} {REQUIRED}", ())],
                         ids=["sealed-before", "another-signer", "nobody"])
def test_a_kernel_that_lacks_the_key(demo, start, words, signers):
    """The twins: then nothing that the initrd could say counts."""
    refused(start(demo.disk, words, *signers), "SIGNATURE_UNTRUSTED", "prove")
