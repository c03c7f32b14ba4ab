# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measuring: without a TPM, with one, with one that is announced and does not work."""

import re

import pytest

import chain
import predicted
from expect import MEASURE, RUNNING, boots, measured, refused
from lab import LabError, steps, tpm
from lab.judge import READY
from test_firmware import VISIBLE, planted

REQUIRED, OPTIONAL = "tpm=required\n", "tpm=optional\n"
# Each is on the console when the named thing has happened and the next has not.
DRIVER_IS_THERE = r"slipway\[1\]: early: slipway"
ENTERED = r"measured 'enter-initrd'"


def pcr_11(*words):
    """What these words alone make of a new TPM's PCR 11."""
    value = "00" * 32
    for word in words:
        value = tpm.extend("sha256", value, tpm.word_digest("sha256", word))
    return value


def conf(text):
    """The demo's initrd with this slipway.conf."""
    if not text:
        return {}
    name = "conf-" + re.sub(r"\W+", "-", text).strip("-")
    return {"initrd": chain.initrd(name, conf=text)}


@pytest.mark.parametrize("settings", ["", OPTIONAL], ids=["default", "optional"])
def test_no_tpm_boots_unmeasured(lab, demo, boot, settings):
    got = boot(lab.direct(demo.disk, until=RUNNING, **conf(settings)))
    boots(got)
    assert got.record["tpm"] == "no TPM" and got.record["firmware"]["tpm2"] is False
    assert not {"measurements", "pcr", "banks", "pcr_scheme", "srk"} & set(got.record)
    assert got.seen("no TPM: this boot is not measured")


@pytest.mark.parametrize("settings, append, says", [
    (REQUIRED, "", "slipway.conf requires a TPM"),
    ("", MEASURE, "did not appear, though the command line announces a TPM"),
], ids=["required", "by-word"])
def test_no_tpm_where_one_must_be(lab, demo, boot, settings, append, says):
    got = boot(lab.direct(demo.disk, append=f"{append} slipway.timeout=3", until=RUNNING,
                          **conf(settings)))
    refused(got, "TPM_MISSING", "tpm", says=says)


def test_tpm_without_a_measuring_stub_is_left_alone(lab, demo, boot):
    """Nothing vouches for this initrd, so its words would prove nothing."""
    got = boot(lab.direct(demo.disk, tpm="on", until=RUNNING))
    assert got.record["result"] == "handed-over" and got.seen(RUNNING), got.explain()
    assert got.record["tpm"] == "a TPM, but no stub that measured this initrd"
    assert "measurements" not in got.record
    assert got.pcrs["sha256"][11] == "00" * 32


def test_tpm_without_a_measuring_stub_where_it_must_be_used(lab, demo, boot):
    """The twin: what cannot be measured must not boot, and PCR 11 is capped all the same."""
    got = boot(lab.direct(demo.disk, tpm="on", until=RUNNING, **conf(REQUIRED)))
    refused(got, "TPM_FAILED", "tpm", says="nothing measured this initrd")
    assert got.pcrs["sha256"][11] != "00" * 32


@pytest.mark.parametrize("banks", [("sha256",), ("sha1", "sha256", "sha384")], ids="+".join)
def test_measured_in_every_bank(lab, demo, boot, banks):
    got = boot(lab.direct(demo.disk, append=MEASURE, tpm="on", banks=banks, until=RUNNING))
    assert sorted(got.pcrs) == sorted(banks)
    boots(got)
    assert got.record["tpm"] == "in use" and got.record["firmware"]["tpm2"] is True
    assert got.record["banks"] == dict.fromkeys(banks, "used")
    assert got.record["pcr_scheme"] == "257"
    assert got.record["srk"] == {"state": "made", "why": None}
    for words in got.record["measurements"]:
        assert words["digests"] == {b: tpm.word_digest(b, words["text"]) for b in banks}


