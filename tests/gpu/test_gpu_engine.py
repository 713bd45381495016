"""The engine on the GPU: reads, answers, keeps and gives evidence as it does on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sparse_backend.attention import global_attention, sparse_attention
from sparse_backend.config import Impl, UnsupportedPatternError
from sparse_backend.crossover import DENSE_UP_TO
from sparse_backend.engine import Engine
from sparse_backend.extra import PLAIN
from sparse_backend.layout import compile_layout
from sparse_backend.pattern import Pattern
from sparse_backend.question_look import QuestionLook
from tests.tiny import engine, llama, load, save, tokens

pytestmark = pytest.mark.gpu
DOC = tokens(90)
ANCHORS = [0, 20, 41, 66]


def _answer(made: Engine, question: list[int]) -> tuple[tuple[int, ...], torch.Tensor, int]:
    read = made.read(DOC, ANCHORS)
    asked = made.ask(read.segment, question, stop_ids=frozenset(), max_new_tokens=8)
    while True:
        try:
            next(asked)
        except StopIteration as end:
            return end.value.token_ids, end.value.evidence.dense(), read.cached_tokens


@pytest.mark.parametrize("dense_up_to", [0, 4096])
def test_reads_answers_and_keeps(dense_up_to: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With initial weights of 0.1; at 0.3 a softmax is so sharp that bf16 alone moves a probability by 0.5."""
    monkeypatch.setitem(DENSE_UP_TO, "cuda", dense_up_to)
    monkeypatch.setitem(DENSE_UP_TO, "cpu", dense_up_to)
    sizes = {"num_hidden_layers": 2, "hidden_size": 192, "head_dim": 32, "initializer_range": 0.1}
    folder = save(tmp_path / "model", llama(**sizes))
    ours = engine(load(folder, torch.bfloat16), tmp_path / "gpu", impl=Impl.TRITON)
    exact = engine(load(folder, torch.float32), tmp_path / "exact", impl=Impl.REFERENCE)
    for seed in range(4):
        question = tokens(4, seed + 1)
        rows = [_answer(made, question)[1][0] for made in (ours, exact)]
        assert float((rows[0] - rows[1]).abs().max()) < 0.05  # bf16 on a CPU: at most 0.02 (docs/log.md)
    first = _answer(ours, question)
    again = _answer(engine(load(folder, torch.bfloat16), tmp_path / "gpu", impl=Impl.TRITON), question)
    assert again[2] == len(DOC) and again[0] == first[0]


def test_global_rows_and_their_probabilities() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(heads, 900, 64, device="cuda", dtype=torch.bfloat16) for heads in (6, 2, 2))
    parts = [(k[:, :500], v[:, :500]), (k[:, 500:860], v[:, 500:860]), (k[:, 860:], v[:, 860:])]
    ours, weights = global_attention(q[:, -9:], parts, impl=Impl.TRITON, probabilities=9)
    on_cpu = [tuple(x.cpu().double() for x in part) for part in parts]
    exact, wanted = global_attention(
        q[:, -9:].cpu().double(), [(a, b) for a, b in on_cpu], impl=Impl.REFERENCE, probabilities=9
    )
    assert float((ours.cpu().double() - exact).norm() / exact.norm()) < 8e-3
    assert weights is not None and wanted is not None
    assert float((weights.cpu().double() - wanted).abs().max()) < 1e-2


def test_a_question_looks_where_the_probabilities_of_its_rows_say() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(heads, 900, 64, device="cuda", dtype=torch.bfloat16) for heads in (6, 2, 2))
    parts = [(k[:, :500], v[:, :500]), (k[:, 500:860], v[:, 500:860]), (k[:, 860:], v[:, 860:])]
    queries, on_cpu = [q[:, -9:]] * 3, [(a.cpu().double(), b.cpu().double()) for a, b in parts]
    _, wanted = global_attention([one.cpu().double() for one in queries], on_cpu, impl=Impl.REFERENCE, probabilities=9)
    look = QuestionLook(860, range(32, 38), 0, ((0, 1), (0, 5)))
    look.look(0, 31, queries, parts, scale=None, window=None, extra=PLAIN)
    assert wanted is not None
    exact = wanted[[1, 5], 1:7, :860].mean((0, 1))
    assert float((look.looked().mean().double() - exact).abs().max()) < 1e-4 < float(exact.max()) / 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_it_cannot_compute_is_refused_with_the_reason(dtype: torch.dtype) -> None:
    q = torch.randn(2, 64, 32, device="cuda", dtype=dtype)
    layout = compile_layout(Pattern("window", 16), torch.empty(0, dtype=torch.int64), 64)
    with pytest.raises(UnsupportedPatternError, match="bfloat16"):
        sparse_attention(q, q, q, layout, impl=Impl.TRITON)
