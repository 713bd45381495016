"""The top of a contract: its title, who the parties are and what they are called, and the dates it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ingest.contract.outline import Outline
from ingest.contract.terms import Found
from ingest.contract.values import Date, Party

REACH = 6000  # characters; the preamble ends there at the latest
_COMES = frozenset(("section", "article", "clause", "part", "chapter", "item"))
_BETWEEN = re.compile(r"(?i)(?:\bby\s+and\s+(?:between|among)|\b(?:between|among|amongst|zwischen|entre))\b\s*:?")
_NO_PARTY = re.compile(
    r"(?i)\b(?:dates?|agreement|contract|lease|deed|amendment|party|parties|term|property|premises|purpose|business|"
    r"products?|services?|recitals?|transactions?|vertrag|vertragsparteien|parteien|contrat|project|plan|notes?)$"
)
_NAME_ENDS = re.compile(
    r",?\s+(?:an?\s|the\s|with\s|whose\s|having\s|organi[sz]ed\s|incorporated\s|located\s|of\s|residing\s|company\s|registered\s"
    r"|acting\s|mit\s+Sitz|dont\s|sise?\s|ayant\s|société\s|in\s+its\s|at\s)|\s*[\[(;]|\n\s*\n|,(?!\s*(?:Inc|LLC|L\.L\.C|Ltd|Corp|L\.P|LP|N\.A|"
    r"Co|PLC|S\.A|LLP|GmbH|AG)\b)"
)
_LEAD = re.compile(r"(?is)^(?:[\s,;:.&*_#|-]+|and\b|und\b|et\b|by\b|\(?\d{1,2}[).]|\([a-z]\))+")
_BARE = re.compile(
    r"\((?P<the>(?:the\s|hereinafter\s)?)(?P<short>[A-Z][A-Za-z]{2,20}(?:\s[A-Z][a-z]{2,20})?)\)\s*[;.,]?\s*(?:and|AND)?\s*[;.]?\s*(?=\n|$)"
)
_ROLES = (
    "Landlord|Tenant|Lessor|Lessee|Licensor|Licensee|Seller|Buyer|Purchaser|Vendor|Supplier|Customer|Client|Company|Contractor|"
    "Consultant|Employer|Employee|Lender|Borrower|Guarantor|Discloser|Recipient|Disclosing Party|Receiving Party|"
    "Provider|Service Provider|Owner|Manager|Agent|Principal|Franchisor|Franchisee|Distributor|Manufacturer|Grantor|"
    "Grantee|Assignor|Assignee"
)
_ROW = re.compile(
    rf"^[ \t|*_]{{0,6}}(?P<short>{_ROLES})[ \t*_]{{0,4}}[:|][ \t*_]{{0,4}}(?P<name>[A-Z][^\n|]{{2,120}})", re.MULTILINE
)
_PAIR = re.compile(
    r"\s*(?P<a>[A-Z][^;:()\n]{2,90}?)\s+(?:and|und|et)\s+(?P<b>[A-Z][^;:()\n]{2,90}?)(?=\.\s|\.$|\n\s*\n|;|\s+(?:agree|hereby|enter))"
)
_MONTHS = (
    ("january", "januar", "janvier"), ("february", "februar", "février"), ("march", "märz", "mars"), ("april", "avril"),
    ("may", "mai"), ("june", "juni", "juin"), ("july", "juli", "juillet"), ("august", "août"),
    ("september", "septembre"),
    ("october", "oktober", "octobre"), ("november", "novembre"), ("december", "dezember", "décembre"),
)  # fmt: skip
_MONTH = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names}
_M = "|".join(_MONTH)
_DATE = re.compile(
    rf"\b(?:(?P<m1>{_M})\s+(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y1>\d{{4}})"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th|er|\.)?\s+(?:day\s+of\s+)?(?P<m2>{_M}),?\s+(?P<y2>\d{{4}})"
    r"|(?P<y3>\d{4})-(?P<m3>\d{2})-(?P<d3>\d{2})|(?P<d4>\d{1,2})\.(?P<m4>\d{1,2})\.(?P<y4>\d{4}))\b",
    re.IGNORECASE,
)
_BLANK = re.compile(
    r"[_\[\]. ]{2,20}(?:day\s+of|of)\s+[_\[\]. ]{2,30},?\s*(?:20[_\[\] ]{0,6}\d{0,2})?|\[(?:DATE|Date|date)\]"
)
_EFFECTIVE = re.compile(r"(?i)\beffective|commencement|commences|in\s+force|inkrafttreten")
_EXECUTED = re.compile(r"(?i)\b(?:dated?|made|entered\s+into|executed|execution|signed|as\s+of|this)\b")


def title_of(outline: Outline) -> str:
    """The title section, or the first line if it reads like one."""
    for section in outline.sections[:6]:
        if section.kind == "title":
            return section.title
    text = outline.text[outline.start : min(outline.end, outline.start + 2000)]
    line = next((line.strip(" #*_\t") for line in text.splitlines() if line.strip()), "")
    return " ".join(line.split()) if len(line) <= 120 else ""


def preamble_end(outline: Outline) -> int:
    """Where the numbered clauses begin."""
    limit = min(outline.end, outline.start + REACH)
    for index, section in enumerate(outline.sections):
        if section.start >= limit:
            break
        entry = outline.entries[index]
        if (entry.number and entry.family in _COMES and section.kind != "recitals") or _opens_body(section.title):
            return section.start
    return limit


def _opens_body(title: str) -> bool:
    return bool(
        re.match(r"(?i)(?:recitals?|whereas|background|witnesseth|definitions|operative|agreed\s+terms|terms)\b", title)
    )


def find_parties(outline: Outline, definitions: Sequence[Found], end: int) -> list[Party]:
    """Who stands before a short name in the preamble, in a table of parties, or between "between" and "and"."""
    text = outline.text
    window = [each for each in definitions if each.kind == "short" and each.end < end]
    found = [*_named(outline, window, end), *_bare(outline, end)]
    if not found:
        found = [
            Party(_called(row["name"]), row["short"], row.start("name"), row.end("name"))
            for row in _ROW.finditer(text, outline.start, end)
        ]
    if not found:
        between = _BETWEEN.search(text, outline.start, end)
        pair = _PAIR.match(text, between.end(), end) if between else None
        if pair:
            found = [
                Party(_called(_cut(pair[g])), "", pair.start(g), pair.start(g) + len(_cut(pair[g]))) for g in ("a", "b")
            ]
    kept: dict[int, Party] = {}
    for party in sorted(found, key=lambda each: each.start):
        kept.setdefault(party.start, party)
    return list(kept.values())


def _named(outline: Outline, definitions: Sequence[Found], end: int) -> Iterator[Party]:
    text = outline.text
    between = _BETWEEN.search(text, outline.start, end)
    begun = between.end() if between else outline.start
    for each in definitions:
        if each.own or _NO_PARTY.search(each.names[0]) or each.body_end <= begun:
            continue
        part = text[begun : each.body_end]
        cut = max(part.rfind("\n\n"), part.rfind("\n("), len(part) - 700)
        at = begun + max(cut, 0)
        begun = text.find(")", each.end) + 1 or each.end
        inner = _BETWEEN.search(text, at, each.body_end)
        at = inner.end() if inner else at
        lead = _LEAD.match(text[at : each.body_end])
        at += lead.end() if lead else 0
        name = _cut(text[at : each.body_end])
        if name[:1].isupper() and len(name) <= 120:
            yield Party(_called(name), each.names[0], at, at + len(name))


def _cut(text: str) -> str:
    ends = _NAME_ENDS.search(text)
    return (text[: ends.start()] if ends else text).rstrip(" ,\n*_")


def _called(name: str) -> str:
    return " ".join(name.split()).strip(' ,;:*_“”"|')


def _bare(outline: Outline, end: int) -> Iterator[Party]:
    """British style: a paragraph a party, its short name in brackets at the end, without quotes."""
    text = outline.text
    for match in _BARE.finditer(text, outline.start, end):
        begin = max(text.rfind("\n\n", outline.start, match.start()), text.rfind("\n(", outline.start, match.start()))
        lead = _LEAD.match(text[begin + 1 : match.start()])
        at = begin + 1 + (lead.end() if lead else 0)
        name = _cut(text[at : match.start()])
        if name[:1].isupper() and 2 < len(name) <= 120 and not _NO_PARTY.search(match["short"]):
            yield Party(_called(name), match["short"], at, at + len(name))


def short_names(outline: Outline, parties: Sequence[Party], end: int) -> list[Found]:
    """The definitions that brackets without quotes make: "ACME LIMITED … (Supplier)"."""
    known = {party.short: party for party in parties if party.short}
    found = []
    for match in (*_BARE.finditer(outline.text, outline.start, end), *_ROW.finditer(outline.text, outline.start, end)):
        if match["short"] in known:
            start, stop = match.span("short")
            found.append(Found((match["short"],), "party", start, stop, stop, stop, local=False))
    return found


def find_dates(outline: Outline, end: int) -> list[Date]:
    """Dates of the preamble, each with what it is the date of; blanks to be filled in, too."""
    text = outline.text
    found: list[Date] = []
    for match in sorted(
        (*_DATE.finditer(text, outline.start, end), *_BLANK.finditer(text, outline.start, end)), key=lambda m: m.start()
    ):
        if (found and match.start() < found[-1].end) or (match.re is _BLANK and not match.group().strip(" ._")):
            continue
        around = re.split(r"\n\s*\n", text[max(outline.start, match.start() - 70) : match.start()])[-1]
        after = text[match.end() : match.end() + 40].split(")")[0]
        kind = "other"
        if _EFFECTIVE.search(after) or _EFFECTIVE.search(around):
            kind = "effective"
        elif _EXECUTED.search(after) or _EXECUTED.search(around):
            kind = "execution"
        iso = _iso(match) if match.re is _DATE else None
        if match.re is _BLANK or iso:
            found.append(Date(" ".join(match.group().split()), kind, iso, match.start(), match.end()))
    return found


def _iso(match: re.Match[str]) -> str | None:
    for form in "1234":
        if match[f"y{form}"]:
            month = match[f"m{form}"].lower()
            number = int(month) if month.isdigit() else _MONTH[month]
            day = int(match[f"d{form}"])
            return f"{match[f'y{form}']}-{number:02}-{day:02}" if 1 <= number <= 12 and 1 <= day <= 31 else None
    return None
