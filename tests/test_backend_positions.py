"""Positions: rotations recognised, undone and moved; segments at any place; texts beyond the trained range."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sparse_backend import Decoder, Engine, EngineOptions, quantize
from sparse_backend.config import SelectOptions, UnsupportedModelError
from sparse_backend.kept import KeptTensor, standing
from sparse_backend.model import Form
from sparse_backend.pattern import Pattern
from sparse_backend.positions import NONE, Rotation, Turns, recognise
from sparse_backend.presets import Schedule
from sparse_backend.quantize import KVFormat
from sparse_backend.segment import Context, KVBuffer, Segment
from sparse_backend.select import Selection, SelectStep
from sparse_backend.steps import LongReadStep, TailStep, rank_step
from tests.tiny import LIMIT, build, llama, load, one_thread, save, tokens

FREQUENCIES = torch.tensor([1.0, 0.1, 0.01, 0.001], dtype=torch.float64)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return load(save(tmp_path_factory.mktemp("llama"), llama()))


# -- rotations ----------------------------------------------------------------------


def by_complex_numbers(x: Tensor, positions: Tensor, rotation: Rotation) -> Tensor:
    """The definition: each pair of dimensions is a complex number, turned by position times frequency."""
    half = len(rotation.frequencies)
    part, rest = x[..., : 2 * half].double(), x[..., 2 * half :].double()
    one, other = (part[..., ::2], part[..., 1::2]) if rotation.pairs else (part[..., :half], part[..., half:])
    angle = positions.double()[:, None] * rotation.frequencies
    turned = torch.complex(one, other) * torch.polar(torch.full_like(angle, rotation.scale), angle)
    both = [turned.real, turned.imag]
    return torch.cat([torch.stack(both, -1).flatten(-2) if rotation.pairs else torch.cat(both, -1), rest], -1)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("dim", [8, 12])
@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_turning_is_the_definition_and_can_be_undone(pairs: bool, dim: int, scale: float) -> None:
    rotation, x = Rotation(FREQUENCIES, scale, pairs), torch.randn(2, 5, dim)
    positions = torch.tensor([0, 3, 77, 5000, 1_000_000])
    turned = rotation.turn(x, positions)
    assert (turned - by_complex_numbers(x, positions, rotation)).abs().max() < 1e-6
    assert (rotation.undo(turned, positions) - x).abs().max() < 1e-6
    assert torch.equal(Turns().run(rotation, x, 40), rotation.turn(x, torch.arange(40, 45)))
    assert torch.equal(NONE.turn(x, positions), x)


@pytest.mark.parametrize("pairs", [False, True])
def test_the_models_way_is_recognised_among_candidates(pairs: bool) -> None:
    raw, positions = torch.randn(3, 5, 12), torch.tensor([0, 1, 5, 23, 118])
    candidates = [(FREQUENCIES / 3, 1.0), (FREQUENCIES, 1.2), (FREQUENCIES, 1.0)]
    found = recognise(raw, Rotation(FREQUENCIES, 1.2, pairs).turn(raw, positions), candidates, positions)
    assert (found.pairs, found.scale) == (pairs, 1.2) and torch.equal(found.frequencies, FREQUENCIES)
    assert recognise(raw, raw, candidates, positions) is NONE
    with pytest.raises(UnsupportedModelError, match="positions"):
        recognise(raw, raw.flip(-1), candidates, positions)
    with pytest.raises(UnsupportedModelError):
        recognise(raw, torch.full_like(raw, math.nan), candidates, positions)


# -- segments at any place -------------------------------------------------------------


def logits_behind(decoder: Decoder, segments: Sequence[Segment], ids: Sequence[int]) -> Tensor:
    kv = KVBuffer(decoder.shape, len(ids))
    found = decoder.forward(ids, TailStep(decoder, kv, Context(tuple(segments))), keep=range(len(ids)))
    assert found is not None
    return found


def test_segments_stand_anywhere_without_being_read_again(decoder: Decoder, tmp_path: Path) -> None:
    """Two texts, each read alone, then side by side in either order: as a model whose mask keeps them apart."""
    engine = Engine(decoder, EngineOptions(tmp_path, pattern="dense", chunk=16))
    texts, question = [tokens(40, 1), tokens(31, 2)], tokens(9, 3)
    segments = [engine.read(text, []).segment for text in texts]
    model = build(llama())
    for order in ((0, 1), (1, 0), (0, 1, 0)):
        ids = [token for index in order for token in texts[index]] + question
        owner = torch.tensor([turn for turn, index in enumerate(order) for _ in texts[index]] + [-1] * len(question))
        apart = (owner[:, None] == owner[None, :]) | (owner[:, None] == -1)
        mask = torch.where(apart.tril(), 0.0, float("-inf"))[None, None]
        with torch.inference_mode():
            exact = model(input_ids=torch.tensor([ids]), attention_mask=mask).logits[0, -len(question) :]
        ours = logits_behind(decoder, [segments[index] for index in order], question)
        assert (ours - exact).abs().max() < 1e-4, order


def test_the_order_of_segments_matters(decoder: Decoder, tmp_path: Path) -> None:
    engine = Engine(decoder, EngineOptions(tmp_path, pattern="dense"))
    one, other = (engine.read(tokens(40, seed), []).segment for seed in (1, 2))
    there, back = (logits_behind(decoder, pair, [5]) for pair in ((one, other), (other, one)))
    assert not torch.allclose(there, back, atol=1e-2)


# -- beyond the trained range --------------------------------------------------------------


def anchored(
    q: Tensor, k: Tensor, v: Tensor, rotation: Rotation, pattern: Pattern, places: list[int], step: float
) -> Tensor:
    """Written out query by query: true distances in the window, global tokens ranked right before it."""
    heads, n, dim = q.shape
    group = heads // k.shape[0]
    window = pattern.window or n
    out = torch.zeros(n, heads, dim)
    for i in range(n):
        near = list(range(max(0, i - window + 1), i + 1))
        far = [place for place in places if place <= i - window]
        distances = [window + (len(far) - rank) * step for rank in range(len(far))] + [i - j for j in near]
        keys = far + near
        turned = rotation.turn(k[:, keys], -torch.tensor(distances, dtype=torch.float64)).repeat_interleave(group, 0)
        scores = (q[:, i, None] @ turned.transpose(1, 2))[:, 0] * dim**-0.5
        out[i] = (torch.softmax(scores, -1)[:, None] @ v[:, keys].repeat_interleave(group, 0))[:, 0]
    return out


@pytest.mark.parametrize("limit", [512, 30])
@pytest.mark.parametrize("chunk", [200, 33])
@pytest.mark.parametrize("impl", ["cpu", "reference"])
def test_reading_beyond_the_range_is_as_written_out(decoder: Decoder, limit: int, chunk: int, impl: Any) -> None:
    from sparse_backend.config import Impl
    from sparse_backend.layout import compile_layout

    n, shape = 200, decoder.shape
    pattern = Pattern("headers", 24, sink=2, anchors=True)
    layout = compile_layout(pattern, torch.tensor([30, 31, 90, 140, 199]), n)
    q, k, v = torch.randn(6, n, 8), torch.randn(2, n, 8), torch.randn(2, n, 8)
    kv, banks = KVBuffer(shape, n), (torch.full((3, 2, 7, 8), math.nan), torch.full((3, 2, 7, 8), math.nan))
    before, decoder.limit = decoder.limit, limit
    try:
        outs = []
        for low in range(0, n, chunk):
            high = min(low + chunk, n)
            step = LongReadStep(decoder, kv, [layout] * 3, Impl(impl), banks)
            outs.append(step.attend(0, q[:, low:high], k[:, low:high], v[:, low:high], Form()))
            kv.advance(high - low)
    finally:
        decoder.limit = before
    gap = rank_step(24, 7, limit)
    assert gap == min(1.0, (limit - 25) / 7)
    exact = anchored(q, k, v, decoder.rotations[0], pattern, layout.globals_.tolist(), gap)
    assert (torch.cat(outs) - exact).abs().max() < 1e-5
    assert torch.equal(kv.keys[0, :, :n], k)  # kept unrotated


def long_engine(decoder: Decoder, folder: Path, **options: Any) -> Engine:
    select = SelectOptions(budget=128, block=16, rows=8, refresh=4)
    made = Engine(decoder, EngineOptions(folder, **{"select": select, "chunk": 64, **options}))
    made.schedule = Schedule(Pattern("headers", 48, 4, anchors=True), Pattern("headers", 16, 4, anchors=True))
    return made


def finish(generator: Any) -> Any:
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def test_a_text_beyond_the_range_is_read_and_answered(decoder: Decoder, tmp_path: Path) -> None:
    doc, question = tokens(3 * LIMIT, 4), tokens(9, 5)
    anchors = list(range(0, len(doc), 50))
    engine = long_engine(decoder, tmp_path / "one")
    read = engine.read(doc, anchors)
    assert not read.segment.rotated and torch.isfinite(read.segment.keys).all()
    answer = finish(engine.ask(read.segment, question, stop_ids=frozenset(), max_new_tokens=12))
    assert (len(answer.token_ids), answer.exact, answer.looked_at) == (12, False, 128)
    assert answer.evidence.shape == (12, len(doc)) and torch.isfinite(answer.evidence.dense()).all()
    assert 0 < (answer.evidence.dense() > 0).sum(1).max() <= 2 * 128 + 64
    again = long_engine(decoder, tmp_path / "one").read(doc, anchors)  # from disk
    assert again.cached_tokens == len(doc) and torch.equal(again.segment.keys, read.segment.keys)
    assert not again.segment.rotated
    other = long_engine(decoder, tmp_path / "two", chunk=200).read(doc, anchors).segment
    assert (other.keys - read.segment.keys).abs().max() < 1e-3


def test_short_segments_fill_a_context_beyond_the_range(decoder: Decoder, tmp_path: Path) -> None:
    engine = long_engine(decoder, tmp_path)
    segments = tuple(engine.read(tokens(200, seed), [0, 100]).segment for seed in range(4))
    context = Context(segments)
    answer = finish(engine.ask(context, tokens(9, 9), stop_ids=frozenset(), max_new_tokens=6))
    assert not answer.exact and answer.looked_at == 128 and answer.evidence.shape == (6, 800)
    fits = finish(engine.ask(Context(segments[:2]), tokens(9, 9), stop_ids=frozenset(), max_new_tokens=6))
    assert fits.exact and fits.looked_at == 400


def test_a_selection_of_everything_is_exact(decoder: Decoder, tmp_path: Path) -> None:
    """With a budget of the whole context, the selected form gives the logits of the exact one."""
    engine = long_engine(decoder, tmp_path)
    context = Context(tuple(engine.read(tokens(n, n), [0]).segment for n in (80, 48, 75)))
    question = tokens(9, 9)
    exact = logits_behind(decoder, context.segments, question)
    options = SelectOptions(budget=4096, block=16)
    selection, kv = Selection(decoder, context, options), KVBuffer(decoder.shape, 9)
    assert selection.tokens == len(context)
    ours = decoder.forward(question, SelectStep(decoder, kv, selection, engine.options.impl), keep=range(9))
    assert ours is not None and (ours - exact).abs().max() < 1e-3


def test_the_selection_holds_what_the_question_looks_at(decoder: Decoder, tmp_path: Path) -> None:
    """A block whose keys are what the queries ask for is chosen by that key head, and the ends always are."""
    n, shape = 640, decoder.shape
    keys, values = torch.randn(3, 2, n, 8) * 0.1, torch.randn(3, 2, n, 8)
    q = torch.randn(6, 4, 8)
    keys[:, 0, 333] = q[:3].mean((0, 1)) * 40  # key head 0 serves query heads 0 to 2
    segment = Segment("k", tuple(range(n)), (0, 320), keys, values, rotated=False)
    selection = Selection(decoder, Context((segment,)), SelectOptions(budget=96, block=16))
    chosen = selection.of(1, q, Form(), 0)
    assert chosen.index.shape == (shape.kv_heads, 96) and torch.equal(chosen.index, chosen.index.sort(1).values)
    assert 333 in chosen.index[0].tolist()
    for head in range(2):
        assert {0, 15, n - 1, n - 32} <= set(chosen.index[head].tolist())
    assert torch.equal(chosen.values, torch.stack([values[1, h, chosen.index[h]] for h in range(2)]))
    assert selection.of(1, q[:, :1], Form(), 4) is chosen  # a generated token keeps the choice
    keys[1, 0, 200] = q[:3].mean((0, 1)) * 80
    assert 200 not in selection.of(1, q[:, :1], Form(), 5).index[0].tolist()
    selection.advance(32, 7)
    again = selection.of(1, q[:, :1], Form(), 6)  # until it is renewed, in place
    assert again is chosen and 200 in again.index[0].tolist()
    assert torch.equal(again.values, torch.stack([values[1, h, again.index[h]] for h in range(2)]))


def test_drafts_that_proved_wrong_choose_nothing(decoder: Decoder) -> None:
    """Nor do queries of a pass that failed: what stays are those of the tail's tokens, the latest of them."""
    segment = Segment("k", tuple(range(640)), (0,), torch.randn(3, 2, 640, 8), torch.randn(3, 2, 640, 8), rotated=False)
    selection = Selection(decoder, Context((segment,)), SelectOptions(budget=96, block=16, rows=6))
    question, drafted, new = torch.randn(6, 4, 8), torch.randn(6, 3, 8), torch.randn(6, 1, 8)
    selection.of(1, question, Form(), 0)
    selection.of(1, drafted, Form(), 4)  # one token and two drafts, of which the second is wrong
    selection.advance(2, 6)
    assert torch.equal(selection.latest(1), torch.cat([question, drafted[:, :2]], 1))
    for _ in range(2):  # the second time, as the pass is computed again
        selection.of(1, new, Form(), 6)
        assert torch.equal(selection.latest(1), torch.cat([question, drafted[:, :2], new], 1)[:, -6:])


