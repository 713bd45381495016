"""The training loop: a budget of seconds, cosine to zero, everything kept so that another call can go on."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sparse_backend.atomic import written
from sparse_backend.train.network import Reader, Turns
from sparse_backend.train.packing import PAD, Row

EARLY, COMPILING = 8, 4.0  # among a call's first steps, one that takes more seconds than this compiled something
STATE = "state.safetensors"  # weights, moments and, as its metadata, progress: one file is complete or not there
CHUNK = 4096  # learnt tokens whose logits stand in memory at once
Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rate over the seconds of all calls together: `warm_up` steps up, then a cosine to zero."""

    peak: float = 3e-4
    warm_up: int = 40
    total_seconds: float = 600.0

    def rate(self, step: int, seconds: float) -> float:
        """The rate of step number `step` after `seconds` of training."""
        part = min(1.0, seconds / self.total_seconds)
        return self.peak * min(1.0, (step + 1) / self.warm_up) * 0.5 * (1 + math.cos(math.pi * part))


@dataclass(slots=True)
class Progress:
    """What was done in all calls so far."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    learnt: int = 0
    losses: list[float] = field(default_factory=list)


class Trainer:
    """One model with its optimiser; `layer` and `masks` are FlexAttention's on a GPU and plain ones on a CPU."""

    def __init__(
        self,
        reader: Reader,
        device: str,
        layer: Callable[..., tuple[Tensor, Tensor, Tensor]],
        masks: Callable[[Row, str, Any], tuple[Any, Any]],
        schedule: Schedule,
    ) -> None:
        self.reader, self._device, self._layer, self._masks = reader.to(device), device, layer, masks
        self.schedule, self.progress = schedule, Progress()
        learnt = [weight for weight in reader.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(
            learnt, lr=schedule.peak, betas=(0.9, 0.95), weight_decay=0.01, fused=device == "cuda"
        )

    def loss(self, row: Row, states: Any) -> tuple[Tensor, int]:
        """Weighted mean cross entropy of the learnt tokens of a row, and how many there are."""
        ids = torch.as_tensor(row.ids).long().to(self._device, non_blocking=True)
        turns = Turns.of(row, self.reader.sizes, self._device)
        hidden = self.reader(ids, turns, self._masks(row, self._device, states), self._layer)
        kept = row.label != PAD
        at = torch.as_tensor(row.label_at[kept]).long().to(self._device)
        wanted = torch.as_tensor(row.label[kept]).long().to(self._device)
        weight = torch.as_tensor(row.weight[kept]).to(self._device)
        total = torch.zeros((), device=self._device)
        for low in range(0, len(at), CHUNK):
            part, to = hidden[at[low : low + CHUNK]], slice(low, low + CHUNK)
            total = total + checkpoint(self._chunk, part, wanted[to], weight[to], use_reentrant=False)
        return total / max(1.0, float(row.weight[kept].sum())), len(at)

    def _chunk(self, hidden: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
        losses = F.cross_entropy(self.reader.logits(hidden).float(), wanted, reduction="none")
        return (losses * weight).sum()

    def step(self, row: Row, states: Any, seconds: float) -> tuple[Tensor, int]:
        """One update; the loss stays on the device."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate(self.progress.step, seconds)
        loss, count = self.loss(row, states)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.reader.parameters(), 1.0, foreach=True)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return loss.detach(), count

    def run(self, rows: Iterator[tuple[Row, NDArray[np.uint8]]], seconds: float, say: Say, every: int = 25) -> None:
        """Trains for `seconds`, or to the schedule's end. The schedule does not count what compilation takes."""
        begin = mark = last = time.monotonic()
        recent: deque[Tensor] = deque(maxlen=every)
        tokens = 0
        for number, (row, states) in enumerate(rows):
            loss, count = self.step(row, states, self.progress.seconds)
            recent.append(loss)
            self.progress.step += 1
            self.progress.learnt += count
            tokens += row.shape.tokens
            self.progress.tokens += row.shape.tokens
            if self._device == "cuda" and (number < EARLY or self.progress.step % every == 0):
                torch.cuda.synchronize()
            now = time.monotonic()
            if number < EARLY and now - last > COMPILING:
                say({"step": self.progress.step, "compiling_s": round(now - last, 1)})
                mark, tokens = now, 0
            else:
                self.progress.seconds += now - last
            last = now
            if self.progress.step % every == 0:
                self._tell(recent, tokens / max(now - mark, 1e-9), say)
                mark, tokens = now, 0
            if now - begin >= seconds or self.progress.seconds >= self.schedule.total_seconds:
                break

    def _tell(self, recent: deque[Tensor], speed: float, say: Say) -> None:
        loss = float(torch.stack(list(recent)).mean())
        self.progress.losses.append(round(loss, 4))
        peak = torch.cuda.max_memory_allocated() / 1e9 if self._device == "cuda" else 0.0
        say(
            {
                "step": self.progress.step,
                "seconds": round(self.progress.seconds, 1),
                "loss": round(loss, 4),
                "tokens_per_s": round(speed),
                "learnt": self.progress.learnt,
                "peak_gb": round(peak, 1),
            }
        )


def save(trainer: Trainer, folder: Path) -> None:
    """Weights, moments and progress, complete or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"weight.{name}": value.detach().contiguous() for name, value in trainer.reader.named().items()}
    names = {id(value): name for name, value in trainer.reader.named().items()}
    for weight, state in trainer.optimiser.state.items():
        for key in ("exp_avg", "exp_avg_sq", "step"):
            tensors[f"{key}.{names[id(weight)]}"] = state[key].detach().reshape(-1).contiguous()
    with written(folder / STATE) as partial:
        save_file(tensors, partial, {"progress": json.dumps(asdict(trainer.progress))})


def saved_progress(folder: Path) -> Progress | None:
    """How far the state in `folder` is; None where there is none, ValueError where it does not say."""
    if not (folder / STATE).exists():
        return None
    with safe_open(folder / STATE, "pt") as file:
        told = (file.metadata() or {}).get("progress")
    if told is None:
        raise ValueError(f"{folder / STATE} does not say how far it is; begin in another folder")
    return Progress(**json.loads(told))


def resume(trainer: Trainer, folder: Path) -> bool:
    """Whether there was something to go on with."""
    progress = saved_progress(folder)
    if progress is None:
        return False
    tensors = load_file(folder / STATE)
    trainer.reader.fill({key.removeprefix("weight."): value for key, value in tensors.items() if key[:7] == "weight."})
    if any(key.startswith("exp_avg.") for key in tensors):
        for name, weight in trainer.reader.named().items():
            if weight.requires_grad:
                trainer.optimiser.state[weight] = {
                    "step": tensors[f"step.{name}"].reshape(()).to(weight.device),
                    "exp_avg": tensors[f"exp_avg.{name}"].view_as(weight).to(weight.device),
                    "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].view_as(weight).to(weight.device),
                }
    trainer.progress = progress
    return True
