"""A teacher writes questions about passages of the corpus, answers them back, and only what agrees is kept.

The passages come source by source in an order fixed by the seed, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sparse_backend.atomic import written
from sparse_backend.train.texts.corpus import Corpus
from sparse_backend.train.texts.teaching import Candidate, agrees, candidates, clean, normal, replied, sound

SHARE = 8  # batches that are read, sorted by length and written together


class Writer(Protocol):
    """What writes and answers questions: TeacherModel, or a fake one."""

    def write(self, asked: list[tuple[str, str, str]]) -> list[str]:
        """One question for each (sentence, answer, style)."""

    def reply(self, pairs: list[tuple[str, str]]) -> list[str]:
        """What each passage says to its question."""


def teach(
    writer: Writer,
    corpus: Corpus,
    out: Path,
    *,
    seconds: float,
    batch: int,
    seed: int,
    say: Callable[[dict[str, Any]], None],
) -> int:
    """Appends questions to `out` for `seconds` or until the corpus ends; how many there are now.

    `out`.progress holds how many candidates were tried, written after the questions: what was written twice because
    the run ended in between, or only half, is left out.
    """
    begin = time.monotonic()
    progress = out.with_name(out.name + ".progress")
    done: dict[str, int] = json.loads(progress.read_text()) if progress.exists() else {"tried": 0}
    stream = candidates(corpus, seed)
    for _ in islice(stream, done["tried"]):
        pass
    seen = _written(out)
    while time.monotonic() - begin < seconds and (group := list(islice(stream, batch * SHARE))):
        group.sort(key=lambda one: len(one.passage))
        with out.open("a", encoding="utf-8") as stream_out:
            for low in range(0, len(group), batch):
                part = group[low : low + batch]
                for line in _batch(writer, part, seen):
                    stream_out.write(line + "\n")
        done = {"tried": done["tried"] + len(group), "kept": len(seen)}
        with written(progress) as partial:
            partial.write_text(json.dumps(done))
        say({**done, "seconds": round(time.monotonic() - begin, 1)})
    return len(seen)


def _written(out: Path) -> set[str]:
    """The questions that `out` has, in one form; a last line that is not complete is taken away."""
    if not out.exists():
        return set()
    data = out.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with out.open("r+b") as file:
            file.truncate(whole)
    return {normal(json.loads(line)["question"]) for line in data[:whole].decode("utf-8").split("\n") if line}


def _batch(writer: Writer, part: list[Candidate], seen: set[str]) -> Iterator[str]:
    """The lines that a batch of candidates comes to."""
    asked = writer.write([(one.sentence, one.answer, one.style) for one in part])
    good = [(one, clean(text)) for one, text in zip(part, asked, strict=True) if sound(clean(text), one)]
    replies = writer.reply([(one.passage, question) for one, question in good]) if good else []
    for (one, question), reply in zip(good, replies, strict=True):
        kept = one if agrees(reply, one) else replied(reply, one)
        if kept is None or not sound(question, kept) or normal(question) in seen:
            continue
        seen.add(normal(question))
        record = {
            "source": kept.text.source,
            "path": kept.text.path,
            "kind": kept.choice.kind,
            "low": kept.choice.low,
            "high": kept.choice.high,
            "start": kept.choice.start,
            "end": kept.choice.end,
            "answer": kept.answer,
            "question": question,
        }
        yield json.dumps(record, ensure_ascii=False)
