# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every boot test asserts: `boots(got)` or `refused(got, code, stage)`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from lab import Result, Spec, appliance, key
from lab.tpm import extend, word_digest
from lab.vm import KERNEL_SAYS

# The first words of the root's own systemd; also where these tests end a machine.
RUNNING = r"systemd\[1\]: systemd \d+\S* running in system mode"
HANDING_OVER = r"slipway\[1\]: switch: handing over to"
MEASURE = "systemd.tpm2_measured_os=1"  # without firmware nothing else asks for it
QUICKLY = "failure-delay=0\n"  # slipway.conf, for failures before the command line is known

# What was typed and echoed by then stands before it.
_STAMP = r"^.*?\[ *\d+\.\d+\] "
_STAMP_COLUMNS = len("[    2.407533] ")
_PROMPT = re.compile(r"^\S*[#$](?: |$)|login: ?$|\(initramfs\)|^dracut:|"
                     r"Press Enter for maintenance|Give root password|emergency (?:mode|shell)")
# What PCR 11 has been told when a stage fails; before `enter`, nothing.
BEFORE_ENTER = ("early", "inputs", "kernel", "initrd", "firmware", "tpm", "enter")


def direct(disk: Path, append: str = "", *, tpm: bool = False, **more) -> Spec:
    """A direct boot of a disk that ends, at the latest, when the root's systemd speaks."""
    more = {"until": RUNNING, "timeout": 300.0, **more}
    more.setdefault("initrd", appliance.demo().initrd)
    if tpm:
        append += " " + MEASURE
    return appliance.direct(disk, append=append, tpm="on" if tpm else "none", **more)


def fingerprint(name: str) -> str:
    """The SHA-256 of a key's certificate, as OpenSSL says it."""
    text = subprocess.run(["openssl", "x509", "-in", key(name).cert, "-noout", "-fingerprint",
                           "-sha256"], check=True, capture_output=True, text=True).stdout
    return text.strip().partition("=")[2].replace(":", "").lower()


def boots(got: Result, warning: str = "", start: dict[str, str] | None = None,
          words: tuple[str, ...] = ("enter-initrd", "leave-initrd")) -> None:
    """The real systemd of the root runs, and the record agrees; a warning may be expected.

    `start` is what PCR 11 is before our first word, by bank: where a stub measured its UKI.
    """
    assert (got.record or {}).get("result") == "handed-over", got.explain()
    assert "failure" not in got.record, got.explain()
    assert bool(got.seen("FAILED stage")) == ("attempts" in got.record), got.explain()
    assert got.seen(RUNNING), got.explain()
    assert got.seen(HANDING_OVER) <= got.seen(RUNNING)
    no_shell(got)
    if warning:
        assert any(re.search(warning, text) for text in got.record["warnings"]), \
            got.record["warnings"]
    if got.pcrs:
        measured(got, list(words), start)


def runs_whole(got: Result) -> None:
    """The root's system came to run with all that it has, at once, told so, and powered off."""
    assert got.end == "poweroff" and got.report.state == "running", got.explain()
    assert not got.report.failed_units and not got.report.slow_waits(), got.explain()


def refused(got: Result, code: str, stage: str, says: str = "", end: str = "reboot",
            start: dict[str, str] | None = None) -> None:
    """The boot ended with this reason in this stage, said so, and left no way in."""
    failure = (got.record or {}).get("failure") or {}
    assert (failure.get("code"), failure.get("stage")) == (code, stage), got.explain()
    assert re.search(says, failure["what"]), failure["what"]
    assert got.record["result"] == "failed"
    assert got.end == end, got.explain()
    block(got, failure)
    assert not got.seen(RUNNING) and not got.seen(HANDING_OVER), got.explain()
    no_shell(got)
    if got.pcrs:
        before = [] if stage in BEFORE_ENTER else ["enter-initrd"]
        measured(got, [*before, "slipway-failed"], start)


def block(got: Result, failure: dict) -> None:
    """The console has the failure in full, in the words of the record, and a screen takes it."""
    texts = [text for _, text in got.lines]
    head = f"FAILED stage {failure['stage']}  [{failure['code']}]"
    start = max((n for n, text in enumerate(texts) if head in text), default=None)
    assert start is not None, f"not on the console: {head}\n{got.explain()}"
    lines = [text for text in (re.sub(_STAMP, "", text) for text in texts[start:])
             if re.match(r"  (what|where|means|next|    ) ", text)]
    shown = "".join("".join(text.split()) for text in lines)
    for text in [*(key + failure[key] for key in ("what", "where", "means")), failure["next"]]:
        assert "".join(text.split()) in shown, f"not on the console: {text}\n{got.explain()}"
    assert len(lines) < 24 and all(len(text) <= 80 - _STAMP_COLUMNS for text in lines), lines


def prompts(got: Result) -> list[float]:
    """When something that looks like a shell's prompt, or leads to one, was on the console."""
    return [at for at, text in got.lines if _PROMPT.search(KERNEL_SAYS.sub("", text))]


def no_shell(got: Result) -> None:
    """Nothing that looks like a prompt was on the console before the hand-over."""
    over = got.seen(HANDING_OVER)
    seen = [at for at in prompts(got) if over is None or at < over]
    assert not seen, f"prompts at {seen}\n{got.explain()}"


def measured(got: Result, words: list[str], start: dict[str, str] | None = None) -> None:
    """PCR 11, as read from the TPM itself, comes of exactly these words, and the record says so."""
    for bank, values in got.pcrs.items():
        value = start[bank] if start else "00" * (len(values[11]) // 2)
        for word in words:
            value = extend(bank, value, word_digest(bank, word))
        assert values[11] == value, f"PCR 11 ({bank}) is not {' + '.join(words)}\n{got.explain()}"
        assert got.record["pcr"]["digests"][bank] == value
    assert [m["text"] for m in got.record["measurements"] if m.get("pcr") == 11] == words
