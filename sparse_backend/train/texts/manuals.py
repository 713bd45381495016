"""Manuals and handbooks: real prose, with invented facts and their look-alikes strewn in, and questions on both."""

from __future__ import annotations

import random

from sparse_backend.train.texts import needles
from sparse_backend.train.texts.corpus import Corpus, Text
from sparse_backend.train.texts.natural import ask_about, sentences
from sparse_backend.train.texts.page import NOT_STATED, Asked, Page, Writer
from sparse_backend.train.texts.wording import reword

_TOPICS = ("Contacts|Offices|Equipment|Materials|Facilities|Procedures|Customers|Suppliers|Staff Notes|Operations|Reference Data|Appendix|Records|"
           "House Rules|Locations|Products|Service Notes|Allowances").split("|")  # fmt: skip


def manual(
    r: random.Random, corpus: Corpus, characters: int, questions: int, *, held_out: bool = False, look_alikes: int = 3
) -> Page:
    """Prose of about `characters` with questions: some on its own sentences, some on facts put between them."""
    groups = max(1, round(questions * r.choice((0.06, 0.14, 0.25, 0.4))))
    taken: set[tuple[str, str]] = set()
    tried = [
        needles.group(r, r.randint(look_alikes, look_alikes + 3), taken, held_out=held_out, asked=r.randint(1, 3))
        for _ in range(groups)
    ]
    made = [one for one in tried if one]
    extra = sum(len(needle.text) for group, _ in made for needle in group)
    window = corpus.window(r, max(300, characters - extra))
    page, strewn, pieces = strew(r, window, [needle for group, _ in made for needle in group])
    asked = list(page.asked)
    refused = [refusal for _, refusal in made]
    natural = [
        one
        for one in ask_about(page.text, 0, len(page.text), 2 * questions, r)
        if one.quote
        and not any(start <= one.quote[0] < end or one.quote[0] <= start < one.quote[1] for start, end in strewn)
    ]
    natural += _taught(page, window, pieces, r)
    refused += _missing(page, corpus, window, r)
    strange = ask_about(other := corpus.window(r, 6000).text, 0, len(other), 6, r)
    refused += [
        Asked(one.question, NOT_STATED, family="refusal elsewhere") for one in strange if _foreign(one, page.text)
    ]
    return choose(r, page, asked + natural[:questions], refused, questions, "manual")


def _taught(page: Page, window: Text, pieces: list[tuple[int, int, int]], r: random.Random) -> list[Asked]:
    """A teacher's questions on the window, as asked on the page."""
    found = []
    for one in window.taught:
        shift = next((by for low, high, by in pieces if low <= one.low and one.high <= high), None)
        if shift is None:
            continue
        here = one.moved(shift)
        answer = " ".join(page.text[here.start : here.end].split()).strip(" ,;:")
        spans = [(here.low + a, here.low + b) for a, b in sentences(page.text[here.low : here.high])]
        quote = next(((a, b) for a, b in spans if a <= here.start < b), None)
        if answer and quote:
            answer = answer[:1].upper() + answer[1:] if one.kind not in ("term", "option", "path", "reply") else answer
            focus = (here.start, min(here.end, quote[1]))
            found.append(Asked(reword(one.question, r), answer, quote, (here.start,), "taught", focus))
    return found


def _missing(page: Page, corpus: Corpus, window: Text, r: random.Random) -> list[Asked]:
    """A teacher's questions on other parts of the same text, with words that this part lacks."""
    lower = page.text.lower()
    found = []
    for one in corpus.elsewhere(window, r):
        words = {word.strip(".,?:;`'\"()").lower() for word in one.question.split()}
        own = [word for word in words if len(word) > 5]
        if sum(word in lower for word in own) < len(own) and len(own) >= 2:
            found.append(Asked(reword(one.question, r), NOT_STATED, family="refusal taught"))
    return found


