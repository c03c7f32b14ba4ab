# SPDX-License-Identifier: LGPL-2.1-or-later
"""A verifier of a boot: a TPM's quote, the two event logs behind it, and what was expected.

It shares no code with slipway. What is trusted is the attestation key alone: the quote says what
the PCRs are, the logs explain them, and nothing in a log counts that the quote does not bear out.
"""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import tpm
from .judge import Verdict
from .steps import LabError, run
from .swtpm import ALGORITHMS, Swtpm
from .tpm import EV_NO_ACTION, IMA_PCR, Event

_MAGIC, _ATTEST_QUOTE = 0xFF544347, 0x8018
# TCG's kinds of events whose digest is that of their data: separator, variables, GPT, action,
# variables again, authority.
_HASHED = {0x04, 0x80000001, 0x80000006, 0x80000007, 0x8000000C, 0x800000E0}
_VARIABLE_BOOT = 0x80000002  # its digest is that of the variable's content alone
ALL_PCRS = tuple(n for n in range(24) if n != IMA_PCR)


@dataclass(frozen=True)
class Evidence:
    """What a machine sends: all of it may be forged, but for what the key signed."""

    message: bytes  # TPMS_ATTEST
    signature: bytes  # TPMT_SIGNATURE
    values: bytes  # the quoted PCRs, one behind the other
    firmware_log: bytes
    userspace_log: bytes


@dataclass(frozen=True)
class Quote:
    """What the key signed."""

    nonce: bytes
    pcrs: list[tuple[str, int]]  # (bank, PCR) in the order of the values
    digest: bytes


def parse_quote(message: bytes) -> Quote:
    """A TPMS_ATTEST of TPM2_Quote; raises ValueError when it is something else."""
    try:
        magic, kind, size = struct.unpack_from(">IHH", message)
        if (magic, kind) != (_MAGIC, _ATTEST_QUOTE):
            raise ValueError("the message is no quote of a TPM")
        at = 8 + size  # behind the name of the key
        size = struct.unpack_from(">H", message, at)[0]
        nonce = message[at + 2 : at + 2 + size]
        at += 2 + size + 17 + 8  # the clock, the firmware's version
        count, at, pcrs = struct.unpack_from(">I", message, at)[0], at + 4, []
        for _ in range(count):
            code, size = struct.unpack_from(">HB", message, at)
            bits = int.from_bytes(message[at + 3 : at + 3 + size], "little")
            pcrs += [(ALGORITHMS[code], n) for n in range(8 * size) if bits >> n & 1]
            at += 3 + size
        size = struct.unpack_from(">H", message, at)[0]
        digest = message[at + 2 : at + 2 + size]
    except (struct.error, KeyError) as e:
        raise ValueError(f"the quote cannot be read ({e})") from e
    if len(digest) != 32 or at + 2 + size != len(message):
        raise ValueError("the quote has another length than it says")
    return Quote(nonce, pcrs, digest)


def verify(key: Path, nonce: bytes, evidence: Evidence,
           expected: dict[tuple[str, int], str | None]) -> list[Verdict]:
    """All that can be said of a boot; it is good if every verdict is.

    `key` is the attestation key's public half (PEM), `expected` says by (bank, PCR) what must
    have been measured. Of every PCR that is expected, the quote must have the value; None is for
    one that nobody could foresee, and alone it is nothing to expect.
    """
    try:
        quote = parse_quote(evidence.message)
    except ValueError as e:
        return [Verdict("the quote is one", False, str(e))]
    values = _values(quote, evidence.values)
    verdicts = [
        Verdict("the attestation key signed the quote", *_signed(key, nonce, evidence)),
        Verdict("the quote answers this question", quote.nonce == nonce, quote.nonce.hex()),
        Verdict("the values are those that were quoted",
                hashlib.sha256(evidence.values).digest() == quote.digest and bool(values),
                f"{len(values)} PCRs")]
    if not all(v.good for v in verdicts):
        return verdicts
    return [*verdicts, *_explained(values, evidence), _as_expected(values, expected)]


def _signed(key: Path, nonce: bytes, evidence: Evidence) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        message, signature = Path(folder) / "message", Path(folder) / "signature"
        message.write_bytes(evidence.message)
        signature.write_bytes(evidence.signature)
        try:
            run(["tpm2_checkquote", "--public", key, "--message", message, "--signature",
                 signature, "--qualification", nonce.hex()])
        except LabError as e:
            return False, str(e).strip().splitlines()[-1]
    return True, "tpm2_checkquote agrees"


def _values(quote: Quote, data: bytes) -> dict[tuple[str, int], str]:
    """The quoted PCRs by (bank, PCR); {} if there is more or less data."""
    found, at = {}, 0
    for bank, number in quote.pcrs:
        size = hashlib.new(bank).digest_size
        found[bank, number] = data[at : at + size].hex()
        at += size
    return found if at == len(data) else {}


def _explained(values: dict[tuple[str, int], str], evidence: Evidence) -> list[Verdict]:
    """Whether the logs come to the values, and their events are what they say."""
    try:
        events = tpm.firmware_events(evidence.firmware_log)
        events += tpm.userspace_events(evidence.userspace_log)
    except (ValueError, IndexError, KeyError, struct.error) as e:
        return [Verdict("the event logs can be read", False, str(e) or type(e).__name__)]
    wrong = []
    for bank in dict.fromkeys(bank for bank, _ in values):
        told = tpm.replay(bank, events)
        wrong += [f"PCR {n} ({bank}): {suspect(bank, n, value, events)}"
                  for (b, n), value in values.items() if b == bank and told[n] != value]
    lies = [lie(event) for event in events if lie(event)]
    return [Verdict("the event logs explain every value", not wrong,
                    "; ".join(wrong) or f"{len(events)} events"),
            Verdict("every event is what it says", not lies, "; ".join(lies))]


