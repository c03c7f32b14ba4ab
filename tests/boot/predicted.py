# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd predict, as data, and `boot`: every boot through firmware agrees with it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from expect import BEFORE_ENTER, RUNNING
from lab import Result, Spec, appliance, disk, paths, steps, vm
from lab.judge import READY

PCRS = (4, 9, 11, 12, 13)
AT_THE_SWITCH = "enter-initrd:leave-initrd"  # then PCR 15 is foreseen, too
POWERED_OFF = f"{READY}:shutdown:final"
NOTHING = "-"  # no word of ours
# What a stub takes of the ESP, and what predict calls it; that for all UKIs is "global-...".
KINDS = {".addon.efi": "addon", ".cred": "credential", ".confext.raw": "confext", ".raw": "sysext"}
FOLDERS = {appliance.EXTENSIONS_ON_ESP: tuple(KINDS), "loader/addons": (".addon.efi",),
           "loader/credentials": (".cred",), "loader/extensions": (".confext.raw", ".raw")}
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


def boot(spec: Spec, *, phase: str = "", but: Mapping[int, str] | None = None,
         merged: Iterable[Path | str] = (), for_host: Iterable[Path | str] = (),
         volumes: Iterable[str] = ()) -> Result:
    """As lab.boot; of a machine with firmware and a TPM all is compared that can be foreseen.

    `merged` are the images that init takes from the ESP by itself, or "none" where it looks for some,
    and `for_host` those that it hands over. `volumes` are what it opens: NAME:UUID:FILE, where the file
    has the volume key.
    `phase` is where it stops, if it is neither at its end nor where the root's systemd speaks.
    `but` says of a PCR why nobody can foresee it; if one can, that is wrong.
    """
    got = vm.boot(spec)
    if spec.firmware and spec.tpm == "on":
        compare(spec, got, phase=phase, but=but, merged=merged, for_host=for_host, volumes=volumes)
    return got


def compare(spec: Spec, got: Result, *, phase: str = "",
            but: Mapping[int, str] | None = None, merged: Iterable[Path | str] = (),
            for_host: Iterable[Path | str] = (), volumes: Iterable[str] = ()) -> None:
    """The TPM has what predict says of the files that this machine had, in every bank."""
    assert sorted(got.pcrs) == sorted(spec.banks), f"banks {list(got.pcrs)}\n{got.explain()}"
    if got.end == "refused":
        moved = {n for values in got.pcrs.values() for n in PCRS[1:] if int(values[n], 16)}
        assert not moved, f"PCR {sorted(moved)} of what was not started"
        return
    at = phase or reached(spec, got)
    with tempfile.TemporaryDirectory(prefix="esp-") as folder:
        inputs, *more = _asked(spec, Path(folder), at)
        inputs += [("esp-extension", path) for path in merged]
        inputs += [("host-extension", path) for path in for_host]
        inputs += [("volume-key", volume) for volume in volumes]
        told = at_phase(values(inputs, *more), at)
    pcrs = {bank: values for bank, values in got.pcrs.items() if bank != spec.deaf}
    others, excused = wrong(pcrs, told), set(but or {})
    assert others <= excused, \
        f"not as foreseen for {at}: PCR {sorted(others - excused)}\n{got.explain()}"
    assert others == excused, f"PCR {sorted(excused - others)} can be foreseen"


def reached(spec: Spec, got: Result) -> str:
    """The words in PCR 11 by what the boot came to; expect.py compares them with the record."""
    failure = (got.record or {}).get("failure")
    if failure:
        return "slipway-failed" if failure["stage"] in BEFORE_ENTER else \
            "enter-initrd:slipway-failed"
    assert (got.record or {}).get("result") == "handed-over", got.explain()
    if got.end == "poweroff":
        return POWERED_OFF
    assert got.end == "stopped" and spec.until == RUNNING, "say at which phase it is stopped"
    return AT_THE_SWITCH


def _asked(spec: Spec, folder: Path, phase: str) -> tuple:
    """What to ask predict of a machine: the arguments of values()."""
    disk.esp_tree(spec.drives[0].image, folder)
    uki, more = folder / appliance.UKI_ON_ESP, ["--phases", phase]
    inputs = [found for place in FOLDERS for found in _beside(folder, place)]
    if "-kernel" in spec.arguments:  # of no disk: nothing lies beside it
        uki, inputs = Path(spec.arguments[spec.arguments.index("-kernel") + 1]), []
    if spec.firmware != "enforcing":
        more.append("--no-secure-boot")
    if (folder / "loader/boot-secret-mixin").exists():
        more.append("--no-boot-secret")
    return [("uki", uki), *inputs], spec.cmdline_extra, *more


def _beside(folder: Path, place: str) -> list[tuple[str, Path]]:
    """The files in a folder of the ESP that a stub takes, by predict's options."""
    scope = "" if place == appliance.EXTENSIONS_ON_ESP else "global-"
    found = []
    for path in sorted((folder / place).iterdir()) if (folder / place).is_dir() else []:
        end = next((end for end in KINDS if path.name.endswith(end)), "")
        found += [(scope + KINDS[end], path)] if end in FOLDERS[place] else []
    return found
