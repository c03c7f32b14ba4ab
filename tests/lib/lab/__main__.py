# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-lab: make the demo appliance, boot it, and judge the boot."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from . import appliance, paths, steps, vm
from .judge import judge
from .spec import Drive, Result, Spec
from .steps import LabError, say


def _demo(_args: argparse.Namespace) -> int:
    made = appliance.demo()
    say(f"demo in {made.folder.relative_to(paths.REPO)}: disk.img, uki.efi, initrd.zst "
        f"({made.initrd.stat().st_size // 1024} KiB), keys, root")
    return 0


def _boot(args: argparse.Namespace) -> int:
    made = appliance.demo()
    say("boot: firmware with Secure Boot, TPM, disk; to a running system and back")
    got = vm.boot(Spec(name="demo", firmware="enforcing", tpm="on", drives=[Drive(made.disk)],
                       cmdline_extra=args.append, timeout=args.timeout))
    say(f"the machine ended: {got.end} after {got.seconds:.1f} s")
    shutil.copyfile(got.folder / "serial.log", made.folder / "serial.log")
    if got.record:
        (paths.BUILD / "boot.json").write_text(json.dumps(got.record, indent=1) + "\n")
    _summary(got)
    verdicts = judge(made, got)
    for verdict in verdicts:
        mark = "ok  " if verdict.good else "FAIL"
        print(f"  {mark}  {verdict.what}" + (f": {verdict.seen}" if verdict.seen else ""))
    if all(v.good for v in verdicts):
        return 0
    print(f"slipway-lab: the boot did not keep its promises; see {made.folder}/serial.log, "
          f"{paths.BUILD}/boot.json and {got.folder}", file=sys.stderr)
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
    stages = [f"{s['name']} {s['duration_us'] / 1000:.0f}" for s in record.get("stages", [])]
    if stages:
        print(f"  stages    {', '.join(stages)} (ms)")
    for warning in record.get("warnings", []):
        print(f"  warning   {warning}")
    if record.get("failure"):
        print(f"  failure   {json.dumps(record['failure'])}")
    if got.report:
        print(f"  system    {got.report.state}; {got.report.text('analyze').splitlines()[0]}")


def main() -> int:
    """Read the command line and do the one thing it asks for."""
    parser = argparse.ArgumentParser(prog="slipway-lab", description=__doc__)
    parser.add_argument("--quiet", action="store_true", help="no progress lines")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="build build/demo").set_defaults(run=_demo)
    boot = commands.add_parser("boot", help="boot the demo through the full chain and judge it")
    boot.add_argument("--append", default="", help="words added to the command line (by SMBIOS)")
    boot.add_argument("--timeout", type=float, default=300.0, help="seconds (default: 300)")
    boot.set_defaults(run=_boot)
    args = parser.parse_args()
    steps.quiet = args.quiet
    try:
        return args.run(args)
    except LabError as e:
        steps.warn(str(e))
        return 1


if __name__ == "__main__":
    sys.exit(main())
