"""Selection on the GPU: what the kernel weighs, answers from a graph, and texts that stay packed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sparse_backend import quantize
from sparse_backend.config import Impl, SelectOptions
from sparse_backend.constrain import Constraint
from sparse_backend.engine import Engine
from sparse_backend.graphs import DecodeGraph
from sparse_backend.kept import kept_of
from sparse_backend.kvstore import StoreOptions
from sparse_backend.quantize import KVFormat
from sparse_backend.results import Answer
from tests.tiny import LIMIT, VOCAB, engine, llama, load, save, tokens

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("dim", [64, 80, 128])
@pytest.mark.parametrize("form", list(KVFormat))
@pytest.mark.parametrize("rows", [1, 128, 224])
def test_masses_are_the_softmax_added_up(form: KVFormat, dim: int, rows: int) -> None:
    """Over two parts, the first perhaps quantised; against float64."""
    from sparse_backend.kernels.triton_mass import Kept, masses

    torch.manual_seed(rows + dim)
    first, second = (torch.randn(1, 2, n, dim, device="cuda", dtype=torch.bfloat16) for n in (1501, 77))
    q = torch.randn(2, rows, dim, device="cuda", dtype=torch.bfloat16)
    kept = Kept(first[0])
    if form is not KVFormat.EXACT:
        one = quantize.quantize_keys(first, form)
        first = quantize.restore_keys(one, form, torch.bfloat16)
        kept = Kept(one.codes[0], one.scale[0], None if one.zero is None else one.zero[0], form.groups[0])
    ours = masses(q, [kept, Kept(second[0])], dim**-0.5)
    keys = torch.cat([first[0], second[0]], 1).double()
    exact = torch.softmax(q.double() @ keys.transpose(1, 2) * dim**-0.5, -1).sum(1)
    assert float((ours.double() - exact).norm() / exact.norm()) < 1e-4
    assert float((ours.sum(1) - rows).abs().max()) < 1e-3 * rows


def answered(
    made: Engine, length: int = 100, n: int = 3 * LIMIT, constraint: Callable[[], Constraint] | None = None
) -> Answer:
    doc = tokens(n, 1)
    segment = made.read(doc, list(range(0, len(doc), 40))).segment
    held = constraint() if constraint else None
    question = [*tokens(39, 3), 0]
    asked = made.ask(segment, question, stop_ids=frozenset(), max_new_tokens=length, constraint=held)
    while True:
        try:
            next(asked)
        except StopIteration as end:
            answer: Answer = end.value
            return answer


@pytest.mark.parametrize("form", list(KVFormat))
def test_a_graph_answers_from_a_selection_as_single_launches_do(
    form: KVFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through three renewals; tokens may differ only where two candidates are as good as equal in bf16."""
    sizes = {"head_dim": 32, "hidden_size": 192, "initializer_range": 0.1}
    folder, select = save(tmp_path / "model", llama(**sizes)), SelectOptions(budget=128, block=16)

    def made(name: str) -> Engine:
        decoder = load(folder, torch.bfloat16)
        return engine(decoder, tmp_path / name, StoreOptions(kv_format=form), impl=Impl.TRITON, select=select)

    runs: list[int] = []
    original = DecodeGraph.run

    def counted(self: DecodeGraph, token: int) -> torch.Tensor:
        runs.append(token)
        return original(self, token)

    monkeypatch.setattr(DecodeGraph, "run", counted)
    graphed = answered(made("graphed"))
    assert not graphed.exact and len(runs) > 80
    monkeypatch.setattr(DecodeGraph, "ready", False)
    plain = answered(made("plain"))
    assert len(runs) < 100 and plain.token_ids == graphed.token_ids
    assert float((plain.evidence.dense() - graphed.evidence.dense()).abs().max()) < 0.02


@pytest.mark.parametrize("form", [KVFormat.INT8, KVFormat.INT4])
def test_a_long_text_stays_packed_fresh_and_reloaded(form: KVFormat, tmp_path: Path) -> None:
    folder = save(tmp_path / "model", llama(head_dim=32, hidden_size=192, initializer_range=0.1))
    select, found = SelectOptions(budget=128, block=16), []
    for _ in range(2):
        decoder = load(folder, torch.bfloat16)
        made = engine(decoder, tmp_path / "kv", StoreOptions(kv_format=form), impl=Impl.TRITON, select=select)
        answer = answered(made, 40)
        read = made.read(tokens(3 * LIMIT, 1), list(range(0, 3 * LIMIT, 40)))
        assert kept_of(read.segment.keys) and kept_of(read.segment.values)
        found.append(answer.token_ids)
    assert found[0] == found[1]


@pytest.mark.parametrize("n", [LIMIT - 150, 3 * LIMIT])
def test_a_graph_keeps_to_quotes(n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token is one that the constraint allows, and the same as from single launches."""
    folder = save(tmp_path / "model", llama(head_dim=32, hidden_size=192, initializer_range=0.1))
    found = []
    for ready in (True, False):
        if not ready:
            monkeypatch.setattr(DecodeGraph, "ready", False)
        decoder = load(folder, torch.bfloat16)
        select = SelectOptions(budget=128, block=16)
        made = engine(decoder, tmp_path / str(ready), impl=Impl.TRITON, select=select)
        found.append(answered(made, 60, n, Even).token_ids)
    assert found[0] == found[1] and all(token % 2 == 0 for token in found[0])


class Even:
    """Allows even tokens only."""

    finished = False

    def allowed(self) -> torch.Tensor:
        """Every second one."""
        return torch.arange(VOCAB) % 2 == 0

    def accept(self, token_id: int) -> None:
        """Only what is allowed comes."""
        assert token_id % 2 == 0

    def rollback(self, n: int) -> None:
        """There is nothing to take back."""

    def fork(self) -> Even:
        """It has no state."""
        return self

    def guess(self, most: int) -> tuple[int, ...]:
        """Nothing."""
        return ()
