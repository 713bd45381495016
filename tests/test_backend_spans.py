"""Extractive models: our routed checkpoint gives transformers' own logits, and only spans of the document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer as Tokens
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import (
    AutoModelForQuestionAnswering,
    BigBirdConfig,
    BigBirdForQuestionAnswering,
    LongformerConfig,
    LongformerForQuestionAnswering,
    LongformerModel,
    PreTrainedTokenizerFast,
)

from app import main
from sparse_backend.config import Cancelled, ContextTooLongError, ModelNotFoundError, UnsupportedModelError
from sparse_backend.span_engine import SpanEngine
from sparse_backend.spans import FAMILIES, is_span_model, load_spans

SIZES: dict[str, Any] = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 32, "pad_token_id": 0,
    "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.3,
}  # fmt: skip
WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *(f"w{n}" for n in range(90)), "fee", "is", "the", "what", "\n", ".", "?"]
DOCUMENT = "the fee . w1 w2 w3\nthe fee is w77 w78 .\nw4 w5 w6 w7 w8 w9\nw10 w11 ?\n" * 9


def config(family: str, **more: Any) -> Any:
    if family == "longformer":
        return LongformerConfig(**{**SIZES, "vocab_size": 101, "max_position_embeddings": 514,
                                   "attention_window": [16, 16], **more})  # fmt: skip
    return BigBirdConfig(**{**SIZES, "vocab_size": 101, "max_position_embeddings": 512, "block_size": 8,
                            "num_random_blocks": 2, "attention_type": "block_sparse", **more})  # fmt: skip


def saved(folder: Path, family: str, kind: Any = None) -> Path:
    torch.manual_seed(1)
    made = LongformerForQuestionAnswering if family == "longformer" else BigBirdForQuestionAnswering
    (kind or made)(config(family)).eval().save_pretrained(folder)
    inner = Tokens(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = Split(" ", "removed")
    PreTrainedTokenizerFast(
        tokenizer_object=inner, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_the_best_span_is_the_one_of_transformers_own_model(family: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, family)
    reader = load_spans("tiny", str(folder), torch.float32, 1, 2)
    assert len(reader.routed) == 2
    question = [5, 6, 7]
    # as long as its blocks need: theirs pads to them, and there our random blocks are drawn for the true length
    document = torch.randint(4, 90, (256 - reader.overhead(question),)).tolist()
    found = reader.answer(question, document, [])
    theirs = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    marks = [2, 2] if family == "longformer" else [2]
    ids = torch.tensor([[1, *question, *marks, *document, 2]])
    first = 4 + len(marks)
    given: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if family == "longformer":
        given["global_attention_mask"] = (torch.arange(ids.shape[1]) < 4).long()[None]
    with torch.no_grad():
        out = theirs(**given)
    start, end = (x[0, first : first + len(document)] for x in (out.start_logits, out.end_logits))
    pairs = [(float(start[i] + end[j]), i, j + 1) for i in range(len(start)) for j in range(i, min(i + 64, len(end)))]
    best = max(pairs)
    if family == "longformer":  # BigBird's question tokens are global with us, and not with them
        assert (found.spans[0].start, found.spans[0].end) == best[1:]
    assert all(0 <= span.start < span.end <= len(document) and span.end - span.start <= 64 for span in found.spans)
    assert sorted((span.score for span in found.spans), reverse=True) == [span.score for span in found.spans]
    assert 0 <= found.none <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_headers_and_question_are_global(family: str, tmp_path: Path) -> None:
    """A word far from every window changes the answer's scores only through a header that sees it."""
    reader = load_spans("tiny", str(saved(tmp_path, family)), torch.float32, 1, 2)
    document = torch.randint(4, 90, (300,)).tolist()
    plain, named = (reader.answer([5], document, anchors) for anchors in ([], [40, 41]))
    assert plain != named


def test_what_does_not_fit_is_refused_and_not_cut(tmp_path: Path) -> None:
    reader = load_spans("tiny", str(saved(tmp_path, "longformer")), torch.float32, 1, 2)
    assert reader.limit == 512
    reader.answer([5], [6] * (512 - reader.overhead([5])), [])
    with pytest.raises(ContextTooLongError, match="513 tokens"):
        reader.answer([5], [6] * (513 - reader.overhead([5])), [])
    engine = SpanEngine(reader, tmp_path)
    with pytest.raises(ContextTooLongError, match="takes 512"):
        engine.read([6] * 513, [])
    with pytest.raises(Cancelled):
        engine.read([6], [], cancel=lambda: True)
    assert engine.read([6] * 9, [1]).cached_tokens == 0
    assert engine.key([6], []) != engine.key([6, 6], []) != engine.key([6, 6], [1])


def test_what_is_no_such_model_is_named(tmp_path: Path) -> None:
    assert is_span_model(str(saved(tmp_path / "qa", "big_bird")))
    assert not is_span_model(str(saved(tmp_path / "bare", "longformer", LongformerModel)))
    assert not is_span_model(str(tmp_path / "nowhere"))
    with pytest.raises(UnsupportedModelError, match=r"lack 2 tensors, such as qa_outputs"):
        load_spans("bare", str(tmp_path / "bare"), torch.float32, 1, 2)
    with pytest.raises(UnsupportedModelError, match="no marks"):
        load_spans("qa", str(tmp_path / "qa"), torch.float32, None, 2)
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        load_spans("nowhere", str(tmp_path / "nowhere"), torch.float32, 1, 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_command_answers_in_the_document_s_own_words(
    family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, deed = saved(tmp_path / "model", family), tmp_path / "deed.txt"
    deed.write_text(DOCUMENT)
    monkeypatch.setenv("UNABRIDGED_DATA_DIR", str(tmp_path / "data"))
    code = main(["ask", str(deed), "-q", "what is the fee ?", "--model", str(folder), "--json"])
    told = capsys.readouterr()
    assert code == 0, told.err
    answer = json.loads(told.out.strip().splitlines()[-1])
    text = " ".join(DOCUMENT.split())
    assert answer["answer"] in text or answer["answer"] == "Not stated in this document."
    for citation in answer["citations"]:
        assert citation["quote"] in text and citation["quote"]
    assert answer["pattern"] == family.replace("_", "")


def test_a_document_too_long_for_the_model_is_refused_with_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, deed = saved(tmp_path / "model", "longformer"), tmp_path / "deed.txt"
    deed.write_text(DOCUMENT * 5)
    monkeypatch.setenv("UNABRIDGED_DATA_DIR", str(tmp_path / "data"))
    assert main(["ask", str(deed), "-q", "what ?", "--model", str(folder)]) == 2
    assert "nothing was cut off" in capsys.readouterr().err
