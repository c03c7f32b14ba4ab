# SPDX-License-Identifier: LGPL-2.1-or-later
"""The output is the previous one or the new one, whatever happens, and nothing is left beside it."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

MKINITRD = Path(__file__).resolve().parents[2] / "build/slipway-mkinitrd"
VERSION = "6.1.0-test"
OLD = b"the previous image"
N_POINTS = 20


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> list[str]:
    """A build of a kernel without modules, but for --output."""
    root = tmp_path_factory.mktemp("kernel")
    folder = root / "usr/lib/modules" / VERSION
    folder.mkdir(parents=True)
    for name in ("modules.order", "modules.builtin"):
        (folder / name).write_text("")
    (root / "lib").symlink_to("usr/lib")
    subprocess.run(["depmod", "-b", root, VERSION], check=True,
                   env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    (root / "init").write_bytes(b"\x7fELF" + os.urandom(300000))
    return ["--profile=none", "--kernel-version", VERSION, "--sysroot", str(root),
            "--init", str(root / "init")]


@pytest.fixture(scope="module")
def new(words, tmp_path_factory) -> bytes:
    out = tmp_path_factory.mktemp("new") / "initrd"
    subprocess.run([MKINITRD, *words, "--output", out], check=True)
    return out.read_bytes()


@pytest.fixture
def out(tmp_path) -> Path:
    path = tmp_path / "initrd"
    path.write_bytes(OLD)
    return path


def strace(*words: object, signals: str = "--default-signal") -> subprocess.CompletedProcess[str]:
    """The signals are as a shell has them, whoever started the tests."""
    return subprocess.run(["env", signals, "strace", "-qq", *map(str, words)],
                          capture_output=True, text=True)


def points(words: list[str], out: Path, log: Path) -> list[tuple[str, int]]:
    """System calls of a build and which one of its kind: all from the first one that names the
    output, and as many before."""
    strace("-o", log, MKINITRD, *words, "--output", out)
    seen: dict[str, int] = {}
    calls, first = [], None
    for line in log.read_text().splitlines():
        match = re.match(r"(\w+)\(", line)
        if match and match[1] != "execve":  # strace's own start of it
            seen[match[1]] = seen.get(match[1], 0) + 1
            if first is None and str(out) in line.split(",")[0] + line.split(",")[-1]:
                first = len(calls)
            calls.append((match[1], seen[match[1]]))
    assert first
    tail = calls[first:-1]
    before = max(N_POINTS - len(tail), 5)
    step = max(first // before, 1)
    return calls[:first:step][-before:] + tail


def test_killed_at_any_point(words, new, out, tmp_path):
    kills = points(words, tmp_path / "other", tmp_path / "log")
    outcomes = set()
    assert len(kills) >= N_POINTS
    for call, n in kills:
        out.write_bytes(OLD)
        done = strace("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}",
                      MKINITRD, *words, "--output", out)
        assert done.returncode == -signal.SIGKILL, (call, n, done.stderr)
        assert out.read_bytes() in (OLD, new), (call, n)
        outcomes.add(out.read_bytes())
        assert subprocess.run([MKINITRD, *words, "--output", out]).returncode == 0
        assert out.read_bytes() == new
        assert list(tmp_path.glob("*initrd*")) == [out]
        assert list(tmp_path.glob(".*")) == []
    assert outcomes == {OLD, new}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("call", ["flock", "fchmod", "fsync"])
def test_interrupted(words, out, number, call):
    done = strace("-e", f"trace={call}", "-e", f"inject={call}:signal={number}:when=1", MKINITRD,
                  *words, "--output", out)
    assert done.returncode == -number
    assert out.read_bytes() == OLD
    assert [p.name for p in out.parent.iterdir()] == ["initrd"]


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_goes_on_where_signals_are_ignored(words, new, out, name):
    """As under nohup, or in the background of a script."""
    done = strace("-e", "trace=fsync", "-e", f"inject=fsync:signal={name}:when=1", MKINITRD,
                  *words, "--output", out, signals=f"--ignore-signal={name}")
    assert done.returncode == 0
    assert out.read_bytes() == new


def test_interrupted_too_late(words, new, out):
    done = strace("-e", "trace=rename", "-e", "inject=rename:signal=TERM:when=1", MKINITRD,
                  *words, "--output", out)
    assert done.returncode == -signal.SIGTERM
    assert out.read_bytes() == new
    assert [p.name for p in out.parent.iterdir()] == ["initrd"]


FAILURES = {
    "flock": ("ENOLCK", "lock the file beside"),
    "fsync": ("EIO", "was left as it was"),
    "rename": ("EXDEV", "replace"),
}


@pytest.mark.parametrize("call", FAILURES)
def test_failure_leaves_the_previous_one(words, out, call):
    errno, sentence = FAILURES[call]
    done = strace("-e", f"trace={call}", "-e", f"inject={call}:error={errno}:when=1", "-o",
                  os.devnull, MKINITRD, *words, "--output", out)
    assert (done.returncode, out.read_bytes()) == (1, OLD)
    assert sentence in done.stderr
    left = {p.name for p in out.parent.iterdir()} - {"initrd"}
    assert left == ({".initrd.slipway-new"} if call == "flock" else set())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_folder_is_full(words, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    script = """mount -t tmpfs -o size=128k none "$1" && printf old >"$1/initrd" || exit 9
    out=$1; shift; "$@" --output "$out/initrd"; code=$?
    cat "$out/initrd"; ls -A "$out"; exit $code"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", folder, MKINITRD, *words],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "oldinitrd\n")
    assert done.stderr == (f"slipway-mkinitrd: write '{folder}/initrd', which was left as it was: "
                           "No space left on device\n")


def test_other_file_system_than_tmpdir(words, new, out):
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == out.parent.stat().st_dev:
        pytest.skip("needs two file systems")
    subprocess.run([MKINITRD, *words, "--output", out], check=True,
                   env=os.environ | {"TMPDIR": str(shm)})
    assert out.read_bytes() == new


def test_two_runs(words, new, out):
    other = out.parent / ".initrd.slipway-new"
    with other.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run([MKINITRD, *words, "--output", out], capture_output=True, text=True)
        assert (done.returncode, out.read_bytes(), other.exists()) == (1, OLD, True)
        assert done.stderr == f"slipway-mkinitrd: another run is writing '{out}'; wait for it\n"
    subprocess.run([MKINITRD, *words, "--output", out], check=True)
    assert out.read_bytes() == new
    assert not other.exists()


def test_what_is_in_the_way(words, out):
    beside = out.parent / ".initrd.slipway-new"
    beside.symlink_to("elsewhere")
    folder = out.parent / "folder"
    folder.mkdir()
    for path, sentence in {out: "make a file beside", folder: "is no file",
                           out.parent / "absent/initrd": "open the folder of"}.items():
        done = subprocess.run([MKINITRD, *words, "--output", path], capture_output=True, text=True)
        assert done.returncode == 1 and sentence in done.stderr, done.stderr
        assert str(path) in done.stderr
    assert out.read_bytes() == OLD
    assert not (out.parent / "elsewhere").exists()


def test_no_mode_is_looser_than_asked(words, out):
    done = subprocess.run([MKINITRD, *words, "--output", out], umask=0)
    assert (done.returncode, out.stat().st_mode & 0o7777) == (0, 0o600)
