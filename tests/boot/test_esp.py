# SPDX-License-Identifier: LGPL-2.1-or-later
"""Extensions from the ESP itself: damage, and boots in which no stub could hand anything over."""

from __future__ import annotations

from pathlib import Path

import pytest

import chain
from expect import boots, direct, refused
from lab import appliance, disk, gpt
from test_extension import UNPROVEN, make, verdicts, with_esp
from test_failure import sd_boot

# With long names: a cluster of 512 bytes has "." and "..", and three of them.
LONG = [f"with-a-long-name-{n}" for n in range(4)]
TAIL, BAD = 0xffffff8, 0xffffff7


class Fat32:
    """The ESP of a disk, of one sector a cluster, as far as damage needs it."""

    def __init__(self, image: Path):
        start = next(e.first for e in gpt.read_entries(image) if e.type == gpt.ESP) * 512
        self.image, self.disk = image, bytearray(image.read_bytes())
        boot = self.disk[start:start + 512]
        assert boot[11:14] == b"\0\2\1", "not a sector of 512 bytes a cluster"
        self.table = start + int.from_bytes(boot[14:16], "little") * 512
        self.data = self.table + boot[16] * int.from_bytes(boot[36:40], "little") * 512
        self.root = int.from_bytes(boot[44:48], "little")

    def next(self, cluster: int) -> int:
        at = self.table + 4 * cluster
        return int.from_bytes(self.disk[at:at + 4], "little") & 0xfffffff

    def folder(self, name: str) -> int:
        """The first cluster of a folder of the root."""
        cluster = self.root
        while cluster < BAD:
            at = self.data + (cluster - 2) * 512
            for entry in (self.disk[n:n + 32] for n in range(at, at + 512, 32)):
                if entry[:11] == name.upper().encode().ljust(11) and entry[11] & 0x10:
                    return int.from_bytes(entry[26:28] + entry[20:22], "little")
            cluster = self.next(cluster)
        raise LookupError(name)

    def point(self, cluster: int, to: int) -> None:
        """Whatever was behind this cluster, it is no more."""
        at = self.table + 4 * cluster
        self.disk[at:at + 4] = to.to_bytes(4, "little")
        self.image.write_bytes(self.disk)


@pytest.fixture
def damaged(lab, boot, tmp_path):
    """`damaged(how, conf)`: /broken has LONG in two clusters, behind the first of which is damage."""

    def run(how: str, conf: str):
        files = {f"{'broken' if name in LONG else 'whole'}/{name}.sysext.raw":
                 make(lab, tmp_path, name, files={f"usr/share/{name}": b"x\n"}) for name in [*LONG, "good"]}
        image = with_esp(tmp_path, files)
        fat = Fat32(image)
        first = fat.folder("broken")
        assert fat.next(first) < BAD <= fat.next(fat.next(first))
        fat.point(first, {"circle": first, "bad-cluster": BAD, "whole": fat.next(first)}[how])
        conf = f"esp-extensions=/broken /whole\n{conf}"
        return boot(direct(image, initrd=lab.initrd(tmp_path / "initrd", conf=conf)))

    return run


@pytest.mark.parametrize("how, what", [("circle", "a folder has no end"),
                                       ("bad-cluster", "a cluster is outside of it")])
def test_a_damaged_folder_costs_only_what_it_hides(how, what, damaged):
    got = damaged(how, "")
    boots(got, f"what cannot be read of '/broken' of the ESP is skipped: the FAT file system is damaged: {what}")
    found = verdicts(got)
    assert found.pop("good") == "merged"
    assert set(found) < set(LONG) and list(found.values()) == ["merged"] * 3


@pytest.mark.parametrize("how", ["bad-cluster", "whole"])
def test_what_it_hides_may_be_required(how, damaged):
    got = damaged(how, f"required-extensions={' '.join(LONG)}\nfailure-delay=0\n")
    if how == "whole":
        boots(got)
        assert verdicts(got) == dict.fromkeys([*LONG, "good"], "merged")
    else:
        refused(got, "EXTENSION_MISSING", "extend", says="'with-a-long-name-.': there is none of that name")


ENTRY = f"""title demo
linux /demo/vmlinuz
initrd /demo/initrd
options {appliance.CMDLINE} slipway.failure_delay=0
"""


@pytest.mark.parametrize("required", ["good", "no-good"])
def test_an_entry_of_sd_boot_without_a_stub(required, lab, demo, boot, tmp_path):
    """A loader that says where it was read from, a kernel and an initrd: nobody hands anything over."""
    conf = f"esp-extensions=/demo/extensions\nrequired-extensions={required}\n"
    made = [make(lab, tmp_path, name, key=key, files={f"usr/share/{name}": b"x\n"})
            for name, key in (("good", "verity"), ("no-good", "attacker"))]
    image = lab.make_disk(tmp_path / "disk.img", esp_files={
        "EFI/BOOT/BOOTX64.EFI": sd_boot(tmp_path), "loader/loader.conf": b"timeout 0\n",
        "loader/entries/demo.conf": ENTRY.encode(), "demo/vmlinuz": demo.vmlinuz,
        "demo/initrd": lab.initrd(tmp_path / "initrd", conf=conf),
        **{f"demo/extensions/{path.name}": path for path in made}})
    got = boot(chain.chain(image.path, firmware="off", tpm="none"))
    assert got.record["firmware"]["loader_device_partuuid"] == disk.ESP_UUID and got.record["firmware"]["efi"]
    assert verdicts(got) == {"good": "merged", "no-good": UNPROVEN}
    assert got.extension("good")["source"] == "/run/slipway/esp/sysext/good.sysext.raw"
    if required == "good":
        boots(got, "extension 'no-good' skipped")
    else:
        refused(got, "EXTENSION_MISSING", "extend", says="'no-good': .*certificate")
