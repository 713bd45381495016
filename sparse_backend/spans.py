"""SpanReader: extractive answers from a Longformer or BigBird checkpoint, its attention routed through this backend.

Nothing is generated: the answer is a span of the document. The question and the document's headers are global tokens
(Longformer, arXiv:2004.05150, section 6; BigBird, arXiv:2007.14062, section 4), as is the leading [CLS].
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForQuestionAnswering

from sparse_backend.config import ContextTooLongError, ModelNotFoundError, UnsupportedModelError
from sparse_backend.encoders.route import route

FAMILIES = ("longformer", "big_bird")
LONGEST = 64  # tokens of an answer
CANDIDATES = 20  # starts and ends that are combined


@dataclass(frozen=True, slots=True)
class Span:
    """Document tokens [start, end) as an answer. `score`: the probability of its start times that of its end."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """The best spans, best first. `none`: the score of the answer that the document does not say."""

    spans: tuple[Span, ...]
    none: float


class SpanReader:
    """A loaded question answering model. `limit`: tokens it takes at once; `fingerprint`: hash of its weights."""

    def __init__(self, model: Any, name: str, cls: int, sep: int) -> None:
        self.name = name
        self.family = str(model.config.model_type).replace("_", "")
        self._model, self._cls, self._sep = model, cls, sep
        self._twice = model.config.model_type == "longformer"  # as RoBERTa, it sets two marks between texts
        self.routed = route(model)
        self.limit = int(model.config.max_position_embeddings) - (2 if self._twice else 0)  # two are padding's
        self.fingerprint = _fingerprint(model)

    def overhead(self, question_ids: Sequence[int]) -> int:
        """Tokens beside the document's: the question and the marks between."""
        return len(question_ids) + (4 if self._twice else 3)

    def answer(
        self, question_ids: Sequence[int], document_ids: Sequence[int], anchors: Sequence[int], best: int = 3
    ) -> Found:
        """The `best` spans of the document that answer the question; `anchors` are indices of header tokens.

        Raises ContextTooLongError before anything is computed: nothing is cut off, and nothing is read in pieces.
        """
        need = self.overhead(question_ids) + len(document_ids)
        if need > self.limit:
            raise ContextTooLongError(
                f"This needs {need:,} tokens, but {self.name} takes {self.limit:,} at once.",
                tokens=need,
                limit=self.limit,
            )
        between = [self._sep] * (2 if self._twice else 1)
        head = [self._cls, *question_ids, *between]
        ids = torch.tensor([[*head, *document_ids, self._sep]])
        wide = torch.zeros_like(ids)
        wide[0, : 1 + len(question_ids)] = 1
        wide[0, torch.tensor(anchors, dtype=torch.int64) + len(head)] = 1
        with torch.inference_mode():
            out = self._model(
                input_ids=ids, attention_mask=torch.ones_like(ids), global_attention_mask=wide, **self._kinds(ids, head)
            )
        stop = len(head) + len(document_ids)
        rows = torch.stack([out.start_logits[0], out.end_logits[0]]).float()
        keep = torch.zeros(ids.shape[1], dtype=torch.bool)
        keep[0], keep[len(head) : stop] = True, True
        odds = rows.masked_fill(~keep, float("-inf")).softmax(-1)
        return Found(_spans(odds[0, len(head) : stop], odds[1, len(head) : stop], best), float(odds[:, 0].prod()))

    def _kinds(self, ids: torch.Tensor, head: Sequence[int]) -> dict[str, torch.Tensor]:
        if self._twice:
            return {}
        kinds = torch.ones_like(ids)
        kinds[0, : len(head)] = 0
        return {"token_type_ids": kinds, "question_lengths": torch.tensor([[len(head)]])}


def is_span_model(folder: str) -> bool:
    """Whether the config in `folder` (or of the hub id) names a question answering model of the FAMILIES."""
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError):
        return False  # loading it as a decoder says what is wrong
    kinds = config.architectures or [""]
    return config.model_type in FAMILIES and kinds[0].endswith("ForQuestionAnswering")


def load_spans(name: str, folder: str, dtype: torch.dtype, cls: int | None, sep: int | None) -> SpanReader:
    """The model in `folder`; `cls` and `sep` are its tokenizer's marks. ModelNotFoundError or UnsupportedModelError.

    Only safetensors weights are loaded and no code of the model's own is run.
    """
    if cls is None or sep is None:
        raise UnsupportedModelError(f"The tokenizer of “{name}” has no marks for the start and for a separation.")
    try:
        model, loading = AutoModelForQuestionAnswering.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except OSError as error:
        raise ModelNotFoundError(f"No model could be loaded from “{name}”: it has no safetensors weights.") from error
    except (ValueError, ImportError, RuntimeError, SafetensorError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnsupportedModelError(f"The model “{name}” cannot be served: {line}") from error
    missing = sorted(loading["missing_keys"])
    if missing:  # transformers would leave them random
        raise UnsupportedModelError(f"The weights of “{name}” lack {len(missing)} tensors, such as {missing[0]}.")
    return SpanReader(model, name, cls, sep)


def _spans(start: torch.Tensor, end: torch.Tensor, best: int) -> tuple[Span, ...]:
    """The likeliest spans that do not overlap, from probabilities [n] of starts and of last tokens."""
    count = min(CANDIDATES, len(start))
    firsts, lasts = start.topk(count), end.topk(count)
    pairs = [
        Span(low, high + 1, p * q)
        for low, p in zip(firsts.indices.tolist(), firsts.values.tolist(), strict=True)
        for high, q in zip(lasts.indices.tolist(), lasts.values.tolist(), strict=True)
        if low <= high < low + LONGEST
    ]
    kept: list[Span] = []
    for span in sorted(pairs, key=lambda each: -each.score):
        if len(kept) < best and all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return tuple(kept)


def _fingerprint(model: Any) -> str:
    digest = hashlib.sha256(model.config.to_json_string(use_diff=False).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.float().sum().numpy().tobytes())
    return digest.hexdigest()
