"""A scripted backend for tests of the evaluation: it answers from what it was really given to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from sparse_backend.eval.chat import HubChat
from sparse_backend.eval.runner import Held, Reply
from sparse_backend.eval.settings import Setting
from tests.fakes import fast_tokenizer

Reader = Callable[[str, str, Setting], str]  # document, question, setting -> answer


def chat() -> HubChat:
    """The byte-level tokenizer of the tests in the harness' chat form."""
    return HubChat(fast_tokenizer())


class ScriptedBackend:
    """Reads by keeping the tokens; `reader` answers from their text. `reads` and `held` count what happened."""

    def __init__(self, reader: Reader, limit: int = 100_000) -> None:
        self.limit = limit
        self.reads: list[tuple[str, str, tuple[int, ...]]] = []  # setting, text, anchors
        self.tails: list[str] = []
        self.held = 0
        self.looks_at = ""  # evidence stands on these words
        self._reader, self._chat = reader, chat()

    def refuses(self, setting: Setting, tokens: int) -> str:
        """See runner.Backend."""
        return f"{tokens:,} tokens are too many." if tokens > self.limit and setting.name == "dense" else ""

    def read(self, token_ids: Sequence[int], anchors: Sequence[int], setting: Setting) -> Held:
        """See runner.Backend."""
        text = self._chat.decode(token_ids)
        self.reads.append((setting.name, text, tuple(anchors)))
        self.held += 1
        return Held((text, tuple(token_ids)), len(token_ids), 1.5, setting)

    def ask(self, held: Held, tail_ids: Sequence[int], stop_ids: frozenset[int], max_new_tokens: int) -> Reply:
        """See runner.Backend."""
        text, ids = held.handle
        tail = self._chat.decode(tail_ids)
        self.tails.append(tail)
        answer = self._reader(text, tail.rsplit("Question: ", 1)[1].split("\nassistant")[0], held.setting)
        evidence = torch.zeros(len(ids))
        start = text.find(self.looks_at) if self.looks_at else -1
        if start >= 0:
            before = len(self._chat.encode(text[:start]).token_ids)
            evidence[before : before + 8] = 1.0
        return Reply(self._chat.encode(answer).token_ids, 0.25, 0.5, evidence)

    def forget(self, held: Held) -> None:
        """See runner.Backend."""
        self.held -= 1
