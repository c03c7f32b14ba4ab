# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd, judged by GNU cpio, zstd, depmod and modinfo.

Small kernels with modules of our own say what is in and what is out; a real kernel, where
the lab has unpacked one, says that the size and the indexes are right."""

from __future__ import annotations

import hashlib
import os
import re
import select
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
MKINITRD = REPO / "build/slipway-mkinitrd"
REAL = REPO / "build/kernel"
SIGNATURE = b"signature~Module signature appended~\n"  # how a signed module ends
DEPMOD, MODPROBE, MODINFO = (shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
                             for name in ("depmod", "modprobe", "modinfo"))
VERSION = "6.1.0-test"
FOLDER = f"usr/lib/modules/{VERSION}"
MANIFEST = "etc/slipway.manifest"


@dataclass
class Module:
    """One module of a test kernel: what it needs, what it is called, how it is stored."""
    needs: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    folder: str = "kernel/drivers"
    suffix: str = ""


MODULES = {
    "disk_core": Module(suffix=".xz"),
    "disk-drv": Module(needs=("disk_core",), info=("alias=pci:v00001AF4d*",), suffix=".xz"),
    "hash": Module(info=("alias=crypto-hash",), folder="kernel/crypto"),
    "late": Module(suffix=".zst"),
    "verity": Module(needs=("disk_core",), info=("softdep=pre: crypto-hash absent post: late",)),
    "erofs": Module(folder="kernel/fs"),
    "unused": Module(suffix=".xz"),
    "radio": Module(info=tuple(f"firmware={name}" for name in (
        "vendor/plain.bin", "vendor/packed.bin", "vendor/link.bin", "vendor/new.bin",
        "vendor/gone.bin", "board/*.txt", "../../secret", "vendor"))),
}
# what lies in usr/lib/firmware, and what the kernel would see of it
FIRMWARE = {"vendor/plain.bin": "plain", "vendor/packed.bin.xz": "packed", "vendor/other.bin": "other",
            "vendor/plain.bin.xz": "beaten by the plain one", "vendor/new.bin": "old",
            f"updates/{VERSION}/vendor/new.bin": "new", "updates/vendor/new.bin": "also old",
            "board/a.txt": "a", "board/b.txt.zst": "b", "board/c.bin": "c", "../secret": "secret"}
SEEN = {"vendor/plain.bin": "plain", "vendor/packed.bin": "packed", "vendor/link.bin": "elsewhere",
        f"updates/{VERSION}/vendor/new.bin": "new", "board/a.txt": "a", "board/b.txt": "b"}
PACK = {".xz": ["xz", "-q"], ".zst": ["zstd", "-q", "--rm"]}


def compile_module(name: str, module: Module, out: Path) -> None:
    """Not loadable, but all that depmod and libkmod look at is there."""
    info = "".join(f"{line}\\0" for line in (f"name={name}", *module.info))
    symbol = name.replace("-", "_")
    source = f'static const char info[] __attribute__((section(".modinfo"), used)) = "{info}";\n'
    source += "static const char exported[] __attribute__((section(\"__ksymtab_strings\"), used))" \
              f' = "{symbol}_run";\n'
    for need in module.needs:
        source += f"extern int {need}_run(void); int use_{need}(void) {{ return {need}_run(); }}\n"
    subprocess.run(["gcc", "-x", "c", "-O1", "-c", "-", "-o", out], input=source.encode(),
                   check=True)


@pytest.fixture(scope="session")
def sysroot(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sysroot")
    folder = root / FOLDER
    for name, module in MODULES.items():
        path = folder / module.folder / f"{name}.ko"
        path.parent.mkdir(parents=True, exist_ok=True)
        compile_module(name, module, path)
        if name == "erofs":
            path.write_bytes(path.read_bytes() + SIGNATURE)
        if module.suffix:
            subprocess.run([*PACK[module.suffix], path], check=True)
    order = "".join(f"{module.folder}/{name}.ko\n" for name, module in MODULES.items())
    (folder / "modules.order").write_text(order)
    (folder / "modules.builtin").write_text("kernel/drivers/builtin_drv.ko\n"
                                            "kernel/dm-mod.ko\nkernel/dm-verity.ko\n")
    (folder / "modules.builtin.modinfo").write_bytes(b"builtin_drv.alias=platform:builtin\0")
    (root / "lib").symlink_to("usr/lib")
    for name, text in FIRMWARE.items():
        path = root / "usr/lib/firmware" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in PACK:
            path.with_suffix("").write_text(text)
            subprocess.run([*PACK[path.suffix], "-f", path.with_suffix("")], check=True)
    for name, text in FIRMWARE.items():
        if Path(name).suffix not in PACK:
            (root / "usr/lib/firmware" / name).write_text(text)
    (root / "etc").mkdir()
    (root / "etc/elsewhere.bin").write_text("elsewhere")
    (root / "usr/lib/firmware/vendor/link.bin").symlink_to("/etc/elsewhere.bin")
    subprocess.run([DEPMOD, "-b", root, VERSION], check=True)
    return root


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """The files that a vendor has: init, a certificate, its key, configuration."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "init").write_bytes(b"\x7fELF stands for init")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "30",
                    "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=vendor",
                    "-keyout", folder / "vendor.key", "-out", folder / "vendor.pem"],
                   check=True, capture_output=True)
    pem, key = ((folder / n).read_bytes() for n in ("vendor.pem", "vendor.key"))
    (folder / "with-key.pem").write_bytes(pem + key)
    (folder / "two.pem").write_bytes(pem + pem)
    (folder / "torn.pem").write_bytes(pem[:200] + b"\n-----END CERTIFICATE-----\n")
    subprocess.run(["openssl", "x509", "-in", folder / "vendor.pem", "-outform", "DER",
                    "-out", folder / "vendor.der"], check=True)
    for name, *key in (("weak", "rsa:1024"), ("curve", "ec", "-pkeyopt",
                                              "ec_paramgen_curve:secp256k1")):
        subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "30",
                        "-subj", "/CN=weak", "-keyout", folder / f"{name}.key",
                        "-out", folder / f"{name}.pem"], check=True, capture_output=True)
    (folder / "slipway.conf").write_text("# vendor\n")
    (folder / "typo.conf").write_text("tpm=required\ntmp=required\n")
    (folder / "policy.conf").write_text("image-policy=root=sigend\n")
    (folder / "os-release").write_text("NAME=x\nID=appliance\n")
    (folder / "no-id").write_text("NAME=x\nVERSION_ID=3\n")
    (folder / "options.conf").write_text("options erofs x=1\nalias nickname unused\n")
    (folder / "tree/deep").mkdir(parents=True)
    (folder / "tree/deep/tool").write_text("#!\n")
    (folder / "tree/deep/tool").chmod(0o700)
    (folder / "tree/data").write_text("data\n")
    (folder / "tree/data").chmod(0o600)
    (folder / "tree/link").symlink_to("data")
    (folder / "newline").mkdir()
    (folder / "newline/a\nb").write_text("")
    (folder / "round").symlink_to("about")
    (folder / "about").symlink_to("round")
    with (folder / "sparse").open("wb") as f:
        f.truncate(4 << 30)
    (folder / "bad.conf").write_text("compress=zstd:3\ncerts=x\n")
    (folder / "with-policy.conf").write_text("image-policy=root=signed")
    (folder / "script").write_text("#!/bin/sh\n")
    shutil.copy("/bin/true", folder / "dynamic")
    for word, to in (("-static", "static"), ("-c", "object")):
        subprocess.run(["gcc", "-x", "c", word, "-", "-o", folder / to], check=True,
                       input=b"int main(void) { return 0; }")
    foreign = bytearray((folder / "static").read_bytes())
    foreign[18:20] = b"\x08\x00"  # e_machine: MIPS
    (folder / "foreign").write_bytes(foreign)
    (folder / "cut").write_bytes((folder / "static").read_bytes()[:100])
    for name in ("script", "foreign", "cut", "object"):
        (folder / name).chmod(0o755)
    shutil.copy(folder / "static", folder / "plain")
    (folder / "plain").chmod(0o644)
    for name, text in (("undeclared", "deadline=soon\n"), ("gate", "deadline=9\n"), ("bad.name", "")):
        shutil.copy(folder / "static", folder / name)
        (folder / f"{name}.hook").write_text(text)
    (folder / "scripts.conf").write_text("hook-scripts=yes\n")
    shutil.copy(folder / "static", folder / "slipway-debug")
    (folder / "debug.conf").write_text(f"debug-key=$6$abcdefgh${'.' * 86}\n")
    return folder


