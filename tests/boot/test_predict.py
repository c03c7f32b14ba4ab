# SPDX-License-Identifier: LGPL-2.1-or-later
"""What slipway-mkinitrd predict says of a boot, against the TPM that saw it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import lab
import predicted
from expect import RUNNING
from lab import appliance, tools, tree
from predicted import AT_THE_SWITCH

pytestmark = pytest.mark.xdist_group("predict")  # all look at two machines
BANKS = ("sha1", "sha256", "sha384")
ADDON_STUB = "/usr/lib/systemd/boot/efi/addonx64.efi.stub"
EXTRA = appliance.EXTENSIONS_ON_ESP
KNOWN_STUBS = range(257, 263)
GLOBAL = "loader/extensions"
# Too short to be used, and not to be written: the stub hands no secret over.
NO_SECRET = {"loader/boot-secret-mixin": b"\n"}
BEFORE_INIT = "EFI stub: Measured initrd"


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


def richer(folder: Path) -> tuple[str, ...]:
    """What few UKIs have and the stub measures: microcode, which is another initrd, a picture and a
    device tree; here each of them is as small as it can be."""
    name = b"kernel/x86/microcode/GenuineIntel.bin"
    archive = cpio(name, b"no microcode") + cpio(b"TRAILER!!!", b"")
    pixel = b"BM" + struct.pack("<IIIIiiHHIIiiII", 58, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(4)
    node = struct.pack(">IIII", 1, 0, 2, 9)
    device_tree = struct.pack(">10I", 0xD00DFEED, 72, 56, 72, 40, 17, 16, 0, 0, 16) + bytes(16) + node
    for option, content in (("microcode", archive), ("splash", pixel), ("devicetree", device_tree)):
        (folder / option).write_bytes(content)
    return tuple(f"--{option}={tree.host(folder / option)}"
                 for option in ("microcode", "splash", "devicetree"))


def cpio(name: bytes, data: bytes) -> bytes:
    """One file of an archive, as the kernel unpacks it."""
    head = (1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    named = b"070701" + b"".join(b"%08X" % n for n in head) + name + b"\0"
    return b"".join(part + bytes(-len(part) % 4) for part in (named, data))


@pytest.fixture(scope="module")
def inputs(lab, demo, tmp_path_factory) -> dict[str, Input]:
    """One of each at least, in an order that is not the stub's."""
    folder = tmp_path_factory.mktemp("esp", numbered=True)
    (folder / "global").mkdir()
    signing = folder / "signing.pem"
    signing.write_bytes(lab.tool("openssl", "genrsa", "2048").stdout)
    uki = folder / "uki.efi"
    lab.make_uki(uki, initrd=demo.initrd, key=lab.key("db"),
                 more=(f"--pcr-private-key={tree.host(signing)}", "--profile=ID=main\n",
                       *richer(folder)))
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


def predict(inputs: dict[str, Input], words: str = WORDS, *more: str,
            phase: str = AT_THE_SWITCH) -> predicted.Values:
    return predicted.at_phase(
        predicted.values([(i.option, i.path) for i in inputs.values()], words, *more), phase)


def start(lab, folder: Path, inputs: dict[str, Input], name: str, *,
          files: dict[str, bytes] | None = None, foreseen: dict | None = None,
          **spec) -> lab.Result:
    """A machine that starts all that; its PCRs are what counts."""
    image = folder / "disk.img"
    places = {i.place: i.path for i in inputs.values()}
    disk = lab.make_disk(image, esp_files=places | (files or {}))
    spec = {"until": RUNNING, "firmware": "enforcing", "tpm": "on", "timeout": 300} | spec
    got = predicted.boot(lab.Spec(name=name, drives=[lab.Drive(disk.path)], cmdline_extra=WORDS,
                                  **spec), **foreseen or {})
    image.unlink()
    assert got.end == "stopped", got.explain()
    return got


def whole_command_line(got: lab.Result) -> bool:
    """The order of those who add words to it."""
    line = next(text for _, text in got.lines if "Command line:" in text)
    return bool(re.search(r" demo\.all demo\.one demo\.two demo\.smbios=1$", line.rstrip()))


@pytest.fixture(scope="module")
def seen(lab, inputs, tmp_path_factory) -> dict[str, list[str]]:
    """The PCRs of a TPM with three banks, by bank."""
    got = start(lab, tmp_path_factory.mktemp("disk"), inputs, "test_predict", banks=BANKS)
    assert whole_command_line(got), got.explain()
    return got.pcrs


@pytest.fixture(scope="module")
def newer(lab, demo, inputs, tmp_path_factory) -> dict[str, Input]:
    """The same with the newest stub, which looks into one more folder."""
    stub = tools.newer_stub()
    version = int(re.search(rb"systemd-stub (\d+)", stub.read_bytes())[1])
    if version not in KNOWN_STUBS:
        pytest.skip(f"systemd-stub {version} is newer than all that is known")
    folder = tmp_path_factory.mktemp("newer")
    uki = folder / "uki.efi"
    lab.make_uki(uki, initrd=demo.initrd, key=lab.key("db"), more=(
        f"--stub={tree.host(stub)}", "--profile=ID=main\n", *richer(folder),
        f"--pcr-private-key={tree.host(inputs['uki.efi'].path.with_name('signing.pem'))}"))
    for name in ("y.raw", "all.confext.raw"):
        (folder / name).write_text(f"everyone's {name}")
    return inputs | {
        "uki.efi": replace(inputs["uki.efi"], path=uki),
        "y.raw": Input("global-sysext", f"{GLOBAL}/y.raw", folder / "y.raw"),
        "all.confext.raw": Input("global-confext", f"{GLOBAL}/all.confext.raw",
                                 folder / "all.confext.raw"),
    }