def _name(event: Event, number: int) -> str:
    return f"event {number} ('{event.text[:60]}', {event.source})"


def hashed(event: Event) -> bytes | None:
    """What the event's digest must be of, by its kind; None if that is not in the log."""
    if event.source == "userspace":
        keyed = event.pcr == 15 and event.content.get("eventType") == "volume-key"
        return None if keyed else event.text.encode()
    if event.kind == _VARIABLE_BOOT and len(event.data) >= 32:
        return event.data[32 + 2 * struct.unpack_from("<Q", event.data, 16)[0] :]
    return event.data if event.kind in _HASHED else None


def lie(event: Event) -> str:
    """What is wrong with an event that has a digest of something else than its text, or ''."""
    data = hashed(event)
    for bank, digest in event.digests.items() if data is not None else ():
        if bank in ALGORITHMS.values() and hashlib.new(bank, data).hexdigest() != digest:
            return f"'{event.text[:60]}' of PCR {event.pcr} does not hash to its {bank} digest"
    return ""


def suspect(bank: str, pcr: int, value: str, events: list[Event]) -> str:
    """Which event is to blame that the log does not come to the value of this PCR."""
    own = [e for e in events if e.pcr == pcr and bank in e.digests
           and (e.source == "userspace" or e.kind != EV_NO_ACTION)]
    start = tpm.start_values(bank, events)[pcr]

    def comes_to(digests: list[str]) -> str:
        result = start
        for digest in digests:
            result = tpm.extend(bank, result, digest)
        return result

    digests = [e.digests[bank] for e in own]
    for number, event in enumerate(own):
        if comes_to(digests[:number]) == value:
            return f"the TPM saw nothing from {_name(event, number)} on"
        if comes_to(digests[:number] + digests[number + 1 :]) == value:
            return f"the TPM never saw {_name(event, number)}"
        told = hashlib.new(bank, hashed(event) or event.data).hexdigest()
        if comes_to([*digests[:number], told, *digests[number + 1 :]]) == value:
            return f"the digest of {_name(event, number)} was altered"
    return f"the TPM has {value}, which {len(own)} events do not come to: " + \
        ", ".join(_name(e, n) for n, e in enumerate(own))


def _as_expected(values: dict[tuple[str, int], str],
                 expected: dict[tuple[str, int], str | None]) -> Verdict:
    known = {key: value for key, value in expected.items() if value is not None}
    missing = [f"PCR {n} ({bank}) was not quoted" for bank, n in known.keys() - values.keys()]
    other = [f"PCR {n} ({bank}) is {values[bank, n]}, not {value}"
             for (bank, n), value in known.items() if values.get((bank, n), value) != value]
    seen = [f"{len(known)} PCRs",
            *(f"PCR {n} ({bank}) may be anything" for bank, n in expected.keys() - known.keys())]
    return Verdict("what was measured is what was expected", bool(known) and not missing + other,
                   "; ".join(sorted(missing) + other or seen[:1] + sorted(seen[1:])))


def expectations(prediction: str, phase: str) -> dict[tuple[str, int], str | None]:
    """What `slipway-mkinitrd predict --json` printed, for a machine that came to this phase.

    Where the machine decides, any value will do: None.
    """
    return {(v["bank"], v["pcr"]): v["value"] for v in json.loads(prediction) if "pcr" in v
            if v.get("phase", phase) == phase}


def quote(machine: Swtpm, nonce: bytes, banks: tuple[str, ...],
          folder: Path) -> tuple[Path, bytes, bytes, bytes]:
    """Let a machine's TPM make an attestation key and a quote of all PCRs but IMA's.

    Returns the public key (PEM), message, signature and values, of which files stay in folder.
    """
    selection = "+".join(f"{bank}:{','.join(map(str, ALL_PCRS))}" for bank in banks)
    at = {name: folder / name for name in ("ak.ctx", "ak.pem", "message", "signature", "values")}
    with machine.served() as path:
        tcti = ["--tcti", f"swtpm:path={path}"]
        run(["tpm2_createprimary", *tcti, "-Q", "--hierarchy", "endorsement", "--key-algorithm",
             "rsa2048:rsassa-sha256:null", "--attributes",
             "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign",
             "--key-context", at["ak.ctx"]])
        run(["tpm2_flushcontext", *tcti, "--transient-object"])
        run(["tpm2_readpublic", *tcti, "-Q", "--object-context", at["ak.ctx"], "--format", "pem",
             "--output", at["ak.pem"]])
        run(["tpm2_quote", *tcti, "-Q", "--key-context", at["ak.ctx"], "--pcr-list", selection,
             "--qualification", nonce.hex(), "--hash-algorithm", "sha256", "--message",
             at["message"], "--signature", at["signature"], "--pcr", at["values"],
             "--pcrs_format", "values"])
    return (at["ak.pem"], *(at[name].read_bytes() for name in ("message", "signature", "values")))
