# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shell of a debug image, where an encrypted root was open when the boot failed."""

from __future__ import annotations

import pytest

import chain
import lab
from lab import luks
from test_failure import ASKS, HASHED, KEY, OPEN, keys
from test_luks import POLICY, initrd, opened

pytestmark = pytest.mark.xdist_group("luks")
# An encrypted volume that is open has a table with its key; that of a proven one is no secret.
LOOK = "cat /sys/block/dm-*/dm/uuid; echo $((40+2))-is-a-shell; exit\n"
ANSWER = "^42-is-a-shell"
NO_INIT = "init=/usr/bin/no-such-init"


def debug():
    """A debug image that opens encrypted roots."""
    return initrd("debug", f"failure=poweroff\ndebug-key={HASHED}\n{POLICY}",
                  "--debug-shell=/bin/busybox")


def spec(tmp_path, image) -> lab.Spec:
    """It fails when the root is open, and whoever asks has the key."""
    got = opened(luks.root(), tmp_path, words=NO_INIT, image=image)
    got.when = [*keys(KEY), lab.When(OPEN, type=LOOK)]
    return got


def test_it_is_closed_before_the_shell_opens(boot, tmp_path):
    got = boot(spec(tmp_path, debug()))
    assert got.failure == "ROOT_NO_INIT" and got.end == "poweroff", got.explain()
    assert got.seen(OPEN) < got.seen(ANSWER), got.explain()
    assert "CRYPT-LUKS" not in got.serial


def test_without_a_shell_where_it_stays_open(boot, tmp_path):
    """The twin: somebody still has it open, so the kernel still has its key."""
    image = chain.beside("hold", debug(), tmp_path / "initrd")
    held = spec(tmp_path, image)
    held.append += " rdinit=/hold"
    got = boot(held)
    assert got.failure == "ROOT_NO_INIT" and got.end == "poweroff", got.explain()
    assert got.seen("hold: open"), got.explain()
    assert got.seen("no debug shell: what it could unseal or read is still there"), got.explain()
    assert not got.seen(ASKS) and not got.seen(OPEN), got.explain()
