# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plants the bugs of tests/fuzz/planted.toml, and sees that their fuzz targets find them.

    planted.py           runs build/planted/NAME of each bug; says what found it, and when
    planted.py NAME...   only these
    planted.py --check   only: is the table in step with the sources and the fuzz targets?
    planted.py --names   their names, which are TARGET.PARSER
    planted.py --source NAME   the source with that bug, as `make build/planted/NAME` compiles it

A bug counts as found if the target stops at an input that is none of its seeds, and that does the
program without the bug no harm. PLANTED_SECONDS (60) is how long each may take, FUZZ_SEED (1) makes
it another hunt.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parents[2]
TABLE = REPO / "tests/fuzz/planted.toml"
BUILD = REPO / "build/planted"
AT_A_TIME = 2


class Bug(NamedTuple):
    """A row of the table."""
    target: str
    file: str
    text: str
    planted: str
    what: str

    @property
    def name(self) -> str:
        """Of its program."""
        return f"{self.target}.{Path(self.file).stem}"


def bugs() -> list[Bug]:
    """Every row; raises TypeError for a member that is missing or not known."""
    return [Bug(**row) for row in tomllib.loads(TABLE.read_text())["bug"]]


def flaws(rows: list[Bug]) -> list[str]:
    """Where the table is out of step."""
    targets = {path.stem for path in (REPO / "tests/fuzz").glob("fuzz_*.c")}
    names = [bug.name for bug in rows]
    found = [f"{target} has no bug" for target in sorted(targets - {bug.target for bug in rows})]
    found += [f"{name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    for bug in rows:
        if bug.target not in targets:
            found.append(f"{bug.name}: there is no tests/fuzz/{bug.target}.c")
        path = REPO / bug.file
        n = path.read_text().count(bug.text) if path.is_file() and bug.text else 0
        if n != 1:
            found.append(f"{bug.name}: its text is {n} times in {bug.file}, not once")
        if bug.text == bug.planted:
            found.append(f"{bug.name}: it changes nothing")
    return found


def source(bug: Bug) -> str:
    """With the bug; messages name the file and the line of the one without."""
    text = (REPO / bug.file).read_text().replace(bug.text, bug.planted)
    return f'#line 1 "{bug.file}"\n{text}'


# ---- running ----

def kind(log: str) -> str:
    """What stopped a target, in its own words."""
    for pattern in (r"ERROR: (\w+Sanitizer: [\w-]+)", r"(runtime error: .*)", r"(Assertion .* failed)",
                    r"ERROR: (libFuzzer: .*)"):
        if match := re.search(pattern, log):
            said = re.sub("0x[0-9a-f]{6,}", "0x…", match[1])
            return said.replace("libFuzzer: deadly signal", "the target's own check")
    return "nothing that is known"


def is_harmless(bug: Bug, artifact: Path) -> bool:
    """Without the bug."""
    return subprocess.run([REPO / "build/fuzz" / bug.target, "-timeout=10", artifact], cwd=REPO,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def fuzz(bug: Bug, seconds: int, folder: Path) -> tuple[int, str]:
    """Runs the target from its seeds; its exit status and what it said."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "corpus").mkdir(parents=True)
    seed = os.environ.get("FUZZ_SEED", "1")
    with open(folder / "log", "wb") as log:
        rc = subprocess.run(
            [BUILD / bug.name, f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10",
             "-rss_limit_mb=2048", f"-artifact_prefix={folder}/", folder / "corpus",
             REPO / "tests/fuzz/corpus" / bug.target], cwd=REPO, stdout=log, stderr=log).returncode
    return rc, (folder / "log").read_text(errors="replace")


def hunt(bug: Bug) -> tuple[bool, str]:
    """Found, and what there is to say."""
    folder = BUILD / "runs" / bug.name
    seconds = int(os.environ.get("PLANTED_SECONDS", "60"))
    start = time.monotonic()
    rc, log = fuzz(bug, seconds, folder)
    took = f"{time.monotonic() - start:5.1f} s"
    crashes = list(folder.glob("crash-*"))
    if rc == 0:
        return False, f"not found in {seconds} s"
    if len(crashes) != 1:
        return False, f"stopped without a finding: {kind(log)}"
    if "INITED" not in log:
        return False, f"its seeds alone show it: {kind(log)}"
    if not is_harmless(bug, crashes[0]):
        return False, f"{crashes[0].relative_to(REPO)} stops {bug.target} without the bug, too"
    return True, f"{took}  {kind(log)}"


def hunt_all(todo: list[Bug]) -> int:
    """A line for each; how many were not found."""
    missed = 0
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for bug, (found, said) in zip(todo, pool.map(hunt, todo)):
            missed += not found
            print(f"  {'ok    ' if found else 'FAILED'} {bug.name:34} {said}", flush=True)
            if not found:
                print(f"         {bug.what}; see build/planted/runs/{bug.name}/log", flush=True)
    print(f"{len(todo) - missed} of {len(todo)} planted bugs were found")
    return missed


def main(args: list[str]) -> int:
    """See above."""
    rows = bugs()
    if args == ["--names"]:
        print("\n".join(bug.name for bug in rows))
        return 0
    wrong = flaws(rows)
    for flaw in wrong:
        print(f"{TABLE.relative_to(REPO)}: {flaw}", file=sys.stderr)
    if wrong or args == ["--check"]:
        return len(wrong) > 0
    by_name = {bug.name: bug for bug in rows}
    wants_source = args[:1] == ["--source"]
    asked = args[1:] if wants_source else args
    if unknown := set(asked) - by_name.keys():
        print(f"planted.py: no bug is called {', '.join(sorted(unknown))}; --names lists them",
              file=sys.stderr)
        return 2
    todo = [by_name[name] for name in asked]
    if wants_source:
        print("".join(map(source, todo)), end="")
        return 0
    todo = todo or rows
    programs = [BUILD / bug.name for bug in todo] + [REPO / "build/fuzz" / bug.target for bug in todo]
    if missing := [path for path in programs if not path.exists()]:
        print(f"planted.py: {missing[0].relative_to(REPO)} is not built; make check-planted builds it",
              file=sys.stderr)
        return 2
    return hunt_all(todo) > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
