"""Source files → Parts: outlines of twenty languages, exact text and offsets, and files without an outline."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import pytest

from ingest.code import parse
from ingest.code.grammars import grammar_of
from ingest.code.languages import LANGUAGES, language_of
from ingest.code.plain import read as read_plain
from ingest.code.reader import read
from ingest.document import EmptyFileError, LimitError
from ingest.part import Request
from tests.ingest_code_cases import GOLDEN, OUTLINES, REQUEST, line_of, outline_text, part_of, titles


@pytest.mark.parametrize("path", OUTLINES, ids=lambda path: path.name)
def test_outline_is_the_golden_one(path: Path) -> None:
    expected = (GOLDEN / f"{path.name}.txt").read_text("utf-8")
    found = outline_text(part_of(path.read_bytes(), path.name))
    diff = difflib.unified_diff(expected.splitlines(), found.splitlines(), "golden", "found", lineterm="")
    assert found == expected, "\n".join(diff)


@pytest.mark.parametrize("path", OUTLINES, ids=lambda path: path.name)
def test_text_is_the_file_and_every_header_stands_in_it(path: Path) -> None:
    part = part_of(path.read_bytes(), path.name)
    assert part.text == path.read_text("utf-8")
    assert part.sections and part.outlined and not part.warnings
    for section in part.sections:
        at = section.header_start
        assert section.start <= at < section.header_end <= section.end


def test_every_grammar_has_a_fixture() -> None:
    outlined = {part_of(path.read_bytes(), path.name).format for path in OUTLINES}
    assert outlined == {each.name for each in LANGUAGES if each.grammar} - {"typescript"}  # tsx reads both


def test_offsets_count_characters_not_bytes() -> None:
    part = part_of("# 😀 ünï\nx = '😀'\n\n\nclass Größe:\n    def 名前(self): return '😀'\n\n\ndef f(): pass\n", "a.py")
    assert titles(part) == ["class Größe", "method Größe.名前", "function f"]
    headers = [part.text[each.start : each.header_end] for each in part.sections]
    assert headers == ["class Größe:", "def 名前(self):", "def f():"]
    assert part.text[part.sections[1].start : part.sections[1].end] == "def 名前(self): return '😀'\n"


def test_foreign_newlines_and_form_feeds_keep_their_lines() -> None:
    part = part_of(b"import os\r\n\x0c\r\ndef f():\r\n    pass\r\n", "a.py")
    assert line_of(part, part.sections[0].start) == 3
    assert part.text[part.sections[0].start : part.sections[0].header_end] == "def f():"


def test_a_comment_belongs_to_what_it_stands_right_above() -> None:
    part = part_of("x = 1  # of x\ndef f(): pass\n# apart\n\ndef g(): pass\n# of h\n# too\ndef h(): pass\n", "a.py")
    assert [line_of(part, each.start) for each in part.sections] == [2, 5, 6]


@pytest.mark.parametrize(
    ("name", "source", "starts"),
    [
        ("a.py", "class A:\n    x = 1\n    # of A\n# of f\ndef f(): pass\n", [1, 4]),
        ("a.toml", "[a]\nk = 1\n# of b\n[b]\n", [1, 3]),
        ("a.toml", "[a]\n# of b\n[b]\n", [1, 2]),
        ("a.yaml", "a:\n  b: 1\n  # of c\n  c: 1\n# of d\nd: 1\n", [1, 2, 3, 5]),
        ("a.scala", "object A:\n  val x = 1\n  // of b\n  def b = 2\n// of C\nobject C:\n  val y = 1\n", [1, 3, 5]),
        ("a.rs", "/// of a\n#[x]\n// more\n#[y(\n  z)]\nfn a() {}\n", [1]),
        ("a.ts", "class A {\n  // of b\n  @x() @y()\n  b() {}\n}\n", [1, 2]),
    ],
)
def test_comments_go_with_what_follows_even_where_the_grammar_puts_them_before(
    name: str, source: str, starts: list[int]
) -> None:
    part = part_of(source, name)
    assert [line_of(part, section.start) for section in part.sections] == starts


def test_a_long_signature_is_cut_and_a_long_comment_is_not() -> None:
    part = part_of("# note\n" * 100 + "def f(" + "a, " * 300 + "):\n    pass\n", "a.py")
    section = part.sections[0]
    at = section.header_start
    assert part.text.startswith("def f(", at)
    assert 250 < section.header_end - at < 320


def test_syntax_errors_leave_the_rest_of_the_outline() -> None:
    part = part_of("def a():\n    return 1\n\ndef b(:\n    ??\n\nclass C:\n    def d(self):\n        pass\n", "a.py")
    assert "function a" in titles(part) and "method C.d" in titles(part)


@pytest.mark.parametrize(
    ("name", "source", "language"),
    [
        ("run", "#!/usr/bin/env -S python3.11 -u\n", "python"),
        ("run", "#! /bin/bash\n", "bash"),
        ("Makefile", "all:\n", "makefile"),
        ("Dockerfile.dev", "FROM x\n", "dockerfile"),
        ("a.h", "int f(int);\n", "c"),
        ("a.h", "#pragma once\nnamespace a {\nclass B {};\n}\n", "cpp"),
        ("src/A.PY", "x\n", "python"),
        ("a.mts", "x\n", "typescript"),
        ("Gemfile", "x\n", "ruby"),
    ],
)
def test_language_is_told_by_name_or_first_line(name: str, source: str, language: str) -> None:
    part = part_of(source, name)
    assert (part.format, part.outlined) == (language, True)


def test_unknown_and_ungrammared_languages_are_read_and_said_so() -> None:
    assert language_of("a.xyz", "text") is None
    for name, language in (("a.xyz", "text"), ("a.swift", "swift"), ("a.vue", "vue")):
        part = part_of("func f() {}\n", name)
        assert (part.text, part.format, part.outlined, part.sections) == ("func f() {}\n", language, False, [])


@pytest.mark.parametrize("module", ["tree_sitter_kotlin", "tree_sitter"])
def test_a_missing_wheel_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    grammar_of.cache_clear()
    try:
        part = part_of("fun f() {}\n", "a.kt")
    finally:
        grammar_of.cache_clear()
    assert not part.outlined and part.text == "fun f() {}\n"
    assert part.warnings == [
        f"a.kt: all of it is read, but without an outline: {module.replace('_', '-')} is not installed"
    ]


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("a.js", "f(1);" * 5_000, "a program must have written it"),
        ("a.py", "x = 1\n" * 900_000, "larger than 5 MB"),
        ("a.yaml", "".join(" " * depth + "a:\n" for depth in range(600)), "nested too deeply"),
        ("a.c", "{\n" * 40_000, "syntax is not that of c"),
    ],
)
def test_what_would_hang_or_crash_the_parser_is_read_without_outline(name: str, source: str, reason: str) -> None:
    part = part_of(source, name)
    assert part.text == source if source.endswith("\n") else part.text == source + "\n"
    assert not part.outlined and len(part.warnings) == 1 and reason in part.warnings[0]


def test_a_file_that_takes_too_long_is_read_without_outline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "SECONDS", 0.0)
    monkeypatch.setattr(parse, "SECONDS_PER_MB", 0.0)
    part = part_of("def f(): pass\n" * 10_000, "a.py")
    assert not part.outlined and "takes too long to follow" in part.warnings[0]
    assert part_of("def f(): pass\n", "a.py").outlined


@pytest.mark.parametrize("name", ["a.js", "a.ts"])
def test_lines_that_a_scanner_reads_again_and_again_end_at_the_limit(name: str) -> None:
    part = part_of("/*\n" * 30_000, name)
    assert not part.outlined and "takes too long to follow" in part.warnings[0]


@pytest.mark.parametrize("name", ["a.json", "a.py", "a.js", "a.yaml"])
@pytest.mark.parametrize("unit", ["[", "(", "{"])
def test_deep_nesting_is_survived(name: str, unit: str) -> None:
    part_of((unit + "\n") * 20_000, name)
    part_of(unit * 100_000, name)


def test_a_data_file_of_many_keys_keeps_a_short_outline() -> None:
    part = part_of("{" + ",\n".join(f'"k{number}": {{"a": 1}}' for number in range(900)) + "}", "a.json")
    assert len(part.sections) == 900 and "leaves out nested keys" in part.warnings[0]
    part = part_of("{" + ",\n".join(f'"k{number}": 1' for number in range(3_000)) + "}", "a.json")
    assert len(part.sections) == 1_000 and "all but the first 1,000 of 3,000" in part.warnings[0]


def test_the_way_without_outline_gives_the_same_text() -> None:
    data = OUTLINES[0].read_bytes()
    plain = read_plain(data, OUTLINES[0].name, REQUEST)
    plain.check()
    assert plain.text == part_of(data, OUTLINES[0].name).text
    assert not plain.outlined and not plain.sections


def test_nothing_to_read_and_too_much_are_errors() -> None:
    with pytest.raises(EmptyFileError, match=r"^a\.py holds nothing but white space"):
        read(b" \n\t\n", "a.py", REQUEST)
    with pytest.raises(LimitError, match=r"^a\.py has 7 characters, the limit is 5"):
        read(b"x = 12\n", "a.py", Request(max_chars=5, max_pages=1))


@pytest.mark.parametrize(
    ("name", "source", "imports"),
    [
        ("a.py", "from . import a, b as c\nfrom ..x.y import z\nfrom os import *\nimport p.q as r, s\n",
         [".a", ".b", "..x.y.z", "os", "p.q", "s"]),
        ("a.js", "const a = require('./a'); other('./b'); import('./c'); export * from './d'", ["./a", "./c", "./d"]),
        ("a.rs", "use a::{b::{self, c}, d as e, f::*};\nmod g;\nmod h {}\n",
         ["a::b", "a::b::c", "a::d", "a::f::*", "self::g"]),
        ("a.php", "<?php use A\\{B, C as D}; use function E\\f; include($x);", ["A\\B", "A\\C", "E\\f"]),
        ("a.sh", "source ${HERE}/a.sh\n. \"$x\"\necho . b\n", ["./a.sh"]),
        ("a.rs", "use " + "a::{" * 10_000, []),
    ],
)  # fmt: skip
def test_imports_are_names_as_written(name: str, source: str, imports: list[str]) -> None:
    assert part_of(source, name).imports == imports
