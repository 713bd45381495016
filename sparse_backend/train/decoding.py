"""Greedy answers to many questions at once, after a packed row was read: an independent mirror of the engine's asking.

Documents in the trained range are looked at whole; on longer ones each layer and KV head looks at the blocks that the
question's own queries find most promising, laid side by side at positions 0, 1, ….
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sparse_backend.train.network import Angles, Reader, mul, rms, rotate
from sparse_backend.train.packing import BUDGET, SELECT_BLOCK

NEW_TOKENS = 90


@dataclass(frozen=True, slots=True)
class Cache:
    """Unrotated keys and values of a read row, one [T, Hkv, D] per layer."""

    keys: list[Tensor]
    values: list[Tensor]


class Asker:
    """Answers the questions on all documents of a row together; weights in bf16 on the device."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._sizes = reader, reader.sizes
        self._device = reader.embedding.device

    @torch.inference_mode()
    def answer(
        self,
        cache: Cache,
        starts: list[int],
        lengths: list[int],
        questions: list[list[tuple[int, ...]]],
        end: int,
        *,
        far: bool,
    ) -> list[list[list[int]]]:
        """Token ids of the answers, without the end token: one list per document and question.

        `starts`, `lengths`: where the documents stand in the row.
        """
        many = max(len(asked) for asked in questions)
        flat = [asked[i] if i < len(asked) else asked[0] for asked in questions for i in range(many)]
        longest = max(map(len, flat))
        ids = torch.zeros(len(flat), longest + NEW_TOKENS, dtype=torch.long, device=self._device)
        sizes = torch.tensor([len(one) for one in flat], device=self._device)
        for index, one in enumerate(flat):
            ids[index, : len(one)] = torch.tensor(one, device=self._device)
        document = _Documents(self, cache, starts, lengths, many, far, longest + NEW_TOKENS)
        hidden = document.forward(
            ids[:, :longest], torch.arange(longest, device=self._device).expand(len(flat), -1), sizes
        )
        last = hidden[torch.arange(len(flat), device=self._device), sizes - 1]
        done = torch.zeros(len(flat), dtype=torch.bool, device=self._device)
        made: list[Tensor] = []
        for step in range(NEW_TOKENS):
            token = self._reader.logits(last).argmax(-1)
            made.append(torch.where(done, end, token))
            done |= token == end
            if step % 8 == 7 and bool(done.all()):
                break
            last = document.forward(token[:, None], (sizes + step)[:, None], sizes)[:, 0]
        rows = torch.stack(made, 1).tolist()
        cut = [row[: row.index(end)] if end in row else row for row in rows]
        return [cut[i * many : i * many + len(asked)] for i, asked in enumerate(questions)]