@pytest.mark.parametrize("kinds, append, words, code, stage", [
    (("data",), MEASURE, ["enter-initrd", "slipway-failed"], "ROOT_UNPROTECTED", "choose"),
    (("data",), "", ["slipway-failed"], "ROOT_UNPROTECTED", "choose"),
    (("data", "hash", "sig"), f"{MEASURE} slipway.timeout=soon", ["slipway-failed"],
     "CMDLINE", "inputs"),
], ids=["measuring", "not-measuring", "before-measuring"])
def test_failure_caps_pcr_11(lab, boot, tmp_path, kinds, append, words, code, stage):
    """In every bank, also before the TPM was opened and where nothing was to be measured."""
    image = lab.make_disk(tmp_path / "disk.img", kinds=kinds)
    got = boot(lab.direct(image.path, append=append, tpm="on", banks=("sha1", "sha256"),
                          until=RUNNING, **conf("failure-delay=0\n")))
    assert got.failure == code and got.record["failure"]["stage"] == stage, got.explain()
    assert sorted(got.pcrs) == ["sha1", "sha256"] and got.end == "reboot"
    measured(got, words)


@pytest.mark.parametrize("words, code", [("", ""), ("slipway.timeout=2", "TPM_MISSING")],
                         ids=["in-time", "too-late"])
def test_device_that_is_late(lab, demo, boot, tmp_path, words, code):
    """It is waited for, and nothing is measured before, nor left out."""
    image = chain.beside("late_tpm", demo.initrd, tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, append=f"{MEASURE} rdinit=/late_tpm {words}",
                          tpm="on", until=RUNNING))
    if code:
        assert got.failure == code and got.record["failure"]["stage"] == "tpm", got.explain()
        assert not got.seen(RUNNING) and got.pcrs["sha256"][11] == "00" * 32
    else:
        boots(got)
        assert got.seen("waiting for .*/dev/tpmrm0") < got.seen(ENTERED)


DEAD = [  # how it dies, then the stage and code without mercy
    pytest.param({"tpm": "dead"}, "tpm", "TPM_MISSING", id="from-the-start"),
    pytest.param({"tpm": "on", "when": DRIVER_IS_THERE}, "tpm", "TPM_FAILED", id="before-opening"),
]


def dying(lab, words):
    """The Spec's words for a TPM that dies when this is seen."""
    words = dict(words)
    when = words.pop("when", None)
    return words | ({"when": [lab.When(when, kill_tpm=True)]} if when else {})


@pytest.mark.parametrize("words, stage, code", DEAD)
def test_dead_tpm_is_no_tpm(lab, demo, boot, words, stage, code):
    got = boot(lab.direct(demo.disk, append=f"{MEASURE} slipway.timeout=4", until=RUNNING,
                          **dying(lab, words)))
    refused(got, code, stage)
    spent = {s["name"]: s.get("duration_us", 0) for s in got.record["stages"]}
    assert spent["tpm"] < 20e6, "far beyond its deadline"


@pytest.mark.parametrize("words, stage, code", DEAD)
def test_dead_tpm_may_be_optional(lab, demo, boot, words, stage, code):
    """The twin: only slipway.conf can let the boot go on."""
    got = boot(lab.direct(demo.disk, append=f"{MEASURE} slipway.timeout=4", until=RUNNING,
                          **dying(lab, words), **conf(OPTIONAL)))
    boots(got, warning="slipway.conf lets the boot go on")
    assert got.record["tpm"] == "broken TPM" and "measurements" not in got.record


@pytest.mark.parametrize("settings", ["", OPTIONAL], ids=["default", "optional"])
def test_tpm_that_dies_after_the_first_word(lab, demo, boot, settings):
    """What slept through 'leave-initrd' would go on as the initrd: never, optional or not."""
    got = boot(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING,
                          when=[lab.When(ENTERED, kill_tpm=True)], **conf(settings)))
    refused(got, "TPM_FAILED", "leave", says="cannot extend a PCR")
    assert "measuring 'leave-initrd' into PCR 11" in got.record["failure"]["where"]
    # Tried anew, with the device opened again, and in vain.
    assert any("PCR 11 is not capped: the TPM cannot be opened" in warning
               for warning in got.record["warnings"])


def test_tpm_that_stalls_is_capped_when_it_is_back(lab, demo, boot):
    """It extends 'leave-initrd' when nobody waits for that any more: then the cap must follow."""
    got = boot(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING, when=[
        lab.When(ENTERED, pause_tpm=True),
        lab.When("erofs: .* mounted with root inode", after=10, pause_tpm=False)],
        **conf("srk=no\n")))
    assert got.failure == "TPM_FAILED" and got.record["failure"]["stage"] == "leave", got.explain()
    assert got.end == "reboot" and not got.seen(RUNNING)
    assert [m["text"] for m in got.record["measurements"]] == ["enter-initrd", "slipway-failed"]
    capped = [pcr_11("enter-initrd", *late, "slipway-failed") for late in ([], ["leave-initrd"])]
    assert got.pcrs["sha256"][11] in capped, got.explain()
    assert got.record["pcr"]["digests"]["sha256"] == got.pcrs["sha256"][11]


