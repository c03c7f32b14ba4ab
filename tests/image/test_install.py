# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `make install` puts where, and that it works from there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PAGES = {p.name for folder in ("init", "hooks", "mkinitrd", "report", "tests/lib")
         for p in (REPO / folder).glob("*.[1-8]")}
DOC = "share/doc/slipway"
FILES = {
    "lib/slipway/init": 0o755,
    "lib/slipway/init-luks": 0o755,
    "lib/slipway/slipway-debug": 0o755,
    "bin/slipway-mkinitrd": 0o755,
    "bin/slipway": 0o755,
    "bin/slipway-smoke": 0o755,
    **{f"share/slipway/lab/{name}.py": 0o644 for name in
       ("accel", "disk", "efivars", "firmware", "gpt", "ovmf", "paths", "qemu", "qmp", "record",
        "report", "smoke", "spec", "steps", "swtpm", "vm")},
    "share/slipway/slipway-boot.schema.json": 0o644,
    "lib/kernel/install.d/55-slipway.install": 0o755,
    "share/bash-completion/completions/slipway-mkinitrd": 0o644,
    "share/bash-completion/completions/slipway": 0o644,
    "share/bash-completion/completions/slipway-smoke": 0o644,
    **{f"{DOC}/{name}": 0o644 for name in
       ("README.md", "TUTORIAL.md", "NEWS.md", "SECURITY.md", "LICENSE", "LICENCES.md", "lock",
        "differences.md", "extensions.md", "examples/mkinitrd.conf", "mkosi/README.md", "mkosi/mkosi.conf")},
    **{f"{DOC}/mkosi/mkosi.repart/{p.name}": 0o644
       for p in (REPO / "mkinitrd/mkosi/mkosi.repart").iterdir()},
    f"{DOC}/mkosi/mkosi.finalize": 0o755,
    f"{DOC}/hooks/view.schema.json": 0o644,
    **{f"{DOC}/hooks/examples/{p.name}": 0o644 for p in (REPO / "hooks/examples").iterdir()},
    f"{DOC}/hooks/examples/splash": 0o755,
    **{f"share/man/man{name[-1]}/{name}": 0o644 for name in PAGES | {"slipway-reasons.7"}},
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that is $PREFIX of an installation below $DESTDIR."""
    top = tmp_path_factory.mktemp("stage")
    subprocess.run(["make", "-s", "install", f"DESTDIR={top}", "PREFIX=/opt/x"], cwd=REPO,
                   check=True, capture_output=True, umask=0o077)
    assert [p.name for p in top.iterdir()] == ["opt"]
    return top / "opt/x"


def test_each_file_is_where_it_belongs(installed):
    found = {str(p.relative_to(installed)): p.stat().st_mode & 0o777
             for p in installed.rglob("*") if p.is_file()}
    assert found == FILES
    assert {p.stat().st_mode & 0o777 for p in installed.rglob("*") if p.is_dir()} == {0o755}


@pytest.mark.parametrize("program", ["slipway-mkinitrd", "slipway", "slipway-smoke"])
def test_installed_program_works(installed, program):
    done = subprocess.run([installed / "bin" / program, "--help"], check=True, cwd="/",
                          capture_output=True, text=True, env={"PATH": "/usr/bin"})
    assert done.stdout.lower().startswith("usage: slipway")


def test_example_is_understood_and_changes_nothing(installed, tmp_path):
    """Every line that could be switched on is one that the builder takes."""
    text = (installed / DOC / "examples/mkinitrd.conf").read_text()
    lines = re.findall(r"(?m)^#([a-z-]+=.*)$", text)
    assert len(lines) > 4 and not re.search(r"(?m)^[^#\n]", text)
    (tmp_path / "on.conf").write_text("".join(f"{line}\n" for line in lines))
    shown = subprocess.run([installed / "bin/slipway-mkinitrd", "build", "--print-config",
                            f"--config={tmp_path}/on.conf"], check=True, capture_output=True,
                           text=True).stdout
    for line in lines:
        assert line.partition("=")[2] in shown, line


def complete(installed: Path, words: list[str], name: str = "slipway-mkinitrd") -> set[str]:
    """What bash offers for the last word, as readline would have divided them."""
    program, function = str(installed / "bin" / name), "_slipway"
    if name == "slipway-mkinitrd":
        function = "_slipway_mkinitrd"
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              f'{function} "$1" "${{@: -1}}" "${{@: -2:1}}"; printf "%s\\n" "${{COMPREPLY[@]}}"')
    source = installed / "share/bash-completion/completions" / name
    done = subprocess.run(["bash", "-uc", script, "bash", source, program, *words], check=True,
                          capture_output=True, text=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def help_of(installed: Path, *words: str, name: str = "slipway-mkinitrd") -> str:
    return subprocess.run([installed / "bin" / name, *words, "--help"], check=True,
                          capture_output=True, text=True).stdout


def verbs(installed: Path) -> set[str]:
    return set(re.findall(r"(?m)^  ([a-z-]+) ", help_of(installed)))


def test_completion_knows_every_verb_and_option(installed):
    assert "build" in verbs(installed)
    assert complete(installed, [""]) == verbs(installed)
    for verb in verbs(installed):
        options = set(re.findall(r"(?:^| )(--[a-z-]+)", help_of(installed, verb)))
        assert "--help" in options
        assert complete(installed, [verb, "--"]) == options, verb


# the words so far; some of what is offered, some of what is not
OFFERED = {
    "verb": (["b"], {"build"}, {"--output"}),
    "option": (["build", "--man"], {"--manifest"}, {"--output"}),
    "option, the verb left out": (["--out"], {"--output"}, {"build"}),
    "option behind others": (["build", "--output", "x", "--kern"], {"--kernel-version"}, set()),
    "file name": (["build", "--output", "x"], set(), {"--output", "build"}),
    "file name behind =": (["build", "--output", "="], set(), {"--output", "build"}),
}


@pytest.mark.parametrize("words, offered, withheld", OFFERED.values(), ids=OFFERED)
def test_completion(installed, words, offered, withheld):
    got = complete(installed, words)
    assert offered <= got and not withheld & got
    assert offered or not got


@pytest.mark.parametrize("name", ["slipway", "slipway-smoke"])
def test_completion_of_the_others(installed, name):
    """Each option of their own help, and no more; the values that it lists; else files."""
    options = set(re.findall(r"--[a-z-]+", help_of(installed, name=name)))
    assert complete(installed, ["--"], name) == options and "--help" in options
    assert complete(installed, ["file", "x"], name) == set()
    if name == "slipway":
        assert complete(installed, [""], name) == {"report"}
        assert complete(installed, ["report", "--s"], name) == {"--svg"}
    else:
        assert complete(installed, ["--tpm", ""], name) == {"on", "none"}
        assert complete(installed, ["--bus", "virtio"], name) == {"virtio-blk", "virtio-scsi"}
        assert complete(installed, ["--uki", "x"], name) == set()


def test_completion_of_kernels(installed, tmp_path):
    """In a name space of its own, where /usr/lib/modules has two."""
    for version in ("6.1.0", "5.9.0"):
        (tmp_path / "modules" / version).mkdir(parents=True)
    script = ('mount -t overlay -o "lowerdir=$2:/usr/lib" none /usr/lib && source "$1" && '
              'for words in "-k 6" "--kernel-version 6" "--kernel-version = 6"; do '
              'COMP_WORDS=(x build $words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
              '_slipway_mkinitrd x "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"; '
              'echo "${COMPREPLY[*]}"; done')
    source = installed / "share/bash-completion/completions/slipway-mkinitrd"
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script,
                           "bash", source, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["6.1.0"] * 3
