# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tools tree: image tools newer than the machine's, and the demo's kernel."""

from __future__ import annotations

import lzma
import re
import shutil
import struct
import tempfile
from pathlib import Path

from . import paths, tree
from .steps import LabError, digest, once, run

PACKAGES = [
    "systemd", "systemd-ukify", "systemd-boot-efi", "systemd-boot-tools", "systemd-repart",
    "systemd-container", "systemd-cryptsetup", "cryptsetup-bin", "dmsetup", "kmod", "erofs-utils", "squashfs-tools",
    "dosfstools", "mtools", "openssl", "sbsigntool", "ovmf", "python3-virt-firmware",
    "tpm2-tools", "zstd", "xz-utils", "cpio", "e2fsprogs",
]
KERNEL_PACKAGE = "linux-image-cloud-amd64"
GENERIC_PACKAGE = "linux-image-amd64"
NEWER_SUITE, STUB_PACKAGE = "sid", "systemd-boot-efi"

# Unpack packages of another suite than the tree's, which does not get to know that suite: its
# /tmp is gone when this ends. A kernel is named by the package that depends on the newest one.
_OF_ANOTHER_SUITE = """
mkdir -p /tmp/apt/lists/partial /tmp/apt/archives/partial
cd /tmp/apt
echo "deb $1 $2 main" >sources
cat >conf <<'END'
Dir::Etc { sourcelist "/tmp/apt/sources"; sourceparts "/dev/null"; };
Dir::State::Lists "/tmp/apt/lists";
Dir::Cache "/tmp/apt";
APT::Sandbox::User "root";
END
export APT_CONFIG=/tmp/apt/conf
apt-get -qq update
names=$3
case $names in
linux-image-*)
	image=$(apt-cache depends "$names" | sed -n "s/ *Depends: //p" | grep ^linux-image)
	version=${image#linux-image-}
	names="linux-base-$version linux-binary-$version linux-modules-$version" ;;
esac
apt-get -qq download $names
for file in ./*.deb; do dpkg-deb -x "$file" "$4"; done
"""


def tools() -> Path:
    """The tools tree; made once (about a minute)."""
    once(paths.TOOLS_TREE, digest("tools 1", tree.SUITE, PACKAGES), "tools tree: image tools",
         lambda new: tree.make(new, PACKAGES))
    return paths.TOOLS_TREE


def tool(*argv: object, **kw):
    """Run a program of the tools tree; give paths of the machine by `tree.host()`."""
    return tree.enter(tools(), *argv, **kw)


def kernel() -> Path:
    """A sysroot: usr/lib/modules/VERSION with its index, boot/vmlinuz, boot/vmlinux."""
    once(paths.KERNEL, digest("kernel 1", tree.SUITE, KERNEL_PACKAGE),
         "kernel: Debian's cloud kernel and its modules",
         lambda new: _make_kernel(new, KERNEL_PACKAGE))
    return paths.KERNEL


def kernel_generic() -> Path:
    """The same for the kernel that Debian gives to any machine: it has the drivers of hardware."""
    once(paths.KERNEL_GENERIC, digest("kernel 1", tree.SUITE, GENERIC_PACKAGE),
         "kernel: Debian's kernel for any machine, and its modules",
         lambda new: _make_kernel(new, GENERIC_PACKAGE))
    return paths.KERNEL_GENERIC


def kernel_newer() -> Path:
    """The same of the suite with the newest one, which has a keyring for dm-verity alone."""
    out = paths.LAB / f"kernel-{NEWER_SUITE}"

    def make(new: Path) -> None:
        _unpack_newer(new, KERNEL_PACKAGE)
        _finish_kernel(new)

    once(out, digest("kernel 1", NEWER_SUITE, KERNEL_PACKAGE),
         f"kernel: Debian's cloud kernel of {NEWER_SUITE}, and its modules", make)
    return out


def static_fsck() -> Path:
    """e2fsck without libraries, as an initrd can have it."""
    out = paths.LAB / "e2fsck-static"
    package = "e2fsck-static"

    def make(new: Path) -> None:
        tool("sh", "-ec", 'cd /tmp; apt-get -qq download "$1"; dpkg-deb -x ./*.deb "$2"', "sh", package,
             tree.host(new))

    once(out, digest("fsck 1", tree.SUITE, package), "e2fsck, static", make)
    return next(out.glob("**/e2fsck.static"))