def mkinitrd(*words: object, cwd: Path | None = None, umask: int = 0o022, **environment: str):
    clean = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    return subprocess.run([MKINITRD, *map(str, words)], cwd=cwd, umask=umask, text=True,
                          capture_output=True, env=clean | environment)


class Image:
    """An image as GNU cpio reads it."""

    def __init__(self, path: Path):
        self.path = path
        raw = path.read_bytes()
        if raw[:4] == b"\x28\xb5\x2f\xfd":
            raw = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
        self.raw = raw
        listing = subprocess.run(["cpio", "-itv", "--numeric-uid-gid", "--quiet"], input=raw,
                                 check=True, capture_output=True, env={"TZ": "UTC", "LC_ALL": "C"})
        assert listing.stderr == b""
        self.lines = [re.split(r"\s+", line) for line in listing.stdout.decode().splitlines()]
        self.paths = [line[-3] if "->" in line else line[-1] for line in self.lines]
        self.by_path = dict(zip(self.paths, self.lines))

    @property
    def modules(self) -> set[str]:
        return {Path(p).name for p in self.paths if ".ko" in p}

    def data(self, path: str) -> bytes:
        return subprocess.run(["cpio", "-i", "--to-stdout", "--quiet", path], input=self.raw,
                              check=True, capture_output=True).stdout

    def unpack(self, folder: Path) -> Path:
        """Everything but the device node, which only root could make."""
        folder.mkdir()
        subprocess.run(["cpio", "-idf", "--quiet", "dev/console"], input=self.raw, cwd=folder,
                       check=True)
        return folder


