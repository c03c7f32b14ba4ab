# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our time and size beside a floor, in one run.

With -icount one virtual nanosecond is one instruction, so the figures of one CPU hardly depend
on the machine. That clock adds up what all CPUs do, so it cannot show work done side by side:
with two CPUs it is the guest's own time that counts, with a host thread for each, in turns and
more often; let nothing else run meanwhile. delta is from the kernel's "Run /init" to the first
instruction of the root's init. Writes build/bench.json.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import appliance, ddi, keys, paths, tiny, tools, vm
from lab.disk import ESP_UUID
from lab.spec import Drive, Spec
from lab.steps import run, say

MODULES = ("virtio_blk", "dm_verity", "erofs")
RUNS = {1: 3, 2: 9}  # by the number of CPUs
TRIES = 3  # emulated CPUs that really run side by side trip over patched code now and then
MAX_OF_FLOOR, MAX_ZST_BYTES = 1.15, 800_000
BENCH = paths.BUILD / "bench"
QUIET = "console=ttyS0 quiet loglevel=1 panic=-1 nokaslr"
# An idle CPU that polls makes one CPU's count exact. Of two it would take a host's core from the
# emulated disk, whose reads then last as long as the scheduler likes.
IDLE = {1: "idle=poll", 2: ""}  # by the number of CPUs
WORDS = f"{QUIET} slipway.disk=PARTUUID={ESP_UUID} rootfstype=erofs"
PEERS = """
  floor         loads the same modules in turn, activates a table computed before, checks nothing
  slipway       finds the root and proves its signature (RSA-2048), in the kernel and then itself
  slipway-hash  finds the root, bound to roothash= on the command line as the floor is to its table
"""


@dataclass
class Row:
    """One line of the table."""

    peer: str
    cpus: int
    clock: str  # "icount" or "wall"
    zst_bytes: int
    raw_bytes: int
    build_s: float
    delta_ms: float
    total_ms: float


@dataclass
class Peer:
    """Somebody who can boot a root: an initrd, the time that it took to build, and a disk."""

    name: str
    initrd: Path
    raw_bytes: int
    build_s: float
    disk: Path = Path()
    words: str = WORDS


def module_list() -> str:
    """The paths of MODULES and what they need, in the order of loading."""
    version, found = tools.kernel_version(), []
    for module in MODULES:
        done = run(["modprobe", "-d", tools.kernel(), "-S", version, "-D", module])
        for line in done.stdout.decode().splitlines():
            path = Path(line.split()[1]).name.split(".")[0]
            if line.startswith("insmod") and path not in found:
                found.append(path)
    tree = tools.kernel() / f"usr/lib/modules/{version}"
    where = {p.name.split(".")[0]: p for p in tree.rglob("*.ko*")}
    return "".join(f"/usr/lib/modules/{version}/{where[m].relative_to(tree).parent}/{m}.ko\n"
                   for m in found)


def verity_table(parts: list[ddi.Part]) -> str:
    """The dm-verity table of the root, from its superblock."""
    data, tree = parts[0], next(p for p in parts if p.kind == "hash")
    block = tree.file.read_bytes()[:512]
    kind, = struct.unpack_from("<I", block, 12)
    data_block, hash_block, count, salt = struct.unpack_from("<IIQH", block, 64)
    algorithm = block[32:64].rstrip(b"\0").decode()
    return (f"{count * data_block // 512} {kind} /dev/vda2 /dev/vda3 {data_block} {hash_block} "
            f"{count} 1 {algorithm} {data.roothash} {block[88:88 + salt].hex()}\n")


def build(name: str, init: Path, *more: object) -> Peer:
    """An initrd with MODULES, compressed as it ships; its raw size is measured apart."""
    out, raw = BENCH / f"{name}.zst", BENCH / f"{name}.cpio"
    words = [paths.MKINITRD, "--init", init, "--kernel-version", tools.kernel_version(),
             "--sysroot", tools.kernel(), "--modules", ",".join(MODULES), *more]
    start = time.monotonic()
    run([*words, "--output", out, "--compress", "zstd:19"])
    took = time.monotonic() - start
    run([*words, "--output", raw, "--compress", "none"])
    return Peer(name, out, raw.stat().st_size, round(took, 2))


def peers(parts: list[ddi.Part], floor: Path) -> list[Peer]:
    """The floor, and us in two ways."""
    signed, plain = BENCH / "signed.img", BENCH / "plain.img"
    appliance.make_disk(signed, parts=parts)
    appliance.make_disk(plain, parts=parts, kinds=("data", "hash"))
    (BENCH / "modules").write_text(module_list())
    (BENCH / "table").write_text(verity_table(parts))
    (BENCH / "conf").write_text(f"modules={' '.join(MODULES)}\n")
    least = build("floor", floor, "--include", f"{BENCH}/modules:/floor/modules",
                  "--include", f"{BENCH}/table:/floor/table")
    whole = build("slipway", paths.INIT, "--cert", keys.key("verity").cert,
                  "--conf", BENCH / "conf")
    bound = build("slipway-hash", paths.INIT, "--conf", BENCH / "conf")
    least.disk, whole.disk, bound.disk = plain, signed, plain
    bound.words += f" roothash={parts[0].roothash}"
    return [least, whole, bound]