def test_tpm_that_stalls_at_its_key_is_waited_for(lab, demo, boot):
    """Some need long to make one; what is measured is as ever."""
    got = boot(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING, when=[
        lab.When(ENTERED, pause_tpm=True), lab.When(ENTERED, after=10, pause_tpm=False)]))
    boots(got)
    assert got.seen(RUNNING) - got.seen(ENTERED) > 9, "it was not paused"


def test_tpm_that_is_reset_in_between(lab, demo, boot):
    """Its PCRs are as new, and whoever did that could measure the initrd's words once more."""
    got = boot(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING, when=[
        lab.When(ENTERED, reset_tpm=True)], **conf("failure-delay=0\n")))
    assert got.failure == "TPM_FAILED" and got.record["failure"]["stage"] == "leave", got.explain()
    assert "was reset in the middle of the boot" in got.record["failure"]["what"]
    assert got.end == "reboot" and not got.seen(RUNNING)
    assert got.pcrs["sha256"][11] == pcr_11("leave-initrd", "slipway-failed")


def tpm2(path, *words):
    """A program of tpm2-tools with this TPM, and nothing of it left in there."""
    steps.run([f"tpm2_{words[0]}", f"--tcti=swtpm:path={path}", *words[1:]])
    steps.run(["tpm2_flushcontext", f"--tcti=swtpm:path={path}", "--transient-object"])


def is_locked_out(path):
    """What the TPM says of itself."""
    said = steps.run(["tpm2_getcap", f"--tcti=swtpm:path={path}", "properties-variable"])
    return bool(re.search(rb"inLockout: +1", said.stdout))


@pytest.mark.parametrize("guesses", [3, 0])
def test_tpm_that_was_locked_out(lab, demo, boot, tmp_path, guesses):
    """By wrong passwords in an earlier boot. It measures as ever, and stays what it is."""
    seen = []

    def guess(emulator):
        at = {name: tmp_path / name for name in ("parent", "public", "private", "sealed", "secret")}
        at["secret"].write_bytes(b"x")
        with emulator.served() as path:
            tpm2(path, "createprimary", "-Q", "-C", "o", "-c", at["parent"])
            tpm2(path, "create", "-Q", "-C", at["parent"], "-u", at["public"], "-r", at["private"],
                 "-p", "right", "-i", at["secret"])
            tpm2(path, "load", "-Q", "-C", at["parent"], "-u", at["public"], "-r", at["private"],
                 "-c", at["sealed"])
            tpm2(path, "dictionarylockout", "--setup-parameters", "--max-tries=3",
                 "--recovery-time=7000", "--lockout-recovery-time=9")
            for _ in range(guesses):
                with pytest.raises(LabError, match="0x0000098e"):
                    tpm2(path, "unseal", "-c", at["sealed"], "-p", "wrong")
            seen.append(is_locked_out(path))

    def look(emulator):
        with emulator.served() as path:
            seen.append(is_locked_out(path))

    boots(boot(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING, prepare_tpm=guess,
                          with_tpm=look)))
    assert seen == [guesses == 3] * 2


def test_event_log_in_the_running_system(lab, demo, boot):
    """Every record parses, hashes to its own text, and all come to what the TPM holds."""
    got = boot(lab.direct(demo.disk, append=MEASURE, tpm="on", banks=("sha1", "sha256"),
                          timeout=400))
    assert got.end == "poweroff" and got.report, got.explain()
    log = got.report.raw("/run/log/systemd/tpm2-measure.log")
    events = tpm.userspace_events(log)
    assert [(e.pcr, e.text) for e in events][:2] == [(11, "enter-initrd"), (11, "leave-initrd")]
    assert [e.content["eventType"] for e in events][:2] == ["phase", "phase"]
    boot_id = got.record["boot_id"].replace("-", "")
    assert {e.content["bootId"] for e in events} == {boot_id}
    assert not tpm.wrong_words(events)
    assert all(set(e.digests) == {"sha1", "sha256"} for e in events)
    for bank, values in got.report.pcrs.items():
        assert values[11] == tpm.replay(bank, events)[11]
    mode = re.search(r"^(\S+) 0:0 \d+ /run/log/systemd/tpm2-measure.log",
                     got.report.text("run_files"), re.M)
    assert mode and mode[1] == "-rw-------", "the sticky bit would say that a record is missing"


