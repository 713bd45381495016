"""Who sees whom in a packed row: the exact rule, as FlexAttention's mask and as a plain matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_backend.train.packing import PAD, Row

MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
_BANK, _SELECTED = -1, -2


@dataclass(frozen=True, slots=True)
class Visibility:
    """The tensors that the rule reads, int32: per query token and per key (bank, selection, row)."""

    doc: Tensor
    tail: Tensor
    far: Tensor
    window: Tensor
    key_doc: Tensor
    key_tail: Tensor
    key_at: Tensor

    @classmethod
    def of(cls, row: Row, kind: int, device: str) -> Visibility:
        """For the shallow (0) or the deep (1) layers."""

        def put(array: object) -> Tensor:
            return torch.as_tensor(array, dtype=torch.int32).to(device, non_blocking=True)

        doc, tail, source = put(row.doc), put(row.tail), put(row.source)
        extra = torch.full_like(source, _SELECTED)
        extra[: row.shape.bank] = _BANK
        return cls(
            doc,
            tail,
            put(row.far),
            put(row.windows[kind]),
            torch.cat([put(row.key_doc), doc]),
            torch.cat([extra, tail]),
            torch.cat([source, torch.arange(len(doc), dtype=torch.int32, device=doc.device)]),
        )

    def rule(self) -> MaskMod:
        """The rule as FlexAttention wants it: allowed(batch, head, query index, key index)."""
        doc, tail, far, window = self.doc, self.tail, self.far, self.window
        key_doc, key_tail, key_at = self.key_doc, self.key_tail, self.key_at

        def allowed(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            same = (doc[query] == key_doc[key]) & (key_doc[key] != PAD)
            kind, distance = key_tail[key], query - key_at[key]
            inside = (kind == 0) & (distance >= 0) & (distance < window[query])
            text = inside | ((kind == _BANK) & (distance >= window[query]))
            asked = ((kind == 0) & (far[query] == 0)) | (kind == _SELECTED)
            asked = asked | ((kind == tail[query]) & (distance >= 0))
            return same & torch.where(tail[query] == 0, text, asked)

        return allowed

    def matrix(self) -> Tensor:
        """bool [tokens, keys]; for small rows only."""
        none = torch.zeros((), dtype=torch.int32)
        query = torch.arange(len(self.doc), device=self.doc.device)[:, None]
        key = torch.arange(len(self.key_doc), device=self.doc.device)[None]
        return self.rule()(none, none, query, key)
