# SPDX-License-Identifier: LGPL-2.1-or-later
"""The full chain: firmware, Secure Boot, stub, TPM, slipway, systemd to 'running'."""

import re

import pytest

import predicted
from lab import tpm
from lab.judge import READY, judge

pytestmark = pytest.mark.xdist_group("demo")  # all but one judge one machine
WORDS = "slipway.demo=pcrlock"


@pytest.fixture(scope="module")
def outcome(lab, demo):
    """One boot of the demo with every PCR bank; systemd-pcrlock judges it as well."""
    spec = lab.Spec(name="test_demo", firmware="enforcing", tpm="on",
                    banks=("sha1", "sha256", "sha384"), drives=[lab.Drive(demo.disk)],
                    cmdline_extra=WORDS, timeout=300)
    return predicted.boot(spec)


def test_every_promise_is_kept(demo, outcome):
    broken = [f"{v.what}: {v.seen}" for v in judge(demo, outcome) if not v.good]
    assert not broken, "\n".join([*broken, outcome.explain()])


def test_tpm_read_from_outside_agrees(outcome):
    """Shutting down measures two more words; every other PCR is as the system saw it."""
    assert list(outcome.pcrs) == ["sha1", "sha256", "sha384"]
    for bank, outside in outcome.pcrs.items():
        inside = outcome.report.pcrs[bank]
        assert [n for n in range(24) if inside[n] != outside[n]] == [11]


def test_pcrs_are_what_was_predicted(demo, outcome):
    """Without a TPM, from the files alone: those of the stub, the kernel and us."""
    told = predicted.at_phase(
        predicted.values([("uki", demo.uki), ("sysext", demo.sysext)], WORDS), READY)
    for bank, inside in outcome.report.pcrs.items():
        assert {n: inside[n] for n in predicted.PCRS} == {n: told[bank, n] for n in predicted.PCRS}


def test_each_phase_is_what_was_predicted(demo, outcome):
    """PCR 11 from the stub on, with one more word of our log each time."""
    told = predicted.values([("uki", demo.uki), ("sysext", demo.sysext)], WORDS)
    first = tpm.firmware_events(
        outcome.report.raw("/sys/kernel/security/tpm0/binary_bios_measurements"))
    words = [e for e in tpm.userspace_events(
        outcome.report.raw("/run/log/systemd/tpm2-measure.log")) if e.pcr == 11]
    for bank, inside in outcome.report.pcrs.items():
        seen = {":".join(w.text for w in words[:n]) or "-": tpm.replay(bank, first + words[:n])[11]
                for n in range(len(words) + 1)}
        assert list(seen)[-1] == READY and seen[READY] == inside[11]
        assert seen == {key[2]: told[key] for key in told if key[:2] == (bank, 11)}


def test_pcrlock_finds_the_logs_whole(outcome):
    """systemd-pcrlock reads both logs and comes to the TPM's values (IMA's PCR 10 apart)."""
    said = outcome.report.text("pcrlock")
    values = re.findall(r"^ *(\d+) # .* ([0-9a-f]{64}) ([0-9a-f]{64})$", said, re.M)
    assert len(values) == 24, said
    assert [n for n, told, real in values if told != real] in ([], ["10"])
    for word in ("enter-initrd", "leave-initrd", "sysinit", "ready"):
        assert re.search(rf"^ 11 .* phase +\+ .* U .*{word}$", said, re.M), word


def test_unsigned_uki_is_refused_by_the_firmware(lab, demo, boot, tmp_path):
    """The twin: the same UKI, signed by somebody else, is not started at all."""
    uki = tmp_path / "uki.efi"
    lab.make_uki(uki, initrd=demo.initrd, key=lab.key("attacker"))
    disk = lab.make_disk(tmp_path / "disk.img", uki=uki)
    got = boot(lab.Spec(firmware="enforcing", tpm="on", drives=[lab.Drive(disk.path)]))
    assert got.end == "refused", got.explain()
    assert "Linux version" not in got.serial and got.record is None
