# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bench says which of its aims are met; no machine is booted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

import bench  # noqa: E402


def rows(one: float, two: float, zst: int) -> list[bench.Row]:
    """A floor of 1000 ms, and what we come to with one CPU and with two."""
    def row(peer: str, cpus: int, delta: float, size: int) -> bench.Row:
        return bench.Row(peer, cpus, "icount", size, 1, 1.0, delta, 2 * delta)

    return [row("floor", 1, 1000, 900_000), row("slipway", 1, one, zst), row("floor", 2, 500, 900_000),
            row("slipway", 2, two, zst)]


SMALL, DELTA_1, DELTA_2 = "zst <= 800 K", "delta <= 1.15 x floor", "delta < floor"


@pytest.mark.parametrize("figures, expected", [
    ((1150, 499, 800_000), []),
    ((1151, 499, 800_000), [f"slipway with 1 CPU: {DELTA_1}"]),
    ((1150, 500, 800_000), [f"slipway with 2 CPU: {DELTA_2}"]),
    ((1150, 499, 800_001), [f"slipway with 1 CPU: {SMALL}", f"slipway with 2 CPU: {SMALL}"]),
])
def test_each_aim_that_is_missed_is_named(figures, expected, capsys, monkeypatch):
    made = rows(*figures)
    assert bench.missed(made) == expected
    bench.show(made)
    assert capsys.readouterr().out.count("MISSED") == len(expected)


@pytest.mark.parametrize("words, figures, fails", [
    ([], (2000, 600, 1), False), (["--strict"], (2000, 600, 1), True), (["--strict"], (1000, 400, 1), False)])
def test_only_when_asked_a_missed_aim_is_a_failure(words, figures, fails, monkeypatch, tmp_path):
    one, two = rows(*figures)[:2], rows(*figures)[2:]
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    monkeypatch.setattr(bench, "BENCH", tmp_path / "bench")
    monkeypatch.setattr(bench.paths, "BUILD", tmp_path)
    for name in ("program", "root"):
        monkeypatch.setattr(bench.tiny, name, lambda *_: None)
    monkeypatch.setattr(bench, "peers", lambda *_: [])
    monkeypatch.setattr(bench, "measure", lambda _, cpus: one if cpus == 1 else two)
    if fails:
        with pytest.raises(SystemExit, match="missed: slipway with 1 CPU"):
            bench.main()
    else:
        bench.main()
    assert (tmp_path / "bench.json").exists()
