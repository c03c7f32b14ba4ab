# SPDX-License-Identifier: LGPL-2.1-or-later
"""The initrd's times are told to a systemd that is known to take them, and to no other."""

from __future__ import annotations

import re
from pathlib import Path

import lab
from expect import boots, direct
from lab import appliance

UNKNOWN = "is not known to take the initrd's times"
LIBRARY, OTHER = "libsystemd-shared-257.so", "libsystemd-shared-957.so"


def other_version():
    """The demo's root, whose systemd needs its library by the name of a version to come."""
    def change(tree: Path) -> None:
        program = tree / "usr/lib/systemd/systemd"
        content = program.read_bytes()
        assert LIBRARY.encode() in content
        program.write_bytes(content.replace(LIBRARY.encode(), OTHER.encode()))
        (tree / "usr/lib/x86_64-linux-gnu/systemd" / OTHER).symlink_to(LIBRARY)

    return appliance.altered_root("other-version", Path(__file__).read_text(), change)


def times(got) -> str:
    """What systemd-analyze says, of a host that came up whole."""
    assert got.end == "poweroff" and got.report.state == "running", got.explain()
    assert not got.report.failed_units, got.report.failed_units
    return got.report.text("analyze")


def test_a_version_that_takes_them(demo, boot):
    got = boot(direct(demo.disk, until=""))
    boots(got)
    assert re.search(r"\(kernel\) \+ \S+ \(initrd\) \+ \S+ \(userspace\)", times(got))
    assert not got.seen(UNKNOWN)


def test_a_version_that_nobody_knows(boot, tmp_path):
    """The twin: it boots as well, and is started as the kernel would start it."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=other_version())
    got = boot(direct(disk.path, until=""))
    boots(got)
    said = times(got)
    assert "(kernel)" in said and "(initrd)" not in said, said
    assert got.seen(f"systemd 957 {UNKNOWN}"), got.explain()
