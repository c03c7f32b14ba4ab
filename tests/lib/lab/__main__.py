# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-lab: make the demo appliance, boot it, and judge boots."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import traceback
from pathlib import Path

from . import appliance, attest, paths, steps, vm
from .judge import READY, Verdict, judge
from .spec import Drive, Result, Spec
from .steps import LabError, say

EVIDENCE = ("message", "signature", "values", "firmware_log", "userspace_log")


def _demo(_args: argparse.Namespace) -> int:
    made = appliance.demo()
    say(f"demo in {paths.short(made.folder)}: disk.img, uki.efi, initrd.zst "
        f"({made.initrd.stat().st_size // 1024} KiB), keys, root")
    return 0


def _boot(args: argparse.Namespace) -> int:
    place = paths.BUILD / "boot.json"
    place.unlink(missing_ok=True)  # an older one must not be taken for that of a boot that was not
    made = appliance.demo()
    say("boot: firmware with Secure Boot, TPM, disk; to a running system and back")
    got = vm.boot(Spec(name="demo", firmware="enforcing", tpm="on", drives=[Drive(made.disk)],
                       cmdline_extra=args.append, timeout=args.timeout, echo=args.echo))
    say(f"the machine ended: {got.end} after {got.seconds:.1f} s")
    try:
        verdicts = _judged(made, got, place)
    except Exception as e:  # what a machine says of itself may be anything
        traceback.print_exc()
        return _failed(f"what the machine left cannot be judged ({e!r})", got)
    if all(v.good for v in verdicts):
        return 0
    return _failed("the boot did not keep its promises", got)


def _judged(made: appliance.Demo, got: Result, place: Path) -> list[Verdict]:
    """Keep the record, and print what came of the boot."""
    shutil.copyfile(got.folder / "serial.log", made.folder / "serial.log")
    if got.record:
        place.write_text(json.dumps(got.record, indent=1) + "\n")
    _summary(got)
    verdicts = judge(made, got)
    _print_verdicts(verdicts)
    return verdicts


def _attest(args: argparse.Namespace) -> int:
    """Judge what some machine sent; every file is hostile but the key and the prediction."""
    expected = attest.expectations(args.expected.read_text(), args.phase)
    quoted = {key[0] for key in expected} if not args.bank else set(args.bank.split(","))
    evidence = attest.Evidence(*(getattr(args, name).read_bytes() for name in EVIDENCE))
    verdicts = attest.verify(args.key, bytes.fromhex(args.nonce), evidence,
                             {key: value for key, value in expected.items() if key[0] in quoted})
    _print_verdicts(verdicts)
    return 0 if all(v.good for v in verdicts) else 1


def _print_verdicts(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        mark = "ok  " if verdict.good else "FAIL"
        print(f"  {mark}  {verdict.what}" + (f": {verdict.seen}" if verdict.seen else ""))


def _failed(why: str, got: Result) -> int:
    print(f"slipway-lab: {why}; see {paths.short(got.folder)}/serial.log and record.json there",
          file=sys.stderr)
    return 1


def _summary(got: Result) -> None:
    """What the record says, short, for a person."""
    record = got.record or {}
    root, disk = record.get("root") or {}, record.get("disk") or {}
    if disk:
        print(f"  found     disk {disk.get('name')}, {disk.get('gpt')} GPT, "
              f"{disk.get('sector_size')}-byte sectors")
    for part in record.get("partitions", []):
        print(f"            {part.get('number')} {part.get('label')}: {part.get('verdict')}")
    if root:
        print(f"  proven    {root.get('roothash')} by {root.get('proven_by')}"
              f" ({root.get('certificate')})")
    for extension in record.get("extensions", []):
        why = f" ({extension['why']})" if extension.get("why") else ""
        print(f"  extended  {extension.get('name')}: {extension.get('verdict')}{why}")
    for measured in record.get("measurements", []):
        print(f"  measured  PCR {measured.get('pcr')}: {measured.get('text')}")
    stages = [f"{s.get('name')} {s.get('duration_us', 0) / 1000:.0f}"
              for s in record.get("stages", [])]
    if stages:
        print(f"  stages    {', '.join(stages)} (ms)")
    for warning in record.get("warnings", []):
        print(f"  warning   {warning}")
    if record.get("failure"):
        print(f"  failure   {json.dumps(record['failure'])}")
    if got.report:
        print(f"  system    {got.report.state}; {got.report.text('analyze').partition(chr(10))[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="slipway-lab", description=__doc__)
    parser.add_argument("--quiet", action="store_true", help="no progress lines")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="build build/demo").set_defaults(run=_demo)
    boot = commands.add_parser("boot", help="boot the demo through the full chain and judge it")
    boot.set_defaults(run=_boot)
    boot.add_argument("--append", default="", help="words for the command line (SMBIOS)")
    boot.add_argument("--timeout", type=float, default=300.0, help="seconds")
    boot.add_argument("--echo", action="store_true", help="show the serial console")
    asked = commands.add_parser("attest", help="judge a TPM's quote and the event logs behind it")
    asked.set_defaults(run=_attest)
    asked.add_argument("--key", type=Path, required=True, help="the attestation key, public, PEM")
    asked.add_argument("--nonce", required=True, help="what the quote has to answer, hex")
    for name in EVIDENCE:
        asked.add_argument("--" + name.replace("_", "-"), type=Path, required=True)
    asked.add_argument("--expected", type=Path, required=True,
                       help="what `slipway-mkinitrd predict --json` printed")
    asked.add_argument("--phase", default=READY, help="how far the machine must have come")
    asked.add_argument("--bank", default="", help="of what is expected, only these: NAME,...")
    return parser


def main() -> int:
    """Read the command line and do the one thing it asks for."""
    args = _parser().parse_args()
    steps.quiet = args.quiet
    try:
        return args.run(args)
    except LabError as e:
        steps.warn(str(e))
        return 1


if __name__ == "__main__":
    sys.exit(main())