def newer_stub() -> Path:
    """The systemd-stub of the suite with the newest one, which measures other things."""
    folder = paths.LAB / f"stub-{NEWER_SUITE}"
    once(folder, digest("stub 1", NEWER_SUITE, STUB_PACKAGE), f"systemd-stub of {NEWER_SUITE}",
         lambda new: _unpack_newer(new, STUB_PACKAGE))
    return folder / "usr/lib/systemd/boot/efi/linuxx64.efi.stub"


def _unpack_newer(new: Path, package: str) -> None:
    tool("sh", "-ec", _OF_ANOTHER_SUITE, "sh", tree.mirror(), NEWER_SUITE, package, tree.host(new))


def kernel_version(sysroot: Path | None = None) -> str:
    """The version of a kernel (the demo's), as in usr/lib/modules."""
    return next(((sysroot or kernel()) / "usr/lib/modules").iterdir()).name


def _make_kernel(new: Path, package: str) -> None:
    # Taken apart rather than installed: its scripts would make an initrd nobody needs.
    script = ('cd /tmp; '
              'p=$(apt-cache depends "$1" | sed -n "s/ *Depends: //p" | grep ^linux-image); '
              'apt-get -qq download "$p" && dpkg-deb -x ./*.deb "$2"')
    tool("sh", "-c", script, "sh", package, tree.host(new))
    _finish_kernel(new)


def _finish_kernel(new: Path) -> None:
    version = next((new / "usr/lib/modules").iterdir()).name
    (new / "boot").mkdir(exist_ok=True)
    places = (new / f"boot/vmlinuz-{version}", new / f"usr/lib/modules/{version}/vmlinuz")
    next(path for path in places if path.exists()).rename(new / "boot/vmlinuz")
    (new / "lib").symlink_to("usr/lib")
    tool("depmod", "-b", tree.host(new), version)
    (new / "boot/vmlinux").write_bytes(unpack_bzimage((new / "boot/vmlinuz").read_bytes()))


def module_files(*names: str, beside: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Kernel modules and what they need, as the `files` of a system extension.

    The extension lies over the initrd's own folder, so its index has to name the modules
    of the initrd as well: give those as `beside`, as they were given to initrd().
    """
    top = f"usr/lib/modules/{kernel_version()}"
    with tempfile.TemporaryDirectory(dir=paths.LAB) as folder:
        stage = Path(folder) / top
        (Path(folder) / "lib").symlink_to("usr/lib")  # where depmod looks
        inside = _unpack_modules(stage, names) - _unpack_modules(stage, beside)
        for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
            shutil.copyfile(kernel() / top / index, stage / index)
        tool("depmod", "--basedir", tree.host(Path(folder)), kernel_version())
        indexes = {path.name for path in stage.iterdir() if path.is_file()}
        return {f"{top}/{name}": (stage / name).read_bytes() for name in inside | indexes}


def _unpack_modules(stage: Path, names: tuple[str, ...]) -> set[str]:
    """Put modules and what they need into a folder, unpacked; returns their paths there."""
    if not names:
        return set()
    wanted = tool("modprobe", "--dirname", tree.host(kernel()), "--set-version",
                  kernel_version(), "--show-depends", "--all", *names).stdout.decode()
    found = set()
    for name in re.findall(r"^insmod \S*/lib/modules/[^/]+/(\S+)", wanted, re.M):
        packed = (kernel() / "usr/lib/modules" / kernel_version() / name).read_bytes()
        plain = name.removesuffix(".xz")
        (stage / plain).parent.mkdir(parents=True, exist_ok=True)
        (stage / plain).write_bytes(lzma.decompress(packed) if name != plain else packed)
        found.add(plain)
    return found


def unpack_bzimage(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage, for QEMU's PVH entry (no real-mode start, no unpacking)."""
    if image[0x202:0x206] != b"HdrS":
        raise LabError("not a bzImage: no 'HdrS' at 0x202")
    start = (image[0x1F1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[start + offset : start + offset + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        # The build appends the unpacked size after the last frame.
        elf = run(["zstd", "-dcq"], stdin=None, input=payload[:-4]).stdout
    else:
        raise LabError(f"a kernel packed in an unknown way: {payload[:6].hex()}")
    if not elf.startswith(b"\x7fELF"):
        raise LabError("the bzImage's payload is not an ELF file")
    return elf
