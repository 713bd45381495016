"""Attention by section: each token counts for its innermost section, shares sum to one, nothing is counted twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.section_evidence import BEFORE, own_parts, section_evidence
from ingest import Document, Encoded, IngestReport, Section, Span
from ingest.encode import Offsets

TEXT = "cover  A own  A1 own  A2 own  B own  "


def section(level: int, start: int, end: int) -> Section:
    return Section(f"S{start}", level, start, end, start + 1, "numbered")


def outlined(text: str, *sections: Section) -> Document:
    return Document("d", text, sections, (Span(0, len(text), "d", line=1),), IngestReport(1, 0), "0" * 64)


def by_character(text: str) -> Encoded:
    return Encoded(range(len(text)), (), Offsets((index, index + 1) for index in range(len(text))))


NESTED = outlined(TEXT, section(1, 7, 30), section(2, 14, 22), section(2, 22, 30), section(1, 30, 37))


def test_mass_counts_for_the_innermost_section() -> None:
    mass = np.zeros(len(TEXT), dtype=np.float32)
    mass[0], mass[8], mass[15], mass[23], mass[36] = 1, 2, 3, 4, 10
    found = {each.section: each.weight for each in section_evidence(NESTED, by_character(TEXT), mass)}
    assert found == pytest.approx({BEFORE: 0.05, 0: 0.1, 1: 0.15, 2: 0.2, 3: 0.5})
    assert own_parts(NESTED) == [(-1, [(0, 7)]), (0, [(7, 14)]), (1, [(14, 22)]), (2, [(22, 30)]), (3, [(30, 37)])]


def test_words_behind_a_subsection_count_for_the_section_around_it() -> None:
    document = outlined("aa bb cc", section(1, 0, 8), section(2, 3, 5))
    mass = np.array([0, 0, 0, 0, 0, 0, 1, 1], dtype=np.float32)
    assert [(each.section, each.weight) for each in section_evidence(document, by_character("aa bb cc"), mass)] == [
        (0, 1.0)
    ]


def test_without_attention_or_sections_there_is_nothing_to_show() -> None:
    assert section_evidence(NESTED, by_character(TEXT), np.zeros(len(TEXT), dtype=np.float32)) == ()
    (whole,) = section_evidence(outlined("word"), by_character("word"), np.ones(4, dtype=np.float32))
    assert (whole.section, whole.weight) == (BEFORE, 1.0)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_shares_sum_to_one_however_sections_nest(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 60))
    sections: list[Section] = []

    def nest(start: int, end: int, level: int) -> None:
        place = start
        while place < end and data.draw(st.booleans()):
            first = data.draw(st.integers(place, end - 1))
            last = data.draw(st.integers(first + 1, end))
            sections.append(section(level, first, last))
            if level < 4:
                nest(first, last, level + 1)
            place = last

    nest(0, length, 1)
    document = outlined("x" * length, *sections)
    mass = np.array(data.draw(st.lists(st.floats(0.5, 1), min_size=length, max_size=length)), dtype=np.float32)
    found = section_evidence(document, by_character(document.text), mass)
    assert sum(each.weight for each in found) == pytest.approx(1, abs=1e-3)
    innermost = {document.section_at(offset) for offset in range(length)}
    assert {each.section for each in found} == {
        sections.index(each) if each is not None else BEFORE for each in innermost
    }
