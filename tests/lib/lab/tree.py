# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian trees: made by debootstrap from the machine's own mirror, entered by chroot."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from . import paths
from .steps import LabError, digest, once, run

SUITE = "trixie"

# Enter a tree: a private mount namespace, the machine's file system under /host, and
# nothing of it left behind when the command ends.
_ENTER = """
set -e; tree=$1; shift
mount --bind "$tree" "$tree"
for d in proc sys dev; do mount --rbind "/$d" "$tree/$d"; done
mount -t tmpfs tmpfs "$tree/tmp"; mount -t tmpfs tmpfs "$tree/run"
mkdir -p "$tree/host"; mount --bind / "$tree/host"
exec chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/usr/lib/systemd HOME=/root \\
	LC_ALL=C DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH=1767225600 "$@"
"""


def enter(tree: Path, *argv: object, **kw):
    """Run a program inside a tree as root; paths of the machine are given by `host()`."""
    return run(["unshare", "--mount", "--propagation=private",
                "sh", "-c", _ENTER, "sh", tree, *argv], shown=argv, **kw)


def host(path: Path) -> str:
    """The name inside a tree of a path of the machine."""
    return "/host" + str(Path(path).resolve())


def mirror() -> str:
    """The address of the package mirror that this machine itself uses."""
    apt = Path("/etc/apt")
    for source in sorted(apt.glob("sources.list.d/*.sources")):
        for block in re.split(r"\n\s*\n", source.read_text()):
            uri = re.search(r"^URIs:\s*(\S+)", block, re.M)
            if uri and re.search(r"^Components:.*\bmain\b", block, re.M) \
                    and "security" not in block.split("Suites:")[-1].split("\n")[0]:
                return uri[1]
    for source in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        lines = source.read_text() if source.exists() else ""
        found = re.search(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+\S+\s+.*\bmain\b", lines, re.M)
        if found:
            return found[1]
    raise LabError("no Debian mirror in /etc/apt/sources.list*")


def _apt_settings(tree: Path) -> None:
    """Let apt inside the tree work as it does on the machine, and never start services."""
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    conf = tree / "etc/apt/apt.conf.d/90lab"
    conf.write_text('APT::Install-Recommends "false";\nAcquire::Check-Valid-Until "false";\n'
                    'Acquire::Languages "none";\nDpkg::Options:: "--force-unsafe-io";\n')
    dpkg = tree / "etc/dpkg/dpkg.cfg.d/90lab"
    dpkg.write_text("path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n"
                    "path-exclude=/usr/share/locale/*\npath-exclude=/usr/share/info/*\n")
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)


def _make_base(new: Path) -> None:
    run(["debootstrap", "--variant=minbase", SUITE, new, mirror()])
    _apt_settings(new)
    enter(new, "apt-get", "-qq", "update")


def base() -> Path:
    """A bare Debian of our suite, the start of the other trees."""
    once(paths.BASE_TREE, digest("base 1", SUITE), f"base tree: Debian {SUITE}", _make_base)
    return paths.BASE_TREE


def make(new: Path, packages: list[str], suite: str = SUITE) -> None:
    """Fill `new` with the base tree and these packages, which may be of a newer suite."""
    run(["cp", "-a", base().resolve(), new])  # the tree, where only a link to it is here
    if suite != SUITE:
        (new / f"etc/apt/sources.list.d/{suite}.list").write_text(f"deb {mirror()} {suite} main\n")
        enter(new, "apt-get", "-qq", "update")
    enter(new, "apt-get", "-qq", "install", "--yes", f"--target-release={suite}", *packages)
