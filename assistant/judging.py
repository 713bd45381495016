"""Judging: one answer, and each sentence of a longer one, by its signals: how sure, and in which words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.answer_signals import refusal_signals, signals
from assistant.calibration import Calibration
from assistant.citations import Citer, Mass, evidence_over
from assistant.confidence import SUPPORTED, WEAK, Word, word
from assistant.quoting import said_tokens, split_quotes
from assistant.sentences import sentences_in
from assistant.tokenizer import Tokenizer
from sparse_backend import Answer
from storage import CitationRecord

UNSURE = 0.3  # the most that is left of an answer which a rule contradicts
MOST_SENTENCES = 60  # judged one by one; an answer hardly has more


@dataclass(frozen=True, slots=True)
class Judged:
    """`probability` in (0, 1) that the answer is right and proven; `word` for people.

    `calibrated`: the weights were found with this model. `unsupported`: the sentences that nothing proves, of an answer
    of several. `heads`: how many heads the attention comes from, 0 for the strongest of each layer.
    """

    probability: float
    word: Word
    calibrated: bool
    unsupported: tuple[str, ...] = ()
    heads: int = 0


def doubtful(judged: Judged, *, refused: bool = False) -> Judged:
    """The same where a rule speaks against the answer, or the refusal: never more than weak evidence."""
    if refused or judged.word == SUPPORTED or judged.probability > UNSURE:
        return replace(judged, probability=min(judged.probability, UNSURE), word=WEAK)
    return judged


class Judge:
    """Weighs answers on one document."""

    def __init__(self, calibration: Calibration, tokenizer: Tokenizer) -> None:
        self._calibration, self._tokenizer = calibration, tokenizer

    def judge(
        self,
        citer: Citer,
        question: str,
        text: str,
        answer: Answer,
        citations: Sequence[CitationRecord],
        *,
        start: int,
        tokens: int,
        refused: bool,
        symbols: float | None,
        asked: Mass | None = None,
    ) -> Judged:
        """`text`: the answer as generated; the document's `tokens` begin at token `start` of what was read.

        `asked` [document tokens]: where the question looked, if that is known.
        """
        asked_mass = None if asked is None else citer.mass(asked)
        said = said_tokens(answer.token_ids, self._tokenizer)
        known, heads = self._calibration.own, answer.heads
        if refused:
            silent = refusal_signals(
                citer, question, answer.choices[:said], selected=not answer.exact, asked_mass=asked_mass
            )
            chance = self._calibration.refusal.probability(silent)
            return Judged(round(chance, 4), word(chance, cited=False, refused=True), known, (), heads)
        cited = [(each.start, each.end) for each in citations]

        def chance_of(words: str, low: int, high: int) -> float:
            mass = citer.mass(evidence_over(answer.evidence[low:high], start, tokens))
            said_with = answer.choices[low:high]
            useful, selected = heads > 0 and known, not answer.exact
            given = (citer, words, question, mass, cited, said_with)
            one = signals(*given, symbols=symbols, useful=useful, selected=selected, asked_mass=asked_mass)
            return self._calibration.answer.probability(one)

        chance = chance_of(text, 0, said)
        own = split_quotes(text)[0]
        parts = list(self._sentences(own, answer.token_ids[:said]))
        weak: tuple[str, ...] = ()
        if len(parts) > 1:
            each = [(part[0], chance_of(*part)) for part in parts[:MOST_SENTENCES]]
            weak = tuple(words for words, one in each if word(one, cited=bool(cited), refused=False) != SUPPORTED)
            if weak:  # an answer is as sure as the weakest thing it says
                chance = min(chance, *(one for _, one in each))
        told = word(chance, cited=bool(cited), refused=False, selected=not answer.exact)
        return Judged(round(chance, 4), told, known, weak, heads)

    def _sentences(self, own: str, token_ids: Sequence[int]) -> Iterator[tuple[str, int, int]]:
        """Each sentence with the tokens [low, high) that spell it."""
        ends = [len(self._tokenizer.decode(token_ids[: index + 1])) for index in range(len(token_ids))]
        lead = len(self._tokenizer.decode(token_ids)) - len(self._tokenizer.decode(token_ids).lstrip())
        for start, stop in sentences_in(own):
            low = sum(end <= start + lead for end in ends)
            high = sum(end < stop + lead for end in ends) + 1
            yield own[start:stop], min(low, len(ends)), min(high, len(ends))