def test_a_long_question_leaves_only_the_queries_that_choose(decoder: Decoder) -> None:
    segment = Segment("k", tuple(range(640)), (0,), torch.randn(3, 2, 640, 8), torch.randn(3, 2, 640, 8), rotated=False)
    selection = Selection(decoder, Context((segment,)), SelectOptions(budget=96, block=16, rows=6))
    for start in (0, 100):
        selection.of(1, torch.randn(6, 100, 8), Form(), start)
        assert selection.queries[1].untyped_storage().nbytes() <= 6 * 24 * 8 * 4


@pytest.mark.parametrize("form", [None, KVFormat.INT8, KVFormat.INT4])
def test_segments_of_every_kind_are_chosen_from_alike(decoder: Decoder, form: KVFormat | None) -> None:
    """Rotated ones, unrotated ones and packed ones side by side: as one segment of the same unrotated keys."""
    torch.manual_seed(4)
    shape, lengths = (3, 2), (130, 210, 75, 300)
    raw = [torch.randn(*shape, n, 8) for n in lengths]
    values = [torch.randn(*shape, n, 8) for n in lengths]
    parts, keys, kept = [], [], []
    for i, n in enumerate(lengths):
        rotated = i % 2 == 0
        if form and i == 1:
            packed = (
                KeptTensor(quantize.quantize_keys(raw[i], form), form, torch.float32, channels=False),
                KeptTensor(quantize.quantize_values(values[i], form), form, torch.float32, channels=True),
            )
            raw[i], values[i] = (one.whole() for one in packed)
            held, theirs = (standing(one) for one in packed)
        else:
            turned = torch.stack([decoder.rotations[j].turn(raw[i][j], torch.arange(n)) for j in range(3)])
            held, theirs = turned if rotated else raw[i], values[i]
        parts.append(Segment(str(i), tuple(range(n)), (0, n // 2), held, theirs, rotated))
        keys.append(raw[i])
        kept.append(values[i])
    anchors = tuple(
        start + a for start, part in zip(Context(tuple(parts)).starts, parts, strict=True) for a in part.anchors
    )
    n = sum(lengths)
    whole = Segment("all", tuple(range(n)), anchors, torch.cat(keys, 2), torch.cat(kept, 2), rotated=False)
    options, q = SelectOptions(budget=160, block=16), torch.randn(6, 4, 8) * 3
    for layer in range(3):
        ours, other = (
            Selection(decoder, Context(one), options).of(layer, q, Form(), 0) for one in (tuple(parts), (whole,))
        )
        assert torch.equal(ours.index, other.index) and len(set(ours.index[0].tolist())) == ours.index.shape[1]
        assert torch.equal(ours.values, other.values)
        assert (ours.keys - other.keys).abs().max() < 1e-5
