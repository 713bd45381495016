"""Which documents a row holds: kinds and lengths mixed, each row a function of its number."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sparse_backend.train.blocks import block_states
from sparse_backend.train.packing import TRAINED, Example, Packer, Row, RowShape, Tail
from sparse_backend.train.texts.chat import talk
from sparse_backend.train.texts.contracts import contract
from sparse_backend.train.texts.corpus import Corpus
from sparse_backend.train.texts.deals import deal
from sparse_backend.train.texts.encoding import OTHER_SYSTEMS, SYSTEM, Encoding
from sparse_backend.train.texts.histories import history
from sparse_backend.train.texts.manuals import handbook, manual
from sparse_backend.train.texts.page import Page
from sparse_backend.train.texts.sources import sources

KINDS = ("deal", "contract", "manual", "history", "code", "handbook")
WEIGHTS = (42, 5, 25, 9, 9, 10)
CHARACTERS = {"deal": 4.5, "contract": 4.5, "manual": 4.3, "history": 3.3, "code": 3.2, "handbook": 3.4}
"""Of a token, about."""
FAR_EVERY = 4  # one row in four holds far documents
SHORT = 1200  # tokens of the shorter documents, of which a fifth are shorter still
DENSE = 0.06  # share of short documents read without sparsity, as the app does on a GPU
LONGEST = 32_000
LONG_SHARE = 0.35  # of near documents that are about as long as the trained range
NEAREST = 7_700  # tokens of the longest near document that is aimed at; its questions must fit behind it
MOST = 40  # questions on a document: they share one reading of it


@dataclass(frozen=True, slots=True)
class Mix:
    """Makes rows out of a corpus; `near` and `far` are the shapes of the two kinds of rows."""

    corpus: Corpus
    encoding: Encoding
    near: RowShape
    far: RowShape
    seed: int = 1
    longest: int = LONGEST
    held_out: bool = False
    """With the families of questions that training never sees."""
    shortest: int = SHORT
    far_every: int = FAR_EVERY

    def row(self, index: int) -> Row:
        """Row number `index`: documents up to 8K tokens, in every fourth row those beyond."""
        r = random.Random(self.seed * 1_000_003 + index)
        far = index % self.far_every == self.far_every - 1
        packer = Packer(self.far if far else self.near, r.randrange(1 << 30))
        misses = 0
        while misses < 6 and packer.room > 600:
            length = self._length(r, far and misses == 0, packer.room)
            example = self.example(r, length)
            if not packer.add(example) and not packer.add(fewer_tails(example, packer.room, packer.labels_left)):
                misses += 1
        return packer.row()

    def ready(self, index: int) -> tuple[Row, NDArray[np.uint8]]:
        """The row with its block states."""
        row = self.row(index)
        return row, block_states(row)

    def example(self, r: random.Random, tokens: int) -> Example:
        """A document of about `tokens` with its questions."""
        kind = r.choices(KINDS, WEIGHTS)[0]
        page = self.page(r, kind, tokens)
        system = SYSTEM if r.random() < 0.6 else r.choice(OTHER_SYSTEMS)
        return self.encoding.example(page, system, r, dense=tokens <= 4000 and r.random() < DENSE)

    def page(self, r: random.Random, kind: str, tokens: int) -> Page:
        """A page of one kind, of about `tokens`."""
        questions = max(3, min(MOST, round(3 + tokens / 180)))
        characters = round(max(300, tokens - 60 * (tokens < 2000)) * CHARACTERS[kind])
        if kind == "deal":
            page = deal(r, characters, questions, self.corpus.legal(r), held_out=self.held_out)
        elif kind == "contract":
            page = contract(r, characters, questions, self.corpus.legal(r), held_out=self.held_out)
        elif kind == "manual":
            page = manual(r, self.corpus, characters, questions, held_out=self.held_out)
        elif kind == "history":
            page = history(r, characters, questions, held_out=self.held_out)
        elif kind == "code":
            page = sources(r, self.corpus, characters, questions)
        else:
            page = handbook(r, characters, questions, self.corpus.legal(r), held_out=self.held_out)
        if r.random() < 0.12:
            page = Page(page.text, page.headers, (*page.asked, talk(r)), page.kind)
        return page

    def _length(self, r: random.Random, far: bool, room: int) -> int:
        """Tokens of the next document: log-uniform, mostly 1K to 8K; of far ones from 8K to the longest that fits."""
        if far:
            low, high = TRAINED + 300, min(self.longest, room - 4000)
            if high > low:
                return round(math.exp(r.uniform(math.log(low), math.log(high))))
        top = min(NEAREST, room * 4 // 5)
        if top == NEAREST and r.random() < LONG_SHARE:
            return r.randint(5000, top)
        low = 500 if r.random() < 0.2 and self.shortest == SHORT else min(self.shortest, max(SHORT, top - 100))
        return round(math.exp(r.uniform(math.log(low), math.log(max(low + 100, top)))))


def fewer_tails(example: Example, room: int, labels: int) -> Example:
    """The example with as many of its questions as fit into `room` places and `labels` learnt tokens; at least one."""
    kept: list[Tail] = []
    used, learnt = len(example.ids), 0
    for tail in example.tails:
        more = int(tail.learnt.sum())
        if not kept or (used + len(tail.ids) <= room and learnt + more <= labels):
            kept.append(tail)
            used += len(tail.ids)
            learnt += more
    return replace(example, tails=tuple(kept))
