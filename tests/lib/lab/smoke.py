# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots an image in QEMU, with UEFI and a TPM, and says whether it came to what was expected."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from . import disk, efivars, gpt, ovmf, paths, record, steps, vm
from .accel import accelerator
from .spec import Drive, Result, Spec
from .steps import LabError, run

# The exit status.
GOOD, OTHERWISE, MISUSED, UNABLE = range(4)
BOOTED, REFUSED = "booted", "refused"  # beside the codes of slipway-reasons(7)
UKI_ON_ESP = "EFI/BOOT/BOOTX64.EFI"
HOSTS_PCR = 15
HANDED_OVER = "enter-initrd:leave-initrd"


@dataclass
class Check:
    """One thing that was looked at, or, if `skipped` says why, was not; `wrong` is '' if it is good."""

    name: str
    wrong: str
    seen: str
    skipped: str = ""


def outcome(got: Result) -> str:
    """What came of the boot, in one word, or in some where it was nothing to expect."""
    told = (got.record or {}).get("result")
    if told == "failed":
        return got.failure or "failed"
    if told == "handed-over":
        good = got.end in ("stopped", "poweroff")
        return BOOTED if good else f"handed over, and then: {got.end}"
    return REFUSED if got.end == "refused" else f"no record: {got.end}"


def without_record(args: argparse.Namespace, got: Result) -> str:
    """The same of a machine that tells nothing: only the root says what `until` looks for."""
    if got.seen(args.until) is not None:
        return BOOTED
    return REFUSED if got.end == "refused" else f"'{args.until}' was not seen: {got.end}"


def check(args: argparse.Namespace, got: Result) -> list[Check]:
    """All that was asked for, and what the boot says of itself."""
    came, told = without_record(args, got) if args.no_record else outcome(got), got.record or {}
    checks = [Check("outcome", "" if came == args.expect else f"expected '{args.expect}'", came)]
    if args.until and came == BOOTED and got.seen(args.until) is None:
        checks.append(Check("console", f"'{args.until}' was not seen", got.end))
    if got.record:
        checks.append(_schema(args, told))
    if got.record and "firmware" in told:
        on = told["firmware"].get("secure_boot")
        wanted = args.secure_boot is not None
        checks.append(Check("Secure Boot", "" if on or not wanted else "it was asked for",
                            "enforced" if on else "not enforced"))
    if args.predicted:
        checks += _predicted(args.predicted, got)
    return checks


def _schema(args: argparse.Namespace, told: dict) -> Check:
    said = f"schema {told.get('schema')}"
    if args.no_record:
        return Check("record", "one came: leave out --no-record", said)
    if not record.can_judge():
        return Check("record", "", "not held against its schema", record.MISSING)
    return Check("record", "; ".join(record.faults(told)), said)


def _predicted(file: Path, got: Result) -> list[Check]:
    """PCR 11 as slipway left it, and others as they are in the TPM at the end.

    What depends on the machine has no value, and NvPCRs are not looked at; systems measure their
    own identity into PCR 15.
    """
    left = (got.record or {}).get("pcr", {}).get("digests", {})
    checks = []
    for entry in (e for e in json.loads(file.read_text()) if "pcr" in e):
        bank, pcr = entry["bank"], entry["pcr"]
        told = entry["value"] and pcr != HOSTS_PCR and bank in got.pcrs
        if not told or entry.get("phase", HANDED_OVER) != HANDED_OVER:
            continue
        found = left.get(bank, "") if pcr == 11 else got.pcrs[bank][pcr]
        checks.append(Check(f"PCR {pcr} ({bank})",
                            "" if found == entry["value"] else f"predicted {entry['value']}",
                            found or "not read"))
    return checks or [Check("prediction", "it is about no bank of the TPM", ", ".join(got.pcrs))]


