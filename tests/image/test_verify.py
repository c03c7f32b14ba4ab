# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd verify: the demo passes, and each edited copy of it fails where it must.

tests/boot/verified.py holds them against the boot that follows, for the tests that ask it to."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import lab
from lab import paths, steps, sysext, tools

sys.path.insert(0, str(paths.REPO / "tests/boot"))
import chain  # noqa: E402
from variants import variant  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab enters its tools tree by chroot")
DATA, HASH, SIG = (f"root-x86-64{suffix}" for suffix in ("", "-verity", "-verity-sig"))
VERSION = tools.kernel_version()
FOLDER = f"usr/lib/modules/{VERSION}"
CERT = "usr/lib/verity.d/verity.crt"
MANIFEST = "etc/slipway.manifest"
FILE, FOLDER_MODE = 0o100644, 0o40755


@pytest.fixture(scope="module")
def demo():
    return lab.demo()


@dataclass
class Done:
    status: int
    lines: list[dict]
    stderr: str

    def fails(self) -> list[str]:
        return [f"{x['object']}: {x['text']}" for x in self.lines if x["verdict"] == "FAIL"]

    def has(self, verdict: str, text: str) -> bool:
        return any(x["verdict"] == verdict and text in f"{x['object']}: {x['text']}"
                   for x in self.lines)


def verify(*words: object) -> Done:
    """Runs it as JSON, and once more as text, which must say the same."""
    argv = [str(paths.MKINITRD), "verify", *map(str, words)]
    done, plain = (subprocess.run([*argv[:2], *more, *argv[2:]], capture_output=True, text=True)
                   for more in (["--json"], []))
    assert done.returncode == plain.returncode
    lines = json.loads(done.stdout) if done.stdout else []
    assert plain.stdout == "".join(f"{x['verdict']:<4}  {x['object']}: {x['text']}\n"
                                   for x in lines)
    return Done(done.returncode, lines, done.stderr)


# ---- images, taken apart and put together again ----

Tree = dict[str, tuple[int, bytes]]


