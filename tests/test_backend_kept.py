"""Keys and values that stay quantised: what is restored, and packing while a text is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sparse_backend import kept, quantize, read_plan, record
from sparse_backend.config import SelectOptions
from sparse_backend.engine import Engine
from sparse_backend.kept import KeptTensor, kept_of, standing, tokens_of
from sparse_backend.kvstore import StoreOptions
from sparse_backend.packing_buffer import PackingBuffer
from sparse_backend.quantize import KVFormat
from sparse_backend.read_plan import ReadPlan
from sparse_backend.results import Answer
from sparse_backend.segment import KVShape
from tests.tiny import LIMIT, engine, llama, load, save, tokens

SHAPE = KVShape(layers=3, kv_heads=2, head_dim=16, dtype=torch.float32)
FORMS = pytest.mark.parametrize("form", [KVFormat.INT8, KVFormat.INT4])


def kept_pair(form: KVFormat, n: int) -> tuple[KeptTensor, KeptTensor]:
    torch.manual_seed(n)
    keys, values = torch.randn(3, 2, n, 16), torch.randn(3, 2, n, 16)
    return (
        KeptTensor(quantize.quantize_keys(keys, form), form, torch.float32, channels=False),
        KeptTensor(quantize.quantize_values(values, form), form, torch.float32, channels=True),
    )


@FORMS
def test_a_part_is_restored_as_it_is_in_the_whole(form: KVFormat) -> None:
    heads, at = torch.tensor([0, 1, 1, 0]), torch.tensor([99, 0, 64, 31])
    for one in kept_pair(form, 100):
        whole = one.whole()
        assert one.shape == whole.shape and one.nbytes < whole.nbytes
        assert torch.equal(one[2], whole[2]) and torch.equal(one[1, 1], whole[1, 1])
        assert kept_of(standing(one)) is one and kept_of(whole) is None
        assert torch.equal(tokens_of(standing(one), 1, heads, at), whole[1][heads, at])
        assert torch.equal(one.to("cpu").whole(), whole)


@FORMS
@pytest.mark.parametrize("chunks", [(300,), (1,) * 300, (64, 100, 7, 129), (130, 50, 120)])
def test_packing_while_reading_gives_what_packing_at_the_end_gives(form: KVFormat, chunks: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    n, window = sum(chunks), 40
    keys, values = torch.randn(3, 2, n, 16), torch.randn(3, 2, n, 16)
    buffer = PackingBuffer(SHAPE, n, "cpu", form, window=window, chunk=max(chunks))
    for size in chunks:
        low, high = buffer.length, buffer.length + size
        base = max(0, low - window + 1)
        for layer in range(3):
            near = buffer.write(layer, keys[layer, :, low:high], values[layer, :, low:high], base)
            assert torch.equal(near[0], keys[layer, :, base:high]) and torch.equal(near[1], values[layer, :, base:high])
        buffer.advance(size)
    whole = quantize.quantize_keys(keys, form), quantize.quantize_values(values, form)
    for ours, theirs in zip(buffer.packed(), whole, strict=True):
        for name, part in theirs.tensors().items():
            assert torch.equal(ours.kept.tensors()[name], part), name


def test_what_is_packed_cannot_be_seen_and_nothing_is_handed_out_half_read() -> None:
    buffer = PackingBuffer(SHAPE, 900, "cpu", KVFormat.INT8, window=10, chunk=400)
    some = torch.randn(2, 400, 16)
    for layer in range(3):
        buffer.write(layer, some, some)
    buffer.advance(400)
    with pytest.raises(ValueError, match="are packed"):
        buffer.write(0, some, some, 0)
    with pytest.raises(ValueError, match="400 of 900"):
        buffer.packed()


def answered(made: Engine, doc: list[int]) -> Answer:
    read = made.read(doc, list(range(0, len(doc), 40)))
    asked = made.ask(read.segment, tokens(40, 3), stop_ids=frozenset(), max_new_tokens=40)
    while True:
        try:
            next(asked)
        except StopIteration as end:
            answer: Answer = end.value
            return answer


@FORMS
def test_a_long_text_kept_packed_answers_as_one_that_is_restored(
    form: KVFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the trained range, read, stored, loaded again; what a GPU does is done here on the CPU."""
    decoder = load(save(tmp_path / "model", llama(head_dim=16, hidden_size=96)))
    doc, select = tokens(3 * LIMIT, 1), SelectOptions(budget=128, block=16)

    def made(folder: str) -> Engine:
        return engine(decoder, tmp_path / folder, StoreOptions(kv_format=form), select=select)

    restored = answered(made("restored"), doc)
    for module in (kept, read_plan, record):
        monkeypatch.setattr(module, "stays_packed", lambda form, device, *, rotated: not rotated)
    first = made("packed")
    fresh = answered(first, doc)
    assert not fresh.exact and fresh.token_ids == restored.token_ids
    loaded = made("packed")
    again = loaded.read(doc, list(range(0, len(doc), 40)))
    assert again.cached_tokens == len(doc) and kept_of(again.segment.keys)
    assert answered(loaded, doc).token_ids == fresh.token_ids
    size = again.segment.keys.nbytes + again.segment.values.nbytes
    assert size < 0.6 * decoder.shape.bytes(len(doc))


@FORMS
@pytest.mark.parametrize("packs", [False, True])
def test_a_plan_tells_the_memory_that_it_takes(
    form: KVFormat, packs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codes and scales, the tokens that windows still need, and the bank of header tokens."""
    monkeypatch.setattr(read_plan, "stays_packed", lambda form, device, *, rotated: packs and not rotated)
    decoder = load(save(tmp_path / "model", llama(head_dim=16, hidden_size=96)))
    made = engine(decoder, tmp_path / "kv", StoreOptions(kv_format=form))
    for n in (LIMIT // 2, 3 * LIMIT):
        plan = ReadPlan(decoder, made.options, made.schedule_for(n), form, tokens(n), list(range(0, n, 40)))
        kv = plan.begin()
        taken = sum(one.nbytes for one in plan._banks)
        if isinstance(kv, PackingBuffer):
            kv.length = n
            taken += sum(one.nbytes for one in kv._near) + sum(one.nbytes for one in kv.packed())
        else:
            taken += kv.keys.nbytes + kv.values.nbytes
        assert isinstance(kv, PackingBuffer) == (packs and n > LIMIT) and plan.bytes == taken
