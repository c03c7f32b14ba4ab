# SPDX-License-Identifier: LGPL-2.1-or-later
"""Extensions that the new root brings for itself, merged before its systemd reads a unit."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import lab
from expect import boots, direct, refused, runs_whole
from lab import appliance, keys, paths
from test_judges import PROGRAMS
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
    runs_whole(got)


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


WRITABLE = " SYSTEMD_SYSEXT_MUTABLE_MODE=ephemeral"
SEEN = """#!/bin/sh
exec >/dev/console 2>&1
for tool in sysext confext; do
	systemd-$tool status --json=short | sed "s/^/seen $tool status: /"
	systemd-$tool list --json=short | sed "s/^/seen $tool list: /"
	echo "seen $tool.service: $(systemctl show --value --property=Result,ActiveState systemd-$tool.service | xargs)"
done
echo "seen live: $(cat /usr/.systemd-sysext/dev 2>/dev/null) $(stat -c %Hd:%Ld /usr)"
echo "seen files: $(cd /usr/share; echo later* own-plain* mutable*) $(cat /etc/from-extension 2>/dev/null)"
echo "seen write: $(touch /usr/share/written 2>&1 && echo written)"
echo "seen failed: $(systemctl --failed --plain --no-legend | xargs)"
echo seen all
"""
SEE = """[Unit]
After=systemd-sysext.service systemd-confext.service basic.target
[Service]
Type=oneshot
ExecStart=/usr/lib/see
"""


@pytest.fixture(scope="module")
def watched() -> list[lab.Part]:
    """The demo's Debian with good extensions alone, whose services would merge them, too."""
    def change(tree: Path) -> None:
        for name in PROGRAMS:
            shutil.copy(paths.TOOLS_TREE / name, tree / name)
        (tree / "usr/lib/verity.d").mkdir()
        shutil.copy(keys.key("verity").cert, tree / "usr/lib/verity.d/demo.crt")
        made = images(tree.parent)
        for name, place in (("units", "etc/extensions"), ("later", "var/lib/extensions"),
                            ("settings", "usr/lib/confexts")):
            (tree / place).mkdir(parents=True, exist_ok=True)
            shutil.copy(made[name], tree / place / f"{name}.raw")
        top = tree / "var/lib/extensions/plain/usr"
        for name, text in (("lib/extension-release.d/extension-release.plain", "ID=debian\nVERSION_ID=13\n"),
                           ("share/own-plain", "own\n")):
            (top / name).parent.mkdir(parents=True)
            (top / name).write_text(text)
        mutable = tree / "var/lib/extensions.mutable/usr/share/mutable"
        mutable.parent.mkdir(parents=True)
        mutable.write_text("of nobody's proof\n")
        (tree / "usr/lib/see").write_text(SEEN)
        (tree / "usr/lib/see").chmod(0o755)
        (tree / UNITS / "see.service").write_text(SEE)
        wants = tree / "etc/systemd/system"
        for target, unit in (("multi-user", "see"), ("sysinit", "systemd-sysext"), ("sysinit", "systemd-confext")):
            link = wants / f"{target}.target.wants/{unit}.service"
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(f"/{UNITS}/{unit}.service")
        (wants / "multi-user.target.wants/slipway-report.service").unlink()

    return appliance.altered_root("watched", f"2 {UNIT}{SEEN}{SEE}", change)


