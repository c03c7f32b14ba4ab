# SPDX-License-Identifier: LGPL-2.1-or-later
"""Extensions on the ESP that are for the host: proven by the initrd, merged by the host's own tools."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

import chain
import lab
import predicted
from expect import boots, direct, refused
from lab import appliance, disk, gpt, keys, paths
from test_judges import PROGRAMS

pytestmark = pytest.mark.xdist_group("host-extension")

FOLDER = "slipway/host"
CONF = f"host-extensions=/{FOLDER}\n"
# In a file that nobody looks into before all of the image is read.
NOISE = random.Random(2).randbytes(1 << 20)
FOR_THE_HOST = {"id": "debian", "version_id": "13", "scope": "system"}
# What differs, and the reason.
BAD = {
    "unsigned": ({"kind": "verity"}, "EXTENSION_UNPROVEN"),
    "stranger": ({"key": "attacker"}, "EXTENSION_UNPROVEN"),
    "altered": ({"files": {"usr/share/host-altered": NOISE}}, "EXTENSION_UNPROVEN"),
    "other-id": ({"id": "slipway-demo", "version_id": "1"}, "EXTENSION_MISMATCH"),
    "other-version": ({"version_id": "12"}, "EXTENSION_MISMATCH"),
    "initrd-only": ({"scope": "initrd"}, "EXTENSION_MISMATCH"),
    "in-usr": ({"files": {"lib/extension-release.d/extension-release.in-usr": b"ID=debian\nVERSION_ID=13\n"}},
               "EXTENSION_MALFORMED"),
    "judge": ({"files": {"usr/lib/verity.d/mine.crt": b"mine\n"}}, "EXTENSION_MALFORMED"),
}
# The host's own policy is as strict as the initrd's.
STRICT = """[Service]
ExecStart=
ExecStart=systemd-sysext refresh --image-policy=root=signed
"""
SEEN = """#!/bin/sh
exec >/dev/console 2>&1
for tool in sysext confext; do systemd-$tool status --json=short | sed "s/^/seen $tool: /"; done
for file in /usr/share/host-* /etc/host-*; do echo "seen file: $file $(cat $file)"; done
echo "seen own: $(cat /usr/share/own-plain)"
ls /run/extensions /run/confexts | sed "s/^/seen left: /"
echo seen all
"""
UNIT = """[Unit]
After=systemd-sysext.service systemd-confext.service
[Service]
Type=oneshot
ExecStart=/usr/lib/see
"""


@pytest.fixture(scope="module")
def parts() -> list[lab.Part]:
    """The demo's Debian, which trusts the demo's certificate, has one of its own, and merges what it finds."""
    def change(tree: Path) -> None:
        for name in PROGRAMS:
            shutil.copy(paths.TOOLS_TREE / name, tree / name)
        usr, wants = tree / "usr/lib", tree / "etc/systemd/system/sysinit.target.wants"
        (usr / "verity.d").mkdir()
        shutil.copy(keys.key("verity").cert, usr / "verity.d/demo.crt")
        (usr / "see").write_text(SEEN)
        (usr / "see").chmod(0o755)
        (usr / "systemd/system/see.service").write_text(UNIT)
        (wants.parent / "multi-user.target.wants/see.service").symlink_to("/usr/lib/systemd/system/see.service")
        (wants.parent / "multi-user.target.wants/slipway-report.service").unlink()
        (usr / "systemd/system/systemd-sysext.service.d").mkdir()
        (usr / "systemd/system/systemd-sysext.service.d/strict.conf").write_text(STRICT)
        top = tree / "etc/extensions/plain/usr"
        for name, text in (("lib/extension-release.d/extension-release.plain", "ID=debian\nVERSION_ID=13\n"),
                           ("share/own-plain", "own\n")):
            (top / name).parent.mkdir(parents=True)
            (top / name).write_text(text)
        for name in ("systemd-sysext.service", "systemd-confext.service"):
            (wants / name).symlink_to(f"/usr/lib/systemd/system/{name}")

    return appliance.altered_root("host-extensions", Path(__file__).read_text(), change)


def make(folder: Path, name: str, key: str = "verity", **differs) -> Path:
    """One image with a file of its name, where its class has it."""
    top = "etc" if differs.get("confext") else "usr/share"
    words = FOR_THE_HOST | {"files": {f"{top}/host-{name}": name.encode()}} | differs
    return lab.build_sysext(lab.Sysext(name, key=keys.key(key), **words), folder)


def alter(path: Path) -> None:
    """One byte in the middle: the first and the last blocks are looked at before."""
    content = bytearray(path.read_bytes())
    content[content.index(NOISE[512 << 10:516 << 10])] ^= 1
    path.write_bytes(content)


def with_stowaway(path: Path, folder: Path) -> Path:
    """A signed image with one more partition, which nobody signed and systemd would use."""
    evil = lab.build_sysext(lab.Sysext(path.name.partition(".")[0], kind="bare", **FOR_THE_HOST, files={
        "share/host-evil": b"evil", f"lib/extension-release.d/extension-release.{path.name.partition('.')[0]}":
        b"ID=debian\nVERSION_ID=13\n"}), folder)
    specs = [disk.PartSpec(e.type, e.uuid, e.label, e.attributes, path, (e.last - e.first + 1) * 512,
                           e.first * 512) for e in gpt.read_entries(path)]
    evil = evil.rename(folder / "evil")
    specs.append(disk.PartSpec(chain.USR, "51b1a7e0-c0de-4d57-9d3a-0000000000ee", "usr", gpt.READ_ONLY, evil))
    return disk.layout(folder / path.name, specs).path


def on_esp(images: list[Path]) -> dict[str, bytes]:
    return {f"{FOLDER}/{path.name}": path.read_bytes() for path in images}


def verdicts(got: lab.Result) -> dict[str, str]:
    return {x["name"]: x["code"] or x["verdict"] for x in got.record.get("extensions", [])
            if x["source"].startswith("/run/slipway/host/")}


def seen(got: lab.Result, what: str) -> list[str]:
    return re.findall(rf"(?m)^seen {what}: (.*?)\r?$", got.serial)


def see(boot, parts, tmp_path, images: list[Path], conf: str, words: str = "") -> lab.Result:
    """A direct boot, until the host has said what it merged."""
    made = lab.make_disk(tmp_path / "disk.img", parts=parts, esp_files=on_esp(images))
    got = boot(direct(made.path, f"systemd.show_status=no {words}", until="^seen all", timeout=400,
                      initrd=lab.initrd(tmp_path / "initrd", conf=conf)))
    boots(got)
    assert got.seen("^seen all"), got.explain()
    return got


def test_the_host_merges_what_was_proven(boot, parts, tmp_path):
    """And nothing else: each that is bad is skipped for its own reason, and the root starts."""
    good = [make(tmp_path, "tools"), make(tmp_path, "settings", confext=True),
            with_stowaway(make(tmp_path, "wide"), tmp_path / "wide")]
    bad = [make(tmp_path, name, **differs) for name, (differs, _) in BAD.items()]
    for path in bad:
        {"in-usr": chain.into_usr, "altered": alter}.get(path.name.partition(".")[0], bool)(path)
    got = see(boot, parts, tmp_path, good + bad, CONF)
    assert verdicts(got) == {name: code for name, (_, code) in BAD.items()} | {
        "tools": "handed-over", "wide": "handed-over", "settings": "handed-over"}
    assert "usr partition" in got.extension("in-usr")["why"]
    assert "read all of it" in got.extension("altered")["why"]
    warned = "\n".join(got.record["warnings"])
    assert all(f"extension '{name}' skipped: " in warned for name in BAD), warned
    assert seen(got, "file") == ["/usr/share/host-tools tools", "/usr/share/host-wide wide",
                                 "/etc/host-settings settings"]
    assert '"extensions":["plain","tools","wide"]' in "".join(seen(got, "sysext")), got.explain()
    assert '"extensions":["settings"]' in "".join(seen(got, "confext")), got.explain()
    left = {line for line in seen(got, "left") if not line.endswith(":") and line}
    assert left == {f"{name}{end}" for name in ("tools", "wide", "settings")
                    for end in (".raw", ".verity", ".roothash", ".roothash.p7s")}


def test_beside_those_of_the_root(boot, parts, tmp_path):
    """What is merged by then, the host merges anew with them."""
    got = see(boot, parts, tmp_path, [make(tmp_path, "tools")], f"{CONF}root-extensions=yes\n")
    assert {x["name"]: x["verdict"] for x in got.record["extensions"]} == \
        {"plain": "merged", "tools": "handed-over"}
    assert seen(got, "own") == ["own"] and seen(got, "file")[0] == "/usr/share/host-tools tools"


@pytest.mark.parametrize("conf, words", [
    ("tpm=optional\n", ""), (CONF, "systemd.sysext=0"), ("esp-extensions=/" + FOLDER + "\n", "")],
    ids=["default", "word", "for-the-initrd"])
def test_nothing_is_handed_over_unasked(conf, words, boot, parts, tmp_path):
    got = see(boot, parts, tmp_path, [make(tmp_path, "tools")], conf, words)
    assert not verdicts(got) and seen(got, "file") == ["/usr/share/host-* ", "/etc/host-* "]
    assert not [line for line in seen(got, "left") if line.endswith(".raw")]


def test_they_are_measured_when_nothing_can_be_tried_again(boot, tmp_path):
    """Behind those of the initrd; one image may be for both."""
    both = make(tmp_path, "both", id="_any", version_id="", scope='"initrd system"')
    files = [make(tmp_path, "b-10"), make(tmp_path, "b-9"), make(tmp_path, "conf", confext=True), both]
    uki = chain.uki("for-the-host", chain.initrd("for-the-host", conf=f"esp-extensions=/more\n{CONF}"))
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path,
                          esp_files=on_esp(files) | {"more/both.sysext.raw": both.read_bytes()})
    spec = chain.chain(image.path)
    got = boot(spec, merged=[both], for_host=files)
    boots(got, start=uki.start)
    assert verdicts(got) == dict.fromkeys(("b-9", "b-10", "both", "conf"), "handed-over")
    texts = [m["text"].rpartition(":")[0] for m in got.record["measurements"] if m.get("pcr") == 13]
    assert texts == ["sysext:both", "host-sysext:b-9", "host-sysext:b-10", "host-sysext:both"]
    with pytest.raises(AssertionError, match=r"not as foreseen .* PCR \[12\]"):
        predicted.compare(spec, got, merged=[both], for_host=[f for f in files if "conf." not in f.name])


def test_a_root_that_fails_afterwards(boot, demo, tmp_path):
    """They are undone with it, as often as it is tried, and not measured."""
    image = lab.make_disk(tmp_path / "disk.img", esp_files=on_esp([make(tmp_path, "tools")]))
    conf = f"{CONF}failure.ROOT_NO_INIT=retry\nfailure-delay=0\n"
    got = boot(direct(image.path, "init=/usr/lib/no-such-init", tpm=True,
                      initrd=lab.initrd(tmp_path / "initrd", conf=conf)))
    refused(got, "ROOT_NO_INIT", "check")
    assert len(got.record["attempts"]) == 3
    assert [x["verdict"] for x in got.record["extensions"]] == ["handed-over"]
    assert not [m for m in got.record["measurements"] if m.get("pcr") in (12, 13)]
