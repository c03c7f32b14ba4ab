# SPDX-License-Identifier: LGPL-2.1-or-later
"""NvPCRs: begun where the vendor signed this phase, and nowhere else; what they come to."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest

import chain
import predicted
import test_luks
import test_state_luks
from expect import MEASURE, RUNNING, boots, direct
from lab import LabError, hermetic, luks, paths, steps, tpm
from nvpcrs import BASE, CRYPTSETUP, DATA, DEFINITIONS, HARDWARE, KEY, SCHEME, SIGNED, VERITY, after

ORDER = ("verity", "hardware", "cryptsetup")
FULL = "the TPM has no room for an index: No space left on device"


def forged() -> dict[str, bytes]:
    """Signatures that look like some, by nobody."""
    entries = json.loads(SIGNED[".extra/tpm2-pcr-signature.json"])
    for entry in sum(entries.values(), []):
        entry["sig"] = "AAAA" + entry["sig"][4:]
    return {".extra/tpm2-pcr-signature.json": json.dumps(entries).encode()}


def plain() -> dict[str, bytes]:
    """Signatures for secrets alone, as versions before 262 make them."""
    entries = json.loads(SIGNED[".extra/tpm2-pcr-signature.json"])
    return {".extra/tpm2-pcr-signature.json": json.dumps(
        {bank: [e for e in some if "ref" not in e] for bank, some in entries.items()}).encode()}


def initrd(tmp_path: Path, files: dict[str, bytes], conf: str = SCHEME) -> Path:
    """An initrd with these files behind it."""
    name = "nvpcr" if conf else "nvpcr-257"
    return chain.with_files(chain.initrd(name, conf=conf), files, tmp_path / "initrd.img")


def root_word(record: dict) -> str:
    """How the root is called where the kernel did not accept its signer."""
    return f"verity:root:{record['root']['roothash']}:"


@pytest.fixture
def indices(boot):
    """`indices(spec)`: boot, and read the NvPCRs in the TPM when it has ended."""

    def run(spec):
        found: dict[int, str] = {}
        spec.with_tpm = lambda emulator: found.update(
            {n: emulator.nvpcr(n) for n in (VERITY, HARDWARE, CRYPTSETUP)})
        return boot(spec), found

    return run


def test_they_are_begun_and_the_log_replays(lab, demo, indices, tmp_path):
    """In the order of their priority; the root is in one of them; the host finds all of it."""
    image = initrd(tmp_path, DEFINITIONS | KEY | SIGNED)
    got, found = indices(lab.direct(demo.disk, append=MEASURE, tpm="on", timeout=400, initrd=image))
    assert got.end == "poweroff" and got.report, got.explain()
    assert got.record["nvpcr"] == "in use" and not got.record.get("warnings"), got.record
    log = got.report.raw("/run/log/systemd/tpm2-measure.log")
    nines = [e.text for e in tpm.userspace_events(log) if e.pcr == 9]
    assert [text.split(":")[1] for text in nines[1:-1]] == list(ORDER), nines
    begun = [c["what"] for c in got.record["tpm_commands"] if c["what"].startswith("begin NvPCR")]
    assert begun == [f"begin NvPCR '{name}'" for name in ORDER]
    assert nines[0] == "os-separator" and nines[-1] == "nvpcr-separator"
    assert not tpm.wrong_words(tpm.userspace_events(log))
    replayed = tpm.replay("sha256", tpm.userspace_events(log))
    assert got.report.pcrs["sha256"][9] == replayed[9]
    word = root_word(got.record)
    assert found == tpm.nvpcrs(log, chain.authority(DATA / "rsa2048.pub")) == {
        VERITY: after(word),
        HARDWARE: BASE, CRYPTSETUP: BASE}
    for name in ORDER:
        assert re.search(rf"^-rw-r--r-- 0:0 65 /run/systemd/nvpcr/{name}.auth *$",
                         got.report.text("run_files"), re.M), name
    (said,) = [m for m in got.record["measurements"] if "nvpcr" in m]
    assert (said["nv_index"], said["nvpcr"], said["text"]) == (VERITY, "verity", word)
    assert said["digests"] == {"sha256": tpm.word_digest("sha256", word)}


def with_nvpcrs(image: Path, tmp_path: Path) -> Path:
    """An initrd that opens volumes, and begins NvPCRs."""
    return chain.with_files(image, DEFINITIONS | KEY | SIGNED, tmp_path / "initrd.img")


def key_slot(got, found: dict[int, str], luks_record: dict, by: str) -> None:
    """Which slot, and by the TPM or not, is in the NvPCR as systemd-cryptsetup says it."""
    word = f"cryptsetup-keyslot:root:{luks_record['uuid']}:{by}:{luks_record['keyslot']}"
    assert got.record["nvpcr"] == "in use", got.record["nvpcr"]
    assert found[CRYPTSETUP] == after(word), word
    assert word in [m["text"] for m in got.record["measurements"] if m.get("nvpcr") == "cryptsetup"]


def test_key_slot_of_the_tpm(indices, tmp_path):
    part = test_luks.sealed(luks.root(), tmp_path, test_luks.LITERAL)
    image = with_nvpcrs(test_luks.initrd("nvpcr", test_luks.POLICY + SCHEME), tmp_path)
    got, found = indices(test_luks.opened(part, tmp_path, passphrase="", image=image, tpm=True))
    boots(got)
    key_slot(got, found, got.record["root"]["luks"], "tpm2")
    assert found[VERITY] == BASE, "nothing was proven"


def test_key_slot_beside_usr(indices, tmp_path):
    """Of a passphrase, which has no word; and what proved /usr is in the other one."""
    volume = test_state_luks.ext4(tmp_path / "state.ext4", test_state_luks.installed, size=16)
    luks.encrypt(volume)
    parts = hermetic.usr_parts()
    image = with_nvpcrs(test_state_luks.initrd("nvpcr", test_state_luks.ENCRYPTED + SCHEME), tmp_path)
    disk = test_state_luks.disk_of(tmp_path, parts, volume)
    got, found = indices(direct(disk.path, test_state_luks.WORDS, tpm=True, initrd=image,
                                smbios=[test_luks.CREDENTIAL + luks.PASSPHRASE]))
    boots(got, words=("enter-initrd", test_luks.CAP, "leave-initrd"))
    key_slot(got, found, got.record["state"]["luks"], "")
    assert found[VERITY] == after(f"verity:usr:{parts[0].roothash}:")


@pytest.mark.parametrize("files, conf, why, warns", [
    (DEFINITIONS | KEY | SIGNED, "", "pcr-scheme=257", False),
    (KEY | SIGNED, SCHEME, "this initrd has no *.nvpcr", False),
    (DEFINITIONS | SIGNED, SCHEME, "the stub left no '/.extra/tpm2-pcr-public-key.pem'", False),
    (DEFINITIONS | KEY | plain(), SCHEME,
     "nothing is signed for this phase with the reference 'initrd'", False),
    (DEFINITIONS | KEY | forged(), SCHEME,
     "the TPM cannot accept the PCR signature of this phase", True),
], ids=["257", "undefined", "no-key", "for-secrets", "forged"])
def test_without_one_thing_they_are_skipped(lab, demo, indices, tmp_path, files, conf, why, warns):
    """The twins: said so, nothing of them measured but that they are done, and the boot goes on."""
    got, found = indices(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING,
                                    initrd=initrd(tmp_path, files, conf)))
    boots(got, warning=why if warns else "")
    assert got.record["nvpcr"].startswith(f"skipped: {why}")
    assert set(found.values()) == {""}
    assert bool(got.seen(f"NvPCRs are skipped: {why.split(chr(39))[0].replace('*', '.')}")) == bool(conf)
    words = [m["text"] for m in got.record["measurements"] if m.get("pcr") == 9]
    assert words == (["os-separator", "nvpcr-separator"] if conf else [])


def tpm2(path: Path, *words: str) -> bytes:
    """What a program of tpm2-tools says with this TPM."""
    return steps.run([f"tpm2_{words[0]}", f"--tcti=swtpm:path={path}", *words[1:]]).stdout


def filled(emulator, room: int) -> None:
    """Takes all the memory that the TPM has for indices, but for so many that hold a digest."""
    index = 0x1500000
    with emulator.served() as path:
        for size in (2048, 256, 32):
            with contextlib.suppress(LabError):
                while True:
                    tpm2(path, "nvdefine", "-Q", "-C", "o", "-s", str(size), hex(index))
                    index += 1
        for n in range(room):
            tpm2(path, "nvundefine", "-C", "o", hex(index - 1 - n))


def test_no_room_for_any(lab, demo, indices, tmp_path):
    """Said so, nothing half-made is left, the host is told, and the boot goes on."""
    image = initrd(tmp_path, DEFINITIONS | KEY | SIGNED)
    got, found = indices(lab.direct(demo.disk, append=MEASURE, tpm="on", timeout=400, initrd=image,
                                    prepare_tpm=lambda emulator: filled(emulator, 0)))
    assert got.end == "poweroff" and got.report, got.explain()
    assert got.record["nvpcr"] == f"skipped: {FULL}"
    said = [text for text in got.record["warnings"] if "NvPCR" in text]
    assert said == [*(f"NvPCR '{name}': {FULL}: there is none in this boot, continuing"
                      for name in ORDER), f"NvPCRs are skipped: {FULL}"]
    assert set(found.values()) == {""}
    words = [m["text"] for m in got.record["measurements"] if m.get("pcr") == 9]
    assert words == ["os-separator", "nvpcr-separator"]
    files = got.report.text("run_files")
    for kind in ("orderly", "non-orderly"):
        assert f"/run/systemd/tpm2-nv-space-exhausted-{kind}" in files
    assert ".auth" not in files


def test_room_for_some(lab, demo, indices, tmp_path):
    """The twin: what there is room for is begun, in the order of priority, and in use."""
    image = initrd(tmp_path, DEFINITIONS | KEY | SIGNED)
    got, found = indices(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING, initrd=image,
                                    prepare_tpm=lambda emulator: filled(emulator, 1)))
    boots(got, warning=f"NvPCR 'cryptsetup': {FULL}")
    assert got.record["nvpcr"] == "in use"
    assert found == {VERITY: after(root_word(got.record)), HARDWARE: BASE, CRYPTSETUP: ""}


@pytest.fixture(scope="module")
def signed_uki(lab, demo, tmp_path_factory) -> Path:
    """A UKI with signatures by our own predict."""
    folder = tmp_path_factory.mktemp("uki")
    return chain.signed_for_phase(folder, initrd(folder, DEFINITIONS), DATA / "rsa2048.key")


def test_prediction_without_signatures(signed_uki):
    """The twin: PCR 9 does not know of them, and somebody says why."""
    said = [steps.run([paths.MKINITRD, "predict", "--json", "--bank", "sha256", "--uki", uki])
            for uki in (signed_uki, signed_uki.with_name("unsigned.efi"))]
    assert [("skipped: the UKI has no .pcrsig" in s.stderr.decode(), b'"nvpcr"' in s.stdout)
            for s in said] == [(False, True), (True, False)]


def test_what_was_not_told_is_not_guessed(demo, signed_uki):
    """Of what a boot extends an NvPCR by, one knows the root hash or one does not."""
    uki, root = ("uki", signed_uki), ("root-hash", demo.roothash)
    volume = ("volume-key", "root:1e5c0000-51b1-4a7e-9d3a-6f1b6e3c1d0e")
    for inputs, unknown in (([uki, root], set()), ([uki], {VERITY}), ([uki, root, volume], {CRYPTSETUP})):
        told = predicted.nvpcrs(inputs)
        assert {n for n, value in told.items() if value is None} == unknown and len(told) == len(ORDER)


def test_prediction(lab, demo, indices, signed_uki, tmp_path):
    """From firmware on: PCR 9 and every NvPCR are what was told before the boot."""
    inputs: list[tuple[str, Path | str]] = [("uki", signed_uki)]
    got, found = indices(chain.chain(lab.make_disk(tmp_path / "disk.img", uki=signed_uki).path))
    assert got.record["nvpcr"] == "in use", got.record["nvpcr"]
    kernel = got.record["root"]["proven_by"] == "kernel"
    sig = tmp_path / "sig"
    sig.write_bytes(demo.part("sig").file.read_bytes())
    root = [("root-signature", sig)] if kernel else [("root-hash", demo.roothash)]
    words = "slipway.failure_delay=0"
    assert found == predicted.nvpcrs([*inputs, *root], words)
    assert found != predicted.nvpcrs(inputs, words), "the root is not in it"
    told = predicted.at_phase(predicted.values([*inputs, *root], words), "enter-initrd:leave-initrd")
    assert {n: got.pcrs["sha256"][n] for n in predicted.PCRS} == {
        n: told["sha256", n] for n in predicted.PCRS}
