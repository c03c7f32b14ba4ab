# SPDX-License-Identifier: LGPL-2.1-or-later
"""A quote by the TPM of a booted system, judged from outside; and what forgers could send."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import predicted
from lab import attest, paths, tpm
from lab.attest import Evidence
from lab.judge import READY

pytestmark = pytest.mark.xdist_group("attest")  # all judge one machine
NONCE = bytes(range(20))
BANKS = ("sha1", "sha256")
WORDS = "slipway.demo=stay"  # shutting down would measure more than the report has
SIGNED, FRESH = "the attestation key signed the quote", "the quote answers this question"
QUOTED = "the values are those that were quoted"
READABLE, EXPLAINED = "the event logs can be read", "the event logs explain every value"
TRUE, EXPECTED = "every event is what it says", "what was measured is what was expected"
SEPARATOR = b"\x1e"


@dataclass(frozen=True)
class Sent:
    """What a verifier has: the machine's key and evidence, and what it expects of the machine."""

    key: Path
    evidence: Evidence
    expected: dict[tuple[str, int], str | None]


@pytest.fixture(scope="module")
def sent(lab, demo, tmp_path_factory) -> Sent:
    """The demo, booted to its end, and quoted by its TPM."""
    folder = tmp_path_factory.mktemp("quote")
    quoted: list[tuple] = []
    got = predicted.boot(lab.Spec(
        name="test_attest", firmware="enforcing", tpm="on", banks=BANKS,
        drives=[lab.Drive(demo.disk)], cmdline_extra=WORDS, until="slipway-report: state",
        timeout=300, with_tpm=lambda t: quoted.append(attest.quote(t, NONCE, BANKS, folder))),
        phase=READY)
    assert got.end == "stopped" and got.report and quoted, got.explain()
    key, *signed = quoted[0]
    logs = [got.report.raw(path) for path in (
        "/sys/kernel/security/tpm0/binary_bios_measurements",
        "/run/log/systemd/tpm2-measure.log")]
    told = predicted.at_phase(
        predicted.values([("uki", demo.uki), ("sysext", demo.sysext)], WORDS), READY)
    return Sent(key, Evidence(*signed, *logs),
                {key: value for key, value in told.items() if key[0] in BANKS})


def bad(sent: Sent, nonce: bytes = NONCE) -> dict[str, str]:
    """What the verifier objects to, and what it saw."""
    return {v.what: v.seen for v in attest.verify(sent.key, nonce, sent.evidence, sent.expected)
            if not v.good}


def test_boot_is_believed(sent):
    assert bad(sent) == {}


def flip(part: str, at: int) -> Callable[[Evidence], Evidence]:
    """Another bit at this offset."""
    def change(e: Evidence) -> Evidence:
        data = bytearray(getattr(e, part))
        data[at] ^= 1
        return replace(e, **{part: bytes(data)})
    return change


def firmware(text: bytes, after: int, new: Callable[[bytes], bytes]) -> Callable:
    """Change the byte that lies so far behind (or before) this text in the firmware's log."""
    def change(e: Evidence) -> Evidence:
        log = e.firmware_log
        at = log.index(text) + after
        return replace(e, firmware_log=log[:at] + new(log[at : at + 1]) + log[at + 1 :])
    return change


def records(new: Callable[[list[dict]], list[dict]]) -> Callable[[Evidence], Evidence]:
    """Another list of records in the userspace log."""
    def change(e: Evidence) -> Evidence:
        old = [json.loads(r) for r in e.userspace_log.split(SEPARATOR)[1:]]
        return replace(e, userspace_log=b"".join(
            SEPARATOR + json.dumps(r).encode() + b"\n" for r in new(old)))
    return change


def word(text: str) -> dict:
    """A record that measures this word into PCR 11."""
    return {"pcr": 11, "digests": [{"hashAlg": b, "digest": tpm.word_digest(b, text)}
                                   for b in BANKS],
            "content_type": "systemd", "content": {"string": text, "eventType": "phase"}}


def altered(record: dict) -> dict:
    """With other digests, of which the text says nothing."""
    return record | {"digests": word("something else")["digests"]}


def renamed(record: dict) -> dict:
    """With another text, of which the digests say nothing."""
    return record | {"content": record["content"] | {"string": "leave-initrd"}}


ACTION = b"Calling EFI Application from Boot Option"


