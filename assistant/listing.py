"""What the commands print: the outline of a document, an answer's JSON object, its receipt in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assistant.bot import Finished
from assistant.closest import LEADS
from assistant.confidence import LIKELY, WEAK
from assistant.exhaustive import ADDED, NAMED
from assistant.receipts import checked, evidence, facts, led, listed, numbers, proofs, see_also, setting
from ingest import Document, Encoded, IngestReport, Section
from sparse_backend.estimate import Estimate
from storage import AnswerRecord, CitationRecord

QUOTED = 220  # characters of a passage shown
LISTED_WORDS = 90  # characters of one hit of an exhaustive answer
LISTED_LINES = 40  # hits of an exhaustive answer shown on the terminal


def listing(document: Document, encoded: Encoded) -> dict[str, Any]:
    """The object of `read --json`."""
    report = document.report
    return {
        "sections": [_section(document, encoded, section) for section in document.sections],
        "anchors": len(encoded.anchors),
        "tokens": len(encoded.token_ids),
        "pages": report.pages,
        "files": report.files,
        "pages_unread": list(report.pages_unread),
        "files_unread": [{"path": item.path, "reason": item.reason} for item in report.files_unread],
        "warnings": [*report.warnings, *_kept_out(report)],
    }


def outline(document: Document, encoded: Encoded, *, depth: int | None = None) -> str:
    """The section tree for people, down to level `depth`, with places and token counts, and what was not read."""
    report = document.report
    pages = f", {_count(report.pages, 'page')}" if report.pages else ""
    tokens, anchors = len(encoded.token_ids), len(encoded.anchors)
    lines = [f"{document.name}: {_count(report.files, 'file')}{pages}, {tokens:,} tokens, {anchors:,} anchors"]
    shown = [section for section in document.sections if depth is None or section.level <= depth]
    for section in shown:
        page, line = document.span_at(section.start).page, document.line_of(section.header_start)
        spot = f"p. {page}" if page else f"line {line}" if line else ""
        indent = "  " * (section.level - 1)
        lines.append(f"{spot:>10}  {encoded.section_tokens(section):>9,}  {indent}{section.title}")
    if len(shown) < len(document.sections):
        lines.append(f"{len(document.sections) - len(shown):,} sections below level {depth} are not shown (--depth)")
    lines += _kept_out(report)
    lines += [
        f"not read: {item.path}{f', page {item.page}' if item.page else ''}: {item.reason}" for item in report.unread
    ]
    lines += [f"warning: {warning}" for warning in report.warnings]
    return "\n".join(lines)


def section_titles(document: Document, *, most: int = 200) -> list[str]:
    """Titles of the sections, indented by level; of more than `most`, the upper levels, and a line that says so."""
    level = 1
    while sum(each.level <= level + 1 for each in document.sections) <= most and level < 6:
        level += 1
    shown = [each for each in document.sections if each.level <= level][:most]
    lines = [f"{'  ' * (each.level - 1)}{each.title}" for each in shown]
    left = len(document.sections) - len(shown)
    return [*lines, f"… and {left:,} more"] if left else lines


def cost_sentence(cost: Estimate, tokens: int) -> str:
    """What reading will take: “Reading it takes about 7 s and 190 MB on this machine (probed just now).”"""
    seconds = f"{cost.seconds / 60:,.0f} min" if cost.seconds >= 100 else f"{max(cost.seconds, 0.1):,.1f} s"
    line = (
        f"Reading it takes about {seconds} and {cost.bytes / 1e6:,.0f} MB on this machine (its speed probed just now)."
    )
    if tokens > cost.limit:
        line += (
            f" It is longer than the {cost.limit:,} tokens this model was trained for: only the pattern “headers” "
            "reads it, and answers look at a selection."
        )
    return line


def _kept_out(report: IngestReport) -> list[str]:
    """Running headers and footers one by one, page numbers of a file together."""
    told: list[str] = []
    for path in dict.fromkeys(item.path for item in report.artifacts):
        own = [item for item in report.artifacts if item.path == path]
        of = f" of {path}" if report.files > 1 else ""
        told += [f"{item.kind} “{item.text}”{_pages(item.pages)}{of}" for item in own if item.kind != "page number"]
        numbered = sorted({page for item in own if item.kind == "page number" for page in item.pages})
        told += [f"page numbers{_pages(numbered)}{of}"] if numbered else []
    return [f"kept out of the text: {each}" for each in told]


def _pages(pages: Sequence[int]) -> str:
    """Page numbers as ranges: “ (p. 1–23, 25)”; nothing for a file without pages."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    listed = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
    return f" (p. {listed})" if listed else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def answer_json(text: str, record: AnswerRecord, conversation: str, total_s: float) -> dict[str, Any]:
    """The object of `ask --json`. `total_s`: the whole command, loading included."""
    return {
        "answer": text,
        "citations": [citation_json(citation) for citation in proofs(record)],
        "see_also": [citation_json(citation) for citation in see_also(record)],
        "facts": list(facts(record)),
        "coverage": {
            "tokens": record.tokens,
            "tokens_read": record.tokens_read,
            "pages": record.pages,
            "pages_unread": list(record.pages_unread),
            "files": record.files,
            "files_unread": [{"path": path, "reason": reason} for path, reason in record.files_unread],
            **_history_counts(record),
        },
        "timings": {
            "parse_s": round(record.parse_s, 3),
            "read_s": round(record.read_s, 3),
            "first_token_s": round(record.first_token_s, 3),
            "total_s": round(total_s, 3),
        },
        "cached_tokens": record.cached_tokens,
        "model": record.model,
        "pattern": record.pattern,
        "level": record.level,
        "impl": record.impl,
        "exact": setting(record, "exact", "yes") == "yes",
        "looked_at": int(setting(record, "looked_at", "0")),
        "supported": record.supported,
        "evidence": evidence_json(record),
        "exhaustive": listed_json(record),
        "finish": record.finish_reason,
        "conversation": conversation,
    }


