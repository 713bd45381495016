"""Generated questions with known answers, put to the real bot: what calibration learns from and is tested on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from assistant.bot import Bot, Finished
from assistant.citations import Citer, says_not_stated
from assistant.library import Held
from assistant.passages import LiteralIndex, passages
from assistant.profiles import Profile
from assistant.prompt import Prompt
from assistant.quoting import said_tokens
from assistant.reading import ReadDocument
from assistant.tokenizer import Tokenizer
from ingest import Document, encode, load
from sparse_backend import Engine
from sparse_backend.eval.case import Case, Question
from sparse_backend.eval.looks import head_mass, question_mass
from sparse_backend.eval.suites.registry import SUITES, make

BOTS = {"code": "code", "history": "support"}  # who is asked; every other suite asks the legal bot
_FILE = re.compile(r"^# file: (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One text: a suite of sparse_backend.eval, so many tokens, the first fact at `depth` in [0, 1], a seed."""

    suite: str
    tokens: int
    depth: float
    seed: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One answered question. `proof`: characters [start, end) of each place that proves the answer.

    `mass` float32 [layers, Hq, passages]: where each head looked while the answer was said, before any block quote;
    None where it was not asked for or nothing was said. `asked_mass`: the same of the question's own tokens, whatever
    was said.
    """

    cell: Cell
    question: Question
    document: ReadDocument
    finished: Finished
    score: float
    refused: bool
    proof: tuple[tuple[int, int], ...]
    mass: Tensor | None
    asked_mass: Tensor | None

    @property
    def absent(self) -> bool:
        """Whether the text does not answer it."""
        return self.question.kind == "absent"

    @property
    def right(self) -> bool:
        """Everything that was asked for, and nothing wrong."""
        return self.score == 1.0


def ask_known(
    cell: Cell, engine: Engine, tokenizer: Tokenizer, profiles: dict[str, Profile], scratch: Path, *, heads: bool = True
) -> Iterator[Asked]:
    """Reads the cell's text through the product's own parser and asks its questions; forgets the text at the end."""
    profile = profiles[BOTS.get(cell.suite, "legal")]
    case = make(
        SUITES[cell.suite],
        tokens=cell.tokens,
        depth=cell.depth,
        sample=0,
        seed=cell.seed,
        measure=lambda text: len(tokenizer.text(text)),
    )
    document = _parsed(case, scratch)
    encoded = encode(document, tokenizer)
    prompt = Prompt(tokenizer, profile)
    prefix = prompt.prefix(encoded)
    read = engine.read(prefix.token_ids, prefix.anchors)
    ready = ReadDocument(Held("known", document, 0, 0.0), encoded, prefix, read, Citer(document, encoded))
    literal = LiteralIndex(document.text)
    bot = Bot(engine, tokenizer, profile)
    try:
        for question in case.questions:
            *_, finished = bot.answer(ready, [], question.text)
            assert isinstance(finished, Finished)
            mass = asked_mass = None
            said = said_tokens(finished.answer.token_ids, tokenizer)
            if heads and finished.answer.exact:  # keys of a selection have other places
                tail, bounds = prompt.tail([], question.text), _bounds(ready)
                decoder, impl = engine.decoder, engine.options.impl
                asked_mass = question_mass(
                    decoder, read.segment, tail, prompt.words(tail, question.text, first=True), bounds, impl
                )
                if said:
                    mass = head_mass(decoder, read.segment, tail, finished.answer.token_ids[:said], bounds, impl)
            yield Asked(
                cell,
                question,
                ready,
                finished,
                question.score(finished.text.partition("\n>")[0]),
                says_not_stated(finished.text, profile.not_stated),
                tuple(place for part in question.places for place in _found(case, part.start, part.end, literal)),
                mass,
                asked_mass,
            )
    finally:
        engine.forget(read.segment.key)


def _parsed(case: Case, scratch: Path) -> Document:
    """The text as the files that a user would give: a folder of sources, or one text."""
    folder = scratch / "known"
    for old in sorted(folder.rglob("*"), reverse=True):
        old.unlink() if old.is_file() else old.rmdir()
    folder.mkdir(parents=True, exist_ok=True)
    marks = list(_FILE.finditer(case.text))
    if not marks:
        path = folder / "text.txt"
        path.write_text(case.text, "utf-8")
        return load([path])
    ends = [mark.start() for mark in marks[1:]] + [len(case.text)]
    for mark, end in zip(marks, ends, strict=True):
        file = folder / mark[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(case.text[mark.end() : end].strip("\n") + "\n", "utf-8")
    return load([folder])


def _found(case: Case, start: int, end: int, literal: LiteralIndex) -> list[tuple[int, int]]:
    """A proving place of the case, where it stands in the parsed document."""
    words = _FILE.sub("", case.text[start:end]).strip()
    return literal.find(words)[:1]


def _bounds(document: ReadDocument) -> Tensor:
    """int64 [passages, 2]: the tokens of each passage of the document, in the segment that was read."""
    encoded, start = document.encoded, document.prefix.start
    rows = [
        (start + encoded.token_at(each.start), start + encoded.token_at(each.end - 1) + 1)
        for each in passages(document.held.document)
    ]
    return torch.tensor(rows, dtype=torch.int64).clamp(max=len(document.read.segment))