@pytest.mark.parametrize("change, what, says", [
    (flip("message", 0), "the quote is one", "no quote of a TPM"),
    (flip("message", 5), "the quote is one", "no quote of a TPM"),
    (flip("message", 20), SIGNED, "tpm2_checkquote"),
    (flip("message", -1), QUOTED, "46 PCRs"),
    (lambda e: replace(e, message=e.message[:-1]), "the quote is one", "another length"),
    (lambda e: replace(e, message=e.message[:60]), "the quote is one", "cannot be read|length"),
    (flip("signature", 40), SIGNED, "tpm2_checkquote"),
    (flip("values", 0), QUOTED, ""), (flip("values", -1), QUOTED, ""),
    (lambda e: replace(e, values=e.values[:-20]), QUOTED, "0 PCRs"),
    (firmware(ACTION, -5, lambda b: bytes([b[0] ^ 1])), EXPLAINED,
     r"PCR 4 \(sha256\): the digest of event 0 \('Calling EFI"),
    (firmware(ACTION, 0, lambda b: b"c"), TRUE, "'calling EFI .* of PCR 4 does not hash"),
    (lambda e: replace(e, firmware_log=e.firmware_log[:-3]), READABLE, "cut short"),
    (lambda e: replace(e, firmware_log=b""), READABLE, ""),
    (lambda e: replace(e, userspace_log=b""), EXPLAINED, r"PCR 11 \(sha1\): the TPM has "),
    (lambda e: replace(e, userspace_log=e.userspace_log[:-9]), READABLE, "cut short"),
    (records(lambda r: r + [word("more")]), EXPLAINED,
     r"PCR 11 \(sha256\): the TPM saw nothing from event \d+ \('more', userspace\) on"),
    (records(lambda r: [word("innocent"), *r]), EXPLAINED,
     r"the TPM never saw event \d+ \('innocent', userspace\)"),
    (records(lambda r: r[1:]), EXPLAINED,
     r"events do not come to: .*\('leave-initrd', userspace\)"),
    (records(lambda r: [altered(r[0]), *r[1:]]), EXPLAINED,
     r"the digest of event \d+ \('enter-initrd', userspace\) was altered"),
    (records(lambda r: [renamed(r[0]), *r[1:]]), TRUE, "'leave-initrd' of PCR 11 does not hash"),
    (records(lambda r: [r[1], r[0], *r[2:]]), EXPLAINED, "PCR 11"),
    (records(lambda r: [r[0] | {"pcr": 12}, *r[1:]]), EXPLAINED, "PCR 12"),
])
def test_forgery_is_found(sent, change, what, says):
    found = bad(replace(sent, evidence=change(sent.evidence)))
    assert re.search(says, found.get(what, "nothing")) and what in found, found


@pytest.mark.parametrize("nonce", [b"", NONCE[:-1], bytes(20)])
def test_old_quote_is_no_answer(sent, nonce):
    assert {SIGNED, FRESH} <= bad(sent, nonce).keys()


def test_other_key(lab, sent, tmp_path):
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "x509", "-in", lab.key("attacker").cert, "-noout", "-pubkey", "-out",
                    other], check=True)
    assert bad(replace(sent, key=other)).keys() == {SIGNED}


@pytest.mark.parametrize("pcr", predicted.PCRS)
def test_something_else_was_expected(sent, pcr):
    wrong = sent.expected | {("sha256", pcr): "00" * 32}
    found = bad(replace(sent, expected=wrong))
    assert found.keys() == {EXPECTED} and re.match(rf"PCR {pcr} \(sha256\) is", found[EXPECTED])


@pytest.mark.parametrize("pcr", predicted.PCRS)
def test_what_nobody_could_foresee_may_be_anything(sent, pcr):
    """And says so; the others are expected as ever."""
    unknown = sent.expected | {("sha256", pcr): None}
    (said,) = [v for v in attest.verify(sent.key, NONCE, sent.evidence, unknown)
               if v.what == EXPECTED]
    assert said.good
    assert said.seen == f"{len(sent.expected) - 1} PCRs; PCR {pcr} (sha256) may be anything"
    found = bad(replace(sent, expected=unknown | {("sha1", pcr): "00" * 20}))
    assert found.keys() == {EXPECTED} and re.match(rf"PCR {pcr} \(sha1\) is", found[EXPECTED])


@pytest.mark.parametrize("expected, says", [
    ({}, "0 PCRs"), ({("sha256", 9): None}, "0 PCRs"), ({("sha256", 10): "00" * 32}, r"PCR 10 \(sha256\) was not quoted"),
    ({("sha384", 11): "00" * 48}, r"PCR 11 \(sha384\) was not quoted"),
])
def test_what_was_not_quoted_is_not_believed(sent, expected, says):
    found = bad(replace(sent, expected=expected))
    assert found.keys() == {EXPECTED} and re.match(says, found[EXPECTED])


@pytest.mark.parametrize("phase, status", [(READY, 0), ("enter-initrd", 1)])
def test_from_the_command_line(sent, demo, tmp_path, phase, status):
    files = {name: tmp_path / name for name in vars(sent.evidence)}
    for name, file in files.items():
        file.write_bytes(getattr(sent.evidence, name))
    expected = tmp_path / "expected.json"
    expected.write_bytes(subprocess.run(
        [paths.MKINITRD, "predict", "--json", "--bank", ",".join(BANKS), "--uki", demo.uki,
         "--sysext", demo.sysext, "--smbios-cmdline", WORDS], check=True,
        capture_output=True).stdout)
    done = subprocess.run(
        [paths.REPO / "tests/lib/slipway-lab", "attest", "--key", sent.key, "--nonce",
         NONCE.hex(), "--expected", expected, "--phase", phase,
         *(word for name, file in files.items() for word in (f"--{name.replace('_', '-')}", file))],
        capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    assert len(re.findall("^  ok ", done.stdout, re.M)) == 6 - status
    assert bool(re.search(r"^  FAIL  .*PCR 11 \(sha256\) is", done.stdout, re.M)) == bool(status)
