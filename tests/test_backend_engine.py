"""Engine: what is read is read once, what is asked is computed once, and nothing is left behind."""

import shutil
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparse_backend import Answer, Cancelled, ContextTooLongError, Decoder, Engine, EngineOptions, Impl
from sparse_backend.config import DiskFullError, OutOfMemoryError, UnsupportedPatternError
from sparse_backend.kvstore import MARGIN
from sparse_backend.presets import LEVELS
from sparse_backend.probe import Evidence
from sparse_backend.quotes import QuoteConstraint, QuoteMarks, QuoteSource
from sparse_backend.requests import looping
from sparse_backend.sampling import Sampling
from sparse_backend.segment import KVBuffer, Segment
from sparse_backend.suffixes import SuffixIndex
from tests.tiny import LIMIT, Counting, build, engine, llama, load, one_thread, save, tokens

DOC, ANCHORS, QUESTION = tokens(100), [20, 60], tokens(9, seed=5)
NEVER: frozenset[int] = frozenset()


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return load(save(tmp_path_factory.mktemp("llama"), llama()))


@pytest.fixture
def decoder(loaded: Decoder) -> Any:
    return Counting(loaded)


@pytest.fixture
def made(decoder: Any, tmp_path: Path) -> Engine:
    return engine(decoder, tmp_path)


def finish(answer: Generator[int, None, Answer]) -> Answer:
    """The value that the generator returns."""
    streamed = []
    while True:
        try:
            streamed.append(next(answer))
        except StopIteration as end:
            result: Answer = end.value
            assert tuple(streamed) == result.token_ids
            return result


def ask(made: Engine, segment: Segment, ids: Sequence[int], new: int = 8, **options: Any) -> Answer:
    return finish(made.ask(segment, ids, **{"stop_ids": NEVER, "max_new_tokens": new, **options}))


def fresh(loaded: Decoder, folder: Path, ids: Sequence[int], new: int = 8) -> tuple[int, ...]:
    """What an engine answers that has seen nothing before."""
    other = engine(loaded, folder / "fresh")
    return ask(other, other.read(DOC, ANCHORS).segment, ids, new).token_ids


# -- reading ---------------------------------------------------------------------


def test_a_document_is_read_once(made: Engine, decoder: Any) -> None:
    first = made.read(DOC, ANCHORS)
    assert (first.cached_tokens, decoder.fed) == (0, len(DOC))
    assert decoder.complete == 0  # the last layer's output is never computed
    assert [len(ids) for ids in decoder.calls] == [16] * 6 + [4]
    again = made.read(DOC, ANCHORS)
    assert (again.cached_tokens, decoder.fed) == (len(DOC), len(DOC))
    assert again.segment is first.segment


def test_after_a_restart_it_comes_from_disk(made: Engine, decoder: Any, tmp_path: Path) -> None:
    first = made.read(DOC, ANCHORS).segment
    answer = ask(made, first, QUESTION)
    fed = decoder.fed
    restarted = engine(decoder, tmp_path)
    read = restarted.read(DOC, ANCHORS)
    assert (read.cached_tokens, decoder.fed) == (len(DOC), fed)
    assert torch.equal(read.segment.keys, first.keys) and torch.equal(read.segment.values, first.values)
    again = ask(restarted, read.segment, QUESTION)
    assert again.token_ids == answer.token_ids
    assert torch.equal(again.evidence.dense(), answer.evidence.dense())


def test_memory_holds_only_the_last_documents(decoder: Any, tmp_path: Path) -> None:
    made = engine(decoder, tmp_path, resident_segments=2)
    segments = [made.read(tokens(20, seed), []).segment for seed in range(3)]
    assert made.read(tokens(20, 1), []).segment is segments[1]
    assert made.read(tokens(20, 0), []).segment is not segments[0]  # from disk
    assert made.read(tokens(20, 1), []).segment is segments[1]
    assert decoder.fed == 60


