"""Evidence: where the generated tokens looked, the same numbers as transformers' own attention."""

from pathlib import Path

import torch

from sparse_backend import Decoder
from sparse_backend.probe import Evidence
from tests.engine_cases import DOC, QUESTION, ask, loaded, quick
from tests.tiny import build, engine, llama, tokens

__all__ = ["loaded", "quick"]  # fixtures


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
