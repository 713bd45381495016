"""Where an answer comes from: words that stand in the document, found by literal match and by attention.

Two kinds of proof, both checked against the text. A quote in the answer that stands literally in the document. And a
passage that the model looked at while it answered and that holds what the answer says: its figures, names and rare
words. A quote that stands nowhere is never shown as a citation; an answer without proof is marked as unsupported.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.fuzz import partial_ratio
from rapidfuzz.utils import default_process

from assistant.passages import LiteralIndex, passage_at, passages
from assistant.quoting import BlockQuote, split_quotes
from assistant.sentences import sentences_in
from assistant.sessions import session_label
from assistant.words import overlap, terms_of
from ingest import Document, Encoded
from sparse_backend.looked import Looked
from storage import CitationRecord

Mass = npt.NDArray[np.float32]
Found = tuple[int, int, str, float]  # start, end, kind, score
_QUOTED = re.compile(r"[\"“„]([^\"“”„]{1,600})[\"”]")
REFERENCE = re.compile(r"\b(?:sections?|articles?|clauses?|paragraphs?|pages?|no\.)\s*\d+(?:\.\d+)*", re.IGNORECASE)
_SILENT = re.compile(
    r"^\W*not (?:\w+ )?(?:stated|specified|mentioned|found|given|provided)\b"
    r"|\bnot (?:\w+ )?(?:stated|specified|mentioned|found|given|provided)(?: anywhere)? (?:in|by) (?:the|this) "
    r"(?:document|agreement|contract|text)\b"
    r"|\b(?:is|are) not (?:\w+ )?(?:stated|specified|mentioned|found|given|provided)(?=\W*$)"
    r"|\b(?:does|do) not (?:\w+ )?(?:state|specify|mention|say)\b",
    re.IGNORECASE,
)
SHORTEST = 12  # characters of a quotation that is looked up; shorter ones are mostly defined terms
LIMIT = 3  # citations per answer
REST = 300  # characters by which a quote is completed to its sentence
NEAR = 0.9  # likeness from which a quote is said to come from a passage
CANDIDATES = 40  # passages that a quote which stands nowhere is compared with
ENOUGH = 0.5  # share of the answer's own terms, weighted by rarity, that a passage must hold


@dataclass(frozen=True, slots=True)
class Proof:
    """The citations of one answer. `supported`: the document backs it; `unverified`: quotes found nowhere."""

    citations: tuple[CitationRecord, ...]
    supported: bool
    unverified: tuple[str, ...] = ()


class Citer:
    """Finds proof in one document; what it needs of the document is prepared once."""

    def __init__(self, document: Document, encoded: Encoded) -> None:
        self._document = document
        self._passages = passages(document)
        self._index = LiteralIndex(document.text)
        self._most: tuple[frozenset[str], float] = (frozenset(), 0.0)
        self._terms = [terms_of(document.text[passage.start : passage.end]) for passage in self._passages]
        self._spread = Counter(term for terms in self._terms for term in terms)
        self._bounds = np.array(
            [
                (encoded.token_at(p.start), min(encoded.token_at(p.end - 1) + 1, len(encoded.token_ids)))
                for p in self._passages
            ]
        )

    def prove(self, answer: str, question: str, evidence: Mass, asked: Mass | None = None) -> Proof:
        """Citations for `answer`. `evidence` [document tokens]: attention mass while it was generated.

        `asked`: that of the question's own words, where their heads are known.
        """
        return self.prove_by(answer, question, self.attention(evidence), None if asked is None else self.mass(asked))

    def prove_by(self, answer: str, question: str, attention: Mass, asked: Mass | None = None) -> Proof:
        """The same by the attention [passages] on each, 1 for the one looked at most; `asked` [passages] likewise."""
        said, blocks = split_quotes(answer)
        quotes, unverified = self._quotes(said, attention)
        placed = [place for block in blocks if (place := self._place(block, attention))]
        lost = tuple(block.quote for block in blocks if not self._index.find(block.quote))
        chosen = [*placed, *quotes]
        backed = not placed or bool(quotes) or any(self._backs(said, question, start) for start, *_ in placed)
        if not chosen or not backed:  # a quote that proves something else: what was looked at may prove this
            found = self._passages_for(said, question, attention)
            if found:
                chosen, backed = [*found, *chosen], True
            elif not chosen:
                chosen, backed = self._by_sentence(said, question, attention)
        chosen, backed = self._leading(chosen, said, question, asked) or (chosen, backed)
        citations = tuple(self._record(number, *choice) for number, choice in enumerate(chosen[:LIMIT], 1))
        return Proof(citations, bool(citations) and backed, (*unverified, *lost))

    def _leading(
        self, chosen: Sequence[Found], said: str, question: str, asked: Mass | None
    ) -> tuple[list[Found], bool] | None:
        """With the passage that the question's words looked at most in front, where it holds what the answer says."""
        if asked is None or not asked.any():
            return None
        start, end = self.passage(int(np.argmax(asked)))
        if not self._backs(said, question, start):
            return None
        same = [one for one in chosen if one[0] < end and start < one[1]]
        return [*(same or [(start, end, "evidence", 1.0)]), *(one for one in chosen if one not in same)], True

    def _place(self, block: BlockQuote, attention: Mass) -> Found | None:
        """Where a block quote stands: under the header that it names, else where it was looked at most."""
        scored = []
        for start, end in self._index.find(block.quote):
            section = self._document.section_at(start)
            named = bool(block.header) and section is not None and section.title.strip() == block.header
            scored.append((named, self._score_at(start, attention), start, end))
        if not scored:
            return None
        named, score, start, end = max(scored)
        return start, self._sentence_end(start, end), "quote", 1.0 if named else score

    def _sentence_end(self, start: int, end: int) -> int:
        """Where the sentence ends whose middle a quoted line ends in: half a definition is cited whole."""
        index = passage_at(self._passages, start)
        if index is None or self._document.text[end - 1] in ".;:!?":
            return end
        whole = self._passages[index].end
        return whole if end < whole <= end + REST else end

    def _backs(self, said: str, question: str, start: int) -> bool:
        """Whether the passage at `start` holds what the answer says: all its figures, and most of its other words."""
        index = passage_at(self._passages, start)
        terms = terms_of(said) - terms_of(question) or terms_of(said)
        if index is None or not terms:
            return False
        held = self._terms[index]
        figures = {term for term in terms if term[0].isdigit()}
        return figures <= held and len(terms & held) >= ENOUGH * len(terms)

    def index_at(self, offset: int) -> int | None:
        """The passage that holds the character at `offset`."""
        return passage_at(self._passages, offset)

    def passage(self, index: int) -> tuple[int, int]:
        """The characters [start, end) of a passage."""
        return self._passages[index].start, self._passages[index].end

    def held(self, wanted: frozenset[str], index: int) -> float:
        """The share of `wanted` terms, weighted by rarity, that a passage holds; 0 for none wanted."""
        weights = {term: self._rarity(term) for term in wanted}
        total = sum(weights.values())
        return sum(weights[term] for term in wanted & self._terms[index]) / total if total else 0.0

    def held_with_header(self, wanted: frozenset[str], index: int) -> float:
        """The same, counting the words of the headers above the passage, and its file's name, too."""
        start = self._passages[index].start
        above = " ".join(section.title for section in self._document.section_path(start))
        name = self._document.span_at(start).path.replace("/", " ").replace("_", " ")
        rest = wanted - terms_of(above) - terms_of(name)
        weights = {term: self._rarity(term) for term in wanted}
        total = sum(weights.values())
        missing = sum(weights[term] for term in rest - self._terms[index])
        return 1.0 - missing / total if total else 0.0

    def most_held(self, wanted: frozenset[str]) -> float:
        """The largest such share that any passage holds."""
        if self._most[0] != wanted:  # asked again for every sentence of an answer
            weights = {term: self._rarity(term) for term in wanted}
            most = max((sum(weights[term] for term in wanted & terms) for terms in self._terms), default=0.0)
            self._most = (wanted, most / (sum(weights.values()) or 1.0))
        return self._most[1]

    def likeness(self, quote: str) -> float:
        """1 where `quote` stands literally, else how like it the most similar words are, see `near`."""
        return 1.0 if self._index.find(quote) else min(self.near(quote)[0], 0.99)

    def near(self, quote: str) -> tuple[float, int | None]:
        """How like the most similar words of any passage are to `quote` (rapidfuzz, 0 to 1), and which passage."""
        terms = terms_of(quote)
        ranked = sorted(range(len(self._terms)), key=lambda index: -len(terms & self._terms[index]))[:CANDIDATES]
        best: tuple[float, int | None] = (0.0, None)
        text = self._document.text
        for index in ranked:
            start, end = self.passage(index)
            likeness = partial_ratio(quote, text[start:end], processor=default_process) / 100
            best = max(best, (likeness, index), key=lambda one: one[0])
        return best

    def cite(self, number: int, start: int, end: int, score: float, kind: str = "quote") -> CitationRecord:
        """The characters [start, end) of the document as citation `number`, their own words being the proof."""
        return self._record(number, start, end, kind, score)

    def attention(self, evidence: Mass) -> Mass:
        """Mass per passage, 1 for the passage most looked at. The strongest tokens count, not the passage's length."""
        return relative(self.mass(evidence))

    def mass(self, evidence: Mass) -> Mass:
        """Attention mass [passages], divided by the square root of a passage's tokens."""
        sums = np.concatenate([[0.0], np.cumsum(evidence, dtype=np.float64)])
        if not len(self._bounds):
            return np.zeros(0, dtype=np.float32)
        low, high = self._bounds[:, 0], self._bounds[:, 1]
        return np.asarray((sums[high] - sums[low]) / np.sqrt(np.maximum(high - low, 1)), dtype=np.float32)

    def _quotes(self, answer: str, attention: Mass) -> tuple[list[Found], tuple[str, ...]]:
        """The answer's quotes as (start, end, kind, score), each where it was looked at most; and those not found."""
        found: list[Found] = []
        missing: list[str] = []
        for quote in quotes_in(answer):
            places = self._index.find(quote)
            if not places:
                missing.append(quote)
                likeness, index = self.near(quote)
                if likeness >= NEAR and index is not None:  # not its words, but where they nearly stand
                    found.append((*self.passage(index), "evidence", likeness))
                continue
            scored = [(self._score_at(start, attention), start, end) for start, end in places]
            score, start, end = max(scored)
            if (start, end) not in [(old[0], old[1]) for old in found]:
                found.append((start, end, "quote", score))
        return found, tuple(missing)

    def _passages_for(self, answer: str, question: str, attention: Mass) -> list[Found]:
        """The passages that hold what the answer says, those looked at most first."""
        asked = terms_of(question)
        said = terms_of(REFERENCE.sub(" ", answer)) or terms_of(answer)  # “Section 5” need not stand in Section 5
        wanted = said - asked or said
        weights = {term: self._rarity(term) for term in wanted}
        total = sum(weights.values())
        if not total:
            return []
        held = [sum(weights[term] for term in wanted & terms) / total for terms in self._terms]
        figures = {term for term in said if term[0].isdigit()}  # those of the question too: it may be leading
        candidates = [
            (
                share * (0.25 + float(attention[index])) * (1.0 + 0.5 * overlap(asked, self._terms[index])),
                index,
            )
            for index, share in enumerate(held)
            if share >= ENOUGH and figures <= self._terms[index]
        ]
        if not candidates:
            return []
        candidates.sort(reverse=True)
        best = candidates[0][0]
        kept = [(score, index) for score, index in candidates if score >= 0.6 * best][:LIMIT]
        return [(self._passages[i].start, self._passages[i].end, "evidence", min(score, 1.0)) for score, i in kept]

    def _by_sentence(self, said: str, question: str, attention: Mass) -> tuple[list[Found], bool]:
        """The best passage for each sentence that has one, and whether all have: answers may come from many places."""
        parts = [said[start:end] for start, end in sentences_in(said)]
        if len(parts) < 2:
            return [], False
        best = [self._passages_for(part, question, attention)[:1] for part in parts]
        return list(dict.fromkeys(one for found in best for one in found)), all(best)

    def _rarity(self, term: str) -> float:
        """1 for a term of one passage, falling with the number of passages that hold it; figures count twice."""
        weight = 1.0 / (1.0 + np.log1p(self._spread[term])) if self._spread[term] else 1.0
        return float(weight) * (2.0 if term[0].isdigit() else 1.0)

    def _score_at(self, offset: int, attention: Mass) -> float:
        index = passage_at(self._passages, offset)
        return float(attention[index]) if index is not None else 0.0

    def _record(self, number: int, start: int, end: int, kind: str, score: float) -> CitationRecord:
        span = self._document.span_at(start)
        section = self._document.section_at(start)
        return CitationRecord(
            number=number,
            path=span.path,
            page=span.page,
            page_label=span.page_label,
            line=self._document.line_of(start),
            section=session_label(self._document, start) or (section.title if section else ""),
            quote=" ".join(self._document.text[start:end].split()),
            start=start,
            end=end,
            verified=True,  # the quoted words are the document's own, at this place
            kind=kind,
            score=round(score, 4),
        )


def quotes_in(answer: str) -> list[str]:
    """What an answer says in quotation marks, but for what is too short to be looked up."""
    found = (match.group(1).strip().rstrip(".,;:") for match in _QUOTED.finditer(answer))
    return [quote for quote in found if len(quote) >= SHORTEST]


def relative(mass: Mass) -> Mass:
    """`mass` [passages] as shares of the largest."""
    return np.asarray(mass / max(float(mass.max(initial=0.0)), 1e-9), dtype=np.float32)


def evidence_over(looked: Looked, start: int, length: int) -> Mass:
    """Mean attention mass per document token over the generated tokens; the document starts at token `start`."""
    mean: Mass = looked.mean()[start : start + length].numpy()
    return mean


def says_not_stated(answer: str, own: str = "") -> bool:
    """Whether the answer says only that the document does not hold it: one with a figure says more, and needs proof.

    `own`: the sentence that the bot was told to say then, in whatever language.
    """
    if own and answer.strip().rstrip(".").casefold() == own.strip().rstrip(".").casefold():
        return True
    figures = any(character.isdigit() for character in REFERENCE.sub(" ", answer))
    return bool(_SILENT.search(answer)) and not figures
