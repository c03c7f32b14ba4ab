# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a host's end leaves on the disk: nothing to repair, of a root that could be written to."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from expect import QUICKLY, boots, direct
from lab import hermetic, luks, paths, tree
from test_exitrd import ENTERED
from test_luks import CREDENTIAL, POLICY, disk_of
from test_state import ALLOWED, ext4, installed
from test_state import disk_of as disk_with_usr

pytestmark = pytest.mark.xdist_group("luks")
EXITRD = QUICKLY + "exitrd=yes\n"


def on_luks(tmp_path: Path) -> tuple[lab.Disk, lab.Spec, tuple[str, ...]]:
    """An encrypted root; the disk, what boots it, and the devices that have to be detached."""
    image = lab.initrd(paths.LAB / "initrd-clean-luks.zst", conf=EXITRD + POLICY,
                       more=("--luks", "--init", paths.INIT_LUKS))
    disk = disk_of(tmp_path, luks.root())
    return disk, direct(disk.path, "rw", initrd=image, smbios=[CREDENTIAL + luks.PASSPHRASE]), ("root",)


def beside_usr(tmp_path: Path) -> tuple[lab.Disk, lab.Spec, tuple[str, ...]]:
    """A root of ext4 that nothing proves, beside a /usr."""
    image = lab.initrd(paths.LAB / "initrd-clean-state.zst", conf=EXITRD + ALLOWED)
    disk = disk_with_usr(tmp_path, hermetic.usr_parts(), ext4(tmp_path / "state.ext4", installed))
    return disk, direct(disk.path, "mount.usr=dissect rw", initrd=image), ("usr",)


KINDS = [on_luks, beside_usr]


def check(disk: lab.Disk, out: Path) -> tuple[int, str]:
    """What e2fsck says of the root, repairing nothing: its exit status and its words."""
    label = "root-x86-64" if any(e.label == "root-x86-64" for e in disk.table.entries) else "state"
    disk.copy_out(label, out)
    if out.read_bytes()[:4] == b"LUKS":
        luks.decrypt(out)
    script = 'e2fsck -f -n "$1" 2>&1; code=$?; dumpe2fs -h "$1" 2>/dev/null; exit $code'
    done = lab.tool("sh", "-c", script, "sh", tree.host(out), check=False)
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_shut_down(kind, boot, tmp_path):
    """The system's own end, by our program: devices gone, and the journal has nothing to replay."""
    disk, spec, devices = kind(tmp_path)
    spec.until, spec.drives[0].keep = "", True
    got = boot(spec)
    boots(got)
    assert got.end == "poweroff" and got.report.state == "running", got.explain()
    program = paths.INIT_LUKS if kind is on_luks else paths.INIT
    files = [line.split() for line in got.report.text("run_files").splitlines()]
    assert ["-rwxr-xr-x", "0:0", str(program.stat().st_size), "/run/initramfs/shutdown"] in files
    for name in devices:
        assert got.seen(ENTERED + f"detached '{name}'"), got.explain()
    assert not got.seen(ENTERED + ".*(cannot|busy|not done)"), got.explain()
    code, text = check(disk, tmp_path / "root.img")
    assert code == 0 and "state:         clean" in text, text
    assert "needs_recovery" not in text and "recovery" not in text, text


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_power_is_cut(kind, boot, tmp_path):
    """The twin: what the check above would find."""
    disk, spec, _ = kind(tmp_path)
    spec.drives[0].keep = True
    boots(boot(spec))
    _, text = check(disk, tmp_path / "root.img")
    assert "needs_recovery" in text and "skipping journal recovery" in text, text
