# SPDX-License-Identifier: LGPL-2.1-or-later
"""A software TPM beside a virtual machine, still readable when the machine has ended."""

from __future__ import annotations

import array
import contextlib
import hashlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from .steps import LabError

ALGORITHMS = {0x04: "sha1", 0x0B: "sha256", 0x0C: "sha384", 0x0D: "sha512"}
_CMD_SET_DATAFD = 0x10


class Swtpm:
    """One swtpm process with a copy of a prepared state."""

    def __init__(self, folder: Path, state: Path):
        self.socket_path = folder / "tpm.sock"
        copy = folder / "tpm"
        shutil.copytree(state, copy)
        # It tells nobody when it is ready; with a socket of ours, who comes before that waits.
        with socket.create_server(str(self.socket_path), family=socket.AF_UNIX) as door:
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={copy}", "--flags",
                 "startup-clear", "--ctrl", f"type=unixio,fd={door.fileno()}"],
                pass_fds=[door.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it at once, as a TPM that stops answering."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def pause(self, paused: bool) -> None:
        """Stop it with whatever it has been told to do, or let it go on with that."""
        self.process.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def pcrs(self) -> dict[str, list[str]]:
        """All active PCR banks, read by TPM commands; QEMU must be gone (it holds the channel)."""
        control, ours = self._connect()
        with control, ours:
            return {bank: [self._pcr_read(ours, code, n) for n in range(24)]
                    for code, bank in self._banks(ours)}

    def nvpcr(self, index: int) -> str:
        """The value of an NvPCR, read with the empty password; "" if it was not begun."""
        control, ours = self._connect()
        password = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
        body = struct.pack(">II", index, index) + password + struct.pack(">HH", 32, 0)
        with control, ours:
            for _ in range(2):  # the first command with a password is to be sent again
                with contextlib.suppress(LabError):
                    return self._transmit(ours, 0x14E, body, tag=0x8002)[6:38].hex()
        return ""

    def _connect(self) -> tuple[socket.socket, socket.socket]:
        """The control channel, which has to stay open, and a channel that takes commands."""
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        control.settimeout(5)
        control.connect(str(self.socket_path))
        ours, theirs = socket.socketpair()
        ours.settimeout(5)
        rights = array.array("i", [theirs.fileno()])
        control.sendmsg([struct.pack(">I", _CMD_SET_DATAFD)],
                        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        if struct.unpack(">I", control.recv(4))[0] != 0:
            raise LabError("swtpm gave no data channel")
        theirs.close()
        return control, ours

    @contextlib.contextmanager
    def served(self) -> Iterator[Path]:
        """Let other programs use the TPM, QEMU being gone: as `swtpm:path=` this path, for TSS."""
        path = self.socket_path.with_name("served.sock")
        with contextlib.ExitStack() as stack:
            for place, channel in zip((f"{path}.ctrl", str(path)), self._connect(), strict=True):
                stack.enter_context(channel)
                door = stack.enter_context(socket.create_server(place, family=socket.AF_UNIX))
                thread = threading.Thread(target=_relay, args=(door, channel))
                thread.start()
                stack.callback(Path(place).unlink)
                stack.callback(thread.join)
                stack.callback(door.shutdown, socket.SHUT_RDWR)
            yield path

    @staticmethod
    def _transmit(channel: socket.socket, command: int, body: bytes, tag: int = 0x8001) -> bytes:
        channel.sendall(struct.pack(">HII", tag, 10 + len(body), command) + body)
        answer = channel.recv(4096)
        code = struct.unpack_from(">I", answer, 6)[0]
        if code:
            raise LabError(f"TPM command {command:#x} answered {code:#x}")
        return answer[10:]

    def _banks(self, channel: socket.socket) -> list[tuple[int, str]]:
        """The active banks, by TPM2_GetCapability(TPM_CAP_PCRS)."""
        answer = self._transmit(channel, 0x17A, struct.pack(">III", 5, 0, 64))
        count, at, found = struct.unpack_from(">I", answer, 5)[0], 9, []
        for _ in range(count):
            code, size = struct.unpack_from(">HB", answer, at)
            if any(answer[at + 3 : at + 3 + size]) and code in ALGORITHMS:
                found.append((code, ALGORITHMS[code]))
            at += 3 + size
        return found

    def _pcr_read(self, channel: socket.socket, code: int, number: int) -> str:
        selection = bytearray(3)
        selection[number // 8] |= 1 << (number % 8)
        answer = self._transmit(channel, 0x17E, struct.pack(">IHB", 1, code, 3) + selection)
        # update counter, the selection as read, then a list of one digest
        size = struct.unpack_from(">H", answer, 4 + 4 + 2 + 1 + 3 + 4)[0]
        return answer[20 : 20 + size].hex()


class Door:
    """Stands between a machine and its TPM.

    Of what is to be extended in several banks, the deaf one does not hear until `hears` is set:
    so is a machine whose firmware leaves an active bank alone. With `reset`, the TPM is reset and
    started before the machine's next command. At a PCR that is `fatal` it dies, not extending it.
    """

    _EXTEND, _HEAD = 0x182, 14  # TPM2_PCR_Extend; its header and the PCR's handle
    _INIT = struct.pack(">II", 0x02, 0)  # of swtpm's control channel
    _STARTUP = struct.pack(">HIIH", 0x8001, 12, 0x144, 0)  # TPM2_Startup(CLEAR)

    def __init__(self, tpm: Swtpm, deaf: str, fatal: int | None = None):
        self.tpm, self.fatal = tpm, fatal
        self.socket_path = tpm.socket_path.with_name("door.sock")
        self.hears, self.reset = not deaf, False
        self.bank = next((code for code, name in ALGORITHMS.items() if name == deaf), 0)
        door = socket.create_server(str(self.socket_path), family=socket.AF_UNIX)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        control.connect(str(tpm.socket_path))
        self.thread = threading.Thread(target=self._serve, args=(door, control), daemon=True)
        self.thread.start()

    def _serve(self, door: socket.socket, control: socket.socket) -> None:
        """Until the machine closes its control channel, which the TPM then hears of, too."""
        with door, control, contextlib.ExitStack() as stack:
            caller = stack.enter_context(door.accept()[0])
            to = {caller: control, control: caller}
            while True:
                for channel in select.select(list(to), [], [])[0]:
                    data, rights, _, _ = socket.recv_fds(channel, 4096, 1)
                    if not data:
                        return
                    if rights:  # where commands will come from
                        machine = stack.enter_context(socket.socket(fileno=rights[0]))
                        ours, theirs = map(stack.enter_context, socket.socketpair())
                        to |= {machine: ours, ours: machine}
                        socket.send_fds(control, [data], [theirs.fileno()])
                        continue
                    if self.reset and channel not in (caller, control, ours):
                        self.reset = False
                        for place, command in ((control, self._INIT), (ours, self._STARTUP)):
                            place.sendall(command)
                            place.recv(4096)
                    if self._is_fatal(data):
                        self.tpm.kill()
                        return
                    to[channel].sendall(self._heard(data))

    def _is_fatal(self, command: bytes) -> bool:
        return len(command) >= self._HEAD and struct.unpack_from(">HIII", command) == (
            0x8002, len(command), self._EXTEND, self.fatal)

    def _heard(self, command: bytes) -> bytes:
        """The command, without what is for the bank."""
        if self.hears or len(command) < self._HEAD + 8 or \
                struct.unpack_from(">HII", command) != (0x8002, len(command), self._EXTEND):
            return command
        at = self._HEAD + 4 + struct.unpack_from(">I", command, self._HEAD)[0]
        count, kept = struct.unpack_from(">I", command, at)[0], []
        place = at + 4
        for _ in range(count):
            code = struct.unpack_from(">H", command, place)[0]
            end = place + 2 + hashlib.new(ALGORITHMS[code]).digest_size
            kept += [command[place:end]] if code != self.bank else []
            place = end
        rest = struct.pack(">I", len(kept)) + b"".join(kept)
        return struct.pack(">HII", 0x8002, at + len(rest), self._EXTEND) + command[10:at] + rest


def _relay(door: socket.socket, channel: socket.socket) -> None:
    """Carry each caller's requests to the channel, and the answers back, until the door closes."""
    while True:
        try:
            caller, _ = door.accept()
        except OSError:
            return
        with caller, contextlib.suppress(ConnectionError):
            while request := caller.recv(4096):
                channel.sendall(request)
                caller.sendall(channel.recv(4096))
