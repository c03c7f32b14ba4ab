# SPDX-License-Identifier: LGPL-2.1-or-later
"""The profiles, as lists and with real kernels, which the lab unpacks."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from lab import paths, tools

REPO = Path(__file__).resolve().parents[2]
MKINITRD = REPO / "build/slipway-mkinitrd"
LISTS = {path.stem: path.read_text() for path in sorted((REPO / "mkinitrd/profiles").iterdir())}
KERNELS = {"cloud": tools.kernel, "any": tools.kernel_generic}
# What an initrd may have, as the promise is: bytes of a whole image, compressed by zstd -19.
LIMITS = [("virt", "cloud", 800_000), ("generic", "any", 6_000_000)]


def mkinitrd(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([MKINITRD, *map(str, words)], text=True, capture_output=True)


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def build(out: Path, kernel: str, *words: object) -> dict[str, str]:
    """Builds for a real kernel; returns why each module is in, by its name."""
    sysroot = KERNELS[kernel]()
    version = next((sysroot / "usr/lib/modules").iterdir()).name
    manifest = out.with_suffix(".manifest")
    done = mkinitrd("build", "--output", out, "--manifest", manifest, "--sysroot", sysroot,
                    "--kernel-version", version, "--init", paths.INIT, "--compress", "zstd:19",
                    *words)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(r"\t\S*/([^/\t]+)\.ko\t(.*)$", manifest.read_text(), re.M)
    return {name.replace("-", "_"): why for name, why in found}


def test_names_are_listed_and_the_texts_are_those_of_the_tree():
    listed = mkinitrd("profiles").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["virt", "cloud", "generic", "host"]
    for name, text in LISTS.items():
        assert mkinitrd("profiles", name).stdout == text
        assert f"# {' '.join(re.split('  +', f'{name} - '))}" in text.splitlines()[0]


def test_the_page_names_them():
    page = (REPO / "mkinitrd/slipway-mkinitrd.8").read_text().split(".Sh PROFILES")[1]
    listed = [line.split()[0] for line in mkinitrd("profiles").stdout.splitlines()]
    assert re.findall(r"(?m)^\.It Cm (\w+)$", page.split(".Sh ")[0]) == listed


@pytest.mark.parametrize("name", LISTS)
def test_a_row_stands_once(name):
    assert len(set(rows(LISTS[name]))) == len(rows(LISTS[name])) > 10


@pytest.mark.parametrize("smaller, larger", [("virt", "cloud"), ("cloud", "generic")])
def test_a_larger_profile_has_all_of_a_smaller_one(smaller, larger):
    assert set(rows(LISTS[smaller])) < set(rows(LISTS[larger]))


@pytest.mark.parametrize("profile, kernel, limit", LIMITS)
def test_size(profile, kernel, limit, tmp_path):
    image = tmp_path / "initrd"
    modules = build(image, kernel, f"--profile={profile}")
    assert image.stat().st_size <= limit
    assert modules["dm_verity"] == f"profile {profile}"
    assert not {"drm", "i915", "usbhid"} & set(modules)


def test_every_row_of_generic_is_known_to_debian(tmp_path):
    """But for one, which newer kernels have; else a typing error would go unseen."""
    sysroot = KERNELS["any"]()
    version = next((sysroot / "usr/lib/modules").iterdir()).name
    done = mkinitrd("build", "-n", "-v", "--profile=generic", "--sysroot", sysroot, "-k", version,
                    "--init", paths.INIT)
    assert re.findall(r"module '(\S+)' is not there", done.stderr) == ["tpm_tis_i2c"]


def test_a_list_of_ones_own(tmp_path):
    own = tmp_path / "own.list"
    own.write_text("# mine\n\n  erofs\t\r\nno-such-driver\n!dm-verity\n"
                   "?pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01\n?virtio_balloon\n"
                   "?btrfs\n")
    modules = build(tmp_path / "initrd", "any", f"--profile={own}")
    assert modules["erofs"] == modules["dm_verity"] == modules["ahci"] == "profile own.list"
    assert not {"virtio_balloon", "btrfs", "virtio_blk"} & set(modules)


def test_host_is_what_this_machine_has(tmp_path):
    """Each alias that the kernel shows here is a row, and the driver of its disk is packed."""
    aliases = {path.read_text().strip() for path in Path("/sys/bus").glob("*/devices/*/modalias")}
    aliases = {alias for alias in aliases if re.fullmatch(r"[!-~]{1,255}", alias)}
    text = mkinitrd("profiles", "host").stdout
    assert aliases and {f"?{alias}" for alias in aliases} <= set(rows(text))
    assert set(rows(LISTS["virt"])) < set(rows(text))
    modules = build(tmp_path / "initrd", "any", "--profile=host")
    for disk in Path("/sys/block").glob("*/device/driver"):
        driver = os.path.basename(os.readlink(disk)).replace("-", "_")
        assert driver in modules, f"{disk} has the driver {driver}"
    assert not {"drm", "usbhid", "virtio_net", "virtio_balloon"} & set(modules)


BAD = {
    "unknown": (["--profile=all"], 2, r"'all' is not virt, cloud, .* path of a list"),
    "missing": (["--profile=./gone.list"], 1, r"gone\.list.*No such file"),
    "two words": (["--profile=two.list"], 1, r"line 2: 'ahci nvme' is no name"),
    "no text": (["--profile=nul.list"], 1, r"is no text"),
    "a row that is missed": (["--profile=missed.list"], 0,
                             r"profile missed\.list needs 'no-such', which this kernel does not"),
}


@pytest.mark.parametrize("words, status, says", BAD.values(), ids=BAD)
def test_a_profile_that_is_wrong_or_not_met(words, status, says, tmp_path):
    sysroot = KERNELS["cloud"]()
    (tmp_path / "two.list").write_text("erofs\nahci nvme\n")
    (tmp_path / "nul.list").write_bytes(b"erofs\0\n")
    (tmp_path / "missed.list").write_text("!no-such\nno-such-either\n")
    words = [word.replace("=", f"={tmp_path}/") if ".list" in word else word for word in words]
    version = next((sysroot / "usr/lib/modules").iterdir()).name
    done = mkinitrd("build", "-n", "-k", version, "--sysroot", sysroot, "--init", paths.INIT,
                    *words)
    assert done.returncode == status
    assert re.search(says, done.stderr), done.stderr
    assert "either" not in done.stderr
    assert len(done.stdout) > 0 if status == 0 else not done.stdout


@pytest.mark.parametrize("words", [["nix"], ["virt", "cloud"], ["--what"]])
def test_profiles_misused(words):
    done = mkinitrd("profiles", *words)
    assert done.returncode == 2 and words[-1] in done.stderr and not done.stdout