def load(image: Path) -> Tree:
    """The entries of an initrd, by path: mode and contents."""
    raw, tree, at = steps.run(["zstd", "-dc", image]).stdout, {}, 0
    while True:
        field_ = [int(raw[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, n_name = field_[1], field_[6], field_[11]
        name = raw[at + 110 : at + 110 + n_name - 1].decode()
        at = -(-(at + 110 + n_name) // 4) * 4
        if name == "TRAILER!!!":
            return {path: entry for path, entry in tree.items() if not stat.S_ISCHR(entry[0])}
        tree[name] = (mode, raw[at : at + size])
        at = -(-(at + size) // 4) * 4


def store(tree: Tree, out: Path) -> Path:
    """A plain archive of these entries."""
    blob = b""
    for inode, (name, (mode, data)) in enumerate([*sorted(tree.items()), ("TRAILER!!!", (0, b""))]):
        head = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        blob += b"070701" + b"".join(b"%08X" % n for n in head) + name.encode() + b"\0"
        blob += bytes(-len(blob) % 4) + data
        blob += bytes(-len(blob) % 4)
    out.write_bytes(blob)
    return out


def manifest(tree: Tree) -> bytes:
    lines = ["# slipway-mkinitrd manifest 1 time=0", "# mode\tbytes\tsha256\tpath\twhy"]
    for path, (mode, data) in sorted(tree.items()):
        digest = "-" if stat.S_ISDIR(mode) else hashlib.sha256(data).hexdigest()
        if path != MANIFEST:
            lines.append(f"{mode:06o}\t{len(data)}\t{digest}\t/{path}\ttest")
    return ("\n".join(lines) + "\n").encode()


def listed(tree: Tree) -> Tree:
    return tree | {MANIFEST: (FILE, manifest(tree))}


@pytest.fixture(scope="module")
def tree(demo) -> Tree:
    """The demo's initrd with a manifest."""
    return listed({path: entry for path, entry in load(demo.initrd).items() if path != MANIFEST})


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def put(path: str, data: bytes, mode: int = FILE) -> Callable[[Tree], Tree]:
    return lambda tree: tree | {path: (mode, data)}


def drop(*begins: str) -> Callable[[Tree], Tree]:
    return lambda tree: {p: e for p, e in tree.items() if not p.startswith(begins)}


def renamed(tree: Tree) -> Tree:
    return {p.replace(VERSION, "6.99.0"): entry for p, entry in tree.items()}


CONF = "etc/slipway.conf"
DM_VERITY = f"{FOLDER}/kernel/drivers/md/dm-verity.ko"


def dynamic() -> bytes:
    return Path("/bin/true").read_bytes()


@dataclass
class Image:
    """An edit of the image's entries, before (whole) or after (torn) the manifest is made."""

    name: str
    verdict: str  # of the line that says it
    says: str
    whole: Callable[[Tree], Tree] | None = None
    torn: Callable[[Tree], Tree] | None = None
    words: tuple[str, ...] = ()
    fails: int = 1  # lines that fail, if it is that verdict


IMAGES = [
    Image("as it is", "ok", "entries are there with their sizes and digests"),
    Image("no manifest", "note", "so nothing tells whether the image is whole", torn=drop(MANIFEST)),
    Image("other contents", "FAIL", f"/{CERT}: has other contents, says /etc/slipway.manifest",
          torn=lambda t: t | {CERT: (FILE, t[CERT][1].replace(b"\n-----END", b" \n-----END")[:-1])}),
    Image("cut file", "FAIL", "/etc/initrd-release: has another size", torn=put("etc/initrd-release", b"")),
    Image("missing file", "FAIL", "/etc/os-release: is missing", torn=drop("etc/os-release")),
    Image("missing folder", "FAIL", "/sysroot: is missing", torn=drop("sysroot")),
    Image("other mode", "FAIL", "/init: has another type or mode",
          torn=lambda t: t | {"init": (0o100744, t["init"][1])}),
    Image("added file", "note", "does not list 1 of the image's entries", torn=put("etc/extra", b"x")),
    Image("many missing", "FAIL", "/etc/slipway.manifest: 3 more entries differ", fails=9,
          torn=lambda t: t | {MANIFEST: listed(t | {f"etc/{n}": (FILE, b"") for n in range(11)})[MANIFEST]}),
    Image("torn manifest", "FAIL", "(INITRD_INCOMPLETE)",
          torn=lambda t: t | {MANIFEST: (FILE, t[MANIFEST][1][:-30])}),
    Image("manifest of tomorrow", "FAIL", "(INITRD_INCOMPLETE)",
          torn=lambda t: t | {MANIFEST: (FILE, t[MANIFEST][1].replace(b"manifest 1", b"manifest 9"))}),
    Image("no init", "FAIL", "/init: is not there", whole=drop("init")),
    Image("init not executable", "FAIL", "/init: cannot be executed",
          whole=lambda t: t | {"init": (FILE, t["init"][1])}),
    Image("init is a script", "FAIL", "/init: is no ELF program", whole=put("init", b"#!/bin/sh\n", 0o100755)),
    Image("init is a folder", "FAIL", "/init: is no regular file", whole=put("init", b"", FOLDER_MODE)),
    Image("init is dynamic", "FAIL", "/init: is linked dynamically",
          whole=lambda t: t | {"init": (0o100755, dynamic())}),
    Image("init is cut", "FAIL", "/init: is an ELF program that was cut off",
          whole=lambda t: t | {"init": (0o100755, t["init"][1][:100_000])}),
    Image("conf", "ok", "/etc/slipway.conf: is understood", whole=put(CONF, b"tpm=optional\n")),
    Image("secure boot is demanded", "note", "only where the firmware enforces Secure Boot",
          whole=put(CONF, b"secure-boot=required\n")),
    Image("lockdown is demanded", "note", "others need lockdown=integrity on the command line",
          whole=put(CONF, b"lockdown=integrity\n"), words=("--cmdline", "lockdown=none quiet")),
    Image("lockdown is asked for", "ok", "'integrity' is demanded, and the command line asks the kernel for 'conf",
          whole=put(CONF, b"lockdown=integrity\n"), words=("--cmdline", "lockdown=confidentiality")),
    Image("lockdown is asked for too little", "note", "boots only if the kernel is at 'confidentiality'",
          whole=put(CONF, b"lockdown=confidentiality\n"), words=("--cmdline", "lockdown=integrity")),
    Image("typo in conf", "FAIL", "/etc/slipway.conf: ", whole=put(CONF, b"tmp=optional\n")),
    Image("bad policy", "FAIL", "(POLICY_SYNTAX)", whole=put(CONF, b"image-policy=root=sigend\n")),
    Image("policy asked for is bad", "FAIL", "(POLICY_SYNTAX)", words=("--cmdline", "systemd.image_policy=x")),
    Image("policy asked for is looser", "FAIL", "(POLICY_REFUSED)",
          words=("--cmdline", "systemd.image_policy=root=unprotected")),
    Image("command line", "FAIL", "command line: ", words=("--cmdline", "slipway.timeout=soon")),
    Image("word that is ignored", "note", "the boot would warn: 'systemd.tpm2_measured_os=no' is ignored",
          words=("--cmdline", "systemd.tpm2_measured_os=no")),
    Image("certificate by another name", "note", "warn: '/usr/lib/verity.d/x.pem' is not read",
          whole=put("usr/lib/verity.d/x.pem", b"x")),
    Image("no command line", "skip", "command line: is not known"),
    Image("torn certificate", "FAIL", "certificates: ", whole=put(CERT, b"-----BEGIN CERTIFICATE-----\n")),
    Image("no certificate", "note", "certificates: there are none", whole=drop(CERT)),
    Image("expired certificate", "note", "/usr/lib/verity.d/old.crt: expired on 2011-01-01 by this machine's clock",
          whole=put("usr/lib/verity.d/old.crt", (paths.REPO / "tests/data/trust/expired.crt").read_bytes())),
    Image("masked certificate", "note", "certificates: there are none", whole=lambda t: t | {
        "etc/verity.d": (FOLDER_MODE, b""), "etc/verity.d/verity.crt": (0o120777, b"/dev/null")}),
    Image("module file missing", "FAIL", "driver dm-verity: the index of modules has it, and its file",
          whole=drop(DM_VERITY)),
    Image("what a module needs is missing", "FAIL", "driver dm-verity: the index of modules has it, and its file or one that",
          whole=drop(f"{FOLDER}/kernel/drivers/md/dm-bufio.ko")),
    Image("indexes missing", "FAIL", f"modules of {VERSION}: there are no indexes", whole=drop(f"{FOLDER}/modules.")),
    Image("modules of another kernel", "FAIL", "and the image has modules for 6.99.0", whole=renamed),
    Image("no modules", "note", "the image has no modules: all drivers must be built in",
          whole=drop("usr/lib/modules")),
    Image("extensions are not asked for", "note", "driver loop: the index of modules has it",
          whole=drop(f"{FOLDER}/kernel/drivers/block/loop.ko")),
    Image("no kernel", "skip", "kernel: none is given", words=("NO KERNEL",)),
]


def without(*modules: str) -> Path:
    """The demo's initrd, but for these modules; also in its indexes."""
    return chain.initrd(f"without-{'-'.join(modules)}",
                        modules=tuple(m for m in chain.MODULES if m not in modules))


@pytest.mark.parametrize("case", IMAGES, ids=lambda case: case.name)
def test_image(case, demo, tree, tmp_path):
    edited = listed(case.whole(tree)) if case.whole else tree
    image = store(case.torn(edited) if case.torn else edited, tmp_path / "image")
    kernel = () if case.words == ("NO KERNEL",) else ("--kernel", demo.vmlinuz)
    done = verify(image, *kernel, *(w for w in case.words if w != "NO KERNEL"))
    assert done.has(case.verdict, case.says), done.lines
    assert len(done.fails()) == (case.fails if case.verdict == "FAIL" else 0), done.fails()
    assert done.status == (1 if case.verdict == "FAIL" else 0)


# ---- kernels ----

def other_version(kernel: bytes) -> bytes:
    at = 0x200 + struct.unpack_from("<H", kernel, 0x20E)[0]
    return kernel[:at] + b"6.98" + kernel[at + 4 :]


@pytest.mark.parametrize("edit, verdict, says", [
    (other_version, "FAIL", f"and the image has modules for {VERSION}: build it with --kernel-version=6.98"),
    (lambda k: b"XX" + k[2:], "FAIL", "no EFI stub that firmware could start"),
    (lambda k: k[:0x202] + b"XXXX" + k[0x206:], "skip", "is no bzImage"),
    (lambda k: k[:0x20E] + b"\xff\xff" + k[0x210:], "ok", "has an EFI stub"),
    (lambda k: b"", "FAIL", "no EFI stub"),
], ids=["other version", "no stub", "no bzImage", "version anywhere", "empty"])
def test_kernel(demo, tmp_path, edit, verdict, says):
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(edit(demo.vmlinuz.read_bytes()))
    done = verify(demo.initrd, "--kernel", kernel)
    assert done.has(verdict, says), done.lines
    assert done.status == (1 if verdict == "FAIL" else 0) or says == "has an EFI stub"


def test_tpm_that_is_required_needs_a_driver(demo, tree, tmp_path):
    """By an index that says of another kernel what is built in."""
    other = (paths.REPO / "tests/data/modules/first/modules.builtin.bin").read_bytes()
    bare = tree | {f"{FOLDER}/modules.builtin.bin": (FILE, other)}
    for conf, status in ((b"tpm=required\n", 1), (b"tpm=optional\n", 0)):
        image = store(listed(put(CONF, conf)(bare)), tmp_path / "image")
        done = verify(image, "--kernel", demo.vmlinuz)
        assert done.status == status
        assert done.has("FAIL" if status else "note", "TPM drivers: there is none"), done.lines


# ---- disks ----

def spoil(disk: lab.Disk, what: str) -> None:
    if what == "gpt":
        disk.spoil_gpt(primary=True)
    elif what == "both gpts":
        disk.spoil_gpt(primary=True, backup=True)
    elif what.startswith("label "):
        disk.entry(DATA).label = what.removeprefix("label ")
        disk.rewrite_table()
    elif what == "cut":
        os.truncate(disk.path, disk.path.stat().st_size // 2)
    elif what == "no disk":
        disk.path.write_bytes(bytes(range(256)) * 1000)


@dataclass
class Disk:
    """A disk and what is said of it; "" as says means that it would boot."""

    name: str
    says: str = ""
    make: dict = field(default_factory=dict)  # words of make_disk()
    flip: tuple[str, int] | None = None  # a byte of a partition
    signer: str = ""
    spoil: str = ""
    image: Callable[[Tree], Tree] = staticmethod(lambda tree: tree)
    words: tuple[str, ...] = ()
    verdict: str = "FAIL"


UUID = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
SIG_BYTE = -1  # in the last bytes of the base64 text, where the signature itself is
DISKS = [
    Disk("as it is"),
    Disk("4096-byte sectors", make={"sector_size": 4096}),
    Disk("backup table", "the boot would use the backup", spoil="gpt", verdict="note"),
    Disk("no table", "(GPT_INVALID)", spoil="both gpts"),
    Disk("no disk", "(GPT_INVALID)", spoil="no disk"),
    Disk("cut off", "cut", spoil="cut", verdict="any FAIL"),
    Disk("no root", "(ROOT_MISSING)", make={"kinds": ()}),
    Disk("plain root", "(ROOT_UNPROTECTED)", make={"kinds": ("data",)}),
    Disk("no signature", "(SIGNATURE_MISSING)", make={"kinds": ("data", "hash")}),
    Disk("no hash tree", "(ROOT_INCOMPLETE)", make={"kinds": ("data", "sig")}),
    Disk("byte in the signature", "(SIGNATURE_", flip=(SIG, SIG_BYTE)),
    Disk("other signer", "(SIGNATURE_UNTRUSTED)", signer="attacker"),
    Disk("other certificate", "(SIGNATURE_UNTRUSTED)",
         image=lambda t: t | {CERT: (FILE, lab.key("attacker").cert.read_bytes())}),
    Disk("no certificate", "whether the kernel trusts the signer cannot be seen here",
         image=drop(CERT), verdict="note"),
    Disk("byte of the root hash", "(SIGNATURE_", flip=(SIG, 20)),
    Disk("superblock", "(VERITY_SUPERBLOCK)", flip=(HASH, 32)),
    Disk("hash tree", "(VERITY_CORRUPTED)", flip=(HASH, 5000)),
    Disk("first data", "(VERITY_CORRUPTED)", flip=(DATA, 1024)),
    Disk("data in the middle", "(VERITY_CORRUPTED)", flip=(DATA, 31_000_000)),
    Disk("policy too strict", "(POLICY_REFUSED)", image=put(CONF, b"image-policy=root=encrypted\n")),
    Disk("policy wants ext4", "(POLICY_REFUSED)", image=put(CONF, b"image-policy=root=signed+ext4:=open\n")),
    Disk("rule of the initrd", "'root' is 'verity+signed', and the explicit rule of the initrd allows 'encrypted'",
         image=put(CONF, b"image-policy=root=encrypted\n")),
    Disk("rule of the command line", "'esp' is 'unprotected', and the default rule of the command line allows 'absent'",
         words=("--cmdline", "systemd.image_policy=root=signed:=absent")),
    Disk("derived rule", "'root-verity' is 'unprotected', and the derived rule of the initrd allows 'unprotected'",
         verdict="ok"),
    Disk("rule for file systems", "'root' is 'erofs', and the explicit rule of the initrd allows 'signed+ext4'",
         image=put(CONF, b"image-policy=root=signed+ext4:=open\n")),
    Disk("rule for file systems that allows this one",
         "'root' is 'erofs', and the explicit rule of the initrd allows 'signed+erofs'", verdict="ok",
         image=put(CONF, b"image-policy=root=signed+erofs:=open\n")),
    Disk("rule for file systems of the command line",
         "'root' is 'erofs', and the explicit rule of the command line allows 'signed+ext4'",
         words=("--cmdline", "systemd.image_policy=root=signed+ext4:=open")),
    Disk("policy of the command line", "(POLICY_REFUSED)", words=("--cmdline", "systemd.image_policy=root=signed+growfs-on:=open")),
    Disk("rootfstype", "and rootfstype= says 'ext4'", words=("--cmdline", "rootfstype=ext4")),
    Disk("the kernel decides", "whether the kernel trusts the signer cannot be seen here", verdict="note",
         words=("--cmdline", "dm_verity.require_signatures=1")),
    Disk("user space may not", "whether the kernel trusts the signer cannot be seen here", verdict="note",
         words=("--cmdline", "systemd.allow_userspace_verity=no")),
    Disk("another signer is denied", image=put(CONF, b"deny-certificate=" + b"00" * 32 + b"\n")),
    Disk("nobody tells who signed", "nothing may say who signed this",
         image=lambda t: drop(CERT)(put(CONF, b"deny-certificate=" + b"00" * 32 + b"\n")(t))),
    Disk("user space may not tell who signed", "nothing may say who signed this",
         image=put(CONF, b"deny-certificate=" + b"00" * 32 + b"\n"),
         words=("--cmdline", "systemd.allow_userspace_verity=no")),
    Disk("a version, and the label is older", "(ROLLBACK)",
         image=put(CONF, b"minimum-version=5\n"), spoil="label demo_4"),
    Disk("filter", "(ROOT_MISSING)", words=("--cmdline", "systemd.image_filter=root=other")),
    Disk("filter that is none", "(CMDLINE)", words=("--cmdline", "systemd.image_filter=other=*")),
    Disk("weak policy", "is weak", verdict="note",
         words=("--cmdline", "systemd.image_policy=root=verity+signed+absent:=open")),
    Disk("no verity", "systemd.verity=no asks for a root without proof", words=("--cmdline", "systemd.verity=no")),
    Disk("no encrypted root", "(UNSUPPORTED)", words=("--cmdline", "rd.luks.uuid=" + UUID)),
    Disk("another root is asked for", "(ROOT_MISSING)", words=("--cmdline", "root=PARTLABEL=other")),
    Disk("root hash of another", "(ROOT_INCOMPLETE)", words=("--cmdline", "roothash=" + "ab" * 32)),
]


@pytest.mark.parametrize("case", DISKS, ids=lambda case: case.name)
def test_disk(case, demo, tree, tmp_path):
    parts = chain.signed_again(demo.parts, lab.key(case.signer), tmp_path / "sig") if case.signer else None
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts, **case.make)
    if case.flip:
        label, at = case.flip
        if at == SIG_BYTE:
            at = len(demo.part("sig").file.read_bytes().rstrip(b"\0\n")) - 40
        disk.flip(label, at, mask=1)
    spoil(disk, case.spoil)
    image = store(listed(case.image(tree)), tmp_path / "image")
    done = verify(image, "--kernel", demo.vmlinuz, "--ddi", disk.path, *case.words)
    disk.path.unlink()
    would_boot = not case.says or case.verdict in ("ok", "note", "skip")
    assert done.status == (0 if would_boot else 1), done.lines
    if case.verdict == "any FAIL":
        assert done.fails()
    elif case.says:
        assert done.has(case.verdict, case.says), done.lines
    if would_boot:
        assert done.has("ok", "data blocks match the root hash")
        assert done.has("ok", "its file system is erofs, whose driver is there")


SLOT_UUID = "51070001-51b1-4a7e-9d3a-6f1b6e3c1d0e"
NEXT_SLOT = put(CONF, b"failure.proof=next-slot\n")
SLOTS = [  # kinds of the older set, who signed it, settings, words; then the verdict
    ("good", ("data", "hash", "sig"), "verity", NEXT_SLOT, (), "ok", "'os_1' would boot in its place"),
    ("unsigned", ("data", "hash"), "verity", NEXT_SLOT, (), "note", "(SIGNATURE_MISSING)"),
    ("another's", ("data", "hash", "sig"), "attacker", NEXT_SLOT, (), "note",
     "'os_1' would not boot in its place"),
    ("none", (), "verity", NEXT_SLOT, (), "note", "next slot: there is none: "),
    ("no rule", ("data", "hash", "sig"), "attacker", lambda tree: tree, (), "", "next slot"),
    ("root hash", ("data", "hash", "sig"), "verity", NEXT_SLOT, ("roothash",), "", "next slot"),
]


@pytest.mark.parametrize("kinds, signer, image, words, verdict, says", [case[1:] for case in SLOTS],
                         ids=[case[0] for case in SLOTS])
@pytest.mark.parametrize("newest", ["good", "bad"])
def test_next_slot(newest, kinds, signer, image, words, verdict, says, demo, tree, tmp_path):
    """What it says of the older set changes nothing of what it says of the newest."""
    parts = chain.signed_again(variant("version-5"), lab.key(signer), tmp_path / "sig")
    older = [lab.PartSpec(p.type, SLOT_UUID if p.kind == "sig" else p.uuid,
                          "os_1" if p.kind == "data" else f"os-{p.kind}_1", content=p.file)
             for p in parts if p.kind in kinds]
    disk = lab.make_disk(tmp_path / "disk.img", more=older)
    disk.entry(DATA).label = "os_2"
    disk.rewrite_table()
    if newest == "bad":
        disk.flip("os_2", 1024)
    words = ("--cmdline", f"roothash={demo.roothash}") if words else ()
    done = verify(store(listed(image(tree)), tmp_path / "image"), "--kernel", demo.vmlinuz,
                  "--ddi", disk.path, *words)
    disk.path.unlink()
    assert done.status == (newest == "bad"), done.lines
    assert done.has(verdict, says) if verdict else not any(says in x["object"] for x in done.lines)


TOOLS = tools.tools()
DUMP = (f"exec {TOOLS}/lib64/ld-linux-x86-64.so.2 --library-path {TOOLS}/usr/lib/x86_64-linux-gnu "
        f'{TOOLS}/usr/bin/dump.erofs "$@"')
VERSIONS = [  # whose root, its label, the minimum, what dump.erofs does, then the verdict
    ("version-5", "", "5", DUMP, "ok", "IMAGE_VERSION '5' of its os-release is not below"),
    ("version-5", "", "5.1", DUMP, "FAIL", "IMAGE_VERSION '5', slipway.conf demands '5.1' (ROLLBACK)"),
    ("version-5", "demo_99", "6", DUMP, "FAIL", "IMAGE_VERSION '5', slipway.conf demands '6' (ROLLBACK)"),
    ("version-5", "demo_5", "5", DUMP, "ok", "version in the label 'demo_5' is not below minimum-version=5"),
    ("demo", "", "1", DUMP, "FAIL", "has no IMAGE_VERSION"),  # its /etc/os-release is a link
    ("demo", "", "1", "exit 1", "skip", "'dump.erofs' failed with exit status 1; take erofs-utils 1.8.6"),
    ("demo", "", "1", "printf ../usr/share/release", "skip", "leads to '../usr/share/release'"),
    ("demo", "", "1", "exit 0", "skip", "there is none"),
    ("demo", "", "1", "exec cat /dev/zero", "skip", "'dump.erofs' was ended by signal"),
]


@pytest.mark.parametrize("root, label, minimum, program, verdict, says", VERSIONS,
                         ids=[case[5][:40] for case in VERSIONS])
def test_version_inside(root, label, minimum, program, verdict, says, demo, tree, tmp_path, monkeypatch):
    """By a program that can read a file of the root, or it is said that there is none."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "dump.erofs").write_text(f"#!/bin/sh\n{program}\n")
    (place / "dump.erofs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    parts = demo.parts if root == "demo" else variant(root)
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    if label:
        spoil(disk, f"label {label}")
    image = store(listed(put(CONF, f"minimum-version={minimum}\n".encode())(tree)), tmp_path / "image")
    done = verify(image, "--kernel", demo.vmlinuz, "--ddi", disk.path)
    disk.path.unlink()
    assert done.has(verdict, says) and done.stderr == "", (done.lines, done.stderr)
    assert len(done.fails()) == (verdict == "FAIL")


def test_root_needs_its_drivers(demo):
    words = ("--kernel", demo.vmlinuz, "--ddi", demo.disk)
    done = verify(without("erofs"), *words)
    assert done.status == 1 and done.has("FAIL", "driver erofs: is neither in the image nor built into "
                                                 "the kernel; the root needs it"), done.lines
    done = verify(without("dm_verity"), *words)
    assert done.status == 1 and done.has("FAIL", "driver dm-verity: is neither"), done.lines


def test_root_hash_on_the_command_line(demo, tree, tmp_path):
    """Without certificates a root hash that somebody wrote there is enough, as at boot."""
    disk = lab.make_disk(tmp_path / "disk.img", kinds=("data", "hash"))
    image = store(listed(drop(CERT)(tree)), tmp_path / "image")
    words = ("--kernel", demo.vmlinuz, "--ddi", disk.path)
    good = verify(image, *words, "--cmdline", f"roothash={demo.roothash}")
    assert good.status == 0 and good.has("ok", "bound by roothash="), good.lines
    assert verify(image, *words).has("FAIL", "(SIGNATURE_MISSING)")
    disk.path.unlink()


# ---- extensions ----

FILES = {"usr/share/hello": b"hello\n"}
CONFEXT = {"confext": True, "files": {"etc/hello": b"hello\n"}}
EXTENSIONS = [
    ("as it is", {}, None, ""),
    ("squashfs", {"fs": "squashfs"}, None, ""),
    ("other signer", {"key": "attacker"}, None, "(SIGNATURE_UNTRUSTED)"),
    ("no signature", {"kind": "verity"}, None, "(SIGNATURE_MISSING)"),
    ("no verity", {"kind": "gpt"}, None, "(SIGNATURE_MISSING)"),
    ("no table", {"kind": "bare"}, None, "(GPT_INVALID)"),
    ("for the host", {"scope": "system"}, None, "(EXTENSION_MISMATCH)"),
    ("other system", {"id": "other"}, None, "(EXTENSION_MISMATCH)"),
    ("other version", {"version_id": "2"}, None, "(EXTENSION_MISMATCH)"),
    ("any system", {"id": "_any", "version_id": ""}, None, ""),
    ("other name inside", {"release_name": "x"}, None, "(EXTENSION_MALFORMED)"),
    ("forbidden file", {"files": {"usr/lib/os-release": b"ID=x\n"}}, None, "(EXTENSION_MALFORMED)"),
    ("altered", {}, lambda b: b.replace(b"hello\n", b"hellO\n"), "(VERITY_CORRUPTED)"),
    ("configuration", CONFEXT, None, ""),
    ("configuration, wrong scope", CONFEXT | {
        "release": "ID=_any\nSYSEXT_SCOPE=initrd\n"}, None, "CONFEXT_SCOPE of 'tools' is ''"),
    ("configuration of ours", CONFEXT | {"files": {"etc/verity.d/x.crt": b"x\n"}}, None,
     "would replace trust anchors"),
    ("cut", {}, lambda b: b[: len(b) // 2], ""),
]


@pytest.mark.parametrize("name, differs, edit, says", EXTENSIONS, ids=[e[0] for e in EXTENSIONS])
def test_extension(demo, tmp_path, name, differs, edit, says):
    words = {"files": FILES, "key": "verity"} | differs
    raw = sysext.build(sysext.Sysext("tools", **words | {"key": lab.key(words["key"])}), tmp_path)
    if edit:
        assert edit(raw.read_bytes()) != raw.read_bytes()
        raw.write_bytes(edit(raw.read_bytes()))
    done = verify(demo.uki, "--extension", raw)
    if says:
        assert done.status == 1 and done.has("FAIL", says), done.lines
    elif name == "cut":
        assert done.status == 1 and done.fails()
    else:
        assert done.status == 0, done.fails()
        assert done.has("ok", "its scope, identity and version fit this image")


def test_extension_by_another_name(demo, tmp_path):
    for name, status in (("x.raw", 1), ("x.img", 1), ("demo-tools.raw", 0)):
        shutil.copyfile(demo.sysext, tmp_path / name)
        done = verify(demo.uki, "--extension", tmp_path / name)
        assert done.status == status, done.lines
    assert verify(demo.uki, "--extension", tmp_path / "x.img").has("FAIL", "name it NAME.sysext.raw")


def test_extension_needs_its_drivers(demo):
    image = without("overlay", "loop")
    done = verify(image, "--kernel", demo.vmlinuz, "--extension", demo.sysext)
    assert done.status == 1 and len(done.fails()) == 2, done.fails()
    for name in ("overlay", "loop"):
        assert done.has("FAIL", f"driver {name}: is neither in the image nor built into the kernel; "
                                "a system extension needs it: add it with --modules")
    done = verify(image, "--kernel", demo.vmlinuz)
    assert done.status == 0 and done.has("note", "driver overlay: is neither"), done.lines
    done = verify(image, "--kernel", demo.vmlinuz, "--cmdline", "systemd.volatile=overlay")
    assert done.status == 1 and done.has("FAIL", "; systemd.volatile=overlay needs it"), done.lines


def test_credentials_need_a_driver(demo):
    """Those of SMBIOS do not; and no machine but a virtual one has fw_cfg."""
    missing = "driver qemu_fw_cfg: is neither in the image nor built into the kernel; what QEMU's"
    done = verify(without("qemu_fw_cfg"), "--kernel", demo.vmlinuz)
    assert done.status == 0 and done.has("note", missing), done.lines
    done = verify(demo.uki)
    assert done.status == 0 and not done.has("note", missing), done.lines


def test_word_that_keeps_extensions_out(demo):
    done = verify(demo.uki, "--extension", demo.sysext, "--cmdline", "rd.systemd.sysext=no")
    assert done.status == 0 and done.has("note", "the command line says rd.systemd.sysext=no")


# ---- all together ----

def test_the_demo_passes_and_leaves_nothing(demo, tmp_path):
    words = [paths.MKINITRD, "verify", demo.uki, "--ddi", demo.disk, "--extension", demo.sysext]
    done = subprocess.run(words, capture_output=True, text=True,
                          env=os.environ | {"TMPDIR": str(tmp_path)})
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    assert {line[:4] for line in done.stdout.splitlines()} <= {"ok  ", "note"}
    assert not list(tmp_path.iterdir())


def test_an_ordinary_user_can(demo, tmp_path):
    """Also for extensions, whose files belong to others."""
    for path in (demo.uki, demo.disk, demo.sysext):
        shutil.copyfile(path, tmp_path / path.name)
        (tmp_path / path.name).chmod(0o644)
    shutil.copy(paths.MKINITRD, tmp_path / "mkinitrd")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           tmp_path / "mkinitrd", "verify", demo.uki.name, "--ddi", demo.disk.name,
                           "--extension", demo.sysext.name], cwd=tmp_path, capture_output=True,
                          text=True)
    (tmp_path / demo.disk.name).unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skip" not in done.stdout, done.stdout


@pytest.mark.parametrize("edit", [
    lambda raw: raw[: len(raw) // 2], lambda raw: raw[:10], lambda raw: b"",
    lambda raw: flipped(raw, len(raw) // 2), lambda raw: bytes(4096),
], ids=["half", "head", "empty", "bit", "zeros"])
def test_image_that_cannot_be_read(demo, tmp_path, edit):
    image = tmp_path / "image.zst"
    image.write_bytes(edit(demo.initrd.read_bytes()))
    done = verify(image)
    assert (done.status, done.lines) == (1, []) and "image.zst" in done.stderr, done


@pytest.mark.parametrize("words, status, says", [
    ((), 2, "say which image"),
    (("a", "b"), 2, "'b' is one image too many"),
    (("--ddi",), 2, "needs a value"),
    (("a", "--disk", "b"), 2, "'--disk' is unknown"),
    (("/nowhere/initrd",), 1, "/nowhere/initrd"),
])
def test_usage(words, status, says):
    done = verify(*words)
    assert done.status == status and says in done.stderr, done.stderr


def test_help_fits_a_screen():
    done = subprocess.run([paths.MKINITRD, "verify", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and len(done.stdout.splitlines()) <= 25
    assert max(map(len, done.stdout.splitlines())) <= 90


@pytest.mark.parametrize("option", ["--kernel", "--ddi", "--extension"])
def test_file_that_is_not_there(demo, option):
    done = verify(demo.uki, option, "/nowhere/file.raw")
    assert done.status == 1 and done.has("FAIL", "/nowhere/file.raw: "), done.lines
