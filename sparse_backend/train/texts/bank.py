"""Banks of clauses and facts, kept as text files beside this module, and how one entry is filled with values.

`# name @theme kinds` starts an entry; `h:` headings, `t:` one wording, `k:` the pools of a fact's keys, `q:` questions
`=> answer`, parts set apart by ` | `, sometimes behind a noun for what is asked (`@the penalty@`). Slots such as {days} are
filled by values.value; {A}, {B} are parties, {a}, {b} what people call them, {key} a fact's key. `!words` behind an answer
tells what its quote must hold, if that is not the answer's first slot. rewordings.txt adds questions to other files' entries.

Lines `y:` and `n:` instead of `t:` make two clauses that rival each other, whose questions have two answers set apart by
` // ` (`--`: not asked). `[one|other]` stands for either. `~topic` in the title names what else the clause answers. `i:` is
an item of the list that stands at {list}, with `?? questions => answer` on it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from sparse_backend.train.texts.derived import complete, made
from sparse_backend.train.texts.values import value

_EITHER = re.compile(r"\[([^\[\]|]*(?:\|[^\[\]|]*)+)\]")
_SLOT = re.compile(r"{(\w+)}")
_PARTIES = ("A", "B", "P", "Q")
_SENTENCE = re.compile(r"(?<=[a-z0-9)%A-Z\"”][.;]) (?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Ask:
    """Wordings of one question, and the answer's template; `hold`: literal words of the quote, or empty.

    `label`: a noun phrase for what is asked, or empty.
    """

    questions: tuple[str, ...]
    answer: str
    hold: str
    label: str = ""

    def wordings(self, *, held_out: bool) -> tuple[str, ...]:
        """The wordings that training sees, or, of six or more, those about one in six that only evaluation sees."""
        kept = tuple(one for one in self.questions if crc32(one.encode()) % 6 == 0)
        if len(self.questions) < 6 or not kept or len(kept) > len(self.questions) // 2:
            return self.questions
        return kept if held_out else tuple(one for one in self.questions if one not in kept)

    @property
    def splits(self) -> bool:
        """Whether some wordings are kept from training."""
        return len(self.wordings(held_out=True)) < len(self.questions)


@dataclass(frozen=True, slots=True)
class Entry:
    """One clause or fact with its wordings."""

    name: str
    headings: tuple[str, ...]
    texts: tuple[str, ...]
    keys: tuple[str, ...]
    asks: tuple[Ask, ...]
    theme: str = ""
    kinds: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    """What else it answers; clauses that share a topic never meet."""
    items: tuple[Item, ...] = ()
    """What may stand in its list."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list, and a question on it if there is one."""

    text: str
    ask: Ask | None


@cache
def bank(name: str) -> tuple[Entry, ...]:
    """The entries of one file."""
    return tuple(entry for title, lines in _blocks(name) for entry in _entries(title, lines))


def _entries(title: str, lines: list[str]) -> list[Entry]:
    """The entry of one block, or the two that say yes and no."""
    fields: dict[str, list[str]] = {mark: [] for mark in "htkqyni"}
    for line in lines:
        fields[line[0]].append(line[2:].strip())
    title, _, place = title.partition("@")
    name = title.strip()
    place, *topics = [part.strip() for part in place.split("~")]
    theme, *kinds = place.split() or ("",)
    heads = tuple(part for line in fields["h"] for part in line.split(" | "))
    keys = tuple(part for line in fields["k"] for part in line.split(" | "))
    items = tuple(_item(line) for line in fields["i"])
    more = _more(name)
    if not fields["y"]:
        asks = tuple(_ask(line, more.get(index, ())) for index, line in enumerate(fields["q"]))
        return [Entry(name, heads, tuple(fields["t"]), keys, asks, theme, tuple(kinds), tuple(topics), items)]
    found = []
    for side, mark in enumerate("yn"):
        lines = [_sided(line, side) for line in fields["q"]]
        asks = tuple(_ask(line, ()) for line in lines if line)
        whole = (f"{name} {('yes', 'no')[side]}", heads, tuple(fields[mark]), keys, asks, theme, tuple(kinds))
        found.append(Entry(*whole, (*topics, name), items))
    return found


