"""A contract being written: articles, numbered sections, definitions and lists in many layouts, and questions on clauses."""

from __future__ import annotations

import random
import re
import textwrap
from dataclasses import dataclass, field

from sparse_backend.train.texts.bank import Entry, capital, fill, locate, ready
from sparse_backend.train.texts.contract_words import LISTS, terms
from sparse_backend.train.texts.page import Asked, Writer
from sparse_backend.train.texts.values import number_words
from sparse_backend.train.texts.wording import reword

REDACTED = "Redacted in this document"
"""The answer when the words asked for are struck out."""
HEADER_WORDS = 6  # of the first line, when a section has a number but no title; as ingest takes them


@dataclass(slots=True)
class Fact:
    """A clause that was written: its number, values and text, and the character it starts at."""

    entry: Entry
    number: str
    given: dict[str, str]
    text: str
    start: int


@dataclass(slots=True)
class Layout:
    """How a contract is set: numbering style, width of wrapped lines or 0, blank lines between sections, curly quotes."""

    style: int
    width: int = 0
    gap: str = "\n\n"
    curly: bool = False

    @classmethod
    def drawn(cls, r: random.Random) -> Layout:
        """One of the ways in which contracts come out of their files; most are wrapped, as PDF pages are."""
        width = r.choice((0, 0, r.randint(66, 100), r.randint(90, 145), r.randint(110, 145)))
        return cls(
            r.randrange(4 if width else 5), width, r.choice(("\n", "\n\n")) if width else "\n\n", r.random() < 0.5
        )


