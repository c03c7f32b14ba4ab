# SPDX-License-Identifier: LGPL-2.1-or-later
"""What follows a failure: how the machine ends, and what the same boot may try before."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import chain
import lab
import pytest
from expect import boots, direct, measured, refused
from lab import appliance, ddi, demoroot, disk, paths, tree
from lab.steps import digest, once, run
from test_hooks import SWITCH, compiled
from variants import variant

RULES = """failure=halt
failure-delay=0
failure.inputs=reboot
failure.CMDLINE=poweroff
failure.DISK_TIMEOUT=retry
failure.proof=next-slot
failure.root=next-slot
"""
UUIDS = [f"51070{n:03x}-51b1-4a7e-9d3a-6f1b6e3c1d0e" for n in range(4)]


@pytest.fixture(scope="module")
def ruled(lab):
    """An initrd with rules for what follows a failure."""
    return chain.initrd("failure-rules", conf=RULES)


ENDS = [  # words, reason, stage, end
    ("init=bin/init", "CMDLINE", "inputs", "poweroff"),
    ("systemd.verity=no", "ROOT_UNPROTECTED", "choose", "halted"),
    ("systemd.verity=no slipway.failure=poweroff", "ROOT_UNPROTECTED", "choose", "poweroff"),
]


@pytest.mark.parametrize("words,code,stage,end", ENDS, ids=[f"{x[1]}-{x[3]}" for x in ENDS])
def test_ends(words, code, stage, end, demo, ruled, boot):
    refused(boot(direct(demo.disk, words, initrd=ruled)), code, stage, end=end)


def test_default_is_to_reboot_after_ten_seconds(demo, boot):
    """So long the failure stays readable."""
    spec = direct(demo.disk)
    spec.append = f"{appliance.CMDLINE} slipway.disk=/dev/vda systemd.verity=no"
    got = boot(spec)
    refused(got, "ROOT_UNPROTECTED", "choose")
    shown = got.seen(r"next   reboots in 10 s")
    assert shown and 9.5 < got.seconds - shown < 40, got.explain()


# ---- next slot ----

def slot(parts: list[lab.Part], version: int) -> list[lab.PartSpec]:
    """A set of this version, whose signature partition, if any, has a UUID of its own."""
    specs = disk.root_parts(parts)
    return [replace(spec, label=f"os{'-' + part.kind if part.kind != 'data' else ''}_{version}",
                    uuid=UUIDS[version] if part.kind == "sig" else part.uuid)
            for spec, part in zip(specs, parts, strict=True)]


def slots(out: Path, *sets: list[lab.Part]) -> disk.Disk:
    """A disk with these sets, the newest first."""
    return lab.make_disk(out, kinds=(), more=[spec for n, parts in enumerate(sets)
                                              for spec in slot(parts, len(sets) - n)])


def tried(got: lab.Result) -> list[tuple[str, str, str]]:
    """What the record, and the console, say was tried: attempt, label that failed, reason."""
    attempts = got.record.get("attempts", [])
    for at in attempts:
        assert got.seen(rf"FAILED stage {at['stage']}  \[{at['code']}\]"), got.explain()
    return [(at["attempt"], at["label"], at["code"]) for at in attempts]


def test_next_slot(demo, ruled, boot, tmp_path):
    """Two newer sets that prove nothing, and one that is as good as the newest should have been."""
    forged = chain.signed_again(variant("no-init"), lab.key("attacker"), tmp_path / "forged")
    made = slots(tmp_path / "disk.img", forged, variant("no-os"), lab.root_parts())
    got = boot(direct(made.path, initrd=ruled))
    boots(got)
    assert tried(got) == [("next-slot", "os_3", "SIGNATURE_UNTRUSTED"),
                          ("next-slot", "os_2", "ROOT_NO_OS")]
    assert got.record["root"]["roothash"] == demo.roothash
    verdicts = {part["label"]: part["verdict"] for part in got.record["partitions"]}
    assert verdicts["os_3"] == verdicts["os_2"] == "failed in this boot"
    assert verdicts["os_1"] == "chosen"
    assert got.seen(r"next   tries partition \d+ 'os_2' in the place of") < \
        got.seen(r"next   tries partition \d+ 'os_1' in the place of")


def test_both_slots_are_bad(ruled, boot, tmp_path):
    """It ends, and as it is said."""
    made = slots(tmp_path / "disk.img", variant("no-os"), variant("no-init"))
    got = boot(direct(made.path, initrd=ruled))
    refused(got, "ROOT_NO_INIT", "check", end="halted")
    assert tried(got) == [("next-slot", "os_2", "ROOT_NO_OS")]


def test_next_slot_is_not_signed(ruled, boot, tmp_path):
    """What the first one has to prove, the next one has to prove, too."""
    unsigned = [part for part in lab.root_parts() if part.kind != "sig"]
    made = slots(tmp_path / "disk.img", variant("no-os"), unsigned)
    got = boot(direct(made.path, initrd=ruled))
    refused(got, "SIGNATURE_MISSING", "choose", end="halted")
    assert tried(got) == [("next-slot", "os_2", "ROOT_NO_OS")]


@pytest.mark.parametrize("point,attempts", [
    ("discovered", []), ("proven", [("next-slot", "os_2", "HOOK_REFUSED")])])
def test_gate_holds_for_every_slot(point, attempts, boot, tmp_path):
    """Where no root is chosen yet there is no other one; else the gate is asked for each."""
    folder = chain.SHARED / "hooks-failure"
    folder.mkdir(parents=True, exist_ok=True)
    gate = compiled(folder, "hooks/examples/gate.c", "gate", "", f'-DSWITCH="{SWITCH}"')
    image = chain.initrd(f"failure-gate-{point}", more=(f"--hook={point}:{gate}",),
                         conf="failure.hook=next-slot halt\nfailure-delay=0\n")
    made = slots(tmp_path / "disk.img", variant("no-os"), lab.root_parts())
    got = boot(direct(made.path, initrd=image))
    refused(got, "HOOK_REFUSED", "hooks", end="halted")
    assert tried(got) == attempts
    assert [hook["verdict"] for hook in got.record["hooks"]] == ["refused"] * (1 + len(attempts))


def test_hooks_leave_their_files_once_more(boot, tmp_path):
    """What they left for a root that failed is gone before they run for the next one."""
    folder = chain.SHARED / "hooks-failure"
    folder.mkdir(parents=True, exist_ok=True)
    hook = compiled(folder, "tests/component/hook.c", "output",
                    "output=/run/vendor/deep/program\noutput=/run/vendor/secret\n")
    image = chain.initrd("failure-output", more=(f"--hook=proven:{hook}",),
                         conf="failure.root=next-slot\nfailure-delay=0\n")
    made = slots(tmp_path / "disk.img", variant("no-os"), lab.root_parts())
    got = boot(direct(made.path, initrd=image))
    boots(got)
    assert tried(got) == [("next-slot", "os_2", "ROOT_NO_OS")]
    assert [(h["verdict"], h["files"]) for h in got.record["hooks"]] == [("continued", 2)] * 2


# ---- retry ----

def test_retry_takes_no_slot_that_failed(boot, tmp_path):
    """The table is read once more, but what it said was tried stays tried."""
    image = chain.initrd("failure-both", conf="failure=halt\nfailure.ROOT_NO_OS=next-slot\n"
                         "failure.ROOT_NO_INIT=retry\nfailure-delay=0\n")
    made = slots(tmp_path / "disk.img", variant("no-os"), variant("no-init"))
    got = boot(direct(made.path, initrd=image))
    refused(got, "ROOT_NO_INIT", "check", end="halted")
    assert tried(got) == [("next-slot", "os_2", "ROOT_NO_OS"), *[("retry", None, "ROOT_NO_INIT")] * 3]


def test_retry(demo, ruled, boot):
    """A disk that comes when it was given up once."""
    spec = direct(demo.disk, "slipway.timeout=1", initrd=ruled,
                  when=[lab.When("retry 1 of 3", attach=0)])
    spec.drives[0] = replace(spec.drives[0], attached=False)
    got = boot(spec)
    boots(got)
    assert tried(got) == [("retry", None, "DISK_TIMEOUT")] * len(got.record["attempts"])


def test_retry_ends(ruled, boot, tmp_path):
    """The twin: it never comes."""
    spec = appliance.direct(tmp_path, initrd=ruled, append="slipway.timeout=1")
    spec.drives.clear()
    got = boot(spec)
    refused(got, "DISK_TIMEOUT", "discover", end="halted")
    assert tried(got) == [("retry", None, "DISK_TIMEOUT")] * 3


def test_quiet(demo, boot):
    """Whoever waits longer than others do is told for what, and why it ended, whatever is hidden."""
    spec = direct(demo.disk, "quiet loglevel=1 slipway.timeout=4")
    spec.drives.clear()
    got = boot(spec)
    refused(got, "DISK_TIMEOUT", "discover")
    assert got.seen(r"^slipway: waiting for the disk with .*, 1 s left$"), got.explain()
    assert got.seen(r"^slipway: FAILED stage discover"), got.explain()


VGA_TEXT, COLUMNS = 0xb8000, 80
NO_INIT = "/usr/bin/" + "no-such-init-" * 8


def block_on(got: lab.Result) -> list[str]:
    """The failure, as the serial console has it: each line that is on a screen, too."""
    serial = [text for _, text in got.lines]
    start = next(n for n, text in enumerate(serial) if "slipway: FAILED stage" in text)
    block = serial[start : next(n for n, text in enumerate(serial) if "PM: Preparing" in text)]
    assert 8 <= len(block) <= 25, block
    return block


def test_screen(demo, boot, tmp_path):
    """A picture tube of 80 by 25 shows it whole, every line as the serial console has it."""
    memory = tmp_path / "screen"
    words = f"console=tty0 console=ttyS0 slipway.failure_delay=3 init={NO_INIT}"
    spec = direct(demo.disk, words, arguments=["-device", "VGA"],
                  when=[lab.When("  next   ", after=1, qmp=(
                      "pmemsave", {"val": VGA_TEXT, "size": 32768, "filename": str(memory)}))])
    spec.kernel = demo.vmlinuz  # PVH leaves the screen out
    got = boot(spec)
    refused(got, "ROOT_NO_INIT", "check")
    cells = memory.read_bytes()[::2].decode("cp437")
    rows = [cells[at : at + COLUMNS].rstrip() for at in range(0, len(cells), COLUMNS)]
    first = next(n for n, row in enumerate(rows) if "slipway: FAILED stage" in row)
    block = block_on(got)
    assert rows[first : first + len(block)] == block


CELL_WIDTH, CELL_HEIGHT = 8, 16  # of the kernel's font


def cells_of(picture: bytes) -> list[list[bytes]]:
    """The cells of a framebuffer's console, row by row, each as its pixels in a PPM."""
    kind, width, height, depth, pixels = re.fullmatch(rb"(P6)\s(\d+)\s(\d+)\s(255)\s(.*)", picture, re.S).groups()
    line, cell = int(width) * 3, CELL_WIDTH * 3
    return [[b"".join(pixels[(top + y) * line + left : (top + y) * line + left + cell]
                      for y in range(CELL_HEIGHT)) for left in range(0, line - cell + 1, cell)]
            for top in range(0, int(height) - CELL_HEIGHT + 1, CELL_HEIGHT)]