@pytest.fixture
def build(tmp_path, sysroot, inputs):
    """Builds with the usual words and more; returns the image."""
    def run(*words: object, out: str = "initrd", **environment: str) -> Image:
        done = mkinitrd("--output", tmp_path / out, "--kernel-version", VERSION,
                        "--sysroot", sysroot, "--init", inputs / "init", *words, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return Image(tmp_path / out)
    return run


def test_frame(build, tmp_path):
    image = build("--profile=none")
    assert image.paths == sorted(image.paths, key=str.encode)
    assert {"dev", "proc", "run", "sys", "sysroot", "etc", "usr", "usr/lib"} <= set(image.paths)
    assert image.modules == set()
    for path, line in image.by_path.items():
        kind = line[0][0]
        assert line[0] == {"d": "drwxr-xr-x", "l": "lrwxrwxrwx", "c": "crw-------"}.get(
            kind, "-rwxr-xr-x" if path == "init" else "-rw-r--r--"), path
        assert line[1:4] == ["2" if kind == "d" else "1", "0", "0"], path
        assert "1970" in line, path
    assert image.by_path["dev/console"][4:6] == ["5,", "1"]
    assert image.by_path["etc/os-release"][-1] == "initrd-release"
    assert image.by_path["lib"][-1] == "usr/lib"
    assert b"\nVERSION_ID=" in b"\n" + image.data("etc/initrd-release")
    assert image.data("etc/initrd-release").startswith(b"ID=slipway\n")
    assert (tmp_path / "initrd").stat().st_mode & 0o7777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["initrd"]


@dataclass
class Case:
    words: list[str]
    modules: set[str] = field(default_factory=set)


CLOSURES = {
    "dependencies": Case(["--modules=disk_drv"], {"disk_core.ko", "disk-drv.ko"}),
    "alias": Case(["--modules=pci:v00001AF4d00001001"], {"disk_core.ko", "disk-drv.ko"}),
    "soft dependencies, one of them nowhere": Case(
        ["--modules=verity"], {"verity.ko", "disk_core.ko", "hash.ko", "late.ko"}),
    "lists add up": Case(["--modules=erofs,late", "--modules", "unused"],
                         {"erofs.ko", "late.ko", "unused.ko"}),
    "built in": Case(["--modules=builtin_drv"]),
    "alias of what is built in": Case(["--modules=platform:builtin"]),
    "profile by default, soft": Case([], {"erofs.ko"}),
    "no profile beside a list": Case(["--modules=late"], {"late.ko"}),
    "profile and list": Case(["--profile=virt", "--modules=late"], {"erofs.ko", "late.ko"}),
    "added to the profile": Case(["--modules=+late"], {"erofs.ko", "late.ko"}),
    "taken out of the profile": Case(["--modules=-erofs,+late"], {"late.ko"}),
    "a later word wins": Case(["--modules=-late,late", "--modules=-disk-drv,+unused",
                               "--modules=-late,disk_drv"],
                              {"unused.ko", "disk_core.ko", "disk-drv.ko"}),
    "soft dependency taken out": Case(["--modules=verity,-hash"],
                                      {"verity.ko", "disk_core.ko", "late.ko"}),
    "taken out by an alias": Case(["--modules=verity,-crypto-hash"],
                                  {"verity.ko", "disk_core.ko", "late.ko"}),
    "alias from modprobe.d": Case(
        ["--modules=nickname", "--modprobe-conf", "{inputs}/options.conf"], {"unused.ko"}),
}


@pytest.mark.parametrize("case", CLOSURES.values(), ids=CLOSURES)
def test_closure(build, inputs, case):
    assert build(*[w.format(inputs=inputs) for w in case.words]).modules == case.modules


def test_indexes_are_of_the_packed_modules_alone(build, tmp_path):
    tree = build("--modules=verity,disk_drv").unpack(tmp_path / "tree")
    names = {p.name for p in (tree / FOLDER).iterdir()}
    assert {f"modules.{n}.bin" for n in ("dep", "alias", "symbols", "builtin")} <= names
    dep = (tree / FOLDER / "modules.dep").read_text()
    assert set(re.findall(r"^(\S+):", dep, re.M)) == {
        str(p.relative_to(tree / FOLDER)) for p in tree.rglob("*.ko")}

    def modprobe(name: str) -> list[str]:
        done = subprocess.run([MODPROBE, "-d", tree, "-S", VERSION, "-C", "/dev/null",
                               "--show-depends", name], check=True, capture_output=True, text=True)
        return [Path(line.split()[1]).name for line in done.stdout.splitlines()]

    assert modprobe("pci:v00001AF4d00001001") == ["disk_core.ko", "disk-drv.ko"]
    assert modprobe("builtin_drv") == ["builtin_drv"]


def test_modules_are_stored_as_they_were_signed(build, tmp_path, sysroot):
    tree = build("--modules=erofs,disk_core").unpack(tmp_path / "tree")
    assert (tree / FOLDER / "kernel/fs/erofs.ko").read_bytes().endswith(SIGNATURE)
    packed = subprocess.run(["xz", "-dc", sysroot / FOLDER / "kernel/drivers/disk_core.ko.xz"],
                            check=True, capture_output=True).stdout
    assert (tree / FOLDER / "kernel/drivers/disk_core.ko").read_bytes() == packed


def test_given_files(build, inputs):
    image = build("--profile=none", "--cert", inputs / "vendor.pem",
                  "--conf", inputs / "slipway.conf", "--os-release", inputs / "os-release",
                  "--modprobe-conf", inputs / "options.conf",
                  "--include", f"{inputs}/tree:/usr/share/vendor")
    for path, source in {"usr/lib/verity.d/vendor.crt": "vendor.pem", "init": "init",
                         "etc/slipway.conf": "slipway.conf", "etc/initrd-release": "os-release",
                         "usr/lib/modprobe.d/options.conf": "options.conf",
                         "usr/share/vendor/deep/tool": "tree/deep/tool"}.items():
        assert image.data(path) == (inputs / source).read_bytes()
    assert image.by_path["usr/share/vendor/deep/tool"][0] == "-rwxr-xr-x"
    assert image.by_path["usr/share/vendor/data"][0] == "-rw-r--r--"
    assert image.by_path["usr/share/vendor/link"][-1] == "data"


def test_same_input_same_bytes(tmp_path, sysroot, inputs):
    """Other folders, another time, umask, locale and settings; another order of words."""
    images = []
    for n, (umask, settings) in enumerate([(0o022, {}), (0o077, {
            "TMPDIR": str(tmp_path / "1"), "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo",
            "XZ_OPT": "--no-such-option", "ZSTD_CLEVEL": "1", "HOME": "/nonexistent"})]):
        folder = tmp_path / str(n)
        folder.mkdir()
        words = [("--modules", "verity,erofs"), ("--cert", inputs / "vendor.pem"),
                 ("--kernel-version", VERSION), ("--include", f"{inputs}/tree:/usr/share/v")]
        if n:
            subprocess.run(["cp", "-r", sysroot, folder / "sysroot"], check=True)
            time.sleep(1.1)
            words.reverse()
            sysroot = "sysroot"
        done = mkinitrd("--output", "out", "--init", inputs / "init", "--sysroot", sysroot,
                        *[w for pair in words for w in pair], "--manifest", "list",
                        cwd=folder, umask=umask, **settings)
        assert (done.returncode, done.stderr) == (0, "")
        assert [(folder / f).stat().st_mode & 0o777 for f in ("out", "list")] == [0o600, 0o644]
        images.append(((folder / "out").read_bytes(), (folder / "list").read_text()))
        assert {p.name for p in folder.iterdir()} <= {"out", "list", "sysroot"}
    assert images[0] == images[1]


def test_deep_folder_for_temporary_files(build, tmp_path):
    deep = tmp_path / "/".join(["a-folder-of-a-large-build-system"] * 20)
    deep.mkdir(parents=True)
    assert build("--modules=disk_drv", TMPDIR=str(deep)).modules
    assert not list(deep.iterdir())


def test_time_is_that_of_the_source(build):
    image = build("--profile=none", SOURCE_DATE_EPOCH="1000000000")
    assert all("2001" in line for line in image.lines)


def test_compression_is_one_frame_the_kernel_takes(build, tmp_path):
    with (tmp_path / "large").open("wb") as f:
        f.truncate(9 << 20)
    words = ["--modules=verity", "--include", f"{tmp_path}/large:/usr/share/large"]
    plain = build(*words, "--compress=none", out="plain")
    assert (tmp_path / "plain").read_bytes()[:6] == b"070701"
    for level in ("zstd", "zstd:1", "zstd:22"):
        assert build(*words, "--compress", level, out="packed").raw == plain.raw
        facts = subprocess.run(["zstd", "-lv", tmp_path / "packed"], check=True, text=True,
                               capture_output=True).stdout
        assert re.search(r"Zstandard Frames: 1$", facts, re.M) and "XXH64" in facts
        window = re.search(r"Window Size:.*\((\d+) B\)", facts)
        assert int(window[1]) == 8 << 20


def test_manifest_and_dry_run_say_what_and_why(build, tmp_path, sysroot, inputs):
    image = build("--modules=verity", "--manifest", tmp_path / "list")
    rows = [line.split("\t") for line in (tmp_path / "list").read_text().splitlines()]
    assert rows.pop(0) == ["# slipway-mkinitrd manifest 1 time=0"]
    assert rows.pop(0) == ["# mode", "bytes", "sha256", "path", "why"]
    assert [row[3] for row in rows] == ["/" + p for p in image.paths if p != MANIFEST]
    assert image.data(MANIFEST).decode() == (tmp_path / "list").read_text()
    assert ["020600", "5:1", "-", "/dev/console", "first messages"] in rows
    reasons = {Path(row[3]).name: row[4] for row in rows}
    assert reasons["verity.ko"] == "--modules"
    assert reasons["disk_core.ko"] == "needed by module verity"
    assert reasons["hash.ko"] == "soft dependency of module verity"
    for mode, size, digest, path, _ in rows:
        if mode.startswith("10"):
            data = image.data(path[1:])
            assert (int(size), digest) == (len(data), hashlib.sha256(data).hexdigest()), path
    dry = mkinitrd("--dry-run", "--kernel-version", VERSION, "--sysroot", sysroot, "--init",
                   inputs / "init", "--modules=verity", "--output", tmp_path / "dry")
    assert dry.stdout == (tmp_path / "list").read_text()
    assert not (tmp_path / "dry").exists()


def test_verbose_says_what_was_left_out(tmp_path, sysroot, inputs):
    done = mkinitrd("--verbose", "--output", tmp_path / "out", "--kernel-version", VERSION,
                    "--sysroot", sysroot, "--init", inputs / "init", "--profile=virt",
                    "--modules=builtin_drv")
    assert "module 'squashfs' is not there" in done.stderr
    assert "module 'builtin_drv' is built into the kernel" in done.stderr
    assert "0 firmware files packed; 0 that modules name" in done.stderr


def test_says_what_was_meant_to_be_taken_out(tmp_path, sysroot, inputs):
    done = mkinitrd("--output", tmp_path / "out", "-k", VERSION, "--sysroot", sysroot, "--init",
                    inputs / "init", "--modules=-erofz,-erofs")
    assert (done.returncode, done.stdout) == (0, "")
    assert "'-erofz' takes nothing out" in done.stderr and "'-erofs'" not in done.stderr


WHICH_FIRMWARE = {
    "referenced": ([], SEEN),
    "none": (["--firmware=none"], {}),
    "folder": (["--firmware={tmp}/empty:{tmp}/own"], {"vendor/plain.bin": "mine"}),
    "packed already": (["--include={tmp}/own/vendor/plain.bin:/usr/lib/firmware/vendor/plain.bin"],
                       SEEN | {"vendor/plain.bin": "mine"}),
}


@pytest.mark.parametrize("words, seen", WHICH_FIRMWARE.values(), ids=WHICH_FIRMWARE)
def test_firmware(build, tmp_path, words, seen):
    (tmp_path / "own/vendor").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "own/vendor/plain.bin").write_text("mine")
    tree = build("--modules=radio", "--manifest", tmp_path / "list",
                 *[w.format(tmp=tmp_path) for w in words]).unpack(tmp_path / "tree")
    top = tree / "usr/lib/firmware"
    packed = {str(p.relative_to(top)): p.read_text() for p in top.rglob("*") if p.is_file()}
    assert packed == seen and not any(p.is_symlink() for p in top.rglob("*"))
    lines = [line for line in (tmp_path / "list").read_text().splitlines()
             if line.endswith("firmware of module radio")]
    assert len(lines) == len(seen) - ("--include" in str(words))


