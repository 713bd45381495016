"""Bot: a question on a read document in, events out. It saves nothing and draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from assistant.answer_options import PLAIN, AnswerOptions
from assistant.calibration import Calibration, general
from assistant.checked import Checked, Place
from assistant.checks import AnswerChecks
from assistant.citations import Citer, evidence_over, says_not_stated
from assistant.closest import MOST, MOST_REFUSED, closest
from assistant.confidence import ABSENT, SUPPORTED
from assistant.coverage import Coverage, coverage
from assistant.errors import EmptyQuestionError
from assistant.exhaustive import Exhausted
from assistant.judging import Judge, Judged, doubtful
from assistant.meter import Meter
from assistant.profiles import Profile
from assistant.prompt import Prompt, Turn
from assistant.quoting import Quoting, said_tokens, settled, without_headers
from assistant.reading import ReadDocument
from assistant.section_evidence import section_evidence
from assistant.tokenizer import Tokenizer
from sparse_backend import Answer, Engine
from sparse_backend.constrain import Constraint
from sparse_backend.schemas import GrammarConstraint
from sparse_backend.span_engine import SpanEngine
from sparse_backend.stops import StopStrings
from storage import CitationRecord
from storage.records import SectionEvidence

Cancel = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Delta:
    """The answer so far, to be shown in place of the one before."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer with its proof and receipt.

    `supported` is False when nothing in the document backs the answer; `unverified`: its quotes, paths and symbols
    that stand nowhere, and its advice. `see_also`: what the profile's checks add, then, where the answer is not sure,
    the passages that the question leads to; numbered on from the citations.
    `facts`: sentences found by rule; they stand at the end of `text` too. `sections`: where the model looked. `judged`:
    how sure the answer is. `listing`: everything that the question asks for, where it asks for all of one kind.
    """

    text: str
    citations: tuple[CitationRecord, ...]
    supported: bool
    unverified: tuple[str, ...]
    coverage: Coverage
    answer: Answer
    see_also: tuple[CitationRecord, ...] = ()
    facts: tuple[str, ...] = ()
    sections: tuple[SectionEvidence, ...] = ()
    judged: Judged | None = None
    listing: Exhausted | None = None


Event = Delta | Finished


class Bot:
    """One profile on one engine."""

    def __init__(
        self, engine: Engine, tokenizer: Tokenizer, profile: Profile, calibration: Calibration | None = None
    ) -> None:
        """`calibration`: of the engine's model; without one the general weights serve."""
        self.engine: Engine | SpanEngine = engine
        self._engine = engine
        self.profile = profile
        self._tokenizer = tokenizer
        self._prompt = Prompt(tokenizer, profile)
        self._judge = Judge(calibration or general(), tokenizer)
        self._quoting: Quoting | None = None  # made at the first question: it reads the whole vocabulary
        self._checks: WeakKeyDictionary[Citer, AnswerChecks] = WeakKeyDictionary()  # by the document's own citer

    def answer(
        self,
        document: ReadDocument,
        turns: Sequence[Turn],
        question: str,
        cancel: Cancel | None = None,
        options: AnswerOptions = PLAIN,
    ) -> Iterator[Event]:
        """Deltas while the answer grows, each the start of the next, then one Finished.

        Raises EmptyQuestionError, ConstraintError for a schema that cannot be held, and ContextTooLongError when the
        conversation has outgrown the model.
        """
        if not question.strip():
            raise EmptyQuestionError("The question is empty; type what you want to know.")
        stops = StopStrings(options.stops, self._tokenizer.decode)
        tail = [*document.live, *self._prompt.tail(turns, question)]
        generator = self._engine.ask(
            document.read.segment,
            tail,
            stop_ids=self._tokenizer.stop_ids,
            max_new_tokens=options.max_new_tokens or self.profile.max_new_tokens,
            sampling=options.sampling,
            constraint=self._constraint(document, options),
            cancel=lambda: stops.stopped_by is not None or (cancel is not None and cancel()),
            question=self._prompt.words(tail, question, first=not turns),
        )
        text = shown = ""
        try:
            while True:
                try:
                    token = next(generator)
                except StopIteration as stop:
                    text += stops.finish()
                    yield self._finished(document, question, _ended(stop.value, stops), text, options)
                    return
                if stops.stopped_by is None:
                    text += stops.feed(token)
                    grown = text if options.schema else settled(text)
                    if grown != shown:
                        shown = grown
                        yield Delta(shown)
        finally:
            generator.close()

    def meter(self, document: ReadDocument, turns: Sequence[Turn], question: str) -> Meter:
        """What the context of a question is made of."""
        bare, asked = len(self._prompt.tail((), "")), len(self._prompt.tail((), question))
        limit = self._engine.decoder.limit
        return Meter(
            system=document.prefix.start,
            documents=len(document.read.segment) - document.prefix.start + len(document.live),
            history=len(self._prompt.tail(turns, "")) - bare,
            question=asked,
            answer=self.profile.max_new_tokens,
            limit=limit,
            beyond=self._engine.reads(limit + 1),
        )

    def _constraint(self, document: ReadDocument, options: AnswerOptions) -> Constraint | None:
        """Holds the whole answer to a schema, or else its block quotes to the document's words."""
        if options.schema:
            return GrammarConstraint(self._tokenizer.vocabulary(self._engine.decoder.vocabulary), options.schema)
        if self._quoting is None:
            self._quoting = Quoting(self._tokenizer, self._engine.decoder.vocabulary)
        return self._quoting.constraint([(document.read.segment.key, document.encoded.token_ids)])

    def _finished(
        self, document: ReadDocument, question: str, answer: Answer, text: str, options: AnswerOptions
    ) -> Finished:
        text = text.strip()
        tokens, live = len(document.encoded.token_ids), len(document.live)
        read = len(document.read.segment) - document.prefix.start
        said = said_tokens(answer.token_ids, self._tokenizer) or len(answer.token_ids)
        mass = evidence_over(answer.evidence[:said], document.prefix.start, tokens)
        asked = evidence_over(answer.asked, document.prefix.start, tokens) if answer.asked else None
        proof = document.citer.prove(text, question, mass, asked)
        silent = says_not_stated(text, self.profile.not_stated)
        citations = () if silent else proof.citations
        checked = self._checks_of(document).check(question, text, citations)
        beside = self._cited(document, checked.places, citations)
        if (
            checked.located and not checked.refuted and not citations
        ):  # the tree agrees with the place that the answer names: that is its proof
            citations, beside = beside, ()
        backed = proof.supported if proof.citations else bool(citations)
        doubted = checked.refuted or (bool(proof.unverified) and "quotes" in self.profile.checks)
        judged = self._judge.judge(
            document.citer,
            question,
            text,
            answer,
            citations,
            start=document.prefix.start,
            tokens=tokens,
            refused=silent,
            symbols=_symbols(checked),
            asked=asked,
        )
        listing = None if options.schema else self._checks_of(document).listing(question, text, citations, silent)
        if doubted or not (silent or backed) or (listing is not None and listing.disputed):
            judged = doubtful(judged, refused=silent)
        told = (*checked.facts, listing.sentence) if listing else checked.facts
        if listing:
            beside += self._cited(document, listing.places, (*citations, *beside))
        if asked is not None and judged.word != SUPPORTED:
            shown = [(each.start, each.end) for each in (*citations, *beside)]
            led = closest(document.citer, asked, shown, MOST_REFUSED if silent else MOST)
            beside += self._cited(document, led, (*citations, *beside))
        facts = "" if options.schema else "\n".join(f"- {fact}" for fact in told)  # JSON stays JSON
        return Finished(
            text="\n\n".join(filter(None, (text if options.schema else without_headers(text), facts))),
            citations=citations,
            supported=judged.word == SUPPORTED or (silent and judged.word == ABSENT),
            unverified=(*proof.unverified, *checked.unverified),
            coverage=coverage(document.held.document, tokens + live, read + live),
            answer=answer,
            see_also=beside,
            facts=told,
            sections=section_evidence(document.held.document, document.encoded, mass),
            judged=judged,
            listing=listing,
        )

    def _checks_of(self, document: ReadDocument) -> AnswerChecks:
        checks = self._checks.get(document.citer)
        if checks is None:
            checks = AnswerChecks(document.held.document, self.profile.checks)
            self._checks[document.citer] = checks
        return checks

    @staticmethod
    def _cited(
        document: ReadDocument, places: Sequence[Place], citations: Sequence[CitationRecord]
    ) -> tuple[CitationRecord, ...]:
        taken = {(citation.start, citation.end) for citation in citations}
        new = [place for place in places if (place.start, place.end) not in taken]
        return tuple(
            document.citer.cite(number, place.start, place.end, 1.0, place.kind)
            for number, place in enumerate(new, len(citations) + 1)
        )


def _symbols(checked: Checked) -> float | None:
    """1 where the tree agrees with the places that an answer names, -1 where it does not know one; None without any."""
    if checked.refuted or checked.unverified:
        return -1.0
    return 1.0 if checked.located else None


def _ended(answer: Answer, stops: StopStrings) -> Answer:
    """An answer that a stop string ended, without the tokens that were not shown."""
    if stops.stopped_by is None:
        return answer
    shown = stops.tokens_shown
    return replace(
        answer,
        token_ids=answer.token_ids[:shown],
        finish="stop",
        evidence=answer.evidence[:shown],
        choices=answer.choices[:shown],
    )
