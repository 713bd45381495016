"""Outlines against Python's own parser, and properties that hold for any text at all."""

from __future__ import annotations

import ast
import json
import sysconfig
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.code.languages import LANGUAGES
from ingest.text import decode, split_lines
from tests.ingest_code_cases import line_of, part_of

HOUSE = Path(__file__).resolve().parent.parent
STDLIB = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[::3][:55]
OWN = sorted(
    path for package in ("ingest", "storage", "assistant", "tests") for path in (HOUSE / package).rglob("*.py")
)
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SUFFIXES = sorted(each.suffixes[0] for each in LANGUAGES if each.grammar)
WORDS = st.sampled_from([
    "def ", "class ", "f", "(", ")", ":", "\n", "    ", "\t", "{", "}", "function ", "fn ", "=>", "=", "'", '"', '"""',
    "#", "//", "/*", "*/", "@x\n", "import ", "from ", "<", ">", "é", "😀", "\r", "\x0c", "\u2028", "\x00", ";", ",",
    "- ", "a: ", "struct ", "interface ", "namespace ", "<?php ", "CREATE TABLE ", "[", "]", "\\", "$", "`", "end\n",
    "module ",
])  # fmt: skip


def expected(source: str) -> Counter[tuple[str, int]]:
    """Every class and function of a Python file with its qualified name and line."""
    found: Counter[tuple[str, int]] = Counter()

    def visit(node: ast.AST, scope: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, DEFINITIONS):
                inner = f"{scope}.{child.name}" if scope else child.name
                found[inner, child.lineno] += 1
            visit(child, inner)

    visit(ast.parse(source), "")
    return found


@pytest.mark.parametrize("path", STDLIB, ids=lambda path: path.name)
def test_standard_library_is_outlined_as_python_parses_it(path: Path) -> None:
    compare(path)


def test_our_own_source_is_outlined_as_python_parses_it() -> None:
    assert len(OWN) > 50
    for path in OWN:
        if path.read_bytes().strip():
            compare(path)


def compare(path: Path) -> None:
    """Exactly one section for every definition, under its name and on its line."""
    part = part_of(path.read_bytes(), path.name)
    found = Counter((each.title, line_of(part, each.header_start)) for each in part.sections)
    assert found == expected(path.read_text("utf-8")), path
    assert not part.warnings


def check(source: str, name: str) -> None:
    """What holds for any file: the text is all there, and headers stand at the start of their sections."""
    data = source.encode("utf-8", "surrogatepass")
    whole = split_lines(decode(data)[0], name)[0]
    if not whole.strip():
        return
    part = part_of(data, name)
    assert part.text == whole
    for section in part.sections:
        assert section.title and part.text[section.start : section.header_end].strip()
        assert part.text[section.start] not in " \t\n"


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=400), st.sampled_from(SUFFIXES))
def test_any_text_is_read_whole(source: str, suffix: str) -> None:
    check(source, f"a{suffix}")


@settings(deadline=None, max_examples=50)
@given(st.lists(WORDS, max_size=120).map("".join), st.sampled_from(SUFFIXES))
def test_broken_code_is_read_whole(source: str, suffix: str) -> None:
    check(source, f"a{suffix}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=6), st.booleans())
def test_every_key_of_an_object_has_a_section(value: dict[str, object], ascii_only: bool) -> None:
    source = json.dumps(value, ensure_ascii=ascii_only, indent=1)
    check(source, "a.json")
    if not ascii_only and all(key.isalnum() for key in value):
        part = part_of(source, "a.json")
        assert [each.title for each in part.sections if each.level == 1] == list(value)


NAMES = st.from_regex(r"\A[a-zß-ö_][a-z0-9]{0,5}\Z").filter(lambda name: name not in ("as", "if", "in", "is", "or"))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(NAMES, st.integers(0, 3), st.booleans(), st.booleans()), max_size=25))
def test_made_up_modules_are_outlined_as_python_parses_them(rows: list[tuple[str, int, bool, bool]]) -> None:
    lines: list[str] = []
    depth = 0
    for name, wanted, is_class, decorated in rows:
        depth = min(wanted, depth)
        pad = "    " * depth
        lines += [f"{pad}# 😀 {name}", f"{pad}@{name}"] if decorated else []
        lines += [f"{pad}class C{name}:" if is_class else f"{pad}def f_{name}(é='😀'):", f"{pad}    'doc'"]
        depth += 1
    source = "\n".join([*lines, "x = 1"]) + "\n"
    part = part_of(source, "a.py")
    found = Counter((each.title, line_of(part, each.header_start)) for each in part.sections)
    assert found == expected(source)
