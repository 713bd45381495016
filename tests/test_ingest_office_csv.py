"""Tables as text: the delimiter is found, every cell is kept in its column, and each line names its place in the file."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingest.document import EmptyFileError, IngestError, LimitError
from ingest.office import csv_table
from ingest.part import Part, Request
from tests.ingest_office_cases import REQUEST, lines


def read(text: str | bytes, name: str = "a.csv") -> Part:
    part = csv_table.read(text.encode() if isinstance(text, str) else text, name, REQUEST)
    part.check()
    return part


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    rows = [["Name", "City", "Sum"], ["Ann", "Rome", "1"], ["Bob", "Paris", "2"]]
    part = read("\n".join(delimiter.join(row) for row in rows))
    assert lines(part) == [" | ".join(row) for row in rows]
    assert [(each.kind, each.title) for each in part.sections] == [("table", "Name | City | Sum")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\n1,5;2,5\n3,5;4,5\n", ["a | b", "1,5 | 2,5", "3,5 | 4,5"]),
        ('a,b\n"x, y",2\n', ["a | b", "x, y | 2"]),
        ('a,b\n"say ""yes""",2\n', ["a | b", 'say "yes" | 2']),
        ('a,b\n"two\nlines",2\n', ["a | b", "two / lines | 2"]),
        ("sep=;\na;b\n1;2\n", ["a | b", "1 | 2"]),
        ("sep=:\na:b\n1:2\n", ["a | b", "1 | 2"]),
        ("a,b,,\n1,2,,\n", ["a | b", "1 | 2"]),
        ("a,b\n,2\n", ["a | b", " | 2"]),
        ("one\ntwo\n", ["one", "two"]),
        ("a, b\n 1 ,2\n", ["a | b", "1 | 2"]),
        ("a,b\r1,2\r", ["a | b", "1 | 2"]),
        ("a,b\r\n1,2\r\n", ["a | b", "1 | 2"]),
        ("a,b\n1\n1,2,3\n", ["a | b", "1", "1 | 2 | 3"]),
    ],
)
def test_rows(text: str, expected: list[str]) -> None:
    assert lines(read(text)) == expected


def test_a_tab_file_may_have_commas() -> None:
    assert lines(read("a,x\tb,y\n1,2\t3,4\n", "a.tsv")) == ["a,x | b,y", "1,2 | 3,4"]


def test_lines_are_those_of_the_file() -> None:
    part = read('a,b\n\n"x\ny\nz",1\n2,3\n')
    place = {
        line: span.line for span in part.spans for line in [part.text[span.start : span.end].strip().split("\n")[0]]
    }
    at = part.text.index("2 | 3")
    span = next(span for span in part.spans if span.start <= at < span.end)
    assert span.line is not None
    assert span.line + part.text.count("\n", span.start, at) == 6, place


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_spreadsheets(encoding: str) -> None:
    part = read("Größe;Preis\nklein;5 €\n".encode(encoding))
    assert lines(part) == ["Größe | Preis", "klein | 5 €"]


def test_a_quote_that_is_never_closed_swallows_nothing() -> None:
    part = read('a,b\n"open,1\n2,3\n' + "4,5\n" * 50)
    assert lines(part)[:3] == ["a | b", '"open | 1', "2 | 3"] and len(lines(part)) == 53
    assert part.warnings == [f"a.csv: {csv_table.OPEN_QUOTE}"]


def test_a_quote_of_a_thousand_lines_is_none() -> None:
    part = read('a,b\n"' + "x,1\n" * 3_000 + '",2\n')
    assert len(lines(part)) == 3_002 and part.warnings == [f"a.csv: {csv_table.OPEN_QUOTE}"]


@pytest.mark.parametrize("text", ["", "\n\n", ",,,\n,,\n", " ; \n"])
def test_no_cell_is_an_empty_file(text: str) -> None:
    with pytest.raises(EmptyFileError, match=r"^a\.csv "):
        read(text)


def test_more_text_than_allowed_is_refused() -> None:
    with pytest.raises(LimitError, match=r"^a\.csv .*1,000 characters"):
        csv_table.read(b"word,word\n" * 200, "a.csv", Request(1_000, 1))


def test_a_cell_may_be_long_but_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(read("a," + "w" * 1_000_000).text) > 1_000_000
    monkeypatch.setattr(csv_table, "MAX_FIELD", 300_000)
    with pytest.raises(LimitError, match=r"^a\.csv has a cell of more than 300,000 characters"):
        read("a," + "w" * 300_001)
    assert csv.field_size_limit() != 300_000, "the limit of the whole process is given back"


def test_many_columns_and_many_rows() -> None:
    assert lines(read(",".join(map(str, range(20_000))))) == [" | ".join(map(str, range(20_000)))]
    part = read("a,b\n" + "1,2\n" * 100_000)
    assert part.text.count("\n") == 100_001 and len(part.spans) == 1


def test_formulas_are_text() -> None:
    assert lines(read("a,b\n=cmd|'/c calc'!A0,@SUM(1)\n"))[1].startswith("=cmd")


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=2, max_size=8), st.sampled_from(",;\t|"))
def test_what_a_writer_of_csv_wrote_is_read_back(rows: list[list[str]], delimiter: str) -> None:
    assume(not any(set(cell) & set(',;\t|"\u037e') or "sep=" in cell for row in rows for cell in row))
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    assert [line.split(" | ") for line in lines(read(out.getvalue()))] == rows


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t\r"), max_size=80),
    st.sampled_from(["a.csv", "a.tsv"]),
)
def test_no_character_is_lost_whatever_stands_there(text: str, name: str) -> None:
    try:
        part = read(text.encode("utf-8", "replace"), name)
    except IngestError as error:
        assert str(error).startswith(name)
        return
    marks = set(',;\t|"/ ')
    kept = {char for char in part.text if char.isalnum()}
    said = text.split("\n", 1)[1] if text[:4].lower() == "sep=" and "\n" in text else text
    assert {
        char for char in said.encode("utf-8", "replace").decode() if char.isalnum() and char not in marks
    } <= kept | set("sepSEP=")
