"""HTML of the outline with its heat bars: where in the document the model looked while it answered."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from assistant.section_evidence import BEFORE
from assistant.web.source_view import IMAGE, Spot
from ingest import Document
from storage.records import SectionEvidence

ROWS = 400  # rows drawn at once; of a longer outline those with evidence, around the place, and the upper levels
SHOWN = 0.001  # share from which a section counts as looked at


def outline(document: Document, evidence: Sequence[SectionEvidence], at: int | None = None) -> str:
    """The sections as a tree of buttons that jump there. `at`: the character that the viewer shows."""
    sections = document.sections
    if not sections:
        return '<p class="empty">This document has no headers, so there is no outline.</p>'
    own = {each.section: each.weight for each in evidence if -1 <= each.section < len(sections)}
    parents = _parents(document)
    whole = dict.fromkeys(range(len(sections)), 0.0)
    for index in range(len(sections) - 1, -1, -1):
        whole[index] += own.get(index, 0.0)
        if parents[index] >= 0:
            whole[parents[index]] += whole[index]
    here = _innermost(document, at)
    rows = _chosen(document, parents, whole, here)
    hottest = max((own.get(index, 0.0) for index in rows), default=0.0) or 1.0
    opened = _lineage(parents, here) | {parents[index] for index, share in own.items() if index >= 0 and share >= 0.02}
    told = _told(own, bool(evidence))
    left = len(sections) - len(rows)
    rest = f'<p class="empty">{left:,} more sections are folded away; choose one above to see what is in it.</p>'
    tree = _Tree(document, rows, parents, own, whole, hottest, here, opened)
    return f'<p class="legend">{told}</p><div class="outline" role="group" aria-label="Outline">{tree.html()}</div>' + (
        rest if left else ""
    )


class _Tree:
    """Rows → nested lists; a section with subsections can be folded."""

    def __init__(
        self,
        document: Document,
        rows: Sequence[int],
        parents: Sequence[int],
        own: dict[int, float],
        whole: dict[int, float],
        hottest: float,
        here: int,
        opened: set[int],
    ) -> None:
        self.document, self.own, self.whole = document, own, whole
        self.hottest, self.here, self.opened = hottest, here, opened
        self.children: dict[int, list[int]] = {}
        for index in rows:
            self.children.setdefault(parents[index], []).append(index)

    def html(self) -> str:
        """All rows, without recursion: a hostile outline may nest deeply."""
        parts: list[str] = []
        pending: list[str | int] = ["</ul>", *reversed(self.children.get(BEFORE, [])), "<ul>"]
        while pending:
            item = pending.pop()
            if isinstance(item, str):
                parts.append(item)
            elif below := self.children.get(item):
                parts.append(self._folder(item))
                pending += ["</ul></li>", *reversed(below), "<ul>"]
            else:
                parts.append(f"<li>{self._row(item)}</li>")
        return "".join(parts)

    def _folder(self, index: int) -> str:
        """A section with others below it; its button folds them away."""
        folded = index not in self.opened
        title = escape(self.document.sections[index].title)
        return (
            f"<li{' class=folded' if folded else ''}>"
            f'<button type="button" class="fold" data-fold aria-label="What is in {title}" '
            f'aria-expanded="{"false" if folded else "true"}"></button>{self._row(index)}'
        )

    def _row(self, index: int) -> str:
        section = self.document.sections[index]
        spot = Spot(section.header_start, section.header_start, section.header_end, IMAGE)
        page = self.document.span_at(section.start).page
        own, whole = self.own.get(index, 0.0), self.whole[index]
        label = f"{section.title}{f', page {page}' if page else ''}: {_percent(whole)} of the attention"
        folio = f"<small>{page}</small>" if page else ""
        css = "section here" if index == self.here else "section"
        bars = _bar("own", own, self.hottest) + _bar("sum", whole, self.hottest)
        return spot.button(css, label, f"<span>{escape(section.title)}</span>{bars}{folio}")


def _bar(css: str, share: float, hottest: float) -> str:
    if share < SHOWN:
        return f'<i class="heat {css}"></i>'
    strength = min(1.0, share / hottest)
    return f'<i class="heat {css}" style="--heat:{strength:.3f}"><em>{_percent(share)}</em></i>'


def _percent(share: float) -> str:
    return "0%" if share < SHOWN else f"{100 * share:.1f}%" if share < 0.0995 else f"{100 * share:.0f}%"


def _told(own: dict[int, float], known: bool) -> str:
    if not known:
        return "Where the model looked was not kept with this answer."
    before = own.get(BEFORE, 0.0)
    first = f" {_percent(before)} fell on the words before the first header." if before >= SHOWN else ""
    return f"Share of the model’s attention on the document while it answered.{first}"


def _parents(document: Document) -> list[int]:
    """For each section the one around it, or -1."""
    parents: list[int] = []
    opened: list[int] = []
    for index, section in enumerate(document.sections):
        while opened and (
            document.sections[opened[-1]].end <= section.start or document.sections[opened[-1]].level >= section.level
        ):
            opened.pop()
        parents.append(opened[-1] if opened else BEFORE)
        opened.append(index)
    return parents


def _innermost(document: Document, at: int | None) -> int:
    if at is None or not 0 <= at < len(document.text):
        return BEFORE
    found = document.section_at(at)
    return BEFORE if found is None else document.sections.index(found)


def _lineage(parents: Sequence[int], index: int) -> set[int]:
    found = set()
    while index >= 0:
        found.add(index)
        index = parents[index]
    return found


def _chosen(document: Document, parents: Sequence[int], whole: dict[int, float], here: int) -> list[int]:
    """At most about ROWS sections: those looked at with what is around them, the place's own, then level by level."""
    if len(parents) <= ROWS:
        return list(range(len(parents)))
    kept = _lineage(parents, here) | {index for index, parent in enumerate(parents) if parent == here and here >= 0}
    for index in sorted(whole, key=lambda each: -whole[each]):
        if whole[index] < SHOWN or len(kept) >= ROWS:
            break
        kept |= _lineage(parents, index)
    depth = _depths(parents)
    for index in sorted(range(len(parents)), key=lambda each: (depth[each], each)):
        if len(kept) >= ROWS:
            break
        kept.add(index)  # the upper levels come first, so what is around it is kept already
    return sorted(kept)


def _depths(parents: Sequence[int]) -> list[int]:
    depths: list[int] = []
    for parent in parents:
        depths.append(depths[parent] + 1 if parent >= 0 else 0)
    return depths
