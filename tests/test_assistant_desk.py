"""What a user does on the page, and what another user cannot do with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant import service as module
from assistant.service import Service
from assistant.service_options import ServiceOptions
from assistant.web.desk import Desk, View
from sparse_backend.shelf import Shelf
from storage import NotFoundError
from tests.fakes import CONTRACT, ScriptedEngine, contract, decoder, document, model_folder

ANSWER = "The yearly fee is $120,000."


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A whole service on the tiny model, whose engine says what it is told."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_decoder", lambda *_: decoder())
        patch.setattr(module, "Engine", lambda *_: ScriptedEngine(data))
        service = Service(ServiceOptions(data, model_folder(), dtype="float32"))
    yield service
    service.store.close()


@pytest.fixture
def engine(house: Service) -> ScriptedEngine:
    assert isinstance(house.engine, ScriptedEngine)
    house.engine.says, house.engine.hold = ANSWER, None
    return house.engine


@pytest.fixture
def desk(house: Service, engine: ScriptedEngine) -> Desk:
    return Desk(house)


@pytest.fixture
def ann(request: pytest.FixtureRequest) -> str:
    """A user of this test alone."""
    return f"ann of {request.node.name}"


@pytest.fixture
def talk(desk: Desk, ann: str, tmp_path: Path) -> str:
    """A conversation of Ann's on the contract."""
    last = list(desk.upload(ann, [str(contract(tmp_path / "up"))]))[-1]
    assert last.conversation
    return last.conversation


def alerts(views: list[View]) -> list[str]:
    return [view.status for view in views if view.status and "error" in view.status]


def asked(desk: Desk, user: str, talk: str, question: str = "What is the yearly fee?") -> list[View]:
    return list(desk.ask(user, talk, question))


# -- documents -------------------------------------------------------------------------


def test_an_upload_is_read_and_opens_a_conversation(desk: Desk, house: Service, ann: str, tmp_path: Path) -> None:
    path = contract(tmp_path / "up")
    views = list(desk.upload(ann, [str(path)]))
    last = views[-1]
    assert not alerts(views) and last.busy == ""
    assert last.status and "contract.txt is read. Read " in last.status
    assert last.conversations and "contract.txt" in last.conversations and last.chat == []
    assert not path.exists(), "the library has its own copy"
    conversation = house.store.conversation(ann, last.conversation or "")
    (record,) = house.store.documents(ann)
    assert conversation.document_ids == (record.id,) and (record.name, record.pages) == ("contract.txt", 0)
    assert record.bytes == len(CONTRACT.encode()) and record.media_type == "text/plain"


@pytest.mark.parametrize("content", ["", "\0\1\2" * 3000], ids=["empty", "binary"])
def test_a_bad_upload_gives_one_error_and_no_conversation(
    desk: Desk, house: Service, ann: str, tmp_path: Path, content: str
) -> None:
    path = contract(tmp_path / "up", content, "bad.txt")
    views = list(desk.upload(ann, [str(path)]))
    assert len(alerts(views)) == 1 and "bad.txt" in alerts(views)[0] and views[-1].busy == ""
    assert not house.store.conversations(ann) and not house.store.documents(ann)
    assert not path.exists()


