# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines of the root's fstab for the initrd: mounted from the boot disk as the policy allows, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import lab
import test_state_luks
from expect import boots, direct, refused, runs_whole
from lab import hermetic, luks, tree
from lab.disk import PartSpec
from test_state import ALLOWED, WEAK, disk_of, empty, ext4, initrd, with_files

pytestmark = pytest.mark.xdist_group("usr")
VAR, SRV = "4d21b016-b534-45c2-a9fb-5c16e091fd2d", "3b8f8425-20e0-4f3b-907f-1a25a76f98e8"
GENERIC = "0fc63daf-8483-4772-8e79-3d69d8477de4"
PARTUUID = "57a7e000-51b1-4a7e-9d3a-0000000000a1"
FS_UUID = "57a7e000-51b1-4a7e-9d3a-0000000000f5"
WORDS = "mount.usr=dissect rw"
MARK = ",x-initrd.mount 0 2\n"


@pytest.fixture(scope="module")
def parts():
    return hermetic.usr_parts()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A file system for /var, with a label and a UUID."""
    return ext4(tmp_path_factory.mktemp("data") / "data.ext4", empty, "-L", "stuff", "-U", FS_UUID, size=16)


def own(tmp_path: Path, text: str, **files: str) -> Path:
    """A root partition with this fstab; its own file system is called 'own'."""
    return ext4(tmp_path / "state.ext4", with_files(etc__fstab=text, srv__kept="x", **files), "-L", "own")


def part(content: Path, number: int = 1, type_: str = VAR, attributes: int = 0) -> PartSpec:
    return PartSpec(type_, f"{PARTUUID[:-1]}{number}", f"data{number}", attributes, content)


def test_debian_runs(boot, parts, data, tmp_path):
    """Its /var is there before its systemd is, and the host takes it for the one of its fstab."""
    image = own(tmp_path, "LABEL=stuff /var ext4 rw,noatime" + MARK)
    disk = disk_of(tmp_path, parts, image, beside=[part(data)])
    got = boot(direct(disk.path, WORDS, until="", initrd=initrd("allowed")))
    boots(got, warning=WEAK)
    runs_whole(got)
    var = got.report.mount("/var")
    assert (var["source"], var["fstype"]) == (got.record["mounts"][0]["device"], "ext4")
    assert {"rw", "noatime", "nodev"} <= set(var["options"].split(",")), var
    assert got.seen("mounted '.*' .ext4. at '/var'") < got.seen("handing over to")


MOUNTED = [  # the line, what the record has of it
    (f"UUID={FS_UUID.upper()} //var/ auto ro{MARK}", ("/var", "ext4", False)),
    (f"/dev/disk/by-partuuid/{PARTUUID} /var ext4 defaults{MARK}", ("/var", "ext4", True)),
    (f"PARTLABEL=data1 /var ext4 defaults{MARK}", ("/var", "ext4", True)),
    (f"tmpfs /srv tmpfs size=10%{MARK}", ("/srv", "tmpfs", True)),
    (f"LABEL=own /srv ext4 defaults{MARK}", ("/srv", "ext4", True)),
    ("# LABEL=stuff /var ext4 x-initrd.mount\nLABEL=stuff /var ext4 rw\nUUID=1 / ext4 rw" + MARK, None),
    (f"/dev/sdz9 /usr ext4 ro{MARK}", "is about /usr, which is mounted"),
    (f"LABEL=nobody /srv ext4 nofail{MARK}", "'/srv': 'LABEL=nobody' is not on the boot disk.*left to the host"),
    (f"/dev/vda9 /o\\033[2Jx ext4 nofail{MARK}short\n\\\n", "left to the host"),
]
NAMES = ["by-uuid", "by-partuuid", "by-partlabel", "tmpfs", "own-volume", "not-wanted", "usr-is-there",
         "nofail", "control-characters"]


@pytest.mark.parametrize("text, found", MOUNTED, ids=NAMES)
def test_lines(text, found, boot, parts, data, tmp_path):
    disk = disk_of(tmp_path, parts, own(tmp_path, text), beside=[part(data)])
    got = boot(direct(disk.path, WORDS, initrd=initrd("allowed")))
    boots(got, warning=found if isinstance(found, str) else WEAK)
    mounts = [(m["where"], m["filesystem"], m["writable"]) for m in got.record.get("mounts", [])]
    assert mounts == ([found] if isinstance(found, tuple) else []), mounts
    assert "\033[2J" not in got.serial


def test_own_volume_that_is_encrypted(boot, parts, tmp_path):
    """Opened once, for all that is in it."""
    image = ext4(tmp_path / "state.ext4",
                 with_files(etc__fstab=f"/dev/mapper/root /srv ext4 noatime{MARK}", srv__kept="x"), size=16)
    got = boot(test_state_luks.opened(tmp_path, parts, image))
    boots(got)
    assert got.record["mounts"] == [
        {"where": "/srv", "device": "/dev/mapper/root", "filesystem": "ext4", "writable": True}]


def test_no_fstab(boot, parts, data, tmp_path):
    """The word for all of it, here as for the host."""
    disk = disk_of(tmp_path, parts, own(tmp_path, "LABEL=nobody /var ext4 rw" + MARK), beside=[part(data)])
    got = boot(direct(disk.path, WORDS + " rd.fstab=no", initrd=initrd("allowed")))
    boots(got, warning=WEAK)
    assert "mounts" not in got.record


def spoiled(image: Path, tmp_path: Path) -> Path:
    """Its superblock's checksum is wrong."""
    out = tmp_path / "spoiled.ext4"
    raw = bytearray(image.read_bytes())
    raw[1024 + 0x3FC] ^= 1
    out.write_bytes(raw)
    return out


