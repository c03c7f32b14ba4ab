# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long the builders of initrds take, and how large what they make is, in one run.

All run in one Debian tree, for the same kernel, in turns; the median of three counts, or the one
time of who takes over a minute. Let nothing else run meanwhile. Writes build/bench-mkinitrd.json, and fails when we are slower than we
promise.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab import keys, paths, peers, tools, tree
from lab.steps import LabError, say

RUNS = 3
PATIENCE_S = 60
SLOWEST_S = 0.6  # for the profile virt
FASTER = 15  # times, than dracut
BENCH = paths.BUILD / "bench-mkinitrd"

# Prints how many seconds a command took, without the way into the tree.
TIMER = """
import subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT)
took = time.monotonic() - start
sys.stderr.buffer.write(done.stdout)
print(took)
sys.exit(done.returncode)
"""
DRACUT_MODULES = ("systemd systemd-initrd systemd-udevd systemd-journald systemd-modules-load "
                  "systemd-veritysetup systemd-tmpfiles systemd-sysctl dracut-systemd dm rootfs-block "
                  "kernel-modules fs-lib udev-rules base shutdown")


@dataclass
class Row:
    """A line of the table, with the keys of build/bench.json; None was not measured."""

    peer: str
    cpus: int
    packed_bytes: int  # as the builder leaves it
    zst_bytes: int  # the same contents by zstd -19
    raw_bytes: int
    build_s: float
    delta_ms: float | None = None
    total_ms: float | None = None


@dataclass
class Peer:
    """A builder: its words, where `{out}` and `{name}` stand for what it shall make."""

    name: str
    words: list[str]
    what: str
    times: list[float] = field(default_factory=list)

    @property
    def out(self) -> Path:
        return BENCH / self.name.replace(":", "-")

    def build(self) -> None:
        """Once, for its time."""
        words = [w.format(out=tree.host(self.out), name=self.out.name,
                          folder=tree.host(BENCH)) for w in self.words]
        self.out.unlink(missing_ok=True)
        said = peers.enter("python3", "-c", TIMER, *words).stdout.decode()
        self.times.append(float(said))


def ours(name: str, *more: str) -> Peer:
    return Peer(name, ["slipway-mkinitrd", "build", "--config=none", "--kernel-version",
                       tools.kernel_version(), "--cert", tree.host(keys.key("verity").cert),
                       "--output", "{out}", *more],
                "all drivers of --profile=virt" + (f", {' '.join(more)}" if more else ""))


def all_peers() -> list[Peer]:
    version = tools.kernel_version()
    return [
        ours("slipway"),
        ours("slipway:19", "--compress=zstd:19"),
        Peer("dracut", ["dracut", "--force", "--no-hostonly", "--no-hostonly-cmdline",
                        "--reproducible", "--modules", DRACUT_MODULES, "--drivers",
                        "virtio_blk dm-verity dm-mod erofs crc32c-intel", "--force-drivers",
                        "dm-verity", "--kver", version, "{out}"],
             "the least that opens a verity root on virtio, by systemd"),
        Peer("initramfs-tools", ["mkinitramfs", "-o", "{out}", version],
             "as Debian configures it; cannot open a verity root"),
        # What mkosi-initrd starts, with its usual modules instead of those that are loaded here.
        Peer("mkosi-initrd", ["mkosi", "--force", "--directory", "", "--format=cpio",
                              "--include=mkosi-initrd", "--output={name}",
                              "--output-directory={folder}", "--build-sources", "",
                              "--extra-tree",
                              f"/usr/lib/modules/{version}:/usr/lib/modules/{version}",
                              "--kernel-modules-exclude=.*", "--kernel-modules-include=default",
                              "--workspace-dir=/var/tmp", "--package-cache-dir=/var",
                              f"--local-mirror={tree.mirror()}", "build"],
             "its usual packages and modules, fetched before the first run"),
    ]


