# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo appliance: a signed UKI, a signed sysext on the ESP, a signed verity root.

Each function takes what a test may want otherwise; without arguments they make the demo.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import ddi, demoroot, disk, keys, paths, sysext, tools, tree, uki
from .ddi import Part
from .keys import Key
from .spec import Drive, Spec
from .steps import LabError, digest, once, run

OS_RELEASE = 'ID=slipway-demo\nVERSION_ID=1\nNAME="slipway demo"\nPRETTY_NAME="slipway demo"\n'
CMDLINE = "console=ttyS0 systemd.volatile=state"
CONF = ""
DIRECT = CMDLINE + f" slipway.disk=PARTUUID={disk.ESP_UUID} slipway.failure_delay=0"
UKI_ON_ESP = "EFI/BOOT/BOOTX64.EFI"
EXTENSIONS_ON_ESP = UKI_ON_ESP + ".extra.d"


@dataclass(frozen=True)
class Demo:
    """Where the demo's pieces are, and what PCR 11 shall be: {phase path: {bank: hex}}."""

    folder: Path
    disk: Path
    uki: Path
    initrd: Path
    vmlinux: Path
    vmlinuz: Path
    parts: list[Part]
    sysext: Path
    pcr11: dict[str, dict[str, str]]

    @property
    def roothash(self) -> str:
        """The root hash of the demo's root."""
        return self.parts[0].roothash

    def part(self, kind: str) -> Part:
        """The partition of this kind: 'data', 'hash' or 'sig'."""
        return next(p for p in self.parts if p.kind == kind)


def demo() -> Demo:
    """Build whatever of the demo is missing or out of date."""
    folder = paths.DEMO
    parts, extension, image = root_parts(), demo_sysext(), initrd()
    for name in ("vmlinux", "vmlinuz"):
        source = tools.kernel() / "boot" / name
        once(folder / name, digest(source), name, lambda new, s=source: shutil.copyfile(s, new))
    signed = folder / "uki.efi"
    key = keys.key("db")
    once(signed, digest("uki 1", image, CMDLINE, OS_RELEASE, key.cert, folder / "vmlinuz"),
         "UKI, signed", lambda new: _make_uki(new, image, key))
    pcr11 = json.loads((folder / "pcr11.json").read_text())
    whole = folder / "disk.img"
    once(whole, digest("disk 1", signed, extension, [p.roothash for p in parts], CMDLINE),
         "disk", lambda new: make_disk(new, uki=signed, extensions=[extension], parts=parts))
    return Demo(folder, whole, signed, image, folder / "vmlinux", folder / "vmlinuz", parts,
                extension, pcr11)


def root_parts(suite: str = tree.SUITE) -> list[Part]:
    """The demo's root DDI, cut into the partitions that disks are put together from.

    Of another suite, its systemd is the one of that.
    """
    key = keys.key("verity")
    source = demoroot.root_tree(suite)
    folder = paths.DEMO / "root" if suite == tree.SUITE else paths.LAB / f"root-{suite}"

    def make(new: Path) -> None:
        image = paths.LAB / f"root-{suite}.img"
        ddi.cut(image, ddi.repart(source, image, key=key), new)
        image.unlink()

    once(folder, digest("ddi 1", demoroot.key(suite), key.cert), "root DDI, signed", make)
    return ddi.load_parts(folder)


def altered_root(name: str, mark: str, change: Callable[[Path], None]) -> list[Part]:
    """The demo's root DDI after its tree was changed; made once for each mark."""
    key = keys.key("verity")
    folder = paths.LAB / f"root-{name}"

    def make(new: Path) -> None:
        stage = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=paths.LAB))
        run(["cp", "-a", demoroot.root_tree(), stage / "tree"])  # with its devices
        change(stage / "tree")
        ddi.cut(stage / "root.img", ddi.repart(stage / "tree", stage / "root.img", key=key), new)
        shutil.rmtree(stage)

    once(folder, digest("altered 1", demoroot.key(), key.cert, mark), f"root DDI, {name}", make)
    return ddi.load_parts(folder)


def demo_sysext() -> Path:
    """The demo's extension: one file, to see that it was merged."""
    spec = sysext.Sysext("demo-tools", key=keys.key("verity"),
                         files={"usr/share/slipway-demo/hello": b"hello from the extension\n"})
    out = paths.DEMO / "demo-tools.sysext.raw"
    once(out, digest("sysext 1", spec, spec.key.cert), "system extension, signed",
         lambda new: sysext.build(spec, paths.LAB / "sysext").rename(new))
    return out


