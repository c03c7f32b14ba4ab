# SPDX-License-Identifier: LGPL-2.1-or-later
"""Judges of what was measured: two event logs replayed by code that shares nothing with ours.

The firmware's log is TCG2's binary format (crypto agile); the userspace log is a sequence of
JSON records after RFC 7464, as systemd and slipway write them. Both together must come to
exactly what the TPM holds.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field

ALGORITHMS = {0x04: "sha1", 0x0B: "sha256", 0x0C: "sha384", 0x0D: "sha512"}
EV_NO_ACTION = 3
IMA_PCR = 10  # the kernel's own list, which is in neither log


@dataclass
class Event:
    """One measurement: which PCR, the digest for each bank, and what it was about."""

    pcr: int
    digests: dict[str, str]
    text: str
    source: str  # "firmware" or "userspace"
    kind: int = 0
    data: bytes = b""
    content: dict = field(default_factory=dict)


def firmware_events(log: bytes) -> list[Event]:
    """Read a TCG2 crypto-agile log; raises ValueError when it is not one, or not whole."""
    pcr, kind = struct.unpack_from("<II", log)
    size = struct.unpack_from("<I", log, 28)[0]
    start = log[32 : 32 + size]
    if kind != EV_NO_ACTION or not start.startswith(b"Spec ID Event03\0"):
        raise ValueError("not a crypto-agile event log")
    count = struct.unpack_from("<I", start, 24)[0]
    sizes = dict(struct.unpack_from("<HH", start, 28 + 4 * n) for n in range(count))
    at, found = 32 + size, []
    while at + 8 <= len(log):
        pcr, kind, n_digests = struct.unpack_from("<III", log, at)
        at += 12
        digests = {}
        for _ in range(n_digests):
            algorithm = struct.unpack_from("<H", log, at)[0]
            digest = log[at + 2 : at + 2 + sizes[algorithm]]
            at += 2 + sizes[algorithm]
            digests[ALGORITHMS.get(algorithm, hex(algorithm))] = digest.hex()
        size = struct.unpack_from("<I", log, at)[0]
        data = log[at + 4 : at + 4 + size]
        at += 4 + size
        if at > len(log):
            raise ValueError("the firmware's log is cut short")
        found.append(Event(pcr, digests, _readable(data), "firmware", kind, data))
    if at != len(log):
        raise ValueError("the firmware's log is cut short")
    return found


def _readable(data: bytes) -> str:
    """A guess at the text in an event's data, for messages."""
    for encoding in ("utf-16-le", "ascii") if data[1:2] == b"\0" else ("ascii",):
        try:
            return data.decode(encoding).rstrip("\0")
        except UnicodeDecodeError:
            pass
    return data[:32].hex()


def userspace_events(log: bytes) -> list[Event]:
    """Read /run/log/systemd/tpm2-measure.log; raises ValueError at the first bad record.

    Records of NV indices (NvPCRs) have no PCR and are left out.
    """
    found = []
    records = log.split(b"\x1e")
    if records[0]:
        raise ValueError("bytes before the first record separator")
    for number, raw in enumerate(records[1:]):
        if not raw.endswith(b"\n"):
            raise ValueError(f"record {number} is cut short")
        record = json.loads(raw)
        if "nv_index" in record:
            continue
        digests = {d["hashAlg"]: d["digest"] for d in record["digests"]}
        content = record.get("content", {})
        found.append(Event(record["pcr"], digests, content.get("string", ""), "userspace",
                           content=content))
    return found


def nvpcrs(log: bytes, authority: str) -> dict[int, str]:
    """What the NvPCRs come to whose beginning and whose words are in the log.

    `authority` is the policy digest in their `.auth` files: the name of an index, which PCR 9
    knows, must be the one that this makes of it.
    """
    found: dict[int, str] = {}
    for raw in log.split(b"\x1e")[1:]:
        record = json.loads(raw)
        text = record["content"]["string"]
        if text.startswith("nvpcr-init:"):
            index = int(text.split(":")[2], 16)
            assert text.split(":")[3] in _index_names(index, authority), text
            found[index] = hashlib.sha256(bytes(64)).hexdigest()
        elif "nv_index" in record:
            (digest,) = record["digests"]
            assert digest == {"hashAlg": "sha256", "digest": word_digest("sha256", text)}
            found[record["nv_index"]] = extend("sha256", found[record["nv_index"]], digest["digest"])
    return found


def _index_names(index: int, authority: str) -> list[str]:
    """An orderly one, and one that is not: what the TPM hashes of its public part."""
    written = hashlib.sha256(bytes(32) + bytes.fromhex("0000018f01")).digest()
    policy = hashlib.sha256(bytes(32) + bytes.fromhex("00000171" + authority) + written).digest()
    parts = [struct.pack(">IHIH", index, 11, attributes, 32) + policy + struct.pack(">H", 32)
             for attributes in (0x2C060048, 0x28060048)]
    return ["000b" + hashlib.sha256(part).hexdigest() for part in parts]


def start_values(bank: str, events: list[Event] | None = None) -> list[str]:
    """The 24 PCRs after power-on; PCR 0 tells the locality that the TPM was started from."""
    size = hashlib.new(bank).digest_size
    values = ["ff" * size if 17 <= n <= 22 else "00" * size for n in range(24)]
    for event in events or []:
        if event.kind == EV_NO_ACTION and event.data.startswith(b"StartupLocality\0"):
            values[0] = bytes([*[0] * (size - 1), event.data[16]]).hex()
    return values


def extend(bank: str, value: str, digest: str) -> str:
    """One extend: H(value || digest)."""
    return hashlib.new(bank, bytes.fromhex(value) + bytes.fromhex(digest)).hexdigest()


def replay(bank: str, events: list[Event]) -> list[str]:
    """The 24 PCR values that these events come to."""
    values = start_values(bank, events)
    for event in events:
        measured = event.source == "userspace" or event.kind != EV_NO_ACTION
        if measured and event.pcr < 24 and bank in event.digests:
            values[event.pcr] = extend(bank, values[event.pcr], event.digests[bank])
    return values


def word_digest(bank: str, text: str) -> str:
    """What is extended for a word such as 'enter-initrd'."""
    return hashlib.new(bank, text.encode()).hexdigest()


def differences(pcrs: dict[str, list[str]], events: list[Event]) -> list[str]:
    """Where the TPM and the replayed logs disagree, as lines for a person; [] is good."""
    found = []
    for bank, values in pcrs.items():
        for number, (real, told) in enumerate(zip(values, replay(bank, events), strict=True)):
            if real != told and number != IMA_PCR:
                found.append(f"PCR {number} ({bank}): the TPM has {real}, the logs come to {told}")
    return found


def wrong_words(events: list[Event]) -> list[str]:
    """Userspace records whose digests are not those of their own text; [] is good.

    Some events measure bytes that are not text, and say so by their type; those systemd
    marks with 'volume-key' are keyed hashes.
    """
    found = []
    for event in events:
        kind = event.content.get("eventType", "")
        if event.source != "userspace" or kind in ("volume-key",):
            continue
        for bank, digest in event.digests.items():
            if word_digest(bank, event.text) != digest:
                found.append(f"PCR {event.pcr}: '{event.text}' does not hash to {digest}")
    return found
