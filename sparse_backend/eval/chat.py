"""Chat: a text and its questions as token ids in the chat form of one model.

The harness stands below the assistant, so it builds the same order of things itself: system text and document first,
which never change, then the question.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from transformers import AutoTokenizer

from sparse_backend.eval.case import EvalError, Place

SYSTEM = (
    "You answer questions about the document that the user gives you. Use only what the document says. Answer in one "
    "or two short sentences. If the document does not say it, answer: Not stated in this document."
)
_ASKED = "Question:"
_DOCUMENT, _QUESTION, _ANSWER, _NEXT = (f"@@{name}@@" for name in ("DOC", "QUESTION", "ANSWER", "NEXT"))


@dataclass(frozen=True, slots=True)
class Encoding:
    """A text's token ids and the characters (start, end) of each."""

    token_ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    def tokens(self, place: Place) -> tuple[int, int]:
        """The tokens [first, stop) that touch a place."""
        stop = bisect_left(self.offsets, place.end, key=lambda offset: offset[0])
        return min(self.token_at(place.start), stop), stop

    def token_at(self, char: int) -> int:
        """The first token that ends behind the character `char`."""
        return bisect_right(self.offsets, char, key=lambda offset: offset[1])


class Chat(Protocol):
    """What the harness needs of a tokenizer and its chat form."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""

    def encode(self, text: str) -> Encoding:
        """Tokens of untrusted text, without control tokens."""

    def opening(self) -> tuple[int, ...]:
        """What comes before the document."""

    def tail(self, turns: Sequence[tuple[str, str]], question: str) -> list[int]:
        """What comes behind it: earlier (question, answer) turns and the question, up to where the answer starts."""

    def words(self, question: str) -> range:
        """Which tokens of a tail without earlier turns are the question's own words."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of generated tokens."""


class HubChat:
    """A Hugging Face tokenizer and its chat template."""

    def __init__(self, tokenizer: Any, system: str = SYSTEM) -> None:
        self._tokenizer = tokenizer
        tokenizer.model_max_length = 10**12  # lengths are checked by the engine
        self._before, self._ask, self._close, self._open = _frame(tokenizer, system)
        self.stop_ids = _stop_ids(tokenizer)

    @classmethod
    def load(cls, folder: str) -> HubChat:
        """The tokenizer in a model folder; raises EvalError where there is none with offsets."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise EvalError(f"There is no usable tokenizer in “{folder}”.") from error
        if not tokenizer.is_fast:
            raise EvalError(f"The tokenizer of “{folder}” gives no offsets; choose a model with a fast tokenizer.")
        return cls(tokenizer)

    def encode(self, text: str) -> Encoding:
        """See Chat."""
        found = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
        return Encoding(tuple(found["input_ids"]), tuple(map(tuple, found["offset_mapping"])))

    def opening(self) -> tuple[int, ...]:
        """See Chat."""
        return (*self._template(self._before), *self.encode("Document:\n").token_ids)

    def tail(self, turns: Sequence[tuple[str, str]], question: str) -> list[int]:
        """See Chat."""
        ids: list[int] = []
        for index, (asked, answer) in enumerate(turns):
            ids += self._question(asked, first=index == 0)
            ids += [*self._template(self._ask), *self.encode(answer).token_ids]
        return [*ids, *self._question(question, first=not turns), *self._template(self._open)]

    def words(self, question: str) -> range:
        """See Chat."""
        low, high = (len(self.encode(f"\n\n{_ASKED}{words}").token_ids) for words in ("", f" {question}"))
        return range(low, max(low + 1, high))

    def decode(self, token_ids: Sequence[int]) -> str:
        """See Chat."""
        text: str = self._tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return text

    def _question(self, question: str, *, first: bool) -> list[int]:
        lead = [] if first else self._template(self._close)
        return [*lead, *self.encode(("\n\n" if first else "") + f"{_ASKED} {question}").token_ids]

    def _template(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _frame(tokenizer: Any, system: str) -> tuple[str, str, str, str]:
    """The markup before the document, after a question, after an answer, and before a new answer."""
    if not tokenizer.chat_template:
        return f"{system}\n\n", "\nAnswer: ", "\n\n", "\nAnswer:"
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": _DOCUMENT + _QUESTION},
        {"role": "assistant", "content": _ANSWER},
        {"role": "user", "content": _NEXT},
    ]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception:  # templates raise their own errors for a role they do not know
        messages[1]["content"] = f"{system}\n\n{_DOCUMENT}{_QUESTION}"
        text = tokenizer.apply_chat_template(messages[1:], tokenize=False, add_generation_prompt=True)
    before, text = text.split(_DOCUMENT)
    _, text = text.split(_QUESTION)
    ask, text = text.split(_ANSWER)
    close, open_answer = text.split(_NEXT)
    return before, ask, close, open_answer


def _stop_ids(tokenizer: Any) -> frozenset[int]:
    ids = {tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()
    for name in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|endoftext|>", "<|end|>"):
        known = tokenizer.convert_tokens_to_ids(name)
        if known is not None and known != tokenizer.unk_token_id:
            ids.add(known)
    return frozenset(ids)
