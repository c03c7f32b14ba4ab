# SPDX-License-Identifier: LGPL-2.1-or-later
"""One UKI and one disk, started by systemd's initrd and by ours: the host sees the same, but for
what init/doc/differences.md says."""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import lab as the_lab
import predicted
import systemd_initrd
from chain import SHARED, archive
from lab import appliance, paths, steps, tpm, tree
from lab.judge import READY
from seen import Difference, Seen, differences, seen

pytestmark = pytest.mark.xdist_group("differential")  # all compare the same two boots
BANKS = ("sha1", "sha256")
HERE = Path(__file__).parent
DOCUMENT = paths.REPO / "init/doc/differences.md"
WHO = ("systemd", "slipway")
MACHINE_ID = "51b1a7e0c0de4d579d3a000000000257"  # else every boot measures another into PCR 15
NOTE = "vendor.note.cred"
# The host reports with a script that comes as a credential: so these reach its services, too.
DROPIN = b"""[Service]
ImportCredential=differential.sh
ExecStart=
ExecStart=/bin/bash ${CREDENTIALS_DIRECTORY}/differential.sh
"""


def both(demo) -> Path:
    """Our initrd as it is, and behind it systemd's, with the program that chooses."""
    out = SHARED / "differential.zst"

    def make(new: Path) -> None:
        stage = new.with_name(new.name + ".stage")
        steps.remove(stage)
        (stage / "tmp").mkdir(parents=True)
        steps.run([paths.BUILD / "deps/x86_64-linux-musl/bin/slipway-cc", "-Os", "-o",
                   stage / "pick", HERE / "pick.c"])
        systemd_initrd.build(new)
        theirs, ours = new.read_bytes(), demo.initrd.read_bytes()
        new.write_bytes(ours + bytes(-len(ours) % 4) + archive(stage) + theirs)
        shutil.rmtree(stage)

    steps.once(out, steps.digest("differential 1", demo.initrd, systemd_initrd.key(),
                                 HERE / "pick.c"), "both initrds in one", make)
    return out


def make_uki(demo) -> Path:
    """With everything that a stub measures and hands over."""
    out = SHARED / "differential.efi"
    image, db = both(demo), the_lab.key("db")
    cmdline = (f"{appliance.CMDLINE} quiet rdinit=/pick roothash={demo.roothash} "
               f"systemd.machine_id={MACHINE_ID}")

    def make(new: Path) -> None:
        signing = new.with_name("differential.pem")
        signing.write_bytes(the_lab.tool("openssl", "genrsa", "2048").stdout)
        the_lab.make_uki(new, initrd=image, key=db, cmdline=cmdline,
                         more=(f"--pcr-private-key={tree.host(signing)}", "--profile=ID=main\n"))

    steps.once(out, steps.digest("differential 1", image, cmdline, db.cert,
                                 the_lab.kernel() / "boot/vmlinuz"), "UKI with both initrds", make)
    return out


def credential(name: str, content: bytes) -> str:
    """As an OEM string of SMBIOS."""
    return f"io.systemd.credential.binary:{name}={base64.b64encode(content).decode()}"


def start(who: str, disk: Path) -> the_lab.Result:
    """One of the two boots, to the end of its report."""
    got = predicted.boot(the_lab.Spec(
        name=f"test_differential.{who}", firmware="enforcing", tpm="on", banks=BANKS,
        drives=[the_lab.Drive(disk)], timeout=600, until=r"differential: \w",
        smbios=[credential("systemd.unit-dropin.slipway-report.service", DROPIN),
                credential("differential.sh", (HERE / "differential.sh").read_bytes())],
        arguments=["-smbios", f"type=1,serial={who}"]), phase=READY)
    assert got.end == "stopped" and got.report, got.explain()
    return got


@pytest.fixture(scope="module")
def boots(lab, demo, tmp_path_factory) -> dict[str, the_lab.Result]:
    """What came of both."""
    folder = tmp_path_factory.mktemp("differential")
    (folder / NOTE).write_text("what this says is the vendor's business\n")
    disk = lab.make_disk(folder / "disk.img", uki=make_uki(demo), extensions=[demo.sysext],
                         esp_files={f"{appliance.EXTENSIONS_ON_ESP}/{NOTE}": folder / NOTE})
    found = {who: start(who, disk.path) for who in WHO}
    disk.path.unlink()
    return found


@pytest.fixture(scope="module")
def hosts(boots) -> dict[str, Seen]:
    """What the host saw of each."""
    return {who: seen(got.report) for who, got in boots.items()}


def test_each_ran_its_own_initrd(boots):
    assert boots["systemd"].record is None
    assert boots["systemd"].seen("^pick: /usr/lib/systemd/") is not None
    assert boots["slipway"].record["result"] == "handed-over"
    for got in boots.values():
        assert re.search(r"\(kernel\) \+ \S+ \(initrd\) \+", got.report.text("analyze"))


@dataclass(frozen=True)
class Row:
    """A line of the document's table: a thing and its values, as patterns."""

    what: str
    systemd: str
    slipway: str

    def names(self, found: Difference) -> bool:
        what, systemd, slipway = found
        return fnmatchcase(what, self.what) and self._is(self.systemd, systemd) \
            and self._is(self.slipway, slipway)

    @staticmethod
    def _is(told: str, value: str | None) -> bool:
        if told in ("any", "-"):
            return told == "any" or value is None
        return value is not None and fnmatchcase(value, told.strip("`"))

    @property
    def by_chance(self) -> bool:
        return "any" in (self.systemd, self.slipway)


