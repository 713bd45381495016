"""Proof beside an answer: the page with its box, the text where there is none, and nothing for anybody else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from assistant.pictures import NoPictureError, Pictures
from assistant.reading import ReadDocument
from assistant.service import Service
from assistant.web.proof_desk import ProofDesk
from assistant.web.source_view import TEXT, Spot
from assistant.web.view import View
from ingest.pdf.picture import PagePicture, page_picture
from storage import Message
from tests.api_house import service_in
from tests.fakes import scripted
from tests.ingest_pdf_cases import drawn, write

ANSWER = 'It says "The Client pays a yearly fee of $120,000".'


def deed(canvas: Canvas) -> None:
    write(canvas, 80, 100, "1. Term", "This Agreement runs for five years.", size=12)
    canvas.showPage()
    write(canvas, 80, 100, "2. Fee", "The Client pays a yearly fee of $120,000.", "Late sums bear interest.", size=12)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = service_in(tmp_path_factory.mktemp("data"))
    scripted(service.engine).says = ANSWER
    yield service
    service.store.close()


@pytest.fixture
def desk(house: Service) -> ProofDesk:
    return ProofDesk(house)


@pytest.fixture
def ann(request: pytest.FixtureRequest) -> str:
    return f"ann of {request.node.name}"


def read(house: Service, *files: Path) -> ReadDocument:
    job = house.reader.start(list(files))
    document = job.result()
    house.keep(document, job)
    return document


def asked(house: Service, user: str, document: ReadDocument) -> tuple[str, Message]:
    """A conversation with one answer."""
    talk = house.converse(user, document)
    job = house.chat.start(user, talk.id, "What is the yearly fee?", document)
    assert job.wait(30)
    assert not job.error
    return talk.id, house.store.messages(user, talk.id)[-1]


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "deed.pdf"
    path.write_bytes(drawn(deed))
    return path


def alerts(view: View) -> str:
    return view.status if view.status and "error" in view.status else ""


def test_an_answer_opens_on_the_page_with_its_box(desk: ProofDesk, house: Service, ann: str, pdf: Path) -> None:
    talk, answer = asked(house, ann, read(house, pdf))
    view = desk.proof(ann, talk, answer)
    assert view.viewer
    assert 'class="box"' in view.viewer
    assert "p. 2 of 2" in view.viewer
    assert view.sources
    assert 'aria-pressed="true"' in view.sources
    assert view.outline
    assert "2. Fee" in view.outline
    assert answer.answer
    assert sum(each.weight for each in answer.answer.evidence) == pytest.approx(0, abs=1e-6)  # the script looks nowhere


def test_where_the_model_looked_survives_a_restart(desk: ProofDesk, house: Service, ann: str, pdf: Path) -> None:
    document = read(house, pdf)
    start = document.prefix.start + document.encoded.token_at(document.held.document.sections[1].start)
    engine = scripted(house.engine)
    engine.looks_at = (start, len(document.read.segment) - 2)
    try:
        talk, answer = asked(house, ann, document)
    finally:
        engine.looks_at = None
    assert answer.answer
    (found,) = answer.answer.evidence
    assert (found.section, found.weight) == (1, 1.0)
    assert "100%" in (ProofDesk(house).proof(ann, talk, answer).outline or "")


def test_pages_are_turned_and_shown_as_text(desk: ProofDesk, house: Service, ann: str, pdf: Path) -> None:
    talk, _ = asked(house, ann, read(house, pdf))
    first = desk.show(ann, talk, Spot(0)).viewer or ""
    assert "p. 1 of 2" in first
    assert 'class="box"' not in first
    text = desk.show(ann, talk, Spot(0, mode=TEXT)).viewer or ""
    assert "This Agreement runs for five years." in text
    assert "<img" not in text


@pytest.mark.parametrize("at", [-1, 10**9])
def test_a_place_that_is_not_there_is_one_error(desk: ProofDesk, house: Service, ann: str, pdf: Path, at: int) -> None:
    talk, _ = asked(house, ann, read(house, pdf))
    view = desk.show(ann, talk, Spot(at, -5, 10**9))
    assert alerts(view)
    assert view.viewer is None


def test_a_quote_that_the_page_does_not_draw_opens_as_text_and_says_why(
    desk: ProofDesk, house: Service, ann: str, pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, answer = asked(house, ann, read(house, pdf))
    page = desk._pictures.page
    monkeypatch.setattr(desk._pictures, "page", lambda *given: replace(page(*given), boxes=()))
    view = desk.proof(ann, talk, answer)
    assert view.viewer
    assert "was not found among the letters" in view.viewer
    assert "<mark" in view.viewer
    assert answer.answer
    cited = answer.answer.citations[0]
    chosen = desk.show(ann, talk, Spot(cited.start, cited.start, cited.end)).viewer or ""
    assert "<img" in chosen, "who asks for the picture gets it"


def test_pages_out_of_an_archive_open_as_text_and_say_why(
    desk: ProofDesk, house: Service, ann: str, tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/deed.pdf", drawn(deed))
        archive.writestr("a/note.txt", "A note.\n")
    path = tmp_path / "papers.zip"
    path.write_bytes(packed.getvalue())
    talk, answer = asked(house, ann, read(house, path))
    view = desk.proof(ann, talk, answer)
    assert view.viewer
    assert "came out of a folder or an archive" in view.viewer
    assert "<mark" in view.viewer


def test_nobody_else_sees_a_page(desk: ProofDesk, house: Service, ann: str, pdf: Path) -> None:
    talk, answer = asked(house, ann, read(house, pdf))
    for view in (desk.cite("eve", talk, answer.id or 0, 1), desk.show("eve", talk, Spot(0))):
        assert alerts(view)
        assert not view.viewer
        assert not view.sources
        assert not view.outline


def test_a_deleted_document_is_gone_from_the_viewer_too(desk: ProofDesk, house: Service, ann: str, pdf: Path) -> None:
    document = read(house, pdf)
    talk, answer = asked(house, ann, document)
    assert desk.proof(ann, talk, answer).viewer
    house.library.delete(document.held.id)
    view = desk.proof(ann, talk, answer)
    assert view.viewer == ""
    assert view.outline == ""
    assert "$120,000" in (view.sources or ""), "the receipt stays as it was"
    assert alerts(desk.show(ann, talk, Spot(0)))
    assert not desk._documents
    assert not desk._pictures._kept


def test_several_files_are_drawn_each_from_its_own_copy(house: Service, tmp_path: Path) -> None:
    one, other = tmp_path / "one.pdf", tmp_path / "other.pdf"
    one.write_bytes(drawn(lambda canvas: write(canvas, 80, 100, "Apples are red.")))
    other.write_bytes(drawn(lambda canvas: write(canvas, 80, 300, "Plums are blue.")))
    held = house.library.add([one, other])
    pictures = Pictures(house.library, house.options.limits)
    found = []
    for words in ("Apples are red.", "Plums are blue."):
        start = held.document.text.index(words)
        (box,) = pictures.page(held.id, held.document, start, (start, start + len(words))).boxes
        found.append(box)
    assert found[0][1] < found[1][1]
    with pytest.raises(NoPictureError):
        pictures.page("0" * 64, held.document, 0, (0, 0))


def test_a_page_is_drawn_once(house: Service, pdf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = house.library.add([pdf])
    pictures = Pictures(house.library, house.options.limits)
    first = pictures.page(held.id, held.document, 0, (0, 0))
    monkeypatch.setattr("assistant.pictures.page_picture", None)
    assert pictures.page(held.id, held.document, 0, (0, 0)) is first


def test_a_page_of_what_was_deleted_while_it_was_drawn_is_not_kept(
    house: Service, pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = house.library.add([pdf])
    pictures, draw = Pictures(house.library, house.options.limits), page_picture

    def drawn_late(*args: Any, **options: Any) -> PagePicture:
        picture = draw(*args, **options)
        house.library.delete(held.id)
        pictures.forget(held.id)
        return picture

    monkeypatch.setattr("assistant.pictures.page_picture", drawn_late)
    pictures.page(held.id, held.document, 0, (0, 0))
    assert not pictures._kept
