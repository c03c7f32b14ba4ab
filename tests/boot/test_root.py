# SPDX-License-Identifier: LGPL-2.1-or-later
"""The proven root: mounted as asked, checked before it takes over, and never a shell instead."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import lab
import verified
from expect import HANDING_OVER, QUICKLY, boots, direct, measured, no_shell, prompts, refused, runs_whole
from lab import hermetic, paths
from variants import variant


@pytest.fixture
def boot(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


ROOT_ARM64 = "b921b045-1df0-41c3-af44-4c6f280d3fae"
ROOT_RISCV64 = "72ec70a6-cf74-40e6-bd49-4bda08e8f224"
SPARE_UUID = "0a110000-51b1-4a7e-9d3a-6f1b6e3c1d0e"


@pytest.fixture(scope="module")
def quick(lab):
    """The demo's initrd, but it does not wait after a failure whatever the command line says."""
    return lab.initrd(paths.LAB / "initrd-quick.zst", conf=QUICKLY)


TREES = [
    ("no-os", "ROOT_NO_OS", "os-release", True),
    ("no-init", "ROOT_NO_INIT", "/usr/lib/systemd/systemd", True),
    ("no-usr", "ROOT_NO_OS", "usr", False),
    ("no-mount-points", "SWITCH", "'/dev'", False),
]


@pytest.mark.parametrize("name,code,says,tpm", TREES, ids=[tree[0] for tree in TREES])
def test_tree_that_cannot_take_over(name, code, says, tpm, boot, tmp_path):
    """Signed by the right key and whole, but no system."""
    disk = lab.make_disk(tmp_path / "disk.img", parts=variant(name))
    got = boot(direct(disk.path, tpm=tpm))
    refused(got, code, "check", says)
    assert got.record["root"]["proven_by"] == "certificate"


@pytest.mark.parametrize("type_uuid,name", [(ROOT_ARM64, "arm64"), (ROOT_RISCV64, "riscv64")])
def test_root_of_another_architecture(type_uuid, name, boot, tmp_path):
    other = lab.PartSpec(type_uuid, SPARE_UUID, "foreign", size=1 << 20)
    disk = lab.make_disk(tmp_path / "disk.img", kinds=(), more=[other])
    refused(boot(direct(disk.path, tpm=True)), "ROOT_MISSING", "choose", rf"'foreign' .*\({name}\)")


@dataclass(frozen=True)
class Words:
    """Words of the command line and what comes of them; no code: the demo boots."""

    name: str
    words: str
    code: str = ""
    stage: str = "inputs"
    says: str = ""
    warnings: tuple[str, ...] = ()
    tpm: bool = False


WORDS = [
    Words("type-right", "rootfstype=erofs ro"),
    Words("type-wrong", "rootfstype=ext4", "ROOT_MOUNT", "assemble", "'erofs'.*'ext4'", tpm=True),
    Words("flags-wrong", "rootflags=no_such_option", "ROOT_MOUNT", "assemble"),
    Words("writable", "rw", warnings=("'rw' is ignored",)),
    Words("unbalanced", "quiet_not_quite=\"a b systemd.verity=no slipway.disk=/dev/nowhere"),
    Words("unknown", "no.such.word=1 --flag rd.luks slipway.colour=red =x ''",
          warnings=("slipway.colour",)),
    Words("init-missing", "init=/usr/bin/no-such-init", "ROOT_NO_INIT", "check", "no-such-init",
          tpm=True),
    Words("init-directory", "init=/usr/bin", "ROOT_NO_INIT", "check"),
    Words("init-relative", "init=bin/init", "CMDLINE", says="'init="),
    Words("init-outside", "init=/../../init", "ROOT_NO_INIT", "check"),
    Words("volatile-unknown", "systemd.volatile=perhaps", "CMDLINE", says="systemd.volatile"),
    Words("root-label", "root=LABEL=root", "UNSUPPORTED", says="proves nothing"),
    Words("root-network", "root=nfs:10.0.0.1:/export", "UNSUPPORTED", says="nfs"),
    Words("luks", "rd.luks.name=4f68bce3-e8cd-4db1-96e7-fbcaf984b709=root", "UNSUPPORTED", "choose",
          "the root is not encrypted", tpm=True),
    Words("luks-other", "rd.luks.name=4f68bce3-e8cd-4db1-96e7-fbcaf984b709=home", "UNSUPPORTED",
          says="no encrypted volume is opened here but the root"),
    Words("usr", "mount.usr=/dev/vda9", "ROOT_MISSING", "choose", "no usr partition"),
    Words("known-and-left-alone", "resume=/dev/vda9 rd.systemd.unit=x.target "
          "systemd.factory_reset=1 rd.systemd.pull=a:b:c",
          warnings=("'resume'", "'rd.systemd.unit'", "factory reset", "no network")),
]


@pytest.mark.parametrize("case", WORDS, ids=lambda case: case.name)
def test_words(case, demo, boot, quick):
    got = boot(direct(demo.disk, case.words, tpm=case.tpm, initrd=quick))
    if case.code:
        refused(got, case.code, case.stage, case.says)
    else:
        boots(got)
    for warning in case.warnings:
        assert any(warning in text for text in got.record["warnings"]), got.record["warnings"]


