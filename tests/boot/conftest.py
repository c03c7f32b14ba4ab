# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the boot tests. tests/lib/lab/README.md shows what the lab can do."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import cases  # noqa: E402
import lab as the_lab  # noqa: E402
import predicted  # noqa: E402


def pytest_addoption(parser):
    """What `make check` adds."""
    parser.addoption("--first-of-each", action="store_true",
                     help="of a table of cases, run the first that boots and the first of each reason")


def pytest_collection_modifyitems(config, items):
    """The rest are further cases of the same, which `make check-all` runs."""
    if not config.getoption("first_of_each"):
        return
    kept = cases.first_of_each(items)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def lab():
    """The lab's functions and types, when this machine can run it."""
    if os.geteuid() != 0:
        pytest.skip("the lab enters its tools tree by chroot, which only root may do")
    return the_lab


@pytest.fixture(scope="session")
def demo(lab):
    """The demo appliance, built if need be."""
    return lab.demo()


@pytest.fixture
def boot(lab, request):
    """`boot(spec)`: as predicted.boot, but what is left of it is kept under the test's name."""
    count = 0

    def run(spec, **foreseen):
        nonlocal count
        count += 1
        name = re.sub(r"[^\w.-]+", "_", f"{request.module.__name__}.{request.node.name}")
        spec.name = name if count == 1 else f"{name}.{count}"
        return predicted.boot(spec, **foreseen)

    return run


@pytest.fixture(autouse=True)
def no_images_left(tmp_path):
    """Disks are big, and pytest keeps the folders of its last runs."""
    yield
    for image in tmp_path.glob("*.img"):
        image.unlink()
