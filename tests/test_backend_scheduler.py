"""Scheduler: passes carry all answers and one piece more; nobody waits for, or falls with, somebody else."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sparse_backend import Decoder, Engine
from sparse_backend.requests import Event, ReadRequest
from sparse_backend.scheduler import Scheduler
from sparse_backend.segment import KVBuffer
from tests.engine_cases import NEVER, QUESTION, ask, loaded, quick, together
from tests.tiny import Counting, engine, tokens

__all__ = ["loaded", "quick"]  # fixtures


class Plain:
    """A step that only notes which tokens came through it."""

    def __init__(self, log: list[tuple[str, int]], name: str) -> None:
        self.log, self.name = log, name

    def attend(self, layer: int, q: Any, k: Any, v: Any, form: Any) -> Any:
        if layer == 0:
            self.log.append((self.name, q.shape[1]))
        return torch.zeros_like(q).transpose(0, 1)


class Fixed:
    """A request of `pieces` pieces of `size` tokens; `streaming` ones count as answers."""

    def __init__(self, log: list[tuple[str, int]], name: str, pieces: int, *, size: int = 1, **kind: Any) -> None:
        self.owner = kind.get("owner", name)
        self.streaming, self.urgent = kind.get("streaming", False), kind.get("urgent", False)
        self.background = kind.get("background", False)
        self.released = threading.Event()
        self.error: Exception | None = None
        self.breaks = kind.get("breaks", False)
        self.budgets: list[int] = []
        self._step, self._left, self._size, self._gone = Plain(log, name), pieces, size, False

    def work(self, budget: int) -> Any:
        from sparse_backend.scheduler import Work

        self.budgets.append(budget)
        if not self._left:
            return None
        return Work((1,) * min(self._size, max(budget, 1)), self._step, (0,))

    def done(self, logits: Any) -> None:
        assert logits.shape == (1, 97)
        self._left -= 1
        if self.breaks:
            raise RuntimeError("my own fault")

    def fail(self, error: Exception) -> None:
        self.error = error

    def cancelled(self) -> bool:
        return self._gone


def run(decoder: Any, requests: list[Any], **options: Any) -> Scheduler:
    """Submits all before the first pass begins; waits until all are released."""
    made = Scheduler(decoder, **{"chunk": 16, "step_s": 10.0, **options})
    gate, begun = threading.Event(), threading.Event()
    first: Any = Fixed([], "gate", 0)

    def wait(_budget: int) -> None:
        begun.set()
        gate.wait(30)

    first.work = wait
    made.submit(first, background=first.background)
    assert begun.wait(30), "this pass must not plan any other"
    for request in requests:
        made.submit(request, background=request.background)
    gate.set()
    for request in requests:
        assert request.released.wait(30)
    return made


def test_answers_share_every_pass(loaded: Decoder) -> None:
    log: list[tuple[str, int]] = []
    decoder = Counting(loaded)
    run(decoder, [Fixed(log, name, 3, streaming=True) for name in "abc"])
    assert [len(ids) for ids in decoder.calls] == [3, 3, 3] and log == [(name, 1) for name in "abc"] * 3


def test_questions_go_before_readings_and_owners_take_turns(loaded: Decoder) -> None:
    log: list[tuple[str, int]] = []
    readings = [Fixed(log, "r1", 2, size=4, owner="ann"), Fixed(log, "r2", 2, size=4, owner="ann")]
    other = Fixed(log, "r3", 2, size=4, owner="bob")
    question = Fixed(log, "q", 2, size=4, urgent=True, owner="cyd")
    run(loaded, [*readings, other, question])
    names = [name for name, _ in log]
    assert names[:2] == ["q", "q"]
    assert sorted(names[2:4]) == ["r1", "r3"], "ann's second reading waits for bob's first"


def test_short_questions_share_a_pass_up_to_its_size(loaded: Decoder) -> None:
    """Six questions of 6 tokens in passes of 16: two whole ones and 4 tokens of a third in each."""
    decoder = Counting(loaded)
    questions = [Fixed([], str(n), 1, size=6, urgent=True, owner=str(n)) for n in range(6)]
    run(decoder, questions)
    assert sorted(question.budgets[0] for question in questions) == [4, 4, 10, 10, 16, 16]
    assert [len(ids) for ids in decoder.calls] == [16, 16]


def test_a_reading_gets_less_while_answers_stream(loaded: Decoder) -> None:
    alone = Fixed([], "r", 1, size=16)
    run(loaded, [alone])
    assert alone.budgets[0] == 16
    beside = Fixed([], "r", 1, size=16)
    run(loaded, [Fixed([], "a", 3, streaming=True), beside])
    assert beside.budgets[0] == 4, "a quarter until the speed is known"


class Late:
    """Stands in for a decoder on a GPU: the forward call returns at once, the work takes a second more."""

    def __init__(self, decoder: Decoder, clock: list[float]) -> None:
        self._decoder, self._clock = decoder, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def settle(self) -> None:
        self._clock[0] += 1.0


def test_the_speed_counts_what_the_device_has_computed(loaded: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what it was only told: 64 tokens a second, of which a pass beside answers may take 0.5 s."""
    clock = [0.0]
    monkeypatch.setattr("sparse_backend.scheduler.time.perf_counter", lambda: clock[0])
    beside = Fixed([], "r", 2, size=64, owner="ann")
    late: Any = Late(loaded, clock)
    scheduler = run(late, [Fixed([], "r", 1, size=64)], chunk=64, step_s=0.5)
    gate, answer = threading.Event(), Fixed([], "a", 3, streaming=True)
    answer.cancelled = lambda: not gate.wait(30)  # type: ignore[method-assign]  # until both are there
    scheduler.submit(answer)
    scheduler.submit(beside)
    gate.set()
    assert beside.released.wait(30)
    assert beside.budgets[0] == 32


