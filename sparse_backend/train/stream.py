"""Rows made by worker processes, always in the same order: row i is a function of the seed and i alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparse_backend.train.blocks import block_states
from sparse_backend.train.packing import Row

Make = Callable[[int], Row]
Ready = tuple[Row, NDArray[np.uint8]]
"""A row and its block states."""


def in_process(make: Make, start: int) -> Iterator[Ready]:
    """The rows from number `start` on, made when asked for."""
    for index in count(start):
        row = make(index)
        yield row, block_states(row)


@contextmanager
def by_workers(make: Make, start: int, workers: int, ahead: int = 4) -> Iterator[Iterator[Ready]]:
    """The same rows from `workers` forked processes, each at most `ahead` rows ahead; they end with the context.

    Fork them before a GPU is touched. A worker that fails ends the stream with RuntimeError.
    """
    context: Any = multiprocessing.get_context("fork")
    queues = [context.Queue(ahead) for _ in range(workers)]
    processes = [
        context.Process(target=_work, args=(make, start + number, workers, queue), daemon=True)
        for number, queue in enumerate(queues)
    ]
    for process in processes:
        process.start()
    try:
        yield _in_turn(queues)
    finally:
        for process in processes:
            process.terminate()


def _work(make: Make, start: int, step: int, queue: Any) -> None:
    try:
        for index in count(start, step):
            row = make(index)
            queue.put((row, block_states(row)))
    except BaseException as error:
        queue.put(f"{type(error).__name__}: {error}")
        raise


def _in_turn(queues: list[Any]) -> Iterator[Ready]:
    while True:
        for queue in queues:
            made = queue.get()
            if isinstance(made, str):
                raise RuntimeError(f"a data worker stopped: {made}")
            yield made