def initrd(out: Path | None = None, *, modules: tuple[str, ...] = (),
           certs: tuple[Path, ...] | None = None, conf: str = CONF,
           os_release: str = OS_RELEASE, compress: str = "zstd:19",
           more: tuple[str, ...] = (), sysroot: Path | None = None) -> Path:
    """An initrd by slipway-mkinitrd; made again when init, the builder or a word changes.

    Without `modules` it has the builder's usual ones, with it those and what they need; of
    all kernels in `sysroot`, by default the demo's.
    """
    for needed in (paths.INIT, paths.MKINITRD, paths.DEBUG):
        if not needed.exists():
            raise LabError(f"'{paths.short(needed)}' is missing: run make first")
    out = out or paths.DEMO / "initrd.zst"
    certs = (keys.key("verity").cert,) if certs is None else certs
    sysroot = sysroot or tools.kernel()
    versions = sorted(path.name for path in (sysroot / "usr/lib/modules").iterdir())
    key = digest("initrd 1", paths.INIT, paths.MKINITRD, paths.DEBUG, versions, modules, *certs, conf,
                 os_release, compress, more, *[word for word in more if isinstance(word, Path)])

    def make(new: Path) -> None:
        inputs = Path(tempfile.mkdtemp(prefix="initrd-", dir=paths.LAB))
        if conf:
            (inputs / "slipway.conf").write_text(conf)
        (inputs / "os-release").write_text(os_release)
        words = [word for cert in certs for word in ("--cert", cert)]
        words += ["--modules", ",".join(modules)] if modules else []
        words += ["--conf", inputs / "slipway.conf"] if conf else []
        words += [f"--kernel-version={version}" for version in versions]
        run([paths.MKINITRD, "build", "--init", paths.INIT, "--sysroot", sysroot, "--os-release",
             inputs / "os-release", "--output", new, "--compress", compress, *words, *more])
        shutil.rmtree(inputs)

    once(out, key, f"initrd {out.name}", make)
    return out


def _make_uki(new: Path, image: Path, key: Key) -> None:
    expected = make_uki(new, initrd=image, key=key)
    (paths.DEMO / "pcr11.json").write_text(json.dumps(expected, indent=1))


def make_uki(out: Path, *, initrd: Path, key: Key | None, cmdline: str = CMDLINE,
             more: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """A UKI with the demo's kernel; returns what PCR 11 shall be at each phase."""
    release = out.with_name(f".{out.name}.os-release")  # its own: others build at the same time
    release.write_text(OS_RELEASE)
    phases = uki.build(out, linux=tools.kernel() / "boot/vmlinuz", initrd=initrd, cmdline=cmdline,
                       os_release=release, key=key, more=more)
    release.unlink()
    return phases


def make_disk(out: Path, *, uki: Path | None = None, extensions: list[Path] | tuple = (),
              parts: list[Part] | None = None, esp_files: dict[str, Path | bytes] | None = None,
              kinds: tuple[str, ...] = ("data", "hash", "sig"),
              more: list[disk.PartSpec] | tuple = (), sector_size: int = 512) -> disk.Disk:
    """A disk with an ESP (UKI, extensions, other files), the root's partitions, and more."""
    files: dict[str, Path | bytes] = dict(esp_files or {})
    if uki:
        files[UKI_ON_ESP] = uki
    for extension in extensions:
        files[f"{EXTENSIONS_ON_ESP}/{extension.name}"] = extension
    esp = out.with_name(f".{out.name}.esp")
    disk.make_esp(esp, files, sector_size=sector_size)
    specs = [disk.esp_part(esp), *disk.root_parts(root_parts() if parts is None else parts, kinds),
             *more]
    made = disk.layout(out, specs, sector_size=sector_size)
    esp.unlink()
    return made


def direct(image: Path, *, initrd: Path | None = None, append: str = "", name: str = "direct",
           bus: str = "virtio-blk", sector_size: int = 512, **more) -> Spec:
    """A Spec that boots a disk without firmware: kernel and initrd straight into memory.

    There are no EFI variables then, so the command line names the disk by its ESP. `append`
    adds words, and of a word given twice the last one counts.
    """
    made = demo() if initrd is None else None
    # QEMU's PVH loader lays the initrd over the ACPI tables when a TPM makes them longer.
    kernel = "vmlinux" if more.get("tpm", "none") == "none" else "vmlinuz"
    more.setdefault("kernel", tools.kernel() / "boot" / kernel)
    return Spec(name=name, initrd=initrd or made.initrd, append=f"{DIRECT} {append}".strip(),
                drives=[Drive(image, bus=bus, sector_size=sector_size)], **more)
