"""Spreadsheets: each sheet a section, each row a line, values as Excel shows them; what is hidden or lost is told."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment

from ingest.document import BrokenFileError, EmptyFileError, IngestError, LimitError
from ingest.office import cells, xlsx
from ingest.part import Part, Request
from tests.ingest_office_cases import REQUEST, excel_parts, lines, zipped


def rows(*given: str) -> str:
    """The rows of a sheet; each is given by its cells."""
    return (
        "<sheetData>" + "".join(f'<row r="{at}">{cells_}</row>' for at, cells_ in enumerate(given, 1)) + "</sheetData>"
    )


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def read(sheets: dict[str, str], **parts: str) -> Part:
    part = xlsx.read(zipped(excel_parts(sheets, **parts)), "a.xlsx", REQUEST)
    part.check()
    return part


def saved(book: openpyxl.Workbook) -> Part:
    """What a workbook of openpyxl's holds for us."""
    out = io.BytesIO()
    book.save(out)
    part = xlsx.read(out.getvalue(), "a.xlsx", REQUEST)
    part.check()
    return part


def test_sheets_are_sections_and_rows_are_lines() -> None:
    part = read({"Fees": rows(text("a") + text("b"), text("c")), "Terms": rows(text("d"))})
    assert part.text == "Fees\na | b\nc\nTerms\nd\n" or lines(part) == ["Fees", "a | b", "c", "Terms", "d"]
    assert [(each.kind, each.level, each.title) for each in part.sections] == [
        ("sheet", 1, "Fees"),
        ("sheet", 1, "Terms"),
    ]
    assert part.text[part.sections[1].start :].startswith("Terms")


def test_a_line_names_its_row() -> None:
    sheet = '<sheetData><row r="3"><c r="A3"><v>1</v></c></row><row r="90"><c r="A90"><v>2</v></c></row></sheetData>'
    part = read({"S": sheet})
    at = {part.text[span.start : span.end].strip(): span.line for span in part.spans}
    assert at == {"S": None, "1": 3, "2": 90}


