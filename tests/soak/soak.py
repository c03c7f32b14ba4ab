# SPDX-License-Identifier: LGPL-2.1-or-later
"""The standard case again and again: each boot has to hand over, and to leave nothing behind.

    soak.py [N]     500 boots if nothing is said, two at a time; goes on where it was interrupted
"""

from __future__ import annotations

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lab
from lab import appliance, paths, tiny

LEFT = ("left: devices dm-0 vda; mounts /proc /sys /dev /run /; descriptors "
        + 3 * "/dev/console (deleted) " + "/memfd:slipway-handover (deleted); processes;")
SOAK = paths.BUILD / "soak"
STATE = paths.BUILD / "soak.json"
EVERY = 25  # boots a line


def one(number: int, disk: Path) -> str:
    """One boot. Returns what was wrong, or nothing."""
    got = lab.boot(appliance.direct(disk, name=f"soak-{number % 2}", timeout=120.0,
                                    initrd=appliance.demo().initrd))
    said = next((text for _, text in got.lines if text.startswith("left: ")), "nothing")
    if got.end != "poweroff" or (got.record or {}).get("result") != "handed-over":
        return got.explain()
    return "" if said == LEFT else f"left is '{said}'"


def known(mark: str) -> int:
    """How many boots of this very program were good already."""
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    return state.get("good", 0) if state.get("program") == mark else 0


def main() -> int:
    """Boot, and count."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    SOAK.mkdir(parents=True, exist_ok=True)
    parts = tiny.root(tiny.program(Path(__file__).with_name("left.c"), SOAK / "left"), SOAK)
    disk = lab.make_disk(SOAK / "disk.img", parts=parts).path
    mark = hashlib.sha256(paths.INIT.read_bytes()).hexdigest()
    good = known(mark)
    print(f"{good} boots were good before")
    with ThreadPoolExecutor(2) as pool:
        while good < wanted:
            batch = range(good, min(good + EVERY, wanted))
            wrong = [said for said in pool.map(lambda n: one(n, disk), batch) if said]
            if wrong:
                print(f"FAILED: {len(wrong)} of boots {batch.start + 1} to {batch.stop}", *wrong,
                      sep="\n")
                return 1
            good = batch.stop
            STATE.write_text(json.dumps({"program": mark, "good": good}) + "\n")
            print(f"  {good} of {wanted} boots, none failed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
