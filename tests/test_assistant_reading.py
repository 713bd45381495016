"""Reading in the background: its states, its end, and that nothing half read is ever called read."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.library import Held
from assistant.prompt import Prefix
from assistant.reading import QUESTION_ROOM, Reader, ReadJob, ReadState
from ingest import Encoded, IngestError
from sparse_backend import Cancelled, ContextTooLongError
from sparse_backend.model import Step
from sparse_backend.read_plan import ReadPlan
from sparse_backend.segment import Segment
from tests import fakes
from tests.fakes import CONTRACT, LIMIT, PROFILE, contract, reader


class Watched(ReadJob):
    """Notes every state, and calls `at` at each step of the model."""

    heard = threading.Semaphore(0)

    def __init__(
        self, on: Reader, source: list[Path] | str, at: threading.Event | None = None, cancel: bool = False
    ) -> None:
        self.states: list[ReadState] = []
        self._at, self._at_once, self.reads = at, cancel, threading.Event()
        super().__init__(on, source)

    def read(self, tokens: int, total: int) -> None:
        super().read(tokens, total)
        self.states.append(self.state)
        self.reads.set()
        if self._at_once:
            self.cancel()
        if self._at:
            assert self._at.wait(20)
        self.heard.release()

    def parsed(self, path: str, pages: int, total: int) -> None:
        super().parsed(path, pages, total)
        self.states.append(self.state)


@pytest.fixture
def in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk is computed once somebody heard of the one before: else a reading could end before it is cancelled."""
    heard, step = threading.Semaphore(1), ReadPlan.step

    def next_one(plan: ReadPlan) -> Step:
        heard.acquire(timeout=3)  # nobody hears of what another reading did
        return step(plan)

    monkeypatch.setattr(ReadPlan, "step", next_one)
    monkeypatch.setattr(Watched, "heard", heard)


