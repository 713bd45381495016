"""Markdown, reStructuredText and plain text: the text stands as written, sections are found in it, nothing is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.document import EmptyFileError, IngestError, LimitError
from ingest.part import Part, Request
from ingest.plain import markdown, prose, rst
from tests.ingest_history_cases import shown
from tests.ingest_office_cases import REQUEST

HERE = Path(__file__).parent
Reader = Callable[[bytes, str, Request], Part]


def read(reader: Reader, text: str | bytes, name: str = "a.txt") -> Part:
    part = reader(text.encode() if isinstance(text, str) else text, name, REQUEST)
    part.check()
    return part


def titles(part: Part) -> list[tuple[int, str]]:
    return [(each.level, each.title) for each in part.sections]


@pytest.mark.parametrize(
    ("file", "reader"), [("guide.md", markdown.read), ("guide.rst", rst.read), ("notes.txt", prose.read)]
)
def test_golden(file: str, reader: Reader) -> None:
    part = read(reader, (HERE / "fixtures/plain" / file).read_bytes(), file)
    assert shown(part) == (HERE / "golden/plain" / f"{file}.txt").read_text("utf-8")


@pytest.mark.parametrize("reader", [markdown.read, rst.read, prose.read])
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"one\r\ntwo\rthree", "one\ntwo\nthree\n"),
        ("é — “x”".encode("cp1252") + b" and more words here", "é — “x” and more words here\n"),
        ("word\n".encode("utf-16"), "word\n"),
        (b"tab\there\x00\x07", "tab\there\n"),
        (b"  indented\n\n\n\nfar  apart", "  indented\n\n\n\nfar  apart\n"),
    ],
)
def test_the_text_stands_as_written(reader: Reader, data: bytes, text: str) -> None:
    assert read(reader, data).text == text


@pytest.mark.parametrize("reader", [markdown.read, rst.read, prose.read])
def test_limits_and_emptiness(reader: Reader) -> None:
    with pytest.raises(EmptyFileError, match=r"^a\.txt "):
        reader(b" \n\t\n", "a.txt", REQUEST)
    with pytest.raises(LimitError, match=r"^a\.txt .*limit of 10 characters"):
        reader(b"eleven char", "a.txt", Request(10, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One\ntext\n## Two\ntext\n# Three\n", [(1, "One"), (2, "Two"), (1, "Three")]),
        ("One\n===\ntext\n\nTwo\n---\ntext\n", [(1, "One"), (2, "Two")]),
        ("# One #\n## *Two* `code`\n", None),
        ("---\ntitle: x\n# no header\n---\n# One\n", [(1, "One")]),
        ("+++\na = 1\n# no\n+++\n# One\n", [(1, "One")]),
        ("# One\n```\n# no header\n```\n# Two\n", [(1, "One"), (1, "Two")]),
        ("# One\n~~~~\n```\n# no\n~~~~\n# Two\n", [(1, "One"), (1, "Two")]),
        ("# One\n<!-- \n# no\n-->\n# Two\n", [(1, "One"), (1, "Two")]),
        ("# One\n<!-- never closed\n# no\n", [(1, "One")]),
        ("#hashtag\n\n# One\n", [(1, "One")]),
        ("# One\n    # code\n# Two\n", [(1, "One"), (1, "Two")]),
    ],
)
def test_markdown_headers(text: str, expected: list[tuple[int, str]] | None) -> None:
    part = read(markdown.read, text, "a.md")
    found = [(level, title) for level, title in titles(part)]
    if expected is None:
        assert [level for level, _ in found] == [1, 2] and "code" in found[1][1]
    else:
        assert found == expected
    assert part.text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One\n=====\n\ntext\n\nTwo\n---\n\ntext\n\nThree\n=====\n\ntext\n", [(1, "One"), (2, "Two"), (1, "Three")]),
        ("===\nTop\n===\n\nSub\n===\n\ntext\n", [(1, "Top"), (2, "Sub")]),
        ("One\n~~~\n\n::\n\n  Not one\n  =======\n\nTwo\n~~~\n\ntext\n", [(1, "One"), (1, "Two")]),
        ("One\n===\n\n.. Comment\n   ===\n\ntext\n\nTwo\n===\n\nx\n", [(1, "One"), (1, "Two")]),
    ],
)
def test_rst_sections(text: str, expected: list[tuple[int, str]]) -> None:
    part = read(rst.read, text, "a.rst")
    assert titles(part) == expected
    assert part.text == text
    for section in part.sections:
        assert section.title in part.text[section.start : section.header_end]


def test_rst_includes_and_runs_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret\n==========\n")
    text = (
        f"One\n===\n\n.. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n\n.. csv-table::\n"
        f"   :file: {secret}\n\n.. literalinclude:: {secret}\n\n.. code:: python\n\n   import os\n\nTwo\n===\n\nx\n"
    )
    part = read(rst.read, text, "a.rst")
    assert part.text == text and titles(part) == [(1, "One"), (1, "Two")]
    assert "the secret" not in part.text


def test_rst_loops_of_substitutions_end() -> None:
    text = "One\n===\n\n.. |a| replace:: |b|\n.. |b| replace:: |a|\n\n|a|\n\nTwo\n===\n\nx\n"
    assert titles(read(rst.read, text)) == [(1, "One"), (1, "Two")]


def test_rst_contents_of_contents_take_no_time_times_time() -> None:
    text = "One\n===\n\n.. contents::\n\nTwo\n---\n\n.. contents::\n\n" * 700
    part = read(rst.read, text)  # asking docutils for each of the 1,400 lists of 1,400 titles took minutes
    assert len(part.sections) == 1_400 and part.text == text


def test_rst_nested_past_any_stack_is_read_all_the_same() -> None:
    text = "1 Scope\n=======\n\n" + "".join("  " * n + "* x\n\n" for n in range(1_000)) + "\n2 Rules\n=======\n\nx\n"
    part = read(rst.read, text)
    assert part.text == text


def test_prose_is_cut_by_its_numbering() -> None:
    text = "1. Scope\n\nThis is it.\n\n2. Rules\n\nThese are.\n\n2.1 Rule one\n\nNo.\n\n3. End\n\nDone.\n"
    assert titles(read(prose.read, text)) == [(1, "1. Scope"), (1, "2. Rules"), (2, "2.1 Rule one"), (1, "3. End")]


def test_a_very_long_text_is_read_but_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prose, "MAX_CUT", 100)
    text = "1. Scope\n\nx\n\n2. Rules\n\ny\n" * 9
    part = read(prose.read, text)
    assert part.text == text and not part.sections
    assert part.warnings == [f"a.txt: {prose.NOT_CUT}"]


def test_a_line_of_a_million_words_is_one_line() -> None:
    part = read(prose.read, b"words " * 1_000_000)
    assert len(part.text) == 6_000_001 and len(part.spans) == 1


PIECES = st.sampled_from(
    ["# ", "## ", "===\n", "---\n", "```\n", "~~~\n", "<!--", "-->", "\n", "\n\n", ".. ", "::\n", "|", "`", "**",
     "1. ", "(a) ", "ARTICLE I\n", "Title\n", "  ", "\t", "+++\n", "* ", "[x]: y\n",
     ".. include:: /etc/passwd\n", "_", "é", "\x0c"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=40), st.sampled_from(["markdown", "rst", "prose"]))
def test_any_mixture_of_markup_is_kept_to_the_letter(pieces: list[str], kind: str) -> None:
    reader = {"markdown": markdown.read, "rst": rst.read, "prose": prose.read}[kind]
    data = "".join(pieces).encode("utf-8", "replace")
    try:
        part = read(reader, data)
    except IngestError as error:
        assert str(error).startswith("a.txt ")
        return
    assert "root:" not in part.text
    assert part.text == prose.plain_part(data, "a.txt", REQUEST, "text").text
