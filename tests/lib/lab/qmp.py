# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's control socket: commands and events as they come, without waiting for anything else."""

from __future__ import annotations

import json
import socket
from pathlib import Path


class Qmp:
    """A connection that somebody else's select() may watch by its `fileno()`."""

    def __init__(self, path: Path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self._buffer = b""
        self.events: list[dict] = []
        self._next()  # the greeting
        self.command("qmp_capabilities")

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self.socket.fileno()

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def _next(self) -> dict | None:
        """The next message, or None when QEMU has gone."""
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, execute: str, **arguments) -> dict:
        """Do something and return the answer; events that come first are kept."""
        self.socket.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode())
        while (message := self._next()) is not None:
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise RuntimeError(f"QEMU refused {execute}: {message['error']['desc']}")
            else:
                return message["return"]
        return {}

    def receive(self) -> bool:
        """Take what has arrived into `events`; False when QEMU has gone."""
        message = self._next()
        if message is None:
            return False
        self.events.append(message)
        while b"\n" in self._buffer:
            self.events.append(self._next() or {})
        return True
