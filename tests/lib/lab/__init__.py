# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real boots with the outcome as data; README.md beside this file shows how to use it."""

from .appliance import (Demo, demo, demo_sysext, direct, initrd, make_disk, make_uki,
                        root_parts)
from .ddi import Part, repart
from .disk import Disk, PartSpec, esp_part, layout, make_esp
from .keys import Key, key
from .report import Report
from .spec import Drive, Result, Spec, When
from .steps import LabError
from .sysext import Sysext
from .sysext import build as build_sysext
from .tools import kernel, kernel_generic, kernel_version, module_files, tool
from .vm import boot

__all__ = [
    "Demo", "Disk", "Drive", "Key", "LabError", "Part", "PartSpec", "Report", "Result", "Spec",
    "Sysext", "When", "boot", "build_sysext", "demo", "demo_sysext", "direct", "esp_part",
    "initrd", "kernel", "kernel_generic", "kernel_version", "key", "layout", "make_disk",
    "make_esp", "make_uki", "module_files", "repart", "root_parts", "tool",
]
