"""Faults put into contracts on purpose: each is found, and hardly anything else; the output is kept as golden text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest import load
from ingest.contract import Finding, analyse, finding_line, lint
from tests.ingest_contract_cases import FIXTURES, read_file, read_text

SEEDED = sorted(path for path in (FIXTURES / "lint").iterdir() if path.suffix in (".txt", ".md"))
GOLDEN = Path(__file__).parent / "golden" / "contract"
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "eton-development-agreement.pdf"


def findings(text: str) -> list[Finding]:
    return list(lint(analyse(read_text(text))))


@pytest.mark.parametrize("path", SEEDED, ids=lambda path: path.stem)
def test_every_seeded_fault_is_found(path: Path) -> None:
    seeded = json.loads(path.with_name(f"{path.stem}.faults.json").read_text("utf-8"))
    open_ = list(lint(analyse(read_file(path))))
    for code, words in seeded:
        match = next((each for each in open_ if each.code == code and words in each.message), None)
        assert match is not None, (code, words, open_)
        open_.remove(match)
    assert len(open_) <= 1, open_


@pytest.mark.parametrize("path", SEEDED, ids=lambda path: path.stem)
def test_lines_for_people(path: Path) -> None:
    contract = analyse(read_file(path))
    lines = [f"{each.severity} {each.code} {finding_line(each, contract.document)}" for each in lint(contract)]
    assert "\n".join(lines) + "\n" == (GOLDEN / f"{path.stem}.lint.txt").read_text("utf-8")


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_file(), reason=f"the real contract is not there ({REAL})")
def test_the_real_contract_finding_by_finding() -> None:
    """Judged by reading: all six are right, and none is said about its 60 other terms and references."""
    document = load([REAL])
    found = [
        (each.code, document.span_at(each.start).page, each.message.split("”")[0]) for each in lint(analyse(document))
    ]
    assert found == [
        ("missing-attachment", 2, "Exhibit A is referred to twice, but it is not in this document."),
        ("unused-term", 3, "“Gross Sales"),
        ("unused-term", 3, "“Infringement Notification Date"),
        ("unused-term", 4, "“Recall Event"),
        ("misplaced-definition", 4, "“Sale Representatives FTE"),
        ("missing-attachment", 6, "Exhibit B is referred to once, but it is not in this document."),
    ]


def test_a_sound_contract_has_no_findings() -> None:
    text = "1. Goods\n“Goods” means steel.\n2. Sale\nThe Goods are sold.\n3. Law\nSee Section 2.\n"
    assert findings(text) == []


def test_a_reserved_range_is_no_gap() -> None:
    text = "1. Sale\nSold.\n2 through 4. [Reserved]\n5. Law\nNone.\n"
    assert [each.code for each in findings(text)] == []


def test_a_number_that_the_reader_missed_is_no_gap() -> None:
    text = "1. Duties\n(a) pay;\n(b) ship; (c) insure;\n(d) sign.\n"
    assert [each.code for each in findings(text)] == []