def document() -> list[Row]:
    rows = re.findall(r"^\| `([^|`]+)` \| ([^|]+) \| ([^|]+) \| .+ \|$", DOCUMENT.read_text(), re.M)
    return [Row(*row) for row in rows]


def unnamed(hosts: dict[str, Seen]) -> list[Difference]:
    """The differences that the document does not name."""
    return [found for found in differences(hosts["systemd"], hosts["slipway"])
            if not any(row.names(found) for row in document())]


def test_every_difference_is_in_the_document(hosts):
    assert unnamed(hosts) == []


def test_the_document_names_nothing_else(hosts):
    found = differences(hosts["systemd"], hosts["slipway"])
    assert len(document()) > 9
    assert [row for row in document()
            if not row.by_chance and not any(row.names(f) for f in found)] == []


# What could be otherwise after ours; None is not there.
OTHERS: dict[str, str | None] = {
    "pcr 11 sha256": "00" * 32, "pcr 12 sha1": "00" * 20, "pcr 15 sha256": None,
    "event 11.1": "phase leave-initrd", "event 9.0": "os-separator os-separator",
    "mount / ro": None, "mount / nosuid": "", "mount /dev size": "456120k",
    "mount /run/credentials/@encrypted ro": None, "run /run/systemd/first-boot": "-r--r--r-- 0:0",
    "run /run/credentials/@system": "drwxr-xr-x 0:0", "run /run/udev/data/dm:root": None,
    "content /run/systemd/tpm2-srk-public-key.pem": "00" * 32,
    "content /run/credentials/@encrypted/vendor.note": None, "environ NOTIFY_SOCKET": "/run/x",
    "environ CREDENTIALS_DIRECTORY": None, "limit Max open files": "1024 524288",
    "argv of PID 1": "/usr/lib/systemd/systemd", "dm root": "verity 1",
    "dm root options": "1 ignore_corruption", "udev root S: mapper/root": None,
    "udev root DM_UDEV_PRIMARY_SOURCE_FLAG": None,
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_difference_is_found(hosts, what):
    value = OTHERS[what]
    ours = {key: v for key, v in (hosts["slipway"] | {what: value}).items() if v is not None}
    assert ours != hosts["slipway"]
    assert unnamed(hosts | {"slipway": ours}) == [(what, hosts["systemd"].get(what), value)]


def told(demo, folder: Path, sysext: Path) -> dict[str, str]:
    """What slipway-mkinitrd predicts of either boot."""
    (folder / NOTE).write_text("what this says is the vendor's business\n")
    inputs = [("uki", SHARED / "differential.efi"), ("sysext", sysext),
              ("credential", folder / NOTE)]
    values = predicted.at_phase(predicted.values(inputs), READY)
    return {f"pcr {number} {bank}": value for (bank, number), value in values.items()
            if bank in BANKS and number in predicted.PCRS}


@pytest.mark.parametrize("who", WHO)
def test_prediction_holds_for_both(hosts, demo, tmp_path, who):
    values = told(demo, tmp_path, demo.sysext)
    assert len(values) == len(BANKS) * len(predicted.PCRS)
    assert values.items() <= hosts[who].items()


def test_another_extension_is_another_boot(hosts, demo, tmp_path):
    """One byte of the extension, and the comparison fails."""
    content = demo.sysext.read_bytes()
    other = tmp_path / demo.sysext.name
    other.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    found = unnamed(hosts | {"slipway": hosts["slipway"] | told(demo, tmp_path, other)})
    assert [what for what, *_ in found] == [f"pcr {n} {bank}" for n in (13, 9) for bank in BANKS]


def steady(values: list[str]) -> list[str]:
    """Without the PCR that each driver moves, whenever it is loaded."""
    assert len(values) == 24
    return values[:tpm.IMA_PCR] + values[tpm.IMA_PCR + 1:]


@pytest.mark.parametrize("who", WHO)
def test_systemd_finds_nothing_wrong(boots, who):
    report = boots[who].report
    assert (report.state, report.failed_units) == ("running", [])
    assert report.text("root_device") == "active"
    values = re.findall(r"^ *(\d+) \S+ +([0-9a-f]{64})$", report.text("analyze_pcrs"), re.M)
    assert steady([value for _, value in values]) == steady(report.pcrs["sha256"])


@pytest.mark.parametrize("who", WHO)
def test_pcrlock_believes_every_event(boots, who):
    """Its log has each event's own verdict (nothing where it cannot know), and each PCR's."""
    said = json.loads(boots[who].report.text("pcrlock"))
    users = [e for e in said["log"] if e["phase"] == "U"]
    assert [e["description"] for e in users if e["pcr"] == 11] == READY.split(":")
    assert {e["match"] for e in users} == {True}
    assert {e["match"] for e in said["log"]} == {True, None}
    assert [p["pcr"] for p in said["pcrs"] if not p["noMissingComponents"]] == []
    assert [p["pcr"] for p in said["pcrs"] if not p["hashMatchesEventLog"]] in ([], [tpm.IMA_PCR])


@pytest.mark.parametrize("who", WHO)
def test_logs_explain_the_tpm(boots, who):
    """The TPM, read from outside, holds what the host saw and what both logs come to."""
    got = boots[who]
    events = tpm.firmware_events(
        got.report.raw("/sys/kernel/security/tpm0/binary_bios_measurements"))
    events += tpm.userspace_events(got.report.raw("/run/log/systemd/tpm2-measure.log"))
    assert list(got.pcrs) == list(BANKS)
    for bank, values in got.report.pcrs.items():
        assert steady(got.pcrs[bank]) == steady(values)
    assert tpm.differences(got.pcrs, events) + tpm.wrong_words(events) == []
