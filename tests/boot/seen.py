# SPDX-License-Identifier: LGPL-2.1-or-later
"""All that a booted host shows of the initrd before it, as one flat dictionary to compare.

What two boots by the same initrd would not share is left out or made the same: times, sizes of
logs, numbers that the kernel gives away in turn.
"""

from __future__ import annotations

import re

from lab import tpm
from lab.report import Report

Seen = dict[str, str]  # "kind thing" -> value
Difference = tuple[str, str | None, str | None]  # the thing, its value here and there

# What depends on who came first, on how much memory is free, or on a hash in a name.
_CHANCE = [(r"\binput\d+", "inputN"), (r"--deserialize=\d+", "--deserialize=N"),
           (r"by-diskseq(/|\\x2f)\d+", r"by-diskseq\1N"),
           (r"[0-9a-f]{64}-verity", "EXTENSION-verity")]
_CHANCE_FILES = re.compile(r"/run/(?:udev/watch/|systemd/journal/streams/|log/journal/|"
                           r"udev/(?:data|tags/\w+|links/.*)/\+?b7:)")
_CHANCE_OPTIONS = {"fd", "pgrp", "pipe_ino", "nr_inodes"}
_CHANCE_PROPERTIES = {"DISKSEQ", "USEC_INITIALIZED", "MINOR", "DEVPATH", "DEVNAME", "DEVLINKS"}


def _steady(text: str) -> str:
    for pattern, same in _CHANCE:
        text = re.sub(pattern, same, text)
    return text


def seen(report: Report) -> Seen:
    """Everything, by kind; the report is that of differential.sh."""
    names = {link.removeprefix("../dm-"): _steady(name)
             for name, link in report.mapper.items() if link}
    argv = report.text("/proc/1/cmdline").rstrip("\0").replace("\0", " ")
    kinds = {"pcr": _pcrs(report), "event": _events(report), "mount": _mounts(report),
             "run": _run(report, names), "content": _contents(report),
             "environ": _environ(report), "limit": _limits(report), "dm": _tables(report),
             "udev": _udev(report, names), "argv": {"of PID 1": _steady(argv)}}
    return {f"{kind} {thing}": value for kind, things in kinds.items()
            for thing, value in things.items()}


def _pcrs(report: Report) -> Seen:
    return {f"{number} {bank}": value for bank, values in report.pcrs.items()
            for number, value in enumerate(values)}


def _events(report: Report) -> Seen:
    """The userspace log; the order counts within a PCR."""
    found: Seen = {}
    for event in tpm.userspace_events(report.raw("/run/log/systemd/tpm2-measure.log")):
        number = sum(key.startswith(f"{event.pcr}.") for key in found)
        found[f"{event.pcr}.{number}"] = " ".join(
            [event.content["eventType"], event.text, *sorted(event.digests.values())])
    return found


def _mounts(report: Report) -> Seen:
    """Of each mount its source and type, and each option on its own."""
    found = {}
    for mount in report.mounts:
        place = mount["target"]
        found[place] = f"{mount['source']} {mount['fstype']}"
        for option in mount["options"].split(","):
            key, _, value = option.partition("=")
            if key not in _CHANCE_OPTIONS and (place, key) != ("/tmp", "size"):
                found[f"{place} {key}"] = value
    return found


def _dm(text: str, names: dict[str, str]) -> str:
    """Device mapper's numbers, of 253:MINOR and dm-MINOR, replaced by their names."""
    return re.sub(r"\b(?:b253:|dm-)(\d+)\b", lambda m: f"dm:{names.get(m[1], m[1])}", text)


def _run(report: Report, names: dict[str, str]) -> Seen:
    found = {}
    for line in report.text("run_files").splitlines():
        mode, owner, _, path, *link = line.split(" ", 4)
        if _CHANCE_FILES.match(path):
            continue
        target = "" if "/units/invocation:" in path else "".join(link)
        found[_dm(_steady(path), names)] = _dm(f"{mode} {owner} {target}".rstrip(), names)
    return found


def _contents(report: Report) -> Seen:
    """SHA-256 of what is kept for the host."""
    lines = (line.split("  ", 1) for line in report.text("sums").splitlines())
    return {path: digest for digest, path in lines}


def _environ(report: Report) -> Seen:
    words = report.text("/proc/1/environ").split("\0")
    return dict(word.split("=", 1) for word in words if word)


def _limits(report: Report) -> Seen:
    rows = (re.split(r"  +", line.strip()) for line in
            report.text("/proc/1/limits").splitlines()[1:])
    return {row[0]: " ".join(row[1:3]) for row in rows}


def _tables(report: Report) -> Seen:
    """dm-verity's tables; what follows the salt are options."""
    found = {}
    for name, table in re.findall(r"^(\S+): \d+ \d+ (.*)$", report.text("dm_table"), re.M):
        words = table.split()
        found[_steady(name)] = " ".join(words[:11])
        if words[11:]:
            found[f"{_steady(name)} options"] = " ".join(words[11:])
    return found


def _udev(report: Report, names: dict[str, str]) -> Seen:
    """The database's entries of device mapper's nodes."""
    found: Seen = {}
    for block in report.text("udev").split("\n\n"):
        name = re.search(r"^M: dm-(\d+)$", block, re.M)
        for line in block.splitlines() if name else ():
            kind, _, value = line.partition(": ")
            key, _, value = value.partition("=") if kind == "E" else (line, "", "")
            if kind in "ESL" and key not in _CHANCE_PROPERTIES:
                found[f"{names.get(name[1], '?')} {_steady(key)}"] = value
    return found


def differences(here: Seen, there: Seen) -> list[Difference]:
    """What is not the same."""
    return [(key, here.get(key), there.get(key)) for key in sorted(here.keys() | there.keys())
            if here.get(key) != there.get(key)]
