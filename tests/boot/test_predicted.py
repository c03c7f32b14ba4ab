# SPDX-License-Identifier: LGPL-2.1-or-later
"""The comparison that every boot through firmware goes through can fail; nothing is booted here."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

import chain
import predicted
from lab import Result, appliance

BANKS = ("sha1", "sha256")
WORDS = "slipway.failure_delay=0"
STOPPED = {"result": "handed-over"}
EARLY, LATE = ({"result": "failed", "failure": {"stage": stage}} for stage in ("tpm", "prove"))
EXTRA = appliance.EXTENSIONS_ON_ESP


def machine(image: Path, **more):
    """What is booted: the demo's disk, or one like it."""
    return chain.chain(image, banks=BANKS, **more)


def result(pcrs: dict, end: str = "stopped", record: dict | None = None) -> Result:
    return Result(end, 0.0, [], record or STOPPED, None, pcrs, Path())


@pytest.fixture(scope="module")
def pcrs(lab, demo) -> dict[str, list[str]]:
    """A TPM after a boot of the demo, as the one of test_demo.py was seen to be."""
    told = predicted.values([("uki", demo.uki), ("sysext", demo.sysext)], WORDS)
    told = predicted.at_phase(told, predicted.AT_THE_SWITCH)
    return {bank: [told.get((bank, n)) or "00" * (20 if bank == "sha1" else 32)
                   for n in range(24)] for bank in BANKS}


def test_what_was_foreseen_is_good(demo, pcrs):
    predicted.compare(machine(demo.disk), result(pcrs))


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("pcr", [*predicted.PCRS, 15])
def test_each_pcr_counts_in_each_bank(demo, pcrs, bank, pcr):
    wrong = copy.deepcopy(pcrs)
    wrong[bank][pcr] = "11" * (len(wrong[bank][pcr]) // 2)
    with pytest.raises(AssertionError, match=rf"not as foreseen .* PCR \[{pcr}\]"):
        predicted.compare(machine(demo.disk), result(wrong))


@pytest.mark.parametrize("differs, wrong", [
    ({"words": "more"}, "PCR [9, 12]"), ({"firmware": "off"}, "PCR [4]"),
    ({"banks": ("sha1",)}, "banks"), ({"banks": (*BANKS, "sha384")}, "banks"),
])
def test_each_word_about_the_machine_counts(demo, pcrs, differs, wrong):
    spec = chain.chain(demo.disk, **{"banks": BANKS} | differs)
    with pytest.raises(AssertionError, match=re.escape(wrong)):
        predicted.compare(spec, result(pcrs))


@pytest.mark.parametrize("name, wrong", [
    (f"{EXTRA}/a.cred", [9, 12]), (f"{EXTRA}/a.raw", [9, 13]), (f"{EXTRA}/a.confext.raw", [9, 12]),
    ("loader/credentials/a.cred", [9, 12]), ("loader/addons/a.cred", None), (f"{EXTRA}/a.txt", None),
])
def test_each_file_beside_the_uki_counts(lab, demo, pcrs, tmp_path, name, wrong):
    """And what no stub looks at does not."""
    image = lab.make_disk(tmp_path / "disk.img", uki=demo.uki, extensions=[demo.sysext],
                          esp_files={name: b"x"}).path
    if wrong is None:
        predicted.compare(machine(image), result(pcrs))
        return
    with pytest.raises(AssertionError, match=re.escape(f"PCR {wrong}")):
        predicted.compare(machine(image), result(pcrs))


def test_a_byte_of_the_uki_counts(demo, pcrs, tmp_path):
    """In its command line; no firmware takes part here that would refuse it."""
    uki = tmp_path / "uki.efi"
    uki.write_bytes(demo.uki.read_bytes().replace(b"systemd.volatile=state",
                                                  b"systemd.volatile=stale"))
    image = appliance.make_disk(tmp_path / "disk.img", uki=uki, extensions=[demo.sysext]).path
    with pytest.raises(AssertionError, match=re.escape("PCR [4, 9, 11]")):
        predicted.compare(machine(image), result(pcrs))


@pytest.mark.parametrize("end, record, phase, at", [
    ("poweroff", STOPPED, "", predicted.POWERED_OFF), ("reboot", EARLY, "", "slipway-failed"),
    ("reboot", LATE, "", "enter-initrd:slipway-failed"),
    ("stopped", STOPPED, "enter-initrd", "enter-initrd"), ("stopped", STOPPED, "-", "-"),
])
def test_each_end_has_its_phase(demo, pcrs, end, record, phase, at):
    told = predicted.values([("uki", demo.uki)], WORDS, "--phases", at)
    seen = {bank: [*values[:11], told[bank, 11, at], *values[12:]]
            for bank, values in pcrs.items()}
    predicted.compare(machine(demo.disk), result(seen, end, record), phase=phase)
    with pytest.raises(AssertionError, match=re.escape("PCR [11]")):
        predicted.compare(machine(demo.disk), result(pcrs, end, record), phase=phase)


def test_an_end_that_is_not_known_must_be_said(demo, pcrs):
    with pytest.raises(AssertionError, match="say at which phase"):
        predicted.compare(machine(demo.disk, until="somewhere else"), result(pcrs))


def test_an_exception_holds_for_what_it_names_and_must_be_one(demo, pcrs):
    wrong = copy.deepcopy(pcrs)
    wrong["sha1"][4] = "11" * 20
    spec = machine(demo.disk)
    predicted.compare(spec, result(wrong), but={4: "another loader"})
    with pytest.raises(AssertionError, match=re.escape("PCR [9] can be foreseen")):
        predicted.compare(spec, result(wrong), but={4: "another loader", 9: "no reason"})
    with pytest.raises(AssertionError, match=re.escape("PCR [4] can be foreseen")):
        predicted.compare(spec, result(pcrs), but={4: "another loader"})


def test_what_the_firmware_refused_measured_nothing(demo, pcrs):
    none = {bank: ["00" * (len(values[0]) // 2)] * 24 for bank, values in pcrs.items()}
    spec = machine(demo.disk)
    predicted.compare(spec, result(none, "refused", {}))
    with pytest.raises(AssertionError, match="what was not started"):
        predicted.compare(spec, result(pcrs, "refused", {}))


def test_nobody_boots_without_it():
    """All other files have `boot` of here, or the fixture of that name; but where a kernel runs that is
    none of ours, the PCRs are held to be others than ours, and a UKI that predict refuses has its own say."""
    here = Path(__file__).parent
    found = [path.name for path in sorted(here.glob("*.py"))
             if re.search(r"\b(the_)?(lab|vm)\.boot\(", path.read_text())]
    assert found == ["predicted.py", "test_stranger.py"]
