# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hooks: the examples, what each point knows, and how a boot goes on or ends."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

import chain
import lab
from expect import MEASURE, boots, direct, refused
from lab import paths, steps
from lab.tpm import extend, word_digest

REPO = Path(__file__).resolve().parents[2]
COMPILER = paths.BUILD / "deps/x86_64-linux-musl/bin/slipway-cc"
POINTS = ("entered", "extended", "discovered", "proven", "checked")
# A file that reads as 0 or 1, as that of a GPIO does; a word of the command line sets it.
SWITCH, CLOSED = "/sys/module/rcupdate/parameters/rcu_expedited", "rcupdate.rcu_expedited=1"
NETWORK = b"[Match]\nName=*\n[Network]\nDHCP=yes\n"


def compiled(folder: Path, source: str, name: str, declaration: str = "", *words: str) -> Path:
    """A hook of this name, with its declaration beside it."""
    program = folder / name
    steps.run([COMPILER, "-Os", *words, "-o", program, REPO / source])
    (folder / f"{name}.hook").write_text(declaration or (REPO / source).with_suffix(".hook").read_text())
    return program


@dataclass(frozen=True)
class Image:
    """What an initrd is packed with: hooks by their points, and settings."""

    hooks: list[tuple[str, Path]]
    conf: str = ""
    more: tuple[str, ...] = ()

    def build(self, name: str) -> Path:
        words = [f"--hook={point}:{path}" for point, path in self.hooks]
        return chain.initrd(f"hooks-{name}", conf=self.conf, more=(*words, *self.more))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One place for all: the words of the builder are part of what makes an initrd new."""
    made = chain.SHARED / "hooks"
    made.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def appliance(folder) -> Path:
    """The three examples, and one that shows what hooks are told; all of them measured."""
    gate = compiled(folder, "hooks/examples/gate.c", "gate", "", f'-DSWITCH="{SWITCH}"')
    provision = compiled(folder, "hooks/examples/provision.c", "provision")
    splash = REPO / "hooks/examples/splash"
    view = compiled(folder, "tests/component/hook.c", "tell-view", "failure=skip\n")
    hooks = [("entered", splash), ("proven", splash), ("checked", splash), ("entered", provision),
             ("proven", gate), ("checked", view)]
    return Image(hooks, "hook-scripts=yes\nhook-measure=yes\n",
                 ("--busybox=/bin/busybox",)).build("appliance")


def hook(got, point: str, name: str) -> dict:
    """What the record says of one hook."""
    return next(h for h in got.record["hooks"] if (h["point"], h["name"]) == (point, name))


def schema() -> dict:
    return json.loads((REPO / "hooks/view.schema.json").read_text())


def test_examples(appliance, demo, boot, tmp_path):
    """The root's cat is the init, and shows on the console what the host finds in /run. As it
    is no systemd, the folder of systemd's own state was renamed."""
    credential = base64.b64encode(NETWORK).decode()
    words = f"{MEASURE} {CLOSED} init=/usr/bin/cat -- /run/systemd.pre-switch-root/network/10-site.network"
    got = boot(lab.direct(demo.disk, initrd=appliance, append=words, tpm="on", timeout=300,
                          smbios=[f"io.systemd.credential.binary:site.network={credential}"]))
    assert got.record["result"] == "handed-over" and got.end == "panic", got.explain()
    ran = [(h["point"], h["name"], h["verdict"], h["script"]) for h in got.record["hooks"]]
    assert ran == [("entered", "provision", "continued", False), ("entered", "splash", "continued", True),
                   ("proven", "gate", "continued", False), ("proven", "splash", "continued", True),
                   ("checked", "splash", "continued", True),
                   ("checked", "tell-view", "continued", False)], got.explain()
    assert hook(got, "entered", "provision")["facts"] == {"network": f"{len(NETWORK)} bytes"}
    assert all(got.seen(rf"^{re.escape(line)}$") for line in NETWORK.decode().split()), got.explain()
    for text in ("starting", "the system is genuine", "the system takes over"):
        assert got.seen(re.escape(f"** {text} **")), got.explain()
    assert hook(got, "proven", "gate")["facts"] == {"switch": "closed"}
    assert got.record["initrd"]["scripts"] is True and got.record["warnings"] == []
    measured(got)
    foreseen(got, appliance, tmp_path / "uki.efi")
    seen_by_hook(got)


