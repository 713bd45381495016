"""Engine.ask: what was asked is computed once, and an answer is true to what it was asked of."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from sparse_backend import ContextTooLongError, Decoder, Engine, Impl
from sparse_backend.lease import Lease
from sparse_backend.quotes import QuoteConstraint, QuoteMarks, QuoteSource
from sparse_backend.sampling import Sampling
from sparse_backend.segment import Context, KVBuffer
from sparse_backend.suffixes import SuffixIndex
from tests.engine_cases import ANCHORS, DOC, NEVER, QUESTION, ask, decoder, fresh, loaded, made, quick
from tests.tiny import LIMIT, Counting, engine, tokens

__all__ = ["decoder", "loaded", "made", "quick"]  # fixtures


def test_an_answer_accounts_for_itself(made: Engine) -> None:
    segment = made.read(DOC, ANCHORS).segment
    answer = ask(made, segment, QUESTION)
    assert (len(answer.token_ids), answer.finish) == (8, "length")
    assert (answer.context_tokens, answer.cached_tokens) == (109, 100)
    assert answer.evidence.shape == (8, 100)
    assert 0 < answer.first_token_s <= answer.total_s


def test_a_follow_up_computes_only_its_own_tokens(made: Engine, decoder: Any, loaded: Decoder, tmp_path: Path) -> None:
    segment = made.read(DOC, ANCHORS).segment
    decoder.calls.clear()
    first = ask(made, segment, QUESTION)
    assert decoder.calls[0] == QUESTION and decoder.fed == 9 + 7  # the last token is never fed
    decoder.calls.clear()
    history = [*QUESTION, *first.token_ids, *tokens(5, seed=6)]
    second = ask(made, segment, history)
    assert decoder.calls[0] == history[16:] and decoder.fed == 6 + 7
    assert second.cached_tokens == 100 + 16
    assert second.token_ids == fresh(loaded, tmp_path, history)


def test_a_long_question_goes_in_chunks(made: Engine, decoder: Any) -> None:
    segment = made.read(DOC, ANCHORS).segment
    decoder.calls.clear()
    ask(made, segment, tokens(40), new=1)
    assert [len(ids) for ids in decoder.calls] == [16, 16, 8]


def test_the_same_question_again_costs_one_token(made: Engine, decoder: Any) -> None:
    segment = made.read(DOC, ANCHORS).segment
    first = ask(made, segment, QUESTION)
    decoder.calls.clear()
    assert ask(made, segment, QUESTION, new=1).token_ids == first.token_ids[:1]
    assert decoder.calls == [QUESTION[-1:]]


def test_an_edited_turn_branches_and_both_branches_stay(
    made: Engine, decoder: Any, loaded: Decoder, tmp_path: Path
) -> None:
    segment = made.read(DOC, ANCHORS).segment
    first = [*QUESTION, *ask(made, segment, QUESTION).token_ids]
    edited = [*QUESTION[:4], *tokens(6, seed=7)]
    decoder.calls.clear()
    assert ask(made, segment, edited).token_ids == fresh(loaded, tmp_path, edited)
    assert decoder.calls[0] == edited[4:]
    decoder.calls.clear()
    follow_up = [*first, 3, 4]
    assert ask(made, segment, follow_up).token_ids == fresh(loaded, tmp_path, follow_up)
    assert decoder.calls[0] == follow_up[len(first) - 1 :]


@pytest.mark.parametrize("taken", [1, 3])
def test_closing_midway_keeps_the_tail_true(
    made: Engine, decoder: Any, loaded: Decoder, tmp_path: Path, taken: int
) -> None:
    segment = made.read(DOC, ANCHORS).segment
    running = made.ask(segment, QUESTION, stop_ids=NEVER, max_new_tokens=8)
    got = [next(running) for _ in range(taken)]
    running.close()
    (tail,) = made.tails
    said = [*QUESTION, *fresh(loaded, tmp_path, QUESTION)]  # computing may be ahead of the reader
    assert tail.token_ids == said[: len(tail.token_ids)] and tail.kv.length == len(tail.token_ids)
    assert len(tail.token_ids) >= len(QUESTION) + taken - 1
    for ids in ([*QUESTION, *got, 5, 6], QUESTION, [*QUESTION[:-1], 1]):
        assert ask(made, segment, ids).token_ids == fresh(loaded, tmp_path, ids)


def test_a_failure_midway_keeps_the_tail_true(
    made: Engine, loaded: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = made.read(DOC, ANCHORS).segment
    written = KVBuffer.write

    def breaking(kv: KVBuffer, layer: int, k: torch.Tensor, v: torch.Tensor) -> Any:
        if layer == 1 and kv.length == len(QUESTION) + 2:
            raise TypeError("broken")
        return written(kv, layer, k, v)

    with monkeypatch.context() as patch:
        patch.setattr(KVBuffer, "write", breaking)
        running = made.ask(segment, QUESTION, stop_ids=NEVER, max_new_tokens=8)
        with pytest.raises(TypeError, match="broken"):
            list(running)
    assert ask(made, segment, QUESTION).token_ids == fresh(loaded, tmp_path, QUESTION)


def test_a_question_that_never_starts_leaves_no_lease_and_its_tail(
    made: Engine, decoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = made.read(DOC, ANCHORS).segment, made.read(DOC[:50], []).segment
    both = Context((first, second))
    ask(made, both, QUESTION)
    lease = made.store.lease

    def failing(key: str) -> Lease:
        if key == second.key:
            raise OSError("too many open files")
        return lease(key)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="too many"):
        patch.setattr(made.store, "lease", failing)
        next(made.ask(both, QUESTION, stop_ids=NEVER, max_new_tokens=2))
    assert not made.store.leased(first.key)
    with monkeypatch.context() as patch, pytest.raises(TypeError, match="no drafts"):
        patch.setattr(made, "_drafter", Mock(side_effect=TypeError("no drafts")))
        next(made.ask(both, QUESTION, stop_ids=NEVER, max_new_tokens=2))
    assert not made.store.leased(first.key) and not made.store.leased(second.key)
    decoder.calls.clear()
    ask(made, both, QUESTION)
    assert decoder.calls[0] == QUESTION[-1:]  # its tail is still there


def test_memory_is_taken_from_segments_that_nobody_asks(made: Engine) -> None:
    first, second = made.read(DOC, ANCHORS).segment, made.read(DOC[:50], []).segment
    with made.store.lease(first.key):
        assert made.shelf.let_go() and not made.shelf.let_go()
        assert len(made.shelf) == 1
    assert made.shelf.let_go() and len(made.shelf) == 0
    assert made.shelf.get(second.key) is not None  # from the store


def test_tails_of_other_documents_are_not_used(made: Engine, loaded: Decoder, tmp_path: Path) -> None:
    other = made.read(DOC[:50], []).segment
    ask(made, other, QUESTION)
    segment = made.read(DOC, ANCHORS).segment
    answer = ask(made, segment, QUESTION)
    assert answer.cached_tokens == len(DOC) and answer.token_ids == fresh(loaded, tmp_path, QUESTION)


def test_only_the_last_tails_stay_in_memory(decoder: Any, tmp_path: Path) -> None:
    made = engine(decoder, tmp_path, live_tails=2)
    segment = made.read(DOC, ANCHORS).segment
    for first in (1, 2, 3):
        ask(made, segment, [first, 9, 9, 9], new=2)
    assert [tail.token_ids[0] for tail in made.tails] == [2, 3]


def test_drafts_change_the_passes_but_not_the_answer(loaded: Decoder, tmp_path: Path) -> None:
    """A text that repeats itself, so that what followed before is a good guess."""
    doc, question = [*tokens(30, 3)] * 4, tokens(30, 3)[:12]
    drafting = Counting(loaded)
    ours = engine(drafting, tmp_path / "drafts", drafts=True, pattern="dense")  # type: ignore[arg-type]
    plain = engine(loaded, tmp_path / "plain", pattern="dense")
    answers = [ask(one, one.read(doc, [0]).segment, question, 40) for one in (ours, plain)]
    assert answers[0].token_ids == answers[1].token_ids and len(answers[0].evidence) == len(answers[0].token_ids)
    assert torch.allclose(answers[0].evidence.dense(), answers[1].evidence.dense(), atol=1e-4)
    assert any(len(ids) > 1 for ids in drafting.calls[-20:]), "some passes checked drafts"


def test_a_seed_makes_a_sampled_answer_again(made: Engine) -> None:
    segment = made.read(DOC, ANCHORS).segment
    warm = Sampling(temperature=1.5, seed=7, logprobs=2)
    first, again = (ask(made, segment, QUESTION, 12, sampling=warm) for _ in range(2))
    assert first.token_ids == again.token_ids
    assert ask(made, segment, QUESTION, 12, sampling=Sampling(temperature=1.5, seed=8)).token_ids != first.token_ids
    assert all(choice.logprob < 0 and len(choice.top) == 2 for choice in first.choices)


def test_quotes_are_the_documents_own_words(made: Engine) -> None:
    """Behind the mark only runs of the document can follow, whatever the model would rather say."""
    segment, mark, end = made.read(DOC, ANCHORS).segment, 96, 95
    marks = QuoteMarks(
        openings=((mark,),),
        line_ends=frozenset({end}),
        newlines=frozenset({end}),
        closings=frozenset({end}),
        stops=frozenset(),
    )
    source = QuoteSource(SuffixIndex(DOC), marks, 3)
    held = QuoteConstraint([source], marks, 97)
    held.accept(mark)  # the answer begins inside a quote
    answer = ask(made, segment, [*QUESTION, mark], 10, constraint=held).token_ids
    said = list(answer[: answer.index(end)] if end in answer else answer)
    assert any(DOC[at : at + len(said)] == said for at in range(len(DOC))) and len(said) >= 3


def test_stop_ids_end_the_answer_and_are_not_part_of_it(made: Engine) -> None:
    segment = made.read(DOC, ANCHORS).segment
    free = ask(made, segment, QUESTION).token_ids
    stop = next(token for token in free[2:] if token not in free[:2])
    at = free.index(stop)
    answer = ask(made, segment, QUESTION, stop_ids=frozenset({stop}))
    assert (answer.token_ids, answer.finish) == (free[:at], "stop") and len(answer.evidence) == at
    nothing = ask(made, segment, QUESTION, stop_ids=frozenset({free[0]}))
    assert (nothing.token_ids, nothing.finish, nothing.evidence.shape) == ((), "stop", (0, 100))


@pytest.mark.parametrize("new", [1, 5])
def test_the_answer_is_no_longer_than_asked(made: Engine, new: int) -> None:
    segment = made.read(DOC, ANCHORS).segment
    assert len(ask(made, segment, QUESTION, new).token_ids) == new


def test_cancel_ends_an_answer(made: Engine) -> None:
    segment = made.read(DOC, ANCHORS).segment
    calls = iter([False, False, False, True])  # asked before each pass
    answer = ask(made, segment, QUESTION, cancel=lambda: next(calls))
    assert (len(answer.token_ids), answer.finish) == (3, "cancelled") and len(answer.evidence) == 3


def test_repetition_ends_an_answer(made: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = made.read(DOC, ANCHORS).segment
    monkeypatch.setattr("sparse_backend.requests.looping", lambda ids: len(ids) == 4)
    answer = ask(made, segment, QUESTION)
    assert (len(answer.token_ids), answer.finish) == (4, "repeat")


def test_what_cannot_be_asked_fails_before_the_first_pass(made: Engine, decoder: Any) -> None:
    segment = made.read(DOC, ANCHORS).segment
    decoder.calls.clear()
    with pytest.raises(ContextTooLongError, match="fewer words") as caught:
        ask(made, segment, QUESTION, new=LIMIT - 108)
    assert (caught.value.tokens, caught.value.limit) == (LIMIT + 1, LIMIT)
    with pytest.raises(ValueError, match="no question"):
        ask(made, segment, [])
    with pytest.raises(ValueError, match="max_new_tokens"):
        next(made.ask(segment, QUESTION, stop_ids=NEVER, max_new_tokens=0))
    assert decoder.calls == [] and not len(made.tails)


def test_a_context_of_exactly_the_limit_is_answered(made: Engine) -> None:
    segment = made.read(DOC, ANCHORS).segment
    assert len(ask(made, segment, tokens(LIMIT - 102), new=2).token_ids) == 2


def test_the_reference_and_the_cpu_give_one_answer(loaded: Decoder, tmp_path: Path) -> None:
    answers = []
    for impl in (Impl.REFERENCE, Impl.CPU):
        made = engine(loaded, tmp_path / impl, impl=impl)
        answers.append(ask(made, made.read(DOC, ANCHORS).segment, QUESTION, 20))
    assert answers[0].token_ids == answers[1].token_ids
    assert torch.allclose(answers[0].evidence.dense(), answers[1].evidence.dense(), atol=1e-4)
