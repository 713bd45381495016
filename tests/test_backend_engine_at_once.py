"""Engine: many at once, and none disturbs another."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from sparse_backend import Answer, Cancelled, Decoder, Engine
from tests.engine_cases import ANCHORS, DOC, NEVER, QUESTION, ask, decoder, fresh, loaded, made, quick, together
from tests.tiny import engine, tokens

__all__ = ["decoder", "loaded", "made", "quick"]  # fixtures


def test_questions_at_once_do_not_disturb_each_other(made: Engine, loaded: Decoder, tmp_path: Path) -> None:
    segment = made.read(DOC, ANCHORS).segment
    questions = [QUESTION, [*QUESTION[:5], 1, 2], tokens(30, seed=8), QUESTION]
    ask(made, segment, QUESTION, new=3)  # a tail that all of them would like to have
    answers = together(*[lambda ids=ids: ask(made, segment, ids, 20).token_ids for ids in questions])
    assert answers == [fresh(loaded, tmp_path, ids, 20) for ids in questions]


def test_two_generators_in_turn_do_not_disturb_each_other(made: Engine, loaded: Decoder, tmp_path: Path) -> None:
    segment = made.read(DOC, ANCHORS).segment
    ask(made, segment, QUESTION, new=1)  # both would like to have this tail
    questions = [*QUESTION, 1], [*QUESTION, 3]
    running = [made.ask(segment, ids, stop_ids=NEVER, max_new_tokens=8) for ids in questions]
    turns = list(zip(*running, strict=True))
    assert len(turns) == 8
    for number, ids in enumerate(questions):
        assert tuple(turn[number] for turn in turns) == fresh(loaded, tmp_path, ids)


def test_readers_of_one_document_read_it_once(made: Engine, decoder: Any) -> None:
    reads = together(*[lambda: made.read(DOC, ANCHORS)] * 3)
    assert decoder.fed == len(DOC)
    assert sorted(read.cached_tokens for read in reads) == [0, 100, 100]
    assert all(read.segment is reads[0].segment for read in reads)


def test_readings_at_once_take_turns(made: Engine, loaded: Decoder, tmp_path: Path) -> None:
    docs = [tokens(200, seed) for seed in (1, 2, 3)]
    reads = together(*[lambda doc=doc: made.read(doc, []) for doc in docs])
    for doc, read in zip(docs, reads, strict=True):
        alone = engine(loaded, tmp_path / "alone").read(doc, []).segment
        assert torch.equal(read.segment.keys, alone.keys)


def test_a_waiting_reader_takes_over_when_the_first_is_cancelled(made: Engine) -> None:
    waiting = threading.Event()
    result: list[Any] = []

    def second() -> None:
        waiting.set()
        result.append(made.read(DOC, ANCHORS))

    thread = threading.Thread(target=second)

    def cancel() -> bool:
        if not waiting.is_set():
            thread.start()
        return waiting.wait(30)

    with pytest.raises(Cancelled):
        made.read(DOC, ANCHORS, cancel=cancel)
    thread.join(60)
    assert result[0].cached_tokens == 0


def test_a_question_is_answered_in_the_middle_of_a_reading(made: Engine) -> None:
    segment = made.read(DOC, ANCHORS).segment
    answers: list[Answer] = []

    def progress(done: int, _total: int) -> None:
        if done == 32:  # another thread must get its whole answer while this one waits between two chunks
            thread = threading.Thread(target=lambda: answers.append(ask(made, segment, QUESTION)))
            thread.start()
            thread.join(30)

    made.read(tokens(200, seed=3), [], progress=progress)
    assert len(answers) == 1 and len(answers[0].token_ids) == 8
