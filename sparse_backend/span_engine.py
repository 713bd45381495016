"""SpanEngine: the engine's door for extractive models. An encoder keeps nothing: each question reads all of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from sparse_backend.config import Cancelled, ContextTooLongError, EngineOptions, Impl
from sparse_backend.engine import Progress
from sparse_backend.requests import Cancel
from sparse_backend.results import Read
from sparse_backend.segment import Segment, segment_key
from sparse_backend.spans import Found, SpanReader


class SpanEngine:
    """Reads with a SpanReader; the methods shared with Engine mean the same."""

    def __init__(self, decoder: SpanReader, segments: Path) -> None:
        self.decoder = decoder
        self.options = EngineOptions(segments, pattern=decoder.family, level="balanced", impl=Impl.CPU)
        self._compute = threading.Lock()

    def check_length(self, tokens: int) -> None:
        """Raises ContextTooLongError when `tokens` exceed what the model takes at once."""
        if tokens > self.decoder.limit:
            raise ContextTooLongError(
                f"This needs {tokens:,} tokens, but {self.decoder.name} takes {self.decoder.limit:,} at once.",
                tokens=tokens,
                limit=self.decoder.limit,
            )

    def reads(self, tokens: int) -> bool:
        """Whether the model takes so many tokens at once."""
        return tokens <= self.decoder.limit

    def key(self, token_ids: Sequence[int], anchors: Sequence[int]) -> str:
        """The content hash of these tokens under this model."""
        return segment_key(self.decoder.fingerprint, self.options.pattern, self.options.impl, token_ids, anchors)

    def pattern_for(self, n: int) -> str:
        """The name of the pattern with which n tokens are read, for receipts."""
        return self.options.pattern

    def read(
        self,
        token_ids: Sequence[int],
        anchors: Sequence[int],
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Read:
        """The document as a segment without keys and values; none are kept, and none come from a cache."""
        if not token_ids:
            raise ValueError("there is nothing to read")
        begin = time.perf_counter()
        self.check_length(len(token_ids))
        if cancel and cancel():
            raise Cancelled("Reading was cancelled.")
        if progress:
            progress(len(token_ids), len(token_ids))
        key, none = self.key(token_ids, anchors), torch.empty(0, 0, len(token_ids), 0)
        return Read(Segment(key, tuple(token_ids), tuple(anchors), none, none), 0, time.perf_counter() - begin)

    def forget(self, key: str) -> None:
        """Nothing is kept."""

    def find(self, segment: Segment, question_ids: Sequence[int]) -> Found:
        """The spans of the segment that answer the question, one question at a time."""
        with self._compute:
            return self.decoder.answer(question_ids, segment.token_ids, segment.anchors)
