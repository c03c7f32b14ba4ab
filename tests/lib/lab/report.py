# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the booted demo said of itself: the document that guest/.../report writes."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile

DEVICE_LIMIT = 5.0  # seconds that a job may wait for a device or for udev


class Report:
    """The report of one boot.

    `text(name)` is what the command of that name printed (state, findmnt, dm_table,
    journal, ...: see the script) or the content of a file by its absolute path.
    """

    def __init__(self, document: dict):
        self.items: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(document["tar"]))) as tar:
            for member in tar:
                if member.isfile():
                    self.items[member.name.removeprefix("./")] = tar.extractfile(member).read()

    def raw(self, name: str) -> bytes:
        """An item's bytes; b'' for what is not there."""
        name = name.removeprefix("/") if name.startswith("/") else f"{name}.out"
        return self.items.get(name, b"")

    def text(self, name: str) -> str:
        """An item as text, without the last newline."""
        return self.raw(name).decode("utf-8", "replace").rstrip("\n")

    @property
    def state(self) -> str:
        """What `systemctl is-system-running` said."""
        return self.text("state")

    @property
    def failed_units(self) -> list[str]:
        """The units in the failed state."""
        return [line.split()[0] for line in self.text("failed").splitlines() if line.strip()]

    @property
    def mounts(self) -> list[dict]:
        """Every mount as findmnt has it: target, source, fstype, options."""
        flat, todo = [], json.loads(self.text("findmnt") or '{"filesystems":[]}')["filesystems"]
        while todo:
            mount = todo.pop(0)
            todo = mount.pop("children", []) + todo
            flat.append(mount)
        return flat

    def mount(self, target: str) -> dict:
        """The (last) mount at this place, or {}."""
        return next((m for m in reversed(self.mounts) if m["target"] == target), {})

    def boot_json(self) -> dict:
        """/run/slipway/boot.json as the booted system has it."""
        return json.loads(self.text("/run/slipway/boot.json") or "{}")

    @property
    def pcrs(self) -> dict[str, list[str]]:
        """PCR values as the kernel showed them: bank -> 24 values."""
        found: dict[str, dict[int, str]] = {}
        for bank, number, value in re.findall(r"pcr-(\w+)/(\d+):([0-9A-Fa-f]+)",
                                              self.text("pcrs")):
            found.setdefault(bank, {})[int(number)] = value.lower()
        return {bank: [v[n] for n in sorted(v)] for bank, v in found.items()}

    def verity(self, name: str = "root") -> dict:
        """The dm-verity device: {'status': 'V', 'roothash', 'signed': bool}, or {}."""
        table = re.search(rf"^{name}: \d+ \d+ verity (.*)$", self.text("dm_table"), re.M)
        status = re.search(rf"^{name}: \d+ \d+ verity (\S+)", self.text("dm_status"), re.M)
        if not table or not status:
            return {}
        words = table[1].split()
        return {"status": status[1], "roothash": words[8],
                "signed": "root_hash_sig_key_desc" in words, "options": words[10:]}

    @property
    def mapper(self) -> dict[str, str]:
        """Each name in /dev/mapper and the link's target ('' for what is not a link)."""
        pairs = (line.split("\t") for line in self.text("mapper").splitlines())
        return {pair[0].rpartition("/")[2]: pair[1] for pair in pairs if len(pair) == 2}

    def _blocks(self, name: str) -> list[dict[str, str]]:
        """`systemctl show` output: one dictionary a unit."""
        return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
                for block in self.text(name).split("\n\n") if block.strip()]

    def waits(self) -> dict[str, float]:
        """Seconds that each wanted device, and each udev service, kept a job waiting.

        A device's start job is queued when the units are loaded, nobody can answer it before
        udev's daemon runs, and it ends when the device is there. For a device that never
        came see slow_waits(), which reads in the journal what systemd gave up.
        """
        manager = next(iter(self._blocks("manager")), {})
        udev = {unit["Id"]: unit for unit in self._blocks("udev")}
        start = max(int(manager.get("UnitsLoadFinishTimestampMonotonic", 0)),
                    int(udev.get("systemd-udevd.service", {})
                        .get("ActiveEnterTimestampMonotonic", 0))) / 1e6
        found = {}
        for unit in self._blocks("devices"):
            there = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
            if unit.get("ActiveState") == "active":
                found[unit["Id"]] = max(0.0, there - start)
        for unit in udev.values():
            begun = int(unit.get("InactiveExitTimestampMonotonic") or 0)
            done = int(unit.get("ActiveEnterTimestampMonotonic") or 0)
            if begun:
                found[unit["Id"]] = max(0, done - begun) / 1e6
        return found

    @property
    def idle(self) -> float:
        """Seconds that the CPU had nothing to do between power-on and the report."""
        fields = re.search(r"^cpu +(?:\d+ +){3}(\d+)", self.text("/proc/stat"), re.M)
        return int(fields[1]) / 100 if fields else 0.0

    def slow_waits(self, limit: float = DEVICE_LIMIT) -> dict[str, float]:
        """The waits beyond the limit, and every job that systemd itself gave up.

        An emulated machine on a busy host is slow at everything, and then a wait says
        nothing. But a job that waits for what does not come leaves the machine idle: so a
        wait counts only when the machine idled as long as the limit, too.
        """
        found = {unit: s for unit, s in self.waits().items()
                 if s > limit and self.idle > limit}
        given_up = r"Timed out waiting for device (\S+)|(\S+\.device): Job .* timed out"
        for unit in re.findall(given_up, self.text("journal")):
            found["".join(unit).rstrip(".")] = float("inf")
        return found
