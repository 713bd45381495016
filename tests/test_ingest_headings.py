"""Lines that only look like headers, and headers of other kinds than numbers."""

from __future__ import annotations

import pytest

from ingest.structure.headings import find_sections
from ingest.structure.lines import split_pages
from tests.ingest_heading_cases import FILLER, clauses, outline, sections

WORDS = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon")


REFERENCES = [
    "10.2 of this Agreement and the rights of the buyer remain as they are in all cases and for ever.",
    "Section 4.2(b) shall apply to the price of the goods as if they had been delivered in time, and",
    "Section 2.2 shall not be affected by this.",
    "Article 3 hereof, unless the parties agree otherwise.",
    "2.2, 2.3 and 2.4 do not apply.",
    "(b) of this Section, the seller pays.",
    "3. of the Schedule, as amended.",
    "12. September 2019.",
    "Exhibit A shall be amended from time to time.",
    "Schedule 2 attached hereto.",
    "Part of the goods is sold.",
    "Title to the goods passes.",
]


@pytest.mark.parametrize("wrapped", REFERENCES)
def test_a_wrapped_reference_is_no_header(wrapped: str) -> None:
    before = "2.1 Terms. The buyer pays the price in full, and without any deduction, as laid down in clause"
    text = f"1. Sale\n{FILLER}\n2. Price\n{before}\n{wrapped}\n3. Law\n{FILLER}\n"
    assert outline(text) == [(1, "1. Sale"), (1, "2. Price"), (2, "2.1 Terms"), (1, "3. Law")]


def test_the_next_number_in_a_wrapped_reference_is_no_header() -> None:
    text = (
        "4. Payment\n4.1 Price. The buyer pays the price when it is due, in full, and as provided in\n"
        "4.2 The seller may ask for interest and costs on top of that price if the buyer is late with it.\n"
        "4.2 Interest. The rate is five per cent.\n5. Law\n" + FILLER
    )
    assert outline(text) == [(1, "4. Payment"), (2, "4.1 Price"), (2, "4.2 Interest"), (1, "5. Law")]
    assert "4.2 Interest." in [text[s.start : s.start + 13] for s in sections(text)]


def test_a_jump_ahead_is_a_reference_when_the_missing_number_still_comes() -> None:
    text = clauses("1. Sale", "3. Law", "2. Price", "3. Law")
    found = sections(text)
    assert [s.title for s in found] == ["1. Sale", "2. Price", "3. Law"]
    assert found[2].start == text.rindex("3. Law")


def test_small_gaps_are_bridged() -> None:
    text = clauses("1. Sale", "2. Price", "4. Law", "4.1 Courts", "4.3 Costs")
    assert [title for _, title in outline(text)] == [
        "1. Sale",
        "2. Price",
        "4. Law",
        "4.1 Courts",
        "4.3 Costs",
    ]


@pytest.mark.parametrize(
    "contents",
    [
        "1. Sale ........ 2\n2. Price ....... 3\n3. Law ......... 9\n",
        "1. Sale . . . . . 2\n2. Price . . . . . 3\n3. Law . . . . . 9\n",
        "1. Sale 2\n2. Price 3\n3. Law 9\n",
        "1. Sale\n2. Price\n3. Law\n",
    ],
    ids=["leaders", "spaced leaders", "page numbers", "titles alone"],
)
def test_a_table_of_contents_holds_no_headers(contents: str) -> None:
    text = "TABLE OF CONTENTS\n" + contents + clauses("1. Sale", "2. Price", "3. Law")
    found = [s for s in sections(text) if s.title != "TABLE OF CONTENTS"]
    assert [s.title for s in found] == ["1. Sale", "2. Price", "3. Law"]
    assert found[0].start >= len("TABLE OF CONTENTS\n" + contents)


def test_running_headers_footers_and_page_numbers_are_no_headers() -> None:
    pages = [
        f"ACME CONFIDENTIAL\n{number}. Clause {word}\n{word} {FILLER}\n{number}\nSource: ACME {number}\n"
        for number, word in enumerate(WORDS, start=1)
    ]
    bounds, text = [], ""
    for page in pages:
        bounds.append((len(text), len(text) + len(page)))
        text += page
    found = find_sections(split_pages(text, bounds), len(text))
    assert [s.title for s in found] == [f"{number}. Clause {word}" for number, word in enumerate(WORDS, start=1)]