def no_room(got):
    """The log was to be begun when there was none, and that was said."""
    assert got.seen("fill: /run is full") < got.seen(ENTERED)
    assert any("append to the event log: No space left" in text and "continuing to measure" in text
               for text in got.record["warnings"]), got.record["warnings"]


def test_event_log_on_a_full_file_system(lab, demo, boot, tmp_path):
    """What is measured counts, and the log says to all who follow that it lacks some."""
    got = boot(lab.direct(demo.disk, initrd=chain.beside("fill", demo.initrd, tmp_path / "initrd"),
                          tpm="on", append=f"{MEASURE} rdinit=/fill", timeout=400))
    assert got.end == "poweroff" and got.report, got.explain()
    no_room(got)
    assert [m["text"] for m in got.record["measurements"]] == ["enter-initrd", "leave-initrd"]
    assert got.record["pcr"]["digests"]["sha256"] == pcr_11("enter-initrd", "leave-initrd")
    assert got.report.state == "running", got.report.text("failed")
    mode = re.search(r"^(\S+) 0:0 \d+ /run/log/systemd/tpm2-measure.log",
                     got.report.text("run_files"), re.M)
    assert mode and mode[1] == "-rw------T", mode
    log = tpm.userspace_events(got.report.raw("/run/log/systemd/tpm2-measure.log"))
    words = [e.text for e in log if e.pcr == 11]
    assert words[0] == "leave-initrd", "what is there is whole"
    assert got.report.pcrs["sha256"][11] == pcr_11("enter-initrd", *words)


def test_no_room_for_what_the_host_needs(lab, demo, boot, tmp_path):
    """The twin: a root whose systemd would not know of its own device is not started."""
    image = chain.beside("fill", demo.initrd, tmp_path / "initrd", {}, "-DFOR_EVER")
    got = boot(lab.direct(demo.disk, initrd=image, tpm="on", append=f"{MEASURE} rdinit=/fill",
                          until=RUNNING))
    refused(got, "SYSTEM", "leave", says="write '/run/udev/.*No space left")
    no_room(got)


@pytest.mark.parametrize("settings, made", [("", True), ("srk=no\n", False)],
                         ids=["default", "no"])
def test_storage_root_key_is_made_unless_told_not_to(lab, demo, boot, settings, made):
    got = boot(lab.direct(demo.disk, append=MEASURE, tpm="on", until=RUNNING, **conf(settings)))
    boots(got)
    assert bool(got.seen("enter: made a storage root key in the TPM")) == made, got.explain()
    assert got.record["srk"] == {"state": "made" if made else "none",
                                 "why": None if made else "slipway.conf says so"}
    assert not got.record.get("warnings"), got.record["warnings"]


def test_no_word_turns_measuring_off(lab, demo, boot):
    """Where the stub measured, so do we: a word may come from anybody."""
    uki = chain.uki("demo", demo.initrd)
    got = boot(chain.chain(demo.disk, words="systemd.tpm2_measured_os=no"))
    boots(got, warning="systemd.tpm2_measured_os=no' is ignored", start=uki.start)
    assert got.record["tpm"] == "in use" and got.record["firmware"]["stub_measured"] is True


def closed(pcrs, bank, numbers):
    """The bank has the separator alone in these PCRs, and nothing in others."""
    value = tpm.extend(bank, "00" * 20, tpm.word_digest(bank, "os-separator"))
    others = set(range(17)) - {tpm.IMA_PCR}
    assert {n for n in others if int(pcrs[bank][n], 16)} == set(numbers)
    assert {pcrs[bank][n] for n in numbers} == {value}


@pytest.mark.parametrize("banks, closes", [(("sha1", "sha256"), True), (("sha256",), False)])
@pytest.mark.parametrize("good", [True, False])
def test_bank_that_the_firmware_left_alone(lab, demo, boot, tmp_path, banks, closes, good):
    """Nothing counts there but that nobody can replay the phases; also where the boot fails."""
    uki = chain.uki("demo", demo.initrd)
    image = demo.disk if good else lab.make_disk(tmp_path / "disk.img", uki=uki.path,
                                                 kinds=("data",)).path
    got = boot(chain.chain(image, banks=banks, deaf="sha1" if closes else ""))
    assert got.record["banks"] == {"sha256": "used"} | ({"sha1": "closed"} if closes else {})
    if closes:
        closed(got.pcrs, "sha1", [11])
        del got.pcrs["sha1"]
    assert list(got.pcrs) == ["sha256"]
    if good:
        boots(got, start=uki.start)
    else:
        refused(got, "ROOT_UNPROTECTED", "choose", start=uki.start)


