# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two whole sets on one disk, as an updater leaves them: which one is booted, and on whose word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import chain
import lab
import verified
from expect import QUICKLY, boots, direct, refused
from lab import gpt, hermetic
from variants import variant

pytestmark = pytest.mark.xdist_group("usr")
SYSTEMS = ["root", "usr"]
WORDS = {"root": "", "usr": "root=tmpfs mount.usr=dissect systemd.volatile=no"}
SUFFIX = {"data": "", "hash": "_verity", "sig": "_verity-sig"}
RULES = QUICKLY + "failure.proof=next-slot halt\nfailure.ROOT_INCOMPLETE=next-slot halt\nfailure.root=next-slot halt\n"


@pytest.fixture
def judged(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


def whole(system: str) -> list[lab.Part]:
    """A set that boots."""
    return lab.root_parts() if system == "root" else hermetic.usr_parts()


def other(system: str) -> list[lab.Part]:
    """As whole and as well signed, but without a system: ROOT_NO_OS shows that it was taken."""
    return variant("no-os", designator=system)


def slot(parts: list[lab.Part], version: int, kinds: tuple[str, ...]) -> list[lab.PartSpec]:
    """What is there of the set with this version; each signature has a UUID of its own."""
    specs = zip(lab.disk.root_parts(parts), parts, strict=True)
    return [replace(spec, label=f"os_{version}{SUFFIX[part.kind]}",
                    uuid=f"a0b000{version:02}-51b1-4a7e-9d3a-6f1b6e3c1d0e" if part.kind == "sig" else spec.uuid)
            for spec, part in specs if part.kind in kinds]


def disk_of(out: Path, older: list[lab.Part], newer: list[lab.Part],
            kinds: tuple[str, ...] = ("data", "hash", "sig")) -> lab.Disk:
    """Version 9, and version 10 or these of its partitions; the newer one first on the disk."""
    specs = slot(newer, 10, kinds) + slot(older, 9, ("data", "hash", "sig"))
    return lab.make_disk(out, kinds=(), more=specs)


def chosen(got: lab.Result) -> list[str]:
    """The labels of the partitions that the root came of."""
    return sorted(part["label"] for part in got.record["partitions"]
                  if (part["verdict"] or "").endswith(("chosen", "chosen one")))


def labels(version: int) -> list[str]:
    return [f"os_{version}{suffix}" for suffix in SUFFIX.values()]


@dataclass(frozen=True)
class Word:
    """What the command line says, with the hash of a set put in; which one is booted; the twin's end."""

    name: str
    good: str       # boots version 9
    bad: str        # does not boot
    code: str
    stage: str
    says: str = ""


NOBODYS = "12" * 32
ASKED = [
    Word("hash-of-the-other", "{system}hash={nine}", "{system}hash={ten}", "ROOT_NO_OS", "check"),
    Word("hash-of-none", "{system}hash={nine}", "{system}hash=" + NOBODYS, "ROOT_INCOMPLETE", "choose",
         "data partition '12121212-.*' is not there"),
    Word("filter", "systemd.image_filter={system}=os_9*", "systemd.image_filter={system}=os_10*",
         "ROOT_NO_OS", "check"),
    Word("filter-fits-none", "systemd.image_filter={system}=*_9*", "systemd.image_filter={system}=os_8*",
         "ROOT_MISSING", "choose", "hidden by systemd.image_filter="),
    Word("filter-against-hash", "systemd.image_filter={system}=os_9* {system}hash={nine}",
         "systemd.image_filter={system}=os_10* {system}hash={nine}", "ROOT_INCOMPLETE", "choose",
         "data partition '.*' is hidden by systemd.image_filter="),
    Word("filter-against-its-hashes", "systemd.image_filter={system}=os_9*",
         "systemd.image_filter={system}=os_9 {system}hash={nine}", "ROOT_INCOMPLETE", "choose",
         "lacks its hash partition '.*', which is hidden by systemd.image_filter="),
]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("case", ASKED, ids=lambda case: case.name)
def test_the_older_one_if_asked_for(case, system, judged, tmp_path):
    older, newer = whole(system), other(system)
    disk = disk_of(tmp_path / "disk.img", older, newer)
    image = chain.initrd("slots", conf=QUICKLY)

    def words(text: str) -> str:
        hashes = {"nine": older[0].roothash, "ten": newer[0].roothash}
        return f"{WORDS[system]} {text.format(system=system, **hashes)}"

    got = judged(direct(disk.path, words(case.good), initrd=image))
    boots(got)
    assert got.record["root"]["roothash"] == older[0].roothash
    assert chosen(got) == labels(9), got.record["partitions"]
    refused(judged(direct(disk.path, words(case.bad), initrd=image)), case.code, case.stage, case.says)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_newest_one_unasked(system, judged, tmp_path):
    """By version: 10 is newer than 9."""
    image = chain.initrd("slots", conf=QUICKLY)
    disk = disk_of(tmp_path / "good.img", other(system), whole(system))
    got = judged(direct(disk.path, WORDS[system], initrd=image))
    boots(got)
    assert chosen(got) == labels(10), got.record["partitions"]
    disk = disk_of(tmp_path / "bad.img", whole(system), other(system))
    refused(judged(direct(disk.path, WORDS[system], initrd=image)), "ROOT_NO_OS", "check")


INCOMPLETE = [  # what there is of the newer set; what is said about it
    (("data",), "SIGNATURE_MISSING"), (("data", "hash"), "SIGNATURE_MISSING"),
    (("data", "sig"), "ROOT_INCOMPLETE")]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("kinds,code", INCOMPLETE, ids=["-".join(kinds) for kinds, _ in INCOMPLETE])
def test_newer_one_that_is_not_whole(kinds, code, system, boot, judged, tmp_path):
    """Without a rule nobody goes back to an older version, or who damages the newer one could ask for it."""
    disk = disk_of(tmp_path / "disk.img", whole(system), other(system), kinds)
    refused(judged(direct(disk.path, WORDS[system], initrd=chain.initrd("slots", conf=QUICKLY))), code, "choose")
    got = boot(direct(disk.path, WORDS[system], initrd=chain.initrd("slots-rules", conf=RULES)))
    boots(got)
    assert [(at["label"], at["code"]) for at in got.record["attempts"]] == [("os_10", code)]
    assert chosen(got) == labels(9), got.record["partitions"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_newer_one_without_data(system, judged, tmp_path):
    """Its hashes and its signature choose nothing; the twin lacks the data of both."""
    image = chain.initrd("slots", conf=QUICKLY)
    disk = disk_of(tmp_path / "disk.img", whole(system), other(system), ("hash", "sig"))
    got = judged(direct(disk.path, WORDS[system], initrd=image))
    boots(got)
    assert chosen(got) == labels(9), got.record["partitions"]
    disk.table.entries = [entry for entry in disk.table.entries if entry.label != "os_9"]
    disk.rewrite_table()
    refused(judged(direct(disk.path, WORDS[system], initrd=image)), "ROOT_MISSING", "choose")


TYPES = {"root": (gpt.ROOT, gpt.ROOT_VERITY, gpt.ROOT_VERITY_SIG),
         "usr": (gpt.USR, gpt.USR_VERITY, gpt.USR_VERITY_SIG)}


@pytest.mark.parametrize("system", SYSTEMS)
def test_slot_that_an_updater_has_emptied(system, judged, tmp_path):
    """Three partitions that systemd-sysupdate will fill; the twin calls them the newest version."""
    image = chain.initrd("slots", conf=QUICKLY)
    empty = [lab.PartSpec(kind, f"e0b0000{n}-51b1-4a7e-9d3a-6f1b6e3c1d0e", "_empty", size=1 << 20)
             for n, kind in enumerate(TYPES[system])]
    disk = lab.make_disk(tmp_path / "disk.img", kinds=(),
                         more=[*empty, *slot(whole(system), 9, ("data", "hash", "sig"))])
    got = judged(direct(disk.path, WORDS[system], initrd=image))
    boots(got)
    assert chosen(got) == labels(9), got.record["partitions"]
    for entry, suffix in zip(disk.table.entries[1:4], SUFFIX.values(), strict=True):
        entry.label = f"os_10{suffix}"
    disk.rewrite_table()
    got = judged(direct(disk.path, WORDS[system], initrd=image))
    refused(got, "SIGNATURE_MALFORMED", "choose", "no JSON")