@pytest.mark.parametrize("name", ["truncated", "header"])
def test_a_damaged_segment_is_read_again(made: Engine, decoder: Any, tmp_path: Path, name: str) -> None:
    first = made.read(DOC, ANCHORS).segment
    (path,) = tmp_path.glob("*.safetensors")
    good = bytearray(path.read_bytes())
    good[20] ^= 1
    path.unlink()  # the engine may have the old file mapped
    path.write_bytes(good if name == "header" else good[:-50])
    read = engine(decoder, tmp_path).read(DOC, ANCHORS)
    assert (read.cached_tokens, decoder.fed) == (0, 2 * len(DOC))
    assert torch.equal(read.segment.keys, first.keys)
    assert engine(decoder, tmp_path).read(DOC, ANCHORS).cached_tokens == len(DOC)


def test_the_key_follows_everything_that_changes_keys_and_values(
    loaded: Decoder, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = save(tmp_path_factory.mktemp("llama"), llama())
    other = load(save(tmp_path_factory.mktemp("other"), llama(), seed=1))

    def key(decoder: Decoder = loaded, doc: Sequence[int] = DOC, anchors: Sequence[int] = ANCHORS, **o: Any) -> str:
        return Engine(decoder, EngineOptions(tmp_path, **o)).key(doc, anchors)

    keys = [
        key(),
        key(impl=Impl.REFERENCE),
        key(anchors=[20]),
        key(doc=DOC[:-1]),
        key(decoder=load(folder, torch.bfloat16)),
        key(decoder=other),
    ]
    assert len(set(keys)) == len(keys)
    assert key(load(folder), chunk=7) == keys[0]
    assert key(pattern="dense") == keys[0], "so short a text is read densely by either"
    wide = load(save(tmp_path_factory.mktemp("wide"), llama(max_position_embeddings=4096)))
    long = [1] * 1100
    assert len({key(wide, long, level=level) for level in LEVELS} | {key(wide, long, pattern="dense")}) == 4
    assert key(salt="one") != key() != key(salt="two")


def test_chunks_do_not_change_what_is_read(loaded: Decoder, tmp_path: Path) -> None:
    whole = engine(loaded, tmp_path / "whole", chunk=LIMIT).read(DOC, ANCHORS).segment
    for chunk in (7, 99):
        made = engine(loaded, tmp_path / str(chunk), chunk=chunk)
        part = made.read(DOC, ANCHORS).segment
        assert torch.allclose(part.keys, whole.keys, atol=1e-4), chunk
        assert torch.allclose(part.values, whole.values, atol=1e-4), chunk


def test_both_implementations_read_the_same(loaded: Decoder, tmp_path: Path) -> None:
    one, other = (
        engine(loaded, tmp_path / impl, impl=impl).read(DOC, ANCHORS).segment for impl in (Impl.CPU, Impl.REFERENCE)
    )
    assert torch.allclose(one.keys, other.keys, atol=1e-4)
    dense = engine(loaded, tmp_path / "dense", pattern="dense").read(DOC, ANCHORS).segment
    assert not torch.allclose(one.keys, dense.keys, atol=1e-2)


def test_progress_goes_from_zero_to_all(made: Engine) -> None:
    seen: list[tuple[int, int]] = []
    made.read(DOC, ANCHORS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 100) for done in (0, 16, 32, 48, 64, 80, 96, 100)]
    seen.clear()
    made.read(DOC, ANCHORS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(100, 100)]


