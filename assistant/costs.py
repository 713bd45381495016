"""What reading will cost, asked before it begins; the machine is probed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import torch

from sparse_backend.config import ModelNotFoundError
from sparse_backend.estimate import Estimate, estimate, matmul_rate


class Costs:
    """Estimates for one model in a local `folder`, computed in `dtype` on `device`."""

    def __init__(self, folder: str, dtype: torch.dtype, device: str) -> None:
        self._folder, self._dtype, self._device = folder, dtype, device
        self._rate: float | None = None
        self._probing = threading.Lock()

    def of(self, pattern: str, level: str) -> Callable[[int, int], Estimate | None]:
        """A function of tokens and anchors; None is its answer where the weights lie elsewhere."""
        return partial(self._cost, pattern, level)

    def _cost(self, pattern: str, level: str, tokens: int, anchors: int) -> Estimate | None:
        with self._probing:  # two probes at once would slow each other down
            if self._rate is None:
                self._rate = matmul_rate(self._dtype, device=self._device)
        try:
            return estimate(
                self._folder, tokens, anchors, pattern=pattern, level=level, dtype=self._dtype, rate=self._rate
            )
        except ModelNotFoundError:  # a hub id, whose files are in a cache of their own
            return None