def _foreign(asked: Asked, text: str) -> bool:
    """Whether a question about another text has words of its own that this text lacks altogether."""
    lower = text.lower()
    words = {word.strip(".,?:;`'\"()").lower() for word in asked.question.split()}
    own = [word for word in words if len(word) > 5]
    return len(own) >= 2 and sum(word not in lower for word in own) >= max(2, len(own) * 2 // 3)


def choose(r: random.Random, page: Page, asked: list[Asked], refused: list[Asked], questions: int, kind: str) -> Page:
    """The page with `questions` of those asked, about a quarter of them unanswerable, no two alike."""
    r.shuffle(asked)
    r.shuffle(refused)
    count = sum(r.random() < 0.24 for _ in range(questions))
    seen: dict[str, Asked] = {}
    for one in asked[: questions - min(count, len(refused))] + refused[:count]:
        seen.setdefault(one.question, one)
    chosen = list(seen.values())
    r.shuffle(chosen)
    return Page(page.text, page.headers, tuple(chosen), kind)


def strew(
    r: random.Random, window: Text, facts: list[needles.Needle]
) -> tuple[Page, list[tuple[int, int]], list[tuple[int, int, int]]]:
    """The facts between the paragraphs of a text, alone or under headers of their own; where they stand; and the pieces
    of the text between them as (start, end, by how much they moved).
    """
    writer = Writer()
    pieces: list[tuple[int, int, int]] = []
    strewn: list[tuple[int, int]] = []
    asked: list[Asked] = []
    facts = list(facts)
    r.shuffle(facts)
    heads = dict(window.headers)
    cuts = [0, *sorted(a for a in _breaks(window.text))]
    spots: dict[int, list[needles.Needle]] = {}
    together = r.random() < 0.25
    for fact in facts:
        place = r.randrange(len(cuts))
        if together and spots and r.random() < 0.6:
            place = r.choice(list(spots))
        spots.setdefault(place, []).append(fact)
    bounds = [*cuts, len(window.text)]
    for index in range(len(cuts)):
        for fact in spots.get(index, []):
            if r.random() < 0.3:
                writer.header(f"{r.choice(('', '## '))}{r.choice(_TOPICS)}")
                writer.write("\n\n")
            start, end = writer.write(fact.text)
            strewn.append((start, end))
            writer.write(r.choice(("\n\n", "\n\n", "\n")))
            found = needles.question(fact, start, r) if fact.asked else None
            if found:
                asked.append(found)
        low, high = bounds[index], bounds[index + 1]
        moved = writer.length - low
        if pieces and pieces[-1][1] == low and pieces[-1][2] == moved:
            pieces[-1] = (pieces[-1][0], high, moved)
        else:
            pieces.append((low, high, moved))
        _copy(writer, window.text, low, high, heads)
    return writer.page(asked, "manual"), strewn, pieces


def _copy(writer: Writer, text: str, low: int, high: int, heads: dict[int, int]) -> None:
    """Writes text[low:high] with the headers that start in it."""
    at = low
    for start in sorted(a for a in heads if low <= a and heads[a] <= high):
        if start < at:
            continue
        writer.write(text[at:start])
        title = " ".join(text[start : heads[start]].lstrip("# ").split())
        writer.header(text[start : heads[start]], title)
        at = heads[start]
    writer.write(text[at:high])


def _breaks(text: str) -> list[int]:
    """Where paragraphs begin."""
    found, at = [], text.find("\n\n")
    while at >= 0:
        place = at + 2
        if place < len(text) and not text[place].isspace():
            found.append(place)
        at = text.find("\n\n", place)
    return found


def handbook(r: random.Random, characters: int, questions: int, filler: list[str], *, held_out: bool = False) -> Page:
    """A document made of facts alone, under headings: every sentence has its look-alikes."""
    writer = Writer()
    asked: list[Asked] = []
    refused: list[Asked] = []
    title = r.choice(
        (
            "EMPLOYEE HANDBOOK",
            "OPERATIONS MANUAL",
            "OFFICE GUIDE",
            "REFERENCE SHEET",
            "COMPANY POLICIES",
            "SITE REGISTER",
        )
    )
    writer.header(title)
    writer.write("\n\n")
    number = 0
    taken: set[tuple[str, str]] = set()
    while writer.length < characters:
        number += 1
        form = r.randrange(3)
        topic = r.choice(_TOPICS)
        head = (f"{number}. {topic}", f"## {topic}", f"Section {number} {topic}")[form]
        writer.header(head, head.lstrip("# "))
        writer.write("\n\n")
        facts: list[needles.Needle] = []
        for _ in range(r.randint(1, 3)):
            made = needles.group(r, r.randint(3, 6), taken, held_out=held_out, asked=r.randint(1, 3))
            if made:
                facts += made[0]
                refused.append(made[1])
        r.shuffle(facts)
        if filler and r.random() < 0.4:
            writer.write(r.choice(filler) + "\n\n")
        join = r.choice((" ", "\n", "\n\n", "\n- "))
        for fact in facts:
            start, _ = writer.write(fact.text)
            writer.write(join)
            found = needles.question(fact, start, r) if fact.asked else None
            if found:
                asked.append(found)
        writer.write("\n\n")
    return choose(r, writer.page([], "manual"), asked, refused, questions, "manual")
