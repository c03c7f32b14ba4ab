# SPDX-License-Identifier: LGPL-2.1-or-later
"""GPT, written by our own hand so that a test can also have one that no tool would make."""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass, field
from pathlib import Path

# UAPI.2 (Discoverable Partitions), x86-64
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
XBOOTLDR = "bc13c2ff-59e6-4262-a352-b275fd6f7172"
ROOT = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
ROOT_VERITY = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
ROOT_VERITY_SIG = "41092b05-9fc8-4523-994f-2def0408b176"
USR = "8484680c-9521-48c6-9c11-b0720656f69e"
USR_VERITY = "77ff5f63-e7b6-4633-acf4-1565b864c0e6"
USR_VERITY_SIG = "e7bb33fb-06cf-4e81-8273-e543b413e2e2"
VAR = "4d21b016-b534-45c2-a9fb-5c16e091fd2d"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"

READ_ONLY = 1 << 60  # attribute bits of UAPI.2
NO_AUTO = 1 << 63
GROW = 1 << 59

DISK_UUID = "51b1a7e0-c0de-4d57-9d3a-6f1b6e3c1d0e"
N_ENTRIES, ENTRY_SIZE = 128, 128


@dataclass
class Entry:
    """One partition: LBAs are inclusive, as on the disk."""

    type: str
    uuid: str
    first: int
    last: int
    attributes: int = 0
    label: str = ""

    def pack(self) -> bytes:
        """The 128 bytes on the disk."""
        return struct.pack("<16s16sQQQ72s", uuid.UUID(self.type).bytes_le,
                           uuid.UUID(self.uuid).bytes_le, self.first, self.last,
                           self.attributes, self.label.encode("utf-16-le"))


@dataclass
class Table:
    """A whole GPT: what both headers say. `write` puts it on a file."""

    sectors: int
    sector_size: int = 512
    entries: list[Entry] = field(default_factory=list)
    disk_uuid: str = DISK_UUID

    @property
    def entry_sectors(self) -> int:
        """How many sectors the partition array takes."""
        return -(-N_ENTRIES * ENTRY_SIZE // self.sector_size)

    def array(self) -> bytes:
        """The partition array."""
        return b"".join(e.pack() for e in self.entries).ljust(N_ENTRIES * ENTRY_SIZE, b"\0")

    def header(self, backup: bool) -> bytes:
        """One header with both of its checksums, padded to a sector."""
        here, other, array = 1, self.sectors - 1, 2
        if backup:
            here, other, array = other, here, self.sectors - 1 - self.entry_sectors

        def pack(crc: int) -> bytes:
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, here,
                               other, 2 + self.entry_sectors,
                               self.sectors - 2 - self.entry_sectors,
                               uuid.UUID(self.disk_uuid).bytes_le, array, N_ENTRIES, ENTRY_SIZE,
                               zlib.crc32(self.array()))

        return pack(zlib.crc32(pack(0))).ljust(self.sector_size, b"\0")

    def write(self, f) -> None:
        """Put the protective MBR, both headers and both arrays on an open file."""
        size, last = self.sector_size, self.sectors - 1
        mbr = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1,
                          min(last, 0xFFFFFFFF))
        for offset, data in ((446, mbr), (510, b"\x55\xaa"), (size, self.header(False)),
                             (2 * size, self.array()), (last * size, self.header(True)),
                             ((last - self.entry_sectors) * size, self.array())):
            f.seek(offset)
            f.write(data)


def read_entries(image: Path, sector_size: int = 512) -> list[Entry]:
    """The used entries of the primary table of an image that is known to be good."""
    with image.open("rb") as f:
        f.seek(2 * sector_size)
        array = f.read(N_ENTRIES * ENTRY_SIZE)
    found = []
    for raw in struct.iter_unpack("<16s16sQQQ72s", array):
        if any(raw[0]):
            found.append(Entry(str(uuid.UUID(bytes_le=raw[0])), str(uuid.UUID(bytes_le=raw[1])),
                               raw[2], raw[3], raw[4], raw[5].decode("utf-16-le").rstrip("\0")))
    return found
