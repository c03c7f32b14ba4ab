# SPDX-License-Identifier: LGPL-2.1-or-later
"""What /init is as a file and does before it looks at anything."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

INIT = Path("build/init")
PAGE = 4096


def output(*words: object) -> str:
    """Standard output and error of a command, whatever its exit code."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def relro() -> tuple[int, int]:
    """Where the program header wants relocated data to be read-only: start and size."""
    line = re.search(r"GNU_RELRO\s+\S+ (\S+) \S+\s+\S+ (\S+)", output("readelf", "-lW", INIT))
    assert line
    return int(line[1], 16), int(line[2], 16)


def test_runs_only_as_pid_1() -> None:
    done = subprocess.run([INIT], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "PID 1" in done.stderr


def test_relro_is_applied() -> None:
    """musl does not do it for a static-pie; we must, to the very pages."""
    start, size = relro()
    pages = (start + size) // PAGE * PAGE - start // PAGE * PAGE
    calls = re.findall(r"mprotect\((0x[0-9a-f]+), (\d+), PROT_READ\)\s*= 0",
                       output("strace", "-e", "trace=mprotect", INIT))
    assert (pages, start // PAGE * PAGE % PAGE) in [(int(n), int(at, 16) % PAGE) for at, n in calls]
    assert pages > 0


@pytest.mark.parametrize("program", ["build/init", "build/slipway-mkinitrd"])
def test_package_note(program: str) -> None:
    """Whoever finds the program, or a dump of it, reads in it whose it is."""
    note = output("readelf", "--notes", "--wide", program)
    packed = re.search(r"^ +FDO +0x[0-9a-f]+\s+FDO_PACKAGING_METADATA\s+Packaging Metadata: (.*)$",
                       note, re.M)
    assert packed, note
    version = re.search(r"^VERSION := (\S+)$", Path("Makefile").read_text(), re.M)[1]
    assert json.loads(packed[1]) == {"type": "generic", "name": "slipway", "version": version,
                                     "architecture": "x86_64"}
    assert re.search(r"^ +NOTE .*R +0x4$", output("readelf", "-lW", program), re.M), "not loaded"


def test_systemd_reads_the_package_note() -> None:
    said = output("systemd-analyze", "inspect-elf", "--json=short", INIT)
    if "not supported" in said:
        pytest.skip("systemd finds no libdw to read it with")
    assert '"type":"generic","name":"slipway"' in said, said


@pytest.mark.parametrize("flaw", ["big", "dynamic"])
def test_check_binary_can_fail(tmp_path: Path, flaw: str) -> None:
    """The check that the build ends with refuses what /init must not be."""
    bad = tmp_path / "init"
    if flaw == "big":
        bad.write_bytes(INIT.read_bytes() + bytes(800_000))
    else:
        bad.write_bytes(Path("/bin/true").read_bytes())
    assert subprocess.run(["ci/check-binary", bad], capture_output=True, check=False).returncode
    assert not subprocess.run(["ci/check-binary", INIT], capture_output=True, check=False).returncode