@pytest.mark.parametrize("services", ["run", "masked"])
@pytest.mark.parametrize("merged", [True, False])
def test_the_hosts_tools_tell_of_them(merged, services, boot, watched, tmp_path):
    """What systemd-sysext says, and that its service, if it runs, neither fails nor loses one of them."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=watched)
    words = "".join(f" systemd.mask=systemd-{tool}.service" for tool in ("sysext", "confext") if services == "masked")
    got = boot(direct(disk.path, f"systemd.show_status=no systemd.volatile=overlay{WRITABLE}{words}", until="^seen all",
                      timeout=400, initrd=initrd(tmp_path, "root-extensions=yes\n" if merged else "")))
    boots(got, "SYSTEMD_SYSEXT_MUTABLE_MODE.*not writable")
    assert got.seen("^seen all"), got.explain()

    def said(what: str) -> str:
        return re.search(rf"(?m)^seen {what}: (.*?)\r?$", got.serial)[1]

    there = merged or services == "run"
    for tool, names in {"sysext": {"/opt": "none", "/usr": ["later", "plain", "units"]},
                        "confext": {"/etc": ["settings"]}}.items():
        assert {x["hierarchy"]: x["extensions"] for x in json.loads(said(f"{tool} status"))} == (
            names if there else dict.fromkeys(names, "none")), got.explain()
        assert sorted(x["name"] for x in json.loads(said(f"{tool} list"))) == list(names.values())[-1]
        assert said(f"{tool}.service") == ("success active" if services == "run" else "success inactive")
    dev, of_usr = said("live").split(" ")
    assert dev == (of_usr if there else "")
    assert said("files") == ("later own-plain mutable* settings of the extension" if there else "later* own-plain* mutable* ")
    # The folders of a writable layer change nothing, nor does the word.
    assert ("Read-only file system" in said("write")) == there
    assert said("failed") == ""
    # Its unit is in the first transaction only if it was there before systemd read any.
    assert bool(got.seen("extension: unit runs")) == merged


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


# Of what name and kind: a file unless it is a folder with these files.
BARE = "usr/lib/extension-release.d/extension-release."
NAMES: dict[str, list[str] | None] = {
    "etc/extensions/both.raw": None, "var/lib/extensions/both.raw": None,
    "etc/extensions/a-folder": [BARE + "a-folder"], "var/lib/extensions/a-folder.raw": None,
    "etc/extensions/masked": [], "var/lib/extensions/masked.raw": None,
    "var/lib/extensions/unmasked.raw": None,
    "etc/extensions/of-class.sysext.raw": None,
    "etc/extensions/.hidden.raw": None, "etc/extensions/.#half.raw": None,
    "etc/extensions/.sysupdate.partial.x.raw": None,
    "etc/extensions/notes.txt": None, "etc/extensions/no-suffix": None,
    "etc/extensions/proven.raw": None, "etc/extensions/proven.verity": None, "etc/extensions/proven.roothash": None,
    "etc/extensions/proven.roothash.p7s": None,
    "etc/extensions/pick.raw.v": ["pick_9.raw", "pick_10_x86-64.raw", "pick_11_arm64.raw", "pick_12+0.raw",
                                  "pick_13.img", "other_14.raw"],
    "etc/extensions/tries.raw.v": ["tries_1+0-3.raw", "tries_2+2-1.raw", "tries_3+0.raw"],
    "etc/extensions/folders.v": [f"folders_2/{BARE}folders", f"folders_10/{BARE}folders"],
    "etc/extensions/nothing.raw.v": ["nothing_1_arm64.raw"],
}


@pytest.fixture(scope="module")
def named() -> list[lab.Part]:
    """The demo's Debian with all of these names; what is no folder is not worth a mount."""
    def change(tree: Path) -> None:
        for name, files in NAMES.items():
            if files == []:
                (tree / name).mkdir(parents=True)
            for path in [name] if files is None else [f"{name}/{file}" for file in files]:
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                (tree / path).write_text("ID=_any\n")
        (tree / "usr/lib/see").write_text(SEEN)
        (tree / "usr/lib/see").chmod(0o755)
        (tree / UNITS / "see.service").write_text(SEE)
        wants = tree / "etc/systemd/system/multi-user.target.wants"
        (wants / "see.service").symlink_to(f"/{UNITS}/see.service")
        (wants / "slipway-report.service").unlink()

    return appliance.altered_root("named", f"{NAMES}{SEEN}{SEE}", change)


def test_the_same_are_found(boot, named, tmp_path):
    """Which there are, and which file each of them is, as the host's systemd-sysext has it."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=named)
    got = boot(direct(disk.path, "systemd.show_status=no systemd.volatile=overlay", until="^seen all", timeout=400,
                      initrd=initrd(tmp_path, "root-extensions=yes\n")))
    boots(got)
    listed = re.search(r"(?m)^seen sysext list: (.*?)\r?$", got.serial)
    ours = {x["name"]: x["source"].removeprefix("/sysroot") for x in got.record["extensions"]}
    theirs = {x["name"]: x["path"] for x in json.loads(listed[1])}
    # It takes hidden names, and lists the empty folder that keeps it from the image behind it.
    apart = {name: f"/etc/extensions/{name}{end}" for name, end in
             ((".hidden", ".raw"), (".sysupdate.partial.x", ".raw"), ("masked", ""))}
    assert theirs == ours | apart