def test_cancelling_leaves_nothing(made: Engine, decoder: Any, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        made.read(DOC, ANCHORS, cancel=lambda: len(decoder.calls) == 3)
    assert len(decoder.calls) == 3 and not list(tmp_path.iterdir()) and not len(made.shelf)
    assert made.read(DOC, ANCHORS).cached_tokens == 0
    assert decoder.fed == 3 * 16 + len(DOC)


def test_forgetting_removes_memory_disk_and_tails(made: Engine, decoder: Any, tmp_path: Path) -> None:
    segment = made.read(DOC, ANCHORS).segment
    ask(made, segment, QUESTION)
    running = made.ask(segment, QUESTION, stop_ids=NEVER, max_new_tokens=8)
    next(running)
    made.forget(segment.key)
    running.close()
    assert not list(tmp_path.iterdir()) and not len(made.shelf) and not len(made.tails)
    assert made.read(DOC, ANCHORS).cached_tokens == 0
    ask(made, segment, QUESTION)
    assert len(made.tails) == 1


def test_what_cannot_fit_fails_before_the_first_pass(
    made: Engine, decoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ContextTooLongError, match="headers") as caught:
        engine(decoder, tmp_path, pattern="dense").read(tokens(LIMIT + 1), [])
    assert (caught.value.tokens, caught.value.limit) == (LIMIT + 1, LIMIT)
    with pytest.raises(ValueError, match="nothing to read"):
        made.read([], [])
    with pytest.raises(ValueError, match="anchors"):
        made.read(DOC, [len(DOC)])
    memory = psutil.virtual_memory()
    with monkeypatch.context() as patch:
        patch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=10_000))
        with pytest.raises(OutOfMemoryError, match="close other programs"):
            made.read(DOC, ANCHORS)
    disk = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: disk._replace(free=MARGIN))
        with pytest.raises(DiskFullError):
            made.read(DOC, ANCHORS)
    assert decoder.calls == [] and not list(tmp_path.iterdir()) and not len(made.shelf)
    assert made.read(DOC, ANCHORS).cached_tokens == 0


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    made: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tensors: object, path: Path, _metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("sparse_backend.kvfile.save_file", fail)
        with pytest.raises(DiskFullError):
            made.read(DOC, ANCHORS)
    assert not list(tmp_path.iterdir()) and not len(made.shelf)
    assert made.read(DOC, ANCHORS).cached_tokens == 0


def test_an_unknown_pattern_is_refused_at_once(loaded: Decoder, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPatternError):
        engine(loaded, tmp_path, pattern="nonesuch")


# -- asking ----------------------------------------------------------------------


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


# -- many at once ------------------------------------------------------------------


