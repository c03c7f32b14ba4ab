# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looking into images: ls, cat, unpack, pack and diff, judged by GNU cpio and by bsdcpio.

Images come from both, from the builder, and from a writer of our own for what neither makes."""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
MKINITRD = REPO / "build/slipway-mkinitrd"
DEMO = REPO / "build/demo"
VERSION = "6.1.0-test"
ROOT = os.geteuid() == 0
GIB = 1 << 30


def run(*words: object, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MKINITRD, *map(str, words)], capture_output=True, text=True, **more)


def good(*words: object, **more) -> str:
    done = run(*words, **more)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def refused(*words: object) -> str:
    """One sentence, exit status 1."""
    done = run(*words)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    return done.stderr


def entry(path: str, mode: int = 0o100644, data: bytes = b"", links: int = 1,
          inode: int = 1) -> bytes:
    name = path.encode() + b"\0"
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


END = entry("TRAILER!!!", 0)
FOLDER, LINK = 0o40755, 0o120777


def compress(raw: bytes, how: str) -> bytes:
    """By the tools of others, but for the lz4 format that only we write."""
    return {"none": lambda: raw, "zstd": lambda: subprocess.run(
        ["zstd", "-cq"], input=raw, capture_output=True, check=True).stdout}[how]()


LONG_PATH = "/".join(["long"] + [f"{i:02}" + "x" * 243 for i in range(16)])
LONG_PATH += "/" + "y" * (4095 - len(LONG_PATH) - 1)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    (root / "sub").mkdir(mode=0o750)
    (root / "sub/deep").mkdir()
    (root / "empty").write_bytes(b"")
    (root / "sub/data").write_bytes(os.urandom(70001))
    (root / "sub/data").chmod(0o4711)
    (root / "locked").mkdir()
    (root / "locked/file").write_text("in a folder that cannot be written")
    (root / "locked").chmod(0o555)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    (root / "one name").write_text("linked")
    os.link(root / "one name", root / "sub/other name")
    for name in ("a b", " lead", "new\nline", "tab\tstop", "back\\slash", "\x1b[31mred", "ünïcode",
                 "-l", "#x"):
        (root / name).write_text(name)
    (root / "link").symlink_to("sub/data")
    (root / "dangling").symlink_to("no where\n")
    if ROOT:
        os.mknod(root / "console", stat.S_IFCHR | 0o600, os.makedev(5, 1))
        os.mknod(root / "disk", stat.S_IFBLK | 0o660, os.makedev(259, 70000))
    folder = os.open(root, os.O_RDONLY)
    for part in LONG_PATH.split("/")[:-1]:
        os.mkdir(part, dir_fd=folder)
        below = os.open(part, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open(LONG_PATH.split("/")[-1], os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=folder))
    os.close(folder)
    return root


def names_of(root: Path) -> list[str]:
    """Parents first; all but the long path as find would print it."""
    return sorted({str(p.relative_to(root)) for p in root.rglob("*")} | {LONG_PATH})


WRITERS = {
    "cpio": ["cpio", "-o0", "--quiet", "-H", "newc"],
    "cpio with checksums": ["cpio", "-o0", "--quiet", "-H", "crc"],
    "cpio, reproducible": ["cpio", "-o0", "--quiet", "--reproducible", "-H", "newc"],
    "bsdcpio": ["bsdcpio", "-o0", "--quiet", "-H", "newc"],
}


@pytest.fixture(scope="module", params=WRITERS)
def image(request, tree, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("image") / "initrd"
    names = "".join(n + "\0" for n in names_of(tree)).encode()
    raw = subprocess.run(WRITERS[request.param], input=names, cwd=tree, check=True,
                         capture_output=True).stdout
    path.write_bytes(compress(raw, "zstd" if request.param == "cpio" else "none"))
    return path


def plain(path: Path) -> bytes:
    raw = path.read_bytes()
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dcq"], input=raw, capture_output=True, check=True).stdout
    return raw


def unquote(text: str) -> str:
    return re.sub(r"\\(x[0-9a-f]{2}|.)", lambda m: {"n": "\n", "t": "\t", "\\": "\\"}.get(
        m[1], "") or chr(int(m[1][1:], 16)), text)


def listed(path: Path) -> list[str]:
    return [unquote(line) for line in good("ls", path).splitlines()]


def test_paths_are_those_of_cpio(image):
    theirs = subprocess.run(["cpio", "-it0", "--quiet"], input=plain(image), check=True,
                            capture_output=True).stdout.decode().split("\0")[:-1]
    assert listed(image) == theirs
    assert LONG_PATH in theirs and "new\nline" in theirs


def test_paths_are_those_of_bsdcpio(image):
    theirs = subprocess.run(["bsdcpio", "-it", "--quiet"], input=plain(image), check=True,
                            capture_output=True, env={"LC_ALL": "C.UTF-8"}).stdout.decode()
    assert "".join(f"{name}\n" for name in listed(image)) == theirs


READERS = {"cpio": ["cpio", "-itv", "--quiet", "--numeric-uid-gid"],
           "bsdcpio": ["bsdcpio", "-itvn", "--quiet"]}


@pytest.mark.parametrize("reader", READERS)
def test_long_list(image, tree, reader):
    """Mode, size or device, path, target; a hard link's size is that of the file."""
    done = subprocess.run(READERS[reader], input=plain(image), check=True, capture_output=True,
                          env={"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    theirs = {}
    for line in done.stdout.decode().splitlines():
        if match := re.match(r"(\S{10}) +\d+ +\d+ +\d+ +(\d+|\d+, *\d+) +\w+ +\d+ +[\d:]+ (.*)$",
                             line):
            theirs[match[3].removesuffix(" link to one name")] = (match[1],
                                                                  match[2].replace(" ", ""))
    ours = {}
    for line in good("ls", "-l", image).splitlines():
        match = re.match(r"(\S{10}) +(\d+|\d+, \d+) (.*)$", line)
        assert match, line
        ours[match[3]] = match[1], match[2].replace(" ", "")
    for name in ("one name", "sub/other name"):
        assert ours.pop(name)[1] == "6"
        theirs.pop(name, None)
    for quoted in [n for n in ours if "\\" in n]:
        ours.pop(quoted)
    assert len(ours) > 20
    for name, row in ours.items():
        size = theirs[name][1] if not name.count(" -> ") else row[1]
        assert row == (theirs[name][0], size), name
    assert ours["link -> sub/data"] == ("lrwxrwxrwx", "8")


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """By descriptors: below another folder, the long path is longer than the kernel takes."""
    tree = {}
    for at, folders, files, fd in os.fwalk(root):
        for name in folders + files:
            mode = os.lstat(name, dir_fd=fd).st_mode
            data = b""
            if stat.S_ISLNK(mode):
                data = os.readlink(name, dir_fd=fd).encode()
            elif stat.S_ISREG(mode):
                with open(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as file:
                    data = file.read()
            elif not stat.S_ISDIR(mode):
                continue
            tree[os.path.relpath(at, root) + "/" + name] = mode, data
    return tree


def test_unpack(image, tree, tmp_path):
    done = run("unpack", image, tmp_path / "new")
    assert done.returncode == 0
    assert done.stderr.count("left out") == (2 if ROOT else 0)
    assert snapshot(tmp_path / "new") == snapshot(tree)


def test_cat(image, tree):
    done = subprocess.run([MKINITRD, "cat", image, "sub/data", "/one name", "./sub/other name"],
                          check=True, capture_output=True)
    assert done.stdout == (tree / "sub/data").read_bytes() + b"linked" * 2
    for path, sentence in {"link": "is a link to 'sub/data'", "sub": "is no file",
                           "absent": "has no 'absent'"}.items():
        assert sentence in refused("cat", image, path)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """An image of the builder, with its manifest."""
    root = tmp_path_factory.mktemp("kernel")
    folder = root / "usr/lib/modules" / VERSION
    folder.mkdir(parents=True)
    for name in ("modules.order", "modules.builtin"):
        (folder / name).write_text("")
    (root / "lib").symlink_to("usr/lib")
    subprocess.run(["depmod", "-b", root, VERSION], check=True,
                   env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    (root / "init").write_bytes(b"\x7fELF" + bytes(range(256)) * 40)
    good("--output", root / "initrd", "--profile=none", "--kernel-version", VERSION, "--sysroot",
         root, "--init", root / "init", "--config=none",
         env=os.environ | {"SOURCE_DATE_EPOCH": "86400"})
    return root / "initrd"


def test_unpack_and_pack_as_an_ordinary_user(built):
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if ROOT else {}
    folder = Path(tempfile.mkdtemp())
    try:
        if ROOT:
            os.chown(folder, 65534, 65534)
        for path in (MKINITRD, built):
            shutil.copy(path, folder)
            (folder / path.name).chmod(0o755)
        for words in (["unpack", "initrd", "new"], ["pack", "new", "--output", "again"]):
            subprocess.run([folder / MKINITRD.name, *words], check=True, cwd=folder, umask=0o077,
                           capture_output=True, **nobody)
        assert (folder / "again").read_bytes() == built.read_bytes()
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("how", ["none", "lz4", "lz4:12", "zstd:1", "zstd:19"])
def test_compression(built, tmp_path, how):
    run("unpack", built, tmp_path / "new")
    good("pack", tmp_path / "new", "--output", tmp_path / "again", "--compress", how)
    assert good("diff", built, tmp_path / "again") == ""
    assert (tmp_path / "again").read_bytes() != built.read_bytes()


def change(folder: Path, how: str) -> None:
    path = folder / "etc/initrd-release"
    match how:
        case "altered": path.write_text("ID=other\n")
        case "gone": path.unlink()
        case "new": (folder / "etc/new").write_text("new")
        case "type": path.unlink(), path.mkdir()
        case "target": (folder / "lib").unlink(), (folder / "lib").symlink_to("elsewhere")
        case "sparse": os.truncate(path, 4 * GIB)
        case "newline": (folder / "a\nb").write_text("")
        case "pipe": os.mkfifo(folder / "pipe")
        case "manifest": (folder / "etc/slipway.manifest").unlink()
        case "damaged": (folder / "etc/slipway.manifest").write_text(
            (folder / "etc/slipway.manifest").read_text()[:-20])
        case "linked": (folder / "etc").rename(folder / "x"), (folder / "etc").symlink_to("x")


@dataclass
class Change:
    sentence: str
    updated: str | None = None  # what diff says after --update; None if that fails as well


CHANGES = {
    "altered": Change("'/etc/initrd-release' is not what the manifest says",
                      "~ etc/initrd-release: size 76 9, content"),
    "gone": Change("'/etc/initrd-release' is in the manifest and gone", "- etc/initrd-release"),
    "new": Change("'/etc/new' is not in the manifest", "+ etc/new"),
    "type": Change("'/etc/initrd-release' has another type",
                   "~ etc/initrd-release: mode 100644 040755"),
    "target": Change("'/lib' is not what the manifest says", "~ lib: target"),
    "sparse": Change("'initrd-release' has more than 268435456 bytes"),
    "newline": Change("has a tab or a newline in its name"),
    "pipe": Change("'pipe' is no file, link or folder"),
    "manifest": Change("only what was unpacked of an image with a manifest can be packed"),
    "damaged": Change("'/etc/slipway.manifest' is damaged in line"),
    "linked": Change("only what was unpacked of an image with a manifest can be packed"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_pack_what_was_changed(built, tmp_path, how):
    case, folder, out = CHANGES[how], tmp_path / "new", tmp_path / "again"
    run("unpack", built, folder)
    change(folder, how)
    out.write_text("old")
    assert case.sentence in refused("pack", folder, "--output", out)
    if case.updated is None:
        assert case.sentence in refused("pack", folder, "--output", out, "--update")
        assert out.read_text() == "old"
        return
    good("pack", folder, "--output", out, "--update")
    done = run("diff", built, out)
    assert done.returncode == 1
    assert case.updated in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 2  # and the manifest
    good("pack", folder, "--output", tmp_path / "third")
    assert (tmp_path / "third").read_bytes() == out.read_bytes()


DIFFERENCES = {
    "the same": (entry("a", data=b"x"), entry("a", data=b"x"), ""),
    "only the last one counts": (entry("a", data=b"x"), entry("a") + entry("a", data=b"x"), ""),
    "other inodes": (entry("a", inode=1), entry("a", inode=2), ""),
    "added and removed, sorted": (entry("b") + entry("c"), entry("d") + entry("b") + entry("a"),
                                  "+ a\n- c\n+ d\n"),
    "mode": (entry("a"), entry("a", 0o100600), "~ a: mode 100644 100600\n"),
    "type": (entry("a"), entry("a", FOLDER), "~ a: mode 100644 040755\n"),
    "content": (entry("a", data=b"x"), entry("a", data=b"y"), "~ a: content\n"),
    "size": (entry("a", data=b"x"), entry("a"), "~ a: size 1 0, content\n"),
    "target": (entry("a", LINK, b"x"), entry("a", LINK, b"y"), "~ a: target\n"),
    "quoted": (entry("b"), entry("b") + entry("a\n+ b\x1b"), "+ a\\n+ b\\x1b\n"),
}


@pytest.mark.parametrize("case", DIFFERENCES.values(), ids=DIFFERENCES)
def test_diff(tmp_path, case):
    for name, entries in zip("ab", case):
        (tmp_path / name).write_bytes(entries + END)
    done = run("diff", tmp_path / "a", tmp_path / "b")
    assert (done.stdout, done.returncode, done.stderr) == (case[2], 1 if case[2] else 0, "")


ONE, TWO = entry("one", data=b"1") + END, entry("two", data=b"2") + END
PARTS = {
    "two plain ones": ONE + TWO,
    "zeros between and behind": ONE + b"\0" * 12 + TWO + b"\0" * 509,
    "plain, then compressed": ONE + compress(TWO, "zstd"),
    "compressed, then plain": (c := compress(ONE, "zstd")) + b"\0" * (-len(c) % 4) + TWO,
    "two compressed": compress(ONE, "zstd") + compress(TWO, "zstd"),
    "both in one frame": compress(ONE + TWO, "zstd"),
}


@pytest.mark.parametrize("raw", PARTS.values(), ids=PARTS)
def test_parts(tmp_path, raw):
    (tmp_path / "image").write_bytes(raw)
    assert good("ls", tmp_path / "image") == "one\ntwo\n"
    assert good("cat", tmp_path / "image", "two", "one") == "21"


UNREADABLE = {
    "nothing": (b"", "it is empty"),
    "text": (b"hello", "neither with an archive nor with a compression"),
    "gzip": (b"\x1f\x8b\x08\0", "gzip; zstd, lz4 (legacy) and none are read here"),
    "plain, not aligned": (ONE + b"\0" + TWO, "neither with an archive"),
    "junk behind": (ONE + b"junk", "neither with an archive"),
    "junk in a frame": (compress(ONE + b"junk", "zstd"), "no archive at its byte"),
    "an archive in two frames": (compress(ONE[:60], "zstd") + compress(ONE[60:], "zstd"),
                                 "was cut off"),
    "no trailer": (entry("a"), "before the archive's trailer; it was cut off"),
    "a program without initrd": (Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi").read_bytes(),
                                 "without a section '.initrd'"),
    "a damaged program": (b"MZ".ljust(200, b"\0"), "no PE header"),
}


@pytest.mark.parametrize("case", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(tmp_path, case):
    (tmp_path / "image").write_bytes(case[0])
    message = refused("ls", tmp_path / "image")
    assert f"'{tmp_path}/image' is no initrd that can be read: " in message
    assert case[1] in message


def test_sparse_image(tmp_path):
    (tmp_path / "image").touch()
    os.truncate(tmp_path / "image", 4 * GIB)
    assert f"'{tmp_path}/image' has more than {GIB} bytes" in refused("ls", tmp_path / "image")


OUTSIDE = {
    "parent": entry("../x", data=b"bad"),
    "parent below": entry("a", FOLDER) + entry("a/../../x", data=b"bad"),
    "absolute": entry("/x", data=b"bad"),
    "double slash": entry("a", FOLDER) + entry("a//x", data=b"bad"),
    "through a link": entry("l", LINK, b"..") + entry("l/x", data=b"bad"),
    "through an absolute link": entry("l", LINK, b"{outside}") + entry("l/x", data=b"bad"),
    "through a link further up": (entry("a", FOLDER) + entry("a/l", LINK, b"../..")
                                  + entry("a/l/b", FOLDER) + entry("a/l/b/x", data=b"bad")),
    "no folder": entry("a/x", data=b"bad"),
    "a file as folder": entry("a", data=b"") + entry("a/x", data=b"bad"),
}


@pytest.mark.parametrize("raw", OUTSIDE.values(), ids=OUTSIDE)
def test_unpack_stays_inside(tmp_path, raw):
    outside = str(tmp_path).encode()
    if b"{outside}" in raw:
        raw = entry("l", LINK, outside) + entry("l/x", data=b"bad")
    (tmp_path / "image").write_bytes(raw + END)
    refused("unpack", tmp_path / "image", tmp_path / "new")
    assert {p.name for p in tmp_path.iterdir()} == {"image", "new"}
    assert not list((tmp_path / "new").rglob("x"))


@pytest.mark.parametrize("raw, path", [
    (entry("x", LINK, b"../victim") + entry("x", data=b"new"), "new/x"),
    (entry("x", data=b"old") + entry("x", data=b"new"), "new/x"),
    (entry(".", FOLDER) + entry("./x", data=b"new"), "new/x"),
])
def test_unpack_what_comes_twice(tmp_path, raw, path):
    (tmp_path / "victim").write_text("safe")
    (tmp_path / "image").write_bytes(raw + END)
    good("unpack", tmp_path / "image", tmp_path / "new")
    assert (tmp_path / "victim").read_text() == "safe"
    assert (tmp_path / path).read_text() == "new" and not (tmp_path / path).is_symlink()


def test_unpack_where(tmp_path):
    (tmp_path / "image").write_bytes(ONE)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    (tmp_path / "empty").mkdir()
    good("unpack", tmp_path / "image", tmp_path / "empty")
    assert "is not empty" in refused("unpack", tmp_path / "image", tmp_path / "full")
    assert "is not empty" in refused("unpack", tmp_path / "image", tmp_path / "empty")
    assert "open the folder" in refused("unpack", tmp_path / "image", tmp_path / "image")
    assert "open the folder" in refused("unpack", tmp_path / "image", tmp_path / "absent/new")


@pytest.fixture(scope="module", params=["none", "lz4", "zstd"])
def packed(request, built, tmp_path_factory) -> tuple[str, bytes]:
    folder = tmp_path_factory.mktemp("packed")
    run("unpack", built, folder / "new")
    good("pack", folder / "new", "--output", folder / "image", "--compress", request.param)
    return request.param, (folder / "image").read_bytes()


def test_cut_off(packed, tmp_path):
    raw, draw = packed[1], random.Random(1)
    for n in {1, 3, 4, 5, len(raw) - 1, *(draw.randrange(1, len(raw)) for _ in range(60))}:
        (tmp_path / "image").write_bytes(raw[:n])
        refused("ls", tmp_path / "image")


def test_flipped_bits(packed, tmp_path):
    """An error or, without a checksum, the list; nothing else. zstd has one."""
    how, raw = packed
    draw, outcomes = random.Random(2), set()
    for at in [*range(16), *(draw.randrange(len(raw)) for _ in range(120))]:
        bad = bytearray(raw)
        bad[at] ^= 1 << draw.randrange(8)
        (tmp_path / "image").write_bytes(bad)
        done = run("ls", "-l", tmp_path / "image")
        assert done.returncode in (0, 1), (at, done)
        assert done.stderr.count("\n") == done.returncode
        outcomes.add(done.returncode)
    assert outcomes == {1} if how == "zstd" else 1 in outcomes


def test_uki():
    if not (DEMO / "uki.efi").exists():
        pytest.skip("slipway-lab demo makes it")
    assert good("ls", "-l", DEMO / "uki.efi") == good("ls", "-l", DEMO / "initrd.zst")
    assert good("diff", DEMO / "uki.efi", DEMO / "initrd.zst") == ""


MISUSE = {
    "ls": ([], ["a", "b"], ["--absent"], ["-x", "a"]),
    "cat": ([], ["a"]),
    "unpack": (["a"], ["a", "b", "c"]),
    "diff": (["a"], ["a", "b", "c"]),
    "pack": ([], ["a"], ["a", "--output"], ["a", "--output", "b", "--compress", "zip"],
             ["a", "b", "--output", "c"], ["a", "--output", "c", "--update=x"]),
}


@pytest.mark.parametrize("verb", MISUSE)
def test_usage(verb):
    for words in MISUSE[verb]:
        done = run(verb, *words)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert done.stderr.endswith(f"'slipway-mkinitrd {verb} --help' lists the options\n")
    text = good(verb, "--help")
    assert text.startswith(f"Usage: slipway-mkinitrd {verb} ")
    assert len(text.splitlines()) <= 24 and max(map(len, text.splitlines())) <= 88
