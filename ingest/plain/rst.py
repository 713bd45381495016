"""A reStructuredText file → Part: the text as written, its sections where docutils finds them.

Nothing is included, executed or expanded into the text: directives stand as their source. A file docutils cannot take
is cut by its own structure instead, with a warning.
"""

from __future__ import annotations

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.utils import SystemMessage, new_document

from ingest.document import Section
from ingest.part import Part, Request
from ingest.plain.prose import cut, plain_part
from ingest.structure.titles import clean

MAX_PARSED = 2_000_000  # characters; docutils reads about 200,000 a second
SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "syntax_highlight": "none",
    "line_length_limit": MAX_PARSED,
}


def read(data: bytes, name: str, request: Request) -> Part:
    """Sections keep the nesting of their underlines."""
    part = plain_part(data, name, request, "rst")
    if len(part.text) <= MAX_PARSED:
        try:
            part.sections = _sections(part.text)
        except (RecursionError, SystemMessage, ValueError, LookupError, AttributeError, TypeError, AssertionError):
            part.warnings.append(f"{name}: its markup is damaged; sections are found by numbering and capitals")
            return cut(part, name, markdown=False)
    else:
        return cut(part, name, markdown=False)
    return part if part.sections else cut(part, name, markdown=False)


def _sections(text: str) -> list[Section]:
    source = text.replace("\u2028", " ").replace("\u2029", " ")  # docutils would count these as line ends
    settings = get_default_settings(Parser)
    settings.__dict__.update(SETTINGS)
    tree = new_document("", settings)
    Parser().parse(source, tree)  # only parsed: transforms take time times time where a file asks for many contents
    starts = [0]
    for row in text.split("\n"):
        starts.append(starts[-1] + len(row) + 1)
    found: list[tuple[int, int, int, str]] = []  # level, start, header's end, title
    for section in tree.findall(nodes.section):
        number = (section.line or 0) - 2  # docutils names the underline; the title stands above it
        if not 0 <= number < len(starts) - 1:
            continue
        row = text[starts[number] : starts[number + 1] - 1]
        start = starts[number] + len(row) - len(row.lstrip())
        level = 1 + sum(isinstance(up, nodes.section) for up in _above(section))
        if row.strip() and (not found or start > found[-1][1]):
            found.append((level, start, starts[number] + len(row.rstrip()), clean(section[0].astext() or row)))
    sections: list[Section] = []
    open_ones: list[int] = []
    ends = [len(text)] * len(found)
    for index, (level, start, _, _) in enumerate(found):
        while open_ones and found[open_ones[-1]][0] >= level:
            ends[open_ones.pop()] = start
        open_ones.append(index)
    for (level, start, header_end, title), end in zip(found, ends, strict=True):
        sections.append(Section(title, level, start, end, header_end, "heading"))
    return sections


def _above(node: nodes.Element) -> list[nodes.Element]:
    found: list[nodes.Element] = []
    parent = node.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found
