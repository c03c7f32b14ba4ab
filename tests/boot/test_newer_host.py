# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host whose systemd has NvPCRs itself: it takes those that the initrd began as its own."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

import chain
import predicted
from lab import appliance, demoroot, paths, tools, tpm, tree

pytestmark = pytest.mark.xdist_group("newer-host")  # all look at two machines
KNOWN = range(259, 263)  # versions of systemd
KEY = paths.REPO / "tests/data/pcrsig/rsa2048.key"
NO_SECRET = {"loader/boot-secret-mixin": b"\n"}
# What the report does not ask, as 257 would not know it, is in the journal.
ASKED = b"""[Service]
ExecStartPre=-/usr/bin/systemd-analyze nvpcrs --json=short
"""
DROPIN = "io.systemd.credential.binary:systemd.unit-dropin.slipway-report.service=" + \
    base64.b64encode(ASKED).decode()


def definitions(root: Path) -> dict[str, bytes]:
    """What the host defines, for its initrd: as the builder packs it from a sysroot."""
    return {str(path.relative_to(root)): path.read_bytes()
            for path in sorted((root / "usr/lib/nvpcr").glob("*.nvpcr"))}


def indices() -> dict[str, int]:
    """Where the host's NvPCRs are in the TPM, by name."""
    defined = definitions(demoroot.root_tree(tools.NEWER_SUITE)).values()
    return {d["name"]: d["nvIndex"] for d in map(json.loads, defined)}


@pytest.fixture(scope="module")
def machine(lab, demo, tmp_path_factory):
    """`machine(with_nvpcrs)`: boot that host to its end; returns what came of it, and NvPCRs."""
    suite = tools.NEWER_SUITE
    parts, root = appliance.root_parts(suite), demoroot.root_tree(suite)
    library = next((root / "usr/lib/x86_64-linux-gnu/systemd").glob("libsystemd-shared-*.so"))
    version = int(re.search(r"-(\d+)", library.name)[1])
    if version not in KNOWN:
        pytest.skip(f"systemd {version} is newer than all that is known")

    def run(with_nvpcrs: bool):
        folder = tmp_path_factory.mktemp("newer")
        image = chain.initrd("nvpcr", conf="pcr-scheme=261\n")
        if with_nvpcrs:
            image = chain.with_files(image, definitions(root), folder / "initrd")
        uki = chain.signed_for_phase(folder, image, KEY,
                                     f"--stub={tree.host(tools.newer_stub())}")
        disk = lab.make_disk(folder / "disk.img", uki=uki, parts=parts, esp_files=NO_SECRET)
        found: dict[str, str] = {}
        got = predicted.boot(chain.chain(
            disk.path, name=f"test_newer_host.{with_nvpcrs}", words="slipway.demo=pcrlock", until="",
            smbios=[DROPIN], timeout=600, with_tpm=lambda emulator: found.update(
                {name: emulator.nvpcr(index) for name, index in indices().items()})))
        disk.path.unlink()
        assert got.end == "poweroff" and got.report, got.explain()
        return got, found

    return run


@pytest.fixture(scope="module")
def begun(machine):
    """The host of an initrd that has the host's definitions."""
    return machine(True)


@pytest.fixture(scope="module")
def skipped(machine):
    """The twin: an initrd without."""
    return machine(False)


def records(got) -> list[dict]:
    """The userspace log."""
    raw = got.report.raw("/run/log/systemd/tpm2-measure.log")
    return [json.loads(record) for record in raw.split(b"\x1e")[1:]]


def values_that_the_host_finds(got) -> dict[str, str | None]:
    """What systemd-analyze says of the host's own definitions."""
    said = re.search(r"systemd-analyze\[\d+\]: (\[.*\])", got.report.text("journal"))
    return {n["name"]: n["value"] for n in json.loads(said[1])}


@pytest.mark.parametrize("which", ["begun", "skipped"])
def test_host_is_whole(which, request):
    got, _ = request.getfixturevalue(which)
    assert got.record["result"] == "handed-over" and got.record["pcr_scheme"] == "261"
    assert (got.report.state, got.report.failed_units) == ("running", [])
    assert got.report.text("root_device") == "active"
    assert "(initrd)" in got.report.text("analyze")  # of the newest that handover/exec.c takes for known
    assert "systemd-tpm2-setup-early.service - Early TPM SRK Setup skipped, unmet condition check " \
        "ConditionPathExists=!/run/systemd/tpm2-srk-public-key.pem" in got.report.text("journal")


def test_host_adds_to_what_the_initrd_began(begun):
    """Nothing is begun twice; what the host measures follows ours, in the log and in the TPM."""
    got, found = begun
    assert got.record["nvpcr"] == "in use"
    words = [r["content"]["string"] for r in records(got)]
    first = [word for word in words if word.startswith("nvpcr-init:")]
    assert sorted(word.split(":")[1] for word in first) == sorted(found)
    assert all(words.index(word) < words.index("leave-initrd") for word in first)
    added = {r["content"]["nvIndexName"]: r["content"]["string"] for r in records(got)
             if "nv_index" in r}
    assert list(added) == ["verity", "hardware"] and added["hardware"].startswith("product-id:")
    assert added["verity"].startswith(f"verity:root:{got.record['root']['roothash']}:")
    assert "Extended NvPCR index 'hardware'" in got.report.text("journal")
    replayed = tpm.nvpcrs(got.report.raw("/run/log/systemd/tpm2-measure.log"),
                          chain.authority(KEY.with_suffix(".pub")))
    assert {index: found[name] for name, index in indices().items()} == replayed
    assert len(set(found.values())) == len(found), "more than one is as it was begun"


def test_host_finds_their_values(begun):
    got, found = begun
    assert values_that_the_host_finds(got) == found


def test_host_finds_none_where_the_initrd_began_none(skipped):
    """The twin: it does not make up for that, as the phase is over, and goes on."""
    got, found = skipped
    assert got.record["nvpcr"] == "skipped: this initrd has no *.nvpcr"
    assert set(values_that_the_host_finds(got).values()) == {None} and set(found.values()) == {""}
    assert not [r for r in records(got) if "nv_index" in r or "nvpcr-init" in r["content"]["string"]]
    assert "NvPCR 'hardware' is not initialized" in got.report.text("journal")


@pytest.mark.parametrize("which", ["begun", "skipped"])
def test_pcrlock_explains_every_pcr(which, request):
    """Each event is what it says, also those of NvPCRs, and all come to the TPM's values."""
    got, _ = request.getfixturevalue(which)
    said = got.report.text("pcrlock")
    ours = re.findall(r"^ *(\S+) \S+ .*? (nvpcr-init|dm-verity|product-id|os-separator|phase) +"
                      r"(\S) \w+ U ", said, re.M)
    assert {match for _, _, match in ours} == {"+"}
    kinds = {kind for _, kind, _ in ours}
    assert kinds == ({"nvpcr-init", "dm-verity", "product-id"} if which == "begun" else set()) \
        | {"os-separator", "phase"}
    pcrs = re.findall(r"^ *(\d+) \S+ .* ([0-9a-f]{7}) +([0-9a-f]{7})$", said, re.M)
    assert [int(n) for n, *_ in pcrs] == list(range(24)), said
    assert [n for n, told, real in pcrs if told != real] in ([], ["10"])
