"""A contract answer's company: definitions of its terms, targets of cross references it rests on, lint findings.

Everything is found by the rules of ingest.contract and is the document's own words at the document's own place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from assistant.checked import Checked, Place
from assistant.passages import LONGEST, passage_at, passages
from ingest import Document, Section
from ingest.contract import Contract, Finding, analyse, finding_line, lint
from ingest.contract.values import Definition, Term
from storage import CitationRecord

MAX_TERMS = 6  # definitions shown beside one answer; those of the answer's own words come first
MAX_TARGETS = 6  # targets of cross references shown beside one answer
MAX_FINDINGS = 20  # told one by one; the rest is counted
_PROBLEMS = re.compile(
    r"\b(?:problems?|issues?|errors?|mistakes?|inconsisten\w+|contradict\w+|undefined|dangling|defects?|flaws?|gaps?|"
    r"drafting|lint|wrong|broken|missing|unclear|ambigu\w+|blanks?)\b",
    re.IGNORECASE,
)
_MEANT = re.compile(
    r"\b(?:in|with|of) (?:this|the) (?:document|contract|agreement|draft|deed|lease|text)\b"
    r"|\b(?:definitions?|defined|terms?|cross.?references?|references?|numbering|clauses?|sections?|drafting|lint)\b",
    re.IGNORECASE,
)
_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class _Named:
    """A term, or one of its other names, as it is searched for in an answer."""

    name: str
    term: Term


class ContractCheck:
    """Prepared once for a document; each of its files is a contract of its own."""

    def __init__(self, document: Document) -> None:
        self._document = document
        paths = dict.fromkeys(span.path for span in document.spans)
        self._contracts = [analyse(document, path) for path in paths if not path.startswith("(")]
        self._passages = passages(document)
        self._findings: list[Finding] | None = None

    def beside(self, question: str, answer: str, citations: Sequence[CitationRecord]) -> Checked:
        """Definitions of the terms used in answer and question, then what the cited passages refer to."""
        cited = [(citation.start, citation.end) for citation in citations]
        places: list[Place] = []
        for contract in self._contracts:
            if len(self._contracts) > 1 and not any(contract.start <= start < contract.end for start, _ in cited):
                continue  # the words of one contract say nothing about the terms of another
            places += self._definitions(contract, question, answer, cited)
            read = [*cited, *((place.start, place.end) for place in places)]
            places += self._targets(contract, read, cited)
        return Checked(places=tuple(dict.fromkeys(places)))

    def problems(self, question: str) -> Checked:
        """The findings of the rules where the question asks for problems of the document, else nothing."""
        if not asks_for_problems(question):
            return Checked()
        if self._findings is None:
            found = [finding for contract in self._contracts for finding in lint(contract)]
            self._findings = sorted(found, key=lambda each: (_ORDER.get(each.severity, 3), each.start))
        shown = self._findings[:MAX_FINDINGS]
        if not shown:
            return Checked(facts=("The rules that check definitions, references and numbers found nothing.",))
        rows = [f"{finding.severity}: {finding_line(finding, self._document)}" for finding in shown]
        more = len(self._findings) - len(shown)
        if more:
            rows.append(f"and {more} more: app.py read --lint lists all {len(self._findings)}.")
        places = [Place(finding.start, max(finding.end, finding.start + 1), "lint") for finding in shown]
        return Checked(places=tuple(places), facts=tuple(rows))

    # -- definitions -----------------------------------------------------------------

    def _definitions(
        self, contract: Contract, question: str, answer: str, cited: Sequence[tuple[int, int]]
    ) -> Iterator[Place]:
        chosen: dict[int, Term] = {}
        for text, exact in ((answer, True), (question, False)):
            for term in _used(contract.terms, text, exact=exact):
                chosen.setdefault(id(term), term)
        count = 0
        for term in chosen.values():
            definition = _telling(term)
            if definition is None or _inside(definition.start, cited):
                continue
            yield self._place(definition)
            count += 1
            if count == MAX_TERMS:
                return

    def _place(self, definition: Definition) -> Place:
        """The term with its meaning; for a name in brackets the sentence, as its meaning stands before it."""
        if definition.kind in ("short", "party"):
            index = passage_at(self._passages, definition.start)
            if index is not None:
                return Place(self._passages[index].start, self._passages[index].end, "definition")
        start = definition.start
        if start and self._document.text[start - 1] in '“"':
            start -= 1
        return self._bounded(start, max(definition.end, definition.body_end), "definition")

    def _bounded(self, start: int, end: int, kind: str) -> Place:
        text = self._document.text
        if end - start > LONGEST:
            end = max(text.rfind(" ", start, start + LONGEST), start + LONGEST // 2)
        while start < end and text[start].isspace():
            start += 1
        while end > start + 1 and text[end - 1].isspace():
            end -= 1
        return Place(start, end, kind)

    # -- cross references ------------------------------------------------------------

    def _targets(
        self, contract: Contract, read: Iterable[tuple[int, int]], cited: Sequence[tuple[int, int]]
    ) -> Iterator[Place]:
        """Where the references inside the passages `read` point, but for what is `cited` anyway."""
        shown: set[int] = set()
        for start, end in read:
            for reference in contract.references:
                if not start <= reference.start < end or reference.section is None:
                    continue
                target = self._document.sections[reference.section]
                if reference.section in shown or target.start <= start < target.end or self._holds(target, cited):
                    continue
                shown.add(reference.section)
                yield self._opening(target)
                if len(shown) == MAX_TARGETS:
                    return

    @staticmethod
    def _holds(section: Section, cited: Sequence[tuple[int, int]]) -> bool:
        return any(section.start <= start < section.header_end or start == section.start for start, _ in cited)

    def _opening(self, section: Section) -> Place:
        """A section's header with the first sentence below it."""
        end = section.header_end
        first = bisect_right(self._passages, section.header_end, key=lambda passage: passage.end)
        if first < len(self._passages) and self._passages[first].start < section.end:
            end = self._passages[first].end
        return self._bounded(section.start, min(end, section.end), "reference")


def asks_for_problems(question: str) -> bool:
    """Whether a question is about flaws of the document itself, not about what the document says of errors."""
    return bool(_PROBLEMS.search(question)) and bool(_MEANT.search(question))


def _used(terms: Sequence[Term], text: str, *, exact: bool) -> Iterator[Term]:
    """Terms whose name stands in `text`, longest name first where one holds the other; capitals count if `exact`."""
    named = [_Named(name, term) for term in terms if not term.own for name in (term.name, *term.aliases)]
    named.sort(key=lambda each: (-len(each.name), each.name))
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, Term]] = []
    for each in named:
        if len(each.name) < 3 or (exact and not each.name[0].isupper()):
            continue
        pattern = rf"(?<!\w){re.escape(each.name)}(?!\w)"
        for match in re.finditer(pattern, text, 0 if exact else re.IGNORECASE):
            if not _inside(match.start(), taken):
                taken.append(match.span())
                found.append((match.start(), each.term))
    found.sort(key=lambda each: each[0])
    yield from (term for _, term in found)


def _telling(term: Term) -> Definition | None:
    """The definition that says what the term means; a pointer to another place only where there is no other."""
    kinds = ("means", "list", "short", "party", "adds", "pointer")
    ranked = sorted(term.definitions, key=lambda each: kinds.index(each.kind) if each.kind in kinds else len(kinds))
    return ranked[0] if ranked else None


def _inside(offset: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(start <= offset < end for start, end in ranges)
