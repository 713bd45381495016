"""Training in miniature: who sees whom, at which distance, and that a loss falls; no GPU, no real weights."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sparse_backend.presets import preset
from sparse_backend.train import decoding, packing
from sparse_backend.train.blocks import BLOCK, MASKED, NONE, WHOLE, block_states
from sparse_backend.train.decoding import Asker, Cache
from sparse_backend.train.network import Angles, Reader, Sizes, Turns, attend_plainly, layer_with, rotate
from sparse_backend.train.packing import PAD, Example, Packer, Row, RowShape, Tail, globals_of
from sparse_backend.train.stream import by_workers
from sparse_backend.train.trainer import Schedule, Trainer, resume, save
from sparse_backend.train.visibility import Visibility

TINY = Sizes(vocab=96, width=48, inner=64, layers=3, heads=6, kv_heads=2, head_dim=16, theta=10_000.0)


def example(n: int, tails: tuple[int, ...] = (), *, seed: int = 0, dense: bool = False) -> Example:
    """A random document with headers every 50 tokens; each tail's second half is learnt."""
    r = np.random.default_rng(seed)
    anchors = np.array([start + i for start in range(7, n - 4, 50) for i in range(4)], np.int32)
    made = tuple(Tail(r.integers(0, 96, t).astype(np.int32), np.arange(t) >= t // 2) for t in tails)
    return Example(r.integers(0, 96, n).astype(np.int32), anchors, made, (n // 2,), dense)


def pack(shape: RowShape, *examples: Example) -> Row:
    packer = Packer(shape, 0)
    for one in examples:
        assert packer.add(one)
    return packer.row()


def matrices(row: Row, device: str, _states: Any = None) -> tuple[Tensor, Tensor]:
    """Both kinds of layers' rules as plain matrices, what FlexAttention's masks are on a GPU."""
    return Visibility.of(row, 0, device).matrix(), Visibility.of(row, 1, device).matrix()


@pytest.fixture
def short_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trained range of 700 tokens and 256 selected ones, so that small documents are far ones."""
    monkeypatch.setattr(packing, "TRAINED", 700)
    monkeypatch.setattr(packing, "BUDGET", 256)


NEAR, FAR = RowShape(2048, 512, 0, 256), RowShape(2048, 512, 512, 256)


def test_a_document_is_read_as_the_preset_says_pair_by_pair() -> None:
    n = 1500
    one = example(n, (20, 30))
    row = pack(NEAR, one)
    bank = row.source[: NEAR.bank][row.key_doc[: NEAR.bank] != PAD]
    schedule = preset("headers", "balanced", trained=True)
    query, key = torch.arange(n)[:, None], torch.arange(n)[None]
    for kind, pattern in enumerate((schedule.shallow, schedule.deep)):
        found = matrices(row, "cpu")[kind][:n]
        seen = found[:, NEAR.bank :][:, :n].int()
        seen[:, torch.as_tensor(bank).long()] += found[:, : len(bank)].int()
        assert int(seen.max()) == 1  # never twice
        glob = torch.zeros(n, dtype=torch.bool)
        glob[pattern.global_tokens(torch.as_tensor(one.anchors).long(), n)] = True
        assert torch.equal(seen.bool(), pattern.allows(query, key, glob[None]))


def test_questions_see_their_document_and_themselves_alone() -> None:
    row = pack(NEAR, example(300, (20, 30)), example(200, (10,), seed=1))
    seen = matrices(row, "cpu")[1][:, NEAR.bank :]
    second = 300 + 20 + 10  # the 11th token of the second tail
    assert seen[second].nonzero().flatten().tolist() == [*range(300), *range(320, second + 1)]
    other = 300 + 50 + 200 + 3
    assert seen[other].nonzero().flatten().tolist() == [*range(350, 550), *range(550, other + 1)]
    assert not bool(matrices(row, "cpu")[1][second, : NEAR.bank].any())
    assert row.place[second] == 300 + 10 and row.place[320] == 300


@pytest.mark.usefixtures("short_range")
def test_questions_on_a_far_document_see_the_selection_side_by_side() -> None:
    row = pack(FAR, example(1100, (20, 30)))
    asked = 1100 + 20 + 3
    seen = matrices(row, "cpu")[0][asked]
    chosen = seen[FAR.bank : FAR.bank + FAR.selected].nonzero().flatten()
    source = row.source[FAR.bank :][chosen.numpy()]
    assert len(source) == 204  # three whole blocks, and the last, which is short
    assert {0, 1099, 550} <= set(source.tolist())  # first, last, and the evidence
    assert row.key_place[FAR.bank :][chosen.numpy()].tolist() == list(range(len(source)))
    assert row.place[asked] == len(source) + 3
    assert seen[FAR.bank + FAR.selected :].nonzero().flatten().tolist() == list(range(1120, asked + 1))


@pytest.mark.usefixtures("short_range")
@pytest.mark.parametrize("shape", [NEAR, FAR], ids=["near", "far"])
def test_block_states_miss_nothing_and_never_say_whole_wrongly(shape: RowShape) -> None:
    row = pack(
        shape, example(600, (33, 12)), example(900 if shape.selected else 640, (25,), seed=2), example(150, dense=True)
    )
    for kind, matrix in enumerate(matrices(row, "cpu")):
        blocks = matrix.numpy().reshape(matrix.shape[0] // BLOCK, BLOCK, -1, BLOCK).transpose(0, 2, 1, 3)
        states = block_states(row)[kind]
        assert not (blocks.any((2, 3)) & (states == NONE)).any()
        assert np.asarray(blocks.all((2, 3)))[states == WHOLE].all()
        assert (states == WHOLE).sum() > 0 and (states == MASKED).sum() > 0


@pytest.mark.usefixtures("short_range")
def test_far_documents_are_read_at_anchored_distances() -> None:
    """One layer against a direct computation: each pair's score from one rotation by its distance."""
    n, window = 900, packing.WINDOWS[1]
    one = example(n)
    one = Example(one.ids, one.anchors, (Tail(np.zeros(2, np.int32), np.ones(2, bool)),))
    row = pack(FAR, one)
    torch.manual_seed(0)
    q, k = torch.randn(n, 1, 16), torch.randn(n, 1, 16)
    turns = Turns.of(row, TINY, "cpu")
    both = torch.zeros(FAR.tokens, 1, 16)
    both[:n] = q
    queries = torch.cat([rotate(both, *turns.main.pair), rotate(both, *turns.bank_query[1].pair)], -1)
    padded = torch.zeros(FAR.tokens, 1, 16)
    padded[:n] = k
    gathered = rotate(padded[turns.source], *turns.extra_key.pair)
    bank = globals_of(one.anchors, n)
    allowed = matrices(row, "cpu")[1]
    for i in (255, 256, 400, 899):
        for rank, at in enumerate(bank.tolist()):
            inside = i - at < window
            assert bool(allowed[i, rank]) is (not inside)
            if inside:
                continue
            before = sum(i - other >= window for other in bank.tolist())
            distance = torch.tensor([window + before - rank])
            wanted = (rotate(q[i : i + 1], *Angles.at(distance, TINY).pair) * k[at]).sum()
            given = (queries[i, 0, 16:] * gathered[rank, 0]).sum()
            assert float(given) == pytest.approx(float(wanted), abs=1e-3)


@pytest.mark.usefixtures("short_range")
@pytest.mark.parametrize("far", [False, True])
def test_answers_one_token_at_a_time_equal_the_whole_pass(far: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BUDGET", 1 << 20)  # everything is selected, so that both see the same
    monkeypatch.setattr(decoding, "BUDGET", 1 << 20)
    monkeypatch.setattr(decoding, "NEW_TOKENS", 8)
    torch.manual_seed(1)
    reader = Reader(TINY)
    for layer in reader.stack:
        for weight in layer:
            if weight.ndim > 1:
                weight.data *= 14
    reader = reader.to(torch.bfloat16)
    shape = RowShape(1024, 256, 896 if far else 0, 256)
    document = example(800 if far else 400)
    questions = [(5, 6, 7, 8), (9, 1, 4, 44, 60, 71)]
    kept = Cache([], [])

    def run(row: Row, keep: Any = None) -> Tensor:
        with torch.no_grad():
            ids = torch.as_tensor(row.ids).long()
            hidden: Tensor = reader(
                ids, Turns.of(row, TINY, "cpu"), matrices(row, "cpu"), layer_with(attend_plainly), keep
            )
            return hidden

    def keep(_layer: int, k: Tensor, v: Tensor) -> None:
        kept.keys.append(k)
        kept.values.append(v)

    asked = Tail(np.array(questions[0], np.int32), np.zeros(4, bool))
    long = Example(document.ids, document.anchors, (asked,))
    row = pack(shape, long)
    run(row, keep)
    answers = Asker(reader).answer(kept, [0], [len(document.ids)], [questions], 95, far=far)[0]
    tails = tuple(
        Tail(np.array([*question, *answer], np.int32), np.array([False] * len(question) + [True] * len(answer)))
        for question, answer in zip(questions, answers, strict=True)
    )
    row = pack(shape, Example(document.ids, document.anchors, tails))
    logits = reader.logits(run(row)).float()
    used = row.label != PAD
    chosen = logits[row.label_at[used], row.label[used]]
    assert float((logits[row.label_at[used]].amax(-1) - chosen).max()) < 0.3  # the most likely, but for rounding
    assert len(set(row.label[used].tolist())) > 4


def small_trainer(state: Path | None = None) -> Trainer:
    torch.manual_seed(2)
    reader = Reader(TINY)
    reader.embedding.data *= 25  # it is frozen and also the output matrix
    trainer = Trainer(reader, "cpu", layer_with(attend_plainly), matrices, Schedule(1e-2, 2, 1e9))
    if state:
        assert resume(trainer, state)
    return trainer


def copying_row(index: int) -> Row:
    """Documents of one repeated token out of three, and a question whose answer is that token, twice."""
    r = random.Random(index)
    packer = Packer(RowShape(256, 128, 0, 64), index)
    for _ in range(5):
        token = r.randrange(10, 13)
        tail = Tail(np.array([1, 2, token, token], np.int32), np.array([False, False, True, True]))
        packer.add(Example(np.full(40, token, np.int32), np.array([3], np.int32), (tail,)))
    return packer.row()


def test_the_loss_falls_and_a_saved_state_goes_on_alike(tmp_path: Path) -> None:
    trainer = small_trainer()
    losses = [trainer.step(copying_row(i), None, 0.0)[0].item() for i in range(60)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:3])
    save(trainer, tmp_path)
    again = small_trainer(tmp_path)
    one, other = (which.step(copying_row(99), None, 0.0)[0].item() for which in (trainer, again))
    assert one == pytest.approx(other, rel=1e-4)
    one, other = (which.loss(copying_row(77), None)[0].item() for which in (trainer, again))
    assert one == pytest.approx(other, rel=1e-3)


def test_a_state_is_saved_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that fails leaves weights and progress of the one before, which belong together."""
    trainer = small_trainer()
    trainer.progress.step = 7
    save(trainer, tmp_path)
    trainer.progress.step = 8

    def full(*_arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("sparse_backend.train.trainer.save_file", full)
    with pytest.raises(OSError, match="no space"):
        save(trainer, tmp_path)
    assert small_trainer(tmp_path).progress.step == 7
    assert [file.name for file in tmp_path.iterdir()] == ["state.safetensors"]


def test_the_embedding_stays_as_it_is() -> None:
    trainer = small_trainer()
    before = trainer.reader.embedding.detach().clone()
    trainer.step(copying_row(0), None, 0.0)
    assert torch.equal(before, trainer.reader.embedding)


def test_running_stops_at_the_end_of_the_schedule() -> None:
    trainer = small_trainer()
    trainer.schedule = Schedule(1e-3, 2, 1e-9)
    told: list[dict[str, Any]] = []
    trainer.run(((copying_row(i), None) for i in range(50)), 100.0, told.append, every=1)  # type: ignore[misc]
    assert trainer.progress.step == 1 and told[-1]["step"] == 1


def test_the_rate_warms_up_and_ends_at_zero() -> None:
    schedule = Schedule(1e-3, 10, 100.0)
    assert schedule.rate(0, 0.0) == pytest.approx(1e-4)
    assert schedule.rate(10, 0.0) == pytest.approx(1e-3)
    assert schedule.rate(500, 100.0) == pytest.approx(0.0)


def test_workers_keep_the_order_and_their_failures_are_told() -> None:
    with by_workers(_square, 3, 2) as made:
        assert [next(made) for _ in range(5)] == [9, 16, 25, 36, 49]
    with by_workers(_fail, 0, 1) as made, pytest.raises(RuntimeError, match="no data"):
        next(made)


def _square(index: int) -> int:
    return index * index


def _fail(index: int) -> int:
    raise ValueError(f"no data for {index}")


def test_a_row_refuses_what_does_not_fit_and_stays_as_it_was() -> None:
    packer = Packer(RowShape(512, 128, 0, 16), 0)
    assert packer.add(example(200, (10,)))
    before = packer.row().ids.copy()
    assert not packer.add(example(400))  # tokens
    assert not packer.add(example(100, (60,)))  # learnt tokens
    assert np.array_equal(before, packer.row().ids) and len(packer.row().starts) == 1
