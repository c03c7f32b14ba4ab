# SPDX-License-Identifier: LGPL-2.1-or-later
"""What firmware and loader say, and what an attacker says with their means: the full chain."""

import json
import re

import pytest

import chain
import lab
import predicted
from expect import RUNNING, boots, fingerprint, refused
from lab import disk, firmware, tools, tree

OTHER_ESP = "e5b00000-51b1-4a7e-9d3a-0000000000d2"
LOADER_GUID = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
SHIM_GUID = "605dab50-e046-4300-abb6-3dd810dd8b23"
SYSTEMD_GUID = "8cf2644b-4b0b-428f-9387-6d876050dc67"
PERSISTS, VISIBLE = 1, 6  # EFI variable attributes: non-volatile; boot service and run time


@pytest.fixture
def uki(demo):
    """The demo's initrd as a UKI of which we know PCR 11."""
    return chain.uki("demo", demo.initrd)


def altered(path, new):
    """A copy of a signed UKI with one word of its command line changed."""
    content = path.read_bytes()
    assert content.count(b"systemd.volatile=state") == 1
    new.write_bytes(content.replace(b"systemd.volatile=state", b"systemd.volatile=stale"))


@pytest.mark.parametrize("forge", ["unsigned", "altered"])
def test_forged_uki_is_not_started(lab, demo, boot, tmp_path, uki, forge):
    forged = chain.uki("unsigned", demo.initrd, key=None).path
    if forge == "altered":
        forged = tmp_path / "uki.efi"
        altered(uki.path, forged)
    image = lab.make_disk(tmp_path / "disk.img", uki=forged)
    got = boot(chain.chain(image.path))
    assert got.end == "refused", got.explain()
    assert "Linux version" not in got.serial and got.record is None


def test_without_secure_boot_the_certificate_decides(demo, boot, uki):
    """The kernel knows the keys of db also then, but nobody vouches for the kernel."""
    got = boot(chain.chain(demo.disk, firmware="off"))
    boots(got, start=uki.start)
    assert got.record["firmware"]["secure_boot"] is False
    assert got.record["root"]["proven_by"] == "certificate"


def test_kernel_is_asked_first_where_it_holds_the_key(lab, demo, boot, tmp_path):
    """The certificate of the initrd is in db as well: the kernel's word counts for more."""
    key = lab.key("db")
    uki = chain.uki("db-certificate", chain.initrd("db-certificate", certs=(key.cert,)))
    parts = chain.signed_again(demo.parts, key, tmp_path / "parts")
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path, parts=parts)
    got = boot(chain.chain(image.path))
    boots(got, start=uki.start)
    assert got.record["root"]["proven_by"] == "kernel"


KERNELS_WORD = [  # firmware, who signed the root, whether it boots
    pytest.param("enforcing", "db", True, id="secure-boot"),
    pytest.param("off", "db", False, id="no-secure-boot"),
    pytest.param("enforcing", "attacker", False, id="other-key"),
]


@pytest.mark.parametrize("kind, signer, good", KERNELS_WORD)
def test_kernel_as_the_only_judge(lab, demo, boot, tmp_path, kind, signer, good):
    """An initrd without certificates, and a root signed by the key that signs the UKI."""
    uki = chain.uki("no-certificate", chain.initrd("no-certificate", certs=()))
    parts = chain.signed_again(demo.parts, lab.key(signer), tmp_path / "parts")
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path, parts=parts)
    got = boot(chain.chain(image.path, firmware=kind))
    if good:
        boots(got, start=uki.start)
        assert got.record["root"]["proven_by"] == "kernel"
        assert got.record["trust"]["certificates"] == 0
    else:
        refused(got, "SIGNATURE_UNTRUSTED", "prove", start=uki.start)


WITHDRAWN = [  # what of the initrd's certificates, who is denied, then code and what is said
    pytest.param((), "attacker", "SIGNATURE_UNTRUSTED", "does not say whose", id="unknown-signer"),
    pytest.param(("db",), "db", "DENIED", "certificate", id="denied-signer"),
    pytest.param(("db",), "attacker", "", "", id="another"),
]