@pytest.fixture(scope="module")
def seen_newer(lab, newer, tmp_path_factory) -> dict[str, list[str]]:
    """The PCRs of a TPM with one bank, by bank, of a machine that starts with that stub."""
    got = start(lab, tmp_path_factory.mktemp("disk"), newer, "test_predict.newer", files=NO_SECRET)
    assert whole_command_line(got), got.explain()
    return got.pcrs


def test_every_pcr_is_what_was_predicted(seen, inputs):
    told = predict(inputs)
    assert sorted(seen) == sorted(BANKS) and {n for _, n in told} == {*predicted.PCRS, 15}
    assert predicted.measured(seen, told) == {key: told[key] for key in told if key[0] in BANKS}


def test_with_the_newest_stub_as_well(seen_newer, newer):
    assert list(seen_newer) == ["sha256"]
    assert not predicted.wrong(seen_newer, predict(newer, WORDS, "--no-boot-secret"))


def test_a_secret_of_the_machine_is_not_foreseen(lab, newer, tmp_path):
    """The twin: nothing keeps the stub from it. Nobody could have known PCR 9, and so it is said."""
    got = start(lab, tmp_path, newer, "test_predict.secret", until=BEFORE_INIT, foreseen={
        "phase": predicted.NOTHING, "but": {9: "the stub adds a secret of the machine"}})
    told = predict(newer, WORDS, phase="-")
    assert told.pop(("sha256", 9)) is None
    told = {key: value for key, value in told.items() if key[1] != 9}
    assert not predicted.wrong(got.pcrs, told)
    assert predicted.wrong(got.pcrs, predict(newer, WORDS, "--no-boot-secret", phase="-")) == {9}


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
    ("uki.efi", ".ucode", {4, 9, 11}),
    ("uki.efi", ".splash", {4, 11}),
    ("uki.efi", ".dtb", {4, 11}),
    ("uki.efi", ".uname", {4, 11}),
    ("uki.efi", ".sbat", {4, 11}),
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
    # said, as an initrd with a wrong byte does not tell
    told = predict(inputs | {name: replace(right, path=twin)}, WORDS, "--pcr-scheme", "257")
    for bank in BANKS:
        assert predicted.wrong({bank: seen[bank]}, told) == wrong


@pytest.mark.parametrize("name, wrong", [("y.raw", {9, 13}), ("all.confext.raw", {9, 12})])
def test_a_wrong_byte_for_all_ukis_is_seen(seen_newer, newer, tmp_path, name, wrong):
    twin = tmp_path / name
    twin.write_bytes(b"E" + newer[name].path.read_bytes()[1:])
    told = predict(newer | {name: replace(newer[name], path=twin)}, WORDS, "--no-boot-secret")
    assert predicted.wrong(seen_newer, told) == wrong


def test_a_wrong_name_is_seen(seen, inputs, tmp_path):
    """The names are in the archives that are measured."""
    twin = tmp_path / "y.raw"
    twin.write_bytes(inputs["z.raw"].path.read_bytes())
    told = predict(inputs | {"z.raw": replace(inputs["z.raw"], path=twin)})
    assert predicted.wrong(seen, told) == {9, 13}


@pytest.mark.parametrize("left_out, wrong", [
    ("b.cred", {9, 12}), ("z.raw", {9, 13}), ("two.addon.efi", {4, 9, 12}),
])
def test_a_missing_file_is_seen(seen, inputs, left_out, wrong):
    some = {name: i for name, i in inputs.items() if name != left_out}
    assert predicted.wrong(seen, predict(some)) == wrong


@pytest.mark.parametrize("words, wrong", [("demo.smbios=2", {9, 12}), ("", {9, 12}),
                                          (f"  {WORDS}\t", set())])
def test_words_by_smbios_count(seen, inputs, words, wrong):
    assert predicted.wrong(seen, predict(inputs, words)) == wrong


@pytest.mark.parametrize("phase", ["-", "enter-initrd", "enter-initrd:leave-initrd:sysinit"])
def test_a_wrong_phase_is_seen(seen, inputs, phase):
    assert predicted.wrong(seen, predict(inputs, phase=phase)) == {11}


def test_a_key_that_was_not_used_is_seen(seen, inputs, tmp_path):
    (tmp_path / "key").write_bytes(bytes(64))
    volume = f"root:51b1a7e0-c0de-4d57-9d3a-00000000001c:{tmp_path}/key"
    assert predicted.wrong(seen, predict(inputs, WORDS, "--volume-key", volume)) == {15}


def test_the_tools_stub_is_one_that_is_known():
    """What else this file shows holds for the stub that it was shown with."""
    stub = (tools.tools() / "usr/lib/systemd/boot/efi/linuxx64.efi.stub").read_bytes()
    assert int(re.search(rb"systemd-stub (\d+)", stub)[1]) in KNOWN_STUBS