def test_firmware_of_modules_that_are_not_packed_stays_out(build):
    assert not any("firmware" in path for path in build("--modules=erofs").paths)


def test_several_kernels(tmp_path, own_sysroot, inputs):
    other = "6.2.0-test"
    shutil.copytree(own_sysroot / FOLDER, own_sysroot / f"usr/lib/modules/{other}", symlinks=True)
    subprocess.run([DEPMOD, "-b", own_sysroot, other], check=True)
    words = ["--sysroot", own_sysroot, "--init", inputs / "init", "--modules=disk_drv,radio"]
    done = mkinitrd("--output", tmp_path / "two", "-k", VERSION, "-k", other, "-k", VERSION, *words)
    assert (done.returncode, done.stderr) == (0, "")
    tree = Image(tmp_path / "two").unpack(tmp_path / "tree")
    folders = [tree / "usr/lib/modules" / version for version in (VERSION, other)]
    files = [{p.relative_to(f) for p in f.rglob("*")} for f in folders]
    assert files[0] == files[1] and Path("kernel/drivers/disk_core.ko") in files[0]
    firmware = {p.name for p in (tree / "usr/lib/firmware").rglob("new.bin")}
    assert firmware == {"new.bin"}
    done = mkinitrd("--output", tmp_path / "none", *words)
    assert done.returncode == 2 and VERSION in done.stderr and other in done.stderr
    assert mkinitrd("--output", tmp_path / "none", "--profile=none", "--sysroot", own_sysroot,
                    "--init", inputs / "init").returncode == 0