def evidence_json(record: AnswerRecord) -> dict[str, Any]:
    """How sure an answer is: word, probability, whether the weights are the model's own, sentences without proof."""
    told = evidence(record)
    return {
        "word": told.word,
        "confidence": told.probability,
        "calibrated": told.calibrated,
        "heads": told.heads,
        "unsupported": list(told.unsupported),
    }


def listed_json(record: AnswerRecord) -> dict[str, Any] | None:
    """Everything that the question asked for; its hits are those of `see_also` of kind “listed” and “structure”."""
    told = listed(record)
    if told is None:
        return None
    return {
        "label": told.label,
        "shown": told.shown,
        "found": told.found,
        "named": told.named,
        "disputed": told.disputed,
        "numbers": [each.number for each in told.hits],
    }


def message_json(text: str, conversation: str) -> dict[str, Any]:
    """The object of `ask --json` where the bot did not answer."""
    return {"answer": text, "citations": [], "supported": False, "conversation": conversation}


def _history_counts(record: AnswerRecord) -> dict[str, int]:
    sessions, messages = numbers(record, ("sessions", "messages"))
    return {"sessions": sessions, "messages": messages} if sessions else {}


def receipt_lines(finished: Finished, record: AnswerRecord, conversation: str) -> str:
    """Citations, coverage and timings for people."""
    lines = [
        f"  [{citation.number}] {place(citation, files=record.files)}: “{citation.quote}”"
        for citation in proofs(record)
    ]
    lines += [f"  {line}" for line in evidence_lines(record)]
    lines += [f"  Not in the document: “{quote}”" for quote in finished.unverified]
    lines += [
        f"  See also [{citation.number}] {citation.kind}, {place(citation, files=record.files)}: “{citation.quote}”"
        for citation in checked(record)
        if citation.kind not in (NAMED, ADDED)
    ]
    lines += [f"  {LEADS}:"] if led(record) else []
    lines += [
        f"    [{each.number}] {place(each, files=record.files)}: “{shortened(each.quote, QUOTED)}”"
        for each in led(record)
    ]
    lines += _listed_lines(record)
    lines.append(f"  {finished.coverage.sentence()} {timing_sentence(record)}")
    lines.append(f"  Ask on: --conversation {conversation}")
    return "\n".join(lines)


