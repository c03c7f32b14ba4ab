# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd's own tools, in a system that slipway started, take what slipway takes: systemd-nspawn
runs the root DDI, alone and with the extension, a service has both as RootImage= and ExtensionImages=,
and systemd-dissect and systemd-sysext accept them. They refuse the twins that slipway refuses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import chain
import lab
import pytest
from expect import boots, direct, refused
from lab import appliance, paths

# Of the image tools' tree, which is of the same Debian.
PROGRAMS = ("usr/bin/systemd-nspawn", "usr/bin/systemd-dissect",
            "usr/lib/x86_64-linux-gnu/libcryptsetup.so.12", "usr/lib/x86_64-linux-gnu/libjson-c.so.5")
POLICY = "root=signed:=open"
PATHS = "/etc/os-release /usr/share/judged"
TOOLS = f"""#!/bin/sh
exec >/dev/console 2>&1
judge() {{ name=$1; shift; "$@" | sed "s/^/judge $name: /"; }}
try() {{ "$@" </dev/null 2>&1 && echo accepts || echo refuses; }}
run() {{ seconds=$1 image=$2; shift 2; try timeout "$seconds" systemd-nspawn --quiet --register=no --keep-unit --read-only \
	--console=pipe --link-journal=no --resolv-conf=off --timezone=off --image-policy={POLICY} \
	--image="$image" "$@"; }}
look() {{ try systemd-dissect --validate --image-policy={POLICY} /run/extensions/judged.raw; }}
show() {{ try timeout "$1" systemd-dissect --mount --mkdir --image-policy={POLICY} /run/extensions/judged.raw /run/judged; }}
serve() {{ try timeout 300 systemd-run --quiet --wait --pipe --collect -p RootImage=/dev/vdb -p RootImagePolicy={POLICY} \
	-p ExtensionImages=/run/extensions/judged.raw -p ExtensionImagePolicy={POLICY} /bin/cat {PATHS}; }}
merge() {{ try systemd-sysext merge --image-policy={POLICY}; }}
judge nspawn run 300 /dev/vdb /bin/cat /etc/os-release
mkdir -p /run/extensions
cat /dev/vdd >/run/extensions/judged.raw
judge dissect look
judge service serve
judge shown show 300
judge nspawn-with run 300 /dev/vdb --overlay-ro=+/usr:/run/judged/usr:/usr /bin/cat {PATHS}
systemd-dissect --umount /run/judged
judge sysext merge
judge merged try cat /usr/share/judged
systemd-sysext unmerge
cat /dev/vde >/run/extensions/judged.raw
judge sysext-twin merge
judge merged-twin try cat /usr/share/judged
judge service-twin serve
# Both say why, and then may wait for ever.
judge shown-twin show 40
# It looks whether there is a signature, not at it.
cat /dev/vdf >/run/extensions/judged.raw
judge dissect-twin look
judge nspawn-twin run 40 /dev/vdc /bin/cat /etc/os-release
echo judged
"""
UNIT = """[Unit]
After=systemd-udev-settle.service local-fs.target
[Service]
Type=oneshot
ExecStart=/usr/lib/judge
"""
FILE = "the judges saw this"

pytestmark = pytest.mark.xdist_group("judges")


def judging() -> list[lab.Part]:
    """The demo's root with the judges in it, who trust the demo's certificate."""
    key = lab.key("verity")

    def change(tree: Path) -> None:
        for name in PROGRAMS:
            shutil.copy(paths.TOOLS_TREE / name, tree / name)
        usr = tree / "usr/lib"
        (usr / "verity.d").mkdir()
        shutil.copy(key.cert, usr / "verity.d/demo.crt")
        (usr / "judge").write_text(TOOLS)
        (usr / "judge").chmod(0o755)
        (usr / "systemd/system/judge.service").write_text(UNIT)
        wants = tree / "etc/systemd/system/multi-user.target.wants"
        (wants / "judge.service").symlink_to("/usr/lib/systemd/system/judge.service")
        (wants / "slipway-report.service").unlink()

    return appliance.altered_root("judging", TOOLS + UNIT, change)