def shows(rows: list[list[bytes]], text: list[str]) -> bool:
    """Whether the rows are this text in whatever font: each character has a shape of its own."""
    shapes: dict[str, bytes] = {}
    for row, line in zip(rows, text, strict=True):
        for shape, character in zip(row, line.ljust(len(row)), strict=True):
            if shapes.setdefault(character, shape) != shape:
                return False
    return len(set(shapes.values())) == len(shapes)


def test_framebuffer(demo, boot, tmp_path):
    """With firmware the screen is a picture: the same lines are in it, and no other ones there."""
    picture = tmp_path / "screen.ppm"
    words = f"console=tty0 console=ttyS0 slipway.failure_delay=5 init={NO_INIT}"
    got = boot(lab.Spec(firmware="off", drives=[lab.Drive(demo.disk)], cmdline_extra=words, timeout=300,
                        arguments=["-device", "VGA"], when=[lab.When("  next   ", after=2, qmp=(
                            "screendump", {"filename": str(picture)}))]))
    refused(got, "ROOT_NO_INIT", "check")
    rows, block = cells_of(picture.read_bytes()), block_on(got)
    places = [n for n in range(len(rows) - len(block) + 1) if shows(rows[n : n + len(block)], block)]
    assert len(places) == 1, f"{places} of {len(rows)} rows of {len(rows[0])}"
    changed = [block[0].replace("FAILED", "PASSED"), *block[1:]]
    assert not shows(rows[places[0] : places[0] + len(block)], changed)


