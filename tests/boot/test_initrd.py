# SPDX-License-Identifier: LGPL-2.1-or-later
"""The initrd's manifest: what the kernel could not unpack is noticed, and said as such."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import chain
import lab
from expect import boots, direct, refused
from lab import paths, steps

MANIFEST = "etc/slipway.manifest"
NO_DIGEST = "0" * 64


@pytest.fixture(scope="module")
def manifest(demo) -> str:
    """What the demo's initrd says of itself."""
    packed = steps.run(["zstd", "-dcq", demo.initrd]).stdout
    return steps.run(["cpio", "--extract", "--to-stdout", "--quiet", MANIFEST], stdin=None,
                     input=packed).stdout.decode()


def test_whole_initrd(demo, manifest, boot):
    got = boot(direct(demo.disk))
    boots(got)
    entries = [line for line in manifest.splitlines() if not line.startswith("#")]
    assert len(entries) > 40
    assert got.record["initrd"] == {"checked": True, "entries": len(entries), "scripts": False}


def test_initrd_of_somebody_else(demo, boot, tmp_path):
    """Without a manifest there is nothing to hold it against."""
    tree = chain.unpacked(demo.initrd, tmp_path / "tree")
    (tree / MANIFEST).unlink()
    image = tmp_path / "initrd"
    image.write_bytes(chain.archive(tree))
    got = boot(direct(demo.disk, initrd=image))
    boots(got)
    assert got.record["initrd"] == {"checked": False, "entries": 0, "scripts": False}


def last_file(text: str) -> str:
    return [line for line in text.splitlines() if line.startswith("100")][-1]


@dataclass(frozen=True)
class Claim:
    """A manifest that claims something else, and what is said then."""

    name: str
    change: Callable[[str], str]
    says: str


CLAIMS = [
    Claim("one-more", lambda text: f"{text}100644\t3\t{NO_DIGEST}\t/usr/more\twhy\n",
          r"'/usr/more' is not there \(No such file .*the first of 1 faults"),
    Claim("other-size", lambda text: re.sub(r"\t\d+(\t\S+\t/init\t)", r"\t12\1", text),
          r"'/init' has \d+ bytes instead of 12"),
    Claim("other-type", lambda text: text.replace("040755\t0\t-\t/sys\t", "100755\t0\t-\t/sys\t"),
          "'/sys' is of another type"),
    Claim("other-contents", lambda text: text.replace(
        last_file(text), re.sub(r"\t[0-9a-f]{64}\t", f"\t{NO_DIGEST}\t", last_file(text))),
          "'/usr/.*' does not have the contents"),
    Claim("later-version", lambda text: text.replace("manifest 1", "manifest 2"),
          "no manifest that this program knows"),
    Claim("cut-off", lambda text: text[:-5], "is damaged in line"),
]


@pytest.mark.parametrize("case", CLAIMS, ids=lambda case: case.name)
def test_claims_that_do_not_hold(case, demo, manifest, boot, tmp_path):
    claimed = case.change(manifest)
    assert claimed != manifest
    image = chain.with_files(demo.initrd, {MANIFEST: claimed.encode()}, tmp_path / "initrd")
    refused(boot(direct(demo.disk, initrd=image, tpm=True)), "INITRD_INCOMPLETE", "initrd",
            case.says)


def test_the_same_manifest_again(demo, manifest, boot, tmp_path):
    """The twin: a second archive is no fault by itself."""
    image = chain.with_files(demo.initrd, {MANIFEST: manifest.encode()}, tmp_path / "initrd")
    boots(boot(direct(demo.disk, initrd=image)))


# A tmpfs takes half of the memory; the file is more than that, but packed it is small.
SMALL, ENOUGH, FILE_BYTES = 256, 1024, 160 << 20
WRITE_ERROR = "Initramfs unpacking failed: write error"
PLACES = {
    "last": ("/usr/share/zeros", "'/usr/share/zeros' does not have the contents"),
    "midst": ("/usr/bin/zeros", r"'/usr/lib' is not there .*the first of \d\d faults"),
}


@pytest.fixture(scope="module", params=PLACES)
def large(request, demo, tmp_path_factory) -> tuple[Path, str]:
    """An initrd with a large file, behind all others or before most of them."""
    place, says = PLACES[request.param]
    zeros = tmp_path_factory.mktemp("large") / "zeros"
    with zeros.open("wb") as f:
        for _ in range(FILE_BYTES >> 20):
            f.write(bytes(1 << 20))
    image = chain.initrd(f"large-{request.param}", more=("--include", f"{zeros}:{place}"))
    zeros.unlink()
    return image, says


def test_memory_too_small_to_unpack(large, demo, boot):
    image, says = large
    got = boot(direct(demo.disk, initrd=image, memory=SMALL))
    assert got.seen(WRITE_ERROR), got.explain()
    refused(got, "INITRD_INCOMPLETE", "initrd", says)
    assert "give the machine more memory" in got.serial


def test_memory_that_suffices(large, demo, boot):
    """The twin: the same image in a larger machine."""
    got = boot(direct(demo.disk, initrd=large[0], memory=ENOUGH))
    boots(got)
    assert not got.seen(WRITE_ERROR)


def relro(program: Path) -> tuple[int, int]:
    """From where to where a program wants to be read-only, from its beginning, in whole pages."""
    said = subprocess.run(["readelf", "-lW", program], check=True, capture_output=True, text=True).stdout
    found = re.search(r"GNU_RELRO +\S+ 0x(\w+) 0x\w+ 0x\w+ 0x(\w+)", said)
    start, size = (int(number, 16) for number in found.groups())
    return start & ~4095, (start + size) & ~4095


def writable(got: lab.Result, who: str, program: Path) -> list[str]:
    """Which pieces of its memory there can be written to, by what the kernel says."""
    maps = re.findall(r"(\w+)-(\w+)=(\S+)", re.search(rf"maps of {who}:(.*)", got.serial)[1])
    base = int(maps[0][0], 16)
    start, end = (base + at for at in relro(program))
    covered = [m for m in maps if int(m[0], 16) < end and int(m[1], 16) > start]
    assert covered, maps
    return [mode for _, _, mode in covered if "w" in mode]


def test_relocated_data_is_read_only(demo, boot, tmp_path):
    """That the header asks for it says nothing: no loader is there to do it, but init itself."""
    image = chain.beside("maps", demo.initrd, tmp_path / "initrd")
    got = boot(direct(demo.disk, "rdinit=/maps", initrd=image))
    boots(got)
    assert writable(got, "init", paths.INIT) == []
    # The twin: a program that does not, built by the same compiler.
    chain.compiled("maps", tmp_path / "maps")
    assert writable(got, "maps", tmp_path / "maps") != []
