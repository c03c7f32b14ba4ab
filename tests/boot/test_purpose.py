# SPDX-License-Identifier: LGPL-2.1-or-later
"""A proven file system that says what it is for is used for nothing else.

Where it fits, the boot comes to what these trees lack; test_trust.py's version 5 has all."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import lab
from expect import direct, refused
from lab import gpt
from variants import Purpose, variant

TYPES = {"root": [gpt.ROOT, gpt.ROOT_VERITY], "usr": [gpt.USR, gpt.USR_VERITY]}
USR_WORDS = "root=tmpfs mount.usr=dissect"


def labels(designator: str) -> list[str]:
    return [f"{designator}-x86-64", f"{designator}-x86-64-verity"]


def made_for(designator: str) -> Purpose:
    """What systemd-repart's AddValidateFS= writes for such a partition."""
    return {"mount_point": ["/" if designator == "root" else "/usr"],
            "gpt_label": labels(designator), "gpt_type_uuid": TYPES[designator]}


@dataclass(frozen=True)
class Case:
    """A file system for one purpose, used for another; without `says` it fits."""

    name: str
    designator: str = "root"
    made_for: str = "root"
    says: str = ""
    words: str = ""
    relabel: int = -1  # this partition of the set


CASES = [
    Case("root"),
    Case("usr", "usr", "usr", words=USR_WORDS),
    # It is mounted elsewhere, and yet it is the root's.
    Case("root-behind-a-tmpfs", words="systemd.volatile=yes"),
    Case("usr-as-root", made_for="usr", says="mount point is '/',.* only '/usr'"),
    Case("usr-as-root-below-an-overlay", made_for="usr", says="'/usr'",
         words="systemd.volatile=overlay"),
    Case("root-as-usr", "usr", says="mount point is '/usr',.* only '/'", words=USR_WORDS),
    Case("another-label", says="label of 'vda2' is 'root_99'.*'root-x86-64'", relabel=0),
    Case("another-label-of-the-hashes", says="label of 'vda3' is 'root_99'", relabel=1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_purpose(case, boot, tmp_path):
    parts = variant("no-init", designator=case.designator, purpose=made_for(case.made_for))
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    if case.relabel >= 0:
        disk.entry(parts[case.relabel].label).label = "root_99"
        disk.rewrite_table()
    got = boot(direct(disk.path, case.words))
    refused(got, "ROOT_MISPLACED" if case.says else "ROOT_NO_INIT", "check", case.says)
