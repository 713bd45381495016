"""Rotary positions outside the model: rotate queries and keys to any place, found out from the model itself.

The model's own rotary modules are made to hand out identity angles, so queries and keys arrive unrotated, and are
rotated here (RoPE, Su et al. 2021, arXiv:2104.09864) for the place where they are used. Angles are computed in
float64: in float32 they are off by 0.04 rad at a million tokens. The way a family rotates (halves or pairs, how many
dimensions, which frequencies, scaled by what) is recognised by comparing the candidates with what the model does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from sparse_backend.config import UnsupportedModelError

PROBE = (0, 1, 5, 23, 118, 254)  # positions at which candidates are compared; small: no scaling by length sets in
CLOSE = 0.02  # relative error up to which a candidate is the model's rotation; bf16 angles are off by 0.004


@dataclass(frozen=True, eq=False, slots=True)
class Rotation:
    """How one layer rotates its first 2 * len(`frequencies`) dimensions; none for a layer without positions.

    `frequencies`: float64 [R / 2], radians a token; `scale` multiplies the rotated part (YaRN's attention factor);
    `pairs`: dimensions (2i, 2i + 1) turn together, else (i, i + R / 2).
    """

    frequencies: Tensor
    scale: float = 1.0
    pairs: bool = False

    def turn(self, x: Tensor, positions: Tensor) -> Tensor:
        """x [H, L, D] of the tokens that stand at `positions` [L] (fractions too), rotated, in x's dtype."""
        if not len(self.frequencies):
            return x
        cos, sin = self.angles(positions, x.device)
        return self.apply(x, cos, sin)

    def angles(self, positions: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosine and sine, float32 [L, R / 2], scaled."""
        phase = positions.to("cpu", torch.float64)[:, None] * self.frequencies
        return tuple((f(phase) * self.scale).to(device, torch.float32) for f in (torch.cos, torch.sin))  # type: ignore[return-value]

    def apply(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x [H, L, D] turned by the angles whose `cos` and `sin` are float32 [L, R / 2]."""
        if x.is_cuda:
            from sparse_backend.kernels.triton_turn import turn  # there is no Triton where there is no GPU

            return turn(x, cos, sin, pairs=self.pairs)
        half = len(self.frequencies)
        if 2 * half == x.shape[-1] and not self.pairs:
            return self.swing(x, *_whole(cos, sin))
        part = x[..., : 2 * half].float()
        one, other = (part[..., ::2], part[..., 1::2]) if self.pairs else (part[..., :half], part[..., half:])
        turned = one * cos - other * sin, other * cos + one * sin
        mixed = torch.stack(turned, -1).flatten(-2) if self.pairs else torch.cat(turned, -1)
        return torch.cat([mixed.to(x.dtype), x[..., 2 * half :]], -1) if 2 * half < x.shape[-1] else mixed.to(x.dtype)

    @staticmethod
    def swing(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """The same where the halves are all of x's dimensions; `cos` and signed `sin` [L, D] as _whole gives them."""
        wide = x.float()
        return torch.addcmul(wide * cos, wide.roll(x.shape[-1] // 2, -1), sin).to(x.dtype)

    def undo(self, x: Tensor, positions: Tensor) -> Tensor:
        """x [H, L, D], which stands rotated at `positions`, unrotated again (one more rounding in x's dtype)."""
        if not len(self.frequencies):
            return x
        cos, sin = self.angles(positions, x.device)
        return self.apply(x, cos / self.scale**2, -sin / self.scale**2)


NONE = Rotation(torch.empty(0, dtype=torch.float64))


class Turns:
    """Rotations of one forward pass: angles of the same rotation and positions are computed once for all layers."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, str], tuple[Tensor, Tensor]] = {}

    def run(self, rotation: Rotation, x: Tensor, start: int) -> Tensor:
        """x [H, L, D] of tokens at start, start + 1, …, rotated."""
        if not len(rotation.frequencies):
            return x
        cpu = x.device.type == "cpu"
        key = (id(rotation), start, x.shape[1], "cpu" if cpu else str(x.device))
        swings = cpu and not rotation.pairs and 2 * len(rotation.frequencies) == x.shape[2]
        if key not in self._known:
            angles = rotation.angles(torch.arange(start, start + x.shape[1]), x.device)
            self._known[key] = _whole(*angles) if swings else angles
        return rotation.swing(x, *self._known[key]) if swings else rotation.apply(x, *self._known[key])


def _whole(cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine [L, R] and signed sine of both halves from those of one, so that a rotation is two products."""
    return torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)


class Silencer:
    """Makes a model's rotary modules hand out identity angles, and gives them their voice back for a comparison."""

    def __init__(self, model: Any) -> None:
        self.modules = [module for module in model.modules() if _is_rotary(module)]
        self._silent = True
        for module in self.modules:
            module.forward = self._wrapped(module.forward)

    @contextmanager
    def aloud(self) -> Iterator[None]:
        """Within it, the modules give their own angles."""
        self._silent = False
        try:
            yield
        finally:
            self._silent = True

    def candidates(self) -> list[tuple[Tensor, float]]:
        """The (frequencies, scale) that the modules hold."""
        found = []
        for module in self.modules:
            for name, value in module.named_buffers(recurse=False):
                if name.endswith("inv_freq") and "original" not in name:
                    scale = getattr(module, name.removesuffix("inv_freq") + "attention_scaling", 1.0)
                    found.append((value.detach().to("cpu", torch.float64).flatten(), float(scale)))
        return found

    def _wrapped(self, forward: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            given = forward(*arguments, **named)
            return _identity(given) if self._silent else given

        return call


def recognise(raw: Tensor, rotated: Tensor, candidates: list[tuple[Tensor, float]], positions: Tensor) -> Rotation:
    """The rotation that turns `raw` into `rotated` [H, L, D] at `positions` [L].

    Raises UnsupportedModelError when none of the ways known here does.
    """
    options = [NONE]
    for frequencies, scale in candidates:
        if 2 * len(frequencies) <= raw.shape[2]:
            options += [_shared(tuple(frequencies.tolist()), scale, pairs) for pairs in (False, True)]
    size = rotated.float().norm().clamp(min=1e-9)
    errors = [float((one.turn(raw, positions).float() - rotated.float()).norm() / size) for one in options]
    best = min(range(len(options)), key=errors.__getitem__)
    if not errors[best] <= CLOSE:
        raise UnsupportedModelError("its positions are encoded in a way that this version does not know.")
    return options[best]


@lru_cache(maxsize=64)
def _shared(frequencies: tuple[float, ...], scale: float, pairs: bool) -> Rotation:
    """One object for all layers that rotate alike, so that they share their angles."""
    return Rotation(torch.tensor(frequencies, dtype=torch.float64), scale, pairs)


def _is_rotary(module: Any) -> bool:
    return any(name.endswith("inv_freq") for name, _ in module.named_buffers(recurse=False))


def _identity(given: Any) -> Any:
    if isinstance(given, Tensor):
        if given.is_complex():
            return torch.ones_like(given)
        raise UnsupportedModelError("its rotary module gives angles in a form that this version does not know.")
    cos, sin = given
    return torch.ones_like(cos), torch.zeros_like(sin)
