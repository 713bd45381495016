"""The documents of the evaluation: needles among look-alikes at given lengths, and pages of every kind."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparse_backend.train.blocks import block_states
from sparse_backend.train.packing import Example, Packer, Row
from sparse_backend.train.texts import needles
from sparse_backend.train.texts.corpus import Corpus, Text
from sparse_backend.train.texts.encoding import SYSTEM, Document
from sparse_backend.train.texts.manuals import strew
from sparse_backend.train.texts.mix import Mix
from sparse_backend.train.texts.page import Asked, Page

MARGIN = 160  # tokens that a question and its answer need at most
ASKED = 12  # questions per page
PAGE_LENGTHS = (2000, 4000, 7600, 12_000, 15_500, 24_000)
PAGE_KINDS = ("deal", "manual", "deal", "history", "code", "handbook", "contract")


@dataclass(frozen=True, slots=True)
class Gold:
    """A question with its right answer; `quote` and `around` are the proof and the line it stands on."""

    ids: tuple[int, ...]
    question: str
    answer: str
    quote: str
    family: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A row of documents and the questions on each; `texts` for verifying quotes."""

    label: str
    row: Row
    states: NDArray[np.uint8]
    texts: tuple[str, ...]
    golds: tuple[tuple[Gold, ...], ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one paper holds: needles of one length, or pages; read densely or not."""

    kind: str
    tokens: int
    documents: int
    dense: bool
    seed: int

    @property
    def label(self) -> str:
        """As tables name it."""
        return f"{self.kind} {self.tokens}" + (" dense" if self.dense else "")


def plan(lengths: list[int], documents: int, pages: int, row: int, *, dense: bool) -> list[Sheet]:
    """The sheets: `documents` needles per length up to 16K, half of them at 32K, a quarter at 64K; `pages` pages."""
    sheets = []
    for length in lengths:
        left = documents if length <= 16_384 else documents // 2 if length <= 32_768 else documents // 4
        fit = max(1, row // length)
        while left > 0:
            count = min(left, fit)
            sheets.append(Sheet("needle", length, count, dense, 7000 + length + left))
            left -= count
    fitting = [length for length in PAGE_LENGTHS if not dense or length < 8000]
    each = max(1, pages // len(fitting))
    for length in fitting:
        left, fit = each, max(1, row // (length + 400))
        while left > 0:
            count = min(left, fit)
            sheets.append(Sheet("pages", length, count, dense, 9000 + length + left))
            left -= count
    return sheets


def paper(mix: Mix, sheet: Sheet) -> Paper:
    """The documents of a sheet in a row, and their questions."""
    r = random.Random(sheet.seed)
    packer = Packer(mix.far if sheet.tokens > 8192 else mix.near, sheet.seed)
    texts, golds = [], []
    for index in range(sheet.documents):
        page = (
            needle(r, mix, sheet.tokens)
            if sheet.kind == "needle"
            else mix.page(r, PAGE_KINDS[index % len(PAGE_KINDS)], sheet.tokens)
        )
        document = Document(mix.encoding, page)
        example = mix.encoding.example(Page(page.text, page.headers, (), page.kind), SYSTEM, r, dense=sheet.dense)
        limit = 65_536 if sheet.tokens > 8192 else 8192 - MARGIN
        if len(example.ids) > limit or not packer.add(Example(example.ids, example.anchors, (), (), sheet.dense)):
            continue
        texts.append(page.text)
        golds.append(tuple(_gold(mix, document, asked) for asked in page.asked[:ASKED]))
    row = packer.row()
    return Paper(sheet.label, row, block_states(row), tuple(texts), tuple(golds))


def needle(r: random.Random, mix: Mix, tokens: int) -> Page:
    """Real prose with one held-out fact and three look-alikes, of at most `tokens` with its question."""
    while True:
        made = needles.group(r, 3, set(), held_out=True)
        if made is None:
            continue
        facts, refusal = made
        window = _long(r, mix.corpus, round(tokens * 4.6))
        room = tokens - MARGIN - 80
        for _ in range(4):
            page, _, _ = strew(r, window, facts)
            length = len(mix.encoding.text(page.text))
            if length <= room:
                break
            keep = int(len(window.text) * room / length * 0.985)
            window = Text(
                window.source,
                window.kind,
                window.path,
                window.text[:keep],
                tuple((a, b) for a, b in window.headers if b < keep),
            )
        if page.asked and length <= room:
            return Page(page.text, page.headers, (page.asked[0], refusal), "manual")


def _long(r: random.Random, corpus: Corpus, characters: int) -> Text:
    parts, headers, length = [], [], 0
    while length < characters:
        piece = corpus.window(r, characters - length)
        headers += [(length + a, length + b) for a, b in piece.headers]
        parts.append(piece.text + "\n\n")
        length += len(parts[-1])
    return Text("held-out", "prose", "", "".join(parts), tuple(headers))


def _gold(mix: Mix, document: Document, asked: Asked) -> Gold:
    quote = document.quoted(asked) if asked.quote else ""
    return Gold(tuple(mix.encoding.question(asked.question)), asked.question, asked.answer, quote, asked.family)