@pytest.mark.parametrize("banks, code", [("0x8", "TPM_FAILED"), ("0x2", "")], ids=["absent", "present"])
def test_banks_that_the_firmware_names(demo, boot, tmp_path, banks, code):
    """One that the TPM has not is refused, and PCR 11 is capped in those that it has."""
    uki = chain.uki("demo", demo.initrd)
    named = planted(tmp_path, banks, VISIBLE, "LoaderTpm2ActivePcrBanks")
    got = boot(chain.chain(demo.disk, variables=named))
    assert got.record["firmware"]["tpm2_source"] == "LoaderTpm2ActivePcrBanks"
    if code:
        refused(got, code, "tpm", "the firmware uses PCR bank 'sha512', the TPM does not have it",
                start=uki.start)
    else:
        boots(got, start=uki.start)


ONE_MACHINE = pytest.mark.xdist_group("separated")
SEPARATED = (0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14)


@pytest.fixture(scope="module")
def separated(lab, demo, tmp_path_factory):
    """The full chain to the running system, with PCRs as systemd 261's initrd leaves them."""
    uki = chain.uki("pcr-scheme", chain.initrd("pcr-scheme", conf="pcr-scheme=261\n"))
    image = tmp_path_factory.mktemp("disk") / "disk.img"
    disk = lab.make_disk(image, uki=uki.path)
    got = predicted.boot(chain.chain(disk.path, words="slipway.demo=pcrlock",
                                     name="test_tpm_separated", banks=("sha1", "sha256"), until=""))
    image.unlink()
    assert got.end == "poweroff" and got.report, got.explain()
    return uki, got


@ONE_MACHINE
def test_os_separator_beside_the_first_word(separated):
    """Each PCR is what both logs come to, and what was said before the boot."""
    uki, got = separated
    firmware = tpm.firmware_events(
        got.report.raw("/sys/kernel/security/tpm0/binary_bios_measurements"))
    ours = tpm.userspace_events(got.report.raw("/run/log/systemd/tpm2-measure.log"))
    assert not tpm.differences(got.report.pcrs, firmware + ours) and not tpm.wrong_words(ours)
    assert got.record["pcr_scheme"] == "261"
    assert [(e.pcr, e.text, e.content["eventType"]) for e in ours[: len(SEPARATED) + 3]] == [
        (11, "enter-initrd", "phase"), *((n, "os-separator", "os-separator") for n in SEPARATED),
        (9, "nvpcr-separator", "nvpcr-separator"), (11, "leave-initrd", "phase")]
    told = predicted.at_phase(predicted.values(
        [("uki", uki.path)], "slipway.failure_delay=0 slipway.demo=pcrlock"), READY)
    for bank, inside in got.report.pcrs.items():
        assert {n: inside[n] for n in predicted.PCRS} == {n: told[bank, n] for n in predicted.PCRS}


@ONE_MACHINE
def test_pcrlock_takes_the_separators(separated):
    """Version 257 has no name for these events, and comes to the right values nevertheless."""
    said = separated[1].report.text("pcrlock")
    found = re.findall(r"^ *(\d+) # .* os-separator$", said, re.M)
    assert list(map(int, found)) == list(SEPARATED), said
    values = re.findall(r"^ *(\d+) # .* ([0-9a-f]{64}) ([0-9a-f]{64})$", said, re.M)
    assert len(values) == 24, said
    assert [n for n, told, real in values if told != real] in ([], ["10"])


@ONE_MACHINE
def test_the_host_takes_the_storage_root_key(separated):
    """Its early unit has nothing to do, and its later one finds our file right."""
    _, got = separated
    assert not got.report.failed_units
    for name in ("pem", "tpm2b_public"):
        assert re.search(rf"^-r--r--r-- 0:0 \d+ /run/systemd/tpm2-srk-public-key.{name}",
                         got.report.text("run_files"), re.M), name
    assert got.seen("made a storage root key in the TPM")
    journal = got.report.text("journal")
    assert "TPM SRK Setup skipped, unmet condition check" in journal
    assert "SRK already stored in the TPM" in journal