# ---- boot counting ----

BLESS = ("systemd-bless-boot", "system/systemd-bless-boot.service",
         "system-generators/systemd-bless-boot-generator")
BLESSED = r"Finished.*systemd-bless-boot\.serv"


def blessing() -> list[lab.Part]:
    """The demo's root with what tells sd-boot that a boot was good, out of its package."""
    folder, key = paths.LAB / "root-blessing", lab.key("verity")

    def make(new: Path) -> None:
        stage = Path(tempfile.mkdtemp(prefix="blessing-", dir=paths.LAB))
        run(["cp", "-a", demoroot.root_tree(), stage / "tree"])
        script = 'cd /tmp && apt-get -qq download systemd-boot && dpkg-deb -x ./*.deb "$1"'
        lab.tool("sh", "-c", script, "sh", tree.host(stage))
        for name in BLESS:
            shutil.move(stage / "usr/lib/systemd" / name, stage / "tree/usr/lib/systemd" / name)
        ddi.cut(stage / "root.img", lab.repart(stage / "tree", stage / "root.img", key=key), new)
        shutil.rmtree(stage)

    once(folder, digest("blessing 1", lab.root_parts()[0].roothash, key.cert),
         "root DDI, with systemd-bless-boot", make)
    return ddi.load_parts(folder)


