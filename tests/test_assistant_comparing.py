"""One question read in two ways: both answer, one after the other, and what does not fit says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.comparing import Comparison, Setting, Side
from assistant.errors import AssistantError, EmptyQuestionError
from assistant.service import Service
from assistant.web.compare_desk import CompareDesk
from assistant.web.compare_views import compared
from sparse_backend import BackendError
from storage import NotFoundError
from tests.api_house import service_in
from tests.fakes import CONTRACT, contract

HEADERS, DENSE = Setting("headers", "balanced"), Setting("dense", "balanced")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A whole service on the tiny model, which answers by itself."""
    service = service_in(tmp_path_factory.mktemp("data"), real=True)
    yield service
    service.store.close()


@pytest.fixture
def ann(request: pytest.FixtureRequest) -> str:
    return f"ann of {request.node.name}"


def given(house: Service, user: str, folder: Path, text: str = CONTRACT, name: str = "contract.txt") -> str:
    """The id of a document of this user; it is parsed, and was not read by any model."""
    job = house.reader.start([contract(folder, text, name)])
    document = job.result()
    house.keep(document, job)
    return house.register(user, document).id


def test_both_ways_answer_with_their_figures(house: Service, ann: str, tmp_path: Path) -> None:
    document_id = given(house, ann, tmp_path)
    comparison = Comparison(house, ann, document_id, "legal", "What is the yearly fee?", (HEADERS, DENSE))
    assert comparison.wait(60)
    left, right = comparison.sides
    assert (left.phase, right.phase) == ("done", "done"), (left.error, right.error)
    assert left.record
    assert right.record
    assert right.record.pattern == "dense"
    assert left.record.first_token_s > 0
    assert left.record.tokens == right.record.tokens
    html = compared(comparison.sides)
    assert "% of the words in the same order" in html
    assert "Tokens looked at" in html
    assert house.store.conversations(ann) == [], "a comparison is no conversation"


def test_a_text_that_dense_attention_cannot_hold_is_refused_with_a_sentence(
    house: Service, ann: str, tmp_path: Path
) -> None:
    document_id = given(house, ann, tmp_path, CONTRACT * 6, "long.txt")
    comparison = Comparison(house, ann, document_id, "legal", "What is the yearly fee?", (HEADERS, DENSE))
    assert comparison.wait(120)
    left, right = comparison.sides
    assert left.phase == "done", left.error
    assert right.phase == "refused"
    assert "trained for 1,024" in right.error
    assert 'role="alert"' in compared(comparison.sides)


def test_what_cannot_be_compared_is_refused_before_anything_runs(house: Service, ann: str, tmp_path: Path) -> None:
    document_id = given(house, ann, tmp_path)
    with pytest.raises(EmptyQuestionError):
        Comparison(house, ann, document_id, "legal", "  ", (HEADERS, DENSE))
    with pytest.raises(AssistantError, match="same way"):
        Comparison(house, ann, document_id, "legal", "Why?", (HEADERS, HEADERS))
    with pytest.raises(BackendError, match="pattern"):
        Comparison(house, ann, document_id, "legal", "Why?", (HEADERS, Setting("magic", "fast")))
    with pytest.raises(NotFoundError):
        Comparison(house, "eve", document_id, "legal", "Why?", (HEADERS, DENSE))


def test_a_stopped_comparison_ends(house: Service, ann: str, tmp_path: Path) -> None:
    document_id = given(house, ann, tmp_path)
    comparison = Comparison(house, ann, document_id, "legal", "What is the fee?", (HEADERS, DENSE))
    comparison.stop()
    assert comparison.wait(60)
    assert comparison.sides[1].phase == "stopped"


def test_what_a_comparison_read_goes_with_the_document(house: Service, ann: str, tmp_path: Path) -> None:
    document_id = given(house, ann, tmp_path, CONTRACT + "Soon gone.\n", "gone.txt")
    comparison = Comparison(house, ann, document_id, "legal", "What is the fee?", (HEADERS, DENSE))
    assert comparison.wait(60)
    kept = set((house.options.data_dir / "segments").iterdir())
    house.forget(ann, document_id)
    left = set((house.options.data_dir / "segments").iterdir())
    assert left < kept
    assert not house.library.has(document_id)


def test_answers_of_models_are_shown_as_text() -> None:
    html = compared((Side(HEADERS, "done", "<script>x</script>"), Side(DENSE, "refused", "", "<img src=x>")))
    assert "<script>" not in html
    assert "<img" not in html


# -- the page's side -------------------------------------------------------------------


def test_the_page_streams_both_sides(house: Service, ann: str, tmp_path: Path) -> None:
    desk = CompareDesk(house)
    document_id = given(house, ann, tmp_path)
    assert desk.documents(ann) == [("contract.txt", document_id)]
    shown = list(desk.ask(ann, document_id, "legal", "What is the yearly fee?", (HEADERS, DENSE)))
    assert "Waits for the other side" in shown[0]
    assert "verdict" in shown[-1]
    assert 'role="alert"' in next(desk.ask("eve", document_id, "legal", "Why?", (HEADERS, DENSE)))
    assert "Choose a document" in next(desk.ask(ann, None, "legal", "Why?", (HEADERS, DENSE)))


def test_two_versions_are_compared_and_uploads_are_kept_by_nobody(house: Service, ann: str, tmp_path: Path) -> None:
    desk = CompareDesk(house)
    old = contract(tmp_path / "old")
    new = contract(tmp_path / "new", CONTRACT.replace("ninety (90)", "sixty (60)"), "contract-2.txt")
    before = {path for path in house.options.data_dir.rglob("*") if path.is_file()}
    ids, told = desk.upload(ann, [str(old), str(new)])
    assert told == ""
    assert not old.exists()
    assert {path for path in house.options.data_dir.rglob("*") if path.is_file()} == before
    html = desk.versions(ann, *ids)
    assert "<del>ninety</del>" in html
    assert "<ins>sixty</ins>" in html
    assert "1 edited" in html
    assert 'role="alert"' in desk.versions("eve", *ids)
    assert 'role="alert"' in desk.versions(ann, ids[0], ids[0])
    assert 'role="alert"' in desk.versions(ann, ids[0], None)
    assert [shown for shown, _ in desk.documents(ann)] == ["contract-2.txt (uploaded)", "contract.txt (uploaded)"]
    assert desk.documents("eve") == []


def test_a_bad_upload_is_one_error(house: Service, ann: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.7 nothing")
    ids, told = CompareDesk(house).upload(ann, [str(bad)])
    assert ids == []
    assert "bad.pdf" in told
    assert not bad.exists()


def test_hostile_clauses_are_shown_as_text(house: Service, ann: str, tmp_path: Path) -> None:
    desk = CompareDesk(house)
    hostile = "1. <script>alert(1)</script>\n<img src=x onerror=alert(1)>\n\n2. Law\nDelaware.\n"
    one = contract(tmp_path / "1", hostile, "<b>one.txt")
    other = contract(tmp_path / "2", hostile.replace("Delaware", "<i>Ohio</i>"), "two.txt")
    ids, _ = desk.upload(ann, [str(one), str(other)])
    html = desk.versions(ann, *ids)
    assert "<script>" not in html
    assert "<img" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;one.txt" in html
