# SPDX-License-Identifier: LGPL-2.1-or-later
"""DDIs by systemd-repart: a file system, its verity data and a signature of the root hash."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from . import paths, tools, tree
from .keys import Key
from .steps import LabError

SEED = "6f1b6e3c-1d0e-4d57-9d3a-51b1a7e0c0de"


@dataclass(frozen=True)
class Part:
    """One partition of a DDI, cut out of it: what a disk is put together from."""

    kind: str  # "data", "hash" or "sig"
    type: str  # GPT type UUID
    uuid: str
    label: str
    file: Path
    roothash: str


def _definitions(folder: Path, arch: str, fs: str, compression: str, verity: bool,
                 signed: bool, designator: str) -> None:
    """Write the repart.d files of a DDI with a root or usr partition."""
    copied = "/:/" if designator == "root" else f"/{designator}:/"
    match = "VerityMatchKey=root\n" if verity else ""
    # Blocks of 4096 whatever the sector size is: repart would take it for the hashes too.
    blocks = "VerityDataBlockSizeBytes=4096\nVerityHashBlockSizeBytes=4096\n"
    data = (f"[Partition]\nType={designator}-{arch}\nFormat={fs}\nCompression={compression}\n"
            f"CopyFiles={copied}\nMinimize=best\n{match}")
    (folder / "10-data.conf").write_text(data + ("Verity=data\n" + blocks if verity else ""))
    if verity:
        (folder / "20-hash.conf").write_text(
            f"[Partition]\nType={designator}-{arch}-verity\nVerity=hash\nMinimize=best\n"
            f"{blocks}{match}")
    if signed:
        (folder / "30-sig.conf").write_text(
            f"[Partition]\nType={designator}-{arch}-verity-sig\nVerity=signature\n{match}")


def repart(source: Path, out: Path, *, key: Key | None, verity: bool = True, fs: str = "erofs",
           compression: str = "lz4", arch: str = "x86-64",
           sector_size: int = 512, designator: str = "root") -> list[dict]:
    """Make the DDI `out` from a tree; returns repart's own account of the partitions.

    With a key the root hash is signed; without one the DDI has verity but no signature,
    and with verity=False only the file system. As a `designator` "usr" it has the tree's
    /usr and nothing else.
    """
    definitions = Path(tempfile.mkdtemp(prefix="repart-", dir=paths.LAB))
    try:
        _definitions(definitions, arch, fs, compression, verity, verity and key is not None,
                     designator)
        sign = [f"--private-key={tree.host(key.key)}",
                f"--certificate={tree.host(key.cert)}"] if key and verity else []
        out.unlink(missing_ok=True)
        done = tools.tool("systemd-repart", "--empty=create", "--size=auto", "--offline=yes",
                          "--dry-run=no", f"--seed={SEED}", f"--sector-size={sector_size}",
                          "--json=short", "--no-pager", *sign,
                          f"--definitions={tree.host(definitions)}",
                          f"--root={tree.host(source)}", tree.host(out.parent) + "/" + out.name)
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(definitions)


def cut(image: Path, account: list[dict], folder: Path) -> list[Part]:
    """Copy each partition of a DDI into a file of its own, and note what it is."""
    kinds = {"10-data.conf": "data", "20-hash.conf": "hash", "30-sig.conf": "sig"}
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for entry in account:
        kind = kinds[Path(entry["file"]).name]
        blob = folder / f"{kind}.img"
        with image.open("rb") as f:
            f.seek(entry["offset"])
            blob.write_bytes(f.read(entry["raw_size"]))
        parts.append(Part(kind, _type_uuid(image, entry["offset"]), entry["uuid"],
                          entry["label"], Path(blob.name), entry.get("roothash") or ""))
    (folder / "parts.json").write_text(
        json.dumps([asdict(p) for p in parts], default=str, indent=1))
    return parts


def load_parts(folder: Path) -> list[Part]:
    """The partitions that `cut` left in a folder."""
    entries = json.loads((folder / "parts.json").read_text())
    return [Part(**{**e, "file": folder / e["file"]}) for e in entries]


def _type_uuid(image: Path, offset: int) -> str:
    """The type UUID that the GPT (512-byte sectors) gives the partition at this offset."""
    from .gpt import read_entries
    for entry in read_entries(image):
        if entry.first * 512 == offset:
            return entry.type
    raise LabError(f"no partition at {offset} in {image.name}")