@pytest.mark.parametrize("certs, denied, code, says", WITHDRAWN)
def test_kernel_cannot_rescue_what_is_denied(lab, demo, boot, tmp_path, certs, denied, code, says):
    """A root by a key of db, which the kernel trusts: it does not say which one that was."""
    conf = f"deny-certificate={fingerprint(denied)}\nfailure-delay=0\n"
    name = f"denies-{denied}-{len(certs)}"
    image = chain.initrd(name, certs=tuple(lab.key(c).cert for c in certs), conf=conf)
    uki = chain.uki(name, image)
    parts = chain.signed_again(demo.parts, lab.key("db"), tmp_path / "parts")
    disk = lab.make_disk(tmp_path / "disk.img", uki=uki.path, parts=parts)
    got = boot(chain.chain(disk.path))
    if code:
        refused(got, code, "prove", says, start=uki.start)
    else:
        boots(got, start=uki.start)
        assert got.record["root"]["proven_by"] == "certificate"


@pytest.mark.parametrize("kind", ["enforcing", "off"])
def test_secure_boot_can_be_demanded(lab, boot, tmp_path, kind):
    image = chain.initrd("demands-secure-boot", conf="secure-boot=required\nfailure-delay=0\n")
    uki = chain.uki("demands-secure-boot", image)
    disk = lab.make_disk(tmp_path / "disk.img", uki=uki.path)
    got = boot(chain.chain(disk.path, firmware=kind))
    if kind == "enforcing":
        boots(got, start=uki.start)
        assert got.record["lockdown"] == "integrity", "Debian's kernel does that by itself"
    else:
        refused(got, "SECURE_BOOT", "firmware", "does not enforce", start=uki.start)


SHIM = [  # MokSBStateRT, its attributes, the need for Secure Boot, whether it counts as off
    pytest.param(b"\1", VISIBLE, "optional", True, id="insecure"),
    pytest.param(b"\1", VISIBLE, "required", True, id="insecure-and-demanded"),
    pytest.param(b"\0", VISIBLE, "required", False, id="secure"),
    pytest.param(b"\1", VISIBLE | PERSISTS, "required", False, id="planted"),
]


@pytest.mark.parametrize("value, attributes, need, off", SHIM)
def test_shim_that_checks_nothing(lab, boot, tmp_path, value, attributes, need, off):
    """The kernel takes Secure Boot as off then: its yes to a key of db is none any more."""
    name = f"shim-{need}"
    uki = chain.uki(name, chain.initrd(name, conf=f"secure-boot={need}\nfailure-delay=0\n"))
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path)
    store = planted(tmp_path, value, attributes, "MokSBStateRT", SHIM_GUID)
    got = boot(chain.chain(image.path, variables=store))
    if off and need == "required":
        refused(got, "SECURE_BOOT", "firmware", "shim was told to check nothing", start=uki.start)
    else:
        boots(got, start=uki.start)
        assert got.record["lockdown"] == ("none" if off else "integrity"), "not as the kernel"
    found = got.record["firmware"]
    assert (found["secure_boot"], found["shim_insecure"]) == (not off, off)


@pytest.fixture
def from_memory(demo, boot, uki):
    """`from_memory(words)`: a UKI that QEMU gives to the firmware, so that it is of no disk."""
    def run(words=""):
        spec = chain.chain(demo.disk, words=words, arguments=["-kernel", str(uki.path)])
        return boot(spec, but={4: "it is no boot option, and the firmware measures that"})

    return run


def test_no_loader_names_the_disk(from_memory, uki):
    """One disk with a good root is there, and yet it is not taken."""
    got = from_memory()
    refused(got, "BOOT_DISK_UNKNOWN", "discover", start=uki.start)
    assert got.record["firmware"]["loader_device_partuuid"] is None


def test_a_word_names_the_disk_where_no_loader_does(from_memory, uki):
    """The twin: what the failure advises."""
    got = from_memory(f"slipway.disk=PARTUUID={disk.ESP_UUID}")
    boots(got, start=uki.start)
    assert got.record["firmware"]["loader_device_partuuid"] is None


