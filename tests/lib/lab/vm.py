# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boot a Spec and wait for its end, by events only: the console, QEMU's socket, the clock."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import firmware, paths, qemu, record
from .qmp import Qmp
from .report import Report
from .spec import Result, Spec, When
from .steps import LabError
from .swtpm import Door, Swtpm

# A machine in these states says so only on its console.
KERNEL_SAYS = re.compile(r"\[ *\d+\.\d+\].*")  # from where it begins in a line
_CONSOLE_ENDS = ((re.compile(r"reboot: System halted"), "halted"),
                 (re.compile(r"BdsDxe: No bootable option"), "refused"),
                 (re.compile(r"end Kernel panic - not syncing"), "panic"))
_REASONS = {"guest-shutdown": "poweroff", "guest-reset": "reboot", "guest-panic": "panic",
            "host-qmp-quit": "stopped"}
# No more is kept of what a machine tells; a record has some ten thousand bytes.
_RECORDS = 1 << 24
# Firmware and EFI stub need the TPM that the kernel's driver then finds dead.
_TPM_DIES = r"EFI stub: Measured initrd"
_FIRMWARE_IS_DONE = r"\] Linux version "


# An emulated timer that a busy host starved: the kernel gives up before it runs anything.
_STARVED = "IO-APIC + timer doesn't work"
_TRIES = 3


def boot(spec: Spec) -> Result:
    """Boot a machine and return when it has ended. See Spec for what can be asked."""
    for _ in range(_TRIES):
        got = _boot_once(spec)
        if _STARVED not in got.serial:
            break
    return got