@pytest.mark.parametrize(
    "line",
    [
        "[ * * * ]",
        "ACME INC.",
        "BY AND BETWEEN",
        "THE SELLER SHALL NOT BE LIABLE FOR ANY LOSS OR DAMAGE THAT ARISES FROM THE USE OF THE GOODS.",
    ],
)
def test_not_every_line_in_capitals_is_a_header(line: str) -> None:
    text = f"{clauses('1. Sale')}{line}\nBy: ______\n{clauses('2. Law')}"
    assert outline(text) == [(1, "1. Sale"), (1, "2. Law")]


def test_a_clause_in_capitals_is_no_header_but_its_title_is() -> None:
    text = (
        "1. Sale\n" + FILLER + "\n2. Warranty\n" + FILLER + "\n"
        "THERE IS NO WARRANTY FOR THE GOODS TO THE EXTENT PERMITTED BY\nAPPLICABLE LAW. EXCEPT WHEN SO "
        "STATED THE SELLER PROVIDES\nTHEM AS THEY ARE.\n"
        "LIMITATION OF LIABILITY\nIN NO EVENT SHALL THE SELLER BE LIABLE FOR ANY LOSS OF THE\nBUYER.\n"
    )
    assert [title for _, title in outline(text)] == ["1. Sale", "2. Warranty", "LIMITATION OF LIABILITY"]
    numbered = "1. THE GOODS ARE PROVIDED AS IS AND WITHOUT ANY EXPRESS OR\nIMPLIED WARRANTY. NONE IS GIVEN.\n"
    assert outline(numbered) == [(1, "1. THE GOODS ARE PROVIDED AS IS")]


def test_an_item_alone_is_no_list() -> None:
    text = "1. Steps\nWe protect you with two steps:\n(1) assert copyright, and (2) offer this licence.\n"
    assert outline(text) == [(1, "1. Steps")]


def test_numbers_in_prose_are_no_headers() -> None:
    text = "It cost\n2.5 million dollars, of which\n1. May 2019 saw half.\n21925 W. Field\n(608) 555\n1/12\n"
    assert outline(text) == []


def test_signatures_and_whereas_are_named_by_their_first_words() -> None:
    text = "WHEREAS, the seller makes steel;\n1. Sale\n" + FILLER + "\nIN WITNESS WHEREOF, the parties have signed.\n"
    assert outline(text) == [(1, "WHEREAS"), (1, "1. Sale"), (1, "IN WITNESS WHEREOF")]
    assert {s.kind for s in sections(text)} == {"recitals", "section", "signatures"}


def test_markdown_headers_nest_and_code_holds_none() -> None:
    text = (
        "# Guide\n\ntext\n\n## Install ##\n\n```sh\n# a comment\n```\n\n    # indented code\n\n"
        "1. first\n2. second\n\nUsage\n-----\n\n### **Flags**\n\n#hashtag\n\nOther\n=====\n\n- item\n---\n"
    )
    assert outline(text, markdown=True) == [
        (1, "Guide"),
        (2, "Install"),
        (2, "Usage"),
        (3, "Flags"),
        (1, "Other"),
    ]


def test_markdown_contract_keeps_its_dotted_clauses() -> None:
    text = "# Lease\n\n## 1. Rent\n\n1.1 Amount. Ten dollars.\n\n1.2 Date. In May.\n\n## 2. Term\n\nOne year.\n"
    assert outline(text, markdown=True) == [
        (1, "Lease"),
        (2, "1. Rent"),
        (3, "1.1 Amount"),
        (3, "1.2 Date"),
        (2, "2. Term"),
    ]


def test_titles_are_one_line_and_short() -> None:
    text = "1. " + "Very " * 80 + "LONG\n2. Short\n" + FILLER
    assert all(len(s.title) <= 120 and "\n" not in s.title for s in sections(text))


def test_a_long_document_is_read_in_linear_time() -> None:
    import time

    text = "".join(clauses(f"{n}. Clause Number {n}", f"{n}.1 Terms", f"{n}.2 Costs") for n in range(1, 190)) * 4
    begun = time.perf_counter()
    assert len(sections(text)) >= 189 * 3
    assert time.perf_counter() - begun < 5