def junit(checks: list[Check], got: Result) -> str:
    """The checks as JUnit's XML, which CI systems show."""
    wrong, skipped = (sum(bool(getattr(c, what)) for c in checks) for what in ("wrong", "skipped"))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<testsuite name="slipway-smoke" tests="{len(checks)}" failures="{wrong}" '
             f'skipped="{skipped}" errors="0" time="{got.seconds:.3f}">']
    for c in checks:
        case = f'  <testcase classname="slipway-smoke" name={quoteattr(c.name)}'
        if c.wrong:
            detail = escape(_printable(got.explain() if c.name == "outcome" else c.seen))
            lines += [f"{case}>", f"    <failure message={quoteattr(_printable(_line(c)))}>"
                                  f"{detail}</failure>", "  </testcase>"]
        elif c.skipped:
            lines += [f"{case}>", f"    <skipped message={quoteattr(_printable(_line(c)))}/>",
                      "  </testcase>"]
        else:
            lines.append(f"{case}/>")
    return "\n".join([*lines, "</testsuite>", ""])


def _printable(text: str) -> str:
    """Without what XML does not allow even as a reference."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def _line(c: Check) -> str:
    why = c.wrong or c.skipped
    return f"{c.name}: {c.seen}" + (f" ({why})" if why else "")


def compose(args: argparse.Namespace, uki: Path, work: Path) -> Path:
    """A disk of an ESP with the UKI, and the partitions of the image."""
    files: dict[str, Path | bytes] = {UKI_ON_ESP: uki}
    files |= {f"{UKI_ON_ESP}.extra.d/{path.name}": path for path in args.beside}
    esp = disk.make_esp(work / "esp", files, sector_size=args.sector_size)
    parts = [disk.esp_part(esp)]
    for entry in gpt.read_entries(args.image, args.sector_size):
        if entry.type != gpt.ESP:
            start, sectors = entry.first * args.sector_size, entry.last - entry.first + 1
            parts.append(disk.PartSpec(entry.type, entry.uuid, entry.label, entry.attributes,
                                       args.image, sectors * args.sector_size, start))
    if len(parts) == 1:
        raise LabError(f"'{args.image}' has no partitions of {args.sector_size}-byte sectors")
    return disk.layout(work / "disk.img", parts, sector_size=args.sector_size).path


def make_keys(folder: Path) -> tuple[Path, Path]:
    """A private key and its certificate, for this machine alone."""
    key, cert = folder / "secure-boot.key", folder / "secure-boot.crt"
    run(["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days",
         "3650", "-subj", "/CN=slipway-smoke/", "-keyout", key, "-out", cert])
    return key, cert


def build(args: argparse.Namespace, work: Path) -> Path:
    """An initrd for the kernel in that folder."""
    out = work / "initrd.zst"
    versions = sorted((args.kernel / "usr/lib/modules").iterdir())
    run([paths.MKINITRD, "build", "--config=none", "--init", paths.INIT, "--sysroot", args.kernel,
         *(f"--kernel-version={path.name}" for path in versions),
         *(f"--cert={cert}" for cert in args.cert), "--output", out])
    return out


def direct(args: argparse.Namespace, work: Path, common: dict) -> Spec:
    """A machine without firmware: the kernel, an initrd of ours, and the image as it is."""
    entries = gpt.read_entries(args.image, args.sector_size)
    if not entries:
        raise LabError(f"'{args.image}' has no partitions of {args.sector_size}-byte sectors")
    drives = [Drive(args.image, bus=args.bus, sector_size=args.sector_size)]
    words = f"console=ttyS0 slipway.disk=PARTUUID={entries[0].uuid} {args.append}"
    return Spec(kernel=args.kernel / "boot/vmlinuz", initrd=build(args, work), append=words.strip(),
                drives=drives, **common)


def machine(args: argparse.Namespace, work: Path) -> Spec:
    """The machine that was asked for."""
    common = {"folder": args.output, "tpm": args.tpm, "banks": tuple(args.banks.split(",")),
              "smbios": args.smbios, "memory": args.memory, "until": args.until, "echo": args.echo,
              "settle": None if args.until else args.settle, "timeout": args.timeout,
              "strict": False}
    return direct(args, work, common) if args.kernel else uefi(args, work, common)


def uefi(args: argparse.Namespace, work: Path, common: dict) -> Spec:
    """A machine with firmware, which finds a UKI on an ESP."""
    uki, variables = args.uki, args.vars
    code, template = ovmf.find(args.firmware)
    if args.secure_boot:
        cert = Path(args.secure_boot)
        if args.secure_boot == "generate":
            key, cert = make_keys(args.output)
            uki = work / "signed.efi"
            run(["sbsign", "--key", key, "--cert", cert, "--output", uki, args.uki])
        variables = work / "template.fd"
        variables.write_bytes(efivars.enroll(template.read_bytes(), cert.read_bytes()))
    image = compose(args, uki, work) if uki else args.image
    drives = [Drive(image, bus=args.bus, sector_size=args.sector_size)]
    return Spec(firmware="own", code=code, variables=variables or template, drives=drives,
                cmdline_extra=args.append, **common)


def leave(args: argparse.Namespace, got: Result, checks: list[Check]) -> None:
    """The files beside what the machine itself left."""
    (args.output / "report.json").unlink()  # the demo's own system writes that
    (args.output / "junit.xml").write_text(junit(checks, got))
    (args.output / "pcrs.json").write_text(json.dumps(got.pcrs, indent=1) + "\n")
    if got.record:
        (args.output / "record.json").write_text(json.dumps(got.record) + "\n")
        drawn = run([paths.REPORTER, "report", "--svg", args.output / "record.json"]).stdout
        (args.output / "timeline.svg").write_bytes(drawn)


def tell(args: argparse.Namespace, got: Result, checks: list[Check]) -> None:
    """The same for people."""
    for c in checks:
        print(f"  {'FAIL' if c.wrong else 'SKIP' if c.skipped else 'ok  '}  {_printable(_line(c))}")
        if c.skipped:
            print(f"slipway-smoke: not checked: {c.name}: {c.skipped}", file=sys.stderr)
    for extension in (got.record or {}).get("extensions", []):
        print(f"        extension {extension.get('name')}: {extension.get('verdict')}"
              + (f", {extension['why']}" if extension.get("why") else ""))
    failure = (got.record or {}).get("failure") or {}
    for name in ("what", "next"):
        if failure:
            print(f"        {name:<5} {failure.get(name)}")
    print(f"  {got.end} after {got.seconds:.1f} s ({accelerator()}); all of it is in {args.output}")


@contextlib.contextmanager
def workshop() -> Iterator[Path]:
    """A folder for what nobody needs afterwards."""
    with tempfile.TemporaryDirectory(prefix="slipway-smoke-") as name:
        paths.LAB = Path(name)
        yield Path(name)


def smoke(args: argparse.Namespace) -> int:
    """Boot and judge; returns the exit status."""
    args.output.mkdir(parents=True, exist_ok=True)
    for name in ("junit.xml", "record.json", "pcrs.json", "timeline.svg", "report.json"):
        (args.output / name).unlink(missing_ok=True)  # of another run
    with workshop() as work:
        got = vm.boot(machine(args, work))
        checks = check(args, got)
        leave(args, got, checks)
        tell(args, got, checks)
    return OTHERWISE if any(c.wrong for c in checks) else GOOD


def parser() -> argparse.ArgumentParser:
    """The options, as slipway-smoke(1) describes them."""
    p = argparse.ArgumentParser(prog="slipway-smoke", description=__doc__)
    p.add_argument("image", type=Path, metavar="IMAGE", help="a disk; with --uki also a DDI alone")
    p.add_argument("--uki", type=Path, metavar="FILE", help="boot this UKI, from an ESP made for it")
    p.add_argument("--beside", type=Path, metavar="FILE", action="append", default=[],
                   help="put it into UKI.extra.d: extension, credential or addon")
    p.add_argument("--kernel", type=Path, metavar="FOLDER", help="boot without firmware: a kernel "
                   "in FOLDER/boot/vmlinuz, and an initrd that is made of its modules")
    p.add_argument("--cert", type=Path, metavar="FILE", action="append", default=[],
                   help="whose signatures that initrd trusts")
    p.add_argument("--expect", default=BOOTED, metavar="WHAT",
                   help="booted (the default), refused (by the firmware), or a reason code")
    p.add_argument("--until", default="", metavar="REGEX", help="booted is what shows this, too")
    p.add_argument("--no-record", action="store_true", help="the image is not slipway's and leaves "
                   "no record: booted is what shows --until, which only the root says")
    p.add_argument("--settle", type=float, default=3.0, metavar="SECONDS",
                   help="how long it has to go on after the hand-over (3)")
    p.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS",
                   help="what has not come to an end then has failed (300)")
    p.add_argument("--secure-boot", metavar="CERTIFICATE",
                   help="enforce it with this certificate; 'generate' makes one and signs the UKI")
    p.add_argument("--firmware", metavar="CODE:VARS", help="this OVMF, not the one QEMU knows")
    p.add_argument("--vars", type=Path, metavar="FILE", help="its variables, enrolled by yourself")
    p.add_argument("--tpm", choices=("on", "none"), default="on")
    p.add_argument("--banks", default="sha256", metavar="NAME,...", help="of the TPM (sha256)")
    p.add_argument("--predicted", type=Path, metavar="FILE",
                   help="compare the PCRs with what 'slipway-mkinitrd predict --json' said")
    p.add_argument("--bus", default="virtio-blk",
                   choices=("virtio-blk", "nvme", "virtio-scsi", "ahci", "usb", "sdhci", "pvscsi"))
    p.add_argument("--sector-size", type=int, default=512, choices=(512, 4096))
    p.add_argument("--memory", type=int, default=1024, metavar="MIB")
    p.add_argument("--append", default="", metavar="WORDS", help="more command line, by SMBIOS")
    p.add_argument("--smbios", action="append", default=[], metavar="TEXT",
                   help="a string of type 11, such as io.systemd.credential:NAME=VALUE")
    p.add_argument("--output", type=Path, default=Path("slipway-smoke"), metavar="FOLDER",
                   help="where everything is left (slipway-smoke)")
    p.add_argument("--echo", action="store_true", help="show the console while it comes")
    return p


def _misuse(args: argparse.Namespace) -> str:
    if not re.fullmatch(f"{BOOTED}|{REFUSED}|[A-Z][A-Z0-9_]+", args.expect):
        return f"--expect is {BOOTED}, {REFUSED} or a reason code, not '{args.expect}'"
    if args.no_record and args.expect not in (BOOTED, REFUSED):
        return f"--no-record: without a record nothing tells a reason such as '{args.expect}'"
    if args.no_record and not args.until:
        return "--no-record needs --until: what only the root says on the console"
    if args.no_record and (args.kernel or args.predicted):
        return "--no-record is for others' images: leave out --kernel, --cert and --predicted"
    if args.kernel and (args.uki or args.secure_boot or args.vars or args.firmware):
        return "--kernel boots without firmware: there is no UKI and no Secure Boot"
    if bool(args.kernel) != bool(args.cert):
        return "--kernel and --cert go together"
    if args.secure_boot == "generate" and not args.uki:
        return "--secure-boot=generate signs a UKI: name it by --uki"
    if args.beside and not args.uki:
        return "--beside goes with --uki: an image as it is stays as it is"
    if args.vars and args.secure_boot:
        return "--vars has its keys already: leave out --secure-boot"
    if args.predicted and args.tpm == "none":
        return "--predicted needs a TPM"
    named = [args.image, args.uki, args.vars, args.predicted, *args.beside, *args.cert]
    named += [args.kernel / "boot/vmlinuz"] if args.kernel else []
    named += [Path(args.secure_boot)] if args.secure_boot not in (None, "generate") else []
    missing = [path for path in named if path and not path.is_file()]
    return f"'{missing[0]}' is no file" if missing else ""


def main(argv: list[str] | None = None) -> int:
    """Read the command line, and do it."""
    p = parser()
    args = p.parse_args(argv)
    steps.quiet = True
    if wrong := _misuse(args):
        p.error(wrong)
    try:
        re.compile(args.until)
    except re.error as e:
        p.error(f"--until is no regular expression: {e}")
    os.environ["PATH"] += os.pathsep + "/usr/sbin"  # where some have mkfs.vfat
    needed = [vm.qemu.BINARY, *(["swtpm", "swtpm_setup"] if args.tpm == "on" else []),
              *(["mkfs.vfat", "mcopy"] if args.uki else []),
              *(["openssl", "sbsign"] if args.secure_boot == "generate" else [])]
    if missing := [name for name in needed if not shutil.which(name)]:
        print(f"slipway-smoke: not installed: {', '.join(missing)}", file=sys.stderr)
        return UNABLE
    try:
        return smoke(args)
    except (LabError, OSError, subprocess.SubprocessError) as e:
        print(f"slipway-smoke: {e}", file=sys.stderr)
        return UNABLE
