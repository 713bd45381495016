"""A tiny decoder that is counted, an engine on it, and a document: shared by the tests of engine and scheduler."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sparse_backend import Answer, Decoder, Engine
from sparse_backend.segment import Context, Segment
from tests.tiny import Counting, engine, llama, load, one_thread, save, tokens

DOC, ANCHORS, QUESTION = tokens(100), [20, 60], tokens(9, seed=5)
NEVER: frozenset[int] = frozenset()


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return load(save(tmp_path_factory.mktemp("llama"), llama()))


@pytest.fixture
def decoder(loaded: Decoder) -> Any:
    return Counting(loaded)


@pytest.fixture
def made(decoder: Any, tmp_path: Path) -> Engine:
    return engine(decoder, tmp_path)


def finish(answer: Generator[int, None, Answer]) -> Answer:
    """The value that the generator returns."""
    streamed = []
    while True:
        try:
            streamed.append(next(answer))
        except StopIteration as end:
            result: Answer = end.value
            assert tuple(streamed) == result.token_ids
            return result


def ask(made: Engine, segment: Segment | Context, ids: Sequence[int], new: int = 8, **options: Any) -> Answer:
    return finish(made.ask(segment, ids, **{"stop_ids": NEVER, "max_new_tokens": new, **options}))


def fresh(loaded: Decoder, folder: Path, ids: Sequence[int], new: int = 8) -> tuple[int, ...]:
    """What an engine answers that has seen nothing before."""
    other = engine(loaded, folder / "fresh")
    return ask(other, other.read(DOC, ANCHORS).segment, ids, new).token_ids


# -- many at once ------------------------------------------------------------------


def together(*works: Callable[[], Any]) -> list[Any]:
    """Runs the works at once, in threads; their results."""
    results: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(number: int, work: Callable[[], Any]) -> None:
        gate.wait(30)
        results[number] = work()

    threads = [threading.Thread(target=run, args=entry) for entry in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results
