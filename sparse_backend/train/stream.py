"""Batches made by worker processes, always in the same order: number i is a function of the seed and i alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def by_workers(make: Callable[[int], T], start: int, workers: int, ahead: int = 4) -> Iterator[Iterator[T]]:
    """make(start), make(start + 1), … from `workers` forked processes, each at most `ahead` ahead.

    Fork them before a GPU is touched; they end with the context. One that fails ends the stream with RuntimeError.
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


def _work(make: Callable[[int], T], start: int, step: int, queue: Any) -> None:
    try:
        for index in count(start, step):
            queue.put((make(index), ""))
    except BaseException as error:
        queue.put((None, f"{type(error).__name__}: {error}"))
        raise


def _in_turn(queues: list[Any]) -> Iterator[Any]:
    while True:
        for queue in queues:
            made, wrong = queue.get()
            if wrong:
                raise RuntimeError(f"a data worker stopped: {wrong}")
            yield made