def extension(folder: Path, key: str, kind: str) -> Path:
    """One for the initrd and the host alike."""
    return lab.build_sysext(lab.Sysext("judged", id="_any", version_id="", scope='"initrd system"',
                                       files={"usr/share/judged": f"{FILE}\n".encode()}, kind=kind,
                                       key=lab.key(key)), folder)


def said(got: lab.Result, judge: str) -> list[str]:
    """What one of them said, as lines."""
    return re.findall(rf"(?m)^judge {judge}: (.*?)\r?$", got.serial)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The root that all tests boot, on another disk, and its twin; an extension, and its twins."""
    folder = tmp_path_factory.mktemp("judged")
    forged = chain.signed_again(lab.root_parts(), lab.key("attacker"), folder / "forged")
    uuid = "51b1a7e0-c0de-4d57-9d3a-00000000e0{}"
    roots = [chain.other_disk(folder / f"{n}.img", parts, uuid.format(n)).path
             for n, parts in ((10, lab.root_parts()), (11, forged))]
    extensions = [extension(folder / f"{key}-{kind}", key, kind) for key, kind in
                  (("verity", "signed"), ("attacker", "signed"), ("verity", "verity"))]
    yield *roots, *extensions
    shutil.rmtree(folder)


def test_judges_agree(demo, boot, images, tmp_path):
    """slipway merges the extension and starts the root, in which they judge both."""
    root, forged, good, bad, unsigned = images
    made = lab.make_disk(tmp_path / "disk.img", parts=judging())
    spec = direct(made.path, "systemd.show_status=no", initrd=chain.handed_over(demo.initrd, [good], tmp_path / "initrd"),
                  until="^judged", timeout=600)
    spec.drives += [lab.Drive(image) for image in (root, forged, good, bad, unsigned)]
    got = boot(spec)
    boots(got)
    assert got.extension("judged")["verdict"] == "merged"
    shown = said(got, "nspawn")
    assert shown[-1] == "accepts" and "ID=debian" in shown, got.explain()
    twin = said(got, "nspawn-twin")
    assert twin[-1] == "refuses" and "Required key not available" in "".join(twin), got.explain()
    assert "ID=debian" not in twin
    for judge in ("nspawn-with", "service"):
        both = said(got, judge)
        assert both[-2:] == [FILE, "accepts"] and "ID=debian" in both, got.explain()
    assert said(got, "shown")[-1] == "accepts"
    assert said(got, "shown-twin")[-1] == said(got, "service-twin")[-1] == "refuses", got.explain()
    assert FILE not in said(got, "service-twin")
    assert said(got, "dissect")[-1] == "accepts" and said(got, "dissect-twin")[-1] == "refuses"
    assert said(got, "sysext")[-1] == "accepts" and said(got, "merged") == [FILE, "accepts"]
    assert said(got, "sysext-twin")[-1] == "refuses" and said(got, "merged-twin")[-1] == "refuses"


@pytest.mark.parametrize("which, why", [(3, "no certificate in 'verity.d' made"), (4, "it is not signed")],
                         ids=["forged", "unsigned"])
def test_twin_extensions_are_skipped(which, why, demo, boot, images, tmp_path):
    """By slipway, which says why."""
    image = chain.handed_over(demo.initrd, [images[which]], tmp_path / "initrd")
    got = boot(direct(demo.disk, initrd=image))
    boots(got, f"extension 'judged' skipped: {why}")
    assert got.extension("judged")["code"] == "EXTENSION_UNPROVEN"


def test_twin_root_does_not_start(boot, images):
    uuid = "51b1a7e0-c0de-4d57-9d3a-00000000e011"
    got = boot(direct(images[1], f"slipway.disk=PARTUUID={uuid}"))
    refused(got, "SIGNATURE_UNTRUSTED", "prove")
