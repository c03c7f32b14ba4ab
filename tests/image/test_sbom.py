# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bill of materials against the image that it came with, the lock and CycloneDX 1.6."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
MKINITRD = REPO / "build/slipway-mkinitrd"
VERSION = "6.1.0-test"
FOLDER = f"usr/lib/modules/{VERSION}"
OUR_VERSION = re.search(r"(?m)^VERSION := (\S+)$", (REPO / "Makefile").read_text())[1]
LOCK = [line.split("\t") for line in (REPO / "ci/deps/lock").read_text().splitlines()
        if line and not line.startswith("#")]
OF_THE_BUILDER_ALONE = {"zstd", "lz4"}

# What the schema allows in a component of ours; it allows no other member.
MEMBERS = {"type", "bom-ref", "name", "version", "hashes", "licenses", "purl",
           "externalReferences", "properties"}
NOTE = """
__attribute__((section(".note.package"), used, aligned(4)))
static const struct {{ unsigned owner_bytes, text_bytes, type; char owner[4], text[64]; }} note =
	{{ 4, 64, 0xcafe1a7e, "FDO", {text} }};
int main(void) {{ return 0; }}
"""


def compile_init(out: Path, **note: str) -> Path:
    """A program with this package note."""
    source = NOTE.format(text=json.dumps(json.dumps(note)))
    subprocess.run(["gcc", "-x", "c", "-", "-o", out], input=source.encode(), check=True)
    return out


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """A kernel of two modules, one of which says little of itself, and our own init."""
    folder = tmp_path_factory.mktemp("inputs")
    info = {"talks": "license=GPL v2\\0version=1.5\\0name=talks\\0", "mute": "name=mute\\0"}
    for name, text in info.items():
        path = folder / FOLDER / f"kernel/{name}.ko"
        path.parent.mkdir(parents=True, exist_ok=True)
        source = f'const char x[] __attribute__((section(".modinfo"))) = "{text}";'
        subprocess.run(["gcc", "-x", "c", "-c", "-", "-o", path], input=source.encode(), check=True)
    (folder / "lib").symlink_to("usr/lib")
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        (folder / FOLDER / index).write_text("")
    depmod = shutil.which("depmod", path="/usr/sbin:/sbin:/usr/bin:/bin")
    subprocess.run([depmod, "-b", folder, VERSION], check=True)
    compile_init(folder / "init", name="slipway", version=OUR_VERSION + "-1")
    return folder


@pytest.fixture
def build(inputs, tmp_path):
    """Builds with these words more; returns the bill, and the manifest's rows by path."""
    def run(*words: object, out: str = "initrd", epoch: str = "") -> tuple[dict, dict]:
        environment = {"PATH": "/usr/sbin:/usr/bin", "SOURCE_DATE_EPOCH": epoch or "0"}
        subprocess.run([MKINITRD, "--output", tmp_path / out, "--sbom", tmp_path / f"{out}.json",
                        "--config=none", "--kernel-version", VERSION, "--sysroot", inputs,
                        "--init", inputs / "init", "--modules=talks,mute",
                        "--manifest", tmp_path / f"{out}.list", *words],
                       check=True, env=environment)
        rows = [r.split("\t") for r in (tmp_path / f"{out}.list").read_text().splitlines()]
        return (json.loads((tmp_path / f"{out}.json").read_text()),
                {row[3]: row for row in rows if len(row) == 5 and row[0].startswith("10")})
    return run


def by_ref(bill: dict) -> dict[str, dict]:
    return {c["bom-ref"]: c for c in bill["components"]}


def digest(component: dict) -> str:
    [found] = component["hashes"]
    assert found["alg"] == "SHA-256"
    return found["content"]