def end_of_cpio(image: bytes, at: int) -> int:
    """Where the newc archive that begins at `at` ends, or `at` if none does."""
    while image[at : at + 6] == b"070701":
        size, name = (int(image[at + n : at + n + 8], 16) for n in (54, 94))
        last = image[at + 110 : at + 110 + name] == b"TRAILER!!!\0"
        at = -(-(at + 110 + name) // 4) * 4
        at = -(-(at + size) // 4) * 4
        if last:
            break
    return at


def unpacked(image: bytes) -> bytes:
    """All archives of an image, the way the kernel takes them: plain ones, then a packed one."""
    at = 0
    while image[at : at + 1] in (b"0", b"\0"):
        at = at + 4 if image[at : at + 1] == b"\0" else end_of_cpio(image, at)
    rest = image[at:]
    for magic, tool in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"\x1f\x8b", "gzip"), (b"\xfd7zXZ", "xz")):
        if rest.startswith(magic):
            return image[:at] + subprocess.run([tool, "-dc"], input=rest, check=True,
                                               stdout=subprocess.PIPE).stdout
    if rest:
        raise LabError(f"an image packed in an unknown way: {rest[:6].hex()}")
    return image


def zstd_19(raw: bytes) -> int:
    done = subprocess.run(["zstd", "-19", "-T0", "-qc"], input=raw, check=True,
                          stdout=subprocess.PIPE)
    return len(done.stdout)


def measure(found: list[Peer]) -> list[Row]:
    """All in turns, then each one's size."""
    for peer in found:
        peer.build()
        say(f"{peer.name}: {peer.times[-1]:.2f} s, with cold caches")
    for peer in found:
        if peer.times[0] < PATIENCE_S:
            peer.times.clear()
    for _ in range(RUNS):
        for peer in found:
            if not peer.times or peer.times[0] < PATIENCE_S:
                peer.build()
                say(f"{peer.name}: {peer.times[-1]:.2f} s")
    rows = []
    for peer in found:
        out = next(p for p in BENCH.iterdir() if p.name.split(".")[0] == peer.out.name
                   and not p.is_symlink())
        raw = unpacked(out.read_bytes())
        rows.append(Row(peer.name, os.cpu_count() or 1, out.stat().st_size, zstd_19(raw), len(raw),
                        round(statistics.median(peer.times), 3)))
    return rows


def show(rows: list[Row], found: list[Peer], loads: tuple[float, float]) -> None:
    """The table, each beside our default."""
    us = rows[0]
    print(f"\n  {'builder':16} {'build':>8} {'as built':>10} {'zstd -19':>10} {'raw':>10} "
          f"{'build/ours':>10} {'size/ours':>9}")
    for r in rows:
        print(f"  {r.peer:16} {r.build_s:6.2f} s {r.packed_bytes / 1000:8.0f} K "
              f"{r.zst_bytes / 1000:8.0f} K {r.raw_bytes / 1000:8.0f} K "
              f"{r.build_s / us.build_s:10.1f} {r.zst_bytes / us.zst_bytes:9.1f}")
    print()
    for peer in found:
        print(f"  {peer.name:16} {peer.what}")
    print(f"  kernel {tools.kernel_version()}, {us.cpus} CPUs, load {loads[0]:.1f} before and "
          f"{loads[1]:.1f} after" + ("; others were at work, so the times say little"
                                     if loads[0] > 1 else ""))


def judge(rows: list[Row]) -> list[str]:
    """Which promises are broken."""
    times = {r.peer: r.build_s for r in rows}
    bounds = {f"{SLOWEST_S} s": SLOWEST_S, f"1/{FASTER} of dracut": times["dracut"] / FASTER}
    return [f"slipway took {times['slipway']:.2f} s, more than {what} ({bound:.2f} s)"
            for what, bound in bounds.items() if times["slipway"] > bound]


def main() -> int:
    """Build, print, write, judge."""
    load = os.getloadavg()[0]
    BENCH.mkdir(parents=True, exist_ok=True)
    found = all_peers()
    rows = measure(found)
    text = json.dumps([asdict(r) for r in rows], indent=1) + "\n"
    (paths.BUILD / "bench-mkinitrd.json").write_text(text)
    show(rows, found, (load, os.getloadavg()[0]))
    broken = judge(rows)
    for line in broken:
        print(f"bench-mkinitrd: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, subprocess.CalledProcessError) as e:
        sys.exit(f"bench-mkinitrd: {e}")
