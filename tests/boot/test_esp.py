# SPDX-License-Identifier: LGPL-2.1-or-later
"""Extensions from the ESP itself: damage, and boots in which no stub could hand anything over."""

from __future__ import annotations

from pathlib import Path

import pytest

from expect import boots, direct, refused
from lab import gpt
from test_extension import make, verdicts, with_esp

# With long names: a cluster of 512 bytes has "." and "..", and three of them.
LONG = [f"with-a-long-name-{n}" for n in range(4)]
TAIL, BAD = 0xffffff8, 0xffffff7


class Fat32:
    """The ESP of a disk, of one sector a cluster, as far as damage needs it."""

    def __init__(self, image: Path):
        start = next(e.first for e in gpt.read_entries(image) if e.type == gpt.ESP) * 512
        self.image, self.disk = image, bytearray(image.read_bytes())
        boot = self.disk[start:start + 512]
        assert boot[11:14] == b"\0\2\1", "not a sector of 512 bytes a cluster"
        self.table = start + int.from_bytes(boot[14:16], "little") * 512
        self.data = self.table + boot[16] * int.from_bytes(boot[36:40], "little") * 512
        self.root = int.from_bytes(boot[44:48], "little")

    def next(self, cluster: int) -> int:
        at = self.table + 4 * cluster
        return int.from_bytes(self.disk[at:at + 4], "little") & 0xfffffff

    def folder(self, name: str) -> int:
        """The first cluster of a folder of the root."""
        cluster = self.root
        while cluster < BAD:
            at = self.data + (cluster - 2) * 512
            for entry in (self.disk[n:n + 32] for n in range(at, at + 512, 32)):
                if entry[:11] == name.upper().encode().ljust(11) and entry[11] & 0x10:
                    return int.from_bytes(entry[26:28] + entry[20:22], "little")
            cluster = self.next(cluster)
        raise LookupError(name)

    def point(self, cluster: int, to: int) -> None:
        """Whatever was behind this cluster, it is no more."""
        at = self.table + 4 * cluster
        self.disk[at:at + 4] = to.to_bytes(4, "little")
        self.image.write_bytes(self.disk)


@pytest.fixture
def damaged(lab, boot, tmp_path):
    """`damaged(how, conf)`: /broken has LONG in two clusters, behind the first of which is damage."""

    def run(how: str, conf: str):
        files = {f"{'broken' if name in LONG else 'whole'}/{name}.sysext.raw":
                 make(lab, tmp_path, name, files={f"usr/share/{name}": b"x\n"}) for name in [*LONG, "good"]}
        image = with_esp(tmp_path, files)
        fat = Fat32(image)
        first = fat.folder("broken")
        assert fat.next(first) < BAD <= fat.next(fat.next(first))
        fat.point(first, {"circle": first, "bad-cluster": BAD, "whole": fat.next(first)}[how])
        conf = f"esp-extensions=/broken /whole\n{conf}"
        return boot(direct(image, initrd=lab.initrd(tmp_path / "initrd", conf=conf)))

    return run


@pytest.mark.parametrize("how, what", [("circle", "a folder has no end"),
                                       ("bad-cluster", "a cluster is outside of it")])
def test_a_damaged_folder_costs_only_what_it_hides(how, what, damaged):
    got = damaged(how, "")
    boots(got, f"what cannot be read of '/broken' of the ESP is skipped: the FAT file system is damaged: {what}")
    found = verdicts(got)
    assert found.pop("good") == "merged"
    assert set(found) < set(LONG) and list(found.values()) == ["merged"] * 3


@pytest.mark.parametrize("how", ["bad-cluster", "whole"])
def test_what_it_hides_may_be_required(how, damaged):
    got = damaged(how, f"required-extensions={' '.join(LONG)}\nfailure-delay=0\n")
    if how == "whole":
        boots(got)
        assert verdicts(got) == dict.fromkeys([*LONG, "good"], "merged")
    else:
        refused(got, "EXTENSION_MISSING", "extend", says="'with-a-long-name-.': there is none of that name")
