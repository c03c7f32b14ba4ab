# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin of kernel-install alone: when it calls the builder, with what, and how it ends."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "mkinitrd/kernel-install/55-slipway.install"
# Stands in for the builder: notes its words, and ends as it is told.
BUILDER = """#!/bin/sh
echo "$*" >"$NOTES"
umask >>"$NOTES"
[ "$STATUS" -ne 0 ] || echo built >"$KERNEL_INSTALL_STAGING_AREA/initrd"
exit "$STATUS"
"""
BUILT = "build --kernel-version 6.1 --output {tmp}/staging/initrd"


@dataclass
class Case:
    """One call: words after `add`, more environment, the builder's end; and what comes of it."""
    words: list[str] = field(default_factory=lambda: ["add", "6.1", "{tmp}/entry", "{tmp}/k/vmlinuz"])
    environment: dict[str, str] = field(default_factory=dict)
    builder_ends: int = 0
    beside: bool = False
    called: str | None = BUILT
    status: int = 0
    says: str = ""


SILENT = {
    "remove": Case(words=["remove", "6.1", "{tmp}/entry"]),
    "inspect": Case(words=["inspect", "6.1", "{tmp}/entry", "{tmp}/k/vmlinuz"]),
    "another generator": Case(environment={"KERNEL_INSTALL_INITRD_GENERATOR": "dracut"}),
    "no generator": Case(environment={"KERNEL_INSTALL_INITRD_GENERATOR": ""}),
    "a UKI": Case(environment={"KERNEL_INSTALL_IMAGE_TYPE": "uki"}),
    "an initrd was given": Case(
        words=["add", "6.1", "{tmp}/entry", "{tmp}/k/vmlinuz", "{tmp}/k/vmlinuz"]),
}
CASES = {
    **{name: Case(case.words, case.environment, called=None) for name, case in SILENT.items()},
    "asked for": Case(),
    "no kernel named": Case(words=["add", "6.1", "{tmp}/entry"]),
    "verbose": Case(environment={"KERNEL_INSTALL_VERBOSE": "1"}, called=BUILT + " --verbose",
                    says=f"slipway: slipway-mkinitrd {BUILT} --verbose"),
    "initrd beside the kernel": Case(beside=True, called=None),
    "the same, verbose": Case(
        beside=True, called=None, environment={"KERNEL_INSTALL_VERBOSE": "1"},
        says="slipway: '{tmp}/k/initrd' lies beside the kernel and is taken"),
    "builder fails": Case(builder_ends=1, status=1),
    "builder ends with 77": Case(builder_ends=77, status=1),
    "builder is killed": Case(builder_ends=137, status=1),
    "no staging area": Case(environment={"KERNEL_INSTALL_STAGING_AREA": ""}, called=None, status=2),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plugin(tmp_path, case):
    def here(text: str) -> str:
        return text.format(tmp=tmp_path)

    for name in ("bin", "staging", "k"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin/slipway-mkinitrd").write_text(BUILDER)
    (tmp_path / "bin/slipway-mkinitrd").chmod(0o755)
    (tmp_path / "k/vmlinuz").write_text("kernel")
    if case.beside:
        (tmp_path / "k/initrd").write_text("beside")
        (tmp_path / "k/initrd").chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "NOTES": f"{tmp_path}/notes",
                   "STATUS": str(case.builder_ends), "KERNEL_INSTALL_IMAGE_TYPE": "pe",
                   "KERNEL_INSTALL_VERBOSE": "0", "KERNEL_INSTALL_INITRD_GENERATOR": "slipway",
                   "KERNEL_INSTALL_STAGING_AREA": f"{tmp_path}/staging", **case.environment}
    done = subprocess.run([PLUGIN, *map(here, case.words)], env=environment, text=True,
                          capture_output=True, umask=0o022)
    assert done.returncode == case.status, done.stderr
    assert done.stdout.strip() == here(case.says)
    assert bool(done.stderr) == (case.status == 2)
    notes, staged = tmp_path / "notes", tmp_path / "staging/initrd"
    assert (notes.read_text().splitlines() if notes.exists() else None) == (
        [here(case.called), "0077"] if case.called else None)
    if case.status == 0 and (case.called or case.beside):
        assert staged.read_text() == ("beside" if case.beside else "built\n")
        assert staged.stat().st_mode & 0o777 == 0o600
    else:
        assert not staged.exists()