def elsewhere(image: Path, tmp_path: Path) -> Path:
    """It says that it is for /srv."""
    out = tmp_path / "elsewhere.ext4"
    out.write_bytes(image.read_bytes())
    lab.tool("debugfs", "-w", "-R", "ea_set / user.validatefs.mount_point /srv", tree.host(out))
    return out


@dataclass(frozen=True)
class Case:
    """A line that is refused, and why; of partitions beside the root."""

    name: str
    says: str
    text: str = "LABEL=stuff /var ext4 rw" + MARK
    types: tuple[str, ...] = (VAR,)
    conf: str = ALLOWED
    change: Callable[[Path, Path], Path] = lambda image, tmp_path: image
    files: tuple[tuple[str, str], ...] = ()


CASES = [
    Case("missing", "'LABEL=nobody' is not on the boot disk", f"LABEL=nobody /srv ext4 rw{MARK}"),
    Case("twice", "'LABEL=stuff' is there more than once", types=(VAR, SRV)),
    Case("generic", "is of type 'linux-generic', for which", types=(GENERIC,)),
    Case("policy", "allows 'encrypted' for 'data1'", conf="image-policy=usr=signed:root=unprotected:var=encrypted:=open\n"),
    Case("policy-type", "file system 'ext4'", conf="image-policy=usr=signed:root=unprotected:var=unprotected+xfs:=open\n"),
    Case("over-etc", "there are programs or their configuration", f"LABEL=stuff /etc ext4 rw{MARK}"),
    Case("below-usr", "there are programs or their configuration", f"LABEL=stuff /usr/local ext4 rw{MARK}"),
    Case("over-run", "nothing may be mounted there", f"LABEL=own /run ext4 rw{MARK}"),
    Case("back", "nothing may be mounted there", f"LABEL=stuff /var/../usr ext4 rw{MARK}"),
    Case("a-link", "open the directory '/away'", f"LABEL=stuff /away ext4 rw{MARK}", files=(("away", "->var"),)),
    Case("no-directory", "open the directory '/more'", f"LABEL=stuff /more ext4 rw{MARK}"),
    Case("type", "it is 'ext4', and the line says 'xfs'", f"LABEL=stuff /var xfs rw{MARK}"),
    Case("encrypted", "crypto_LUKS", f"PARTLABEL=data1 /var auto rw{MARK}",
         change=lambda image, tmp_path: luks.empty(tmp_path / "luks.img")),
    Case("spoiled", "no known file system", f"PARTLABEL=data1 /var ext4 rw{MARK}", change=spoiled),
    Case("elsewhere", "'/srv'", change=elsewhere),
    Case("journal", "name more than this file system", f"LABEL=stuff /var ext4 journal_dev=0x811{MARK}"),
    Case("network", "'server:/x' .nfs. is nothing that this initrd mounts", f"server:/x /srv nfs rw{MARK}"),
    Case("bind", "nothing that this initrd mounts", f"/var /srv none bind{MARK}"),
    Case("proven", "'LABEL=usr' is not on the boot disk", f"LABEL=usr /srv erofs ro{MARK}"),
    Case("many", "more than 16 mounts", f"tmpfs /srv tmpfs rw{MARK}" * 17),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(case, boot, parts, data, tmp_path):
    """Nobody's line puts anything in the place of what is proven, or comes from another disk."""
    content = case.change(data, tmp_path)
    beside = [part(content, n, type_) for n, type_ in enumerate(case.types, 1)]
    disk = disk_of(tmp_path, parts, own(tmp_path, case.text, **dict(case.files)), beside=beside)
    name = "allowed" if case.conf == ALLOWED else f"fstab-{case.name}"
    got = boot(direct(disk.path, WORDS, initrd=initrd(name, case.conf)))
    refused(got, "ROOT_FSTAB", "check", f"the root's fstab.*{case.says}")


def test_on_another_disk(boot, parts, data, tmp_path):
    """Of any other disk nothing is read but the table."""
    disk = disk_of(tmp_path, parts, own(tmp_path, "LABEL=stuff /var ext4 rw" + MARK))
    spec = direct(disk.path, WORDS, initrd=initrd("allowed"))
    other = lab.disk.layout(tmp_path / "other.img", [part(data)], disk_uuid="51b1a7e0-c0de-4d57-9d3a-0000000000d2")
    spec.drives.append(lab.Drive(other.path))
    refused(boot(spec), "ROOT_FSTAB", "check", "'LABEL=stuff' is not on the boot disk")
