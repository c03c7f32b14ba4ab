# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages in section 5, 7 and 8 against the tables in the code that they describe."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
Facts = dict[str, object]


def text_of(path: str) -> str:
    return (REPO / path).read_text()


def items(page: str, depth: int | None = None) -> dict[str, set[str]]:
    """The words of each .It line, at this depth of lists, and the remarks (.Pq) about them."""
    found: dict[str, set[str]] = {}
    at, words = 0, []
    for line in page.splitlines():
        at += line.startswith(".Bl") - line.startswith(".El")
        if re.match(r"\.It (Cm|Va|Li) ", line) and depth in (None, at):
            named = re.split(r" Ns | Pq ", line[7:])[0]
            words = [w.removesuffix("=") for w in re.split(r"[ ,]+", named)]
            found |= {w: found.get(w, set()) for w in words}
        elif line.startswith(".Pq ") and words:
            for word in words:
                found[word] |= set(re.split(r"[ ,]+", line[4:])) & {"dashes", "rd"}
        else:
            words = []
    return found


def words_in_code() -> Facts:
    tables = [text_of(f"modules/inputs/{name}.c").split(f"static const struct {table}[]")[1].split("\n};")[0]
              for name, table in (("options", "rule rules"), ("unsupported", "unsupported words"))]
    rules = re.findall(r"\{ \.key = \"([^\"]+)\"(?:, \.flags = ([A-Z |]+))?,", "".join(tables))
    meaning = {"FOLD": "dashes", "RD": "rd"}
    return {key: {meaning[f] for f in flags.split(" | ") if f in meaning} for key, flags in rules}


def words_in_page(page: str) -> Facts:
    return {w: remarks for w, remarks in items(page, 1).items() if w != "slipway."}


def keys_in_code() -> Facts:
    return dict.fromkeys(re.findall(r"\{ \"([a-z-]+)\", (?:set_|offsetof)",
                                    text_of("modules/inputs/config.c")))


def keys_in_page(page: str) -> Facts:
    return dict.fromkeys(items(page, 1))


def stages_in_code() -> Facts:
    names = re.findall(r"\{ \"([a-z]+)\", stage_", text_of("init/sequence.c"))
    return {name: place for place, name in enumerate(names)}


def stages_in_page(page: str) -> Facts:
    return {name: place for place, name in enumerate(re.findall(r"(?m)^\.Ss ([a-z]+)$", page))}


def points_in_code() -> Facts:
    names = re.findall(r"(?m)^\t\{ \"hooks\", hooks_(\w+), \w+ \},", text_of("init/sequence.c"))
    names += re.findall(r"(?m)^\thooks_(\w+)\(&boot", text_of("init/main.c"))
    return {name: place for place, name in enumerate(names)}


def points_in_page(page: str) -> Facts:
    points = page.split(".Ss Points")[1].split(".Ss")[0]
    return {name: place for place, name in enumerate(items(points, 1))}


def declaration_in_code() -> Facts:
    return dict.fromkeys(re.findall(r"\{ \"([a-z]+)\", set_", text_of("hooks/declaration.c")))


def declaration_in_page(page: str) -> Facts:
    return dict.fromkeys(items(page.split(".Ss The declaration")[1].split(".Ss")[0], 1))


def record_in_code() -> str:
    return "".join(text_of(f"init/record{part}") for part in (".c", "_json.h", "_root.c"))


def members_in_code() -> Facts:
    code = record_in_code()
    return dict.fromkeys(re.findall(r"(?:r->top|array\(r|section\(r), \"(\w+)\"", code))


def members_in_page(page: str) -> Facts:
    return dict.fromkeys(items(page, 1))


def inner_members_in_code() -> Facts:
    return dict.fromkeys(re.findall(r"put\w*\(o, \"(\w+)\"", record_in_code()))


def inner_members_in_page(page: str) -> Facts:
    return dict.fromkeys(items(page, 2))


def codes_in_code() -> Facts:
    return dict.fromkeys(re.findall(r"(?m)^ERR\((\w+),", text_of("init/core/err.def")))


