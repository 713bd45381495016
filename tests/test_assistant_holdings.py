"""Every saved segment is somebody's, and goes when its owner goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.holdings import DOCUMENT, HISTORY, Holdings
from assistant.search_passages import PIECE, search_passages
from tests.fakes import document, lines


def test_each_key_is_noted_once_and_dropped_with_its_owner(tmp_path: Path) -> None:
    held = Holdings(tmp_path)
    gone: list[str] = []
    held.note(DOCUMENT, "a", ["k1", "k2", "k1"])
    held.note(DOCUMENT, "a", ["k2", "k3"])
    held.note(HISTORY, "a", ["k4"])
    assert held.keys(DOCUMENT, "a") == ["k1", "k2", "k3"] and held.keys(DOCUMENT, "b") == []
    assert held.drop(DOCUMENT, "a", gone.append) == 3 and gone == ["k1", "k2", "k3"]
    assert held.drop(DOCUMENT, "a", gone.append) == 0 and held.keys(HISTORY, "a") == ["k4"]
    held.note(HISTORY, "../b", ["k5"])
    assert held.drop_all(HISTORY, gone.append) == 2 and not list(tmp_path.iterdir())


def test_a_drop_that_fails_is_not_forgotten(tmp_path: Path) -> None:
    held = Holdings(tmp_path)
    held.note(DOCUMENT, "a", ["k1"])

    def fail(_: str) -> None:
        raise OSError

    with pytest.raises(OSError):
        held.drop(DOCUMENT, "a", fail)
    assert held.keys(DOCUMENT, "a") == ["k1"]


def test_pages_and_paragraphs_are_found_whole() -> None:
    deed = document("First page.\n", "Second page.\n")
    assert [(each.text, each.page, each.start) for each in search_passages(deed)] == [
        ("First page.\n", 1, 0),
        ("Second page.\n", 2, 12),
    ]
    text = "".join(f"Paragraph {number} says something of its own.\n\n" for number in range(400)) + "x" * 3 * PIECE
    from ingest import Document, IngestReport, Span

    note = Document("n", text, (), (Span(0, len(text), "n.txt", line=1),), IngestReport(1, 0), "0" * 64)
    found = search_passages(note)
    assert "".join(each.text for each in found) == text and max(len(each.text) for each in found) <= 2 * PIECE
    assert all(text.startswith(each.text, each.start) for each in found)
    assert found[1].line == text[: found[1].start].count("\n") + 1
    assert search_passages(lines("\n\n")) == []
