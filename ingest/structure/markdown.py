"""Markdown headers: # to ######, and lines underlined with === or ---, outside code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.structure.lines import Line

_ATX = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_UNDERLINE = re.compile(r"=+|-{2,}")
_NO_PARAGRAPH = re.compile(r"[-*+>|#=]|\d+[.)]\s|`{3}")  # lines a --- below does not turn into a header
_EMPHASIS = re.compile(r"\*\*|__|`")


@dataclass(frozen=True, slots=True)
class Mark:
    """A markdown header: its level from 1 and its bare title."""

    level: int
    title: str


def markdown_headers(lines: Sequence[Line]) -> dict[int, Mark]:
    """Line index → header; a # inside a code fence or an indented block is none."""
    found: dict[int, Mark] = {}
    fence = ""
    for index, line in enumerate(lines):
        opened = _FENCE.match(line.text)
        if opened and (not fence or (opened[1].startswith(fence) and opened[1] == line.text)):
            fence = "" if fence else opened[1]
            continue
        if fence or line.indent > 3:
            continue
        hashes = _ATX.match(line.text)
        if hashes:
            title = _bare(re.sub(r"\s+#+$", "", line.text[hashes.end() :]))
            if title:
                found[index] = Mark(len(hashes[1]), title)
        elif index and _UNDERLINE.fullmatch(line.text) and not line.blank_before and index - 1 not in found:
            above = lines[index - 1]
            if above.indent <= 3 and not _NO_PARAGRAPH.match(above.text) and _bare(above.text):
                found[index - 1] = Mark(1 if line.text[0] == "=" else 2, _bare(above.text))
    return found


def _bare(text: str) -> str:
    return _EMPHASIS.sub("", text).strip()