def codes_in_page(page: str) -> Facts:
    return dict.fromkeys(items(page, 1))


def classes_in_code() -> Facts:
    """Each group of reasons is one."""
    named = re.findall(r"(?m)^/\* .* \*/\nERR_CLASS\((\w+)\)\nERR\(", text_of("init/core/err.def"))
    assert len(named) == len(re.findall(r"(?m)^/\* [A-Z].* \*/$", text_of("init/core/err.def"))) - 1
    return dict.fromkeys(named)


def classes_in_page(page: str) -> Facts:
    said = page.split("or for a class of them")[1].split("Of several lines")[0]
    return dict.fromkeys(word for line in re.findall(r"(?m)^\.Cm (.*)$", said)
                         for word in re.findall(r"[a-z]+", line))


def floors_in_code() -> Facts:
    function = text_of("modules/trust/floor.c").split("*policy_floor_text(")[1].split("\n}")[0]
    return dict.fromkeys(re.findall(r"\"(root=[^\"]+)\"", function))


def floors_in_page(page: str) -> Facts:
    key = page.split(".It Cm image-policy=")[1].split(".It Cm tpm=")[0].split(".Pp")[1]
    return dict.fromkeys(re.findall(r"\.Ql (root=\S+)", key))


def build(*words: str) -> str:
    return subprocess.run([REPO / "build/slipway-mkinitrd", "build", *words], check=True,
                          capture_output=True, text=True).stdout


def options_in_code() -> Facts:
    return dict.fromkeys(re.findall(r"(?m)^  (?:-.,|   ) -(-[a-z-]+)", build("--help")))


def options_in_page(page: str) -> Facts:
    verb = re.split(r"\n\.S[sh] ", page.split(".Ss build\n")[1])[0]
    return dict.fromkeys(re.findall(r"(?m)^\.It (?:Fl . , )?Fl (-[a-z-]+)", verb))


def conf_keys_in_code() -> Facts:
    shown = build("--config=none", "--print-config").splitlines()
    return dict.fromkeys(line.split("=")[0] for line in shown)


def conf_keys_in_page(page: str) -> Facts:
    return dict.fromkeys(items(page, 1))


def page_text(path: str) -> str:
    if path != "slipway-reasons.7":
        return text_of(path)
    made = subprocess.run([REPO / "ci/reasons", REPO / "init/core/err.def"], check=True,
                          capture_output=True, text=True)
    return made.stdout


PAIRS: dict[str, tuple[str, Callable[[], Facts], Callable[[str], Facts]]] = {
    "words": ("init/slipway-cmdline.7", words_in_code, words_in_page),
    "settings": ("init/slipway.conf.5", keys_in_code, keys_in_page),
    "floor": ("init/slipway.conf.5", floors_in_code, floors_in_page),
    "classes": ("init/slipway.conf.5", classes_in_code, classes_in_page),
    "stages": ("init/slipway-init.8", stages_in_code, stages_in_page),
    "points": ("hooks/slipway-hooks.7", points_in_code, points_in_page),
    "declaration": ("hooks/slipway-hooks.7", declaration_in_code, declaration_in_page),
    "members": ("init/slipway-boot.json.5", members_in_code, members_in_page),
    "inner members": ("init/slipway-boot.json.5", inner_members_in_code, inner_members_in_page),
    "options": ("mkinitrd/slipway-mkinitrd.8", options_in_code, options_in_page),
    "keys": ("mkinitrd/slipway-mkinitrd.conf.5", conf_keys_in_code, conf_keys_in_page),
    "reasons": ("slipway-reasons.7", codes_in_code, codes_in_page),
}


@pytest.mark.parametrize("path, code, page", PAIRS.values(), ids=PAIRS)
def test_page_describes_what_the_code_has_and_no_more(path, code, page):
    assert len(code()) > 1
    assert page(page_text(path)) == code()


