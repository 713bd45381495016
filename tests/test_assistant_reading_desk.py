"""Readings on the page: several at once, told beforehand when they cost much, cancelled, and never half kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio.utils import get_upload_folder

from assistant.errors import AssistantError
from assistant.service import Service
from assistant.web import reading_desk
from assistant.web.arrivals import arrival
from assistant.web.desk import Desk
from ingest import IngestError
from tests.chat_cases import CONTRACT, ann, desk, engine, house
from tests.fakes import contract
from tests.waiting import until

__all__ = ["ann", "desk", "engine", "house"]  # fixtures


def test_a_reading_opens_its_conversation_on_an_empty_page(
    desk: Desk, house: Service, ann: str, tmp_path: Path
) -> None:
    path = contract(tmp_path / "up")
    desk.readings.start(ann, "legal", [path], "contract.txt", path.parent)
    lines = [view.readings or "" for view in desk.watch(ann)]
    assert "contract.txt" in lines[0] and "is read." in lines[-1] and ">Open<" in lines[-1]
    view = desk.settle(ann, "")
    assert view.status and "contract.txt is read. Read 180 of 180 tokens." in view.status and view.readings == ""
    assert not path.parent.exists(), "the library has its own copy"
    conversation = house.store.conversation(ann, view.conversation or "")
    (record,) = house.store.documents(ann)
    assert conversation.document_ids == (record.id,) and (record.name, record.pages) == ("contract.txt", 0)
    assert record.bytes == len(CONTRACT.encode()) and record.media_type == "text/plain"


def test_who_is_elsewhere_is_not_called_away(
    desk: Desk, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = contract(tmp_path / "up")
    reading = desk.readings.start(ann, "legal", [path], "contract.txt", path.parent)
    list(desk.watch(ann))
    reading.began -= 60
    view = desk.settle(ann, "another conversation")
    assert view.conversation is None and ">Open<" in (view.readings or "")
    named = desk.settle(ann, "another conversation", reading.id)
    assert named.conversation is None, "it took too long to open by itself"
    opened = desk.settle(ann, "another conversation", reading.id, wanted=True)
    assert opened.conversation == reading.conversation and reading.job is None, "what is over holds no document"
    assert desk.readings.html(ann) == ""


@pytest.mark.parametrize("content", ["", "\0\1\2" * 3000], ids=["empty", "binary"])
def test_a_bad_file_is_one_error_and_no_conversation(
    desk: Desk, house: Service, ann: str, tmp_path: Path, content: str
) -> None:
    path = contract(tmp_path / "up", content, "bad.txt")
    reading = desk.readings.start(ann, "legal", [path], "bad.txt", path.parent)
    last = list(desk.watch(ann))[-1].readings or ""
    assert "bad.txt" in last and 'role="alert"' in last and desk.settle(ann, "").conversation is None
    assert not house.store.conversations(ann) and not house.store.documents(ann)
    assert not path.exists()
    desk.readings.dismiss("eve", reading.id)
    assert desk.readings.html(ann) == last
    desk.readings.dismiss(ann, reading.id)
    assert desk.readings.html(ann) == ""


def test_an_unexpected_fault_is_told_instead_of_an_endless_bar(
    desk: Desk, house: Service, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = contract(tmp_path / "up")
    monkeypatch.setattr(house.bot("legal").reader, "prepare", lambda held: 1 // 0)
    desk.readings.start(ann, "legal", [path], "contract.txt", path.parent)
    assert "unexpectedly" in (list(desk.watch(ann))[-1].readings or "")


def test_several_readings_go_on_at_once_and_each_is_cancelled_alone(
    desk: Desk, house: Service, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, library = threading.Event(), house.reader.library
    add = library.add

    def wait(*args: object, **options: object) -> object:
        assert go.wait(20)
        return add(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(library, "add", wait)
    readings = [
        desk.readings.start(
            ann, "legal", [contract(tmp_path / str(n), CONTRACT + f"{n}.\n")], f"{n}.txt", tmp_path / str(n)
        )
        for n in range(reading_desk.AT_ONCE)
    ]
    with pytest.raises(AssistantError, match="being read already"):
        desk.readings.start(ann, "legal", [contract(tmp_path / "x")], "x.txt", tmp_path / "x")
    assert not (tmp_path / "x").exists(), "what is refused leaves nothing"
    assert desk.readings.html(ann).count("<progress") == reading_desk.AT_ONCE and desk.readings.html("eve") == ""
    desk.readings.cancel("eve", readings[1].id)
    desk.readings.cancel(ann, readings[0].id)
    go.set()
    list(desk.watch(ann))
    until(lambda: all(each.over for each in readings))
    assert len(house.store.conversations(ann)) == reading_desk.AT_ONCE - 1
    assert "0.txt" not in desk.readings.html(ann)


def test_a_costly_reading_begins_only_when_the_user_says_so(
    desk: Desk, house: Service, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_desk, "ASK_ABOVE_S", 0.0)
    text = CONTRACT + f"For {ann}.\n"
    for number, deed in enumerate((desk.readings.cancel, desk.readings.go)):
        path = contract(tmp_path / f"up{number}", text)
        reading = desk.readings.start(ann, "legal", [path], "contract.txt", path.parent)
        until(lambda reading=reading: reading.job.asking or reading.over)  # type: ignore[misc]
        asking = list(desk.watch(ann))[-1].readings or ""
        assert "reading it takes about" in asking and "MB of memory" in asking and ">Read it<" in asking
        assert not house.store.documents(ann)
        deed(ann, reading.id)
        until(lambda reading=reading: reading.over)  # type: ignore[misc]
        assert len(house.store.documents(ann)) == number
    again = contract(tmp_path / "again", text)
    desk.readings.start(ann, "legal", [again], "contract.txt", again.parent)
    assert "is read" in (list(desk.watch(ann))[-1].readings or ""), "what was read before costs nothing"


def test_a_text_over_the_limit_is_refused_whole(desk: Desk, house: Service, ann: str, tmp_path: Path) -> None:
    bot = house.bot("legal").reader
    path = contract(tmp_path / "up", CONTRACT * 40, "long.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bot._engine, "reads", lambda tokens: tokens < 1000)
        desk.readings.start(ann, "legal", [path], "long.txt", path.parent)
        last = list(desk.watch(ann))[-1].readings or ""
    assert "nothing was cut off" in last and "choose a model" in last and not house.store.documents(ann)


def test_pasted_text_may_have_any_title_but_only_text_that_can_be_kept(desk: Desk, house: Service, ann: str) -> None:
    title = "\U0001d49c" * 200  # letters of four bytes
    assert "is read" in (list(desk.paste(ann, "legal", title, "The fee is $9."))[-1].readings or "")
    (view,) = desk.paste(ann, "legal", "Half a letter", "The fee is \ud83d.")
    assert "not valid Unicode" in (view.status or "")
    rooms = house.options.data_dir / "uploads-of-page"
    until(lambda: not list(rooms.glob("paste-*")))


def test_uploads_of_others_may_end_while_old_ones_are_looked_for(
    desk: Desk, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their folders go at any moment."""
    iterdir = Path.iterdir

    def listed(folder: Path) -> Iterator[Path]:
        yield folder / "just-gone"
        yield from iterdir(folder)

    desk._scratch.mkdir(parents=True, exist_ok=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", listed)
        desk._sweep()


def test_pasted_text_becomes_a_document_and_addresses_are_checked(desk: Desk, house: Service, ann: str) -> None:
    assert "is read" in (list(desk.paste(ann, "legal", "../My <deed>", "The fee is $5."))[-1].readings or "")
    (record,) = house.store.documents(ann)
    assert record.name == "My deed.txt"
    list(desk.paste(ann, "support", "Other", "The fee is $6."))
    assert [each.bot for each in house.store.conversations(ann)] == ["legal", "legal"], "support reads no documents"
    for views in (desk.paste(ann, "legal", "", "  "), desk.clone(ann, "code", "not an address")):
        assert "error" in (list(views)[-1].status or "")
    assert "https://" in (list(desk.clone(ann, "code", "ssh://git@host/x"))[-1].readings or "")
    assert not list((house.options.data_dir / "uploads-of-page").iterdir())


# -- what the browser sends ------------------------------------------------------------------


def uploaded(name: str, text: str) -> dict[str, str]:
    """A file as Gradio keeps it."""
    folder = Path(get_upload_folder()) / f"hash-of-{abs(hash(text))}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / Path(name).name).write_text(text, "utf-8")
    return {"path": str(folder / Path(name).name), "name": name}


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return tmp_path / "scratch"


def test_a_folder_is_put_together_again_and_nothing_stays_behind(uploads: Path) -> None:
    files = [uploaded("app/README.md", "# App"), uploaded("app/src/main.py", "x = 1"), uploaded("note.txt", "Note.")]
    arrived = arrival(files, uploads)
    folder, note = arrived.sources
    assert folder.name == "app" and (folder / "src" / "main.py").read_text() == "x = 1"
    assert note.read_text() == "Note." and arrived.name == "app and 1 more"
    assert not list(Path(get_upload_folder()).iterdir())


@pytest.mark.parametrize("name", ["../../evil.txt", "/etc/evil.txt", "..\\evil.txt", "a/../../../evil.txt"])
def test_names_lead_nowhere_else(uploads: Path, name: str) -> None:
    file = uploaded("evil.txt", name) | {"name": name}
    (source,) = arrival([file], uploads).sources
    assert source.resolve().is_relative_to(uploads.resolve())


@pytest.mark.parametrize("path", ["/etc/passwd", "", "\0", "nowhere", None, "{uploads}/x/../../secret.txt"])
def test_only_uploads_are_read(uploads: Path, path: str | None, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(AssistantError, match="did not arrive"):
        arrival([{"path": path and path.replace("{uploads}", get_upload_folder()), "name": "x"}], uploads)
    assert not uploads.exists() or not list(uploads.rglob("*.txt"))


def test_too_many_files_and_none_are_refused(uploads: Path) -> None:
    with pytest.raises(AssistantError, match="zip"):
        arrival([{}] * 5001, uploads)
    with pytest.raises(AssistantError, match="No file"):
        arrival([], uploads)
    with pytest.raises(IngestError, match="more than"):
        reading_desk.paste(uploads, "x", "word " * 10, 20)
