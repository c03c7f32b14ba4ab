# SPDX-License-Identifier: LGPL-2.1-or-later
"""TUTORIAL.md as a vendor follows it: its commands as they stand there, one after the other, in a
folder outside the tree, with installed files only."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from lab import paths, peers, tools

# A static program for the root: it says that it runs, and ends the machine.
INIT = """
#include <stdio.h>
#include <sys/reboot.h>
int main(void) { puts("the appliance is up"); return fflush(stdout) + reboot(RB_POWER_OFF); }
"""
RELEASE = "ID=tutorial\nVERSION_ID=7\nPRETTY_NAME=tutorial\n"

# Lays the installed files over /usr for as long as the script runs.
INSTALL = 'mount -t overlay -o "lowerdir=$1:/usr" slipway /usr && exec sh -eu -c "$2"'

# On Debian 12, what the tutorial wants of Debian 13 comes from the tools tree.
LATER = ("systemd-repart", "ukify")


def commands(text: str) -> list[tuple[str, str]]:
    """Each section's heading, and the commands in it."""
    sections = re.split(r"(?m)^## (.*)\n", text)
    blocks = [(head, "".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", body)))
              for head, body in zip(sections[1::2], sections[2::2], strict=True)]
    return [(head, block) for head, block in blocks if block]


def root_of(folder: Path) -> None:
    """The vendor's own: the smallest root that there is."""
    for name in ("dev", "proc", "sys", "run", "tmp", "usr/lib", "sbin"):
        (folder / name).mkdir(parents=True)
    (folder / "usr/lib/os-release").write_text(RELEASE)
    source = folder.with_suffix(".c")
    source.write_text(INIT)
    subprocess.run([paths.BUILD / "deps/x86_64-linux-musl/bin/slipway-cc", "-Os", "-o",
                    folder / "sbin/init", source], check=True)
    source.unlink()


def kernel_of(folder: Path) -> None:
    """A kernel package, taken apart."""
    (folder / "boot").mkdir(parents=True)
    shutil.copyfile(tools.kernel() / "boot/vmlinuz", folder / "boot/vmlinuz")
    shutil.copytree(tools.kernel() / "usr/lib/modules", folder / "usr/lib/modules", symlinks=True)


def programs(folder: Path) -> None:
    """Stand-ins that run a program of the tools tree in the folder that they are called in."""
    folder.mkdir()
    for name in LATER:
        script = folder / name
        script.write_text(
            "#!/usr/bin/python3\nimport os, sys\n"
            f"sys.path.insert(0, {str(paths.REPO / 'tests/lib')!r})\nfrom lab import steps, tools, tree\n"
            "from pathlib import Path\n"
            "try:\n"
            "    tools.tool('sh', '-c', 'cd \"$1\"; shift; exec \"$@\"', 'sh', tree.host(Path.cwd()),\n"
            f"               {name!r}, *sys.argv[1:])\n"
            "except steps.LabError as e:\n"
            "    sys.exit(str(e))\n")
        script.chmod(0o755)


@pytest.fixture(scope="module")
def walked(lab, tmp_path_factory):
    """The folder after the walk."""
    top = tmp_path_factory.mktemp("vendor")
    work = top / "work"
    root_of(work / "rootfs")
    kernel_of(work / "kernel")
    programs(top / "bin")
    installed = peers.installed() / "usr"
    script = "".join(f"echo '== {head}'\n{block}" for head, block in
                     commands((installed / "share/doc/slipway/TUTORIAL.md").read_text()))
    begun = time.monotonic()
    done = subprocess.run(["unshare", "--mount", "--propagation=private", "sh", "-c", INSTALL, "sh",
                           installed, script], cwd=work, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={"PATH": f"{top}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(work)})
    assert done.returncode == 0, done.stdout
    (work / "seconds").write_text(f"{time.monotonic() - begun}")
    yield work, done.stdout
    shutil.rmtree(top)


pytestmark = pytest.mark.xdist_group("tutorial")


def test_without_its_driver_the_disk_is_missed(walked):
    work, said = walked
    failure = json.loads((work / "without/record.json").read_text())["failure"]
    assert failure["code"] == "DISK_TIMEOUT"
    assert "failure    DISK_TIMEOUT in stage discover" in said


def test_with_it_the_appliance_is_up(walked):
    work, said = walked
    record = json.loads((work / "with/record.json").read_text())
    assert record["result"] == "handed-over" and record["os"] == "tutorial"
    assert record["firmware"]["secure_boot"] and record["disk"]["name"] == "sda"
    assert [(x["name"], x["verdict"]) for x in record["extensions"]] == [("driver", "merged")]
    assert "the appliance is up" in (work / "with/serial.log").read_text()
    predicted = {(v["bank"], v["pcr"]) for v in json.loads((work / "pcrs.json").read_text())}
    assert {pcr for _, pcr in predicted} >= {4, 9, 11, 12, 13}
    for bank, pcr in predicted - {("sha256", 15)}:
        assert re.search(rf"(?m)^  ok    PCR {pcr} \({bank}\)", said)


def test_hook_has_noted_the_board(walked):
    work, _ = walked
    for folder in ("without", "with"):
        hook = json.loads((work / folder / "record.json").read_text())["hooks"][0]
        assert (hook["point"], hook["name"], hook["verdict"]) == ("entered", "board", "continued")
        assert hook["facts"]["board"].startswith("Standard PC (Q35")
        assert ">board<" in (work / folder / "timeline.svg").read_text()


def test_timeline_has_the_driver(walked):
    work, _ = walked
    assert ">virtio_scsi<" in (work / "timeline.svg").read_text()
    assert ">virtio_scsi<" not in (work / "without/timeline.svg").read_text()


def test_it_takes_less_than_it_says(walked):
    """Of commands alone; QEMU emulates the processor where there is no KVM."""
    work, _ = walked
    assert "In a quarter of an hour" in (paths.REPO / "TUTORIAL.md").read_text()
    assert 10 < float((work / "seconds").read_text()) < 15 * 60


def test_the_walk_leaves_out_no_command():
    text = (paths.REPO / "TUTORIAL.md").read_text()
    found = commands(text)
    assert len(found) == len(re.findall(r"(?m)^## ", text)) == 9
    assert sum(block.count("slipway-smoke ") for _, block in found) == 2
    assert text.count("```") == 2 * text.count("```sh\n")