@dataclass(slots=True)
class Draft:
    """The text so far; `given`: parties and what was used up; `family`: what its questions are counted under."""

    r: random.Random
    given: dict[str, str]
    layout: Layout
    writer: Writer = field(default_factory=Writer)
    facts: list[Fact] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    held_out: bool = False
    family: str = ""
    pages: int = 0

    def quoted(self, term: str) -> str:
        """A term in this contract's quotation marks."""
        return f"“{term}”" if self.layout.curly else f'"{term}"'

    def paragraph(self, text: str, used: int = 0) -> tuple[int, int]:
        """Writes a paragraph, wrapped where this contract is; its characters, which keep their places.

        `used`: characters that stand on its first line already.
        """
        width = self.layout.width
        text = text.replace("'", "’") if self.layout.curly else text
        if width:
            ahead = " " * min(used, width - 20)
            filled = textwrap.fill(text, width, initial_indent=ahead, break_on_hyphens=False, break_long_words=False)
            text = filled[len(ahead) :]
        start, end = self.writer.write(text)
        self.writer.write(self.layout.gap)
        if width and self.writer.length > (self.pages + 1) * 3400 and self.r.random() < 0.4:
            self.pages = self.writer.length // 3400
            self.writer.write(self.r.choice((f"{self.pages}\n", f"- {self.pages} -\n", f"Page {self.pages}\n\n")))
        return start, end

    def article(self, number: int, topic: str) -> None:
        """The header of an article."""
        romans = "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX".split()
        roman = romans[number - 1] if number <= len(romans) else str(number)
        head = (
            f"ARTICLE {roman} - {topic.upper()}",
            f"{number}. {topic.upper()}",
            f"Article {number} {topic}",
            f"{number}. {topic}",
            f"## {number}. {topic}",
        )[self.layout.style]
        self.writer.header(head, head.lstrip("# "))
        self.writer.write("\n" if self.layout.gap == "\n" else "\n\n")

    def section(self, number: str, heading: str | None, text: str, term: str = "") -> tuple[int, int]:
        """A numbered section; the characters of its text. `term`: the defined term that it begins with."""
        style = self.layout.style
        mark = f"Section {number}" if style in (0, 2) else number
        if heading:
            self.writer.header(f"{mark} {heading}")
            self.writer.write(". " if self.layout.width else (". ", ".\n", "\n", ". ", "\n\n")[style])
            return self.paragraph(text, len(mark) + len(heading) + 3)
        begin = self.writer.length
        self.writer.write(f"{mark} ")
        start, end = self.paragraph(text, len(mark) + 1)
        first = term or " ".join(text.split("\n")[0].split(" ")[:HEADER_WORDS])
        title = f"{mark} {first}".rstrip(" ,;:.")
        self.writer.name(begin, start + len(first), title)
        return start, end

    def definitions(self, first: int, article: int) -> None:
        """Some defined terms from number `first` on, each asked about."""
        r = self.r
        free = [term for term in terms() if f'"{term[0]}"' not in self.given]
        for index, (term, meaning) in enumerate(r.sample(free, min(len(free), r.randint(4, 12))), first):
            self.given[f'"{term}"'] = ""
            body = fill(meaning, {}, r).rstrip(".")
            quoted = self.quoted(term)
            text = f"{quoted} {r.choice(('means', 'means', 'shall mean', 'refers to'))} {body}."
            span = self.section(f"{article}.{index}", None, text, quoted)
            question = r.choice((f"What does {term} mean?", f"How is {quoted} defined?", f"definition of {term}", f"What is meant by {term}?", f"Define {term}.",
                                 f"What counts as {term}?", f"{term.lower()} meaning", f"explain the term {term}", f"When they say {term}, what do they mean?",
                                 f"What does the contract understand by {term}?", f"I don't understand {term}. What is it here?"))  # fmt: skip
            focus = (span[0] + len(quoted) + 1, span[1])
            made = Asked(
                reword(question, r), capital(body), span, (span[0], span[1] - 2), f"{self.family}definition", focus
            )
            self.asked.append(made)

    def listing(self, number: str) -> None:
        """A list of items under letters, counted or asked for."""
        r = self.r
        lead, topic, items = r.choice(LISTS)
        if f"list {topic}" in self.given:
            return
        self.given[f"list {topic}"] = ""
        bare = {slot: self.given[slot].removeprefix("the ") for slot in "AB"}
        lead, topic = fill(lead, dict(bare), r), fill(topic, dict(bare), r)
        chosen = r.sample(items.split("|"), r.randint(3, 6))
        span = self.section(number, None, lead)
        end = span[1]
        for index, item in enumerate(chosen):
            self.writer.header(f"({'abcdefgh'[index]})", cited=False)
            self.writer.write(f" {item}{'.' if index == len(chosen) - 1 else ';'}\n")
            end = self.writer.length
        self.writer.write("\n")
        if r.random() < 0.5:
            question = (
                r.choice((f"How many {topic} are listed?", f"number of {topic}", f"Count the {topic}.", f"How many {topic} are there in total?"))
                if not topic.startswith(("contents", "work"))
                else r.choice((f"How many items are listed under {topic}?", f"Of how many points does the list of {topic} consist?"))
            )  # fmt: skip
            answer = capital(number_words(len(chosen)))
        else:
            question = r.choice((f"What are the {topic}?", f"List the {topic}.", f"{topic}", f"Name all {topic}.", f"Which {topic} does the agreement list?",
                                 f"Give me every one of the {topic}.", f"Tell me all {topic} please"))  # fmt: skip
            answer = capital("; ".join(chosen))
        focus = (span[0], span[1])
        self.asked.append(Asked(reword(question, r), answer, span, (span[0], end - 2), f"{self.family}list", focus))

    def ask(self, fact: Fact, held_out: tuple[str, ...]) -> Asked | None:
        """One question about a clause; `held_out`: the names of those that training never sees."""
        r = self.r
        ask = r.choice(fact.entry.asks)
        if not ready(ask, fact.given):
            return None
        found = locate(fact.text, ask, fact.given, r)
        if found is None:
            return None
        (low, high), (at, stop) = found
        struck = [slot for slot, given in fact.given.items() if given.startswith("[") and f"{{{slot}}}" in ask.answer]
        question = capital(fill(r.choice(ask.wordings(held_out=self.held_out)), fact.given, r))
        if any(given.startswith("[") and given in question for given in fact.given.values()):
            return None
        if struck and ask.answer.startswith(("Yes", "No")):
            return None
        answer = REDACTED if struck else capital(fill(ask.answer, fact.given, r))
        family = f"{self.family}clause held out" if fact.entry.name in held_out else f"{self.family}clause"
        family = f"{self.family}redacted" if struck else family
        focus = self.unbroken(fact.start + at, fact.start + stop)
        quote = (fact.start + low, fact.start + high)
        return Asked(reword(question, r), answer, quote, (focus[0],), family, focus)

    def unbroken(self, start: int, end: int) -> tuple[int, int]:
        """The larger part of [start, end) that stands on one line."""
        text = self.writer.between(start, end)
        parts = [(start + match.start(), start + match.end()) for match in re.finditer(r"[^\n]+", text)]
        return max(parts, key=lambda part: part[1] - part[0])
