"""Pages → examples: the prompt exactly as the app builds it, and answers in the one format that the reader learns."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from sparse_backend.train.packing import Example, Tail
from sparse_backend.train.texts.page import Asked, Page

SYSTEM = (
    "You answer questions about the document that the user gives you. Use only what the document says. "
    "Answer in one or two short sentences. If the document does not say it, answer: "
    "Not stated in this document."
)
"""The contract bot's system text for the embedded model; a test holds the two equal."""
OTHER_SYSTEMS = (
    "You answer questions about the files that the user gives you. Use only what they say. Answer in one or two short "
    "sentences and name the place. If they do not say it, answer: Not stated in this document.",
    "You answer questions about a customer's history of support sessions. Use only what the sessions say; what was "
    "said later counts. If they do not say it, answer: Not stated in this document.",
    "You read source code and answer questions about it. Use only what is there. If the answer is not there, answer: "
    "Not stated in this document.",
    "Answer from the document only. If the document does not say it, answer: Not stated in this document.",
)
ANCHOR_TOKENS = 4  # of a header, as ingest.encode takes them
QUOTE_TOKENS = 40
END = "<|im_end|>"
DECIDED, FOLLOWS = 2.0, 0.4  # weight of the short answer, and of what its quote's beginning makes certain
PLACED = 8  # tokens of a quote after which its place is certain


class Encoding:
    """The tokenizer with the frame of the chat format around a document, a question and an answer."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._space: int = self.text(" ")[0]
        self._ask = self.template(f"{END}\n<|im_start|>assistant\n")
        self._close = self.template(f"{END}\n<|im_start|>user\n")
        self.end: int = self.text(END)[0]

    def text(self, text: str) -> list[int]:
        """Token ids of text; control tokens inside stay plain characters (they do not occur in our sources)."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def template(self, text: str) -> list[int]:
        """Token ids of chat markup, control tokens included."""
        return self.text(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, control tokens left out."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def opening(self, system: str) -> list[int]:
        """What stands before a document."""
        return [*self.template(f"<|im_start|>system\n{system}{END}\n<|im_start|>user\n"), *self.text("Document:\n")]

    def question(self, question: str, *, first: bool = True) -> list[int]:
        """A question up to where its answer starts."""
        lead = [] if first else self._close
        return [*lead, *self.text(("\n\nQuestion: " if first else "Question: ") + question.strip()), *self._ask]

    def example(self, page: Page, system: str, rng: random.Random, *, dense: bool = False) -> Example:
        """All of a page, its questions as independent tails; some of them are follow-ups of the one before."""
        document = Document(self, page)
        opening = self.opening(system)
        start = len(opening)
        tails: list[Tail] = []
        seen: list[int] = []
        asked = list(page.asked)
        while asked:
            turns = [asked.pop()]
            while asked and len(turns) < 3 and rng.random() < 0.12:
                turns.append(asked.pop())
            tails.append(self._tail(document, turns))
            seen += [start + document.token_at(place) for one in turns for place in one.seen]
        ids = np.array([*opening, *document.ids], np.int32)
        anchors = np.array([start + index for index in document.anchors()], np.int32)
        return Example(ids, anchors, tuple(tails), tuple(seen), dense)

    def _tail(self, document: Document, turns: list[Asked]) -> Tail:
        ids: list[int] = []
        learnt: list[bool] = []
        weights: list[float] = []
        for index, one in enumerate(turns):
            question, answer = self.question(one.question, first=index == 0), document.answer(one)
            ids += [*question, *answer, self.end]
            learnt += [False] * len(question) + [True] * (len(answer) + 1)
            weights += [0.0] * len(question) + self._weights(one, answer)
        return Tail(np.array(ids, np.int32), np.array(learnt), np.array(weights, np.float32))

    def _weights(self, asked: Asked, answer: list[int]) -> list[float]:
        """How much each token of an answer and its end counts: what is decided, more than what follows from it."""
        if asked.quote is None:
            return [DECIDED] * min(2, len(answer)) + [FOLLOWS] * (max(0, len(answer) - 2) + 1)
        said = len(self.text(f"{asked.answer}\n>"))
        found = min(PLACED, len(answer) - said)
        return [DECIDED] * said + [1.0] * found + [FOLLOWS] * (len(answer) - said - found + 1)


class Document:
    """A page's tokens and where each stands."""

    def __init__(self, encoding: Encoding, page: Page) -> None:
        self._encoding, self.page = encoding, page
        found = encoding._tokenizer.encode(page.text, add_special_tokens=False)
        self.ids: list[int] = found.ids
        self._starts = [start for start, _ in found.offsets]
        self._ends = [end for _, end in found.offsets]

    def token_at(self, offset: int) -> int:
        """The first token that ends after a character."""
        return min(bisect_right(self._ends, offset), len(self.ids) - 1)

    def anchors(self) -> list[int]:
        """The first tokens of every header, as ingest.encode takes them."""
        found: set[int] = set()
        for header in self.page.headers:
            first = self.token_at(header.start)
            for index in range(first, min(first + ANCHOR_TOKENS, len(self.ids))):
                if self._starts[index] >= header.end:
                    break
                found.add(index)
        return sorted(found)

    def answer(self, asked: Asked) -> list[int]:
        """Short answer, quote and header: the quote is a run of the document's own tokens."""
        if asked.quote is None:
            return self._encoding.text(asked.answer)
        first, stop = self._shorten(asked)
        lead = self._encoding.text(f"{asked.answer}\n>")
        title = self.page.title_at(self._starts[first])
        where = self._encoding.text(f"\n({title})") if title else []
        return [*lead, *self._opened(first), *self.ids[first + 1 : stop], *where]

    def quoted(self, asked: Asked) -> str:
        """The quote as text."""
        first, stop = self._shorten(asked)
        return self._encoding.decode(self.ids[first:stop]).strip()

    def _opened(self, first: int) -> list[int]:
        """The quote's first token behind “>”: itself with a leading space, or a space before it."""
        text = self._encoding.decode([self.ids[first]])
        if text.startswith(" "):
            return [self.ids[first]]
        spaced = self._encoding.text(" " + text)
        return spaced if len(spaced) == 1 else [self._encoding._space, self.ids[first]]

    def _shorten(self, asked: Asked) -> tuple[int, int]:
        """Token range of the quote: one line, at most 40 tokens, from a sentence's or clause's start, focus inside."""
        assert asked.quote is not None
        text = self.page.text
        start, end = asked.quote
        focus = asked.focus or (start, min(end, start + 1))
        start = max(start, text.rfind("\n", 0, focus[0]) + 1)
        line_end = text.find("\n", focus[0])
        end = min(end, line_end if line_end >= 0 else end)
        while start < end and text[start] in " \t>*-#|":
            start += 1
        for _ in range(12):
            first, stop = self.token_at(start), self.token_at(max(start, end - 1)) + 1
            if stop - first <= QUOTE_TOKENS or self.token_at(max(start, focus[1] - 1)) + 1 - first <= QUOTE_TOKENS:
                break
            ahead = re.compile(r"[;,:.] ").search(text, start, max(start, focus[0]))
            if ahead is None:
                break
            start = ahead.end()
        first = self.token_at(start)
        stop = min(self.token_at(max(start, end - 1)) + 1, first + QUOTE_TOKENS)
        while stop > first + 1 and self._encoding.decode(self.ids[first:stop]).endswith("\ufffd"):
            stop -= 1  # no character is cut in two
        return first, max(stop, first + 1)
