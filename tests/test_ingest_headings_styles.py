"""Numbering styles as contracts use them, each with the outline that it must give."""

from __future__ import annotations

import pytest

from tests.ingest_heading_cases import FILLER, clauses, outline

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