def test_the_only_kernel_needs_no_name(tmp_path, sysroot, inputs):
    words = ["--sysroot", sysroot, "--init", inputs / "init"]
    for name, more in {"named": ["-k", VERSION], "found": []}.items():
        assert mkinitrd("--output", tmp_path / name, *words, *more).returncode == 0
    assert (tmp_path / "named").read_bytes() == (tmp_path / "found").read_bytes()


HOOKS = "usr/lib/slipway/hooks"


def test_hooks(build, tmp_path, inputs):
    image = build("--profile=none", f"--hook=checked:{inputs}/gate", f"--hook=entered:{inputs}/static",
                  f"--hook=checked:{inputs}/script", f"--busybox={inputs}/static",
                  f"--conf={inputs}/scripts.conf", "--manifest", tmp_path / "list")
    tree = image.unpack(tmp_path / "tree")
    packed = {str(p.relative_to(tree / HOOKS)): p for p in (tree / HOOKS).rglob("*") if p.is_file()}
    assert sorted(packed) == ["checked/gate", "checked/gate.hook", "checked/script", "entered/static"]
    assert packed["checked/gate"].read_bytes() == (inputs / "static").read_bytes()
    assert packed["checked/gate.hook"].read_text() == "deadline=9\n"
    assert {name for name, p in packed.items() if p.stat().st_mode & 0o111} == \
        {"checked/gate", "checked/script", "entered/static"}
    assert (tree / "bin/sh").resolve() == (tree / "usr/bin/busybox").resolve()
    reasons = {line.split("\t")[3]: line.split("\t")[4]
               for line in (tmp_path / "list").read_text().splitlines() if "\t" in line}
    assert reasons[f"/{HOOKS}/checked/gate"] == "--hook"
    assert reasons["/usr/bin/busybox"] == "--busybox"


def test_debug_image(build, tmp_path, inputs):
    """It has a shell, and its identity says so; a file without a last newline does no harm."""
    (tmp_path / "os-release").write_text("ID=appliance\nVARIANT_ID=edge")
    image = build("--profile=none", f"--debug-shell={inputs}/static", f"--conf={inputs}/debug.conf",
                  f"--os-release={tmp_path}/os-release")
    tree = image.unpack(tmp_path / "tree")
    assert (tree / "debug/shell").resolve() == tree / "debug/bin/static"
    assert (tree / "debug/ask").stat().st_mode & 0o777 == 0o755
    said = (tree / "etc/initrd-release").read_text().split()
    assert said[:2] == ["ID=appliance", "VARIANT_ID=edge"] and said[-1] == "VARIANT_ID=debug"
    done = subprocess.run([MKINITRD, "verify", image.path], capture_output=True, text=True)
    assert re.search("(?m)^note +debug image: .*gets a shell", done.stdout), done.stdout
    plain = build("--profile=none").unpack(tmp_path / "plain")
    assert not (plain / "debug").exists() and "debug" not in (plain / "etc/initrd-release").read_text()


# words, what etc/slipway.conf has then
POLICIES = {
    "alone": (["--policy=root=signed"], "image-policy=root=signed\n"),
    "after a file": (["--policy=root=signed", "--conf={inputs}/slipway.conf"],
                     "# vendor\nimage-policy=root=signed\n"),
    "file without an end of line": (["--conf={tmp}/conf", "--policy=root=verity"],
                                    "failure=halt\nimage-policy=root=verity\n"),
    "in the file": (["--conf={inputs}/with-policy.conf"], "image-policy=root=signed"),
}


@pytest.mark.parametrize("words, text", POLICIES.values(), ids=POLICIES)
def test_policy(build, tmp_path, inputs, words, text):
    (tmp_path / "conf").write_text("failure=halt")
    image = build("--profile=none", *[w.format(inputs=inputs, tmp=tmp_path) for w in words])
    assert image.data("etc/slipway.conf").decode() == text


@pytest.mark.parametrize("conf, packed", [("pcr-scheme=261", True), ("pcr-scheme=257", False)])
def test_nvpcrs_of_the_host(build, tmp_path, sysroot, conf, packed):
    """Only the initrd can begin what the host defines; it does so with one scheme alone."""
    (tmp_path / "conf").write_text(conf)
    tree = shutil.copytree(sysroot, tmp_path / "sysroot", symlinks=True)
    (tree / "usr/lib/nvpcr").mkdir(parents=True)
    (tree / "usr/lib/nvpcr/verity.nvpcr").write_text('{"nvIndex":30474754}')
    words = ("--profile=none", "--sysroot", tree, "--conf", tmp_path / "conf")
    assert ("usr/lib/nvpcr/verity.nvpcr" in build(*words).paths) == packed
    (tree / "usr/lib/nvpcr/verity.nvpcr").write_text('{"nvIndex":1}')
    done = mkinitrd("--output", tmp_path / "bad", "--init", MKINITRD, *words)
    assert done.returncode == (1 if packed else 0), done.stderr
    assert ("'verity.nvpcr' defines no NvPCR of that name" in done.stderr) == packed


def printed(*words: object) -> dict[str, tuple[str, str]]:
    done = mkinitrd("--print-config", *words)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {k: (v, origin) for (k, v), origin in
            ((pair.split("=", 1), origin) for pair, origin in lines)}


def test_configuration_file(tmp_path, build, inputs):
    conf = tmp_path / "own.conf"
    conf.write_text(f"# ours\ncompress=none\n\nmodules=late\ncert={inputs}/vendor.pem\n")
    shown = printed("--config", conf, "--init=/x")
    assert shown["compress"] == ("none", f"{conf}:2") and shown["init"] == ("/x", "command line")
    assert shown["modules"] == ("late", f"{conf}:4") and shown["verbose"] == ("no", "default")
    assert shown["profile"][0] == "none" and shown["profile"][1].startswith("default")
    assert build("--config", conf).modules == {"late.ko"}
    assert (tmp_path / "initrd").read_bytes()[:6] == b"070701"
    beaten = build("--config", conf, "--compress=zstd:1", "--modules=+erofs,-late")
    assert beaten.modules == {"erofs.ko"} and "usr/lib/verity.d/vendor.crt" in beaten.paths
    assert (tmp_path / "initrd").read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    again = mkinitrd("--print-config", "--config", conf).stdout
    (tmp_path / "again.conf").write_text("".join(
        line.split("\t")[0] + "\n" for line in again.splitlines()))
    assert {k: v for k, (v, _) in printed("--config", tmp_path / "again.conf").items()} == {
        k: v for k, (v, _) in printed("--config", conf).items()}