# What only a root of that kind lets systemd say: with `yes` there is no /etc to name the host,
# with `overlay` /etc can be written to, with `state` it cannot.
TRANSIENT = "Installed transient /etc/machine-id"
VOLATILE = [
    ("yes", "Hostname set to <localhost>", "Hostname set to <slipway-demo>"),
    ("overlay", "Hostname set to <slipway-demo>", TRANSIENT),
    ("state", TRANSIENT, "Hostname set to <localhost>"),
]


@pytest.mark.parametrize("mode,seen,unseen", VOLATILE, ids=[mode[0] for mode in VOLATILE])
def test_volatile_root(mode, seen, unseen, demo, boot):
    got = boot(direct(demo.disk, f"systemd.volatile={mode}", until="Queued start job"))
    boots(got)
    assert got.seen(seen) and not got.seen(unseen), got.explain()


@pytest.mark.parametrize("mode,fstype", [("overlay", "overlay"), ("yes", "tmpfs")])
def test_debian_runs_on_a_volatile_root(mode, fstype, boot, tmp_path):
    """To 'running', with no failed unit and no slow wait; with `yes` of a /usr that makes its own /etc."""
    parts = hermetic.root_parts() if mode == "yes" else None
    disk = lab.make_disk(tmp_path / "disk.img", parts=parts)
    got = boot(direct(disk.path, f"systemd.volatile={mode}", until=""))
    boots(got)
    report = got.report
    runs_whole(got)
    assert report.mount("/")["fstype"] == fstype, report.mount("/")
    assert report.text("root_device") == "active"


SHELL_WORDS = ("rd.break rd.break=pre-mount rd.emergency rd.rescue rd.shell break=top shell "
               "rd.systemd.break=pre-mount rd.systemd.debug_shell=1 systemd.debug_shell=1 "
               "emergency rescue single S 1")
TYPED, ANSWER = "\n\necho $((40+2))-is-a-shell\n", "42-is-a-shell"


def test_no_word_opens_a_shell(demo, boot):
    """Typed before the hand-over, nothing answers."""
    typing = [lab.When(pattern, type=TYPED) for pattern in ("Run /init", r"slipway\[1\]: early")]
    got = boot(direct(demo.disk, SHELL_WORDS, when=typing))
    boots(got, warning="no word opens a shell")
    assert ANSWER not in got.serial


def test_no_word_opens_a_shell_after_a_failure(demo, boot):
    """Neither while the failure is shown: the machine waits for nobody, and reboots. Nor are the
    keys echoed by then, which would tear the lines of the failure apart."""
    typing = [lab.When("FAILED stage", type=TYPED), lab.When("  next   reboots", type=TYPED)]
    words = f"{SHELL_WORDS} init=/bin/sh systemd.verity=no slipway.failure_delay=3"
    got = boot(direct(demo.disk, words, when=typing, tpm=True))
    refused(got, "ROOT_UNPROTECTED", "choose")
    assert ANSWER not in got.serial and TYPED.strip() not in got.serial


NO_DISK = f"slipway.disk=PARTUUID={SPARE_UUID}"
AWAITED = "slipway: waiting for the disk"


def test_enter_held_opens_nothing(demo, boot):
    """For more than a minute's worth, while a disk is awaited and while the failure is shown."""
    held = "\n" * 2000 + TYPED
    typing = [lab.When(pattern, type=held) for pattern in (AWAITED, "FAILED stage")]
    got = boot(direct(demo.disk, f"{NO_DISK} slipway.timeout=5 slipway.failure_delay=3", when=typing))
    refused(got, "DISK_TIMEOUT", "discover")
    assert ANSWER not in got.serial


def test_ctrl_alt_del_is_the_kernels(demo, boot):
    """It reboots at once, and asks nobody."""
    keys = [{"type": "qcode", "data": key} for key in ("ctrl", "alt", "delete")]
    pressed = lab.When(AWAITED, after=2, qmp=("send-key", {"keys": keys}))
    got = boot(direct(demo.disk, f"{NO_DISK} slipway.timeout=90", when=[pressed]))
    assert got.end == "reboot" and got.record is None, got.explain()
    assert not got.seen("FAILED stage"), "it waited for its own end"
    no_shell(got)


def test_there_is_no_other_program_in_the_initrd(demo, boot):
    """rdinit= is the kernel's own word: without us it finds nothing to run, and panics."""
    got = boot(direct(demo.disk, "rdinit=/bin/sh"))
    assert got.end == "panic" and got.record is None, got.explain()
    no_shell(got)


def test_init_that_is_a_shell_is_the_roots_own(demo, boot, tmp_path):
    """init=/bin/sh runs, but only out of the proven root and after the phase was closed.

    Lockdown is the kernel's, and changes nothing about that."""
    ask = lab.When("job control turned off", type="cat /proc/self/mountinfo; " + TYPED.lstrip())
    image = lab.initrd(tmp_path / "initrd.zst", conf="lockdown=integrity\n")
    got = boot(direct(demo.disk, "init=/bin/sh lockdown=integrity", tpm=True, initrd=image,
                      when=[ask], until=ANSWER))
    assert got.record["lockdown"] == "integrity"
    over = got.seen(HANDING_OVER)
    assert got.record["result"] == "handed-over" and got.record["init"] == "/bin/sh"
    assert over and over < got.seen(ANSWER), got.explain()
    assert prompts(got) and min(prompts(got)) > over, got.explain()
    # So the TPM is in no phase that a signature knows.
    measured(got, ["enter-initrd", "slipway-init:/bin/sh", "leave-initrd"])
    assert got.seen(r" / / ro\b.* erofs /dev/mapper/root"), got.explain()
