"""HTML of the receipt under an answer: what was read, how the model looked at it, how long it took."""

from __future__ import annotations

from html import escape

from assistant.coverage import Coverage
from assistant.listing import timing_sentence
from assistant.receipts import numbers, setting
from storage import AnswerRecord

LISTED = 200  # unread files named one by one
_ENDED = {
    "length": " The answer reached its length limit.",
    "repeat": " The answer was ended as it repeated itself.",
}


def receipt(record: AnswerRecord) -> str:
    """One line: coverage, timings, the model and how it read."""
    sessions, messages = numbers(record, ("sessions", "messages"))
    covered = Coverage(
        record.tokens,
        record.tokens_read,
        record.pages,
        record.pages_unread,
        record.files,
        record.files_unread,
        sessions,
        messages,
    )
    how = f"{record.model}, {_how(record)}."
    return f"{covered.sentence()} {timing_sentence(record)}{_ENDED.get(record.finish_reason, '')} {how}"


def receipt_html(record: AnswerRecord) -> str:
    """The line, and all figures of the answer behind it."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in figures(record)
    )
    return (
        f'<details class="receipt"><summary>{escape(receipt(record))}</summary>'
        f"<table><tbody>{rows}</tbody></table></details>"
    )


def figures(record: AnswerRecord) -> list[tuple[str, str]]:
    """Name and value of everything the receipt knows."""
    seen, whole = numbers(record, ("looked_at", "context_tokens"))
    exact = setting(record, "exact", "yes") == "yes"
    share = f"{100 * seen / max(whole, 1):.0f}%"
    looked = (
        f"exact: each word looked at all {whole:,} tokens before it"
        if exact
        else f"selected: each word looked at {seen:,} of {whole:,} tokens ({share}), which it chose"
    )
    read = record.pages - len(record.pages_unread)
    rows = [("Pages", f"{read:,} of {record.pages:,} read")] if record.pages else []
    if record.pages_unread:
        pages = ", ".join(map(str, record.pages_unread))
        rows.append(("Pages without text", f"{len(record.pages_unread):,} not read: p. {pages}"))
    rows.append(("Tokens", f"{record.tokens_read:,} of {record.tokens:,} read; nothing was cut"))
    if record.tokens_read < record.tokens:
        rows[-1] = ("Tokens", f"{record.tokens_read:,} of {record.tokens:,} read")
    if record.files > 1 or record.files_unread:
        rows.append(("Files", f"{record.files:,} read, {len(record.files_unread):,} left out"))
    rows += [("Left out", f"{path}: {reason}") for path, reason in record.files_unread[:LISTED]]
    if len(record.files_unread) > LISTED:
        rows.append(("Left out", f"and {len(record.files_unread) - LISTED:,} more"))
    return [
        *rows,
        ("Attention", looked),
        ("Read under", _how(record)),
        ("Model", ", ".join(filter(None, (record.model, record.dtype, f"kernel {record.impl}")))),
        ("From the cache", f"{record.cached_tokens:,} tokens"),
        ("Parsing and reading", f"{record.parse_s:.2f} s and {record.read_s:.2f} s"),
        ("First word", f"after {record.first_token_s:.2f} s"),
        ("Answer", _pace(record)),
        *((("Seed", str(record.seed)),) if record.seed is not None else ()),
        *((("Weights", record.model_digest[:16]),) if record.model_digest else ()),
    ]


def _pace(record: AnswerRecord) -> str:
    told = f"{record.generated_tokens:,} tokens in {record.total_s:.2f} s"
    spent = record.total_s - record.first_token_s
    if record.generated_tokens < 2 or spent <= 0:
        return told
    return f"{told}, {(record.generated_tokens - 1) / spent:,.1f} tokens/s after the first"


def _how(record: AnswerRecord) -> str:
    return "dense" if record.pattern == "dense" else f"{record.pattern}/{record.level}"  # dense has no levels
