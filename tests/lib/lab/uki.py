# SPDX-License-Identifier: LGPL-2.1-or-later
"""UKIs by ukify, and the PCR 11 values that systemd's own tools expect of them."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from . import tools, tree
from .keys import Key

STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
MEASURED = (".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat", ".pcrpkey", ".profile")
BANKS = ("sha1", "sha256", "sha384", "sha512")


def build(out: Path, *, linux: Path, initrd: Path, cmdline: str, os_release: Path,
          key: Key | None, more: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """Make a UKI, signed unless key is None; returns PCR 11 as {phase path: {bank: hex}}."""
    sign = ["--signtool=sbsign", f"--secureboot-private-key={tree.host(key.key)}",
            f"--secureboot-certificate={tree.host(key.cert)}"] if key else []
    place = tree.host(out.parent) + "/" + out.name
    done = tools.tool(
        "ukify", "build", f"--linux={tree.host(linux)}", f"--initrd={tree.host(initrd)}",
        f"--cmdline={cmdline}", f"--os-release=@{tree.host(os_release)}", f"--stub={STUB}",
        f"--output={place}", "--measure", f"--pcr-banks={','.join(BANKS)}", *sign, *more)
    return _phases(done.stdout.decode(), done.stderr.decode())


def _phases(values: str, headings: str) -> dict[str, dict[str, str]]:
    """Pair the phase headings that systemd-measure prints with the values below them."""
    phases = re.findall(r"^# PCR\[11\] Phase <(\S+)>", headings, re.M)
    found: dict[str, dict[str, str]] = {phase: {} for phase in phases}
    for bank in BANKS:
        digests = re.findall(rf"^11:{bank}=([0-9a-f]+)$", values, re.M)
        for phase, digest in zip(phases, digests, strict=True):
            found[phase][bank] = digest
    return found


def sections(image: Path, folder: Path) -> list[str]:
    """Put what the stub measures of a UKI into the folder; returns systemd-measure's options."""
    data = image.read_bytes()
    pe = struct.unpack_from("<I", data, 0x3C)[0]
    n_sections, optional = struct.unpack_from("<6xH12xH", data, pe)
    words = []
    for n in range(n_sections):
        name, size, _, raw, at = struct.unpack_from("<8sIIII", data, pe + 24 + optional + 40 * n)
        name = name.rstrip(b"\0").decode()
        if name in MEASURED:
            (folder / name).write_bytes(data[at : at + min(size, raw)])
            words.append(f"--{name[1:]}={tree.host(folder / name)}")
    return words