def evidence_lines(record: AnswerRecord) -> list[str]:
    """The word for how sure the answer is, the sentences that nothing proves, and how that is known."""
    told = evidence(record)
    if not told.word:
        return [] if record.supported else ["No passage was found that proves this answer."]
    known = "" if told.calibrated else " (not calibrated for this model)"
    selected = setting(record, "exact", "yes") != "yes"
    if selected and told.word == WEAK and (told.probability or 0) >= LIKELY:  # else word and number seem to disagree
        known += ", by a selection of the text alone"
    lines = [f"{told.word[0].upper()}{told.word[1:]}, {told.probability or 0:.0%} sure{known}."]
    if not record.supported and not proofs(record):
        lines.append("No passage was found that proves this answer.")
    return lines + [f"Not proven: “{sentence}”" for sentence in told.unsupported]


def _listed_lines(record: AnswerRecord) -> list[str]:
    """“14 of 14 defined terms:”, then each with its place; what the answer did not name is marked so."""
    told = listed(record)
    if told is None:
        return []
    lines = [f"  {told.shown} of {told.found} {told.label}, {told.named} named in the answer:"]
    if told.disputed:
        lines.append("  The answer says otherwise; the list was found over the whole text.")
    for each in told.hits[:LISTED_LINES]:
        mark = "" if each.kind == NAMED else ", found by structure"
        lines.append(
            f"    [{each.number}] {place(each, files=record.files)}{mark}: “{shortened(each.quote, LISTED_WORDS)}”"
        )
    more = len(told.hits) - LISTED_LINES
    return lines + ([f"    and {more} more (--json lists all)"] if more > 0 else [])


def shortened(text: str, most: int) -> str:
    """In one line, its beginning, of at most `most` characters; whole words, but for one that is longer than that."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 2].rsplit(' ', 1)[0]} …"


def place(citation: CitationRecord, *, files: int = 1) -> str:
    """Where a citation stands: “p. 19, 15.1 Governing Law”; with its path where the answer is about several files."""
    if citation.conversation_id is not None:
        return citation.section  # “session of 3 May 2025, message 14”
    spot = f"p. {citation.page}" if citation.page else f"line {citation.line}" if citation.line else ""
    if citation.page_label and citation.page_label != str(citation.page):
        spot += f" (printed {citation.page_label})"
    path = citation.path if files > 1 or not (spot or citation.section) else ""
    return ", ".join(part for part in (path, spot, citation.section if citation.section != path else "") if part)


def timing_sentence(record: AnswerRecord) -> str:
    """How fast and from what: “First word after 0.2 s; 8,016 tokens from memory.” And what each word looked at."""
    told = f"First word after {record.first_token_s:.1f} s; {record.cached_tokens:,} tokens came from the cache."
    if setting(record, "exact", "yes") == "yes":
        return told
    seen, whole = numbers(record, ("looked_at", "context_tokens"))
    return f"{told} Beyond the model's trained range: each word looked at {seen:,} of {whole:,} tokens, which it chose."


def _section(document: Document, encoded: Encoded, section: Section) -> dict[str, Any]:
    span = document.span_at(section.start)
    where = {"page": span.page} if span.page else {"path": span.path, "line": document.line_of(section.header_start)}
    return {
        "title": section.title,
        "level": section.level,
        **where,
        "tokens": encoded.section_tokens(section),
    }


def citation_json(citation: CitationRecord) -> dict[str, Any]:
    """A citation as the command line and the API show it."""
    where: dict[str, Any] = {"page": citation.page} if citation.page else {"line": citation.line}
    if citation.conversation_id is not None:
        where = {name: getattr(citation, name) for name in ("conversation_id", "session", "seq")}
    return {
        "path": citation.path,
        **where,
        "section": citation.section,
        "quote": citation.quote,
        "verified": citation.verified,
        "kind": citation.kind,
    }
