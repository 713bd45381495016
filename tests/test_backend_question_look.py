"""Where a question looks: the same numbers as transformers' own attention, however the question is fed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sparse_backend import Answer, Decoder, Engine, EngineOptions
from sparse_backend import question_look as module
from sparse_backend.attention import global_attention
from sparse_backend.config import Impl
from sparse_backend.extra import PLAIN, Extra
from sparse_backend.question_look import QuestionLook
from sparse_backend.segment import Context
from tests.engine_cases import DOC, QUESTION, ask, decoder, finish, loaded, made, quick
from tests.tiny import LIMIT, build, engine, llama, tokens

__all__ = ["decoder", "loaded", "made", "quick"]  # fixtures
HEADS = ((0, 1), (2, 0), (2, 5))


def of_transformers(behind: list[int], words: range) -> Tensor:
    """The mean over HEADS and the tokens `words` behind DOC of what transformers' attention gives each token of DOC."""
    rows = slice(len(DOC) + words.start, len(DOC) + words.stop)
    with torch.inference_mode():
        weights = build(llama())(input_ids=torch.tensor([[*DOC, *behind]]), output_attentions=True).attentions
    mean = torch.stack([weights[layer][0, head, rows, : len(DOC)].mean(0) for layer, head in HEADS]).mean(0)
    mean[:64] = 0
    return mean


@pytest.fixture
def knowing(loaded: Decoder, tmp_path: Path) -> Engine:
    """An engine that reads densely and knows the heads."""
    one = engine(loaded, tmp_path, pattern="dense")
    one.question_heads = HEADS
    return one


@pytest.fixture(params=[1 << 24, 250], ids=["at once", "two rows at a time"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "SCORES", request.param)
    yield


@pytest.mark.usefixtures("sizes")
def test_it_is_the_attention_of_the_questions_own_tokens(knowing: Engine) -> None:
    """Not of what is around it, and the same whether that was kept or is fed again; 49 tokens are four chunks."""
    segment = knowing.read(DOC, []).segment
    earlier, question = tokens(7, seed=8), tokens(42, seed=4)
    words = range(len(earlier), len(earlier) + 40)
    want = of_transformers([*earlier, *question], words)
    assert want.max() > 0.01
    first = ask(knowing, segment, [*earlier, *question], new=2, question=words)
    assert first.asked.shape == (1, len(DOC)) and torch.allclose(first.asked.mean(), want, atol=1e-4)
    kept = ask(knowing, segment, [*earlier, *question], new=2, question=words)
    assert kept.cached_tokens == len(DOC) + len(earlier)
    assert torch.allclose(kept.asked.mean(), want, atol=1e-4)


def test_without_known_heads_nothing_is_noted_and_nothing_fed_twice(made: Engine, decoder: Any) -> None:
    segment = made.read(DOC, []).segment
    ask(made, segment, QUESTION, question=range(len(QUESTION)))
    decoder.calls.clear()
    again = ask(made, segment, QUESTION, new=1, question=range(len(QUESTION)))
    assert not again.asked and decoder.calls == [QUESTION[-1:]]


def test_answers_are_the_same_with_and_without(knowing: Engine) -> None:
    segment = knowing.read(DOC, []).segment
    answers: list[Answer] = [ask(knowing, segment, QUESTION, question=range(count)) for count in (0, len(QUESTION))]
    assert answers[0].token_ids == answers[1].token_ids and not answers[0].asked and answers[1].asked


def test_over_a_selection_the_tokens_that_were_met_count(loaded: Decoder, tmp_path: Path) -> None:
    made = Engine(loaded, EngineOptions(tmp_path / "segments"))
    made.question_heads = HEADS
    segments = tuple(made.read(tokens(200, seed), [0, 100]).segment for seed in range(4))
    assert LIMIT < 4 * 200
    answer = finish(
        made.ask(Context(segments), QUESTION, stop_ids=frozenset(), max_new_tokens=2, question=range(len(QUESTION)))
    )
    met = int((answer.asked.mean() > 0).sum())
    assert not answer.exact and 0 < met <= len(HEADS) * answer.looked_at
    assert 0 < float(answer.asked.mean().sum()) < 1


@pytest.mark.parametrize(
    ("window", "extra"),
    [(None, PLAIN), (30, PLAIN), (None, Extra(softcap=2.0)), (None, Extra(sinks=torch.randn(6)))],
    ids=["plain", "window", "soft cap", "sinks"],
)
@pytest.mark.usefixtures("sizes")
def test_it_is_what_the_reference_gives(window: int | None, extra: Extra) -> None:
    """A context in two parts, a tail of which the last 5 tokens are fed; three of them are the question's words."""
    torch.manual_seed(1)
    queries = [torch.randn(6, 5, 8) for _ in range(3)]
    parts = [(torch.randn(2, n, 8), torch.randn(2, n, 8)) for n in (31, 40, 9)]
    _, weights = global_attention(
        queries, parts, impl=Impl.REFERENCE, probabilities=5, window=window, extra=extra, scale=0.5
    )
    assert weights is not None
    look = QuestionLook(71, range(5, 8), 0, HEADS)
    look.look(1, 4, queries, parts, scale=0.5, window=window, extra=extra)
    assert not look.looked()  # no head of that layer
    for layer in (0, 2):
        look.look(layer, 4, queries, parts, scale=0.5, window=window, extra=extra)
    want = torch.stack([weights[head, 1:4].float().mean(0)[:71] for _, head in HEADS]).mean(0)
    assert torch.allclose(look.looked().mean(), want, atol=1e-6)