def test_every_packed_file_is_in_it(build, tmp_path):
    bill, rows = build()
    parts = by_ref(bill)
    assert len(parts) == len(bill["components"])
    for path, (_, _, sha256, _, why) in rows.items():
        assert digest(parts[path]) == sha256, path
        properties = {p["name"]: p["value"] for p in parts[path]["properties"]}
        assert properties == {"slipway:path": path, "slipway:why": why}
    files = {ref for ref in parts if ref.startswith("/")}
    assert files - set(rows) <= {"/etc/slipway.manifest"}  # which does not list itself
    whole = bill["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("initrd", VERSION)
    assert digest(whole) == hashlib.sha256((tmp_path / "initrd").read_bytes()).hexdigest()
    assert (tmp_path / "initrd.json").stat().st_mode & 0o777 == 0o644


def test_modules_say_version_and_licence(build):
    parts = by_ref(build()[0])
    talks, mute = (parts[f"/{FOLDER}/kernel/{name}.ko"] for name in ("talks", "mute"))
    assert [(m["type"], m["name"], m["version"], m.get("licenses")) for m in (talks, mute)] == [
        ("device-driver", "talks", "1.5", [{"license": {"name": "GPL v2"}}]),
        ("device-driver", "mute", VERSION, None)]


def test_init_and_its_libraries_are_those_of_the_lock(build):
    bill, _ = build()
    parts = by_ref(bill)
    assert (parts["/init"]["name"], parts["/init"]["version"]) == ("slipway", OUR_VERSION + "-1")
    linked = [row for row in LOCK if row[0] not in OF_THE_BUILDER_ALONE]
    for name, version, tarball, sha256, _, _, licence in linked:
        part = parts[f"{name}@{version}"]
        assert part["licenses"] == [{"expression": licence}]
        assert part["purl"] == f"pkg:generic/{name}@{version}?checksum=sha256:{sha256}"
        [source] = part["externalReferences"]
        assert (source["type"], source["url"], digest(source)) == (
            "source-distribution", tarball, sha256)
    needs = {d["ref"]: d["dependsOn"] for d in bill["dependencies"]}
    assert needs == {"initrd": ["/init"], "/init": [f"{row[0]}@{row[1]}" for row in linked]}


def test_real_init_says_whose_it_is(build):
    """The one that is built here, so that the note and who reads it agree."""
    bill, _ = build("--init", REPO / "build/init")
    init = by_ref(bill)["/init"]
    assert (init["name"], init["version"]) == ("slipway", OUR_VERSION)
    assert len([c for c in bill["components"] if c["type"] == "library"]) > 4


# the note in init; its name and version in the bill
OTHERS = {
    "another version": ({"name": "slipway", "version": "0.0.1"}, "slipway", "0.0.1"),
    "a version that begins so": ({"name": "slipway", "version": OUR_VERSION + "1"}, "slipway",
                                 OUR_VERSION + "1"),
    "somebody else's": ({"name": "busybox", "version": "1.37"}, "busybox", "1.37"),
    "no name": ({"version": "1"}, "init", None),
    "no note": ({}, "init", None),
}


@pytest.mark.parametrize("note, name, version", OTHERS.values(), ids=OTHERS)
def test_nothing_is_claimed_of_another_init(build, tmp_path, note, name, version):
    bill, _ = build("--init", compile_init(tmp_path / "other", **note))
    init = by_ref(bill)["/init"]
    assert (init["name"], init.get("version")) == (name, version)
    assert not [c for c in bill["components"] if c["type"] == "library"]
    assert ("licenses" in init) == name.startswith("slipway")


def test_same_input_same_bytes(build, tmp_path):
    first, _ = build(out="a")
    build(out="b")
    texts = [(tmp_path / f"{name}.json").read_bytes() for name in "ab"]
    assert texts[0] == texts[1] and texts[0].endswith(b"}\n")
    other, _ = build("--modules=-mute", out="c")
    assert first["serialNumber"] != other["serialNumber"]
    assert "timestamp" not in first["metadata"]
    assert build(epoch="1000000000")[0]["metadata"]["timestamp"] == "2001-09-09T01:46:40Z"


def test_form(build):
    bill, _ = build()
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                        r"[0-9a-f]{12}", bill["serialNumber"])
    for part in [bill["metadata"]["component"], *bill["components"]]:
        assert set(part) <= MEMBERS and part["name"], part
        assert part["type"] in {"application", "library", "file", "device-driver",
                                "operating-system"}


def test_a_dry_run_writes_none(inputs, tmp_path):
    subprocess.run([MKINITRD, "--dry-run", "--sbom", tmp_path / "x.json", "--config=none",
                    "--kernel-version", VERSION, "--sysroot", inputs, "--init", inputs / "init"],
                   check=True, capture_output=True)
    assert not list(tmp_path.iterdir())


def test_a_damaged_lock_makes_no_table(tmp_path):
    whole = (REPO / "ci/deps/lock").read_text()
    lock = tmp_path / "lock"
    for damaged, name in ((whole.replace("musl\t1", "musl 1"), "musl"), (whole, "glibc")):
        lock.write_text(damaged)
        done = subprocess.run([REPO / "ci/libraries", lock, name], capture_output=True, text=True)
        assert done.returncode != 0 and f"no row of seven columns for {name}" in done.stderr