def test_a_pass_that_failed_leaves_no_evidence_twice(loaded: Decoder, tmp_path: Path) -> None:
    """Each is computed alone then, and notes what it looked at as if nothing had happened."""
    made = engine(loaded, tmp_path)
    segment, question = made.read(tokens(100, 1), [0, 30]).segment, tokens(3, 2)
    alone = ask(made, segment, question)
    made.tails.forget(segment.key)  # the question is fed anew
    bad: Any = Fixed([], "bad", 2, streaming=True)

    def attend(layer: int, q: Any, k: Any, v: Any, form: Any) -> Any:
        if layer == 2:
            raise RuntimeError("a fault after two layers")
        return torch.zeros_like(q).transpose(0, 1)

    def before_a_pass() -> None:
        if made.scheduler.load == 1 and bad.error is None:
            made.scheduler.submit(bad)
        plain()

    bad._step.attend, plain = attend, made.scheduler._pass
    made.scheduler._pass = before_a_pass  # type: ignore[method-assign]
    again = ask(made, segment, question)
    assert bad.error is not None and again.token_ids == alone.token_ids
    assert (
        torch.allclose(again.evidence.dense(), alone.evidence.dense(), atol=1e-5)
        and alone.evidence.dense().max() > 0.01
    )


@pytest.mark.parametrize("where", ["work", "done", "attend"])
def test_one_that_fails_harms_no_other(loaded: Decoder, where: str) -> None:
    log: list[tuple[str, int]] = []
    good = [Fixed(log, name, 3, streaming=True) for name in "ab"]
    bad: Any = Fixed(log, "bad", 3, streaming=True, breaks=where == "done")

    def broken(*_: Any) -> Any:
        raise RuntimeError("my own fault")

    if where == "work":
        bad.work = broken
    if where == "attend":
        bad._step.attend = broken
    run(loaded, [good[0], bad, good[1]])
    assert "my own fault" in str(bad.error) and not any(request.error for request in good)
    assert all(request._left == 0 for request in good)


def test_who_is_gone_is_left_out_of_the_next_pass(loaded: Decoder) -> None:
    log: list[tuple[str, int]] = []
    leaving: Any = Fixed(log, "l", 99, streaming=True)
    leaving.cancelled = lambda: len(log) >= 4
    run(loaded, [Fixed(log, "s", 6, streaming=True), leaving])
    assert [name for name, _ in log].count("l") == 2 and [name for name, _ in log].count("s") == 6


