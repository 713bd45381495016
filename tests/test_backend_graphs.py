"""What a recorded pass notes of its attention is what an ordinary pass notes; the recording itself needs a GPU."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from sparse_backend.graphs import DecodeGraph, _PlacedStep
from sparse_backend.probe import Evidence, Head
from sparse_backend.segment import KVBuffer, KVShape

KV_HEADS, GROUP, N = 2, 2, 7


def placed(evidence: Evidence, index: list[Tensor]) -> _PlacedStep:
    """A step with nothing but what it adds up."""
    step = object.__new__(_PlacedStep)
    step._evidence, step._index = evidence, index
    step.mass, step._spread = torch.zeros(1, N), torch.zeros(N)
    return step


@pytest.mark.parametrize("heads", [(), ((1, 3),), ((1, 0), (1, 2), (2, 1))])
@pytest.mark.parametrize("selected", [False, True])
def test_a_recorded_pass_pools_heads_as_an_ordinary_one(heads: tuple[Head, ...], selected: bool) -> None:
    plain, recorded = (Evidence(3, N, 1, heads) for _ in range(2))
    met = 4 if selected else N
    index = [torch.stack([torch.randperm(N)[:met] for _ in range(KV_HEADS)]) for _ in range(3)]
    step = placed(recorded, [one.reshape(-1) for one in index] if selected else [])
    for layer in range(3):
        weights = torch.rand(KV_HEADS * GROUP, 1, met)
        plain.add(layer, weights, index[layer] if selected else None)
        if recorded.wanted(layer):
            split = [weights[:, 0].view(KV_HEADS, GROUP, met)]
            step._add(layer, split if selected else [split[0][..., :3], split[0][..., 3:]])
    plain.keep(1)
    recorded.take(step.mass.clone())
    recorded.keep(1)
    assert (
        torch.allclose(plain.looked().dense(), recorded.looked().dense(), atol=1e-6) and plain.looked().mean().max() > 0
    )


def test_a_graph_is_recorded_anew_when_its_tail_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice without a replay between: the third buffer may lie where the first one lay."""
    recorded: list[int] = []
    kv = KVBuffer(KVShape(1, 1, 4, torch.float32), 8)
    graph = object.__new__(DecodeGraph)
    graph._kv, graph._ids = kv, torch.zeros(1, 1, dtype=torch.int64)
    graph._graph, graph._capacity, graph._evidence = None, 0, Evidence(1, N, 0)
    graph._logits = torch.zeros(1, 5)

    def record() -> None:
        recorded.append(graph._kv.keys.shape[2])
        graph._capacity, graph._graph = graph._kv.keys.shape[2], SimpleNamespace(replay=lambda: None)  # type: ignore[assignment]
        graph._step = SimpleNamespace(place=torch.zeros(1), mass=torch.zeros(1, N), watch=lambda _start: None)  # type: ignore[assignment]

    monkeypatch.setattr(graph, "_record", record)
    graph.run(1)
    graph.run(2)
    address = kv.keys.data_ptr()
    kv.reserve(9)
    kv.reserve(40)
    monkeypatch.setattr(Tensor, "data_ptr", lambda _self: address)
    graph.run(3)
    assert recorded == [8, 40]