def everything(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_reading_goes_from_pages_to_tokens_to_done(tmp_path: Path) -> None:
    job = Watched(reader(tmp_path, chunk=32), [contract(tmp_path)])
    done = job.result()
    total = len(done.prefix.token_ids)
    assert [state.phase for state in job.states] == ["parsing"] + ["reading"] * (len(job.states) - 1)
    assert (job.states[0].done, job.states[0].total) == (1, 1)
    steps = [state.done for state in job.states[1:]]
    assert steps == [*range(0, total, 32), total] and all(state.total == total for state in job.states[1:])
    assert job.state == ReadState("done", total, total, 0.0)
    assert not job.running


def test_the_time_left_is_unknown_at_first_then_falls_to_nothing(tmp_path: Path) -> None:
    job = Watched(reader(tmp_path, chunk=16), [contract(tmp_path)])
    job.result()
    left = [state.eta_s for state in job.states if state.phase == "reading"]
    assert left[0] is None
    assert all(eta is not None and eta >= 0 for eta in left[1:]) and left[1]
    assert left[-1] == 0.0


def test_what_was_read_is_the_whole_document(tmp_path: Path) -> None:
    done = reader(tmp_path).start([contract(tmp_path)]).result()
    assert done.held.document.text == CONTRACT
    segment = done.read.segment
    assert isinstance(segment, Segment)
    assert fakes.tokenizer().decode(segment.token_ids[done.prefix.start :]) == CONTRACT
    assert segment.token_ids == done.prefix.token_ids
    assert done.read.cached_tokens == 0


def test_a_document_read_before_is_ready_also_after_a_restart(tmp_path: Path) -> None:
    first = reader(tmp_path).start([contract(tmp_path)]).result()
    job = Watched(reader(tmp_path), first.held.id)
    again = job.result()
    assert again.read.cached_tokens == len(first.prefix.token_ids)
    assert again.read.segment.key == first.read.segment.key
    assert [(state.phase, state.done, state.eta_s) for state in job.states] == [
        ("reading", again.read.cached_tokens, 0.0)
    ]


def test_cancel_while_reading_ends_cancelled_and_leaves_nothing(tmp_path: Path, in_step: None) -> None:
    job = Watched(reader(tmp_path, chunk=16), [contract(tmp_path / "in")], cancel=True)
    with pytest.raises(Cancelled):
        job.result()
    assert job.state.phase == "cancelled" and job.state.error
    assert job.states[-1].done < job.states[-1].total
    assert everything(tmp_path) == ["contract.txt"]


def test_cancel_while_parsing_ends_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    on = reader(tmp_path)
    add = on.library.add

    def slow(*args: object, **options: object) -> object:
        assert go.wait(20)
        return add(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(on.library, "add", slow)
    job = on.start([contract(tmp_path / "in")])
    assert not job.wait(0.01) and job.running and job.state.phase == "parsing"
    job.cancel()
    go.set()
    with pytest.raises(IngestError, match="cancelled"):
        job.result()
    phase: str = job.state.phase
    assert phase == "cancelled"
    assert everything(tmp_path) == ["contract.txt"]


def test_giving_up_a_reading_leaves_the_document_to_whoever_reads_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_step: None
) -> None:
    on, go, both = reader(tmp_path, chunk=32), threading.Event(), threading.Semaphore(0)
    prepare = on.prepare

    def prepared(held: Held) -> tuple[Encoded, Prefix]:
        both.release()
        return prepare(held)

    monkeypatch.setattr(on, "prepare", prepared)
    first = Watched(on, [contract(tmp_path)], at=go)
    assert both.acquire(timeout=20) and first.reads.wait(20), "it must be the one that reads"
    second = Watched(on, [contract(tmp_path)])  # the same document, from another user
    assert both.acquire(timeout=20)
    first.cancel()
    go.set()
    with pytest.raises(Cancelled):
        first.result()
    done = second.result()
    kept = on.library.get(done.held.id)
    assert kept is not None and kept.document == done.held.document and kept.bytes == done.held.bytes


def test_cancelling_a_document_of_the_library_keeps_it(tmp_path: Path, in_step: None) -> None:
    on = reader(tmp_path)
    held = on.library.add([contract(tmp_path / "in")])
    with pytest.raises(Cancelled):
        Watched(on, held.id, cancel=True).result()
    assert on.library.get(held.id) is not None
    with pytest.raises(Cancelled):
        Watched(on, [contract(tmp_path / "in")], cancel=True).result()
    assert on.library.get(held.id) is not None, "it was there before this reading"


def test_a_document_that_does_not_fit_is_refused_whole(tmp_path: Path) -> None:
    text = "".join(f"{number}. Clause {number} binds the parties.\n" for number in range(300))
    dense = fakes.engine(tmp_path, pattern="dense")  # only headers reads beyond the trained range
    job = Watched(reader(tmp_path, on=dense), [contract(tmp_path / "in", text, "huge.txt")])
    with pytest.raises(ContextTooLongError) as caught:
        job.result()
    error, sentence = caught.value, str(caught.value)
    tokens = len(fakes.tokenizer().text(text))
    assert error.limit == LIMIT and error.tokens > tokens + QUESTION_ROOM + PROFILE.max_new_tokens
    for part in ("huge.txt", f"{tokens:,}", f"{error.tokens:,}", f"{LIMIT:,}", "nothing was cut", "--model", "fewer"):
        assert part in sentence
    assert job.state.phase == "failed" and job.state.error == sentence
    assert not [state for state in job.states if state.phase == "reading"]
    assert everything(tmp_path) == ["huge.txt"]


def test_room_for_a_question_and_its_answer_is_part_of_the_need(tmp_path: Path) -> None:
    on = reader(tmp_path, on=fakes.engine(tmp_path, pattern="dense"))
    start = len(on.start([contract(tmp_path)]).result().prefix.token_ids) - len(fakes.tokenizer().text(CONTRACT))
    fits = LIMIT - QUESTION_ROOM - PROFILE.max_new_tokens - start
    word = " of"
    assert len(fakes.tokenizer().text(word * 10)) == 10
    on.start([contract(tmp_path, word * (fits - 1) + "\n", "fits.txt")]).result()
    with pytest.raises(ContextTooLongError):
        on.start([contract(tmp_path, word * fits + "\n", "over.txt")]).result()


def test_a_bad_file_fails_with_its_own_words(tmp_path: Path) -> None:
    job = reader(tmp_path).start([contract(tmp_path, "", "empty.txt")])
    with pytest.raises(IngestError, match=r"empty\.txt is empty"):
        job.result()
    assert job.state.phase == "failed" and "empty" in job.state.error
    with pytest.raises(IngestError):
        job.result()


def test_an_unexpected_fault_ends_the_job_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on = reader(tmp_path)
    monkeypatch.setattr(on, "prepare", lambda held: 1 // 0)
    job = on.start([contract(tmp_path / "in")])
    with pytest.raises(AssistantError, match=r"unexpectedly: .*zero") as caught:
        job.result()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert job.wait(5) and not job.running and job.state.phase == "failed"
    assert everything(tmp_path) == ["contract.txt"]


def test_an_unknown_document_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="no longer in the library"):
        reader(tmp_path).start("f" * 64).result()


def test_watching_sees_the_last_state(tmp_path: Path) -> None:
    seen: list[ReadState] = []
    job = reader(tmp_path).start([contract(tmp_path)])
    job.result(watch=seen.append)
    assert seen[-1].phase == "done"


def test_a_forgotten_document_leaves_neither_text_nor_keys(tmp_path: Path) -> None:
    on = reader(tmp_path)
    kept = on.start([contract(tmp_path / "in", name="kept.txt")]).result()
    done = on.start([contract(tmp_path / "in", CONTRACT + "Secret.\n", "gone.txt")]).result()
    on.forget(done.held.id)
    on.forget("f" * 64)
    assert on.library.get(done.held.id) is None
    assert on.start(kept.held.id).result().read.cached_tokens
    names = everything(tmp_path)
    assert not [name for name in names if done.read.segment.key in name]
    assert [name for name in names if kept.read.segment.key in name]
    assert not on.start([tmp_path / "in" / "gone.txt"]).result().read.cached_tokens
