"""Committed PDFs of six producers: their text against golden files, their headings against a list made by hand."""

from __future__ import annotations

import difflib
from functools import cache

import pytest

from ingest.part import Part
from tests.ingest_pdf_cases import FIXTURES, GOLDEN, NAMES, TRUTH, fixture, shown

MAX_BYTES = 100_000


@cache
def part_of(name: str) -> Part:
    return fixture(name)


def test_there_are_enough_fixtures_and_they_are_small() -> None:
    assert sorted(TRUTH) == NAMES and len(NAMES) >= 12
    assert len({name.split("-")[0] for name in NAMES}) >= 3
    assert all((FIXTURES / f"{name}.pdf").stat().st_size < MAX_BYTES for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_text_as_a_reader_expects_it(name: str) -> None:
    wanted, found = (GOLDEN / f"{name}.txt").read_text("utf-8"), shown(part_of(name))
    rows = difflib.unified_diff(wanted.splitlines(), found.splitlines(), f"{name}.txt", "read now", lineterm="", n=2)
    assert wanted == found, "\n" + "\n".join(rows)


def test_headings_against_the_list_made_by_hand() -> None:
    wrong: list[str] = []
    wanted = found = matched = 0
    for name in NAMES:
        part = part_of(name)
        open_ = [(s.title, next(p.page for p in part.spans if p.start <= s.start < p.end)) for s in part.sections]
        wanted, found = wanted + len(TRUTH[name]), found + len(open_)
        for title, page in TRUTH[name]:
            match = next((row for row in open_ if row[1] == page and row[0].startswith(title)), None)
            if match is None:
                wrong.append(f"{name} p. {page}: missed {title}")
            else:
                open_.remove(match)
                matched += 1
        wrong += [f"{name} p. {page}: no header: {title}" for title, page in open_]
    precision, recall = matched / found, matched / wanted
    print(f"headings: precision {precision:.3f}, recall {recall:.3f} over {wanted}", *wrong, sep="\n")
    assert precision >= 0.95 and recall >= 0.95, "\n".join(wrong)


def test_parts_know_their_format() -> None:
    assert {part_of(name).format for name in NAMES} == {"pdf"}
    assert all(not part_of(name).unread for name in NAMES)
