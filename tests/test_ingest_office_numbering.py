"""Numbers of clauses stand in the text as Word shows them."""

from __future__ import annotations

import pytest

from ingest.office.docx import read
from ingest.office.numerals import numeral
from tests.ingest_office_cases import REQUEST, STYLES, abstract, level, lines, num, para, word

CLAUSES = abstract(
    1, level(0, "decimal", "%1."), level(1, "decimal", "%1.%2"), level(2, "lowerLetter", "(%3)"),
    level(3, "lowerRoman", "(%4)"),
)  # fmt: skip


def shown(body: str, numbering: str, styles: str = STYLES) -> list[str]:
    return lines(read(word(body, numbering=numbering, styles=styles), "a.docx", REQUEST))


def walked(places: list[int], numbering: str, key: int = 1) -> list[str]:
    return [line.split(" x")[0] for line in shown("".join(para("x", num=(key, each)) for each in places), numbering)]


def test_levels_count_and_start_again() -> None:
    numbers = walked([0, 1, 1, 2, 2, 3, 3, 2, 1, 2, 0, 1, 2], CLAUSES + num(1, 1))
    assert numbers == ["1.", "1.1", "1.2", "(a)", "(b)", "(i)", "(ii)", "(c)", "1.3", "(a)", "2.", "2.1", "(a)"]


def test_a_level_without_one_above_shows_its_start() -> None:
    assert walked([1, 1, 0], CLAUSES + num(1, 1)) == ["1.1", "1.2", "2."]


def test_lists_of_one_definition_count_on_and_an_override_restarts() -> None:
    override = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
    numbering = CLAUSES + num(1, 1) + num(2, 1) + num(3, 1, override)
    body = "".join(para("x", num=(key, 0)) for key in (1, 1, 2, 3, 3, 1))
    assert [line[:2] for line in shown(body, numbering)] == ["1.", "2.", "3.", "1.", "2.", "3."]


def test_restart_never_and_restart_after_a_higher_level() -> None:
    never = abstract(
        1, level(0, "decimal", "%1."), level(1, "decimal", "%2)", more='<w:lvlRestart w:val="0"/>'),
        level(2, "decimal", "[%3]", more='<w:lvlRestart w:val="1"/>'),
    )  # fmt: skip
    assert walked([0, 1, 2, 1, 2, 0, 1, 2], never + num(1, 1)) == ["1.", "1)", "[1]", "2)", "[2]", "2.", "3)", "[1]"]


def test_legal_numbering_turns_roman_articles_to_decimal() -> None:
    legal = abstract(1, level(0, "upperRoman", "Article %1"), level(1, "decimal", "%1.%2", more="<w:isLgl/>"))
    assert walked([0, 0, 1, 1], legal + num(1, 1)) == ["Article I", "Article II", "2.1", "2.2"]


def test_a_level_override_replaces_form_and_start() -> None:
    override = f'<w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)", start=3)}</w:lvlOverride>'
    assert walked([0, 0], CLAUSES + num(1, 1, override)) == ["C)", "D)"]


def test_styles_carry_numbers_and_are_tied_to_levels() -> None:
    numbered = STYLES.replace(
        '<w:outlineLvl w:val="0"/>', '<w:outlineLvl w:val="0"/><w:numPr><w:numId w:val="1"/></w:numPr>'
    )
    tied = abstract(
        1, level(0, "decimal", "%1.", more='<w:pStyle w:val="H1"/>'),
        level(1, "decimal", "%1.%2", more='<w:pStyle w:val="H2"/>'),
    )  # fmt: skip
    body = para("Payment", style="H1") + para("Price", style="H2") + para("Due", style="H2") + para("Term", style="H1")
    assert shown(body, tied + num(1, 1), numbered) == ["1. Payment", "1.1 Price", "1.2 Due", "2. Term"]


def test_a_numbering_style_leads_to_the_list_that_holds_the_levels() -> None:
    linked = abstract(1, more='<w:numStyleLink w:val="Legal"/>') + abstract(
        2, level(0, "decimalZero", "No. %1"), more='<w:styleLink w:val="Legal"/>'
    )
    assert walked([0, 0], linked + num(1, 1)) == ["No. 01", "No. 02"]


def test_number_zero_takes_a_paragraph_out_of_its_list() -> None:
    assert shown(para("plain", num=(0, 0)), CLAUSES + num(1, 1)) == ["plain"]


def test_bullets_and_unknown_forms() -> None:
    numbering = abstract(1, level(0, "bullet", "\uf0b7"), level(1, "taiwaneseDigital", "%2,")) + num(1, 1)
    part = read(word(para("x", num=(1, 0)) + para("y", num=(1, 1)), numbering=numbering), "a.docx", REQUEST)
    assert lines(part) == ["• x", "1, y"]
    assert any("taiwaneseDigital" in warning for warning in part.warnings)


def test_clause_numbers_become_sections_below_headings() -> None:
    body = (
        para("Definitions", style="H1", num=(1, 0)) + para("Payment", style="H1", num=(1, 0))
        + para("Price. The Buyer pays.", num=(1, 1)) + para("on delivery;", num=(1, 2)) + para("in full.", num=(1, 2))
        + para("Term", style="H1", num=(1, 0))
    )  # fmt: skip
    part = read(word(body, numbering=CLAUSES + num(1, 1)), "a.docx", REQUEST)
    assert [(each.level, each.title) for each in part.sections] == [
        (1, "1. Definitions"), (1, "2. Payment"), (2, "2.1 Price"), (3, "(a) on delivery"), (3, "(b) in full"),
        (1, "3. Term"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "number", "text"),
    [
        ("lowerLetter", 27, "aa"), ("upperLetter", 53, "AAA"), ("upperRoman", 1994, "MCMXCIV"), ("ordinal", 112, "112th"),
        ("ordinal", 22, "22nd"), ("cardinalText", 121, "One hundred twenty-one"), ("ordinalText", 20, "Twentieth"),
        ("ordinalText", 32, "Thirty-second"), ("none", 4, ""), ("chicago", 6, "††"), ("decimalEnclosedCircle", 2, "②"),
        ("upperRoman", 5000, "5000"), ("lowerLetter", 0, "0"),
    ],
)  # fmt: skip
def test_numerals(form: str, number: int, text: str) -> None:
    assert numeral(number, form) == (text, True)