def once_booted(peer: Peer, cpus: int) -> tuple[float, float]:
    """One boot: delta and total in milliseconds."""
    for _ in range(TRIES):
        got = vm.boot(Spec(name=f"bench-{peer.name}-{cpus}", cpus=cpus, icount=cpus == 1,
                           parallel=cpus > 1, kernel=tools.kernel() / "boot/vmlinux",
                           initrd=peer.initrd, append=f"{peer.words} {IDLE[cpus]}", drives=[Drive(peer.disk)], ports=False))
        stamps = re.search(r"bench: run_init_us (\d+) root_us (\d+)", got.serial)
        if stamps:
            start, end = (int(us) / 1000 for us in stamps.groups())
            return end - start, end
    sys.exit(f"bench: {peer.name} did not reach its root\n{got.explain()}")


def measure(peers: list[Peer], cpus: int) -> list[Row]:
    """The medians of a few boots, the peers in turns."""
    found: dict[str, list[tuple[float, float]]] = {peer.name: [] for peer in peers}
    for _ in range(RUNS[cpus]):
        for peer in peers:
            found[peer.name].append(once_booted(peer, cpus))
    rows = []
    for peer in peers:
        deltas, totals = zip(*found[peer.name], strict=True)
        say(f"{peer.name}, {cpus} CPU: delta {min(deltas):.0f} to {max(deltas):.0f} ms")
        rows.append(Row(peer.name, cpus, "icount" if cpus == 1 else "wall",
                        peer.initrd.stat().st_size, peer.raw_bytes, peer.build_s,
                        round(statistics.median(deltas), 1), round(statistics.median(totals), 1)))
    return rows


def aims(row: Row, floors: dict[int, float]) -> dict[str, bool]:
    """What a row of ours is meant to come to, and whether it does; the floor is meant to do nothing."""
    if row.peer == "floor":
        return {}
    small = {f"zst <= {MAX_ZST_BYTES // 1000} K": row.zst_bytes <= MAX_ZST_BYTES}
    if row.cpus == 1:
        return small | {f"delta <= {MAX_OF_FLOOR} x floor": row.delta_ms <= MAX_OF_FLOOR * floors[1]}
    return small | {"delta < floor": row.delta_ms < floors[row.cpus]}


def floors_of(rows: list[Row]) -> dict[int, float]:
    return {r.cpus: r.delta_ms for r in rows if r.peer == "floor"}


def missed(rows: list[Row]) -> list[str]:
    """Each aim that a row misses, for a message."""
    return [f"{r.peer} with {r.cpus} CPU: {aim}" for r in rows
            for aim, met in aims(r, floors_of(rows)).items() if not met]


def show(rows: list[Row]) -> None:
    """The table, how far we are from the floor, and what of that is as it is meant to be."""
    print(f"\n  {'peer':12} {'CPUs':>4} {'zst -19':>9} {'raw':>9} {'build':>7} {'delta':>9} "
          f"{'total':>9}  clock   delta/floor  aims")
    floors = floors_of(rows)
    for r in rows:
        said = ", ".join(f"{aim}: {'met' if met else 'MISSED'}" for aim, met in aims(r, floors).items())
        print(f"  {r.peer:12} {r.cpus:4} {r.zst_bytes / 1000:7.0f} K {r.raw_bytes / 1000:7.0f} K "
              f"{r.build_s:5.2f} s {r.delta_ms:6.0f} ms {r.total_ms:6.0f} ms  {r.clock:6}  "
              f"{r.delta_ms / floors[r.cpus]:11.2f}  {said}")
    print(f"  init is {paths.INIT.stat().st_size / 1000:.0f} K\n{PEERS}", end="")


def main() -> None:
    """Build, boot, print, write; with --strict an aim that is missed is a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true", help="end with 1 if an aim is missed")
    strict = parser.parse_args().strict
    BENCH.mkdir(parents=True, exist_ok=True)
    mark, floor = (tiny.program(Path(__file__).with_name(f"{name}.c"), BENCH / name)
                   for name in ("mark", "floor"))
    parts = tiny.root(mark, BENCH)
    all_peers = peers(parts, floor)
    rows = measure(all_peers, 1) + measure(all_peers, 2)
    (paths.BUILD / "bench.json").write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")
    show(rows)
    if strict and missed(rows):
        sys.exit("bench: missed: " + "; ".join(missed(rows)))


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as e:
        sys.exit(f"bench: {e}")
