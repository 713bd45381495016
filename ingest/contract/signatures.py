"""Signature blocks: lines such as "By:", "Name:", "/s/", grouped, with the party above them and the names in them."""

from __future__ import annotations

import re

from ingest.contract.outline import Outline
from ingest.contract.values import Signature

APART = 200  # characters between two lines of one block
_LINE = re.compile(
    r"^[ \t|>*_]{0,20}(?P<what>By|BY|Name|NAME|Print(?:ed)? Name|Title|TITLE|Its|Signature|"
    r"Signed(?: by)?|SIGNED(?: by)?|Date|DATE|Unterschrift)"
    r"[ \t*_]{0,6}:[ \t]{0,20}(?P<rest>[^\n]{0,120})|^[ \t|]{0,20}(?P<slash>/s/)[ \t]{0,4}(?P<signed>[^\n]{1,80})"
    r"|^[ \t|]{0,20}(?P<rule>_{8,60})[ \t]{0,20}$",
    re.MULTILINE,
)
_STARTS = frozenset(("By", "BY", "Signature", "Signed", "Signed by", "SIGNED", "SIGNED by", "Unterschrift"))
_NAMES = frozenset(("Name", "NAME", "Print Name", "Printed Name"))


def find_signatures(outline: Outline) -> list[Signature]:
    """Blocks in order; a block has a place to sign, not only a "Name:" of some notice."""
    text = outline.text
    groups: list[list[re.Match[str]]] = []
    for match in _LINE.finditer(text, outline.start, outline.end):
        again = groups and _what(match) in _STARTS | {"rule"} and any(_what(m) == _what(match) for m in groups[-1])
        if not groups or match.start() - groups[-1][-1].end() > APART or again:
            groups.append([])
        groups[-1].append(match)
    return [_block(outline, group) for group in groups if _signs(group)]


def _what(match: re.Match[str]) -> str:
    return match["what"] or ("/s/" if match["slash"] else "rule")


def _signs(group: list[re.Match[str]]) -> bool:
    kinds = {_what(match) for match in group}
    return "/s/" in kinds or (bool(kinds & _STARTS) and len(kinds) >= 2) or ("rule" in kinds and bool(kinds & _NAMES))


def _block(outline: Outline, group: list[re.Match[str]]) -> Signature:
    names: list[str] = []
    for match in group:
        if match["slash"] or _what(match) in _NAMES or (_what(match) in _STARTS and "/s/" in (match["rest"] or "")):
            words = (match["signed"] or match["rest"] or "").replace("/s/", "").strip(" _\t*|")
            if words and not words.endswith(":") and any(char.isalpha() for char in words) and words not in names:
                names.append(words)
    start = group[0].start()
    above = outline.text[max(outline.start, start - 300) : start].rstrip()
    lines = [re.sub(r"\s{3,}", " / ", line.strip(" :*_\t|")) for line in above.splitlines() if line.strip()]
    party = lines[-1] if lines and len(lines[-1]) <= 100 and not lines[-1].endswith(".") else ""
    if not party and lines and re.search(r"(?i)\b(?:inc|corp|ltd|co|l\.?p|n\.a)\.$", lines[-1]):
        party = lines[-1][:100]
    return Signature(party, tuple(names), start, group[-1].end())
