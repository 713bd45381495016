"""The context of a question, append-only: system text, document, then turn after turn.

Nothing that was read is ever rewritten, so the document's keys and values stay valid for every later question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.profiles import Profile
from assistant.tokenizer import Tokenizer
from ingest import Encoded

_DOCUMENT, _QUESTION, _ANSWER, _FOLLOW_UP = (f"@@{name}@@" for name in ("DOC", "QUESTION", "ANSWER", "NEXT"))


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question with its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """What the model reads once: `token_ids` of system text and document; `start` is the document's first token."""

    token_ids: tuple[int, ...]
    anchors: tuple[int, ...]
    start: int


class Prompt:
    """The chat markup of one model filled for one profile."""

    def __init__(self, tokenizer: Tokenizer, profile: Profile) -> None:
        self._tokenizer = tokenizer
        self._profile = profile
        opening, self._ask, self._close, self._open = _frame(tokenizer, profile.system)
        self._opening = tokenizer.template(opening) + tokenizer.text("Document:\n")

    @property
    def opening(self) -> tuple[int, ...]:
        """Everything before the document: the system text in the model's markup."""
        return tuple(self._opening)

    def prefix(self, encoded: Encoded) -> Prefix:
        """System text and document; the document's anchors are moved behind the system text."""
        start = len(self._opening)
        return Prefix(
            token_ids=(*self._opening, *encoded.token_ids),
            anchors=tuple(anchor + start for anchor in encoded.anchors),
            start=start,
        )

    def tail(self, turns: Sequence[Turn], question: str) -> list[int]:
        """Everything behind the document: earlier turns, then the question, up to where the answer starts."""
        ids: list[int] = []
        for index, turn in enumerate(turns):
            ids += self._question(turn.question, first=index == 0)
            ids += self._tokenizer.template(self._ask) + self._tokenizer.text(turn.answer)
        return ids + self._question(question, first=not turns) + self._tokenizer.template(self._open)

    def words(self, tail: Sequence[int], question: str, *, first: bool) -> range:
        """Which tokens of a `tail` are its last question's own words, without the markup; `first`: no turn before."""
        asked = self._question(question, first=first)
        start = len(tail) - len(self._tokenizer.template(self._open)) - len(asked)
        markup = [] if first else self._tokenizer.template(self._close)
        low, high = (
            start + len(markup) + len(self._tokenizer.text(_lead(first) + words))
            for words in ("", f" {question.strip()}")
        )
        return range(low, max(low + 1, high))

    def _question(self, question: str, *, first: bool) -> list[int]:
        lead = [] if first else self._tokenizer.template(self._close)
        reminder = f"\n{self._profile.reminder}" if self._profile.reminder else ""
        return lead + self._tokenizer.text(f"{_lead(first)} {question.strip()}{reminder}")


class BarePrompt:
    """For extractive models: the document alone."""

    def prefix(self, encoded: Encoded) -> Prefix:
        """The document's own tokens and anchors."""
        return Prefix(tuple(encoded.token_ids), tuple(encoded.anchors), 0)


def _lead(first: bool) -> str:
    return "\n\nQuestion:" if first else "Question:"


def _frame(tokenizer: Tokenizer, system: str) -> tuple[str, str, str, str]:
    """The markup before the document, after a question, after an answer, and before a new answer."""
    if not tokenizer.has_chat_template:
        return f"{system}\n\n", "\nAnswer: ", "\n\n", "\nAnswer:"
    first = {"role": "user", "content": _DOCUMENT + _QUESTION}
    rest = [
        first,
        {"role": "assistant", "content": _ANSWER},
        {"role": "user", "content": _FOLLOW_UP},
    ]
    try:
        text = tokenizer.render([{"role": "system", "content": system}, *rest], open_answer=True)
    except Exception:  # templates raise their own errors for a role they do not know
        first["content"] = f"{system}\n\n{_DOCUMENT}{_QUESTION}"
        text = tokenizer.render(rest, open_answer=True)
    opening, text = text.split(_DOCUMENT)
    _, text = text.split(_QUESTION)
    ask, text = text.split(_ANSWER)
    close, open_answer = text.split(_FOLLOW_UP)
    return opening, ask, close, open_answer
