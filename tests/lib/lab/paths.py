# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where things are: the checkout, its build folder, and what the lab keeps in it."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
# What boots machines is installed too, as PREFIX/share/slipway/lab, without the rest.
INSTALLED = Path(__file__).resolve().parents[1].name == "slipway"
BUILD = Path(os.environ.get("SLIPWAY_BUILD", REPO / "build")).resolve()

# What the lab makes. Everything below BUILD can be deleted at any time.
LAB = BUILD / "lab"  # things nobody looks at: trees, templates, locks
BASE_TREE = LAB / "base"  # a bare Debian, the start of the trees below
TOOLS_TREE = BUILD / "tools"  # image tools newer than the host's
PEERS_TREE = LAB / "peers"  # the other builders of initrds, and what calls ours
ROOT_TREE = LAB / "root-tree"  # the demo appliance's root file system
KERNEL = BUILD / "kernel"  # a sysroot with vmlinuz, vmlinux and the modules
KERNEL_GENERIC = BUILD / "kernel-generic"  # the same, of the kernel for any machine
DEMO = BUILD / "demo"  # what `slipway-lab demo` promises to its users

# What the lab needs from the rest of the project.
INIT = BUILD / "init"
INIT_LUKS = BUILD / "init-luks"
MKINITRD = BUILD / "slipway-mkinitrd"
DEBUG = BUILD / "slipway-debug"  # only debug images have it

SCHEMA = REPO / "init/slipway-boot.schema.json"  # of the record
REPORTER = BUILD / "slipway"  # draws the timeline
if INSTALLED:
    SCHEMA = REPO / "share/slipway/slipway-boot.schema.json"
    REPORTER = REPO / "bin/slipway"
    INIT, MKINITRD = REPO / "lib/slipway/init", REPO / "bin/slipway-mkinitrd"

GUEST = Path(__file__).resolve().parent / "guest"


def short(path: Path) -> str:
    """A path as a person at the top of the checkout would type it."""
    return os.path.relpath(path, REPO)
