# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks for a test: an ESP and partitions laid out as a GPT image, in well under a second.

    disk = layout(out, [esp_part(tree), *root_parts(parts)])
    disk.flip("root-x86-64", 4096)          # one byte of the data partition is wrong now
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import gpt
from .steps import run

if TYPE_CHECKING:
    from .ddi import Part

MIB = 1 << 20
ESP_UUID = "e5b00000-51b1-4a7e-9d3a-6f1b6e3c1d0e"


@dataclass(frozen=True)
class PartSpec:
    """What a partition shall be. `size` in bytes; by default as big as the content.

    With `start`, the content is `size` bytes of that file from there on.
    """

    type: str
    uuid: str
    label: str = ""
    attributes: int = 0
    content: Path | None = None
    size: int = 0
    start: int | None = None


@dataclass
class Disk:
    """An image that was laid out, with handles to spoil it."""

    path: Path
    table: gpt.Table

    def entry(self, label: str) -> gpt.Entry:
        """The (first) partition with this label."""
        return next(e for e in self.table.entries if e.label == label)

    def offset(self, label: str) -> int:
        """Where the partition begins, in bytes."""
        return self.entry(label).first * self.table.sector_size

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes anywhere on the disk."""
        with self.path.open("r+b") as f:
            f.seek(offset)
            f.write(data)

    def patch(self, label: str, offset: int, data: bytes) -> None:
        """Put bytes at an offset within a partition."""
        self.write(self.offset(label) + offset, data)

    def flip(self, label: str, offset: int, mask: int = 0xFF) -> None:
        """Turn bits of one byte within a partition."""
        with self.path.open("r+b") as f:
            f.seek(self.offset(label) + offset)
            byte = f.read(1)[0]
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte ^ mask]))

    def copy_out(self, label: str, out: Path) -> Path:
        """Put what the partition holds into a file of its own."""
        entry, size = self.entry(label), self.table.sector_size
        n = (entry.last - entry.first + 1) * size
        with self.path.open("rb") as source, out.open("wb") as f:
            f.truncate(n)
            at = self.offset(label)
            while at < self.offset(label) + n:
                at += os.copy_file_range(source.fileno(), f.fileno(), self.offset(label) + n - at, at,
                                         at - self.offset(label))
        return out

    def rewrite_table(self) -> None:
        """Write the (changed) table again, with right checksums."""
        with self.path.open("r+b") as f:
            self.table.write(f)

    def spoil_gpt(self, *, primary: bool = False, backup: bool = False) -> None:
        """Break a checksum: of the primary header, of the backup header, or of both."""
        size = self.table.sector_size
        for wanted, sector in ((primary, 1), (backup, self.table.sectors - 1)):
            if wanted:
                self.write(sector * size + 16, b"\xde\xad\xbe\xef")


def layout(out: Path, specs: list[PartSpec], *, sector_size: int = 512,
           disk_uuid: str = gpt.DISK_UUID, spare: int = MIB) -> Disk:
    """Write a GPT image with these partitions, in this order, each aligned to 1 MiB."""
    at, entries, copies = MIB, [], []
    for spec in specs:
        whole = spec.content.stat().st_size if spec.content and spec.start is None else 0
        size = max(spec.size, whole)
        size = -(-max(size, 1) // sector_size) * sector_size
        entries.append(gpt.Entry(spec.type, spec.uuid, at // sector_size,
                                 (at + size) // sector_size - 1, spec.attributes, spec.label))
        if spec.content:
            copies.append((spec.content, at, spec.start or 0, whole or spec.size))
        at = -(-(at + size) // MIB) * MIB
    table = gpt.Table((at + spare) // sector_size, sector_size, entries, disk_uuid)
    out.unlink(missing_ok=True)
    with out.open("w+b") as f:
        f.truncate(table.sectors * sector_size)
        for source, offset, start, n in copies:
            _copy(source, f.fileno(), offset, start, n)
        table.write(f)
    return Disk(out, table)


def _copy(source: Path, fd: int, offset: int, start: int, size: int) -> None:
    """Copy a part of a file (its data, not its holes) to an offset of another file."""
    with source.open("rb") as f:
        at, end = start, start + size
        while at < end:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                return
            stop = min(os.lseek(f.fileno(), at, os.SEEK_HOLE), end)
            while at < stop:
                at += os.copy_file_range(f.fileno(), fd, stop - at, at, offset + at - start)


def root_parts(parts: list[Part], kinds: tuple[str, ...] = ("data", "hash", "sig"),
               attributes: int = gpt.READ_ONLY) -> list[PartSpec]:
    """The partitions of a root DDI as a disk wants them; leave a kind out to spoil it."""
    return [PartSpec(p.type, p.uuid, p.label, attributes, p.file)
            for p in parts if p.kind in kinds]


def make_esp(out: Path, files: dict[str, Path | bytes], *, sector_size: int = 512,
             slack: int = 2 * MIB, words: tuple = ()) -> Path:
    """A vfat image with these files (path on the ESP -> content), as big as it needs to be.

    The words are more of mkfs.vfat's.
    """
    stage = Path(tempfile.mkdtemp(prefix="lab-esp-"))
    try:
        total = 0
        for name, content in files.items():
            place = stage / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                place.write_bytes(content)
            else:
                shutil.copyfile(content, place)
            total += place.stat().st_size + 64 * 1024
        size = -(-(total * 33 // 32 + slack) // MIB) * MIB
        out.unlink(missing_ok=True)
        with out.open("wb") as f:
            f.truncate(size)
        run(["mkfs.vfat", "-S", sector_size, "-n", "ESP", "-i", "51b1a7e0", *words, out])
        if files:
            run(["mcopy", "-s", "-i", out, *sorted(stage.iterdir()), "::"])
    finally:
        shutil.rmtree(stage)
    return out


def esp_tree(image: Path, folder: Path) -> None:
    """Copy all that is on the ESP of a disk with 512-byte sectors into a folder."""
    esp = next(e for e in gpt.read_entries(image) if e.type == gpt.ESP)
    run(["mcopy", "-s", "-n", "-i", f"{image}@@{esp.first * 512}", "::/", folder])


def esp_part(image: Path, uuid: str = ESP_UUID) -> PartSpec:
    """The ESP as a disk wants it."""
    return PartSpec(gpt.ESP, uuid, "esp", gpt.NO_AUTO, image)


def renamed(spec: PartSpec, **changes) -> PartSpec:
    """The same partition with other words in its GPT entry."""
    return replace(spec, **changes)
