"""An answer's text as HTML: paragraphs, quotes, lists and code. Nothing in it can load anything or lead anywhere.

What looks like markup but is none of these stays as it is written: “[***]” in a contract is a blacked-out word, “1)”
a clause. Numbers of citations stand at their places as buttons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby

_OPEN, _CLOSE = "\ue000", "\ue001"  # around a citation's number, until the text is HTML
_NUMBER = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_FENCE = re.compile(r"^```[\w+-]*\s*$")
_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*\*(?=\w)([^*\n]{1,300}?)(?<=[\w.,:;!?%)])\*\*")
_BULLET = re.compile(r"^[-*•] (?=\S)")


def prose(text: str, marks: Mapping[int, str] | None = None, numbers: tuple[tuple[int, int], ...] = ()) -> str:
    """`text` as HTML. `numbers`: (offset, number) of citations; `marks`: the HTML that stands for each number."""
    marked = _numbered(text.translate({ord(_OPEN): " ", ord(_CLOSE): " "}), numbers)
    html = "".join(_blocks(marked))
    return _NUMBER.sub(lambda match: (marks or {}).get(int(match.group(1)), ""), html)


def _numbered(text: str, numbers: tuple[tuple[int, int], ...]) -> str:
    for offset, number in sorted(numbers, reverse=True):
        text = f"{text[:offset]}{_OPEN}{number}{_CLOSE}{text[offset:]}"
    return text


def _blocks(text: str) -> Iterator[str]:
    for kind, lines in _kinds(text):
        if kind == "code":
            yield f'<pre tabindex="0"><code>{escape(chr(10).join(lines))}</code></pre>'
        elif kind == "quote":
            yield f"<blockquote>{_inline(chr(10).join(line[1:].removeprefix(' ') for line in lines))}</blockquote>"
        elif kind == "list":
            yield f"<ul>{''.join(f'<li>{_inline(line[2:])}</li>' for line in lines)}</ul>"
        elif kind == "words":
            yield f"<p>{_inline(chr(10).join(lines))}</p>"


def _kinds(text: str) -> Iterator[tuple[str, list[str]]]:
    """Runs of lines of one kind; a fence that is still open, as while an answer grows, holds the rest."""
    fenced = False
    told: list[tuple[str, str]] = []
    for line in text.split("\n"):
        if _FENCE.match(line) and (fenced or line.startswith("```")):
            fenced = not fenced
            told.append(("fence", line))
        elif fenced:
            told.append(("code", line))
        elif line.startswith(">"):
            told.append(("quote", line))
        elif _BULLET.match(line):
            told.append(("list", line))
        else:
            told.append(("words" if line.strip() else "blank", line))
    for kind, group in groupby(told, key=lambda each: each[0]):
        yield kind, [line for _, line in group]


def _inline(text: str) -> str:
    """Code in backticks and bold words; inside code nothing else works."""
    parts = _CODE.split(text)
    return "".join(
        f"<code>{escape(part)}</code>" if at % 2 else _BOLD.sub(r"<strong>\1</strong>", escape(part))
        for at, part in enumerate(parts)
    )
