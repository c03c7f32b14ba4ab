# SPDX-License-Identifier: LGPL-2.1-or-later
"""What to boot, and what came of it: the data that `vm.boot` takes and gives."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .report import Report
from .swtpm import Swtpm


@dataclass
class Drive:
    """A disk of the machine. Unless `keep`, writes go to a throw-away overlay."""

    image: Path
    bus: str = "virtio-blk"  # virtio-blk, nvme, virtio-scsi, ahci, usb, sdhci, pvscsi
    sector_size: int = 512
    serial: str = ""
    attached: bool = True  # False: only a When(attach=...) plugs it in
    removable: bool = False  # for virtio-scsi and usb
    read_only: bool = False
    keep: bool = False  # writes go to the image
    blkdebug: str = ""  # a blkdebug configuration, for read errors


@dataclass
class When:
    """What to do when a regular expression has been seen on the serial console.

    `after` waits that many seconds more. Of the actions, set those that you want.
    """

    pattern: str
    after: float = 0.0
    attach: int | None = None  # the number of a drive of the machine, from 0
    detach: int | None = None
    type: str = ""  # keys to type on the serial console
    qmp: tuple[str, dict] | None = None  # a command to QEMU and its arguments
    kill_tpm: bool = False  # the TPM stops answering
    pause_tpm: bool | None = None  # True: it stops for a while; False: it goes on
    tpm_hears: bool = False  # no bank is deaf from now on
    reset_tpm: bool = False  # it is reset, and started, before the next command


@dataclass
class Spec:
    """A machine to boot: give either `firmware`, or `kernel` (and mostly `initrd`)."""

    name: str = "boot"  # a folder of this name below build/lab/runs keeps what is left
    folder: Path | None = None  # or this one, which has to be there
    drives: list[Drive] = field(default_factory=list)
    firmware: str = ""  # "enforcing", "off" or "setup": see firmware.variables()
    code: Path | None = None  # firmware of your own, instead of the lab's
    variables: Path | None = None  # a variable store of your own, instead of that one's
    keep_variables: Path | None = None  # where the store is copied to after the end
    cmdline_extra: str = ""  # words added to a UKI's command line, by SMBIOS
    kernel: Path | None = None  # direct boot: a bzImage, or an ELF with a PVH entry
    initrd: Path | None = None
    append: str = ""
    tpm: str = "none"  # "none", "on", or "dead": there, but its driver gets no answer
    banks: tuple[str, ...] = ("sha256",)
    deaf: str = ""  # a bank of those that the firmware leaves as it is
    fatal: int | None = None  # the PCR at whose extending the TPM dies
    prepare_tpm: Callable[[Swtpm], None] | None = None  # called with it, before the machine is on
    tpm_state: Path | None = None  # a folder of swtpm's to copy, instead of that of a new TPM
    with_tpm: Callable[[Swtpm], None] | None = None  # called with it, the machine being gone
    memory: int = 1024  # MiB
    cpus: int = 1
    parallel: bool = False  # a host thread for each CPU: real speed-up, but see qemu.command()
    ports: bool = True  # the virtio ports for the record and the report
    icount: bool = False  # one virtual nanosecond an instruction; direct boots
    timeout: float = 180.0
    until: str = ""  # end the machine when this regular expression is on the console
    settle: float | None = None  # end it this many seconds after slipway handed over
    strict: bool = True  # a record that breaks its schema is an error
    when: list[When] = field(default_factory=list)
    smbios: list[str] = field(default_factory=list)  # type 11 strings, credentials say
    arguments: list[str] = field(default_factory=list)  # more words for QEMU
    resets: int = 0  # how often the machine may start again before a reset ends it
    echo: bool = False  # show the serial console while it comes


@dataclass
class Result:
    """What came of a boot."""

    # poweroff, reboot, halted, panic, refused (by the firmware), stopped (by Spec.until or settle),
    # timeout, or died (QEMU did)
    end: str
    seconds: float
    lines: list[tuple[float, str]]  # the serial console, each line with its time
    record: dict | None  # what init wrote to the port slipway.record, in the last boot
    report: Report | None  # what the demo's root wrote to the port slipway.report
    pcrs: dict[str, list[str]]  # read from the TPM after the end: bank -> 24 values
    folder: Path  # serial.log, record.json, report.json, qemu.log, command
    records: list[dict] = field(default_factory=list)  # of all boots, with Spec.resets

    @property
    def serial(self) -> str:
        """The whole serial console as one text."""
        return "\n".join(text for _, text in self.lines)

    def seen(self, pattern: str) -> float | None:
        """When a regular expression was first on the console, or None."""
        return next((at for at, text in self.lines if re.search(pattern, text)), None)

    @property
    def failure(self) -> str | None:
        """The reason code of a refused boot, from the record."""
        failed = (self.record or {}).get("failure") or {}
        return failed.get("code")

    def extension(self, name: str) -> dict:
        """What the record says of the extension of this name."""
        for entry in (self.record or {}).get("extensions", []):
            if entry.get("name") == name:
                return entry
        return {}

    def explain(self) -> str:
        """A short text for an assertion message: the end, the failure, the last lines."""
        tail = "\n".join(f"{at:8.3f} {text}" for at, text in self.lines[-25:])
        failed = json.dumps((self.record or {}).get("failure"))
        return f"ended: {self.end} after {self.seconds:.1f} s; failure {failed}\n" \
               f"logs in {self.folder}\n{tail}"
