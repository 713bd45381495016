"""Shared by the tests of ingest/code: fixtures, goldens, and what a Part looks like as plain text.

`python -m tests.ingest_code_cases` writes the golden files anew: review them as any other change.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path

from ingest.code.map import Definition, FileFacts, repository_map
from ingest.code.reader import read
from ingest.part import Part, Request

HERE = Path(__file__).parent
OUTLINES = sorted((HERE / "fixtures/code/outline").iterdir())
GOLDEN = HERE / "golden/code"
REQUEST = Request(max_chars=10_000_000, max_pages=10)


def part_of(source: str | bytes, name: str) -> Part:
    """The checked Part of a source text."""
    part = read(source.encode() if isinstance(source, str) else source, name, REQUEST)
    part.check()
    return part


def line_of(part: Part, offset: int) -> int:
    """The line of the file, as an editor counts."""
    span = part.spans[bisect_right(part.spans, offset, key=lambda each: each.start) - 1]
    assert span.line is not None
    return span.line + part.text.count("\n", span.start, offset)


def titles(part: Part) -> list[str]:
    """Kind and title of each section."""
    return [f"{section.kind} {section.title}" for section in part.sections]


def outline_text(part: Part) -> str:
    """The language, a row for each section (its lines, kind, title | line of the signature, signature), imports."""
    rows = [part.format]
    for section in part.sections:
        at = section.header_start
        header = re.sub(r"\s+", " ", part.text[at : section.header_end])
        lines = f"{line_of(part, section.start)}-{line_of(part, section.end - 1)}"
        indent = "  " * (section.level - 1)
        rows.append(f"{indent}{lines} {section.kind} {section.title} | {line_of(part, at)} {header}")
    rows += [f"import {name}" for name in part.imports]
    return "\n".join(rows) + "\n"


def facts_of(path: str, source: str) -> FileFacts:
    """What the map is told of one file."""
    part = part_of(source, path)
    found = tuple(
        Definition(each.kind, each.title, line_of(part, each.header_start), each.level) for each in part.sections
    )
    return FileFacts(path, len(part.text), part.text.count("\n"), part.format, tuple(part.imports), found)


def shop() -> list[FileFacts]:
    """A small repository in ten languages, kept in one file."""
    text = (HERE / "fixtures/code/shop.txt").read_text("utf-8")
    _, *pieces = re.split(r"^==> (.+) <==\n", text, flags=re.M)
    return [facts_of(path, source) for path, source in zip(pieces[::2], pieces[1::2], strict=True)]


def main() -> None:
    """Writes every golden file."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for path in OUTLINES:
        (GOLDEN / f"{path.name}.txt").write_text(outline_text(part_of(path.read_bytes(), path.name)), "utf-8")
    (GOLDEN / "shop_map.txt").write_text(repository_map(shop()).text, "utf-8")


if __name__ == "__main__":
    main()