def sd_boot(folder: Path) -> Path:
    """The boot loader, signed like a UKI."""
    key, out = lab.key("db"), folder / "sd-boot.efi"
    lab.tool("sbsign", "--key", tree.host(key.key), "--cert", tree.host(key.cert), "--output",
             f"{tree.host(folder)}/{out.name}", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
    return out


def entries(made: disk.Disk, label: str) -> list[str]:
    """The UKIs on the ESP that sd-boot chooses from."""
    listed = run(["mdir", "-b", "-i", f"{made.path}@@{made.offset(label)}", "::EFI/Linux"])
    return sorted(Path(name).name for name in listed.stdout.decode().split())


def variables(store: Path) -> str:
    """The EFI variables in a store, as text."""
    shown = lab.tool("virt-fw-vars", "--input", tree.host(store), "--print")
    return shown.stdout.decode()


def test_boot_counting(demo, boot, tmp_path):
    """The newer entry fails as often as it may; then sd-boot takes the older one, which is good.

    What failed is known to the boots that follow, until one succeeds. So a limit that is not reached
    changes nothing, and what was counted is gone.
    """
    image = chain.initrd("keeps-failure", conf="keep-failure=efi\nfailure-limit=3\n")
    good = chain.uki("counted", image, words="systemd.unit=basic.target")
    bad = chain.uki("counted-bad", image, words="systemd.verity=no")
    made = lab.make_disk(tmp_path / "disk.img", parts=blessing(), esp_files={
        "EFI/BOOT/BOOTX64.EFI": sd_boot(tmp_path), "loader/loader.conf": b"timeout 0\n",
        "EFI/Linux/demo_2+2.efi": bad.path, "EFI/Linux/demo_1+2.efi": good.path})
    store = tmp_path / "vars.fd"
    got = boot(chain.chain(made.path, drives=[lab.Drive(made.path, keep=True)], resets=9,
                           until=BLESSED, firmware="off", tpm="none", keep_variables=store))
    assert got.end == "stopped", got.explain()
    first, second, third = got.records
    for record in (first, second):
        assert record["failure"]["code"] == "ROOT_UNPROTECTED", record["failure"]
    assert third["result"] == "handed-over"
    assert len({record["boot_id"] for record in got.records}) == 3
    assert entries(made, made.table.entries[0].label) == ["demo_1.efi", "demo_2+0-2.efi"]
    kept = {key: first["failure"][key] for key in ("stage", "code", "what")}
    assert [record.get("last_failure") for record in got.records] == \
        [None, {**kept, "count": 1}, {**kept, "count": 2}]
    shown = variables(store)
    assert re.search(r"(?m)^Boot0001 ", shown) and not re.search(r"(?m)^SlipwayFailure", shown)


LIMITS = {  # slipway.conf, resets until the machine is taken away, boots, end
    "3": ("failure-limit=3\n", 9, 3, "halted"),
    "2-poweroff": ("failure-limit=2 poweroff\nfailure.root=reboot\n", 9, 2, "poweroff"),
    "no": ("failure-limit=no\n", 3, 4, "reboot"),
}


@pytest.mark.parametrize("conf,resets,boots_,end", LIMITS.values(), ids=LIMITS)
def test_both_entries_are_bad(conf, resets, boots_, end, boot, tmp_path):
    """Each entry fails as often as it may, and sd-boot goes on with the newest: that has an end.

    The word on the command line asks for another reset each time, in vain; without a limit it is what
    happens.
    """
    image = chain.initrd(f"limit-{boots_}", conf=f"keep-failure=efi\n{conf}")
    bad = chain.uki(f"limit-{boots_}", image, words="systemd.verity=no slipway.failure=reboot")
    made = lab.make_disk(tmp_path / "disk.img", esp_files={
        "EFI/BOOT/BOOTX64.EFI": sd_boot(tmp_path), "loader/loader.conf": b"timeout 0\n",
        "EFI/Linux/demo_2+1.efi": bad.path, "EFI/Linux/demo_1+1.efi": bad.path})
    store = tmp_path / "vars.fd"
    got = boot(chain.chain(made.path, drives=[lab.Drive(made.path, keep=True)], resets=resets,
                           firmware="off", tpm="none", keep_variables=store))
    assert got.end == end and len(got.records) == boots_, got.explain()
    assert {record["failure"]["code"] for record in got.records} == {"ROOT_UNPROTECTED"}
    counts = [record.get("last_failure", {}).get("count") for record in got.records]
    assert counts == [None, *(range(1, boots_) if end != "reboot" else [1] * (boots_ - 1))]
    assert entries(made, made.table.entries[0].label) == [
        "demo_1+0-1.efi", f"demo_2+0-{boots_ - 1}.efi"]
    assert bool(got.seen(r"as failure-limit=\d+ says of boots")) == (end != "reboot"), got.explain()
    assert re.search(r"(?m)^SlipwayFailure", variables(store))


@pytest.mark.parametrize("words", ["printk.always_kmsg_dump=1", ""], ids=["asked", "not asked"])
def test_the_kernel_keeps_its_log(words, boot, tmp_path):
    """As slipway.conf(5) says at keep-failure=: by the kernel's own means, if it is asked."""
    image = chain.initrd("pstore", conf="modules=efi_pstore\n", more=("--modules=+efi_pstore",))
    uki = chain.uki("pstore", image, words="systemd.verity=no pstore.compress=none")
    made = lab.make_disk(tmp_path / "disk.img", uki=uki.path)
    store = tmp_path / "vars.fd"
    got = boot(chain.chain(made.path, words=words, firmware="off", tpm="none", keep_variables=store))
    refused(got, "ROOT_UNPROTECTED", "choose")
    kept = b"slipway: FAILED stage choose  [ROOT_UNPROTECTED]" in store.read_bytes()
    assert kept == bool(words)


# ---- debug images ----

KEY = "open sesame, please"
HASHED = ("$6$abcdefgh12345678$7NID6uWboG0sXaweOkSDNRRibNvKdy9NtZB9nfo8DKXjYBTRgpKKFfqLRs7Gp6gev"
          "E3dHvVjUQ2cytCUpa3/m0")  # openssl passwd -6
ANSWER, SECRET = "42-is-a-shell", "only-for-the-host"
ASKS, OPEN, CLOSED = "Key of the debug shell", r"^Debug shell\.", r"^No debug shell\.$"


@pytest.fixture(scope="module")
def debug():
    """An initrd with a shell for whoever has the key, and a secret that a stub handed over."""
    image = chain.initrd("debug", conf=f"failure=poweroff\nfailure-delay=0\ndebug-key={HASHED}\n",
                         more=("--debug-shell=/bin/busybox",))
    out = chain.SHARED / "debug-handed-over.zst"
    once(out, digest("handed over 1", image, SECRET), "debug initrd with a secret",
         lambda new: chain.with_files(image, {".extra/boot-secret": SECRET.encode()}, new))
    return out


def keys(*words: str) -> list[lab.When]:
    """Each is typed when it is asked for a key for the first, the second, the third time."""
    return [lab.When(rf"{ASKS} \({n} of 3\)", type=f"{word}\n") for n, word in enumerate(words, 1)]


def is_debug(got: lab.Result) -> None:
    """The console and the record say so."""
    assert got.record["debug"] is True
    assert got.seen("^.*slipway: THIS IS A DEBUG IMAGE"), got.explain()


def test_debug_shell(demo, debug, boot):
    """It opens for the key, when nothing that was sealed opens any more and secrets are gone."""
    commands = ("cat /etc/initrd-release; cat /.extra/* /run/systemd/stub/*; "
                "echo $((40+2))-is-a-shell; exit\n")
    got = boot(direct(demo.disk, "systemd.verity=no", tpm=True, initrd=debug,
                      when=[*keys("not this", KEY), lab.When(OPEN, type=commands)]))
    assert got.failure == "ROOT_UNPROTECTED" and got.end == "poweroff", got.explain()
    is_debug(got)
    measured(got, ["enter-initrd", "slipway-failed"])
    assert got.seen("next   asks for the key of the debug shell, then"), got.explain()
    assert got.seen("FAILED stage choose") < got.seen(ASKS) < got.seen(OPEN) < got.seen(ANSWER)
    assert got.seen("^VARIANT_ID=debug$"), got.explain()
    assert not got.seen("job control turned off"), got.explain()
    assert KEY not in got.serial and SECRET not in got.serial


@pytest.mark.parametrize("words", [("wrong", "", f"echo $((40+2))-is-a-shell; {KEY}"), ("wrong",)],
                         ids=["wrong", "silent"])
def test_debug_shell_stays_closed(words, demo, debug, boot):
    """For other keys, and when for a minute nobody has it; what was typed before counts not."""
    early = lab.When("FAILED stage", type=f"{KEY}\n")
    got = boot(direct(demo.disk, "systemd.verity=no", initrd=debug, when=[early, *keys(*words)]))
    assert got.failure == "ROOT_UNPROTECTED" and got.end == "poweroff", got.explain()
    is_debug(got)
    assert got.seen(CLOSED) and not got.seen(OPEN), got.explain()
    assert len(re.findall(ASKS, got.serial)) == min(3, len(words) + 1)
    assert ANSWER not in got.serial


def test_debug_shell_needs_the_cap(demo, debug, boot):
    """A TPM that does not answer may hold what would still be unsealed."""
    spec = direct(demo.disk, "slipway.timeout=3", tpm=True, initrd=debug, when=keys(KEY))
    got = boot(replace(spec, tpm="dead"))
    assert got.failure == "TPM_MISSING" and got.end == "poweroff", got.explain()
    assert got.seen("no debug shell: what it could unseal"), got.explain()
    assert not got.seen(ASKS) and not got.seen(OPEN), got.explain()


def test_debug_image_boots(demo, debug, boot):
    """Like every other, and says what it is; nobody is asked."""
    got = boot(direct(demo.disk, initrd=debug, tpm=True))
    boots(got)
    is_debug(got)
    assert not got.seen(ASKS)
