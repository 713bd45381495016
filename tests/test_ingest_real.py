"""The real contract, its section list made by reading it, and the real scan (both stay outside)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest import Document, Section, load
from ingest.document import BrokenFileError, NoTextError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CONTRACT = DATA / "eton-development-agreement.pdf"
SCAN = DATA / "scan-without-text.pdf"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real inputs are not there ({DATA})"),
]

# Written down from the contract itself: (level, how the header begins, page).
ARTICLES = [
    ("1. DEFINITIONS", 1), ("2. GRANT OF RIGHTS", 5), ("3. PRODUCT DEVELOPMENT AND REGISTRATION", 5),
    ("4. MANUFACTURE AND SUPPLY", 6), ("5. SALES, MARKETING AND DISTRIBUTION", 7),
    ("6. MILESTONES AND OTHER PAYMENTS", 7),
    ("7. PATENT PROSECUTION AND LITIGATION", 9), ("8. INSURANCE", 11),
    ("9. CONFIDENTIAL INFORMATION; PUBLICITY", 11),
    ("10. TRANSFER TAXES", 12), ("11. TERM AND TERMINATION", 13), ("12. REPRESENTATIONS AND WARRANTIES", 15),
    ("13. INDEMNIFICATION", 17), ("14. LIMITATION OF LIABILITY", 19), ("15. MISCELLANEOUS", 19),
]  # fmt: skip
DEFINED = (  # 1.1 to 1.40, with the page each begins on
    [("Affiliates", 1), ("ANDA Litigation", 1)]
    + [(term, 2) for term in (
        "Applicable Law", "Aucta Background Intellectual Property", "Aucta Indemnified Parties",
        "Breaching Party",
        "Business Day", "Calendar Quarter", "Claim", "Confidential Information", "Dossiers", "Effective Date",
        "ETON Indemnified Parties", "FDA", "Force Majeure Events",
    )]
    + [(term, 3) for term in (
        "GMP", "Governmental Entity", "Gross Sales", "Indemnitee", "Indemnitor",
        "Infringement Notification Date",
        "Intellectual Rights Suit", "Losses", "Market", "NDC", "Net Sales",
    )]
    + [(term, 4) for term in (
        "Party", "Payment Period", "Person", "Pharmacovigilance Agreement", "Product", "Recall Event",
        "Sale Representatives FTE", "Specification", "Taxes", "Term",
    )]
    + [(term, 5) for term in ("Territory", "Territory of Manufacture", "Third Party", "Transfer Taxes")]
)  # fmt: skip
CLAUSES = [
    ("2.1 Aucta, for itself", 5), ("2.2 ETON, for itself", 5),
    ("3.1 Development and Registration Responsibilities", 5),
    ("3.2 Registration Maintenance and Regulatory Responsibilities", 6), ("3.3 ETON’s NDC Numbers", 6),
    ("3.4 Medical Inquires, Product Complaints and Recalls", 6), ("3.5 Competitive Products", 6),
    ("4.1 ETON shall enter", 6), ("4.2 If the terms", 6),
    ("5.1 ETON shall be solely", 7), ("5.2 ETON shall use", 7), ("5.3 ETON shall have", 7),
    ("5.4 [ * * * ]", 7),
    ("6.1 Licensing Fees", 7), ("6.2 Commercial Milestones", 7), ("6.3 Royalty", 8), ("6.4 [ * * * ]", 8),
    ("6.5 Interim and Final True-Ups", 8), ("6.6 Taxes", 9), ("6.7 Audits", 9), ("6.8 Accounting", 9),
    ("7.1 At its sole cost", 9), ("7.2 At its sole cost", 9), ("7.3 Patent Prosecution", 10),
    ("7.4 Notice of Infringement", 10), ("7.5 Intellectual Rights Suit", 10), ("7.6 Sections 7.1", 11),
    ("9.1 Confidential Information", 11), ("9.2 Definition of Confidential Information", 12),
    ("9.3 Public Announcement", 12),
    ("11.1 Term", 13), ("11.2 Termination for Breach", 13), ("11.3 Termination for Bankruptcy", 13),
    ("11.4 Termination Other than for Breach or Insolvency", 14),
    ("11.5 Effect of Termination or Expiration: Surviving Obligations", 14),
    ("12.1 ETON Representations and Warranties", 15), ("12.2 Aucta Representation and Warranties", 16),
    ("12.3 Survival of Representations and Warranties", 17), ("13.1 Aucta’s Indemnification Obligations", 17),
    ("13.2 ETON’s Indemnification Obligations", 18), ("13.3 Indemnification Procedure", 18),
    ("14.1 NOTWITHSTANDING ANYTHING", 19), ("15.1 Governing Law; English Language", 19),
    ("15.2 Force Majeure", 19),
    ("15.3 Notices", 20), ("15.4 Relationship of Parties", 20), ("15.5 Entire Agreement; Amendment", 21),
    ("15.6 No Third-Party Beneficiaries", 21), ("15.7 Severability", 21), ("15.8 Assignment", 21),
    ("15.9 Waiver", 21),
    ("15.10 Survival", 21), ("15.11 Counterparts; PDF", 21),
]  # fmt: skip
SUBCLAUSES = [  # parent, last number, pages of .1, .2, …
    ("3.1", (5, 5, 5, 6)), ("3.2", (6,)), ("6.3", (8,) * 7), ("7.5", (10, 11, 11)), ("11.5", (14, 14, 15)),
    ("12.1", (15,) * 8 + (16,)), ("12.2", (16,) * 9 + (17,) * 7), ("13.3", (18, 18, 19)),
]  # fmt: skip
ITEMS = [("6.1", (7, 7, 7)), ("6.2", (7, 7, 7, 8)), ("11.4", (14, 14, 14))]
OTHERS = [
    ("Exhibit 10.1", 1), ("EXCLUSIVE LICENSE AND PRODUCT DEVELOPMENT AGREEMENT", 1), ("RECITALS", 1),
    ("IN WITNESS WHEREOF", 22),
]  # fmt: skip


def expected() -> list[tuple[int, str, int]]:
    """(level, start of the title, page) of all sections a reader sees."""
    rows = [(1, title, page) for title, page in (*ARTICLES, *OTHERS)]
    rows += [(2, f"1.{number} “{term}”", page) for number, (term, page) in enumerate(DEFINED, start=1)]
    rows += [(2, title, page) for title, page in CLAUSES]
    rows += [(3, f"{parent}.{n} ", page) for parent, pages in SUBCLAUSES for n, page in enumerate(pages, start=1)]
    rows += [(3, f"({'abcd'[n]}) ", page) for _, pages in ITEMS for n, page in enumerate(pages)]
    return rows


@pytest.fixture(scope="module")
def contract() -> Document:
    return load([CONTRACT])


def test_all_pages_are_kept(contract: Document) -> None:
    assert contract.report.pages == 23 and contract.report.files == 1
    assert contract.report.unread == () and contract.report.warnings == ()
    assert [span.page for span in contract.spans] == list(range(1, 24))
    start, end = contract.page_text(CONTRACT.name, 23)
    assert contract.text[start:end] == "\n"  # nothing but the footer of the filing stands there
    kept = {(item.kind, item.text): item.pages for item in contract.report.artifacts}
    assert kept["footer", "Source: ETON PHARMACEUTICALS, INC., 10-Q, 11/14/2019"] == tuple(range(1, 24))
    assert kept["header", "CONFIDENTIAL"] == tuple(range(2, 23))
    assert all(kept["page number", str(page)] == (page,) for page in range(2, 22))
    assert "Source: ETON" not in contract.text and "\nCONFIDENTIAL\n" not in contract.text


def test_sections_against_the_list_made_by_reading(contract: Document) -> None:
    wanted = expected()
    assert len(wanted) == 15 + 4 + 40 + 53 + 46 + 10
    found = [(s.level, s.title, contract.span_at(s.start).page or 0) for s in contract.sections]
    missed, open_ = [], list(found)
    for level, title, page in wanted:
        match = next((row for row in open_ if (row[0], row[2]) == (level, page) and row[1].startswith(title)), None)
        if match is None:
            missed.append((level, title, page))
        else:
            open_.remove(match)
    precision = 1 - len(open_) / len(found)
    recall = 1 - len(missed) / len(wanted)
    print(f"sections: precision {precision:.3f}, recall {recall:.3f} over {len(wanted)} headers")
    assert precision >= 0.95 and recall >= 0.95, (missed, open_)
    assert [s.title for s in contract.sections if s.title.split(".")[0].isdigit() and s.level == 1] == [
        t for t, _ in ARTICLES
    ]


def test_a_quote_is_found_in_its_section(contract: Document) -> None:
    path = contract.section_path(contract.text.index("New York, New York or Rome, Italy"))
    assert [section.title for section in path] == ["1. DEFINITIONS", "1.7 “Business Day”"]
    clause: Section | None = contract.section_at(contract.text.index("but not to exceed one hundred eighty (180) days"))
    assert clause is not None and clause.title.startswith("(c) If Aucta terminates")


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_contract_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    data = CONTRACT.read_bytes()
    cut = tmp_path / "cut.pdf"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BrokenFileError, match="cut short"):
        load([cut])


def test_the_scan_is_refused() -> None:
    with pytest.raises(NoTextError, match=r"scan-without-text\.pdf has no text layer"):
        load([SCAN])


def test_parsing_takes_seconds_not_minutes() -> None:
    begun = time.perf_counter()
    load([CONTRACT])
    assert time.perf_counter() - begun < 20