class _Documents:
    def __init__(
        self, asker: Asker, cache: Cache, starts: list[int], lengths: list[int], many: int, far: bool, room: int
    ) -> None:
        self._reader, self._sizes, self._cache = asker._reader, asker._sizes, cache
        device = asker._device
        self._docs, self._many, self._far = len(starts), many, far
        top = max(lengths)
        offset = torch.arange(top, device=device)
        self._length = torch.tensor(lengths, device=device)
        self._valid = offset[None] < self._length[:, None]  # [docs, top]
        self._index = (torch.tensor(starts, device=device)[:, None] + offset).clamp(max=len(cache.keys[0]) - 1)
        shape = (self._docs * many, room, self._sizes.kv_heads, self._sizes.head_dim)
        layers = len(cache.keys)
        self._tail_k = [torch.zeros(shape, dtype=torch.bfloat16, device=device) for _ in range(layers)]
        self._tail_v = [torch.zeros(shape, dtype=torch.bfloat16, device=device) for _ in range(layers)]
        self._angles = Angles.at(offset, self._sizes)
        self._chosen: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        self._behind = self._length.repeat_interleave(many)
        if far:
            blocks = -(-self._length // SELECT_BLOCK)
            full = (blocks.clamp(max=BUDGET // SELECT_BLOCK) * SELECT_BLOCK) - (blocks * SELECT_BLOCK - self._length)
            self._behind = full.repeat_interleave(many)  # the last block, which may be short, is always chosen

    def forward(self, ids: Tensor, at: Tensor, sizes: Tensor) -> Tensor:
        """Feeds tokens [questions, t] at indices `at` of their tails; hidden states [questions, t, width]."""
        z, reader = self._sizes, self._reader
        x = reader.embedding[ids].to(torch.bfloat16)
        n, t = ids.shape
        places = self._behind[:, None] + at
        turned = Angles.at(places.reshape(-1), z)
        for index, (first, wq, wk, wv, wo, second, gate, up, down) in enumerate(reader.stack):
            h = rms(x, first, z.epsilon)
            q = mul(h, wq).view(n * t, z.heads, z.head_dim)
            k = mul(h, wk).view(n * t, z.kv_heads, z.head_dim)
            v = mul(h, wv).view(n, t, z.kv_heads, z.head_dim)
            rows = torch.arange(n, device=ids.device)[:, None].expand(-1, t)
            self._tail_k[index][rows, at] = rotate(k, *turned.pair).view(n, t, z.kv_heads, z.head_dim)
            self._tail_v[index][rows, at] = v
            out = self._attend(
                index,
                q.view(n, t, z.heads, z.head_dim),
                rotate(q, *turned.pair).view(n, t, z.heads, z.head_dim),
                at,
                sizes,
            )
            x = x + mul(out, wo)
            h = rms(x, second, z.epsilon)
            x = x + mul(F.silu(mul(h, gate)) * mul(h, up), down)
        return rms(x, reader.norm, z.epsilon)

    def _attend(self, layer: int, plain: Tensor, q: Tensor, at: Tensor, sizes: Tensor) -> Tensor:
        z = self._sizes
        n, t = q.shape[:2]
        group = z.heads // z.kv_heads
        # [n, kv, group * t, D]
        rows = (
            q.view(n, t, z.kv_heads, group, z.head_dim)
            .permute(0, 2, 3, 1, 4)
            .reshape(n, z.kv_heads, group * t, z.head_dim)
        )
        scale = z.head_dim**-0.5
        if self._far:
            if layer not in self._chosen:
                self._chosen[layer] = self._choose(layer, plain, sizes)
            keys, values, valid = self._chosen[layer]
            behind = torch.matmul(rows, keys.transpose(-1, -2)).float() * scale
            behind = behind.masked_fill(~valid[:, :, None], float("-inf"))
        else:
            keys, values = self._document(layer)
            wide = (
                rows.view(self._docs, self._many, z.kv_heads, group * t, z.head_dim)
                .transpose(1, 2)
                .reshape(self._docs, z.kv_heads, -1, z.head_dim)
            )
            behind = torch.matmul(wide, keys.transpose(-1, -2)).float() * scale
            behind = behind.masked_fill(~self._valid[:, None, None], float("-inf"))
            behind = (
                behind.view(self._docs, z.kv_heads, self._many, group * t, -1)
                .transpose(1, 2)
                .reshape(n, z.kv_heads, group * t, -1)
            )
        tail_k, tail_v = self._tail_k[layer].transpose(1, 2), self._tail_v[layer].transpose(1, 2)
        own = torch.matmul(rows, tail_k.transpose(-1, -2)).float() * scale
        seen = torch.arange(own.shape[-1], device=q.device)[None, None] <= at[:, :, None]  # [n, t, room]
        own = own.masked_fill(~seen[:, None].repeat(1, 1, group, 1), float("-inf"))
        weights = torch.cat([behind, own], -1).softmax(-1).to(torch.bfloat16)
        near, tail = weights[..., : behind.shape[-1]], weights[..., behind.shape[-1] :]
        out = torch.matmul(tail, tail_v)
        if self._far:
            out = out + torch.matmul(near, values)
        else:
            wide = (
                near.view(self._docs, self._many, z.kv_heads, group * t, -1)
                .transpose(1, 2)
                .reshape(self._docs, z.kv_heads, -1, near.shape[-1])
            )
            read = torch.matmul(wide, values)
            out = out + read.view(self._docs, z.kv_heads, self._many, group * t, -1).transpose(1, 2).reshape(out.shape)
        return out.view(n, z.kv_heads, group, t, z.head_dim).permute(0, 3, 1, 2, 4).reshape(n, t, -1)

    def _document(self, layer: int) -> tuple[Tensor, Tensor]:
        """Rotated keys and values of all documents, [docs, kv, top, D]."""
        if layer not in self._chosen:
            k = self._cache.keys[layer][self._index]
            cos, sin = self._angles.pair
            low, high = k.float().chunk(2, -1)
            cos, sin = cos[None, :, None], sin[None, :, None]
            turned = torch.cat([low * cos - high * sin, high * cos + low * sin], -1).to(k.dtype)
            v = self._cache.values[layer][self._index]
            self._chosen[layer] = (turned.transpose(1, 2).contiguous(), v.transpose(1, 2).contiguous(), self._valid)
        return self._chosen[layer][:2]

    def _choose(self, layer: int, plain: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values of the chosen blocks, [n, kv, M, D], and which of the M places are filled."""
        z = self._sizes
        t = plain.shape[1]
        group = z.heads // z.kv_heads
        real = torch.arange(t, device=plain.device)[None] < sizes[:, None]
        parts = []
        top = self._index.shape[1]
        blocks = -(-top // SELECT_BLOCK)
        budget = min(blocks, BUDGET // SELECT_BLOCK)
        slots = torch.arange(budget * SELECT_BLOCK, device=plain.device)
        angles = Angles.at(slots, z)
        for doc in range(self._docs):
            keys = self._cache.keys[layer][self._index[doc]].transpose(0, 1)  # [kv, top, D]
            values = self._cache.values[layer][self._index[doc]].transpose(0, 1)
            here = slice(doc * self._many, (doc + 1) * self._many)
            q = (
                plain[here]
                .view(self._many, t, z.kv_heads, group, z.head_dim)
                .permute(2, 0, 1, 3, 4)
                .reshape(z.kv_heads, -1, z.head_dim)
            )
            scores = torch.matmul(q, keys.transpose(1, 2)).float() * z.head_dim**-0.5
            scores = scores.masked_fill(~self._valid[doc], float("-inf")).softmax(-1)
            scores = scores.view(z.kv_heads, self._many, t, group, top) * real[here][None, :, :, None, None]
            mass = (
                F.pad(scores.sum((2, 3)), (0, blocks * SELECT_BLOCK - top))
                .view(z.kv_heads, self._many, blocks, SELECT_BLOCK)
                .sum(-1)
            )
            last = int(self._length[doc] - 1) // SELECT_BLOCK
            mass[..., [0, last, max(0, last - 1)]] = float("inf")
            mass[..., last + 1 :] = -1.0
            found = mass.topk(budget, -1).indices.sort(-1).values  # [kv, many, budget]
            places = (found[..., None] * SELECT_BLOCK + torch.arange(SELECT_BLOCK, device=plain.device)).flatten(2)
            filled = places < self._length[doc]
            at = places.clamp(max=top - 1)
            k = torch.stack([keys[head][at[head]] for head in range(z.kv_heads)], 1)  # [many, kv, M, D]
            v = torch.stack([values[head][at[head]] for head in range(z.kv_heads)], 1)
            low, high = k.float().chunk(2, -1)
            k = torch.cat([low * angles.cos - high * angles.sin, high * angles.cos + low * angles.sin], -1).to(k.dtype)
            parts.append((k, v, filled.transpose(0, 1)))
        return (
            torch.cat([k for k, _, _ in parts]),
            torch.cat([v for _, v, _ in parts]),
            torch.cat([f for _, _, f in parts]),
        )
