"""The harness' own forward passes on tiny random models, against the engine and against values worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sparse_backend import Decoder, Impl
from sparse_backend.engine import Engine
from sparse_backend.eval import forward
from sparse_backend.eval.case import EvalError
from sparse_backend.eval.looks import head_mass, question_mass
from sparse_backend.eval.runner import EngineBackend
from sparse_backend.eval.settings import Setting, dense_setting, first_dense
from sparse_backend.layout import compile_layout
from sparse_backend.pattern import Pattern
from sparse_backend.presets import Schedule, dense, dynamic
from sparse_backend.segment import Segment
from tests import tiny

SPARSE = Schedule(Pattern("headers", 24, 4, anchors=True), Pattern("headers", 8, 4, anchors=True))
EXACT = Schedule(dense(), dense())
ANCHORS = (0, 50, 51)
N = 90


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with tiny.one_thread():
        yield


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return tiny.load(tiny.save(tmp_path_factory.mktemp("tiny"), tiny.llama()))


@pytest.fixture(scope="module")
def uniform(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    """A decoder whose queries are zero: every head looks at all it may see, evenly."""
    folder = tmp_path_factory.mktemp("uniform")
    model = tiny.build(tiny.llama())
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.q_proj.weight.zero_()
    model.save_pretrained(folder)
    return tiny.load(folder)


def read(decoder: Decoder, folder: Path, schedule: Schedule) -> tuple[Engine, Segment]:
    engine = tiny.engine(decoder, folder)
    engine.schedule = schedule
    return engine, engine.read(tiny.tokens(N), ANCHORS).segment


def same(mine: Segment, other: Segment) -> bool:
    return torch.allclose(mine.keys, other.keys, atol=1e-4) and torch.allclose(mine.values, other.values, atol=1e-4)


@pytest.mark.parametrize(
    "repairs", [{"last_rows": N}, {"correction": 1}], ids=["all rows are last rows", "every row is corrected"]
)
def test_repairs_without_limit_are_dense_reading(decoder: Decoder, tmp_path: Path, repairs: dict[str, int]) -> None:
    _, exact = read(decoder, tmp_path, EXACT)
    _, sparse = read(decoder, tmp_path, SPARSE)
    setting = Setting("x", SPARSE, **repairs)  # type: ignore[arg-type]
    repaired = forward.read_repaired(decoder, tiny.tokens(N), ANCHORS, setting, Impl.CPU)
    assert same(repaired, exact)
    assert not same(repaired, sparse)


def test_last_rows_leave_earlier_rows_as_they_were(decoder: Decoder, tmp_path: Path) -> None:
    _, sparse = read(decoder, tmp_path, SPARSE)
    repaired = forward.read_repaired(decoder, tiny.tokens(N), ANCHORS, Setting("x", SPARSE, last_rows=20), Impl.CPU)
    assert torch.allclose(repaired.keys[:, :, : N - 20], sparse.keys[:, :, : N - 20], atol=1e-4)
    assert not torch.allclose(repaired.keys[:, :, N - 20 :], sparse.keys[:, :, N - 20 :], atol=1e-4)


def test_a_correction_is_the_difference_of_the_last_dense_row() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(4, 12, 8), torch.randn(2, 12, 8), torch.randn(2, 12, 8)
    sparse = torch.randn(12, 4, 8)
    exact = forward.dense_rows(q, k, v, torch.arange(12), None)[0].transpose(0, 1)
    fixed = forward.corrected(sparse, q, k, v, 0, None, 4)
    assert torch.allclose(fixed[::4], exact[::4], atol=1e-5)
    assert torch.allclose(fixed[6], sparse[6] + exact[4] - sparse[4], atol=1e-5)


def test_means_are_exact_where_the_keys_of_a_block_are_alike() -> None:
    torch.manual_seed(0)
    blocks = 4
    k, v = (torch.randn(1, blocks, 1, 8).expand(1, blocks, 64, 8).reshape(1, -1, 8) for _ in range(2))
    q = torch.randn(2, blocks * 64, 8)
    layout = compile_layout(Pattern("x", 64), torch.empty(0, dtype=torch.int64), blocks * 64)
    rows = torch.arange(64 - 1, blocks * 64, 64)  # their windows start where a block does
    found = forward.with_means(q, k, v, layout, 0, None)[rows]
    exact = forward.dense_rows(q[:, rows], k, v, rows, None)[0].transpose(0, 1)
    assert torch.allclose(found, exact, atol=1e-5)


def test_first_layers_dense_is_a_schedule_of_its_own() -> None:
    schedule = first_dense(2, 16)
    assert [schedule.of(layer, 5).window for layer in range(5)] == [None, None, 16, 16, 16]
    assert schedule.fingerprint != first_dense(3, 16).fingerprint != first_dense(3, 8).fingerprint
    assert not schedule.covers(17)


def test_led_through_its_own_answer_a_model_gives_it_again(decoder: Decoder, tmp_path: Path) -> None:
    engine, segment = read(decoder, tmp_path, SPARSE)
    tail = tiny.tokens(9, 5)
    answer = list(engine.ask(segment, tail, stop_ids=frozenset(), max_new_tokens=6))
    found = forward.distributions(decoder, segment, tail, answer[:-1], Impl.CPU)
    assert found.shape == (6, tiny.VOCAB)
    assert found.argmax(-1).tolist() == answer
    assert torch.allclose(found.exp().sum(-1), torch.ones(6), atol=1e-5)


def test_the_mass_inside_a_pattern_of_uniform_attention_is_the_share_of_visible_keys(uniform: Decoder) -> None:
    n = 30  # all rows are looked at
    schedule = Schedule(Pattern("w", 10), Pattern("w", 10))
    probe = forward.probe_layers(uniform, tiny.tokens(n), (), schedule, Impl.CPU)
    expected = sum(min(row + 1, 10) / (row + 1) for row in range(n)) / n
    assert probe.mass.shape == (3, 6)
    assert torch.allclose(probe.mass[:-1], torch.full((2, 6), expected), atol=1e-4)
    assert torch.isnan(probe.mass[-1]).all()


def test_a_pattern_that_sees_everything_loses_nothing(decoder: Decoder) -> None:
    wide = Schedule(Pattern("w", 1000), Pattern("w", 1000))
    probe = forward.probe_layers(decoder, tiny.tokens(N), ANCHORS, wide, Impl.CPU)
    assert torch.allclose(probe.mass[:-1], torch.ones(2, 6), atol=1e-4)
    assert float(probe.error[:-1].max()) < 1e-4
    narrow = forward.probe_layers(decoder, tiny.tokens(N), ANCHORS, SPARSE, Impl.CPU)
    assert float(narrow.mass[:-1].min()) < 0.9 and float(narrow.error[:-1].min()) > 0.01


def test_patterns_without_a_mask_cannot_be_probed(decoder: Decoder) -> None:
    pattern = dynamic(8, 1)
    with pytest.raises(EvalError, match="no mask to measure mass in"):
        forward.probe_layers(decoder, tiny.tokens(N), (), Schedule(pattern, pattern), Impl.CPU)


def test_drift_grows_with_depth_and_is_none_between_equals(decoder: Decoder, tmp_path: Path) -> None:
    _, exact = read(decoder, tmp_path, EXACT)
    _, sparse = read(decoder, tmp_path, SPARSE)
    keys, values = forward.drift(exact, exact)
    assert keys.tolist() == values.tolist() == [0.0, 0.0, 0.0]
    keys, values = forward.drift(sparse, exact)
    assert keys[0] < 1e-5 and values[0] < 1e-5  # the first layer's keys come from the embeddings alone
    assert keys[1] > 0.01 and values[2] > 0.01


def test_uniform_heads_spread_their_mass_evenly_over_passages(uniform: Decoder, tmp_path: Path) -> None:
    _, segment = read(uniform, tmp_path, EXACT)
    bounds = torch.tensor([[10, 14], [20, 36]])
    mass = head_mass(uniform, segment, tiny.tokens(8, 3), [1], bounds, Impl.CPU)
    assert mass.shape == (3, 6, 2)
    every = N + 8  # keys that the last token of the question sees
    assert torch.allclose(mass[..., 0], torch.full((3, 6), 4 / every / 2), atol=1e-5)
    assert torch.allclose(mass[..., 1], torch.full((3, 6), 16 / every / 4), atol=1e-5)
    asked = question_mass(uniform, segment, tiny.tokens(8, 3), range(4, 7), bounds, Impl.CPU)
    share = sum(1 / (N + place) for place in (5, 6, 7)) / 3  # of each key, from the fifth to seventh token of the tail
    assert torch.allclose(asked[..., 0], torch.full((3, 6), 4 * share / 2), atol=1e-5)


def test_the_backend_reads_asks_and_forgets_under_each_setting(decoder: Decoder, tmp_path: Path) -> None:
    backend = EngineBackend(decoder, tmp_path / "segments", Impl.CPU)
    answers = {}
    for setting in (dense_setting(), Setting("s", SPARSE), Setting("r", SPARSE, last_rows=8)):
        held = backend.read(tiny.tokens(N), ANCHORS, setting)
        reply = backend.ask(held, tiny.tokens(9, 5), frozenset(), 5)
        assert len(reply.token_ids) == 5 and reply.evidence.shape == (N,)
        answers[setting.name] = held.handle.keys
        backend.forget(held)
    assert not list((tmp_path / "segments").glob("*.safetensors"))
    assert not torch.allclose(answers["dense"], answers["s"], atol=1e-4)
    assert not torch.allclose(answers["s"], answers["r"], atol=1e-4)


def test_repairs_refuse_absent_devices_and_odd_steps(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_backend.gpu.missing", lambda impl: "There is no GPU." if impl is Impl.TRITON else "")
    with pytest.raises(EvalError, match="no GPU"):
        forward.read_repaired(decoder, [1], (), Setting("x", SPARSE, correction=4), Impl.TRITON)
    with pytest.raises(EvalError, match="not every 7"):
        forward.read_repaired(decoder, [1], (), Setting("x", SPARSE, correction=7), Impl.CPU)
