# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd predict, as data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from lab import paths, steps

PCRS = (4, 9, 11, 12, 13)
AT_THE_SWITCH = "enter-initrd:leave-initrd"  # then PCR 15 is foreseen, too
# (bank, PCR), of PCR 11 and 15 (bank, PCR, phase) -> hex, or None where the machine decides
Values = dict[tuple, str | None]


def _told(inputs: Iterable[tuple[str, Path | str]], words: str, *more: str) -> list[dict]:
    options = [w for option, path in inputs for w in (f"--{option}", path)]
    said = steps.run([paths.MKINITRD, "predict", "--json", "--smbios-cmdline", words, *options,
                      *more])
    return json.loads(said.stdout)


def values(inputs: Iterable[tuple[str, Path | str]], words: str = "", *more: str) -> Values:
    """The prediction for these options and the files that they name."""
    return {(v["bank"], v["pcr"], *([v["phase"]] if "phase" in v else [])): v["value"]
            for v in _told(inputs, words, *more) if "pcr" in v}


def nvpcrs(inputs: Iterable[tuple[str, Path | str]], words: str = "") -> dict[int, str]:
    """The NvPCRs of the same prediction, by index."""
    return {v["nv_index"]: v["value"] for v in _told(inputs, words) if "nvpcr" in v}


def at_phase(told: Values, phase: str) -> Values:
    """All of it when the machine has come to this phase, by (bank, PCR)."""
    return {key[:2]: value for key, value in told.items() if len(key) == 2 or key[2] == phase}


def measured(pcrs: dict[str, list[str]], told: Values) -> Values:
    """What the TPM has of all that was foreseen."""
    return {(bank, n): values[n] for bank, values in pcrs.items()
            for n in sorted({n for _, n in told})}


def wrong(pcrs: dict[str, list[str]], told: Values) -> set[int]:
    """The PCRs of which any bank is not as it was foreseen."""
    assert pcrs, "no TPM was read"
    return {key[1] for key, value in measured(pcrs, told).items() if told[key] != value}
