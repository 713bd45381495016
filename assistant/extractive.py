"""SpanBot: answers with the document's own words, marked by a Longformer or BigBird question answering model.

Each question stands alone: earlier turns are shown but not read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from assistant.answer_options import PLAIN, AnswerOptions
from assistant.bot import Bot, Cancel, Delta, Event, Finished
from assistant.coverage import coverage
from assistant.errors import AssistantError, EmptyQuestionError
from assistant.profiles import Profile
from assistant.prompt import Turn
from assistant.reading import ReadDocument
from assistant.tokenizer import Tokenizer
from sparse_backend import Answer
from sparse_backend.looked import Looked
from sparse_backend.segment import Context
from sparse_backend.span_engine import SpanEngine
from sparse_backend.spans import Span

NOTHING = "Not stated in this document."


class SpanBot(Bot):
    """One profile on one extractive model."""

    def __init__(self, engine: SpanEngine, tokenizer: Tokenizer, profile: Profile) -> None:
        self.engine, self._finder = engine, engine
        self.profile = profile
        self._tokenizer = tokenizer

    def answer(
        self,
        document: ReadDocument,
        turns: Sequence[Turn],
        question: str,
        cancel: Cancel | None = None,
        options: AnswerOptions = PLAIN,
    ) -> Iterator[Event]:
        """One Delta and one Finished. The answer is the likeliest span, unless that there is none is likelier.

        Raises EmptyQuestionError, ContextTooLongError when question and document do not fit the model, and
        AssistantError for any option: there are no words to choose.
        """
        if options != PLAIN:
            raise AssistantError(
                f"{self.engine.decoder.name} marks the document's own words, so it takes no sampling, stop strings, "
                "lengths or schemas; leave them out."
            )
        if not question.strip():
            raise EmptyQuestionError("The question is empty; type what you want to know.")
        segment = document.read.segment
        if isinstance(segment, Context):
            raise AssistantError(f"{self.engine.decoder.name} reads one text, no histories; choose a decoder.")
        begin = time.perf_counter()
        asked = self._tokenizer.text(question.strip())
        found = self._finder.find(segment, asked)
        spans = tuple(span for span in found.spans if span.score > found.none)
        words = [self._place(document, span) for span in spans]
        text = document.held.document.text[slice(*words[0])] if words else NOTHING
        text = " ".join(text.split())
        yield Delta(text)
        taken = time.perf_counter() - begin
        size = self._finder.decoder.overhead(asked) + len(segment)
        ids = segment.token_ids[spans[0].start : spans[0].end] if spans else ()
        tokens = len(document.encoded.token_ids)
        yield Finished(
            text=text,
            citations=tuple(
                document.citer.cite(number, *place, span.score)
                for number, (place, span) in enumerate(zip(words, spans, strict=True), 1)
            ),
            supported=True,
            unverified=(),
            coverage=coverage(document.held.document, tokens, len(segment)),
            answer=Answer(ids, "stop", size, 0, taken, taken, Looked(len(segment))),
        )

    @staticmethod
    def _place(document: ReadDocument, span: Span) -> tuple[int, int]:
        """The characters of a span of tokens, without white space around them."""
        text = document.held.document.text
        start, end = document.encoded.char_range(span.start, span.end)
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        return start, end
