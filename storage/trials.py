"""Trials of the store under stress, shared by its tests and its benchmark: killed writers and many writers at once.

Each returns what it saw; whoever calls it decides what may not be. Children start by forkserver, so each is a clean
process that never shares a connection.
"""

import multiprocessing
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from storage.store import Store

USER = "trial"
GROWTHS = 2  # saves of an answer before it is finished


@dataclass(frozen=True, slots=True)
class CrashResult:
    """What was left after a conversation whose writer was killed again and again.

    `lost`: acknowledged messages that are gone or changed; `twice`: questions stored more than once; `open`: answers
    that nobody writes any more, yet not marked as broken; `problems`: what `verify` said after any of the kills.
    """

    turns: int
    kills: int
    messages: int
    broken: int
    lost: int
    twice: int
    open: int
    problems: int


@dataclass(frozen=True, slots=True)
class WritersResult:
    """Latencies in seconds of all appends of all writers, and what went wrong with their order (should be nothing)."""

    latencies: tuple[float, ...]
    wall_s: float
    lost: int
    reordered: int


@contextmanager
def opened(place: str) -> Iterator[Store]:
    store = Store.open(place)
    try:
        yield store
    finally:
        store.close()


def crash_trial(place: str, *, turns: int, kills: int, seed: int) -> CrashResult:
    """A child asks and answers; it is killed at random points, the next one goes on where it was."""
    chance = random.Random(seed)  # noqa: S311  (a repeatable trial)
    with opened(place) as store:
        conversation = store.create_conversation(USER, "support", "crash").id
        asked: set[int] = set()
        answered: set[int] = set()
        done = open_ones = problems = 0
        while len(answered) < turns:
            child, heard = start(_talk, place, conversation, len(answered), turns)
            # The kills are spread over all that a child says: two words a turn.
            left = (turns - len(answered)) * 2
            patience = chance.randint(1, max(1, 2 * left // (kills - done + 1))) if done < kills else None
            heard_now, gap, at = 0, 0.01, time.perf_counter()
            while patience is None or heard_now < patience:
                try:
                    word, turn = heard.recv()
                except EOFError:
                    break
                gap, at = (time.perf_counter() - at) if heard_now else gap, time.perf_counter()
                (asked if word == "asked" else answered).add(turn)
                heard_now += 1
            if patience is not None and child.is_alive():
                time.sleep(chance.random() * gap)  # anywhere in what it does until its next word
                _kill(child)
                done += 1
                for word, turn in _rest(heard):
                    (asked if word == "asked" else answered).add(turn)
            child.join()
            with opened(place) as again:
                problems += len(again.verify().problems)
                open_ones += sum(m.status == "streaming" for m in again.messages(USER, conversation))
        messages = store.messages(USER, conversation)
        questions = [m.content for m in messages if m.role == "user"]
        answers = {m.content for m in messages if m.role == "assistant" and m.status == "complete"}
        lost = sum(_question(n) not in questions for n in asked) + sum(_answer(n) not in answers for n in answered)
        broken = sum(m.status == "broken" for m in messages)
        twice = len(questions) - len(set(questions))
        return CrashResult(turns, done, len(messages), broken, lost, twice, open_ones, problems)


def writers_trial(place: str, *, processes: int, threads: int, each: int, conversations: int) -> WritersResult:
    """Many writers append to the same conversations at once, each `each` messages, round and round."""
    with opened(place) as store:
        ids = [store.create_conversation(USER, "support", str(n)).id for n in range(conversations)]
        children = [start(_write, place, ids, threads, each, number) for number in range(processes)]
        for _, heard in children:
            heard.recv()  # everybody is ready
        begun = time.perf_counter()
        for _, heard in children:
            heard.send("go")
        latencies: list[float] = []
        for child, heard in children:
            latencies += heard.recv()
            child.join()
        wall = time.perf_counter() - begun
        stored = [m.content for key in ids for m in store.messages(USER, key)]
        reordered = sum(_out_of_order(store, key) for key in ids)
        return WritersResult(tuple(latencies), wall, processes * threads * each - len(set(stored)), reordered)


# -- in the children ---


def _talk(heard: Connection, place: str, conversation: str, first: int, turns: int) -> None:
    store = Store.open(place)
    for turn in range(first, turns):
        store.append(USER, conversation, "user", _question(turn), idempotency_key=f"{conversation} {turn}")
        heard.send(("asked", turn))
        answer = store.begin_answer(USER, conversation).id or 0
        text = _answer(turn)
        for step in range(1, GROWTHS + 1):
            store.grow_answer(USER, answer, text[: len(text) * step // (GROWTHS + 1)])
        store.finish_answer(USER, answer, text, "complete", None)
        heard.send(("answered", turn))
    store.close()


def _write(heard: Connection, place: str, conversations: list[str], threads: int, each: int, number: int) -> None:
    store = Store(place)
    store.counts()
    heard.send("ready")
    heard.recv()

    def one(thread: int) -> list[float]:
        took = []
        for n in range(each):
            key = conversations[(number * threads + thread + n) % len(conversations)]
            start = time.perf_counter()
            store.append(USER, key, "user", f"{number}.{thread} {n}")
            took.append(time.perf_counter() - start)
        return took

    with ThreadPoolExecutor(threads) as pool:
        heard.send([seconds for took in pool.map(one, range(threads)) for seconds in took])
    store.close()


# -- helpers ---


def start(target: object, *arguments: object) -> tuple[BaseProcess, Connection]:
    """Run `target(connection, *arguments)` in a new process; returns it and our end of the connection."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["storage.store"])
    ours, theirs = context.Pipe()
    child = context.Process(target=target, args=(theirs, *arguments), daemon=True)  # type: ignore[arg-type]
    child.start()
    theirs.close()  # so that the death of the child ends what we hear
    return child, ours


def _kill(child: BaseProcess) -> None:
    child.kill()
    child.join()
    if child.exitcode != -signal.SIGKILL:
        raise RuntimeError(f"the child was not killed but ended with {child.exitcode}")


def _rest(heard: Connection) -> Iterator[tuple[str, int]]:
    """What a dead child had said before it died; its last word may be cut off."""
    try:
        while True:
            word, turn = heard.recv()
            yield word, turn
    except (EOFError, OSError):
        return


def _question(turn: int) -> str:
    return f"question {turn}: where is order {turn * 7919}?"


def _answer(turn: int) -> str:
    return f"answer {turn}: " + f"order {turn * 7919} is on its way; " * 20


def _out_of_order(store: Store, conversation: str) -> int:
    """Messages whose `seq` leaves a gap, or that stand behind a later one of the same writer."""
    last: dict[str, int] = {}
    wrong = 0
    for place, message in enumerate(store.messages(USER, conversation)):
        writer, n = message.content.split()
        wrong += message.seq != place or last.get(writer, -1) >= int(n)
        last[writer] = int(n)
    return wrong