def _boot_once(spec: Spec) -> Result:
    folder = spec.folder or paths.LAB / "runs" / spec.name
    if not spec.folder:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    sockets = Path(tempfile.mkdtemp(prefix="lab-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, sockets, ignore_errors=True)
        tpm = None
        if spec.tpm != "none":
            tpm = Swtpm(sockets, spec.tpm_state or firmware.tpm_state(spec.banks))
            stack.callback(tpm.kill)
            if spec.prepare_tpm:
                spec.prepare_tpm(tpm)
        machine = _Machine(spec, folder, sockets, tpm)
        stack.callback(machine.kill)
        end = machine.run()
        machine.kill()
        pcrs = {}
        if tpm and tpm.process.poll() is None:
            with contextlib.suppress(OSError, LabError):
                pcrs = tpm.pcrs()
            if spec.with_tpm:
                spec.with_tpm(tpm)
        return machine.result(end, pcrs)


class _Machine:
    """One running QEMU: its console, its events, what is to be done when."""

    def __init__(self, spec: Spec, folder: Path, sockets: Path, tpm: Swtpm | None):
        self.spec, self.folder, self.tpm = spec, folder, tpm
        self.begun = time.monotonic()
        self.lines: list[tuple[float, str]] = []
        self.buffer = b""
        self.scanned = 0  # how much of the unfinished line `when` patterns have seen
        self.waiting = list(spec.when)
        if spec.tpm == "dead" and spec.firmware:
            self.waiting.append(When(_TPM_DIES, kill_tpm=True))
        wanted = spec.deaf or spec.fatal is not None or any(when.reset_tpm for when in spec.when)
        self.door = Door(tpm, spec.deaf, spec.fatal) if tpm and wanted else None
        if spec.deaf:
            self.waiting.append(When(_FIRMWARE_IS_DONE, tpm_hears=True))
        self.due: list[tuple[float, When]] = []
        self.resets = 0
        self.told = b""  # what came over the port for the record, and its unfinished line
        self.telling = b""
        self.settled = float("inf")  # when it has run long enough
        self.errors = (folder / "qemu.log").open("wb")
        self.port, theirs = socket.socketpair()
        with theirs:
            words = qemu.command(spec, folder, sockets, theirs.fileno(),
                                 (self.door or tpm).socket_path if tpm else None)
            (folder / "command").write_text(" ".join(words) + "\n")
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=self.errors, pass_fds=[theirs.fileno()])
        self.qmp = self._connect(sockets / "qmp")

    def _connect(self, path: Path) -> Qmp:
        while not path.exists():
            if self.process.poll() is not None:
                why = (self.folder / "qemu.log").read_text(errors="replace")
                raise LabError(f"QEMU did not start: {why.strip()}")
            time.sleep(0.002)
        while True:
            try:
                return Qmp(path)
            except ConnectionRefusedError:  # bound, but not yet listening
                time.sleep(0.002)

    def now(self) -> float:
        """Seconds since QEMU was started."""
        return time.monotonic() - self.begun

    def run(self) -> str:
        """Let it go, and watch it until it ends; returns Result.end."""
        if self.spec.tpm == "dead" and not self.spec.firmware and self.tpm:
            self.tpm.kill()
        self.qmp.command("cont")
        console = self.process.stdout.fileno()
        os.set_blocking(console, False)
        while True:
            if end := self._ended() or self._do_due():
                return end
            left = min([self.spec.timeout, self.settled, *(at for at, _ in self.due)]) - self.now()
            ready, _, _ = select.select([console, self.qmp, self.port], [], [], max(left, 0))
            if self.port in ready and not self._hear():
                return "died"
            if self.qmp in ready and not self.qmp.receive():
                return "died"
            if console in ready and (end := self._read(console)):
                return end

    def _ended(self) -> str:
        for event in self.qmp.events:
            if event["event"] == "SHUTDOWN":
                reason = event["data"].get("reason", "")
                return _REASONS.get(reason, reason)
        self.resets += sum(event["event"] == "RESET" for event in self.qmp.events)
        self.qmp.events.clear()
        if 0 < self.spec.resets <= self.resets:
            self.resets = -1
            self.qmp.command("set-action", reboot="shutdown")
        if self.now() >= self.settled:
            return "stopped"
        return "timeout" if self.now() >= self.spec.timeout else ""

    def _records(self) -> list[dict]:
        return record.documents(self.told.decode(errors="replace"))

    def _hear(self) -> bool:
        """Take what init tells; False when QEMU has gone."""
        try:
            data = self.port.recv(65536)
        except ConnectionResetError:
            data = b""
        self.told += data[: max(0, _RECORDS - len(self.told))]
        *lines, self.telling = (self.telling + data)[-_RECORDS:].split(b"\n")
        for left in record.documents(b"\n".join(lines).decode(errors="replace")):
            over = left.get("result") == "handed-over" and self.spec.settle is not None
            self.settled = self.now() + self.spec.settle if over else float("inf")
        return bool(data)

    def _read(self, console: int) -> str:
        """Take what the console has; returns an end if the console says one."""
        try:
            data = os.read(console, 65536)
        except BlockingIOError:
            return ""
        if not data:
            return "died"
        if self.spec.echo:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
        self.buffer += data
        *done, self.buffer = self.buffer.split(b"\n")
        for raw in done:
            self.lines.append((self.now(), raw.decode("utf-8", "replace").rstrip("\r")))
            if end := self._line(self.lines[-1][1]):
                return end
        return self._line(self.buffer.decode("utf-8", "replace")) if self.buffer else ""

    def _line(self, text: str) -> str:
        others = KERNEL_SAYS.sub("", text)  # behind a prompt, which ends in no newline
        for when in [w for w in self.waiting
                     if re.search(w.pattern, text) or re.search(w.pattern, others)]:
            self.waiting.remove(when)
            self.due.append((self.now() + when.after, when))
        if self.spec.until and re.search(self.spec.until, text):
            return "stopped"
        return next((end for pattern, end in _CONSOLE_ENDS if pattern.search(text)), "")

    def _do_due(self) -> str:
        for item in [i for i in self.due if i[0] <= self.now()]:
            self.due.remove(item)
            self._do(item[1])
        return ""

    def _do(self, when: When) -> None:
        if when.kill_tpm and self.tpm:
            self.tpm.kill()
        if when.pause_tpm is not None and self.tpm:
            self.tpm.pause(when.pause_tpm)
        if when.tpm_hears and self.door:
            self.door.hears = True
        if when.reset_tpm and self.door:
            self.door.reset = True
        if when.type:
            self.process.stdin.write(when.type.encode())
            self.process.stdin.flush()
        if when.attach is not None:
            words = qemu.device(self.spec.drives[when.attach], when.attach)
            self.qmp.command("device_add", **words)
        if when.detach is not None:
            self.qmp.command("device_del", id=f"disk{when.detach}")
        if when.qmp:
            self.qmp.command(when.qmp[0], **when.qmp[1])

    def kill(self) -> None:
        """End QEMU without letting it tell the TPM, and take the rest of the console."""
        if self.process.returncode is not None:
            return
        self.process.kill()
        os.set_blocking(self.process.stdout.fileno(), True)
        self.buffer += self.process.stdout.read()
        for raw in self.buffer.split(b"\n") if self.buffer else []:
            self.lines.append((self.now(), raw.decode("utf-8", "replace").rstrip("\r")))
        self.process.wait()
        if self.door:
            self.door.thread.join()
        while self._hear():
            pass
        self.port.close()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.errors.close()
        self.qmp.close()

    def result(self, end: str, pcrs: dict[str, list[str]]) -> Result:
        """Gather what the machine left behind."""
        log = "".join(f"{at:8.3f} {text}\n" for at, text in self.lines)
        (self.folder / "serial.log").write_text(log)
        if self.spec.keep_variables:
            shutil.copyfile(self.folder / "vars.fd", self.spec.keep_variables)
        (self.folder / "vars.fd").unlink(missing_ok=True)
        report = _json(self.folder / "report.json")
        if self.told:
            (self.folder / "record.json").write_bytes(self.told)
        records = self._records()
        for left in records:
            if self.spec.strict and (wrong := record.faults(left)):
                raise LabError(f"the record in '{self.folder}' breaks its schema: {wrong}")
        return Result(end, self.now(), self.lines, records[-1] if records else None,
                      Report(report[-1]) if report else None, pcrs, self.folder, records)


def _json(path: Path) -> list[dict]:
    return record.documents(path.read_text()) if path.exists() else []
