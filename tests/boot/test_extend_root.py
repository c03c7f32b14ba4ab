# SPDX-License-Identifier: LGPL-2.1-or-later
"""Extensions that the new root brings for itself, merged before its systemd reads a unit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import lab
from expect import boots, direct, refused
from lab import appliance, keys
from test_slots import RULES, slot
from variants import variant

pytestmark = pytest.mark.xdist_group("extend-root")

UNIT = b"""[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
StandardOutput=journal+console
ExecStart=/bin/sh -c 'echo extension: unit runs'
"""
UNITS = "usr/lib/systemd/system"
# By place: what is merged, and what is not, for one reason each.
FOLDERS = {"etc/extensions": ["units", "initrd-only", "unsigned", "stranger", "link"],
           "var/lib/extensions": ["later"], "usr/lib/confexts": ["settings"]}
SKIPPED = {"initrd-only": "EXTENSION_MISMATCH", "unsigned": "EXTENSION_UNPROVEN",
           "stranger": "EXTENSION_UNPROVEN", "link": "EXTENSION_MALFORMED"}
FOR_THE_HOST = {"id": "debian", "version_id": "13", "scope": "system"}


def make(name: str, folder: Path, **differs) -> Path:
    """One extension, signed unless it differs in that."""
    words = FOR_THE_HOST | {"files": {f"usr/share/{name}": name.encode()},
                            "key": keys.key("verity")} | differs
    return lab.build_sysext(lab.Sysext(name, **words), folder)


def images(folder: Path) -> dict[str, Path]:
    """All that FOLDERS names."""
    return {
        "units": make("units", folder, files={
            f"{UNITS}/from-extension.service": UNIT,
            f"{UNITS}/multi-user.target.wants/from-extension.service": "../from-extension.service"}),
        "initrd-only": make("initrd-only", folder, scope="initrd"),
        "unsigned": make("unsigned", folder, kind="verity"),
        "stranger": make("stranger", folder, key=keys.key("attacker")),
        "link": make("link", folder, files={"usr/share/way-out": "/../../run"}),
        "later": make("later", folder),
        "settings": make("settings", folder, confext=True,
                         files={"etc/from-extension": b"settings of the extension\n"}),
    }


@pytest.fixture(scope="module")
def parts() -> list[lab.Part]:
    """The demo's Debian with extensions in its folders, and one as a directory."""
    def change(tree: Path) -> None:
        made = images(tree.parent)
        for place, names in FOLDERS.items():
            (tree / place).mkdir(parents=True, exist_ok=True)
            for name in names:
                shutil.copy(made[name], tree / place / f"{name}.raw")
        release = tree / "var/lib/extensions/plain/usr/lib/extension-release.d/extension-release.plain"
        release.parent.mkdir(parents=True)
        release.write_text("ID=debian\nVERSION_ID=13\n")

    return appliance.altered_root("extended", Path(__file__).read_text(), change)


def verdicts(got: lab.Result) -> dict[str, str]:
    return {x["name"]: x["code"] or x["verdict"] for x in got.record.get("extensions", [])
            if x["source"].startswith("/sysroot/")}


def initrd(tmp_path: Path, settings: str) -> Path:
    return lab.initrd(tmp_path / "initrd.zst", conf=settings)


def test_the_host_finds_them_merged(boot, parts, tmp_path):
    """Its systemd starts a unit that an extension brings, and systemd-sysext knows them."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    got = boot(direct(disk.path, until="", initrd=initrd(tmp_path, "root-extensions=yes\n")))
    boots(got)
    assert verdicts(got) == SKIPPED | dict.fromkeys(("units", "later", "plain", "settings"), "merged")
    assert got.seen("extension: unit runs"), got.explain()
    assert got.end == "poweroff" and got.report.state == "running", got.explain()
    assert not got.report.failed_units and not got.report.slow_waits()


@pytest.mark.parametrize("words,settings", [
    ("", ""), ("systemd.sysext=0 systemd.confext=no", "root-extensions=yes\n")], ids=["default", "words"])
def test_they_are_left_to_the_host(words, settings, boot, parts, tmp_path):
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    got = boot(direct(disk.path, words, initrd=initrd(tmp_path, settings)))
    boots(got)
    assert not verdicts(got)


def test_a_root_that_fails_afterwards(boot, parts, tmp_path):
    """They are undone with it."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    got = boot(direct(disk.path, "init=/usr/lib/no-such-init",
                      initrd=initrd(tmp_path, "root-extensions=yes\n")))
    refused(got, "ROOT_NO_INIT", "check")
    assert verdicts(got)["units"] == "merged" and not got.seen("stays mounted"), got.explain()


@pytest.mark.parametrize("second", ["whole", "no-signature"])
def test_the_next_slot_has_its_own(second, boot, tmp_path):
    """The record knows no more of the root that was given up than why, also if the next one fails early."""
    tools = make("tools", tmp_path, id="_any", version_id="")
    kinds = ("data", "hash", "sig") if second == "whole" else ("data", "hash")
    disk = lab.make_disk(tmp_path / "disk.img", kinds=(), esp_files={f"host/{tools.name}": tools.read_bytes()},
                         more=[*slot(variant("extended-no-init"), 10, ("data", "hash", "sig")),
                               *slot(lab.root_parts(), 9, kinds)])
    got = boot(direct(disk.path, initrd=initrd(
        tmp_path, f"{RULES}root-extensions=yes\nhost-extensions=/host\n")))
    assert [at["code"] for at in got.record["attempts"]] == ["ROOT_NO_INIT"]
    assert got.seen("extension 'of-the-first' is proven and fits"), got.explain()
    if second == "whole":
        boots(got)
        assert verdicts(got) == {}
        assert [(x["name"], x["verdict"]) for x in got.record["extensions"]] == [("tools", "handed-over")]
    else:
        refused(got, "SIGNATURE_MISSING", "choose", end="halted")
        assert not {"extensions", "root", "os", "init"} & set(got.record), got.record


def test_the_last_slot_keeps_them(boot, tmp_path):
    """The twin: what a boot ends with is all in the record."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=variant("extended-no-init"))
    got = boot(direct(disk.path, initrd=initrd(tmp_path, f"{RULES}root-extensions=yes\n")))
    refused(got, "ROOT_NO_INIT", "check", end="halted")
    assert verdicts(got) == {"of-the-first": "merged"} and "root" in got.record


@pytest.fixture(scope="module")
def renamed() -> list[lab.Part]:
    """The demo's Debian, whose /etc says that it is another system than its /usr does."""
    def change(tree: Path) -> None:
        (tree / "etc/os-release").unlink()
        (tree / "etc/os-release").write_text("ID=renamed\nVERSION_ID=7\nNAME=Renamed\n")
        (tree / "etc/extensions").mkdir(exist_ok=True)
        for name, differs in {"of-etc": {"id": "renamed", "version_id": "7"}, "of-usr": {}}.items():
            shutil.copy(make(name, tree.parent, **differs), tree / f"etc/extensions/{name}.raw")

    return appliance.altered_root("renamed", "renamed 1", change)


def test_etc_says_what_the_root_is(boot, renamed, tmp_path):
    """As os-release(5) has it, and as the checks before the switch read it."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=renamed)
    got = boot(direct(disk.path, initrd=initrd(tmp_path, "root-extensions=yes\n")))
    boots(got)
    assert verdicts(got) == {"of-etc": "merged", "of-usr": "EXTENSION_MISMATCH"}
    assert "must be 'renamed'" in got.extension("of-usr")["why"] and got.record["os"] == "renamed"
