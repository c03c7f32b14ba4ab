# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd predict: PCR 11 against systemd-measure, and what it refuses.

tests/boot/test_predict.py holds all five PCRs against a TPM."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import lab
from lab import paths, steps, tpm, tree

DEMO = paths.DEMO
BANKS = ["sha1", "sha256", "sha384", "sha512"]
UUID = "51b1a7e0-c0de-4d57-9d3a-00000000001c"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="ukify runs in the tools tree, by chroot")


def predict(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([paths.MKINITRD, "predict", *map(str, words)], capture_output=True,
                          text=True)


def pcr_11(uki: Path) -> dict[str, dict[str, str]]:
    """{phase: {bank: value}}, as ukify has it; and the text form must say the same."""
    words = ("--uki", uki, "--pcr-scheme", "257")
    done = predict("--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = {}
    lines = predict(*words).stdout.splitlines()[1:]
    values = json.loads(done.stdout)
    assert [line.split("\t") for line in lines] == \
        [[v["bank"], str(v["pcr"]), v["value"], v.get("phase", "")] for v in values]
    for v in values:
        if v["pcr"] == 11 and v["phase"] != "-":
            found.setdefault(v["phase"], {})[v["bank"]] = v["value"]
    return found


@as_root
@pytest.mark.parametrize("more", [
    (), ("--uname=6.12.0-x",), ("--splash={file}",), ("--devicetree={file}",),
    ("--microcode={file}",), ("--sbat=sbat,1,x,x,1,x",), ("--pcrpkey={file}",),
], ids=lambda more: more[0].partition("=")[0] if more else "plain")
def test_pcr_11_is_what_systemd_measure_says(tmp_path, more):
    blob = tmp_path / "file"
    blob.write_bytes(b"some bytes\n" * 77)
    small = {name: tmp_path / name for name in ("linux", "initrd")}
    small["linux"].write_bytes((DEMO / "vmlinuz").read_bytes())
    small["initrd"].write_bytes(b"0707 stands for an initrd")
    (tmp_path / "os-release").write_text("ID=x\n")
    out = tmp_path / "uki.efi"
    words = tuple(word.replace("{file}", tree.host(blob)) for word in more)
    expected = lab.uki.build(out, **small, cmdline="quiet  splash ",
                             os_release=tmp_path / "os-release", key=None, more=words)
    assert [sorted(banks) for banks in expected.values()] == [BANKS] * 4
    assert pcr_11(out) == expected


def edited(old: bytes, new: bytes) -> bytes:
    whole = (DEMO / "uki.efi").read_bytes()
    assert old in whole
    return whole.replace(old, new, 1)


def section(old: str, new: str) -> bytes:
    """The demo's UKI with a section renamed."""
    return edited(old.encode().ljust(8, b"\0"), new.encode().ljust(8, b"\0"))


@pytest.mark.parametrize("content, says", [
    (lambda: b"", "no PE image"),
    (lambda: (DEMO / "disk.img").read_bytes()[:4096], "no PE image"),
    (lambda: (DEMO / "uki.efi").read_bytes()[:-10_000], "cut off: section '.initrd'"),
    (lambda: (DEMO / "uki.efi").read_bytes()[:1000], "headers have"),
    (lambda: (DEMO / "vmlinuz").read_bytes(), "has no .linux"),
    (lambda: section(".initrd", ".other"), "has no .initrd"),
    (lambda: section(".cmdline", ".other"), "has no .cmdline"),
    (lambda: section(".osrel", ".efifw"), ".efifw leaves a choice to the machine"),
    (lambda: section(".osrel", ".hwids"), ".hwids leaves a choice to the machine"),
    (lambda: section(".sdmagic", ".other"), "its stub is not systemd-stub"),
    (lambda: edited(b"systemd-stub 257", b"systemd-stub 263"), "systemd-stub is version 263"),
    (lambda: edited(b"systemd-stub 257", b"systemd-stub 256"), "systemd-stub is version 256"),
    (lambda: edited(b"console=ttyS0", b"console=\xc3\xa4yS0"), "not plain ASCII"),
], ids=["empty", "a disk", "cut", "head", "kernel", "no initrd", "no cmdline", "efifw", "hwids", "no stub",
        "new stub", "old stub", "not ASCII"])
def test_what_cannot_be_predicted(tmp_path, content, says):
    uki = tmp_path / "twin.efi"
    uki.write_bytes(content())
    done = predict("--uki", uki)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr and "twin.efi" in done.stderr


@pytest.mark.parametrize("words, status, says", [
    ((), 2, "--uki"),
    (("--uki",), 2, "needs a value"),
    (("--uki", "/nowhere/uki.efi"), 1, "'/nowhere/uki.efi': No such file"),
    (("--uki", "{uki}", "--bank", "md5"), 2, "--bank 'md5'"),
    (("--uki", "{uki}", "--pcr-scheme", "260"), 2, "--pcr-scheme '260'"),
    (("--uki", "{uki}", "more"), 2, "'more' is no option"),
    (("--uki", "{uki}", "--tpm"), 2, "'--tpm' is unknown"),
    (("--uki", "{uki}", "--sysext", "/nowhere/x.raw"), 1, "/nowhere/x.raw"),
    (("--uki", "{uki}", "--sysext", "{uki}"), 1, "pass over 'uki.efi': it is no '*.raw'"),
    (("--uki", "{uki}", "--sysext", "{raw}", "--sysext", "{raw}"), 1, "is given twice"),
    (("--uki", "{uki}", "--esp-extension", "{raw}"), 1, "has no esp-extensions="),
    (("--uki", "{uki}", "--host-extension", "{raw}"), 1, "has no host-extensions="),
    (("--uki", "{uki}", "--esp-extension", "/nowhere/x.raw"), 1, "read '/nowhere/x.raw'"),
    (("--uki", "{uki}", "--esp-extension", "{uki}"), 2, "is not called NAME.sysext.raw"),
    (("--uki", "{uki}", *("--esp-extension", "{raw}") * 2), 2, "another one of that name"),
    (("--uki", "{uki}", "--confext", "{raw}"), 1, "no '*.confext.raw'"),
    (("--uki", "{uki}", "--addon", "{raw}"), 1, "no '*.addon.efi'"),
    (("--uki", "{uki}", "--phases", "a::b"), 2, "'a::b' has an empty word"),
    (("--uki", "{uki}", "--phases", "a,,b"), 2, "'' has an empty word"),
    (("--uki", "{uki}", "--phases", ",".join("a" * 65)), 2, "over 64 paths"),
    (("--uki", "{uki}", "--public-key", "{uki}"), 2, "--public-key is for --sign"),
    (("--uki", "{uki}", "--global-sysext", "{raw}"), 1, "takes nothing from /loader/extensions"),
    (("--uki", "{uki}", "--volume-key", f"root:{UUID}:"), 2, "is not NAME:UUID:FILE"),
    (("--uki", "{uki}", "--volume-key", f"root:{UUID}:/nowhere"), 1, "read '/nowhere'"),
    (("--uki", "{uki}", "--volume-key", f"root:{UUID}:/dev/null"), 2, "is no volume key"),
    (("--uki", "{uki}", *("--volume-key", f"root:{UUID}") * 17), 2, "over 16 volumes"),
    (("--help",), 0, ""),
])
def test_usage_and_exit_status(words, status, says):
    files = {"{uki}": DEMO / "uki.efi", "{raw}": DEMO / "demo-tools.sysext.raw"}
    done = predict(*(files.get(word, word) for word in words))
    assert done.returncode == status and says in done.stderr, done.stderr
    if status == 0:
        assert len(done.stdout.splitlines()) <= 25 and \
            max(map(len, done.stdout.splitlines())) <= 80


def test_addon_that_is_no_addon(tmp_path):
    addon = tmp_path / "kernel.addon.efi"
    addon.write_bytes((DEMO / "uki.efi").read_bytes())
    done = predict("--uki", DEMO / "uki.efi", "--addon", addon)
    assert done.returncode == 1 and "'kernel.addon.efi'" in done.stderr
    assert "it has the section .linux" in done.stderr


def built(tmp_path: Path, conf: bytes) -> Path:
    """A UKI whose initrd has nothing but this slipway.conf."""
    uki, initrd = tmp_path / "uki.efi", tmp_path / "initrd"
    initrd.write_bytes(cpio(tmp_path / "tree", conf))
    (tmp_path / "os-release").write_text("ID=x\n")
    lab.uki.build(uki, linux=DEMO / "vmlinuz", initrd=initrd, key=None, cmdline="quiet",
                  os_release=tmp_path / "os-release")
    return uki


@as_root
@pytest.mark.parametrize("conf, unknown", [
    (b"esp-extensions=/loader/extensions\n", {12, 13}), (b"host-extensions=/host\n", {12, 13}), (b"hook-measure=yes\nhook-extensions=yes\n", {13}),
    (b"hook-measure=yes\nhook-extensions=yes\nesp-extensions=/loader/extensions\n", {12, 13}),
    (b"hook-measure=yes\nesp-extensions=\n", set()), (None, set()),
])
def test_what_init_itself_measures_is_not_foreseen(tmp_path, conf, unknown):
    """What the stub has measured goes on there, with words that more than these files decide."""
    uki = built(tmp_path, conf)
    for more in ((), ("--pcr-scheme", "261")):
        done = predict("--json", "--uki", uki, "--bank", "sha256", *more)
        assert {v["pcr"] for v in json.loads(done.stdout) if v["value"] is None} == unknown
        lines = predict("--uki", uki, "--bank", "sha256", *more).stdout.splitlines()
        assert {int(line[6:8]) for line in lines if line.startswith("# PCR")} == unknown


@as_root
@pytest.mark.parametrize("scheme", ["257", "261"])
@pytest.mark.parametrize("whose", ["esp", "host"])
def test_what_init_takes_from_the_esp_can_be_told(tmp_path, whose, scheme):
    """Its words come behind all that the stub measured, and one that is called confext into PCR 12."""
    uki = built(tmp_path, f"{whose}-extensions=/more\n".encode())
    raw, twin = DEMO / "demo-tools.sysext.raw", tmp_path / "demo-tools.confext.raw"
    twin.write_bytes(raw.read_bytes())
    root_hash = re.search(rb'"rootHash":"([0-9a-f]{64})"', raw.read_bytes())[1].decode()

    def told(*files):
        done = predict("--json", "--uki", uki, "--pcr-scheme", scheme,
                       *(word for file in files for word in (f"--{whose}-extension", file)))
        assert done.returncode == 0, done.stderr
        return {(v["bank"], v["pcr"], v.get("phase")): v["value"] for v in json.loads(done.stdout)
                if "pcr" in v}

    before, after = told("none"), told(raw, twin)
    assert None not in before.values()
    for (bank, pcr, phase), value in before.items():
        kind = {12: "confext", 13: "sysext"}.get(pcr)
        if kind:
            word = f"{'host-' if whose == 'host' else ''}{kind}:demo-tools:{root_hash}"
            value = tpm.extend(bank, value, tpm.word_digest(bank, word))
        assert after[bank, pcr, phase] == value, (bank, pcr)


@as_root
@pytest.mark.parametrize("text, says", [(b"demo", ""), (b"    ", "its .cmdline is blank")])
def test_addon_without_words(tmp_path, text, says):
    addon = tmp_path / "x.addon.efi"
    lab.tool("ukify", "build", "--cmdline=demo", f"--output={tree.host(tmp_path)}/{addon.name}",
             "--stub=/usr/lib/systemd/boot/efi/addonx64.efi.stub")
    whole = addon.read_bytes()
    assert whole.count(b"demo") == 1
    addon.write_bytes(whole.replace(b"demo", text))
    done = predict("--uki", DEMO / "uki.efi", "--addon", addon)
    assert done.returncode == (1 if says else 0) and says in done.stderr, done.stderr


def test_only_the_phases_that_are_asked_for():
    lines = predict("--uki", DEMO / "uki.efi", "--bank", "sha256").stdout.splitlines()
    some = predict("--uki", DEMO / "uki.efi", "--bank", "sha256", "--phases",
                   "enter-initrd:leave-initrd,-").stdout.splitlines()
    assert [line.split("\t")[1] for line in some[1:]] == ["4", "9", "11", "11", "12", "13", "15"]
    assert some[3:5] == [next(line for line in lines if line.endswith("\t" + path))
                         for path in ("enter-initrd:leave-initrd", "-")]


def test_the_scheme_with_separators():
    """One more word in four of the six PCRs, and in PCR 9 yet another."""
    values = [{(v["bank"], v["pcr"], v.get("phase")): v["value"] for v in json.loads(
        predict("--json", "--uki", DEMO / "uki.efi", "--pcr-scheme", scheme).stdout)}
        for scheme in ("257", "261")]
    words = {11: [], 15: [], 9: ["os-separator", "nvpcr-separator"]}
    for (bank, pcr, phase), value in values[0].items():
        for word in words.get(pcr, ["os-separator"]):
            value = tpm.extend(bank, value, tpm.word_digest(bank, word))
        assert values[1][bank, pcr, phase] == value, (bank, pcr)
    assert len(values[0]) == len(values[1])


SMBIOS = "--smbios-cmdline"


@pytest.mark.parametrize("stub, secret, console, words, reason", [
    (b"260", True, True, (), ""),
    (b"260", True, False, (), ""),
    (b"261", False, True, (), ""),
    (b"261", True, True, (), "adds a secret of the machine"),
    (b"261", False, False, (), "has no console="),
    (b"262", False, False, (SMBIOS, "console=tty0"), ""),
    (b"262", False, False, (SMBIOS, "consoles=tty0"), "has no console="),
])
def test_what_new_stubs_make_of_pcr_9(tmp_path, stub, secret, console, words, reason):
    """A secret or the console of the machine, which nobody knows beforehand: not a wrong value."""
    uki = edited(b"systemd-stub 257", b"systemd-stub " + stub)
    twin = tmp_path / "uki.efi"
    twin.write_bytes(uki if console else uki.replace(b"console=ttyS0", b"xconsole=ttyS", 1))
    words = ("--uki", twin, "--bank", "sha1,sha256", "--pcr-scheme", "261",
             *(() if secret else ("--no-boot-secret",)), *words)
    said = json.loads(predict("--json", *words).stdout)
    nine = [v for v in said if v["pcr"] == 9]
    assert [v["bank"] for v in nine] == ["sha1", "sha256"]
    assert all(v["value"] for v in said if v["pcr"] != 9)
    lines = [line for line in predict(*words).stdout.splitlines()
             if line.startswith("# PCR") or line.split("\t")[1] == "9"]
    if reason:
        assert all(v["value"] is None and reason in v["reason"] for v in nine)
        assert lines == [f"# PCR 9: {nine[0]['reason']}", "sha1\t9\tmachine-specific\t",
                         "sha256\t9\tmachine-specific\t"]
    else:
        assert lines == [f"{v['bank']}\t9\t{v['value']}\t" for v in nine]


@pytest.mark.parametrize("stub, changed", [(b"257", {4}), (b"258", set()), (b"262", set())])
def test_without_secure_boot_old_stubs_have_the_kernel_measured(tmp_path, stub, changed):
    uki = tmp_path / "uki.efi"
    uki.write_bytes(edited(b"systemd-stub 257", b"systemd-stub " + stub))
    words = ("--json", "--uki", uki, "--bank", "sha256", "--no-boot-secret")
    on, off = (json.loads(predict(*words, *more).stdout) for more in ((), ("--no-secure-boot",)))
    assert {a["pcr"] for a, b in zip(on, off, strict=True) if a != b} == changed


@pytest.mark.parametrize("words, unknown", [
    ("", False), ("init=/sbin/init", False), ("init=/usr/lib/systemd/systemd", False),
    ("init=/bin/sh", True), ("init=/bin/sh init=/sbin/init", False), ("rd.init=/bin/sh", False),
    ("init=/lib/systemd/systemd", True),
])
def test_another_init_is_measured_when_it_is_known(words, unknown):
    """Whether a path is systemd, only the root says: PCR 11 is told up to there."""
    said = json.loads(predict("--json", "--uki", DEMO / "uki.efi", "--bank", "sha256",
                              SMBIOS, words).stdout)
    assert {v.get("phase") for v in said if v["value"] is None} == \
        ({v["phase"] for v in said if "leave-initrd" in v.get("phase", "") and v["pcr"] == 11}
         if unknown else set())
    text = predict("--uki", DEMO / "uki.efi", SMBIOS, words).stdout
    assert text.count("\n# PCR 11: the root decides") == int(unknown)


def keyed(bank: str, value: str, name: str, key: bytes) -> str:
    """What opening this volume makes of PCR 15."""
    return tpm.extend(bank, value, hmac.new(key, f"cryptsetup:{name}:{UUID}".encode(), bank).hexdigest())


@pytest.mark.parametrize("names, known", [((), True), (("root",), True), (("root", "var"), True),
                                          (("root", "var"), False)])
def test_pcr_15_of_encrypted_volumes(tmp_path, names, known):
    words, expected = [], {bank: tpm.start_values(bank)[15] for bank in BANKS}
    for name in names:
        key = tmp_path / name
        key.write_bytes(name.encode() * 16)
        words += ["--volume-key", f"{name}:{UUID}:{key}"]
        expected = {bank: keyed(bank, v, name, key.read_bytes()) for bank, v in expected.items()}
    if not known:
        words += ["--volume-key", f"data:{UUID}"]
        expected = dict.fromkeys(BANKS)
    said = json.loads(predict("--json", "--uki", DEMO / "uki.efi", *words).stdout)
    assert {v["bank"]: v["value"] for v in said if v["pcr"] == 15} == expected
    assert {v["phase"] for v in said if v["pcr"] == 15} == {"enter-initrd:leave-initrd"}
    assert all(v["value"] for v in said if v["pcr"] != 15)


def cpio(folder: Path, conf: bytes | Path | None) -> bytes:
    """An initrd with this slipway.conf: a link, where it is a path."""
    place = folder / "etc/slipway.conf"
    place.parent.mkdir(parents=True)
    if isinstance(conf, Path):
        place.symlink_to(conf)
    elif conf is not None:
        place.write_bytes(conf)
    names = "".join(f"{p.relative_to(folder)}\n" for p in sorted(folder.rglob("*")))
    return steps.run(["cpio", "--create", "--quiet", "--format=newc"], cwd=folder, stdin=None,
                     input=names.encode()).stdout


@as_root
@pytest.mark.parametrize("conf, scheme, says", [
    (None, "257", ""), (b"", "257", ""), (b"pcr-scheme=257\n", "257", ""),
    (b"# closed\npcr-scheme=261\n", "261", ""), (b"pcr-scheme=261\npcr-scheme=257\n", "257", ""),
    (b"pcr-scheme=260\n", "", "slipway.conf:1: 'pcr-scheme=260' is not understood"),
    (Path("conf"), "", "/etc/slipway.conf is no file of at most 65536 bytes"),
    (b"#" * 65537, "", "/etc/slipway.conf is no file of at most 65536 bytes"),
], ids=["none", "empty", "257", "261", "twice", "unknown", "link", "long"])
def test_the_scheme_is_the_initrds(tmp_path, conf, scheme, says):
    """An option overrules it, whatever it is."""
    plain, initrd, uki = (tmp_path / name for name in ("plain", "initrd", "uki.efi"))
    plain.write_bytes(cpio(tmp_path / "tree", conf))
    initrd.write_bytes(steps.run(["zstd", "-qc", plain]).stdout)
    (tmp_path / "os-release").write_text("ID=x\n")
    lab.uki.build(uki, linux=DEMO / "vmlinuz", initrd=initrd, key=None, cmdline="quiet",
                  os_release=tmp_path / "os-release")
    told = {s: predict("--uki", uki, "--bank", "sha256", "--pcr-scheme", s) for s in ("257", "261")}
    assert all(done.returncode == 0 for done in told.values())
    assert told["257"].stdout != told["261"].stdout
    done = predict("--uki", uki, "--bank", "sha256")
    assert done.returncode == (1 if says else 0) and says in done.stderr, done.stderr
    assert done.stdout == (told[scheme].stdout if scheme else "")
    assert not says or "--pcr-scheme can" in done.stderr


@as_root
@pytest.mark.parametrize("name, counts", [(".nvpcr", False), ("x.nvpcr", True), ("nvpcr", False)])
def test_what_is_no_definition_is_passed_over(tmp_path, name, counts):
    """As the boot does; of one that is broken it is said that there will be none."""
    tree_, initrd, uki = (tmp_path / name for name in ("tree", "initrd", "uki.efi"))
    (tree_ / "usr/lib/nvpcr").mkdir(parents=True)
    (tree_ / "usr/lib/nvpcr" / name).write_text("broken")
    initrd.write_bytes(cpio(tree_, b"pcr-scheme=261\n"))
    (tmp_path / "os-release").write_text("ID=x\n")
    lab.uki.build(uki, linux=DEMO / "vmlinuz", initrd=initrd, key=None, cmdline="quiet",
                  os_release=tmp_path / "os-release")
    done = predict("--uki", uki, "--bank", "sha256")
    assert done.returncode == 0 and ("NvPCRs will be skipped" in done.stderr) == counts, done.stderr


HOOK = "usr/lib/slipway/hooks"
WORDS = [f"slipway-hook:{point}:{name}:{hashlib.sha256(program).hexdigest()}:"
         f"{hashlib.sha256(declaration).hexdigest()}" for point, name, program, declaration in
         [("entered", "b", b"2", b""), ("checked", "a", b"1", b"deadline=9\n"),
          ("checked", "a-b", b"3", b"")]]


@as_root
@pytest.mark.parametrize("conf, words", [
    ("", []), ("hook-measure=yes\n", WORDS), ("hook-measure=yes\nhook-extensions=yes\n", None),
    ("pcr-scheme=261\nhook-measure=yes\n", ["os-separator", *WORDS]),
], ids=["not measured", "measured", "of extensions, too", "separated"])
def test_hooks(tmp_path, conf, words):
    """Point by point in the order of the boot, and by name in each."""
    tree_, initrd, uki = (tmp_path / name for name in ("tree", "initrd", "uki.efi"))
    for name, text in {"checked/a": "1", "checked/a.hook": "deadline=9\n", "entered/b": "2",
                       "checked/a-b": "3"}.items():
        (tree_ / HOOK / name).parent.mkdir(parents=True, exist_ok=True)
        (tree_ / HOOK / name).write_text(text)
    initrd.write_bytes(cpio(tree_, conf.encode()))
    (tmp_path / "os-release").write_text("ID=x\n")
    lab.uki.build(uki, linux=DEMO / "vmlinuz", initrd=initrd, key=None, cmdline="quiet",
                  os_release=tmp_path / "os-release")
    done = predict("--json", "--uki", uki, "--bank", "sha256")
    value = next(v for v in json.loads(done.stdout) if v["pcr"] == 13)
    if words is None:
        assert value["value"] is None and "hook-extensions=" in value["reason"]
        return
    expected = "00" * 32
    for word in words:
        expected = tpm.extend("sha256", expected, tpm.word_digest("sha256", word))
    assert value["value"] == expected


def test_only_the_banks_that_are_asked_for():
    whole = predict("--uki", DEMO / "uki.efi").stdout.splitlines()
    some = predict("--uki", DEMO / "uki.efi", "--bank", "sha384,sha1").stdout.splitlines()
    assert some == [line for line in whole if line.startswith(("#", "sha384", "sha1\t"))]
