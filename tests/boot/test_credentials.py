# SPDX-License-Identifier: LGPL-2.1-or-later
"""Credentials: what the host gets of them, and that it is left alone where it can do it."""

import re
import shutil

import chain
from expect import RUNNING, boots
from lab import steps

# systemd-tmpfiles imports this one: the file shows that a service of the host got it.
SMBIOS = "io.systemd.credential:tmpfiles.extra=f /run/from-smbios 0644 - - - x"
FW_CFG = ["-fw_cfg", "name=opt/io.systemd.credentials/vendor.fw,string=SECRET-fw"]
WORD = "systemd.set_credential=vendor.word:SECRET-word systemd.set_credential=vendor.both:word"
EXTRA = {
    "credentials/vendor.locked.cred": "SECRET-locked",
    "global_credentials/vendor.locked.cred": "the second of one name",
    "system_credentials/vendor.both.cred": "extra",
    "system_credentials/vendor:colon.cred": "no name for a file",
    "credentials/vendor.big.cred": "x" * ((1 << 20) + 1),
    "credentials/vendor.more.cred": "y" * (1 << 20),  # with another one it is too much
}


def with_extra(image, files, out):
    """The initrd, and behind it a cpio with these files in /.extra, as a stub adds it."""
    stage = out.with_name(out.name + ".stage")
    for path, text in files.items():
        place = stage / ".extra" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    names = "".join(f"{p.relative_to(stage)}\n" for p in sorted(stage.rglob("*")))
    archive = steps.run(["cpio", "--create", "--quiet", "--format=newc"], cwd=stage, stdin=None,
                        input=names.encode()).stdout
    first = image.read_bytes()
    out.write_bytes(first + bytes(-len(first) % 4) + archive)
    shutil.rmtree(stage)
    return out


def run(lab, demo, boot, initrd):
    """To the end of the host's start, with all other sources of credentials."""
    got = boot(lab.direct(demo.disk, initrd=initrd, append=WORD, smbios=[SMBIOS],
                          arguments=FW_CFG, timeout=300))
    assert got.report and got.end == "poweroff", got.explain()
    assert got.report.state == "running", got.report.text("failed")
    assert "/run/from-smbios" in got.report.text("run_files"), "the host's services have none"
    assert "SECRET" not in re.sub(r"(?m)^.*command line:.*$", "", got.serial, flags=re.I)
    return got


def variables(got):
    """What PID 1 was given, by name, of the variables for credentials."""
    words = got.report.text("/proc/1/environ").split("\0")
    return {name: value for name, _, value in (word.partition("=") for word in words)
            if "CREDENTIALS" in name}


def received(got, kind):
    """The names that the host's systemd says it received."""
    said = re.search(rf"Received {kind} credentials: (.*)", got.report.text("journal"))
    return set(said[1].split(", ")) if said else set()


def test_all_are_handed_over(lab, demo, boot, tmp_path):
    got = run(lab, demo, boot, with_extra(demo.initrd, EXTRA, tmp_path / "initrd"))
    assert variables(got) == {"CREDENTIALS_DIRECTORY": "/run/credentials/@system",
                              "ENCRYPTED_CREDENTIALS_DIRECTORY": "/run/credentials/@encrypted"}
    assert received(got, "untrusted") == {"vendor.locked"}
    assert received(got, "regular") == {"tmpfiles.extra", "vendor.both", "vendor.fw",
                                        "vendor.word"}
    files = got.report.text("run_files")
    assert re.search(r"^drwx------ 0:0 \d+ /run/credentials/@encrypted ", files, re.M), files
    assert re.search(r"^-r-------- 0:0 13 /run/credentials/@encrypted/vendor\.locked ", files, re.M)
    kept = got.report.mount("/run/credentials/@encrypted")
    assert {"ro", "nosuid", "nodev", "noexec", "nosymfollow"} <= set(kept["options"].split(","))
    mount = got.report.mount("/run/credentials/@system")
    assert mount["fstype"] == "tmpfs"
    assert {"ro", "nosuid", "nodev", "noexec", "nosymfollow", "noswap", "mode=700",
            "size=1024k"} <= set(mount["options"].split(","))
    warned = [text for text in got.record["warnings"] if "credential" in text]
    assert warned == [*(f"credential 'vendor.{name}' of /.extra/credentials skipped: with it there "
                        "would be more than 1 MiB" for name in ("big", "more")),
                      "a credential of /.extra/system_credentials skipped: "
                      "its name is no plain file name"]


def test_too_many(lab, demo, boot, tmp_path):
    """What there is room for arrives, what not is counted, and the boot goes on."""
    many = {f"{folder}/{folder}.{n:04}.cred": "x" for n in range(1100)
            for folder in ("credentials", "system_credentials")}
    got = boot(lab.direct(demo.disk, initrd=with_extra(demo.initrd, many, tmp_path / "initrd"),
                          append=WORD, smbios=[SMBIOS], arguments=FW_CFG, until=RUNNING))
    boots(got, warning="credential 'credentials.1023' of /.extra/credentials skipped: there would be "
                       "more than 1023")
    assert got.seen("credentials for the host: 1023 encrypted, 256 others"), "a page for each"
    assert any("'system_credentials.0256' of /.extra/system_credentials skipped: there is no room" in text
               for text in got.record["warnings"]), got.record["warnings"]
    # Behind those of /.extra there were four others, which have no room either.
    counted = [text for text in got.record["warnings"] if "more credentials" in text]
    assert counted == ["69 more credentials are skipped", "840 more credentials are skipped"]


def test_without_drivers(lab, demo, boot, tmp_path):
    """An image with few modules: SMBIOS needs none, and that fw_cfg has one is said."""
    image = chain.initrd("no-fw-cfg", modules=(*chain.MODULES, "virtio_blk"))
    got = run(lab, demo, boot, with_extra(image, {"credentials/vendor.locked.cred": "x"},
                                          tmp_path / "initrd"))
    assert received(got, "regular") == {"tmpfiles.extra", "vendor.both", "vendor.word"}
    (warned,) = [text for text in got.record["warnings"] if "credential" in text]
    assert re.search("has no 'qemu_fw_cfg', .*: the host gets no credentials from there$", warned)


def test_without_any_in_extra_the_host_imports_them(lab, demo, boot, tmp_path):
    """The twin: nothing is read, nothing set, and the host does not miss anything."""
    others = {"os-release": "ID=x\n", "credentials/readme": "no credential"}
    got = run(lab, demo, boot, with_extra(demo.initrd, others, tmp_path / "initrd"))
    assert variables(got) == {}
    assert got.seen(r"slipway\[1\]: .*credential") is None
    assert received(got, "regular") == {"tmpfiles.extra", "vendor.both", "vendor.fw",
                                        "vendor.word"}
