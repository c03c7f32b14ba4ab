# SPDX-License-Identifier: LGPL-2.1-or-later
"""The one disk that this machine was started from, and on it the one newest whole set."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import chain
import lab
import verified
from expect import MEASURE, boots, direct, refused
from lab import appliance, gpt
from variants import variant


@pytest.fixture
def boot(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


DATA, HASH = "root-x86-64", "root-x86-64-verity"
UUIDS = [f"d15c{n:04x}-51b1-4a7e-9d3a-6f1b6e3c1d0e" for n in range(8)]
BY_NAME = "slipway.disk=/dev/vda"  # answered at once, where a UUID is awaited
OTHER_ESP = "e5b0ffff-51b1-4a7e-9d3a-6f1b6e3c1d0e"
NO_OPT_IN = appliance.CMDLINE + " slipway.failure_delay=0"


def claim_entries(disk: lab.Disk) -> None:
    """Both headers, with right checksums, claim 2^32 - 1 entries."""
    for backup, sector in ((False, 1), (True, disk.table.sectors - 1)):
        header = bytearray(disk.table.header(backup)[:92])
        struct.pack_into("<I", header, 80, 0xFFFFFFFF)
        struct.pack_into("<I", header, 16, 0)
        struct.pack_into("<I", header, 16, zlib.crc32(header))
        disk.write(sector * disk.table.sector_size, bytes(header))


def overlap(label: str) -> Callable[[lab.Disk], None]:
    """Another partition lies over the last sectors of the one with this label."""
    def add(disk: lab.Disk) -> None:
        last = disk.entry(label).last
        disk.table.entries.append(gpt.Entry(gpt.LINUX, UUIDS[0], last - 15, last, 0, "over"))
        disk.rewrite_table()
    return add


def end_outside(disk: lab.Disk) -> None:
    """The root would end behind the last sector of the disk, with right checksums."""
    disk.entry(DATA).last = disk.table.sectors + 100
    disk.rewrite_table()


@dataclass(frozen=True)
class Table:
    """A partition table with something wrong; no code: the demo boots from it."""

    name: str
    spoil: Callable[[lab.Disk], None]
    code: str = ""
    stage: str = "discover"
    says: str = ""
    words: str = BY_NAME
    tpm: bool = False


TABLES = [
    Table("both-broken", lambda d: d.spoil_gpt(primary=True, backup=True), "GPT_INVALID",
          says=r"LBA 1: checksum.*LBA \d{5,}: checksum", tpm=True),
    Table("both-broken-by-uuid", lambda d: d.spoil_gpt(primary=True, backup=True), "GPT_INVALID",
          says="no valid partition table", words="slipway.timeout=5"),
    Table("absurd-count", claim_entries, "GPT_INVALID", says="4294967295 entries.*4294967295",
          tpm=True),
    Table("no-protective-mbr", lambda d: d.write(446, bytes(64)), "GPT_INVALID",
          says="'vda' has no protective MBR"),
    Table("overlap-data", overlap(DATA), "GPT_OVERLAP", "choose", "'root-x86-64'", tpm=True),
    Table("overlap-hash", overlap(HASH), "GPT_OVERLAP", "choose", "'root-x86-64-verity'",
          tpm=True),
    Table("overlap-signature", overlap(HASH + "-sig"), "GPT_OVERLAP", "choose", "verity-sig'",
          tpm=True),
    Table("overlap-esp", overlap("esp")),
    Table("ends-outside", end_outside, "ROOT_MISSING", "choose", tpm=True),
]


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case.name)
def test_partition_table(case, boot, tmp_path):
    disk = lab.make_disk(tmp_path / "disk.img")
    case.spoil(disk)
    got = boot(direct(disk.path, case.words, tpm=case.tpm))
    if case.code:
        refused(got, case.code, case.stage, case.says)
    else:
        boots(got, warning="overlap")


@pytest.mark.parametrize("files,code", [({}, ""), ({"shrink": b""}, "GPT_DISAGREES")], ids=["same", "shorter"])
def test_kernel_has_another_partition(files, code, demo, boot, tmp_path):
    """One is shorter for it than the table says, since before init looked, as it awaits a TPM."""
    image = chain.beside("late_tpm", demo.initrd, tmp_path / "initrd", files)
    got = boot(direct(demo.disk, "rdinit=/late_tpm", initrd=image, tpm=True))
    if code:
        refused(got, code, "discover", "'vda2' at byte")
    else:
        boots(got)


@pytest.mark.parametrize("primary", [True, False], ids=["primary", "backup"])
def test_one_table_is_enough(primary, boot, tmp_path):
    disk = lab.make_disk(tmp_path / "disk.img")
    disk.spoil_gpt(primary=primary, backup=not primary)
    one_is_enough(boot(direct(disk.path)), primary)


def test_one_list_of_entries_is_enough(boot, tmp_path):
    """The primary header is good, and its list is not: the copy is what counts."""
    disk = lab.make_disk(tmp_path / "disk.img")
    disk.write(2 * 512 + 56, b"X")
    one_is_enough(boot(direct(disk.path)), True)


def one_is_enough(got: lab.Result, primary: bool) -> None:
    boots(got, warning=r"primary partition table of 'vda' is broken" if primary else "")
    # Once, though the disk is looked for again before the hand-over.
    assert got.serial.count("is broken (") == primary, got.explain()
    assert got.record["disk"]["gpt"] == ("backup" if primary else "primary")


@pytest.mark.parametrize("made,sector_size", [(4096, 4096), (4096, 512), (512, 4096)])
def test_sector_size(made, sector_size, boot, tmp_path):
    disk = lab.make_disk(tmp_path / "disk.img", sector_size=made)
    got = boot(direct(disk.path, BY_NAME, sector_size=sector_size))
    if made == sector_size:
        boots(got)
        assert got.record["disk"]["sector_size"] == sector_size
    else:
        refused(got, "GPT_INVALID", "discover", f"sectors of {sector_size} .* sectors of {made}")


# ---- which disk ----

def impostor(out: Path, esp: str) -> lab.Disk:
    """Every UUID of the demo's disk but the ESP's, a newer label, and a root by an attacker."""
    disk = lab.make_disk(out, parts=variant("no-os", "attacker"))
    mine = {part.type: part for part in lab.root_parts()}
    for entry in disk.table.entries:
        if entry.type in mine:
            entry.uuid = mine[entry.type].uuid
            entry.label += "_999"
        elif entry.type == gpt.ESP:
            entry.uuid = esp
    disk.rewrite_table()
    return disk


@pytest.mark.parametrize("number", [0, 1], ids=["first", "second"])
def test_two_disks_with_one_esp(number, demo, boot, tmp_path):
    """It does not matter which of them the kernel names first; both are there when we start."""
    other = impostor(tmp_path / "other.img", appliance.disk.ESP_UUID)
    spec = direct(demo.disk, tpm=True, bus="nvme")
    spec.drives.insert(number, lab.Drive(other.path, bus="nvme"))
    refused(boot(spec), "DISK_AMBIGUOUS", "discover", "'nvme0n1' and 'nvme1n1'")


def test_second_disk_shows_later(demo, boot, tmp_path):
    """The driver shows its disks one by one: the second may come when the first is taken."""
    other = impostor(tmp_path / "other.img", appliance.disk.ESP_UUID)
    spec = direct(demo.disk, tpm=True)
    spec.drives.append(lab.Drive(other.path))
    got = boot(spec)
    stage = "check" if got.seen("boot disk is 'vda'") else "discover"
    refused(got, "DISK_AMBIGUOUS", stage, "'vda' and 'vdb'")


def test_other_disk_is_never_touched(demo, boot, tmp_path):
    """The other disk fails every read of a partition; only the booted system runs into that."""
    other = impostor(tmp_path / "other.img", OTHER_ESP)
    starts = [entry.first for entry in other.table.entries]
    rules = tmp_path / "blkdebug"
    rules.write_text("".join(f'[inject-error]\nevent = "none"\niotype = "read"\nerrno = "5"\n'
                             f'sector = "{sector}"\n' for sector in starts))
    touched = r"I/O error, dev vda, sector " + f"({'|'.join(map(str, starts))}) "
    spec = direct(demo.disk, until=touched)
    spec.drives.insert(0, lab.Drive(other.path, blkdebug=str(rules)))
    got = boot(spec)
    boots(got)
    assert got.record["disk"]["name"] == "vdb"
    assert got.record["root"]["roothash"] == demo.roothash
    assert all(part["name"].startswith("vdb") for part in got.record["partitions"])
    # The fault is real, and nobody met it before the hand-over.
    assert got.end == "stopped" and got.seen(touched) > got.seen("handing over to"), got.explain()


def test_nothing_names_the_disk(demo, boot):
    spec = direct(demo.disk, tpm=True)
    spec.append = f"{NO_OPT_IN} {MEASURE}"
    refused(boot(spec), "BOOT_DISK_UNKNOWN", "discover", "no LoaderDevicePartUUID")


NAMED = [  # code and stage; none: it boots
    ("roothash={hash}", "", ""), ("root=PARTUUID={uuid}", "", ""),
    (f"root=PARTLABEL={DATA}", "", ""), ("root=/dev/vda2", "", ""),
    ("roothash=" + "7" * 64, "DISK_TIMEOUT", "discover"),
    (f"root=PARTUUID={UUIDS[0]}", "DISK_TIMEOUT", "discover"),
    (f"root=PARTLABEL={HASH}", "DISK_TIMEOUT", "discover"),
    ("root=/dev/vda9", "DISK_TIMEOUT", "discover"),
    (f"root=PARTUUID={appliance.disk.ESP_UUID}", "ROOT_MISSING", "choose"),
]


@pytest.mark.parametrize("words,code,stage", NAMED)
def test_words_that_name_the_root_name_its_disk(words, code, stage, demo, boot):
    """Without a loader and without slipway.disk=."""
    spec = direct(demo.disk)
    named = words.format(hash=demo.roothash, uuid=demo.part("data").uuid)
    spec.append = f"{NO_OPT_IN} slipway.timeout={2 if code == 'DISK_TIMEOUT' else 30} {named}"
    got = boot(spec)
    if code:
        refused(got, code, stage)
    else:
        boots(got)
        assert got.record["disk"]["name"] == "vda"


@pytest.mark.parametrize("words,code,stage", [
    ("root=/dev/vda1", "ROOT_MISSING", "choose"),  # the ESP
    ("root=/dev/vdb2", "SIGNATURE_MISMATCH", "choose"),
    (f"root=PARTLABEL={DATA}_999", "SIGNATURE_MISMATCH", "choose"),
    (f"root=PARTLABEL={DATA}", "DISK_AMBIGUOUS", "discover")])
def test_a_named_root_must_be_proven(words, code, stage, demo, boot, tmp_path):
    """And a name that fits two disks is none."""
    other = impostor(tmp_path / "other.img", OTHER_ESP)
    if code == "DISK_AMBIGUOUS":
        other.entry(f"{DATA}_999").label = DATA
        other.rewrite_table()
    spec = direct(demo.disk, tpm=True, bus="nvme" if code == "DISK_AMBIGUOUS" else "virtio-blk")
    spec.append = f"{NO_OPT_IN} {MEASURE} {words}"
    spec.drives.append(lab.Drive(other.path, bus=spec.drives[0].bus))
    refused(boot(spec), code, stage)


@pytest.mark.parametrize("words,what", [
    (f"slipway.disk=PARTUUID={OTHER_ESP}", OTHER_ESP), ("slipway.disk=/dev/vdz", "vdz")])
def test_disk_that_never_appears(words, what, demo, boot, tmp_path):
    """The second disk has no table at all: that is not what went wrong."""
    data = tmp_path / "data.img"
    data.write_bytes(bytes(1 << 20))
    spec = direct(demo.disk, f"{words} slipway.timeout=6", tpm=False)
    spec.drives.append(lab.Drive(data))
    got = boot(spec)
    refused(got, "DISK_TIMEOUT", "discover", rf"{what}.* disks: vda vdb; modules:.* virtio_blk")
    took = next(s for s in got.record["stages"] if s["name"] == "discover")["duration_us"] / 1e6
    assert 5.9 <= took < 30, f"gave up after {took} s"


@pytest.mark.parametrize("bus", ["virtio-blk", "nvme"])
def test_disk_that_appears_late(bus, demo, boot):
    """Plugged in when init says that it waits: the event wakes it, no poll does."""
    spec = direct(demo.disk, bus=bus, when=[lab.When("slipway: waiting for the disk", attach=0)])
    spec.drives[0] = replace(spec.drives[0], attached=False)
    got = boot(spec)
    boots(got)
    assert got.seen("waiting for the disk with") < got.seen("boot disk is")
    assert got.serial.count("waiting for the disk with") == 1  # not at the next line


# ---- which partition ----

def set_of(parts: list[lab.Part], label: str, signature: str) -> list[lab.PartSpec]:
    """A whole set whose partitions carry this version, and whose signature has this UUID."""
    changes = {"data": {"label": label}, "hash": {"label": label + "_hash"},
               "sig": {"label": label + "_sig", "uuid": signature}}
    return [replace(spec, **changes[part.kind]) for spec, part in
            zip(appliance.disk.root_parts(parts), parts, strict=True)]


@pytest.mark.parametrize("system,broken,code", [
    ("a_10", "a_9", ""), ("a_9", "a_10", "ROOT_NO_OS"), ("a_10", "a_10~rc1", ""),
    ("a_10", "a_10", "ROOT_AMBIGUOUS")])
def test_versions(system, broken, code, demo, boot, tmp_path):
    """Two whole, well signed sets; one of them lacks a system, so it shows which was taken."""
    sets = set_of(variant("no-os"), broken, UUIDS[4]) + set_of(lab.root_parts(), system, UUIDS[5])
    disk = lab.make_disk(tmp_path / "disk.img", kinds=(), more=sets)
    got = boot(direct(disk.path, "slipway.timeout=20"))
    if code:
        refused(got, code, "choose" if code == "ROOT_AMBIGUOUS" else "check")
    else:
        boots(got)
        assert got.record["root"]["roothash"] == demo.roothash


NOT_MEANT = [
    lab.PartSpec(gpt.ROOT, UUIDS[1], "_empty", size=1 << 20),
    lab.PartSpec(gpt.ROOT, UUIDS[2], "root-x86-64_99", gpt.NO_AUTO, size=1 << 20),
    lab.PartSpec(gpt.ROOT, UUIDS[3], "PRT#root-x86-64_99", size=1 << 20),
]


def test_partitions_that_are_not_meant(boot, tmp_path):
    disk = lab.make_disk(tmp_path / "disk.img", more=NOT_MEANT)
    got = boot(direct(disk.path))
    boots(got)
    verdicts = {part["label"]: part["verdict"] for part in got.record["partitions"]}
    assert verdicts["root-x86-64"] == "chosen"
    assert "_empty" in verdicts["_empty"]
    assert "no-auto" in verdicts["root-x86-64_99"]
    assert "half written" in verdicts["PRT#root-x86-64_99"]


@pytest.mark.parametrize("number,says", [(0, "_empty"), (1, "no-auto"), (2, "half written")])
def test_only_a_partition_that_is_not_meant(number, says, boot, tmp_path):
    """The twin: the hash and signature are there, and the data is called unusable."""
    disk = lab.make_disk(tmp_path / "disk.img", kinds=("hash", "sig"), more=[NOT_MEANT[number]])
    refused(boot(direct(disk.path)), "ROOT_MISSING", "choose", says)


def test_policy_for_another_partition(demo, boot):
    """Nobody uses the ESP here; a policy that wants none refuses the image all the same."""
    got = boot(direct(demo.disk, "systemd.image_policy=root=signed:esp=absent"))
    refused(got, "POLICY_REFUSED", "choose", "'absent' for 'esp'")
