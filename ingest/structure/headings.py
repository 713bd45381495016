"""Lines → sections. Evidence in this order: bookmarks and markdown, then numbering, then capitals and font.

Numbered lines are headers only where they continue the numbering (sequence.py), so that a wrapped reference
such as "10.2 of this Agreement" is none. Running headers and tables of contents are never headers (lines.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ingest.document import Section
from ingest.structure.bookmarks import place_bookmarks
from ingest.structure.lines import Bookmark, Line
from ingest.structure.markdown import Mark, markdown_headers
from ingest.structure.numbering import Label, Number, labels
from ingest.structure.quotes import quoted_lines
from ingest.structure.sequence import CAPTION, KEYWORDS, Header, OpenSections, Slot, Step
from ingest.structure.titles import (
    ITEM_CONTINUES,
    PLAIN,
    STRONG,
    WEAK,
    Title,
    clean,
    continues,
    is_caps,
    is_title_case,
    read_title,
)
from ingest.structure.unnumbered import REPEATS, Unnumbered, find_unnumbered

DEFAULT_RANK = 20
MARKED_FAMILIES = frozenset(("(A)", "(I)", "(a)", "(i)", "(1)"))  # what markdown headers leave to numbering
# "A. Smith": a first letter or item counts only if a second one follows.
ALONE_IS_NONE = frozenset(("letter", "roman", "ordinal"))
MAX_NEXT_LINE = 100
SENTENCE = 60  # characters: a longer line is text, not a title


def find_sections(
    lines: Sequence[Line], end: int, *, bookmarks: Sequence[Bookmark] = (), markdown: bool = False
) -> list[Section]:
    """The sections of a text of `end` characters, ordered and nested; `lines` come from split_pages."""
    body = [line for line in lines if not line.running]
    given = _given(body, bookmarks, markdown)
    finder = _Finder(body, given, markdown=markdown)
    for index in range(len(body)):
        finder.visit(index)
    return finder.open.sections(end)


def _given(body: Sequence[Line], bookmarks: Sequence[Bookmark], markdown: bool) -> dict[int, Mark]:
    """Headers the author declared: bookmarks of a PDF (two or more) or markdown."""
    if markdown:
        return markdown_headers(body)
    placed = place_bookmarks(body, bookmarks)
    return placed if len(placed) >= 2 else {}


class _Finder:
    def __init__(self, body: Sequence[Line], given: dict[int, Mark], *, markdown: bool) -> None:
        self.body, self.given = body, given
        self.quoted = quoted_lines(body)
        self.counts = Counter(line.text for line in body)
        self.marked = markdown and bool(given)
        positions: dict[tuple[str, Number], list[int]] = defaultdict(list)
        for index, line in enumerate(body):
            for label in line.readings:
                if self._plausible(index, label):
                    positions[label.family, label.number].append(index)
        self.backbone = _backbone(positions)
        self.open = OpenSections(self.backbone, positions)
        self.levels = {  # numbered families the author's headers give a level to
            label.key: mark.level for index, mark in given.items() for label in self._read(index, mark)[:1]
        }
        found = {} if given else find_unnumbered(body, self.backbone, numbered=bool(_counted(positions)))
        self.unnumbered: dict[int, Unnumbered] = found
        self.skip_to = 0

    def visit(self, index: int) -> None:
        line = self.body[index]
        if index < self.skip_to:
            return
        if index in self.given:
            self._push_given(index, self.given[index])
        elif line.contents or index in self.quoted:
            return
        elif not self._push_numbered(index) and index in self.unnumbered:
            self._push_unnumbered(index, self.unnumbered[index])

    def _read(self, index: int, mark: Mark) -> list[Label]:
        return labels(mark.title) or list(self.body[index].readings)

    def _push_given(self, index: int, mark: Mark) -> None:
        line = self.body[index]
        header = Header(clean(mark.title), "heading", line.start, line.end, "given", (), mark.level)
        for label in self._read(index, mark)[:1]:
            header.kind = label.kind
            if label.family != "attachment":
                header.family, header.number = label.family, label.number
        self.open.push(header, self.open.cut_at(mark.level))

    def _push_numbered(self, index: int) -> bool:
        line = self.body[index]
        best: tuple[int, Label, Slot, Title] | None = None
        for label in line.readings:
            if self.marked and label.family not in MARKED_FAMILIES and len(label.number) < 2:
                continue
            if label.family == "attachment":
                if self._is_attachment(index, label):
                    self._push_attachment(index, label)
                    return True
                continue
            title = read_title(line.text, label.end, self._following(index))
            strong = title.strength == STRONG or line.bold
            label = self._mapped(label)
            slot = self.open.slot(label, index, strong=strong)
            if slot is None or not self._believable(index, label, slot, title):
                continue
            if best is None or self._better(index, label, slot, best):
                best = (slot.step, label, slot, title)
        if best is None:
            return False
        _, label, slot, title = best
        text, header_end = self._title_text(index, label, title)
        self.open.push(
            Header(text, label.kind, line.start, header_end, label.family, label.number, slot.rank), slot.cut
        )
        return True

    def _mapped(self, label: Label) -> Label:
        level = self.levels.get(label.key)
        return label if level is None else Label(label.family, label.number, level, label.kind, label.end)

    def _better(self, index: int, label: Label, slot: Slot, best: tuple[int, Label, Slot, Title]) -> bool:
        """Between "(i)" after "(h)" and "(i)" before "(ii)": the reading whose successor comes sooner."""
        if Step.GAP in (slot.step, best[0]):
            return slot.step < best[0]
        mine = self.open.next_at(label.family, (label.number[-1] + 1,), index)
        other = self.open.next_at(best[1].family, (best[1].number[-1] + 1,), index)
        if mine is None or other is None or mine == other:
            return (mine is not None, -slot.step) > (other is not None, -best[0])
        return mine < other

    def _following(self, index: int) -> str:
        return self.body[index + 1].text if index + 1 < len(self.body) else ""

    def _title_text(self, index: int, label: Label, title: Title) -> tuple[str, int]:
        """The title and where the header ends; a number alone on its line takes its title from the next."""
        line = self.body[index]
        if not line.text[label.end :].strip() and index + 1 < len(self.body):
            after = self.body[index + 1]
            words = read_title(after.text, 0, self._following(index + 1))
            alike = is_caps(after.text) or is_title_case(after.text) or words.strength == STRONG
            alike = alike or (self._is_name_below(index) and label.kind != "item" and label.family != "decimal")
            if alike and not after.readings and not after.contents and words.end <= MAX_NEXT_LINE:
                self.skip_to = index + 2
                return clean(f"{line.text} {after.text[: words.end]}"), after.start + words.end
        return clean(line.text[: title.end]), line.start + title.end

    def _is_again(self, index: int, slot: Slot, title: Title) -> bool:
        """A second 4.2 with a title of its own, not the first one again at the top of a page."""
        line, before = self.body[index], self.open.stack[slot.cut]
        own = clean(line.text[: title.end])
        return (
            line.opens
            and title.strength == STRONG
            and not own.startswith(before.title)
            and not before.title.startswith(own)
        )

    def _is_name_below(self, index: int) -> bool:
        """ "Article 3" and right below it "Duties of the parties", with a blank line after that."""
        after, last = self.body[index + 1], index + 2 >= len(self.body)
        short = after.end - after.start <= SENTENCE and after.text[:1].isupper() and after.text[-1:].isalnum()
        return short and not after.blank_before and (last or self.body[index + 2].blank_before)

    def _plausible(self, index: int, label: Label) -> bool:
        line = self.body[index]
        rest = line.text[label.end :]
        if index in self.quoted or (line.text.isdigit() and not self._titled_below(index)):
            return False
        words = ITEM_CONTINUES if label.kind == "item" else None
        reads_on = continues(rest, words) if words else continues(rest)
        return not line.contents and not reads_on and (line.opens or line.bold or is_caps(line.text))

    def _believable(self, index: int, label: Label, slot: Slot, title: Title) -> bool:
        line = self.body[index]
        rest = line.text[label.end :]
        alone = label.family in ALONE_IS_NONE or label.kind == "item"
        if alone and slot.step is Step.FIRST:
            successor = self.open.next_at(label.family, (label.number[0] + 1,), index)
            if successor is None:
                return False
        if line.text.isdigit() and not self._titled_below(index):
            return False
        if slot.step is Step.AGAIN and not self._is_again(index, slot, title):
            return False
        if label.kind == "item":
            if continues(rest, ITEM_CONTINUES):
                return False
            listed = index > 0 and self.body[index - 1].text.endswith((",", " and", " or"))
            return line.opens or (slot.step is Step.NEXT and listed)
        if continues(rest):
            return False
        if label.family in KEYWORDS:
            fits = line.opens or line.bold or is_caps(line.text)
            return fits and title.strength >= PLAIN and not (slot.step is Step.GAP and title.strength < PLAIN)
        if label.family == "bare":
            return line.opens and title.strength == STRONG and title.end >= len(line.text) - 1
        if len(label.number) > 1:
            if title.strength == WEAK or slot.step is Step.GAP:
                return line.opens and (title.strength > WEAK or slot.step is not Step.GAP)
            return line.opens or title.strength == STRONG or line.bold
        strong = title.strength == STRONG or line.bold
        return (line.opens or (strong and is_caps(rest))) and (
            strong if slot.step is Step.GAP else title.strength > WEAK
        )

    def _titled_below(self, index: int) -> bool:
        """A bare number alone on its line opens a section only with a title right below it, and text below that."""
        if index + 2 >= len(self.body):
            return False
        after, text = self.body[index + 1 : index + 3]
        titled = not after.blank_before and not after.readings and self.counts[after.text] < REPEATS
        named = is_caps(after.text) or is_title_case(after.text)
        goes_on = bool(text.readings) or text.end - text.start > SENTENCE or text.text.endswith((".", ":", ";"))
        return titled and named and not after.text.endswith((".", ",", ";")) and goes_on

    def _is_attachment(self, index: int, label: Label) -> bool:
        line = self.body[index]
        rest = line.text[label.end :]
        caps = is_caps(line.text)
        if not (line.opens or line.bold or caps) or line.end - line.start > MAX_NEXT_LINE or continues(rest):
            return False
        named = line.text[: label.end].rstrip().endswith((":", "–", "—"))
        if rest and not (named or is_caps(rest) or is_title_case(rest) or rest[0] in '([“"'):
            return False
        if line.text.endswith((".", ",", ";")) and not caps:
            return False
        name = clean(line.text[: label.end])
        if any(node.family == "attachment" and node.title.startswith(name) for node in self.open.stack):
            return False  # "Exhibit A" again on its next page
        following = self.body[index + 1] if index + 1 < len(self.body) else None
        listed = following is not None and any(other.family == "attachment" for other in following.readings)
        return not (listed and any(later.text.startswith(name) for later in self.body[index + 2 :]))

    def _push_attachment(self, index: int, label: Label) -> None:
        line = self.body[index]
        text, header_end = self._title_text(index, label, Title(len(line.text), STRONG))
        if index == 0:  # a filing's own label above the title, not an attachment to what follows
            self.skip_to = 0
            text, header_end = clean(line.text), line.end
            self.open.push(Header(text, label.kind, line.start, header_end, CAPTION), 0)
        else:
            cut = self.open.cut_at(label.rank)
            self.open.push(Header(text, label.kind, line.start, header_end, label.family, (), label.rank), cut)

    def _push_unnumbered(self, index: int, found: Unnumbered) -> None:
        line = self.body[index]
        if found.kind == "recitals" and any(node.kind == "recitals" for node in self.open.stack):
            return
        self.skip_to = index + found.lines
        header_end = line.start + found.chars if found.chars else self.body[index + found.lines - 1].end
        family = CAPTION if found.kind == "title" else "unnumbered"
        header = Header(clean(found.title), found.kind, line.start, header_end, family, (), found.rank)
        self.open.push(header, self.open.cut_at(found.rank))


def _counted(positions: dict[tuple[str, Number], list[int]]) -> dict[str, int]:
    """How many different numbers each top-level family has, for families with at least two."""
    counts: dict[str, int] = defaultdict(int)
    for family, number in positions:
        family = "decimal" if family in ("bare", "ordinal") else family
        if family in ("article", "section", "roman", "decimal") and number[-1] <= 60:
            counts[family if len(number) == 1 else f"{family}{len(number)}"] += 1
    return {family: count for family, count in counts.items() if count >= 2}


def _backbone(positions: dict[tuple[str, Number], list[int]]) -> int:
    """The rank of the numbering the document hangs on; unnumbered headers stand beside it."""
    counts = _counted(positions)
    ranks = {"article": 20, "section": 30, "roman": 35, "decimal": 40, "decimal2": 41, "decimal3": 42}
    return min((rank for family, rank in ranks.items() if family in counts), default=DEFAULT_RANK)