def measured(got) -> None:
    """Each hook was measured before it ran, and nothing else into this PCR."""
    words = [f"slipway-hook:{h['point']}:{h['name']}:{h['digest']}:{h['declaration']}"
             for h in got.record["hooks"]]
    assert [m["text"] for m in got.record["measurements"] if m["pcr"] == 13] == words
    for bank, values in got.pcrs.items():
        value = "00" * (len(values[13]) // 2)
        for word in words:
            value = extend(bank, value, word_digest(bank, word))
        assert values[13] == value


def foreseen(got, image: Path, uki: Path) -> None:
    """So says the builder of a UKI with this initrd; a stub without extensions adds nothing."""
    lab.make_uki(uki, initrd=image, key=None)
    said = steps.run([paths.MKINITRD, "predict", "--json", "--uki", uki, "--bank", "sha256"]).stdout
    assert {v["value"] for v in json.loads(said) if v["pcr"] == 13} == {got.pcrs["sha256"][13]}


def seen_by_hook(got) -> None:
    """What the last hook was told is as the schema says, and what the record has."""
    said = re.findall(r"slipway\[1\]: hooks: hook 'tell-view': (.*)", got.serial)
    view = json.loads("".join(said).removesuffix("message of tell-view"))
    jsonschema.validate(view, schema())
    assert (view["point"], view["hook"]) == ("checked", "tell-view")
    assert view["boot"]["root"] == got.record["root"]
    assert view["boot"]["hooks"] == got.record["hooks"][:-1]
    for spoil in ({"point": "somewhere"}, {"hook": "../x"}, {"schema": 2}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(view | spoil, schema())


def test_a_gate_that_is_open(appliance, demo, boot):
    """The twin: the same image, and a switch that is not closed."""
    got = boot(direct(demo.disk, initrd=appliance, tpm=True))
    refused(got, "HOOK_REFUSED", "hooks", "hook 'gate' refuses: the lid is open")
    assert [h["name"] for h in got.record["hooks"]] == ["provision", "splash", "gate"]
    assert hook(got, "proven", "gate")["facts"] == {"switch": "open"}
    assert hook(got, "entered", "provision")["facts"] == {"network": "none"}


@pytest.fixture(scope="module")
def refusing(folder) -> Path:
    """The same hook at each point, which refuses where a credential says."""
    program = compiled(folder, "tests/component/hook.c", "refuse-at", "credential=refuse.at\n")
    return Image([(point, program) for point in POINTS]).build("refusing")


@pytest.mark.parametrize("point", POINTS)
def test_each_point_may_refuse(point, refusing, demo, boot):
    got = boot(direct(demo.disk, f"systemd.set_credential=refuse.at:{point}", initrd=refusing))
    refused(got, "HOOK_REFUSED", "hooks", "hook 'refuse-at' refuses: as it was told")
    assert got.record["failure"]["where"].startswith(f"point '{point}'")
    assert [h["verdict"] for h in got.record["hooks"]] == \
        ["continued"] * POINTS.index(point) + ["refused"]
    known = {"entered": "firmware", "extended": "trust", "discovered": "disk", "proven": "partitions",
             "checked": "os"}
    assert all((member in got.record) == (POINTS.index(at) <= POINTS.index(point))
               for at, member in known.items()), got.record.keys()


# What each does, and what becomes of it: all in one boot, which goes on. The builder would not pack
# the last three.
BAD = {"hang": "HOOK_TIMEOUT", "bomb": "HOOK_TIMEOUT", "flood": "HOOK_FAILED", "crash": "HOOK_FAILED",
       "signal": "HOOK_FAILED", "status": "HOOK_FAILED", "silent": "HOOK_FAILED",
       "kill-group": "HOOK_FAILED", "flood-messages": "HOOK_FAILED", "kill-all": None, "orphan": None,
       "gigabyte": None, "mount": None,
       "dynamic": "HOOK_FAILED", "not-executable": "HOOK_FAILED", "no-interpreter": "HOOK_FAILED"}
SCRIPTS = "hook-scripts=yes\n"


def unpackable(folder: Path, name: str, point: str, declaration: str) -> dict[str, Path | bytes]:
    """One of these three with its declaration, as files of an initrd."""
    program = compiled(folder, "tests/component/hook.c", name, declaration)
    if name == "dynamic":
        program.write_bytes(Path("/bin/true").read_bytes())
    elif name == "no-interpreter":
        program.write_text("#!/usr/bin/python\n")
    else:
        program.chmod(0o644)
    place = f"usr/lib/slipway/hooks/{point}/{name}"
    return {place: program, f"{place}.hook": declaration.encode()}


def test_bad_hooks_that_may_be_skipped(folder, demo, boot, tmp_path):
    declaration, packed, files = "deadline=1\nfailure=skip\n", list(BAD)[:-3], {}
    hooks = [("proven", compiled(folder, "tests/component/hook.c", name, declaration)) for name in packed]
    for name in list(BAD)[-3:]:
        files |= unpackable(tmp_path, name, "proven", declaration)
    image = chain.with_files(Image(hooks, SCRIPTS).build("bad"), files, tmp_path / "initrd")
    got = boot(direct(demo.disk, initrd=image))
    boots(got, "hook 'bomb' was killed, as it did not end within seconds: 1, continuing")
    assert {h["name"]: h["code"] for h in got.record["hooks"]} == BAD
    for h in got.record["hooks"]:
        assert h["verdict"] == ("skipped" if BAD[h["name"]] else "continued"), h
        assert h["duration_us"] < 2_000_000, h
    denied = "Operation not permitted"
    assert hook(got, "proven", "mount")["facts"] == dict.fromkeys(("mount", "userns", "mount_unshared"), denied)
    assert int(hook(got, "proven", "gigabyte")["facts"]["written"]) <= 16 << 20


@dataclass(frozen=True)
class Must:
    """A hook whose failure counts."""

    name: str
    code: str
    says: str
    declaration: str = "deadline=1\n"


LACKS = "names an interpreter or dynamic linker that the initrd lacks"
MUST = [
    Must("hang", "HOOK_TIMEOUT", "hook 'hang' was killed, as it did not end within seconds: 1"),
    Must("bomb", "HOOK_TIMEOUT", "hook 'bomb' was killed, as it did not end within seconds: 1"),
    Must("flood", "HOOK_FAILED", "hook 'flood' was killed, as it wrote too much"),
    Must("crash", "HOOK_FAILED", "hook 'crash' was ended by signal 6"),
    Must("kill-group", "HOOK_FAILED", "hook 'kill-group' was ended by signal 9"),
    Must("dynamic", "HOOK_FAILED", f"hook 'dynamic' {LACKS}"),
    Must("not-executable", "HOOK_FAILED", "execute hook 'not-executable': Permission denied"),
    Must("no-interpreter", "HOOK_FAILED", f"hook 'no-interpreter' {LACKS}"),
]


@pytest.mark.parametrize("case", MUST, ids=lambda case: case.name)
def test_a_failure_that_counts(case, demo, boot, tmp_path):
    if case.name in list(BAD)[-3:]:
        image = chain.with_files(chain.initrd("hooks-scripts", conf=SCRIPTS),
                                 unpackable(tmp_path, case.name, "entered", case.declaration),
                                 tmp_path / "initrd")
    else:
        program = compiled(tmp_path, "tests/component/hook.c", case.name, case.declaration)
        image = Image([("entered", program)]).build(f"must-{case.name}")
    got = boot(direct(demo.disk, initrd=image))
    refused(got, case.code, "hooks", case.says)
    assert hook(got, "entered", case.name)["duration_us"] < 2_000_000


def test_a_script_that_may_not_be_there(demo, boot, tmp_path):
    """Nor would the builder pack it."""
    image = chain.with_files(demo.initrd, {"usr/lib/slipway/hooks/entered/script": b"#!/bin/sh\n"},
                             tmp_path / "initrd")
    refused(boot(direct(demo.disk, initrd=image)), "HOOK_INVALID", "hooks",
            "hook 'script' is a script, and slipway.conf does not allow")


# A port that is plugged in; the lab's two are before it.
PORT = "/dev/vport0p3"


@pytest.mark.parametrize("name", ["hang", "device"])
def test_a_device_that_comes_late(name, demo, boot, tmp_path):
    """The wait for it is part of the deadline, which is 6 s, whatever the hook does then."""
    program = compiled(tmp_path, "tests/component/hook.c", name, f"deadline=6\ndevice={PORT}\n")
    plug = lab.When("waiting for the devices of hook", after=1,
                    qmp=("device_add", {"driver": "virtserialport", "id": "late", "name": "late"}))
    got = boot(direct(demo.disk, initrd=Image([("discovered", program)]).build(f"late-{name}"), when=[plug]))
    wait = next(w for w in got.record["waits"] if w["what"] == f"the devices of hook '{name}'")
    assert wait["came"] and wait["duration_us"] > 1_000_000, wait
    if name == "device":
        boots(got)
    else:
        refused(got, "HOOK_TIMEOUT", "hooks", "hook 'hang' was killed, as it did not end within seconds: 6")
        took = wait["duration_us"] + hook(got, "discovered", "hang")["duration_us"]
        assert 5_900_000 < took < 7_000_000, took


@pytest.fixture(scope="module")
def hooked(folder) -> Path:
    """A signed extension that brings a hook."""
    program = compiled(folder, "tests/component/hook.c", "refuse", "deadline=2\n")
    place = "usr/lib/slipway/hooks/extended/refuse"
    files = {place: program, f"{place}.hook": program.with_suffix(".hook")}
    return lab.build_sysext(lab.Sysext("hooked", key=lab.key("verity"), files=files), folder)


def test_hook_of_an_extension(hooked, demo, boot, tmp_path):
    plain = chain.initrd("hooks-extensions", conf="hook-extensions=yes\n")
    image = chain.handed_over(plain, [hooked], tmp_path / "initrd")
    got = boot(direct(demo.disk, initrd=image))
    refused(got, "HOOK_REFUSED", "hooks", "hook 'refuse' refuses: the lid is open")
    assert got.extension("hooked")["verdict"] == "merged"
    assert [h["point"] for h in got.record["hooks"]] == ["extended"]


def test_hook_of_an_extension_that_may_bring_none(hooked, demo, boot, tmp_path):
    """The twin: the same extension, without the setting."""
    image = chain.handed_over(demo.initrd, [hooked], tmp_path / "initrd")
    got = boot(direct(demo.disk, initrd=image))
    boots(got, "extension 'hooked' skipped: its '/usr/lib/slipway' would replace hooks")
    assert "hooks" not in got.record


@pytest.fixture(scope="module")
def watched(folder) -> Path:
    """Hooks that are told of a failure: two that do what they must not, and then one that looks."""
    hooks = [("failed", compiled(folder, "tests/component/hook.c", name, "deadline=1\n"))
             for name in ("hang", "refuse")]
    view = compiled(folder, "tests/component/hook.c", "tell-view", "failure=skip\n")
    return Image([*hooks, ("failed", view)], "hook-measure=yes\n").build("watched")


@pytest.mark.parametrize("words,code,stage", [("systemd.verity=no", "ROOT_UNPROTECTED", "choose"),
                                              ("init=bin/init", "CMDLINE", "inputs")])
def test_a_failure_is_watched(words, code, stage, watched, demo, boot):
    """In whatever stage; the reason stays, the last hook is asked, and PCR 11 is capped."""
    got = boot(direct(demo.disk, words, initrd=watched, tpm=True))
    refused(got, code, stage)
    assert [(h["point"], h["name"], h["verdict"], h["code"]) for h in got.record["hooks"]] == [
        ("failed", "hang", "failed", "HOOK_TIMEOUT"), ("failed", "refuse", "refused", "HOOK_REFUSED"),
        ("failed", "tell-view", "continued", None)]
    assert hook(got, "failed", "hang")["duration_us"] < 2_000_000
    assert sum("which changes nothing" in text for text in got.record["warnings"]) == 2
    assert got.seen("fail: measured 'slipway-failed'") <= got.seen("hooks: measured 'slipway-hook:failed:hang")
    said = re.findall(r"slipway\[1\]: hooks: hook 'tell-view': (.*)", got.serial)
    view = json.loads("".join(said).removesuffix("message of tell-view"))
    jsonschema.validate(view, schema())
    assert view["boot"]["failure"] == got.record["failure"]
    for spoil in ({"point": "proven"} if "firmware" not in view["boot"] else {"schema": 2},
                  {"boot": {k: v for k, v in view["boot"].items() if k != "failure"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(view | spoil, schema())


def test_nobody_watches_a_good_boot(watched, demo, boot, tmp_path):
    """The twin: no failure, and none of them runs or is measured; nor does the builder foresee it."""
    got = boot(direct(demo.disk, initrd=watched, tpm=True))
    boots(got)
    assert "hooks" not in got.record
    foreseen(got, watched, tmp_path / "uki.efi")