def test_the_thread_ends_with_the_work_and_begins_again(loaded: Decoder) -> None:
    made = run(loaded, [Fixed([], "a", 1)])
    for _ in range(200):
        if not any(thread.name == "scheduler" for thread in threading.enumerate()):
            break
        time.sleep(0.02)
    again = Fixed([], "b", 1)
    made.submit(again)
    assert again.released.wait(30) and made.load == 0


def test_many_conversations_give_what_each_gives_alone(loaded: Decoder, tmp_path: Path) -> None:
    made = engine(loaded, tmp_path / "together")
    docs = [tokens(90 + index, index) for index in range(3)]
    segments = [made.read(doc, [0]).segment for doc in docs]
    questions = [(index % 3, tokens(5 + index, 50 + index)) for index in range(9)]
    answers = together(*[lambda d=d, q=q: ask(made, segments[d], q, 12).token_ids for d, q in questions])
    for (index, question), answer in zip(questions, answers, strict=True):
        alone = engine(loaded, tmp_path / "alone")
        assert ask(alone, alone.read(docs[index], [0]).segment, question, 12).token_ids == answer


def test_a_long_reading_does_not_stop_a_stream(loaded: Decoder, tmp_path: Path) -> None:
    """While a text is read, an answer gets a token in every pass."""
    decoder: Any = Counting(loaded)
    made: Engine = engine(decoder, tmp_path)
    segment = made.read(tokens(60), []).segment
    running = made.ask(segment, QUESTION, stop_ids=NEVER, max_new_tokens=30)
    next(running)
    decoder.calls.clear()
    thread = threading.Thread(target=lambda: made.read(tokens(400, 7), []))
    thread.start()
    said = list(running)
    thread.join(30)
    assert len(said) == 29
    mixed = [len(ids) for ids in decoder.calls if 1 < len(ids) <= 17]
    assert mixed, "some passes carried a token of the answer and a piece of the reading"


def test_a_reading_can_be_abandoned(loaded: Decoder) -> None:
    kv = KVBuffer(loaded.shape, 64)
    request = ReadRequest([1] * 64, kv, lambda: Plain([], "r"), owner="", at_once=False, most=64, cancel=None)
    request.abandoned = True
    assert request.cancelled() and request.events.get() == Event("end") and not request.complete


def test_a_reading_takes_no_more_in_a_pass_than_its_own_engine_says(loaded: Decoder, tmp_path: Path) -> None:
    """Whatever chunk the scheduler was made for by another engine."""
    decoder: Any = Counting(loaded)
    first = engine(decoder, tmp_path / "first", chunk=40)
    second = Engine(decoder, replace(first.options, segments=tmp_path / "second", chunk=8), None, first.scheduler)
    second.read(tokens(60), [])
    assert max(len(ids) for ids in decoder.calls) == 8
    assert not second._reading


def test_what_nobody_waits_for_gives_way_to_everybody(loaded: Decoder) -> None:
    log: list[tuple[str, int]] = []
    spare = Fixed(log, "spare", 3, size=16, background=True)
    answer = Fixed(log, "answer", 4, streaming=True)
    reading = Fixed(log, "reading", 2, size=16)
    run(loaded, [spare, answer, reading])
    names = [name for name, _ in log]
    assert names.index("spare") > max(names.index("reading"), len(names) - 1 - names[::-1].index("answer"))
    assert names[-3:] == ["spare"] * 3 and not any(each.error for each in (spare, answer, reading))
    assert max(spare.budgets) <= 16 and spare.budgets[0] == 4, "small pieces, so that whoever comes waits for little"


def test_an_engine_in_the_background_shares_the_passes_of_another(loaded: Decoder, tmp_path: Path) -> None:
    first = engine(loaded, tmp_path / "a")
    spare = Engine(loaded, replace(first.options, background=True), None, first.scheduler)
    assert spare.scheduler is first.scheduler
    ids = tokens(60)
    before = next(first.scheduler.passes)
    assert spare.read(ids, [0]).segment.token_ids == tuple(ids)
    assert next(first.scheduler.passes) > before + 1
