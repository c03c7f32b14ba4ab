# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd, judged by GNU cpio, zstd, depmod and modinfo.

Small kernels with modules of our own say what is in and what is out; a real kernel, where
the lab has unpacked one, says that the size and the indexes are right."""

from __future__ import annotations

import hashlib
import os
import re
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
}
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
    (folder / "modules.builtin").write_text("kernel/drivers/builtin_drv.ko\n")
    (folder / "modules.builtin.modinfo").write_bytes(b"builtin_drv.alias=platform:builtin\0")
    (root / "lib").symlink_to("usr/lib")
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
    return folder


def mkinitrd(*words: object, cwd: Path | None = None, umask: int = 0o022, **environment: str):
    clean = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    return subprocess.run([MKINITRD, *map(str, words)], cwd=cwd, umask=umask, text=True,
                          capture_output=True, env=clean | environment)


class Image:
    """An image as GNU cpio reads it."""

    def __init__(self, path: Path):
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
    "sign alone": (["--modules=erofs,-"], 2, "no name follows the '-'"),
    "version that is a path": (["--kernel-version=../x"], 2, "'../x'"),
}


@pytest.mark.parametrize("words, status, message", REFUSED.values(), ids=REFUSED)
def test_refuses(tmp_path, sysroot, inputs, words, status, message):
    out = tmp_path / "out"
    out.write_text("the last good one")
    before = {p: p.stat().st_mtime_ns for p in inputs.rglob("*")}
    done = mkinitrd("build", "--output", out, "--kernel-version", VERSION, "--sysroot", sysroot,
                    "--init", inputs / "init", "--modules=erofs",
                    *[w.format(inputs=inputs) for w in words], TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr and done.stderr.startswith("slipway-mkinitrd: ")
    assert out.read_text() == "the last good one"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert before == {p: p.stat().st_mtime_ns for p in inputs.rglob("*")}


def test_refuses_a_time_that_is_none(tmp_path):
    for text in ("", "-1", "4294967296", "1x", " 1"):
        done = mkinitrd("--output", tmp_path / "x", "--kernel-version=1", SOURCE_DATE_EPOCH=text)
        assert (done.returncode, "SOURCE_DATE_EPOCH" in done.stderr) == (2, True)


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
