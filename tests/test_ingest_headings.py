"""Which lines are headers: numbering styles as contracts use them, and lines that only look like headers."""

from __future__ import annotations

import pytest

from ingest.document import Section
from ingest.structure.headings import find_sections
from ingest.structure.lines import split_pages

FILLER = "The parties have agreed on this clause after long negotiations and in good faith, each for its own part."

WORDS = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon")


def sections(text: str, *, markdown: bool = False) -> list[Section]:
    return find_sections(split_pages(text, [(0, len(text))]), len(text), markdown=markdown)


def outline(text: str, *, markdown: bool = False) -> list[tuple[int, str]]:
    return [(section.level, section.title) for section in sections(text, markdown=markdown)]


def clauses(*headers: str) -> str:
    return "".join(f"{header}\n{FILLER}\n" for header in headers)


STYLES = {
    "roman articles with sections": (
        clauses("ARTICLE I\nDEFINITIONS", "Section 1.1 Terms.", "Section 1.2 Usage.", "ARTICLE II\nSALE")
        + clauses("Section 2.1 Price."),
        [
            (1, "ARTICLE I DEFINITIONS"),
            (2, "Section 1.1 Terms"),
            (2, "Section 1.2 Usage"),
            (1, "ARTICLE II SALE"),
            (2, "Section 2.1 Price"),
        ],
    ),
    "articles in words": (
        clauses("Article One — Definitions", "Article Two — Lease", "Article Three — Rent"),
        [(1, "Article One — Definitions"), (1, "Article Two — Lease"), (1, "Article Three — Rent")],
    ),
    "indenture numbers": (
        clauses("ARTICLE ONE\nDEFINITIONS", "Section 101. Definitions.", "Section 102. Compliance.")
        + clauses("ARTICLE TWO\nTHE NOTES", "Section 201. Forms."),
        [
            (1, "ARTICLE ONE DEFINITIONS"),
            (2, "Section 101. Definitions"),
            (2, "Section 102. Compliance"),
            (1, "ARTICLE TWO THE NOTES"),
            (2, "Section 201. Forms"),
        ],
    ),
    "dotted decimals": (
        clauses(
            "1. Definitions",
            "1.1 General",
            "1.1.1 Words",
            "1.1.2 Numbers",
            "1.2 Law",
            "2. Supply",
            "2.1 Orders",
        ),
        [
            (1, "1. Definitions"),
            (2, "1.1 General"),
            (3, "1.1.1 Words"),
            (3, "1.1.2 Numbers"),
            (2, "1.2 Law"),
            (1, "2. Supply"),
            (2, "2.1 Orders"),
        ],
    ),
    "decimals without a dot": (
        clauses("1 DEFINITIONS", "1.1 Terms", "2 SUPPLY", "2.1 Orders", "3 TERM"),
        [(1, "1 DEFINITIONS"), (2, "1.1 Terms"), (1, "2 SUPPLY"), (2, "2.1 Orders"), (1, "3 TERM")],
    ),
    "zero-padded decimals": (
        clauses("ARTICLE 1 SCOPE", "1.01 Work. " + FILLER, "1.02 Site. " + FILLER, "ARTICLE 2 TIME")
        + clauses("2.01 Start. " + FILLER),
        [
            (1, "ARTICLE 1 SCOPE"),
            (2, "1.01 Work"),
            (2, "1.02 Site"),
            (1, "ARTICLE 2 TIME"),
            (2, "2.01 Start"),
        ],
    ),
    "paragraph signs": (
        clauses("§ 1 Gegenstand", "§ 2 Preise", "§ 3 Haftung"),
        [(1, "§ 1 Gegenstand"), (1, "§ 2 Preise"), (1, "§ 3 Haftung")],
    ),
    "outline of letters and numbers": (
        clauses("I. INTRODUCTION", "A. Background", "1. Facts", "2. Law", "B. Question", "II. ANALYSIS"),
        [
            (1, "I. INTRODUCTION"),
            (2, "A. Background"),
            (3, "1. Facts"),
            (3, "2. Law"),
            (2, "B. Question"),
            (1, "II. ANALYSIS"),
        ],
    ),
    "items four deep": (
        "1. Sale\nThe seller shall:\n(a) deliver the goods;\n(i) in time;\n(A) by ship; or\n"
        "(B) by rail; and\n(ii) in good order; and\n(b) insure them.\n2. Price\n" + FILLER,
        [
            (1, "1. Sale"),
            (2, "(a) deliver the goods"),
            (3, "(i) in time"),
            (4, "(A) by ship; or"),
            (4, "(B) by rail; and"),
            (3, "(ii) in good order; and"),
            (2, "(b) insure them"),
            (1, "2. Price"),
        ],
    ),
    "parts, chapters and sections": (
        clauses("PART I", "CHAPTER 1 General", "Section 1. Scope.", "Section 2. Terms.", "CHAPTER 2 Duties")
        + clauses("Section 3. Care.", "PART II", "CHAPTER 3 End"),
        [
            (1, "PART I"),
            (2, "CHAPTER 1 General"),
            (3, "Section 1. Scope"),
            (3, "Section 2. Terms"),
            (2, "CHAPTER 2 Duties"),
            (3, "Section 3. Care"),
            (1, "PART II"),
            (2, "CHAPTER 3 End"),
        ],
    ),
    "schedules restart the count": (
        clauses("1. Sale", "2. Price", "SCHEDULE 1\nTHE GOODS", "1. Steel", "2. Coal", "Exhibit B – Form of Note"),
        [
            (1, "1. Sale"),
            (1, "2. Price"),
            (1, "SCHEDULE 1 THE GOODS"),
            (2, "1. Steel"),
            (2, "2. Coal"),
            (1, "Exhibit B – Form of Note"),
        ],
    ),
    "capitals without numbers": (
        clauses("SUPPLY AGREEMENT", "RECITALS", "PAYMENT TERMS", "GOVERNING LAW"),
        [(1, "SUPPLY AGREEMENT"), (1, "RECITALS"), (1, "PAYMENT TERMS"), (1, "GOVERNING LAW")],
    ),
    "definitions": (
        "1. Definitions\n1.1 “Business Day” means any day on which banks are open.\n"
        '1.2 "Goods" or "Products" shall mean the things sold.\n1.3 “Net Sales” has the meaning given.\n',
        [
            (1, "1. Definitions"),
            (2, "1.1 “Business Day”"),
            (2, '1.2 "Goods" or "Products"'),
            (2, "1.3 “Net Sales”"),
        ],
    ),
    "run-in titles and bare clauses": (
        "11. TERM\n11.1 Term. The term begins today and ends one year later.\n11.2 Termination for Breach. "
        "The Agreement may be terminated.\n11.3 The buyer shall pay the price of the goods in ten days.\n",
        [
            (1, "11. TERM"),
            (2, "11.1 Term"),
            (2, "11.2 Termination for Breach"),
            (2, "11.3 The buyer shall pay the price"),
        ],
    ),
    "small letters with a dot": (
        "1. Fees\nThe fees are due:\na. monthly, in advance;\ni. by wire; or\nii. by check;\nb. in dollars.\n"
        + clauses("2. Term"),
        [
            (1, "1. Fees"),
            (2, "a. monthly, in advance"),
            (3, "i. by wire; or"),
            (3, "ii. by check"),
            (2, "b. in dollars"),
            (1, "2. Term"),
        ],
    ),
    "recitals by letter": (
        "RECITALS\nA. The seller makes steel.\nB. The buyer wants steel.\n"
        "1. The seller sells and the buyer buys.\n2. The price is one hundred.\n",
        [
            (1, "RECITALS"),
            (2, "A. The seller makes steel"),
            (2, "B. The buyer wants steel"),
            (1, "1. The seller sells and the buyer"),
            (1, "2. The price is one hundred"),
        ],
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_numbering_style(style: str) -> None:
    text, expected = STYLES[style]
    assert outline(text) == expected


def test_letter_i_after_h_and_roman_i_before_ii() -> None:
    letters = "".join(f"({letter}) the item {letter};\n" for letter in "abcdefghij")
    assert [level for level, _ in outline("1. Duties\n" + letters)] == [1] + [2] * 10
    romans = "1. Duties\n" + "".join(f"({letter}) the item {letter};\n" for letter in "abcdefgh")
    nested = outline(romans + "(i) first;\n(ii) second;\n(iii) third.\n(i) the ninth item;\n(j) the tenth.\n")
    assert nested[9:12] == [(3, "(i) first"), (3, "(ii) second"), (3, "(iii) third")]


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
