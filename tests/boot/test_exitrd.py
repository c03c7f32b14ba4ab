# SPDX-License-Identifier: LGPL-2.1-or-later
"""The end of the host: with exitrd=yes nothing of the root is in use when the machine goes.

The root's shell hands over to the real systemd-shutdown, as systemd would after its units; in
test_usr.py all of systemd goes that way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import lab
from expect import direct
from lab import paths

SHUTDOWN = "exec /usr/lib/systemd/systemd-shutdown"
# By hand, for what systemd-shutdown leaves behind only if it has to.
BY_HAND = ("cd /run/initramfs; mkdir proc sys dev run oldroot; mount --bind . .; cd $PWD; "
           "for d in proc sys dev run; do mount --rbind /$d $d; done; modprobe loop; "
           "mkdir '/a b'; mount -t tmpfs t '/a b'; truncate -s 1M '/a b/file'; "
           "losetup /dev/loop0 '/a b/file'; pivot_root . oldroot; "
           "exec /shutdown")
ENTERED = r"slipway\[1\]: exit: "


@dataclass(frozen=True)
class Case:
    """A root, and what is asked of the machine; it ends so."""

    name: str
    words: str = ""
    verb: str = "poweroff"
    end: str = "poweroff"
    exitrd: bool = True
    typed: str = SHUTDOWN
    detached: tuple[str, ...] = ("dm-0",)


CASES = [
    Case("root"),
    Case("without", exitrd=False),
    Case("overlay", "systemd.volatile=overlay", "reboot", "reboot"),
    # No kernel is loaded.
    Case("kexec", "systemd.volatile=yes", "kexec", "reboot", typed=BY_HAND,
         detached=("loop0", "dm-0")),
]


@pytest.fixture(scope="module")
def images(lab):
    """Initrds with the setting and without it."""
    return {on: lab.initrd(paths.LAB / f"initrd-exitrd-{on}.zst", conf=f"exitrd={on}\n")
            for on in ("yes", "no")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_end(case, demo, boot, images):
    typed = lab.When("job control turned off", type=f"{case.typed} {case.verb}\n")
    got = boot(direct(demo.disk, f"init=/bin/sh {case.words}", until="", when=[typed],
                      initrd=images["yes" if case.exitrd else "no"]))
    assert got.end == case.end, got.explain()
    assert bool(got.seen(ENTERED)) == case.exitrd, got.explain()
    for device in case.detached if case.exitrd else ():
        assert got.seen(ENTERED + f"detached .*'{device}'"), got.explain()
    assert not got.seen(ENTERED + ".*(cannot|busy|not done)"), got.explain()
