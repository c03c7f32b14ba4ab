# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a boot of the demo came to what was promised: a list of verdicts, each with proof."""

from __future__ import annotations

import base64
import json
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import tpm
from .appliance import Demo
from .keys import key
from .spec import Result
from .steps import LabError, run

READY = "enter-initrd:leave-initrd:sysinit:ready"


@dataclass
class Verdict:
    """One promise, whether it was kept, and what was seen."""

    what: str
    good: bool
    seen: str = ""


def judge(demo: Demo, got: Result) -> list[Verdict]:
    """All promises of the demo's full chain, judged by what others than slipway say."""
    verdicts = [Verdict("the machine powered itself off", got.end == "poweroff", got.end),
                _record(got)]
    if got.report:
        verdicts += [*_firmware(got), *_root(demo, got), *_system(got), _extension(got),
                     *_measured(demo, got)]
    else:
        verdicts.append(Verdict("the booted system reported", False, "no report on the port"))
    return verdicts


def _record(got: Result) -> Verdict:
    record = got.record or {}
    seen = record.get("result", "no record on the port")
    if record.get("failure"):
        seen += f", {record['failure'].get('code')}: {record['failure'].get('what')}"
    return Verdict("slipway handed over and left its record", seen == "handed-over", seen)


def _firmware(got: Result) -> list[Verdict]:
    kernel = "Secure boot enabled" in got.report.text("journal")
    told = (got.record or {}).get("firmware", {}).get("secure_boot")
    same = got.report.boot_json() == got.record
    return [Verdict("Secure Boot is enforced", kernel and told is True,
                    f"kernel: {kernel}, record: {told}"),
            Verdict("/run/slipway/boot.json is the record of the port", same)]


def signature_verifies(demo: Demo) -> bool:
    """Whether OpenSSL finds the signature partition good, with only the verity certificate."""
    signature = json.loads(demo.part("sig").file.read_bytes().rstrip(b"\0"))
    with tempfile.TemporaryDirectory() as folder:
        der, content = Path(folder) / "sig.der", Path(folder) / "roothash"
        der.write_bytes(base64.b64decode(signature["signature"]))
        content.write_text(demo.roothash)
        try:
            run(["openssl", "smime", "-verify", "-binary", "-inform", "DER", "-in", der,
                 "-content", content, "-certfile", key("verity").cert, "-nointern", "-noverify",
                 "-out", "/dev/null"])
        except LabError:
            return False
    return signature["rootHash"] == demo.roothash


def _root(demo: Demo, got: Result) -> list[Verdict]:
    mount, verity = got.report.mount("/"), got.report.verity()
    direct = mount.get("source") == "/dev/mapper/root" and mount.get("fstype") == "erofs"
    proven = (got.record or {}).get("root", {}).get("proven_by")
    good_hash = verity.get("status") == "V" and verity.get("roothash") == demo.roothash
    link = got.report.mapper.get("root", "")
    return [
        Verdict("/ is erofs on /dev/mapper/root", direct,
                f"{mount.get('fstype')} on {mount.get('source')}"),
        Verdict("dm-verity finds no fault and has the signed root hash", good_hash,
                f"status {verity.get('status')}, {verity.get('roothash', '')[:16]}…"),
        Verdict("the root hash's signature is valid",
                proven in ("kernel", "certificate") and signature_verifies(demo),
                f"proven by {proven}"),
        Verdict("/dev/mapper/root is a link to the kernel's node", link.startswith("../dm-"),
                link),
    ]


def _system(got: Result) -> list[Verdict]:
    report, slow, waits = got.report, got.report.slow_waits(), got.report.waits()
    longest = max(waits.items(), key=lambda item: item[1], default=("none", 0.0))
    return [
        Verdict("systemd says 'running'", report.state == "running", report.state),
        Verdict("no unit failed", not report.failed_units, " ".join(report.failed_units)),
        Verdict("dev-mapper-root.device is active", report.text("root_device") == "active",
                report.text("root_device")),
        Verdict("no job waited over 5 s for a device or udev", bool(waits) and not slow,
                ", ".join(f"{u} {s:.1f} s" for u, s in slow.items())
                or f"longest {longest[0]} {longest[1]:.1f} s, CPU idle {report.idle:.1f} s"),
    ]


def _extension(got: Result) -> Verdict:
    entry = got.extension("demo-tools")
    return Verdict("the system extension was merged", entry.get("verdict") == "merged",
                   str(entry.get("verdict", "not found")))


def _measured(demo: Demo, got: Result) -> list[Verdict]:
    pcrs, expected = got.report.pcrs, demo.pcr11[READY]
    told = {bank: values[11] == expected[bank] for bank, values in pcrs.items()}
    verdicts = [Verdict("PCR 11 is what was predicted", bool(told) and all(told.values()),
                        ", ".join(pcrs) or "no PCRs")]
    try:
        firmware = tpm.firmware_events(
            got.report.raw("/sys/kernel/security/tpm0/binary_bios_measurements"))
        ours = tpm.userspace_events(got.report.raw("/run/log/systemd/tpm2-measure.log"))
    except (ValueError, LookupError, TypeError, struct.error) as e:
        return [*verdicts, Verdict("the event logs can be read", False, str(e))]
    wrong = tpm.differences(pcrs, firmware + ours) + tpm.wrong_words(ours)
    said = [(m["pcr"], m["text"]) for m in (got.record or {}).get("measurements", [])
            if "pcr" in m]
    logged = [(e.pcr, e.text) for e in ours][: len(said)]
    return [*verdicts,
            Verdict("the event logs replay to the TPM's PCRs", bool(pcrs) and not wrong,
                    "; ".join(wrong) or f"{len(firmware)} + {len(ours)} events"),
            Verdict("what the record says was measured is in the log", said == logged,
                    ", ".join(text for _, text in said))]
