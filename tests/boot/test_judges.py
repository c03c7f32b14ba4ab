# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd's own tools, in a system that slipway started, take what slipway takes: systemd-nspawn
runs the root DDI, and systemd-dissect and systemd-sysext accept the extension. They refuse the twins
that slipway refuses."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import chain
import lab
import pytest
from expect import boots, direct, refused
from lab import ddi, demoroot, paths
from lab.steps import digest, once, run

# Of the image tools' tree, which is of the same Debian.
PROGRAMS = ("usr/bin/systemd-nspawn", "usr/bin/systemd-dissect",
            "usr/lib/x86_64-linux-gnu/libcryptsetup.so.12", "usr/lib/x86_64-linux-gnu/libjson-c.so.5")
POLICY = "root=signed:=open"
TOOLS = f"""#!/bin/sh
exec >/dev/console 2>&1
judge() {{ name=$1; shift; "$@" | sed "s/^/judge $name: /"; }}
try() {{ "$@" </dev/null 2>&1 && echo accepts || echo refuses; }}
run() {{ try systemd-nspawn --quiet --register=no --keep-unit --read-only --console=pipe --link-journal=no \\
	--resolv-conf=off --timezone=off --image-policy={POLICY} --image="$1" /bin/cat /etc/os-release; }}
judge nspawn run /dev/vdb
judge nspawn-twin run /dev/vdc
judge dissect try systemd-dissect --validate --image-policy={POLICY} /dev/vdd
judge dissect-twin try systemd-dissect --validate --image-policy={POLICY} /dev/vde
mkdir -p /run/extensions
cat /dev/vdd >/run/extensions/judged.raw
judge sysext try systemd-sysext merge --image-policy={POLICY}
judge merged try cat /usr/share/judged
systemd-sysext unmerge
rm /run/extensions/judged.raw
cat /dev/vde >/run/extensions/judged.raw
judge sysext-twin try systemd-sysext merge --image-policy={POLICY}
judge merged-twin try cat /usr/share/judged
echo judged
"""
UNIT = """[Unit]
After=systemd-udev-settle.service local-fs.target
[Service]
Type=oneshot
ExecStart=/usr/lib/judge
"""
FILE = "the judges saw this"


def judging() -> list[lab.Part]:
    """The demo's root with the judges in it, who trust the demo's certificate."""
    folder, key = paths.LAB / "root-judging", lab.key("verity")

    def make(new: Path) -> None:
        stage = Path(tempfile.mkdtemp(prefix="judging-", dir=paths.LAB))
        run(["cp", "-a", demoroot.root_tree(), stage / "tree"])
        for name in PROGRAMS:
            shutil.copy(paths.TOOLS_TREE / name, stage / "tree" / name)
        usr = stage / "tree/usr/lib"
        (usr / "verity.d").mkdir()
        shutil.copy(key.cert, usr / "verity.d/demo.crt")
        (usr / "judge").write_text(TOOLS)
        (usr / "judge").chmod(0o755)
        (usr / "systemd/system/judge.service").write_text(UNIT)
        wants = stage / "tree/etc/systemd/system/multi-user.target.wants"
        (wants / "judge.service").symlink_to("/usr/lib/systemd/system/judge.service")
        (wants / "slipway-report.service").unlink()
        ddi.cut(stage / "root.img", lab.repart(stage / "tree", stage / "root.img", key=key), new)
        shutil.rmtree(stage)

    once(folder, digest("judging 1", lab.root_parts()[0].roothash, key.cert, TOOLS, UNIT),
         "root DDI, with systemd's judges", make)
    return ddi.load_parts(folder)


def extension(folder: Path, key: str) -> Path:
    """One for the initrd and the host alike."""
    return lab.build_sysext(lab.Sysext("judged", id="_any", version_id="", scope="initrd system",
                                       files={"usr/share/judged": f"{FILE}\n".encode()},
                                       key=lab.key(key)), folder)


def said(got: lab.Result, judge: str) -> list[str]:
    """What one of them said, as lines."""
    return re.findall(rf"(?m)^judge {judge}: (.*?)\r?$", got.serial)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The root that all tests boot, on another disk, and its twin; an extension, and its twin."""
    folder = tmp_path_factory.mktemp("judged")
    forged = chain.signed_again(lab.root_parts(), lab.key("attacker"), folder / "forged")
    uuid = "51b1a7e0-c0de-4d57-9d3a-00000000e0{}"
    roots = [chain.other_disk(folder / f"{n}.img", parts, uuid.format(n)).path
             for n, parts in ((10, lab.root_parts()), (11, forged))]
    extensions = [extension(folder / key, key) for key in ("verity", "attacker")]
    yield *roots, *extensions
    shutil.rmtree(folder)


def test_judges_agree(demo, boot, images, tmp_path):
    """slipway merges the extension and starts the root, in which they judge both."""
    root, forged, good, bad = images
    made = lab.make_disk(tmp_path / "disk.img", parts=judging())
    spec = direct(made.path, initrd=chain.handed_over(demo.initrd, [good], tmp_path / "initrd"),
                  until="^judged", timeout=600)
    spec.drives += [lab.Drive(image) for image in (root, forged, good, bad)]
    got = boot(spec)
    boots(got)
    assert got.extension("judged")["verdict"] == "merged"
    release = (demoroot.root_tree() / "etc/os-release").read_text().splitlines()
    assert said(got, "nspawn") == [*release, "accepts"], got.explain()
    assert said(got, "nspawn-twin")[-1] == "refuses", got.explain()
    assert said(got, "dissect")[-1] == "accepts" and said(got, "dissect-twin")[-1] == "refuses"
    assert said(got, "sysext")[-1] == "accepts" and said(got, "merged") == [FILE, "accepts"]
    assert said(got, "sysext-twin")[-1] == "refuses" and said(got, "merged-twin")[-1] == "refuses"


def test_twins_are_refused(demo, boot, images, tmp_path):
    """By slipway: the root does not start, and the extension is skipped."""
    _, forged, _, bad = images
    uuid = "51b1a7e0-c0de-4d57-9d3a-00000000e011"
    refused(boot(direct(forged, f"slipway.disk=PARTUUID={uuid}")), "SIGNATURE_UNTRUSTED", "prove")
    got = boot(direct(demo.disk, initrd=chain.handed_over(demo.initrd, [bad], tmp_path / "initrd")))
    boots(got, "extension 'judged' skipped")