def test_an_unexpected_fault_is_an_error_on_the_page_not_an_endless_bar(
    desk: Desk, house: Service, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = contract(tmp_path / "up")
    monkeypatch.setattr(house.reader, "prepare", lambda held: 1 // 0)
    views = list(desk.upload(ann, [str(path)]))
    assert "unexpectedly" in alerts(views)[0] and views[-1].busy == ""
    assert not path.exists()


def test_no_file_changes_nothing(desk: Desk, ann: str) -> None:
    assert list(desk.upload(ann, [])) == [View()]


def slow_reading(house: Service, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    go = threading.Event()
    add = house.reader.library.add

    def wait(*args: object, **options: object) -> object:
        assert go.wait(20)
        return add(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(house.reader.library, "add", wait)
    return go


def test_a_second_upload_waits_for_the_first_and_cancel_ends_it(
    desk: Desk, house: Service, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = slow_reading(house, monkeypatch)
    first, second = contract(tmp_path / "1", CONTRACT + "One.\n"), contract(tmp_path / "2")
    reading = desk.upload(ann, [str(first)])
    next(reading)
    assert next(reading).busy == "reading"
    refused = list(desk.upload(ann, [str(second)]))
    assert "Another document" in alerts(refused)[0] and not second.exists()
    desk.cancel("eve")
    desk.cancel(ann)
    go.set()
    assert "cancelled" in alerts(list(reading))[0]
    assert not house.store.conversations(ann) and not first.exists()


def test_a_page_closed_while_reading_does_not_take_the_file_away(
    desk: Desk, house: Service, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = slow_reading(house, monkeypatch)
    path = contract(tmp_path / "up", CONTRACT + "Closed early.\n")
    reading = desk.upload(ann, [str(path)])
    next(reading), next(reading)
    reading.close()  # type: ignore[attr-defined]
    job = desk._reading[ann]
    go.set()
    assert "Closed early." in job.result().held.document.text


# -- questions ---------------------------------------------------------------------------


def test_a_question_is_answered_with_its_proof_beside_it(desk: Desk, ann: str, talk: str) -> None:
    views = asked(desk, ann, talk)
    first, last = views[0], views[-1]
    assert first.busy == "answering" and first.chat and first.chat[-1]["role"] == "user"
    assert not alerts(views) and last.busy == ""
    assert last.chat and [item["role"] for item in last.chat] == ["user", "assistant"]
    assert "120" in last.chat[-1]["content"] and "Sources: [1]" in last.chat[-1]["content"]
    assert last.sources and 'data-number="1"' in last.sources
    assert last.viewer and "$120,000" in last.viewer.split("<mark")[1].split("</mark>")[0]


def test_money_and_markup_in_an_answer_stay_as_they_are(
    desk: Desk, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    engine.says = "<script>x</script> ![a](http://evil.example) $5"
    for view in asked(desk, ann, talk, "<b>?"):
        for item in view.chat or []:
            assert "<script>" not in item["content"] and "<b>" not in item["content"] and "![" not in item["content"]


@pytest.mark.parametrize(("chosen", "question", "words"), [(False, "Hello?", "Add a document"), (True, "  ", "empty")])
def test_a_question_that_cannot_be_asked_is_one_error(
    desk: Desk, house: Service, ann: str, talk: str, chosen: bool, question: str, words: str
) -> None:
    views = asked(desk, ann, talk if chosen else "", question)
    assert len(alerts(views)) == 1 and words in alerts(views)[0] and views[-1].busy == ""
    assert house.store.messages(ann, talk) == []


def test_stop_keeps_the_words_and_a_new_page_follows_the_answer(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    engine.hold = threading.Event()
    views = desk.ask(ann, talk, "What is the fee?")
    while not (shown := next(views)).chat or shown.chat[-1]["role"] != "assistant":
        pass
    follower = desk.follow(ann, talk)
    assert next(follower) == View()
    followed = next(follower)
    assert followed.busy == "answering" and followed.chat and len(followed.chat) == 2
    assert list(desk.follow("eve", talk)) == [View()]
    with pytest.raises(NotFoundError):
        desk.stop("eve", talk)
    assert house.chat.job(talk) is not None
    busy = asked(desk, ann, talk, "Another?")
    assert "still being answered" in alerts(busy)[0]
    desk.stop(ann, talk)
    engine.hold.set()
    last = list(views)[-1]
    assert last.chat and "Stopped." in last.chat[-1]["content"]
    assert list(follower)[-1].chat == last.chat
    assert [item.status for item in house.store.messages(ann, talk)] == ["complete", "stopped"]


def test_a_page_closed_while_answering_loses_nothing(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    engine.hold = threading.Event()
    views = desk.ask(ann, talk, "What is the fee?")
    next(views), next(views)
    views.close()  # type: ignore[attr-defined]
    engine.hold.set()
    end = time.monotonic() + 20
    while house.chat.job(talk) and time.monotonic() < end:
        time.sleep(0.01)
    assert house.store.messages(ann, talk)[1].content == ANSWER
    home = desk.home(ann)
    assert home.conversation == talk and home.chat and "120" in home.chat[-1]["content"]


def test_after_a_restart_the_document_is_opened_from_disk(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    house.bot(house.profile.name)._open.clear()
    engine.shelf = Shelf(engine.store, "cpu", 4)
    views = asked(desk, ann, talk)
    assert not alerts(views)
    answer = house.store.messages(ann, talk)[1].answer
    assert answer and answer.supported and answer.cached_tokens


def test_a_document_that_is_gone_is_told(desk: Desk, house: Service, ann: str, tmp_path: Path) -> None:
    last = list(desk.upload(ann, [str(contract(tmp_path / "up", CONTRACT + "Soon gone.\n"))]))[-1]
    talk = last.conversation or ""
    asked(desk, ann, talk)
    (record,) = house.store.documents(ann)
    house.bot(house.profile.name)._open.clear()
    house.reader.library.delete(record.id)
    assert "no longer in the library" in alerts(asked(desk, ann, talk))[0]
    opened = desk.open(ann, talk)
    assert opened.viewer == "" and opened.chat and len(opened.chat) == 2


def test_a_new_user_finds_an_empty_page(desk: Desk, ann: str) -> None:
    home = desk.home(ann)
    assert home.conversation == "" and home.chat == [] and "No conversations" in (home.conversations or "")


# -- other users -----------------------------------------------------------------------------


def test_another_user_gets_nothing_out_of_a_conversation(desk: Desk, house: Service, ann: str, talk: str) -> None:
    asked(desk, ann, talk)
    number = house.store.messages(ann, talk)[1].id or 0
    eve = "eve"
    for act in (lambda: desk.open(eve, talk), lambda: desk.stop(eve, talk), lambda: desk.proof.choose(eve, talk, 1)):
        with pytest.raises(NotFoundError):
            act()
    views = [
        *asked(desk, eve, talk),
        desk.proof.cite(eve, talk, number, 1),
        desk.proof.turn(eve, talk, 1),
        *desk.follow(eve, talk),
    ]
    assert len(alerts(views)) == 3
    for view in views:
        assert not view.chat and not view.viewer and not view.sources and not view.conversation
    assert desk.home(eve).conversation == ""
    assert len(house.store.messages(ann, talk)) == 2


def test_another_users_message_is_not_cited_through_ones_own_conversation(
    desk: Desk, house: Service, ann: str, talk: str, tmp_path: Path
) -> None:
    asked(desk, ann, talk)
    number = house.store.messages(ann, talk)[1].id or 0
    own = (
        list(desk.upload("eve", [str(contract(tmp_path / "eve", "Nothing of value.\n", "eve.txt"))]))[-1].conversation
        or ""
    )
    assert desk.proof.cite("eve", own, number, 1).viewer is None


# -- forged clicks ---------------------------------------------------------------------------


@pytest.mark.parametrize(("message", "number"), [(0, 1), (-1, 1), (10**12, 1), (None, 99), (None, 0), (None, -1)])
def test_a_forged_citation_is_an_error_on_the_page(
    desk: Desk, house: Service, ann: str, talk: str, message: int | None, number: int
) -> None:
    asked(desk, ann, talk)
    known = house.store.messages(ann, talk)[1].id or 0
    view = desk.proof.cite(ann, talk, known if message is None else message, number)
    assert view.viewer is None and alerts([view])


def test_a_question_has_no_citation(desk: Desk, house: Service, ann: str, talk: str) -> None:
    asked(desk, ann, talk)
    assert alerts([desk.proof.cite(ann, talk, house.store.messages(ann, talk)[0].id or 0, 1)])
    assert (
        desk.proof.choose(ann, talk, 0) == desk.proof.choose(ann, talk, 9) == desk.proof.choose(ann, talk, -1) == View()
    )
    assert desk.proof.choose(ann, "", 0) == View()
    assert "data-number" in (desk.proof.choose(ann, talk, 1).sources or "")


def test_pages_are_turned_inside_the_document_only(
    desk: Desk, house: Service, ann: str, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alerts([desk.proof.turn(ann, talk, 1)]), "a text has no pages"
    deed = document("One.\n", "Two.\n")
    monkeypatch.setattr(desk.proof, "_text", lambda *_: deed)
    assert "Two." in (desk.proof.turn(ann, talk, 2).viewer or "")
    for page in (0, 3, -1, 10**9):
        assert alerts([desk.proof.turn(ann, talk, page)])
    assert alerts([Desk(house).proof.turn(ann, "nowhere", 1)]) and alerts(
        [Desk(house).proof.cite(ann, "nowhere", 1, 1)]
    )
