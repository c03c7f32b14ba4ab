# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same extensions before systemd's own tools and before slipway: the verdicts are the same but
for what init/doc/extensions.md lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import lab
from lab import paths, sysext, tools, tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab enters its tools tree by chroot")
CLASSES = ["sysext", "confext"]

# Name -> what the release file says (SCOPE and LEVEL stand for the class's keys), and whether it
# fits an initrd of OWN.
OWN = "ID=own\nID_LIKE=\"like other\"\nVERSION_ID=1\nSYSEXT_LEVEL=5\nCONFEXT_LEVEL=5\n"
RELEASES = {
    "same": ("ID=own\nVERSION_ID=1\nSCOPE=initrd\n", True),
    "quoted": ("ID='own'\nVERSION_ID=\"1\"\nSCOPE=\"system initrd\"\n# x\n", True),
    "no-scope": ("ID=own\nVERSION_ID=1\n", False),
    "host-scope": ("ID=own\nVERSION_ID=1\nSCOPE=\"system portable\"\n", False),
    "other-id": ("ID=foreign\nVERSION_ID=1\nSCOPE=initrd\n", False),
    "no-id": ("VERSION_ID=1\nSCOPE=initrd\n", False),
    "any-id": ("ID=_any\nSCOPE=initrd\n", True),
    "any-id-host-scope": ("ID=_any\nSCOPE=system\n", False),
    "other-version": ("ID=own\nVERSION_ID=2\nSCOPE=initrd\n", False),
    "no-version": ("ID=own\nSCOPE=initrd\n", False),
    "same-level": ("ID=own\nVERSION_ID=2\nLEVEL=5\nSCOPE=initrd\n", True),
    "other-level": ("ID=own\nVERSION_ID=1\nLEVEL=6\nSCOPE=initrd\n", False),
    "own-machine": ("ID=own\nVERSION_ID=1\nSCOPE=initrd\nARCHITECTURE=x86-64\n", True),
    "any-machine": ("ID=own\nVERSION_ID=1\nSCOPE=initrd\nARCHITECTURE=_any\n", True),
    "other-machine": ("ID=own\nVERSION_ID=1\nSCOPE=initrd\nARCHITECTURE=arm64\n", False),
    "like-us": ("ID=like\nVERSION_ID=1\nSCOPE=initrd\n", True),
}


def release(name: str, class_name: str) -> str:
    upper = class_name.upper()
    return re.sub(r"^(SCOPE|LEVEL)=", rf"{upper}_\1=", RELEASES[name][0], flags=re.M)


def enter(script: str, folder: Path) -> str:
    """What a shell script says in the tools tree, where "$1" is the folder and an initrd is played."""
    return tools.tool("sh", "-c", "mount --make-rshared /; export SYSTEMD_IN_INITRD=1\n" + script,
                      "sh", tree.host(folder)).stdout.decode()


