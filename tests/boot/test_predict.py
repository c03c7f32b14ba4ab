# SPDX-License-Identifier: LGPL-2.1-or-later
"""What slipway-mkinitrd predict says of a boot, against the TPM that saw it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import predicted
from expect import RUNNING
from lab import appliance, tools, tree

pytestmark = pytest.mark.xdist_group("predict")  # all look at one machine
BANKS = ("sha1", "sha256", "sha384")
ADDON_STUB = "/usr/lib/systemd/boot/efi/addonx64.efi.stub"
EXTRA = appliance.EXTENSIONS_ON_ESP
AT_THE_SWITCH = "enter-initrd:leave-initrd"


@dataclass(frozen=True)
class Input:
    """A file that is measured: the option that names it, and its place on the ESP."""

    option: str
    place: str
    path: Path


def addon(lab, out: Path, cmdline: str) -> Path:
    """A signed addon, which adds words to the command line."""
    db = lab.key("db")
    lab.tool("ukify", "build", f"--cmdline={cmdline}", f"--stub={ADDON_STUB}",
             f"--output={tree.host(out.parent)}/{out.name}", "--signtool=sbsign",
             f"--secureboot-private-key={tree.host(db.key)}",
             f"--secureboot-certificate={tree.host(db.cert)}")
    return out


@pytest.fixture(scope="module")
def inputs(lab, demo, tmp_path_factory) -> dict[str, Input]:
    """One of each at least, in an order that is not the stub's."""
    folder = tmp_path_factory.mktemp("esp", numbered=True)
    (folder / "global").mkdir()
    signing = folder / "signing.pem"
    signing.write_bytes(lab.tool("openssl", "genrsa", "2048").stdout)
    uki = folder / "uki.efi"
    lab.make_uki(uki, initrd=demo.initrd, key=lab.key("db"),
                 more=(f"--pcr-private-key={tree.host(signing)}", "--profile=ID=main\n"))
    for name, text in {"b.cred": "second", "A.cred": "capitals come first", "c.confext.raw": "conf",
                       "z.raw": "no extension at all", "global/g.cred": "everyone's"}.items():
        (folder / name).write_text(text)
    beside = [
        ("sysext", "z.raw"), ("credential", "b.cred"), ("credential", "A.cred"),
        ("confext", "c.confext.raw"),
    ]
    found = [Input(option, f"{EXTRA}/{name}", folder / name) for option, name in beside]
    found += [
        Input("uki", appliance.UKI_ON_ESP, uki),
        Input("sysext", f"{EXTRA}/{demo.sysext.name}", demo.sysext),
        Input("global-credential", "loader/credentials/g.cred", folder / "global/g.cred"),
        Input("addon", f"{EXTRA}/two.addon.efi", addon(lab, folder / "two.addon.efi", "demo.two")),
        Input("addon", f"{EXTRA}/One.addon.efi", addon(lab, folder / "One.addon.efi", "demo.one")),
        Input("global-addon", "loader/addons/all.addon.efi",
              addon(lab, folder / "global/all.addon.efi", "  demo.all\n")),
    ]
    return {i.path.name: i for i in found}


WORDS = "demo.smbios=1"


def predict(inputs: dict[str, Input], words: str = WORDS) -> predicted.Values:
    return predicted.values([(i.option, i.path) for i in inputs.values()], words)


@pytest.fixture(scope="module")
def seen(lab, inputs, tmp_path_factory) -> predicted.Values:
    """The TPM of a machine that started all that, by (bank, PCR)."""
    image = tmp_path_factory.mktemp("disk") / "disk.img"
    disk = lab.make_disk(image, esp_files={i.place: i.path for i in inputs.values()})
    got = lab.boot(lab.Spec(name="test_predict", firmware="enforcing", tpm="on", banks=BANKS,
                            drives=[lab.Drive(disk.path)], cmdline_extra=WORDS, until=RUNNING,
                            timeout=300))
    image.unlink()
    assert got.end == "stopped", got.explain()
    line = next(text for _, text in got.lines if "Command line:" in text)
    assert re.search(r" demo\.all demo\.one demo\.two demo\.smbios=1$", line.rstrip()), line
    return {(bank, n): values[n] for bank, values in got.pcrs.items() for n in predicted.PCRS}