def planted(folder, text, attributes, name="LoaderDevicePartUUID", guid=LOADER_GUID):
    """A variable store with this variable, a text or bytes; loaders leave their own alone then."""
    store, wanted = folder / "vars.fd", folder / "vars.json"
    data = text if isinstance(text, bytes) else (text + "\0").encode("utf-16-le")
    variable = {"name": name, "guid": guid, "attr": attributes, "data": data.hex()}
    wanted.write_text(json.dumps({"version": 2, "variables": [variable]}))
    tools.tool("virt-fw-vars", "--input", tree.host(firmware.variables("enforcing")),
               "--set-json", tree.host(wanted), "--output", f"{tree.host(folder)}/{store.name}")
    return store


PLANTED = [  # the text, its attributes, why it is refused
    pytest.param(OTHER_ESP, PERSISTS | VISIBLE, "is non-volatile", id="persistent"),
    pytest.param("not a UUID", VISIBLE, "is 'not a UUID', which is no UUID", id="malformed"),
]


@pytest.mark.parametrize("text, attributes, says", PLANTED)
def test_planted_variable_is_not_believed(demo, boot, tmp_path, uki, text, attributes, says):
    got = boot(chain.chain(demo.disk, variables=planted(tmp_path, text, attributes)))
    refused(got, "EFI_VARIABLE", "firmware", says=f"'LoaderDevicePartUUID' {says}",
            start=uki.start)


REQUESTS = [  # the variable, what it says, the record's name for it, the warning, whether it is still there
    pytest.param("HibernateLocation", '{"uuid":"57a7e000-51b1-4a7e-9d3a-6f1b6e3c1d0e","offset":0}',
                 "hibernated", "this initrd does not resume", False, id="hibernated"),
    pytest.param("FactoryResetRequest", "{}", "factory_reset", "a factory reset is asked for: .*"
                 "erases nothing", True, id="factory-reset"),
]


@pytest.mark.parametrize("name, text, known_as, says, stays", REQUESTS)
def test_what_an_earlier_system_asks_for(demo, boot, tmp_path, uki, name, text, known_as, says, stays):
    """It is said, the boot goes on, and nothing is left that another initrd must not find."""
    kept = tmp_path / "kept.fd"
    got = boot(chain.chain(demo.disk, keep_variables=kept,
                           variables=planted(tmp_path, text, PERSISTS | VISIBLE, name, SYSTEMD_GUID)))
    boots(got, warning=says, start=uki.start)
    found = {key: got.record["firmware"][key] for key in ("hibernated", "factory_reset")}
    assert found == {"hibernated": False, "factory_reset": False} | {known_as: True}
    assert left(kept, name) == stays


def test_hibernation_is_forgotten_only_when_it_must(boot, tmp_path, uki):
    """A boot that ends before it has mounted anything leaves the choice to another one."""
    kept = tmp_path / "kept.fd"
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path, kinds=("data", "hash"))
    got = boot(chain.chain(image.path, keep_variables=kept, variables=planted(
        tmp_path, "{}", PERSISTS | VISIBLE, "HibernateLocation", SYSTEMD_GUID)))
    refused(got, "SIGNATURE_MISSING", "choose", start=uki.start)
    assert left(kept, "HibernateLocation")


def left(store, name):
    """Whether the store has such a variable."""
    shown = tools.tool("virt-fw-vars", "--input", tree.host(store), "--print").stdout.decode()
    assert re.search(r"(?m)^SecureBootEnable ", shown), shown
    return bool(re.search(rf"(?m)^{name} ", shown))


def tempting(lab, demo, folder, signer):
    """A second disk with the same root under a newer name, signed by somebody."""
    parts = demo.parts if signer == "verity" else \
        chain.signed_again(demo.parts, lab.key(signer), folder / "other-parts")
    return chain.other_disk(folder / "other.img", parts, OTHER_ESP, version="_99")