def test_a_real_workbook() -> None:
    """As written by openpyxl: shared strings, styles, merged cells, dates and numbers."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Rent"
    sheet.append(["Tenant", "From", "Rent", "Share"])
    sheet.append(["Ann & Lee", None, 1234.5, 0.075])
    sheet["B2"].value, sheet["B2"].number_format = 45_292, "yyyy-mm-dd"
    sheet["C2"].number_format, sheet["D2"].number_format = '#,##0.00 "EUR"', "0.0%"
    sheet["A3"].value = "two\nlines"
    sheet.merge_cells("A4:C4")
    sheet["A4"].value = True
    sheet["A2"].comment = Comment("ask her", "Bob")
    part = saved(book)
    assert lines(part) == [
        "Rent",
        "Tenant | From | Rent | Share",
        "Ann & Lee [comment by Bob: ask her] | 2024-01-01 | 1,234.50 EUR | 7.5%",
        "two / lines",
        "TRUE",
    ]
    assert part.warnings == ["a.xlsx: comments, shown in the text as [comment by …]: 1"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c t="s"><v>1</v></c>', "second"),
        ('<c t="s"><v>2</v></c>', "rich text"),
        ('<c t="s"><v>99</v></c>', "[missing text]"),
        ('<c t="s"><v>-1</v></c>', "[missing text]"),
        ('<c t="b"><v>1</v></c>', "TRUE"),
        ('<c t="b"><v>0</v></c>', "FALSE"),
        ('<c t="e"><v>#REF!</v></c>', "#REF!"),
        ('<c t="str"><f>A1&amp;"x"</f><v>computed</v></c>', "computed"),
        ('<c><f>SUM(A1:A9)</f><v>45</v></c>', "45"),
        ("<c><f>SUM(A1:A9)</f></c>", "=SUM(A1:A9)"),
        ('<c t="str"><f>""</f><v></v></c>', ""),
        ("<c><v>0.30000000000000004</v></c>", "0.3"),
        ("<c><v>1e15</v></c>", "1e+15"),
        ("<c><v>nonsense</v></c>", "nonsense"),
        ("<c><v>inf</v></c>", "inf"),
        ('<c t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r><rPh><t>reading</t></rPh></is></c>', "ab"),
        ("<c/>", ""),
    ],
)  # fmt: skip
def test_values(cell: str, shown: str) -> None:
    strings = "<si><t>first</t></si><si><t>second</t></si><si><r><t>rich </t></r><r><t>text</t></r></si>"
    assert lines(read({"S": rows(text("x") + cell + text("y"))}, strings=strings)) == ["S", f"x | {shown} | y"]


@pytest.mark.parametrize(
    ("value", "pattern", "shown"),
    [
        ("1234.5", "General", "1234.5"),
        ("1234.5", "#,##0.00", "1,234.50"),
        ("-1234.5", "#,##0;(#,##0)", "(1,235)"),
        ("0", '0;-0;"none"', "0"),
        ("0.5", "0%", "50%"),
        ("7", "000", "007"),
        ("1500000", '0.0,,"M"', "1.5M"),
        ("45292.75", "yyyy-mm-dd hh:mm", "2024-01-01 18:00"),
        ("0.5", "hh:mm", "12:00"),
        ("1.5", "[h]:mm:ss", "36:00:00"),
        ("60", "yyyy-mm-dd", "1900-02-28"),
        ("5", "[$€-407] 0.00", "€ 5.00"),
        ("0.25", "# ?/?", "0.25"),
        ("12345", "0.00E+00", "12345"),
        ("1e300", "yyyy-mm-dd", "1e+300"),
        ("nan", "0.00", "nan"),
        ("9", ";;;", "9"),
        ("9", "0" * 300, None),
    ],
)
def test_number_formats(value: str, pattern: str, shown: str | None) -> None:
    found = cells.shown(value, pattern)
    assert found == shown if shown is not None else found


def test_dates_of_old_macs() -> None:
    assert cells.shown("43830", "yyyy-mm-dd", mac_dates=True) == "2024-01-01"


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.floats().map(repr), st.text(max_size=8)), st.text('0#?.,%;"\\[]$€ ymdhs@*_/E-a', max_size=12))
def test_any_number_in_any_format_is_shown(value: str, pattern: str) -> None:
    assert isinstance(cells.shown(value, pattern), str)


def test_hidden_sheets_rows_and_columns_are_read_and_told() -> None:
    sheet = '<cols><col min="2" max="3" hidden="1"/></cols><sheetData><row r="1" hidden="1"><c><v>1</v></c></row></sheetData>'
    part = read({"Open": sheet, "!Secret": rows(text("kept"))})
    assert lines(part) == ["Open", "1", "Secret", "kept"]
    assert part.warnings == [
        "a.xlsx: the sheet 'Secret' is hidden; it was read like the others",
        "a.xlsx: hidden columns, read like the others: 2",
        "a.xlsx: hidden rows, read like the others: 1",
    ]


def test_a_cell_far_to_the_right_is_named_and_not_counted_out() -> None:
    part = read({"S": '<sheetData><row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c></row></sheetData>'})
    assert lines(part) == ["S", "1 | [XFD] 2"]


def test_a_gap_of_empty_cells_keeps_the_columns() -> None:
    part = read({"S": '<sheetData><row r="1"><c r="B1"><v>1</v></c><c r="E1"><v>2</v></c></row></sheetData>'})
    assert [line.split(" | ") for line in lines(part)] == [["S"], ["", "1", "", "", "2"]]


@pytest.mark.parametrize("place", ["", "A0", "ZZZZ9", "A99999999", "7", "a1", "A1:B2"])
def test_a_cell_without_a_valid_place_is_read(place: str) -> None:
    part = read({"S": f'<sheetData><row r="1"><c r="{place}"><v>41</v></c></row></sheetData>'})
    assert "41" in part.text


def test_comments_on_empty_rows_are_not_lost() -> None:
    comments = (
        '<authors><author>Bob</author></authors><commentList><comment ref="C7" authorId="0"><text><t>why?</t></text>'
        '</comment><comment ref="A1" authorId="5"><text><t>here</t></text></comment></commentList>'
    )
    part = read({"S": rows(text("x"))}, comments=comments)
    assert lines(part) == ["S", "x [comment by an unnamed author: here]", "C7: [comment by Bob: why?]"]


def test_running_headers_are_kept_out_of_the_text() -> None:
    footer = '<headerFooter><oddHeader>&amp;L&amp;"Arial"&amp;12Draft</oddHeader><oddFooter>&amp;P</oddFooter></headerFooter>'
    part = read({"S": rows(text("x")) + footer})
    assert lines(part) == ["S", "x"]
    assert [(each.kind, each.text) for each in part.artifacts] == [("header", "Draft")]


def test_uncomputed_formulas_and_macros_are_told() -> None:
    parts = excel_parts({"S": rows("<c><f>A2</f></c>")}) | {"xl/vbaProject.bin": "x"}
    part = xlsx.read(zipped(parts), "a.xlsm", REQUEST)
    assert part.warnings == [
        "a.xlsm: its macros were neither read nor run",
        "a.xlsm: formulas without a computed value, shown as written: 1",
    ]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (zipped({"a.txt": "words"}), BrokenFileError),
        (b"PK\x03\x04 and no more", BrokenFileError),
        (zipped(excel_parts({"S": "<sheetData><row"})), BrokenFileError),
        (zipped(excel_parts({"S": "<sheetData/>"})), EmptyFileError),
        (zipped({key: value for key, value in excel_parts({"S": rows(text("x"))}).items() if "sheet1" not in key}),
         BrokenFileError),
    ],
    ids=["no workbook", "half a zip", "damaged sheet", "no cells", "no sheet"],
)  # fmt: skip
def test_what_cannot_be_read_says_so(data: bytes, error: type[IngestError]) -> None:
    try:
        part = xlsx.read(data, "a.xlsx", REQUEST)
    except IngestError as caught:
        assert isinstance(caught, error) and str(caught).startswith("a.xlsx ") and str(caught).endswith(".")
    else:
        assert error is EmptyFileError and part.text.strip() == "S", part.text


def test_entities_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    parts = excel_parts({"S": rows(text("x &a;"))})
    evil = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{tmp_path}/secret">]>'
    for name in ("xl/worksheets/sheet1.xml", "xl/workbook.xml"):
        try:
            found = xlsx.read(zipped(parts | {name: evil + parts[name]}), "a.xlsx", REQUEST).text
        except IngestError as error:
            found = str(error)
        assert "the secret" not in found


def test_a_billion_laughs_end_in_one_sentence() -> None:
    parts = excel_parts({"S": rows(text("&a9;"))})
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    name = "xl/worksheets/sheet1.xml"
    data = zipped(parts | {name: f'<!DOCTYPE x [<!ENTITY a0 "lol">{laughs}]>' + parts[name]})
    try:
        assert len(xlsx.read(data, "a.xlsx", REQUEST).text) < 100
    except IngestError as error:
        assert str(error).startswith("a.xlsx ")


def test_a_million_rows_that_are_not_there_cost_nothing() -> None:
    part = read({"S": '<sheetData><row r="1"><c><v>1</v></c></row><row r="1048576"><c><v>2</v></c></row></sheetData>'})
    assert lines(part) == ["S", "1", "2"] and len(part.text) < 20


def test_more_text_than_allowed_is_refused() -> None:
    with pytest.raises(LimitError, match=r"^a\.xlsx .*1,000 characters"):
        xlsx.read(zipped(excel_parts({"S": rows(*[text("w" * 100)] * 11)})), "a.xlsx", Request(1_000, 1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4_000), st.binary(min_size=1, max_size=6))
def test_damage_anywhere_ends_in_a_part_or_one_sentence(at: int, noise: bytes) -> None:
    strings = "<si><t>first</t></si>"
    whole = bytearray(zipped(excel_parts({"S": rows(text("a"), '<c t="s"><v>0</v></c>')}, strings=strings)))
    at %= len(whole)
    whole[at : at + len(noise)] = noise
    try:
        xlsx.read(bytes(whole), "a.xlsx", REQUEST).check()
    except IngestError as error:
        assert str(error).startswith("a.xlsx ") and "\n" not in str(error)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_any_words_in_the_xml_of_a_sheet(inside: str) -> None:
    try:
        read({"S": f"<sheetData><row>{inside}</row></sheetData>"})
    except IngestError as error:
        assert str(error).startswith("a.xlsx ")