def _sided(line: str, side: int) -> str:
    """A question with the answer of one side; empty if that side has none."""
    questions, answers = line.rsplit("=>", 1)
    both = answers.split(" // ")
    answer = both[side if len(both) > 1 else 0].strip()
    return "" if answer == "--" else f"{questions}=> {answer}"


def _item(line: str) -> Item:
    text, _, asked = line.partition(" ?? ")
    return Item(text.strip(), _ask(asked, ()) if asked else None)


def _blocks(name: str) -> list[tuple[str, list[str]]]:
    text = (Path(__file__).parent / f"{name}.txt").read_text("utf-8")
    blocks = [block.strip().splitlines() for block in re.split(r"^# ", text, flags=re.MULTILINE)[1:]]
    return [(title, lines) for title, *lines in blocks]


def _more(entry: str) -> dict[int, tuple[str, ...]]:
    """The wordings that both files of rewordings add to an entry."""
    found = [rewordings(file).get(entry, {}) for file in ("rewordings", "rewordings_2")]
    return {index: tuple(words for one in found for words in one.get(index, ())) for index in set().union(*found)}


@cache
def rewordings(name: str) -> dict[str, dict[int, tuple[str, ...]]]:
    """A file of rewordings: entry's name -> number of its question -> more wordings."""
    return {
        title.strip(): {int(line.split(":", 1)[0]): tuple(line.split(": ", 1)[1].split(" | ")) for line in lines}
        for title, lines in _blocks(name)
    }


def _ask(line: str, more: tuple[str, ...]) -> Ask:
    questions, answer = line.rsplit("=>", 1)
    answer, _, hold = answer.partition("!")
    label, questions = questions[1:].split("@ ", 1) if questions.startswith("@") else ("", questions)
    wordings = dict.fromkeys(part.strip() for part in (*questions.split(" | "), *more))
    return Ask(tuple(wordings), answer.strip(), hold.rstrip("\n"), label.strip())


def fill(template: str, given: dict[str, str], r: random.Random) -> str:
    """The template with its slots filled; values made here are added to `given`, unlike any other there."""

    def put(match: re.Match[str]) -> str:
        slot = match.group(1)
        if slot not in given and not made(slot, given, r):
            for _ in range(8):
                given[slot] = value(slot, r)
                if sum(other == given[slot] for other in given.values()) == 1:
                    break
        return given[slot]

    if "[" in template:
        template = _EITHER.sub(lambda match: r.choice(match.group(1).split("|")), template)
    filled = _SLOT.sub(put, template)
    complete(given, r)
    return filled


def ready(ask: Ask, given: Mapping[str, str]) -> bool:
    """Whether all slots of the answer and of its questions are known."""
    slots = _SLOT.findall(ask.answer)
    return all(slot in given for slot in slots)


def locate(
    text: str, ask: Ask, given: dict[str, str], r: random.Random
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The sentence of a filled `text` that proves the answer, and the words in it that do; None if there is none."""
    slots = _SLOT.findall(ask.answer)
    wanted = fill(ask.hold, given, r) if ask.hold else given[slots[0]] if slots else ""
    if not ask.hold and slots and slots[0] in _PARTIES:
        later = [slot for slot in slots if slot not in _PARTIES]
        wanted = given[later[0]] if later else wanted
    at = text.find(wanted.strip()) if wanted else -1
    if at < 0:
        return None
    start = max([0, *(found.end() for found in _SENTENCE.finditer(text, 0, at + 1))])
    after = _SENTENCE.search(text, at + len(wanted.strip()))
    return (start, after.start() if after else len(text)), (at, at + len(wanted.strip()))


def capital(text: str) -> str:
    """With its first letter in upper case, but for an email address."""
    return text if "@" in text.split(" ")[0] else text[:1].upper() + text[1:]