def unreadable(image, folder):
    """A blkdebug configuration: no partition's first sectors can be read, but the ESP's."""
    conf = folder / "blkdebug.conf"
    sectors = [entry.first + n for entry in image.table.entries[1:] for n in range(8)]
    conf.write_text("".join(f'[inject-error]\nevent = "read_aio"\nerrno = "5"\n'
                            f'sector = "{sector}"\n' for sector in sectors))
    return str(conf)


def test_other_disk_is_neither_followed_nor_touched(lab, demo, boot, tmp_path, uki):
    """The loader's word stands, whatever a word of the command line says."""
    other = tempting(lab, demo, tmp_path, "attacker")
    drive = lab.Drive(other.path, blkdebug=unreadable(other, tmp_path))
    got = boot(chain.chain(demo.disk, drive, words=f"slipway.disk=PARTUUID={OTHER_ESP}"))
    boots(got, start=uki.start)
    assert got.seen(r"\bvdb: vdb1 vdb2 vdb3 vdb4"), "the kernel has no second disk"
    assert got.record["disk"]["name"] == "vda"
    assert {part["name"] for part in got.record["partitions"]} == {"vda1", "vda2", "vda3", "vda4"}
    assert got.seen(r"I/O error, dev vdb") is None, "its partitions were read"


def test_other_disk_is_no_stand_in(lab, demo, boot, tmp_path):
    """No driver for the loader's disk; one with a vendor's newer root is there and named."""
    uki = chain.uki("driverless", chain.driverless())
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path)
    other = tempting(lab, demo, tmp_path, "verity")
    got = boot(chain.chain(image.path, lab.Drive(other.path, bus="nvme"),
                           words=f"slipway.timeout=4 slipway.disk=PARTUUID={OTHER_ESP}"))
    refused(got, "DISK_TIMEOUT", "discover", start=uki.start,
            says=f"the disk with the ESP {disk.ESP_UUID} did not appear; disks: nvme0n1")
    spent = next(s for s in got.record["stages"] if s["name"] == "discover")["duration_us"]
    assert 4e6 <= spent < 20e6, "not its deadline"


LOOSER = [  # what the disk holds, who signed it, the attacker's words, the outcome
    pytest.param(("data",), "verity", "systemd.image_policy=root=unprotected",
                 "POLICY_REFUSED", "trust", id="policy"),
    pytest.param(("data",), "verity", "systemd.image_policy=root=unprotected+verity+signed",
                 "ROOT_UNPROTECTED", "choose", id="wider-policy"),
    pytest.param(("data",), "verity", "systemd.verity=no", "ROOT_UNPROTECTED", "choose",
                 id="no-verity"),
    pytest.param(("data", "hash"), "verity", "roothash={roothash}", "SIGNATURE_MISSING",
                 "choose", id="roothash"),
    pytest.param(("data", "hash", "sig"), "attacker",
                 "roothash={roothash} systemd.image_policy=root=verity+signed",
                 "SIGNATURE_UNTRUSTED", "prove", id="roothash-and-policy"),
]


@pytest.mark.parametrize("kinds, signer, words, code, stage", LOOSER)
def test_added_words_loosen_nothing(lab, demo, boot, tmp_path, uki, kinds, signer, words, code,
                                    stage):
    """Secure Boot does not keep SMBIOS from adding words to a signed UKI."""
    parts = demo.parts if signer == "verity" else \
        chain.signed_again(demo.parts, lab.key(signer), tmp_path / "parts")
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path, parts=parts, kinds=kinds)
    words = words.format(roothash=demo.roothash)
    got = boot(chain.chain(image.path, words=words))
    assert got.record and got.record["firmware"]["secure_boot"] is True
    refused(got, code, stage, start=uki.start)


def test_no_word_hides_the_tpm(demo, boot, uki):
    """Without ACPI nothing announces it, but the stub measured: never on as if there were none."""
    got = boot(chain.chain(demo.disk, words="acpi=off slipway.timeout=4"),
               phase=predicted.NOTHING)
    assert got.record and got.record["firmware"]["stub_measured"] is True, got.explain()
    assert got.failure == "TPM_MISSING" and got.record["failure"]["stage"] == "tpm", got.explain()
    assert not got.seen(RUNNING)
