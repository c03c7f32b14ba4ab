# SPDX-License-Identifier: LGPL-2.1-or-later
"""`slipway report` on records of real boots, and its pictures as others draw them."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
RECORDS = REPO / "tests/data/records"
LISTS = ("stages", "waits", "modules", "measurements")
RED = "#c53030"


def report(*words: object, text: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run([REPO / "build/slipway", "report", *words], input=text, capture_output=True)


def shown(name: str, *words: str) -> str:
    done = report(*words, RECORDS / f"{name}.json")
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def rows(png: bytes) -> list[bytes]:
    """The pixels of a PNG, 8-bit RGB, a row each."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, width = 8, b"", 0
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, _, depth, colours, *_, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, colours, interlaced) == (8, 2, 0)
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    data, size, found = zlib.decompress(data), 3 * width, []
    before = bytes(size)
    for start in range(0, len(data), size + 1):
        before = unfilter(data[start], data[start + 1 : start + 1 + size], before)
        found.append(before)
    return found


def unfilter(kind: int, row: bytes, above: bytes) -> bytes:
    """A row of a PNG; see its specification, section 9."""
    out, above = bytearray(3) + row, bytes(3) + above
    for i in range(3, len(out)):
        a, b, c = out[i - 3], above[i], above[i - 3]
        nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        out[i] = (out[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 0xFF
    return bytes(out[3:])


def drawn(svg: str) -> list[bytes]:
    done = subprocess.run(["rsvg-convert"], input=svg.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
    return rows(done.stdout)


@pytest.mark.parametrize("name", ["demo", "failed"])
def test_each_bar_is_in_the_picture(name):
    svg, record = shown(name, "--svg"), json.loads((RECORDS / f"{name}.json").read_text())
    picture = drawn(svg)
    assert any(any(row) for row in picture)
    bars = re.findall(r'<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)" height="(\d+)" fill="#(\w+)"', svg)
    assert len(bars) == sum(len(record.get(key, [])) for key in LISTS)
    for x, y, width, height, colour in bars:
        at = 3 * int(float(x) + float(width) / 2)
        seen = picture[int(y) + int(height) // 2][at : at + 3]
        if float(width) > 3:  # narrower ones share their pixels with the paper
            assert seen.hex() == colour
        else:
            assert seen != b"\xff\xff\xff"


def test_what_failed_is_red():
    assert RED not in shown("demo", "--svg")
    svg = shown("failed", "--svg")
    assert "DISK_TIMEOUT in stage discover" in svg
    named = re.findall(rf'<g><title>([^<]*): from [^<]*, failed</title>\n<text [^>]*fill="{RED}"', svg)
    assert [text[:8] for text in named] == ["discover", "the disk"]


def test_hostile_names_stay_names():
    record = json.loads((RECORDS / "demo.json").read_text())
    record["stages"][0]["name"] = record["os"] = "</text><image href='/etc/passwd'/>\x1b\uffff&x;"
    done = report("--svg", "-", text=json.dumps(record).encode())
    assert b"<image" not in done.stdout and b"\x1b" not in done.stdout
    drawn(done.stdout.decode())


def test_judge_of_pictures_can_say_no():
    with pytest.raises(AssertionError):
        drawn(shown("demo", "--svg").replace("</svg>", ""))


# what people want to read, of which record
SAID = {
    "end": ("demo", r"^result +handed-over after \d+\.\d ms, slipway 0"),
    "machine": ("demo", r"^firmware +UEFI, Secure Boot enforced$"),
    "measured": ("demo", r"^measured +PCR 11: leave-initrd$"),
    "extension": ("demo", r"^extension +demo-tools: merged$"),
    "partition": ("demo", r"^  partition +2 root-x86-64: chosen$"),
    "proof": ("demo", r"^root +erofs on /dev/mapper/root, proven by certificate$"),
    "module": ("demo", r"^ +\d+\.\d +\d+\.\d ms  virtio_blk$"),
    "failure": ("failed", r"^failure +DISK_TIMEOUT in stage discover$"),
    "advice": ("failed", r"^  next +\w"),
    "wait": ("failed", r"^ +\d+\.\d +2\d{3}\.\d ms  the disk with .*  FAILED$"),
}


@pytest.mark.parametrize("name, line", SAID.values(), ids=SAID)
def test_lines_for_people(name, line):
    assert re.search(line, shown(name), re.M), shown(name)


def test_a_boot_that_went_on_says_so():
    record = json.loads((RECORDS / "demo.json").read_text())
    record["attempts"] = [{"attempt": "next-slot", "code": "VERITY_CORRUPTED", "stage": "prove",
                           "what": "a block", "label": "a"}]
    said = report("-", text=json.dumps(record).encode()).stdout.decode()
    assert re.search(r"(?m)^went on +next-slot after VERITY_CORRUPTED in stage prove: a block$", said)


def test_hooks_and_what_they_said():
    record = json.loads((RECORDS / "demo.json").read_text())
    record["hooks"] = [{"point": "proven", "name": "gate", "verdict": "refused", "why": "the lid\x1b",
                        "code": "HOOK_REFUSED", "facts": {"lid": "open\x07", "n": 1, "none": None}},
                       {"point": "entered", "name": "b", "verdict": "continued", "facts": 7}]
    said = report("-", text=json.dumps(record).encode()).stdout.decode()
    for line in ("hook       gate at proven: refused, the lid?", "  fact     lid: open?", "  fact     n: 1",
                 "  fact     none: unknown", "hook       b at entered: continued"):
        assert line in said.splitlines()


def test_json_is_the_record():
    assert json.loads(shown("demo", "--json")) == json.loads((RECORDS / "demo.json").read_text())


# words, standard input, exit status, what it says
REFUSED = {
    "no file": (["/nonexistent"], b"", 1, "No such file"),
    "not a record": (["-"], b"{}", 1, "no record of a boot"),
    "later schema": (["-"], b'{"schema": 2}', 1, "schema 2 is not known"),
    "two files": (["a", "b"], b"", 2, "one file at a time"),
    "unknown option": (["--xml"], b"", 2, "unrecognized option"),
}


@pytest.mark.parametrize("words, text, status, says", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_shown(words, text, status, says):
    done = report(*words, text=text)
    assert (done.returncode, done.stdout) == (status, b"")
    assert says in done.stderr.decode()


def test_full_disk_is_noticed():
    with open("/dev/full", "w") as full:
        done = subprocess.run([REPO / "build/slipway", "report", RECORDS / "demo.json"], stdout=full,
                              stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"standard output" in done.stderr


def test_what_an_earlier_boot_left():
    record = json.loads((RECORDS / "demo.json").read_text())
    record["last_failure"] = {"stage": "check", "code": "ROOT_NO_OS", "what": "no 'os-release'"}
    lines = report("-", text=json.dumps(record).encode()).stdout.decode().splitlines()
    assert "before     ROOT_NO_OS in stage check: no 'os-release'" in lines
    assert not re.search(r"(?m)^(before|went on) ", shown("demo"))


@pytest.mark.parametrize("debug", [True, False, None, "x"])
def test_debug_image_is_called_one(debug):
    record = json.loads((RECORDS / "demo.json").read_text()) | ({} if debug is None else {"debug": debug})
    said = report("-", text=json.dumps(record).encode()).stdout.decode()
    assert bool(re.search(r"(?m)^image +a debug image: ", said)) == (debug is True)
