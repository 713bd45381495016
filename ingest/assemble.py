"""Parts → Document: one text, offsets moved, a header for each file where there are several, one report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ingest.document import Artifact, Document, IngestReport, Section, Span, Unread, content_hash
from ingest.formats import suffix_of
from ingest.part import Part


def assemble(
    name: str,
    parts: Sequence[tuple[str, Part]],
    unread: Sequence[Unread],
    warnings: Sequence[str],
    front: Part | None = None,
) -> Document:
    """`parts` with their display paths, in order; `front` is a text of ours (the map) that comes before them."""
    texts: list[str] = []
    spans: list[Span] = []
    sections: list[Section] = []
    offset = 0
    several = len(parts) > 1
    if front is not None:
        _move(front, 0, 0, spans, sections)
        texts.append(front.text)
        offset = len(front.text)
    for shown, part in parts:
        header = f"File: {shown}\n" if several else ""
        if several:
            end = offset + len(header) + len(part.text)
            sections.append(Section(shown, 1, offset, end, offset + len(header) - 1, "file"))
            spans.append(Span(offset, offset + len(header), shown))
            texts.append(header)
            offset += len(header)
        _move(part, offset, 1 if several else 0, spans, sections)
        texts.append(part.text)
        offset += len(part.text)
    text = "".join(texts)
    return Document(
        name, text, tuple(sections), tuple(spans), _report(parts, unread, warnings), content_hash(text, spans)
    )


def _move(part: Part, offset: int, below: int, spans: list[Span], sections: list[Section]) -> None:
    spans += [
        Span(span.start + offset, span.end + offset, span.path, span.page, span.page_label, span.line)
        for span in part.spans
    ]
    sections += [
        Section(
            section.title,
            section.level + below,
            section.start + offset,
            section.end + offset,
            section.header_end + offset,
            section.kind,
            section.header_start + offset,
        )
        for section in part.sections
    ]


def _report(parts: Sequence[tuple[str, Part]], unread: Sequence[Unread], told: Sequence[str]) -> IngestReport:
    warnings = [*told] + [warning for _, part in parts for warning in part.warnings]
    plain = Counter(suffix_of(shown) or "no suffix" for shown, part in parts if not part.outlined)
    if plain:
        kinds = ", ".join(f"{suffix} ({count:,})" for suffix, count in sorted(plain.items()))
        warnings.append(f"Read as plain text, without an outline of their definitions: {kinds}")
    artifacts: tuple[Artifact, ...] = tuple(artifact for _, part in parts for artifact in part.artifacts)
    return IngestReport(
        files=len(parts),
        pages=sum(part.pages for _, part in parts),
        unread=(*(item for _, part in parts for item in part.unread), *unread),
        warnings=tuple(warnings),
        artifacts=artifacts,
    )
