"""What the routed self-attentions share: heads, and padding at the end of a row."""

from __future__ import annotations

from torch import Tensor

from sparse_backend.config import UnsupportedModelError


def split(x: Tensor, heads: int) -> Tensor:
    """[n, heads * D] -> [heads, n, D]."""
    return x.view(len(x), heads, -1).transpose(0, 1)


def real_tokens(real: Tensor) -> int:
    """How many tokens a row has, from bool [n]; raises ValueError when padding stands anywhere but at its end."""
    count = int(real.sum())
    if not bool(real[:count].all()):
        raise ValueError("padding must stand at the end")
    return count


def check_use(training: bool, weights: object) -> None:
    """Raises UnsupportedModelError for what is never computed: gradients, and the attention weights themselves."""
    if training:
        raise UnsupportedModelError("The routed attention has no dropout and no gradients: call model.eval() first.")
    if weights:
        raise UnsupportedModelError("The routed attention never forms its weights: leave output_attentions off.")
