"""The harness' only calls of the engine: read, ask, forget.

Everything else is written against the Backend protocol, so that tests script one and another engine needs only this
file. Settings that the engine has no switch for are read by `forward`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from sparse_backend.config import BackendError, EngineOptions, Impl
from sparse_backend.engine import Engine
from sparse_backend.eval import forward
from sparse_backend.eval.settings import Setting
from sparse_backend.model import Decoder


@dataclass(frozen=True, slots=True)
class Held:
    """A context that was read. `handle` is the backend's own; `seconds` without writing it to disk."""

    handle: Any
    tokens: int
    seconds: float
    setting: Setting


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `evidence`: float32 [context tokens], mean attention mass while it was generated."""

    token_ids: tuple[int, ...]
    first_token_s: float
    total_s: float
    evidence: Tensor


class Backend(Protocol):
    """What is measured."""

    def refuses(self, setting: Setting, tokens: int) -> str:
        """Why a context of `tokens` cannot be read under `setting`; empty where it can."""

    def read(self, token_ids: Sequence[int], anchors: Sequence[int], setting: Setting) -> Held:
        """Reads a context as `setting` says."""

    def ask(self, held: Held, tail_ids: Sequence[int], stop_ids: frozenset[int], max_new_tokens: int) -> Reply:
        """A greedy answer to what stands in `tail_ids`."""

    def forget(self, held: Held) -> None:
        """Frees what `held` holds in memory and on disk."""


class EngineBackend:
    """A decoder behind one Engine for each setting. `segments`: a folder of its own."""

    def __init__(self, decoder: Decoder, segments: Path, impl: Impl) -> None:
        self.decoder = decoder
        self.impl = impl
        self._segments = segments
        self._engines: dict[str, Engine] = {}

    def refuses(self, setting: Setting, tokens: int) -> str:
        """See Backend."""
        try:
            self._engine(setting).check_length(tokens)
            if setting.repaired:
                forward.check_range(self.decoder, tokens)
        except BackendError as error:
            return str(error)
        return ""

    def read(self, token_ids: Sequence[int], anchors: Sequence[int], setting: Setting) -> Held:
        """See Backend."""
        engine = self._engine(setting)
        if setting.repaired:
            start = time.perf_counter()
            segment = forward.read_repaired(self.decoder, token_ids, anchors, setting, self.impl)
            return Held(segment, len(token_ids), time.perf_counter() - start, setting)
        read = engine.read(token_ids, anchors)
        return Held(read.segment, len(token_ids), read.seconds - read.save_s, setting)

    def ask(self, held: Held, tail_ids: Sequence[int], stop_ids: frozenset[int], max_new_tokens: int) -> Reply:
        """See Backend."""
        engine = self._engine(held.setting)
        generator = engine.ask(held.handle, tail_ids, stop_ids=stop_ids, max_new_tokens=max_new_tokens)
        while True:
            try:
                next(generator)
            except StopIteration as stop:
                answer = stop.value
                break
        return Reply(tuple(answer.token_ids), answer.first_token_s, answer.total_s, answer.evidence.mean())

    def forget(self, held: Held) -> None:
        """See Backend."""
        self._engine(held.setting).forget(held.handle.key)

    def _engine(self, setting: Setting) -> Engine:
        if setting.fingerprint not in self._engines:
            engine = Engine(self.decoder, EngineOptions(self._segments, impl=self.impl, resident_segments=2))
            engine.schedule = setting.schedule
            self._engines[setting.fingerprint] = engine
        return self._engines[setting.fingerprint]