def make_root(root: Path, class_name: str, extensions: dict[str, str]) -> None:
    """A root with extensions that are directories, by the texts of their release files."""
    for folder in ("usr/lib", "opt", "etc"):
        (root / folder).mkdir(parents=True)
    (root / "etc/own").touch()
    (root / "usr/lib/os-release").write_text(OWN)
    inside = "usr/lib" if class_name == "sysext" else "etc"
    for name, text in extensions.items():
        place = root / f"var/lib/{class_name.removesuffix('ext')}exts" / name / inside
        if class_name == "sysext":
            place = root / "var/lib/extensions" / name / inside
        (place / "extension-release.d").mkdir(parents=True)
        (place / f"extension-release.d/extension-release.{name}").write_text(text)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An initrd that is what OWN says."""
    return lab.initrd(tmp_path_factory.mktemp("peers") / "initrd", os_release=OWN, compress="zstd:1")


def ours(image: Path, extensions: list[Path]) -> dict[str, list[str]]:
    """File name -> what `slipway-mkinitrd verify` holds against it."""
    words = [word for path in extensions for word in ("--extension", path)]
    done = subprocess.run([paths.MKINITRD, "verify", "--json", image, *words],
                          capture_output=True, text=True)
    lines = json.loads(done.stdout)
    return {path.name: [x["text"] for x in lines if x["object"] == str(path) and
                        x["verdict"] not in ("ok", "note")] for path in extensions}


@pytest.mark.parametrize("class_name", CLASSES)
def test_who_fits(image, tmp_path, class_name):
    made = [sysext.build(sysext.Sysext(name, release=release(name, class_name),
                                       confext=class_name == "confext", key=lab.key("verity")),
                         tmp_path / "made") for name in RELEASES]
    found = ours(image, made)
    fits = {name for name, (_, fits) in RELEASES.items() if fits}
    assert {name.split(".")[0] for name, against in found.items() if not against} == fits, found
    assert all("(EXTENSION_MISMATCH)" in against[0] for against in found.values() if against)

    make_root(tmp_path / "root", class_name, {n: release(n, class_name) for n in RELEASES})
    said = enter(f'cp -a "$1" /tmp/root && systemd-{class_name} --root=/tmp/root merge 2>&1',
                 tmp_path / "root")
    used = re.search(r"^Using extensions '(.*)'\.$", said, re.M)
    assert used, said
    assert set(used[1].split("', '")) == fits


@pytest.mark.parametrize("class_name, hierarchy, names", [
    ("sysext", "usr", "extensions"), ("confext", "etc", "confexts")])
def test_order_and_metadata(tmp_path, class_name, hierarchy, names):
    """The order and the files that the unit and component tests demand of slipway."""
    order = ["a", "b_9", "b_10", "d"]
    make_root(tmp_path / "root", class_name, {n: release("any-id", class_name) for n in order})
    said = enter(f'''cp -a "$1" /tmp/root; cd /tmp/root/{hierarchy}
        systemd-{class_name} --root=/tmp/root merge >/dev/null 2>&1; cd /tmp/root/{hierarchy}/.systemd-{class_name}
        ls; echo; cat {names}; echo; cat dev; stat -c %Hd:%Ld ..; echo; grep ' overlay {class_name} ' /proc/self/mountinfo''',
                 tmp_path / "root")
    files, listed, devices, mounts = said.split("\n\n")
    assert set(files.split()) <= {"backing", "dev", names, "origin"}
    assert listed.split() == order
    assert len(set(devices.split())) == 1
    layers = re.search(r"lowerdir=([^, ]+)", mounts)[1].split(":")
    assert [Path(layer).parent.name for layer in layers[1:-1]] == order[::-1]
    flags = set(mounts.split()[5].split(","))
    assert {"ro", "nodev"} <= flags
    # slipway: nosuid on both.
    assert (class_name == "confext") == ({"nosuid", "noexec"} <= flags)


# Name of the extension -> the names of its release files, what else it has, whether it is one.
RELEASE_NAMES = {
    "own": (["own"], {}, True),
    "app_1.2": (["app"], {}, True),
    "app+3": (["app"], {}, True),
    "app-4": (["app"], {}, False),
    "app_5": (["other"], {}, False),
    "app_6": (["app", "other"], {}, True),
    "own_7": (["own_7", "other"], {}, True),
    "system": (["system"], {"usr/lib/os-release": b"ID=own\n"}, False),
}


def test_release_names(image, tmp_path):
    """Which file says what an extension is, and what makes it a whole system instead."""
    made, folder = [], "usr/lib/extension-release.d/extension-release."
    for name, (releases, more, _) in RELEASE_NAMES.items():
        files = {f"{folder}{r}": RELEASES["any-id"][0].replace("SCOPE", "SYSEXT_SCOPE").encode() for r in releases} | more
        for path, content in files.items():
            place = tmp_path / "roots" / name / "var/lib/extensions" / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        root = tmp_path / "roots" / name
        (root / "usr/lib").mkdir(parents=True)
        (root / "usr/lib/os-release").write_text(OWN)
        (root / "var/lib/extensions" / name / "usr/share").mkdir(parents=True)
        made.append(sysext.build(sysext.Sysext(name, release_name=releases[0], files={**files, "usr/share/x": b"x\n"},
                                               key=lab.key("verity")), tmp_path / "made"))
    found = ours(image, made)
    said = enter('''cp -a "$1" /tmp/roots; cd /tmp/roots; for name in *; do
        systemd-sysext --root=/tmp/roots/$name merge >/dev/null 2>&1
        echo "$name $(cat $name/usr/.systemd-sysext/extensions 2>/dev/null)"; done''', tmp_path / "roots")
    theirs = {line.split(" ")[0]: line.split(" ")[1] for line in said.splitlines()}
    for name, (_, _, good) in RELEASE_NAMES.items():
        assert theirs[name] == (name if good else ""), said
        assert (not found[f"{name}.sysext.raw"]) == good, (name, found)


# What differs from a good image, whether systemd-dissect says that it serves an initrd and accepts
# it under the policy of extensions, and the reason of ours.
GOOD = {"files": {"usr/share/x": b"x\n"}}
IMAGES = {
    "good": ({}, True, True, None),
    "squashfs": ({"fs": "squashfs"}, True, True, None),
    "configuration": ({"confext": True, "files": {"etc/x": b"x\n"}}, True, True, None),
    "host-only": ({"scope": "system"}, False, True, "EXTENSION_MISMATCH"),
    "no-signature": ({"kind": "verity"}, True, False, "SIGNATURE_MISSING"),
    "no-verity": ({"kind": "gpt"}, True, False, "SIGNATURE_MISSING"),
    "no-table": ({"kind": "bare"}, True, False, "GPT_INVALID"),
    # It does not ask who signed, nor who the system is, nor what else is inside.
    "other-signer": ({"key": "attacker"}, True, True, "SIGNATURE_UNTRUSTED"),
    "other-system": ({"id": "foreign"}, True, True, "EXTENSION_MISMATCH"),
    "way-out": ({"files": {"usr/way-out": "../etc/x"}}, True, True, "EXTENSION_MALFORMED"),
}


@pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="systemd-dissect wants loop devices")
def test_images(image, tmp_path):
    made = {}
    for name, (differs, *_) in IMAGES.items():
        words = {"id": "own", "files": GOOD["files"], "key": "verity"} | differs
        made[name] = sysext.build(sysext.Sysext(name, **words | {"key": lab.key(words["key"])}),
                                  tmp_path)
    said = enter("""export LC_ALL=C.UTF-8; cd "$1"; for image in *.raw; do
        echo "$image: $(systemd-dissect --no-pager "$image" | grep -cE "✓ (sys|conf)ext for initrd")" \\
             "$(systemd-dissect --validate --image-policy=root=signed+absent "$image" >/dev/null 2>&1
                echo $?)"
        done""", tmp_path)
    theirs = {line.split(".")[0]: line.split()[1:] for line in said.splitlines()}
    found = ours(image, list(made.values()))
    for name, (_, serves, accepted, code) in IMAGES.items():
        assert theirs[name] == [str(int(serves)), "0" if accepted else "1"], (name, said)
        against = found[made[name].name]
        assert ([] if code is None else [code]) == re.findall(r"\((\w+)\)", " ".join(against)), name


@pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="systemd-dissect wants loop devices")
def test_the_root(tmp_path):
    """The disk that we boot is one that systemd boots: as it is, and only because it is signed."""
    said = enter("""export LC_ALL=C.UTF-8; systemd-dissect --no-pager "$1"
        for use in signed unprotected; do
            systemd-dissect --validate --image-policy=root=$use:esp=unprotected+unused:=absent "$1" 2>&1
        done; true""", lab.demo().disk)
    assert "✓ bootable system for UEFI" in said and "✓ bootable system for container" in said
    assert re.search(r"^ro root .* x86-64 +signed ", said, re.M)
    assert said.endswith("OK\n" + f"{tree.host(lab.demo().disk)}: Image does not match image policy.\n")