def test_every_pcr_is_what_was_predicted(seen, inputs):
    told = predicted.at_phase(predict(inputs), AT_THE_SWITCH)
    assert {key: told[key] for key in seen} == seen
    assert sorted({bank for bank, _ in seen}) == sorted(BANKS)


def changed(image: bytes, section: str) -> bytes:
    """A PE image with another first byte in this section."""
    table = image.index(section.encode().ljust(8, b"\0"))
    at = int.from_bytes(image[table + 20 : table + 24], "little")
    return image[:at] + bytes([image[at] ^ 1]) + image[at + 1 :]


@pytest.mark.parametrize("name, section, wrong", [
    ("uki.efi", ".initrd", {4, 9, 11}),
    ("uki.efi", ".linux", {4, 11}),
    ("uki.efi", ".cmdline", {4, 9, 11}),
    ("uki.efi", ".osrel", {4, 9, 11}),
    ("uki.efi", ".pcrpkey", {4, 9, 11}),
    ("uki.efi", ".pcrsig", {4, 9}),
    ("uki.efi", ".profile", {4, 9, 11}),
    ("uki.efi", ".text", {4}),
    ("One.addon.efi", ".cmdline", {4, 9, 12}),
    ("all.addon.efi", ".cmdline", {4, 9, 12}),
    ("A.cred", "", {9, 12}),
    ("g.cred", "", {9, 12}),
    ("c.confext.raw", "", {9, 12}),
    ("demo-tools.sysext.raw", "", {9, 13}),
])
def test_a_wrong_byte_is_seen(seen, inputs, tmp_path, name, section, wrong):
    right = inputs[name]
    content = right.path.read_bytes()
    twin = tmp_path / name
    twin.write_bytes(changed(content, section) if section else bytes([content[0] ^ 1]) + content[1:])
    told = predicted.at_phase(predict(inputs | {name: replace(right, path=twin)}), AT_THE_SWITCH)
    for bank in BANKS:
        assert {n for n in predicted.PCRS if told[bank, n] != seen[bank, n]} == wrong


def test_a_wrong_name_is_seen(seen, inputs, tmp_path):
    """The names are in the archives that are measured."""
    twin = tmp_path / "y.raw"
    twin.write_bytes(inputs["z.raw"].path.read_bytes())
    told = predicted.at_phase(predict(inputs | {"z.raw": replace(inputs["z.raw"], path=twin)}),
                              AT_THE_SWITCH)
    assert {n for n in predicted.PCRS if told["sha256", n] != seen["sha256", n]} == {9, 13}


@pytest.mark.parametrize("left_out, wrong", [
    ("b.cred", {9, 12}), ("z.raw", {9, 13}), ("two.addon.efi", {4, 9, 12}),
])
def test_a_missing_file_is_seen(seen, inputs, left_out, wrong):
    some = {name: i for name, i in inputs.items() if name != left_out}
    told = predicted.at_phase(predict(some), AT_THE_SWITCH)
    assert {n for n in predicted.PCRS if told["sha256", n] != seen["sha256", n]} == wrong


@pytest.mark.parametrize("words, wrong", [("demo.smbios=2", {9, 12}), ("", {9, 12}),
                                          (f"  {WORDS}\t", set())])
def test_words_by_smbios_count(seen, inputs, words, wrong):
    told = predicted.at_phase(predict(inputs, words), AT_THE_SWITCH)
    assert {n for n in predicted.PCRS if told["sha256", n] != seen["sha256", n]} == wrong


def test_the_tools_stub_is_one_that_is_known():
    """What else this file shows holds for the stub that it was shown with."""
    stub = (tools.tools() / "usr/lib/systemd/boot/efi/linuxx64.efi.stub").read_bytes()
    assert 257 <= int(re.search(rb"systemd-stub (\d+)", stub)[1]) <= 260