@pytest.mark.parametrize("path, code, page", PAIRS.values(), ids=PAIRS)
def test_a_fact_that_the_page_lacks_is_found(path, code, page):
    """Each fact in turn is given another name in the page, and that must show."""
    text = page_text(path)
    for fact in code():
        spoiled = re.sub(rf"(?m)^(\.(?:It|Ss|Ql|Cm) .*?)(?<![\w.-]){re.escape(fact)}(?![\w.-])",
                         r"\1another", text)
        assert spoiled != text, fact
        assert fact not in page(spoiled)


@pytest.mark.parametrize("path, way", [
    ("hooks/view.schema.json", ("point",)),
    ("init/slipway-boot.schema.json", ("hooks", "items", "properties", "point")),
])
def test_schemas_have_all_points(path, way):
    node = json.loads(text_of(path))["properties"]
    for step in way:
        node = node[step]
    assert node["enum"] == list(points_in_code())


@pytest.mark.parametrize("remark", ["dashes", "rd"])
def test_a_wrong_remark_about_a_word_is_found(remark):
    text = text_of("init/slipway-cmdline.7")
    spoiled = re.sub(rf"(?m)^(\.Pq .*)\b{remark}\b", r"\1nothing", text, count=1)
    assert words_in_page(spoiled) != words_in_code()


def test_damaged_table_of_reasons_makes_no_page(tmp_path):
    table = tmp_path / "err.def"
    whole = text_of("init/core/err.def")
    for damaged in (whole.replace("ERR(TIMEOUT, ", "ERR(TIMEOUT "), whole + "ERR(LAST, \"means\",\n",
                    whole + "something else\n"):
        table.write_text(damaged)
        done = subprocess.run([REPO / "ci/reasons", table], capture_output=True, text=True)
        assert done.returncode != 0 and "ci/reasons: line" in done.stderr


def unknown_codes(page: str) -> set[str]:
    named = {w for line in re.findall(r"(?m)^\.(?:Pq )?Li (.*)$", page)
             for w in re.findall(r"\b[A-Z]+(?:_[A-Z0-9]+)*\b", line)}
    return {w for w in named if w not in codes_in_code()} - {"TPM2"}


@pytest.mark.parametrize("path", ["init/slipway-init.8", "init/slipway-cmdline.7",
                                  "init/slipway.conf.5", "hooks/slipway-hooks.7"])
def test_codes_in_pages_exist(path):
    assert unknown_codes(text_of(path)) == set()
    assert unknown_codes(text_of(path) + ".Pq Li ROOT_MISING\n") == {"ROOT_MISING"}


def missing_paths(text: str) -> list[str]:
    named = re.findall(r"`((?:init|modules|hooks|mkinitrd|tests|ci)/[\w./-]*)`", text)
    return [name for name in named if not (REPO / name).exists()]


@pytest.mark.parametrize("path", ["README.md", "ARCHITECTURE.md", "HACKING.md", "SECURITY.md",
                                  "NEWS.md", "TUTORIAL.md"])
def test_paths_in_documents_exist(path):
    assert missing_paths(text_of(path)) == []
    assert missing_paths(text_of(path) + "`init/gone.c`") == ["init/gone.c"]


def unknown_options(text: str) -> set[str]:
    shown = build("--help")
    commands = re.findall(r"slipway-mkinitrd (?:.*\\\n)*.*", text)
    return set(re.findall(r"(--[a-z-]+)", "".join(commands))) - set(re.findall(r"--[a-z-]+", shown))


def test_readme_uses_options_that_exist():
    text = text_of("README.md")
    assert "slipway-mkinitrd --" in text and unknown_options(text) == set()
    assert unknown_options(text.replace("--cert ", "--certs ")) == {"--certs"}


def unknown_targets(text: str) -> set[str]:
    targets = re.findall(r"(?m)^([a-z-]+):", text_of("Makefile"))
    named = re.findall(r"(?m)(?:^    |`|&& )make ([a-z][a-z-]*)(?![\w/-])", text)
    return set(named) - set(targets)


@pytest.mark.parametrize("path", ["README.md", "HACKING.md", "ARCHITECTURE.md"])
def test_targets_in_documents_exist(path):
    assert unknown_targets(text_of(path)) == set()
    assert unknown_targets(text_of(path) + "\n    make no-such-target\n") == {"no-such-target"}