def together(*works: Callable[[], Any]) -> list[Any]:
    """Runs the works at once, in threads; their results."""
    results: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(number: int, work: Callable[[], Any]) -> None:
        gate.wait(30)
        results[number] = work()

    threads = [threading.Thread(target=run, args=entry) for entry in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


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


# -- evidence and repetition ---------------------------------------------------------


def test_evidence_is_the_attention_of_the_generated_tokens(loaded: Decoder, tmp_path: Path) -> None:
    """The same weights as transformers' own, where reading is dense; the first 64 tokens are left out."""
    made = engine(loaded, tmp_path, pattern="dense")
    question = tokens(40, seed=4)  # more than one chunk
    answer = ask(made, made.read(DOC, []).segment, question, new=4)
    with torch.inference_mode():
        ids = torch.tensor([[*DOC, *question, *answer.token_ids[:-1]]])
        weights = build(llama())(input_ids=ids, output_attentions=True).attentions
    rows = weights[1][0, :, -4:, :100].amax(0) + weights[2][0, :, -4:, :100].amax(0)
    rows[:, :64] = 0
    assert torch.allclose(answer.evidence.dense(), rows, atol=1e-4) and rows.max() > 0.1


def test_evidence_adds_the_strongest_head_of_the_upper_layers() -> None:
    evidence = Evidence(layers=3, n=4, skip=1)
    weights = torch.rand(2, 5, 6)
    for layer in range(3):
        evidence.add(layer, weights * (layer + 1))
    evidence.keep(1)
    evidence.expect(1)
    evidence.keep(1)
    want = weights[:, -1, :4].max(0).values * (2 + 3)
    want[0] = 0
    assert torch.allclose(evidence.looked().dense()[0], want) and not evidence.looked().dense()[1].any()
    assert Evidence(3, 4, 9).looked().shape == (0, 4)


def test_evidence_is_the_mean_of_the_heads_that_are_named() -> None:
    evidence = Evidence(layers=3, n=4, skip=1, heads=((0, 1), (2, 0)))
    weights = torch.rand(2, 5, 6)
    assert [evidence.wanted(layer) for layer in range(3)] == [1, 0, 1]
    for layer in range(3):
        evidence.add(layer, weights * (layer + 1))
    evidence.keep(1)
    want = (weights[1, -1, :4] + 3 * weights[0, -1, :4]) / 2
    want[0] = 0
    assert torch.allclose(evidence.looked().dense()[0], want)


def test_named_heads_count_where_only_some_tokens_were_met() -> None:
    evidence = Evidence(layers=1, n=6, skip=0, heads=((0, 3),))  # of four query heads, two to a key head
    weights = torch.rand(4, 1, 3)
    evidence.add(0, weights, torch.tensor([[0, 1], [5, 2]]))
    evidence.keep(1)
    assert torch.allclose(evidence.looked().dense()[0], torch.tensor([0, 0, weights[3, 0, 1], 0, 0, weights[3, 0, 0]]))


def test_an_engine_that_knows_heads_looks_with_them(loaded: Decoder, tmp_path: Path) -> None:
    made = engine(loaded, tmp_path, pattern="dense")
    segment = made.read(DOC, []).segment
    plain = ask(made, segment, QUESTION)
    made.heads = ((2, 1),)
    found = ask(made, segment, [*QUESTION, 5])
    assert (plain.heads, found.heads) == (0, 1)
    question = [*QUESTION, 5]
    with torch.inference_mode():
        ids = torch.tensor([[*DOC, *question, *found.token_ids[:-1]]])
        weights = build(llama())(input_ids=ids, output_attentions=True).attentions
    rows = weights[2][0, 1, -len(found.token_ids) :, : len(DOC)].clone()
    rows[:, :64] = 0
    assert torch.allclose(found.evidence.dense(), rows, atol=1e-4) and rows.max() > 0


@given(start=st.lists(st.integers(0, 9)), phrase=st.lists(st.integers(0, 9), min_size=1, max_size=48))
def test_a_phrase_said_over_and_over_is_a_loop(start: list[int], phrase: list[int]) -> None:
    times = max(4, -(-24 // len(phrase)))
    assert looping(start + phrase * times)
    assert not looping(phrase * times, longest=0)


@given(ids=st.lists(st.integers(0, 1), max_size=60))
def test_a_loop_is_what_its_docstring_says(ids: list[int]) -> None:
    def ends_in(period: int) -> bool:
        span = max(4 * period, 24)
        tail = ids[-span:]
        return len(tail) == span and all(a == b for a, b in zip(tail, tail[period:], strict=False))

    assert looping(ids) == any(ends_in(period) for period in range(1, 49))


def test_four_equal_words_are_not_yet_a_loop() -> None:
    assert not looping([5] + [7] * 23) and looping([7] * 24)
    assert not looping([1, 2, 3] * 7) and looping([1, 2, 3] * 8)
    assert not looping(list(range(30)) * 3) and looping(list(range(30)) * 4)
    assert not looping(list(range(49)) * 8)


def test_the_reference_and_the_cpu_give_one_answer(loaded: Decoder, tmp_path: Path) -> None:
    answers = []
    for impl in (Impl.REFERENCE, Impl.CPU):
        made = engine(loaded, tmp_path / impl, impl=impl)
        answers.append(ask(made, made.read(DOC, ANCHORS).segment, QUESTION, 20))
    assert answers[0].token_ids == answers[1].token_ids
    assert torch.allclose(answers[0].evidence.dense(), answers[1].evidence.dense(), atol=1e-4)
