"""Pattern: the one definition of which token may look at which.

A pattern composes a sliding window with global tokens: the anchors (the document's headers) and a sink (its first
tokens). It follows Longformer (Beltagy et al. 2020, arXiv:2004.05150), with the attention sinks of StreamingLLM (Xiao
et al. 2023, arXiv:2309.17453), and adds the links of other papers. It looks back only, unless `causal` is off.
Layouts, passes and kernels are tested against `allows`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_backend.dynamic import Dynamic
from sparse_backend.links import Link
from sparse_backend.lsh import LSH
from sparse_backend.routes import Frame


@dataclass(frozen=True, slots=True)
class Pattern:
    """Who sees whom while a document is read.

    Query i may look at key j <= i when `i - j < window`, or `j < sink`, or j is an anchor and `anchors` is on, or any
    of `links` allows it; `content` adds pairs that follow from the queries and keys themselves. `window` is in tokens;
    None means no limit, that is dense attention; 0 leaves all to `links`. Bidirectional (`causal` off): j may lie
    ahead, the window counts on both sides, and the global tokens (sink and anchors) see everything, as everything
    sees them.
    """

    name: str
    window: int | None
    sink: int = 0
    anchors: bool = False
    causal: bool = True
    links: tuple[Link, ...] = ()
    content: LSH | Dynamic | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.window < (0 if self.links or self.content else 1):
            raise ValueError("window must be at least 1 token")
        if self.sink < 0:
            raise ValueError("sink must not be negative")

    @property
    def plain(self) -> bool:
        """Whether it is causal and has no links and no content: a window and global tokens, nothing else."""
        return self.causal and not self.links and self.content is None

    @property
    def whole(self) -> bool:
        """Whether it can only be computed for the whole text at once: it looks ahead, or sorts all tokens by hash."""
        return not self.causal or isinstance(self.content, LSH)

    def allows(
        self,
        query: Tensor,
        key: Tensor,
        is_global: Tensor,
        *,
        from_global: Tensor | None = None,
        head: Tensor | None = None,
        n: int | None = None,
    ) -> Tensor:
        """bool tensor, broadcast over integer positions `query` and `key`; `is_global` is aligned with `key`.

        It names all pairs but those that `content` adds.
        A pattern that is not `plain` also needs `from_global`, aligned with `query`, if it is bidirectional, and the
        number of tokens `n` if it has links; `head` numbers broadcast too and default to 0.
        """
        if (self.links and n is None) or (not self.causal and from_global is None):
            raise ValueError("a bidirectional pattern needs from_global, and one with links needs n")
        visible = self._near(query, key, is_global)
        for link in self.links:
            which = torch.zeros_like(query) if head is None else head
            visible = visible | link.allows(query, key, which, Frame(n or 0, self.causal))
        if from_global is None or self.causal:
            return visible & torch.le(key, query)
        return visible | (from_global & (key >= 0))

    def _near(self, query: Tensor, key: Tensor, is_global: Tensor) -> Tensor:
        if self.window is None:
            return (query >= 0) & (key >= 0)
        distance = query - key
        return torch.lt(distance if self.causal else distance.abs(), self.window) | is_global

    def global_tokens(self, anchors: Tensor, n: int) -> Tensor:
        """Sorted int64 indices below n that every later token sees: the sink, and the anchors where they count."""
        if self.window is None:
            return torch.empty(0, dtype=torch.int64)
        sink = torch.arange(min(self.sink, n))
        if not self.anchors:
            return sink
        seen: Tensor = torch.unique(torch.cat([sink, anchors.to(torch.int64)]))
        return seen

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the pattern would give other keys and values."""
        text = f"{self.name}:window={self.window}:sink={self.sink}:anchors={int(self.anchors)}"
        if not self.causal:
            text += ":bidirectional"
        if self.content is not None:
            text += f":{self.content.fingerprint}"
        return text + "".join(f":{link.fingerprint}" for link in self.links)