def test_configuration_is_found_where_it_is_said_to_be(tmp_path):
    """The program is static, so that a tree of a few files is enough for it."""
    shutil.copy(MKINITRD, tmp_path / "mkinitrd")
    for place, text in {"usr/lib/slipway/mkinitrd.conf": "verbose=yes\nsysroot=/vendor\n",
                        "run/slipway/mkinitrd.conf.d/20.conf": "sysroot=/run\n",
                        "etc/slipway/mkinitrd.conf.d/10.conf": "sysroot=/etc\ncompress=none\n"}.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)

    def run(*words: str) -> list[str]:
        done = subprocess.run(["unshare", "--map-root-user", "chroot", tmp_path, "/mkinitrd",
                               "--print-config", *words], check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    lines = run()
    assert "verbose=yes\t/usr/lib/slipway/mkinitrd.conf:1" in lines
    assert "sysroot=/run\t/run/slipway/mkinitrd.conf.d/20.conf:1" in lines
    assert "compress=none\t/etc/slipway/mkinitrd.conf.d/10.conf:2" in lines
    assert "verbose=no\tdefault" in run("--config=none")


def test_progress_on_a_terminal(tmp_path, sysroot, inputs):
    """depmod waits until the step was named, which a terminal alone is told."""
    (tmp_path / "bin").mkdir()
    os.mkfifo(tmp_path / "go")
    (tmp_path / "bin/depmod").write_text(f'#!/bin/sh\nread go <{tmp_path}/go\nexec {DEPMOD} "$@"\n')
    (tmp_path / "bin/depmod").chmod(0o755)
    words = [MKINITRD, "--output", tmp_path / "out", "-k", VERSION, "--sysroot", sysroot, "--init",
             inputs / "init", "--modules=erofs"]
    for slow in (True, False):
        ours, its = os.openpty()
        path = f"{tmp_path}/bin:" * slow + os.environ["PATH"]
        with subprocess.Popen(words, stderr=its, env=os.environ | {"PATH": path}) as build:
            os.close(its)
            said = read_terminal(ours) if slow else b""
            if slow:
                (tmp_path / "go").write_text("go\n")
        while chunk := read_terminal(ours):
            said += chunk
        os.close(ours)
        assert build.returncode == 0
        steps = [line.split(b": ")[1] for line in said.splitlines()]
        assert steps[:1] == [b"making their indexes..."] * slow
        assert (b"compressing..." in steps) == slow


def read_terminal(fd: int) -> bytes:
    """What somebody who looks at it for a quarter of a minute would see next."""
    try:
        return os.read(fd, 1000) if select.select([fd], [], [], 15)[0] else b""
    except OSError:  # how a terminal ends that nobody else has open
        return b""


# words after a complete command line, the exit status, what the message says
REFUSED = {
    "module that is nowhere": (["--modules=erofs,nowhere"], 1, "no module 'nowhere'"),
    "kernel that is nowhere": (["--kernel-version=9.9"], 1, "have no '9.9'"),
    "init that is nowhere": (["--init={inputs}/gone"], 1, "/gone'"),
    "configuration that is nowhere": (["--conf={inputs}/gone"], 1, "/gone'"),
    "private key": (["--cert={inputs}/with-key.pem"], 1, "private key"),
    "key alone": (["--cert={inputs}/vendor.key"], 1, "private key"),
    "certificate in DER": (["--cert={inputs}/vendor.der"], 1, "not a certificate in PEM"),
    "torn certificate": (["--cert={inputs}/torn.pem"], 1, "can be parsed"),
    "two certificates": (["--cert={inputs}/two.pem"], 1, "more than one certificate"),
    "weak key": (["--cert={inputs}/weak.pem"], 1, "1024 bits"),
    "other curve": (["--cert={inputs}/curve.pem"], 1, "can be parsed"),
    "configuration with a typo": (["--conf={inputs}/typo.conf"], 1, "slipway.conf:2: 'tmp=required'"),
    "configuration with no policy": (["--conf={inputs}/policy.conf"], 1, "policy"),
    "same name twice": (["--cert={inputs}/vendor.pem", "--cert={inputs}/vendor.pem"], 1, "twice"),
    "identity without ID=": (["--os-release={inputs}/no-id"], 1, "no ID="),
    "modprobe file that would be ignored": (["--modprobe-conf={inputs}/os-release"], 1, ".conf"),
    "include over init": (["--include={inputs}/no-id:/init"], 1, "twice"),
    "include below a link": (["--include={inputs}/no-id:/lib/x"], 1, "'lib' is no folder"),
    "include out of the tree": (["--include={inputs}/no-id:/usr/../../x"], 1, "'usr/../../x'"),
    "output in no folder": (["--output={inputs}/gone/out"], 1, "/gone/out'"),
    "output that is a folder": (["--output={inputs}/tree"], 1, "/tree'"),
    "include without a place": (["--include=/etc/passwd"], 1, "SOURCE:/DESTINATION"),
    "unknown option": (["--moduls=x"], 2, "--moduls"),
    "word that is no option": (["more"], 2, "'more' is no option"),
    "missing value": (["--cert"], 2, "needs a value"),
    "unknown profile": (["--profile=all"], 2, "'all'"),
    "level": (["--compress=zstd:23"], 2, "'zstd:23'"),
    "level zero": (["--compress=zstd:0"], 2, "'zstd:0'"),
    "method": (["--compress=xz"], 2, "'xz'"),
    "needed and taken out": (["--modules=verity,-disk-core"], 1,
                             "'verity' needs 'disk_core', which --modules takes out"),
    "newline in a name": (["--include={inputs}/newline:/usr/share/x"], 1, "cannot be a path"),
    "links in a circle": (["--include={inputs}/round:/usr/share/x"], 1, "/round': "),
    "sparse file": (["--include={inputs}/sparse:/usr/share/x"], 1, "/sparse' has 4294967296 bytes"),
    "init that is a folder": (["--init={inputs}/tree"], 1, "/tree' is no regular file"),
    "init that never ends": (["--init=/dev/zero"], 1, "'/dev/zero' is no regular file"),
    "firmware folder that is nowhere": (["--firmware={inputs}/gone:/tmp"], 1, "/gone' cannot be opened"),
    "policy": (["--policy=root=sigend"], 2, "--policy: "),
    "two policies": (["--policy=root=signed", "--conf={inputs}/with-policy.conf"], 1, "say two things"),
    "hook without a point": (["--hook={inputs}/static"], 1, "is not POINT:FILE"),
    "hook at no point": (["--hook=pre-mount:{inputs}/static"], 1, "there is no such point"),
    "hook that is nowhere": (["--hook=checked:{inputs}/gone"], 1, "/gone'"),
    "hook that is a folder": (["--hook=checked:{inputs}/tree"], 1, "not an executable file"),
    "hook that is not executable": (["--hook=checked:{inputs}/plain"], 1, "not an executable file"),
    "hook with a bad name": (["--hook=checked:{inputs}/bad.name"], 1, "'bad.name': a name has"),
    "hook that is a script": (["--hook=checked:{inputs}/script"], 1, "takes hook-scripts=yes"),
    "hook whose interpreter is not packed": (["--hook=checked:{inputs}/script",
                                              "--conf={inputs}/scripts.conf"], 1,
                                             "'/usr/bin/sh', which is not packed"),
    "hook that is no program": (["--hook=checked:{inputs}/object"], 1, "link it with -static"),
    "hook that is cut": (["--hook=checked:{inputs}/cut"], 1, "damaged"),
    "hook of another processor": (["--hook=checked:{inputs}/foreign"], 1, "another kind of processor"),
    "hook that is dynamic": (["--hook=checked:{inputs}/dynamic"], 1, "is linked dynamically"),
    "hook with a bad declaration": (["--hook=checked:{inputs}/undeclared"], 1,
                                    "undeclared.hook:1: 'deadline=soon'"),
    "hook twice": (["--hook=checked:{inputs}/static"] * 2, 1, "twice"),
    "busybox without scripts": (["--busybox={inputs}/static"], 1, "does not have hook-scripts=yes"),
    "busybox that is dynamic": (["--busybox={inputs}/dynamic", "--conf={inputs}/scripts.conf"], 1,
                                "busybox '"),
    "debug shell without a key": (["--debug-shell={inputs}/static"], 1, "takes both --debug-shell and"),
    "debug key without a shell": (["--conf={inputs}/debug.conf"], 1, "takes both --debug-shell and"),
    "debug shell that is dynamic": (["--debug-shell={inputs}/dynamic", "--conf={inputs}/debug.conf"], 1,
                                    "debug shell '"),
    "debug shell that is nowhere": (["--debug-shell={inputs}/gone", "--conf={inputs}/debug.conf"], 1,
                                    "/gone'"),
    "configuration file that is nowhere": (["--config={inputs}/gone"], 2, "/gone'"),
    "configuration file with a typo": (["--config={inputs}/bad.conf"], 2,
                                       "/bad.conf:2: 'certs' is no key"),
    "empty value": (["--cert="], 2, "--cert needs a value that is not empty"),
    "switch with a value": (["--verbose=yes"], 2, "takes no value"),
    "sign alone": (["--modules=erofs,-"], 2, "no name follows the '-'"),
    "version that is a path": (["--kernel-version=../x"], 2, "'../x'"),
}


@pytest.mark.parametrize("words, status, message", REFUSED.values(), ids=REFUSED)
def test_refuses(tmp_path, sysroot, inputs, words, status, message):
    out = tmp_path / "out"
    out.write_text("the last good one")
    before = {p: p.lstat().st_mtime_ns for p in inputs.rglob("*")}
    done = mkinitrd("build", "--output", out, "--kernel-version", VERSION, "--sysroot", sysroot,
                    "--init", inputs / "init", "--modules=erofs",
                    *[w.format(inputs=inputs) for w in words], TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr and done.stderr.startswith("slipway-mkinitrd: ")
    assert out.read_text() == "the last good one"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert before == {p: p.lstat().st_mtime_ns for p in inputs.rglob("*")}


def test_refuses_a_time_that_is_none(tmp_path):
    for text in ("", "-1", "4294967296", "1x", " 1"):
        done = mkinitrd("--output", tmp_path / "x", "--kernel-version=1", SOURCE_DATE_EPOCH=text)
        assert (done.returncode, "SOURCE_DATE_EPOCH" in done.stderr) == (2, True)


@pytest.fixture
def own_sysroot(tmp_path, sysroot) -> Path:
    """A copy that a test may spoil."""
    root = tmp_path / "sysroot"
    subprocess.run(["cp", "-a", sysroot, root], check=True)
    return root


def spoil_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def spoil_mode(path: Path) -> None:
    path.chmod(0)


# what is spoilt below the kernel's folder, how, what the message says
SPOILT = {
    "dependency missing": ("kernel/drivers/disk_core.ko.xz", Path.unlink,
                           "disk_core.ko.xz error=No such file or directory"),
    "module missing": ("kernel/drivers/disk-drv.ko.xz", Path.unlink,
                       "'disk_drv' is listed and missing"),
    "dependency that may not be read": ("kernel/drivers/disk_core.ko.xz", spoil_mode,
                                        "Permission denied"),
    "dependency that is a link to itself": ("kernel/drivers/disk_core.ko.xz", spoil_link,
                                           "disk_core.ko.xz error="),
    "module that is empty": ("kernel/drivers/disk-drv.ko.xz", lambda p: p.write_bytes(b""),
                             "'xz' failed"),
    "index missing": ("modules.dep.bin", Path.unlink, "run depmod"),
    "index that may not be read": ("modules.dep.bin", spoil_mode, "Permission denied"),
    "index that is a link to itself": ("modules.dep.bin", spoil_link, "ymbolic link"),
    "folder that may not be read": (".", spoil_mode, "Permission denied"),
    "order that may not be read": ("modules.order", spoil_mode, "Permission denied"),
}


@pytest.mark.parametrize("name, spoil, message", SPOILT.values(), ids=SPOILT)
def test_refuses_a_spoilt_kernel(tmp_path, own_sysroot, inputs, name, spoil, message):
    (tmp_path / "out").write_text("the last good one")
    spoil(own_sysroot / FOLDER / name)
    words = ["--output", tmp_path / "out", "--kernel-version", VERSION, "--sysroot", own_sysroot,
             "--init", inputs / "init", "--modules=disk_drv"]
    # root may read all unless it gives that up
    done = subprocess.run(["setpriv", "--bounding-set=-dac_override,-dac_read_search", MKINITRD,
                           *words], capture_output=True, text=True,
                          env=os.environ | {"TMPDIR": str(tmp_path)})
    (own_sysroot / FOLDER).chmod(0o755)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert message in done.stderr
    assert (tmp_path / "out").read_text() == "the last good one"
    assert {p.name for p in tmp_path.iterdir()} == {"out", "sysroot"}


def append(path: Path) -> None:
    with path.open("ab") as f:
        f.write(b"more")


def replace(path: Path) -> None:
    new = path.with_name("new")
    shutil.copy2(path, new)
    new.rename(path)


def replace_folder(path: Path) -> None:
    """As an update may do it; the old file itself does not notice."""
    new = path.parent.with_name("new")
    shutil.copytree(path.parent, new)
    path.parent.rename(path.parent.with_name("old"))
    new.rename(path.parent)


CHANGES = {"grows": append, "shrinks": lambda path: os.truncate(path, 10), "is replaced": replace,
           "is replaced with its folder": replace_folder, "is touched": Path.touch}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("name", ["data", "module"])
def test_input_that_changes_while_it_is_read(tmp_path, own_sysroot, inputs, name, change):
    """strace holds each read, and shows that the file was looked at before."""
    path = own_sysroot / FOLDER / "kernel/fs/erofs.ko"
    if name == "data":
        path = tmp_path / "folder/data"
        path.parent.mkdir()
        path.write_text("data of some length")
    words = ["--output", tmp_path / "out", "--kernel-version", VERSION, "--sysroot", own_sysroot,
             "--init", inputs / "init", "--modules=erofs"]
    words += ["--include", f"{path}:/usr/share/data"] if name == "data" else []
    with subprocess.Popen(["strace", "-P", path, "-e", "trace=fstat,read",
                           "-e", "inject=read:delay_enter=300000", MKINITRD, *words],
                          stderr=subprocess.PIPE, text=True) as traced:
        assert traced.stderr.readline().startswith("fstat")
        change(path)
        message = traced.stderr.read()
    assert traced.returncode == 1 and f"'{path}' was changed while it was read" in message, message
    assert not (tmp_path / "out").exists()


def test_damaged_module_is_an_error(tmp_path, sysroot, inputs):
    root = tmp_path / "sysroot"
    subprocess.run(["cp", "-r", sysroot, root], check=True)
    words = ["--output", tmp_path / "out", "--kernel-version", VERSION, "--sysroot", root, "--init",
             inputs / "init", "--modules=disk_core"]
    packed = root / FOLDER / "kernel/drivers/disk_core.ko.xz"
    packed.write_bytes(packed.read_bytes()[:-20])
    done = mkinitrd(*words)
    assert done.returncode == 1
    assert "disk_core.ko.xz" in done.stderr and "'xz' failed" in done.stderr
    packed.unlink()
    done = mkinitrd(*words)
    assert done.returncode == 1 and "module 'disk_core' is listed and missing" in done.stderr
    (root / FOLDER / "modules.dep.bin").unlink()
    done = mkinitrd(*words)
    assert done.returncode == 1 and "run depmod" in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_and_version():
    done = mkinitrd("--help")
    assert done.returncode == 0 and done.stdout.startswith("Usage: slipway-mkinitrd [VERB]")
    assert mkinitrd("lst").returncode == 2 and "'lst' is no verb" in mkinitrd("lst").stderr
    done = mkinitrd("build", "--help")
    assert done.returncode == 0 and done.stdout.startswith("Usage: slipway-mkinitrd [build]")
    page = (REPO / "mkinitrd/slipway-mkinitrd.8").read_text()
    for option in re.findall(r"--([a-z-]+)", done.stdout):
        assert f"Fl -{option}" in page, option
    done = mkinitrd("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "slipway-mkinitrd")


def test_explain():
    done = mkinitrd("explain")
    codes = re.findall(r"(?m)^ERR\((\w+),", (REPO / "init/core/err.def").read_text())
    assert re.findall(r"(?m)^([A-Z_]+), of the class [a-z]+$", done.stdout) == codes
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    one = mkinitrd("explain", "ROOT_NO_OS")
    assert one.returncode == 0 and one.stdout in done.stdout
    assert one.stdout.splitlines() == ["ROOT_NO_OS, of the class root",
                                       "  means  the root is not an operating system tree",
                                       "  next   install the image again"]
    done = mkinitrd("explain", "root_no_os")
    assert done.returncode == 1 and "'root_no_os' is no reason code" in done.stderr


@pytest.mark.skipif(not (REAL / "usr/lib/modules").is_dir(), reason="the lab has no kernel yet")
def test_real_kernel(tmp_path, inputs):
    version = next((REAL / "usr/lib/modules").iterdir()).name
    done = mkinitrd("--output", tmp_path / "out", "--kernel-version", version, "--sysroot", REAL,
                    "--init", inputs / "init", "--cert", inputs / "vendor.pem", "--compress=zstd:9")
    assert (done.returncode, done.stderr) == (0, "")
    image = Image(tmp_path / "out")
    assert {"dm-verity.ko", "virtio_blk.ko", "erofs.ko", "overlay.ko", "loop.ko"} <= image.modules
    assert (tmp_path / "out").stat().st_size < 2 << 20
    tree = image.unpack(tmp_path / "tree")
    modinfo = subprocess.run([MODINFO, "-b", tree, "-k", version, "-F", "vermagic", "dm_verity"],
                             check=True, capture_output=True, text=True)
    assert modinfo.stdout.split()[0] == version
