# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's command line for a Spec."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import firmware
from .accel import accelerator
from .spec import Drive, Spec
from .steps import LabError

BINARY = "qemu-system-x86_64"


def command(spec: Spec, folder: Path, sockets: Path, record_fd: int,
            tpm_socket: Path | None) -> list[str]:
    """All words of the command; it starts paused and is controlled over sockets/qmp.

    What init records goes to record_fd, a connected socket.
    """
    kvm = accelerator() == "kvm" and not spec.icount
    # One thread for all emulated CPUs: with more, the kernel's live patching of its own code
    # is seen half-done by the others now and then, and it panics.
    accel = "kvm" if kvm else \
        "tcg,thread=single" if spec.cpus > 1 and not spec.parallel else "tcg"
    words = [BINARY, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-no-shutdown",
             *([] if spec.resets else ["-no-reboot"]),
             "-accel", accel, "-cpu", "host" if kvm else "max", "-m",
             str(spec.memory), "-smp", str(spec.cpus),
             "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial", "-qmp",
             f"unix:{sockets / 'qmp'},server=on,wait=off"]
    if spec.icount:
        words += ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm",
                  "-seed", "1"]
    words += _firmware(spec, folder) if spec.firmware else _direct(spec)
    words += _ports(folder, record_fd) if spec.ports else []
    if tpm_socket:
        words += ["-chardev", f"socket,id=tpm,path={tpm_socket}",
                  "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]
    words += _drives(spec)
    for text in spec.smbios:
        words += ["-smbios", f"type=11,value={_comma(text)}"]
    return words + spec.arguments


def _machine(spec: Spec, smm: str) -> str:
    """The board; its disk controller costs a driver's start, so only where a disk is on it."""
    sata = "on" if any(drive.bus == "ahci" for drive in spec.drives) else "off"
    return f"q35,smm={smm},sata={sata}"


def _comma(text: str) -> str:
    """A value in QEMU's option syntax."""
    return text.replace(",", ",,")


def _firmware(spec: Spec, folder: Path) -> list[str]:
    variables = folder / "vars.fd"
    shutil.copyfile(spec.variables or firmware.variables(spec.firmware), variables)
    code = spec.code or firmware.code()
    words = ["-M", _machine(spec, "on"), "-global", "driver=cfi.pflash01,property=secure,value=on",
             "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={_comma(str(code))}",
             "-drive", f"if=pflash,format=raw,unit=1,file={_comma(str(variables))}"]
    if spec.cmdline_extra:
        value = "io.systemd.stub.kernel-cmdline-extra=" + spec.cmdline_extra
        words += ["-smbios", f"type=11,value={_comma(value)}"]
    return words


def _direct(spec: Spec) -> list[str]:
    if not spec.kernel:
        raise LabError("a Spec needs firmware or a kernel")
    words = ["-M", _machine(spec, "off"), "-kernel", str(spec.kernel), "-append", spec.append]
    return words + (["-initrd", str(spec.initrd)] if spec.initrd else [])


def _ports(folder: Path, record_fd: int) -> list[str]:
    """The two virtio ports: what init records, and what the booted system reports."""
    words = ["-device", "virtio-serial-pci", "-chardev", f"socket,id=record,fd={record_fd}",
             "-chardev", f"file,id=report,path={_comma(str(folder / 'report.json'))}"]
    for name in ("record", "report"):
        words += ["-device", f"virtserialport,chardev={name},name=slipway.{name}"]
    return words


def _drives(spec: Spec) -> list[str]:
    buses = {drive.bus for drive in spec.drives}
    words: list[str] = []
    if "virtio-scsi" in buses:
        words += ["-device", "virtio-scsi-pci,id=scsi"]
    if "pvscsi" in buses:
        words += ["-device", "pvscsi,id=pvscsi"]
    if "sdhci" in buses:
        words += ["-device", "sdhci-pci"]  # it has one slot
    if "usb" in buses:
        words += ["-device", "qemu-xhci,id=usb"]
    for number, drive in enumerate(spec.drives):
        words += ["-drive", _backend(drive, number)]
        if drive.attached:
            boot = {"bootindex": number + 1} if spec.firmware else {}
            words += ["-device", _option(device(drive, number) | boot)]
        elif drive.bus in ("virtio-blk", "nvme"):
            words += ["-device", f"pcie-root-port,id=slot{number},chassis={number + 1}"]
    return words


def _backend(drive: Drive, number: int) -> str:
    file = str(drive.image)
    if drive.blkdebug:
        file = f"blkdebug:{drive.blkdebug}:{file}"
    mode = "readonly=on," if drive.read_only else "" if drive.keep else "snapshot=on,"
    return f"if=none,id=drive{number},format=raw,{mode}file={_comma(file)}"


def device(drive: Drive, number: int) -> dict:
    """The device of a drive, as -device or device_add takes it."""
    words: dict = {"driver": {"virtio-blk": "virtio-blk-pci", "nvme": "nvme", "usb": "usb-storage",
                              "virtio-scsi": "scsi-hd", "ahci": "ide-hd", "sdhci": "sd-card",
                              "pvscsi": "scsi-hd"}[drive.bus],
                   "id": f"disk{number}", "drive": f"drive{number}"}
    if drive.sector_size != 512:
        words |= {"logical_block_size": drive.sector_size,
                  "physical_block_size": drive.sector_size}
    if drive.serial or drive.bus == "nvme":
        words["serial"] = drive.serial or f"slipway{number}"
    if drive.bus == "virtio-scsi":
        words["bus"] = "scsi.0"
    if drive.bus == "pvscsi":
        words["bus"] = "pvscsi.0"
    if drive.bus == "ahci":
        words["bus"] = f"ide.{number}"
    if drive.bus in ("virtio-scsi", "usb") and drive.removable:
        words["removable"] = True
    if not drive.attached and drive.bus in ("virtio-blk", "nvme"):
        words["bus"] = f"slot{number}"
    return words


def _option(words: dict) -> str:
    """Device properties in QEMU's option syntax."""
    text = {True: "on", False: "off"}
    return words["driver"] + "".join(f",{k}={text.get(v, v) if isinstance(v, bool) else v}"
                                     for k, v in words.items() if k != "driver")
