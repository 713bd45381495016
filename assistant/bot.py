"""Bot: a question on a read document in, events out. It saves nothing and draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.citations import evidence_over, says_not_stated
from assistant.coverage import Coverage, coverage
from assistant.errors import EmptyQuestionError
from assistant.profiles import Profile
from assistant.prompt import Prompt, Turn
from assistant.reading import ReadDocument
from assistant.tokenizer import Tokenizer
from sparse_backend import Answer, Engine
from sparse_backend.span_engine import SpanEngine
from storage import CitationRecord

Cancel = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Delta:
    """The answer so far, to be shown in place of the one before."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer with its proof and receipt.

    `supported` is False when nothing in the document backs the answer; `unverified`: its quotes that stand nowhere.
    """

    text: str
    citations: tuple[CitationRecord, ...]
    supported: bool
    unverified: tuple[str, ...]
    coverage: Coverage
    answer: Answer


Event = Delta | Finished


class Bot:
    """One profile on one engine."""

    def __init__(self, engine: Engine, tokenizer: Tokenizer, profile: Profile) -> None:
        self.engine: Engine | SpanEngine = engine
        self._engine = engine
        self.profile = profile
        self._tokenizer = tokenizer
        self._prompt = Prompt(tokenizer, profile)

    def answer(
        self, document: ReadDocument, turns: Sequence[Turn], question: str, cancel: Cancel | None = None
    ) -> Iterator[Event]:
        """Deltas while the answer grows, then one Finished.

        Raises EmptyQuestionError, and ContextTooLongError when the conversation has outgrown the model.
        """
        if not question.strip():
            raise EmptyQuestionError("The question is empty; type what you want to know.")
        generator = self._engine.ask(
            document.read.segment,
            self._prompt.tail(turns, question),
            stop_ids=self._tokenizer.stop_ids,
            max_new_tokens=self.profile.max_new_tokens,
            cancel=cancel,
        )
        ids: list[int] = []
        try:
            while True:
                try:
                    ids.append(next(generator))
                except StopIteration as stop:
                    yield self._finished(document, question, stop.value)
                    return
                text = self._tokenizer.decode(ids)
                if not text.endswith("\ufffd"):  # half a character: wait for its other bytes
                    yield Delta(text)
        finally:
            generator.close()

    def _finished(self, document: ReadDocument, question: str, answer: Answer) -> Finished:
        text = self._tokenizer.decode(answer.token_ids).strip()
        tokens = len(document.encoded.token_ids)
        mass = evidence_over(answer.evidence.numpy(), document.prefix.start, tokens)
        proof = document.citer.prove(text, question, mass)
        silent = says_not_stated(text)
        return Finished(
            text=text,
            citations=() if silent else proof.citations,
            supported=silent or proof.supported,
            unverified=proof.unverified,
            coverage=coverage(document.held.document, tokens, len(document.read.segment) - document.prefix.start),
            answer=answer,
        )
