"""HTML of a question answered in two ways, side by side. What models and documents say is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from assistant.agreement import overlap, same, shared_evidence
from assistant.comparing import Side
from assistant.listing import place
from assistant.receipts import numbers, proofs, setting
from assistant.word_changes import Kind, Piece, equal_share, word_changes
from storage import AnswerRecord

_PHASES = {
    "waiting": "Waits for the other side",
    "reading": "Reading …",
    "answering": "Answering …",
    "done": "",
    "refused": "Cannot be compared",
    "stopped": "Stopped",
}


def compared(sides: Sequence[Side]) -> str:
    """Both sides and, when both have answered, how far they agree."""
    left, right = sides
    done = left.record is not None and right.record is not None
    pieces = word_changes(left.text, right.text) if done else ()
    cards = _card(left, pieces, "gone") + _card(right, pieces, "new")
    told = _agreement(left, right, pieces) if done else ""
    return f'<div class="compared">{told}<div class="sides">{cards}</div>{_table(left, right)}</div>'


def marked(pieces: Sequence[Piece], own: Kind) -> str:
    """One side's words, those that the other side does not have marked."""
    tag = "del" if own == "gone" else "ins"
    shown = []
    for each in pieces:
        words = each.text.lstrip()
        space = each.text[: len(each.text) - len(words)]
        if each.kind == "same":
            shown.append(space + escape(words))
        elif each.kind == own:
            shown.append(f"{space}<{tag}>{escape(words)}</{tag}>")
    return "".join(shown)


def _card(side: Side, pieces: Sequence[Piece], own: Kind) -> str:
    said = marked(pieces, own) if pieces else escape(side.text)
    body = f'<p class="words">{said}</p>' if said else ""
    state = f'<p class="phase" role="status">{escape(_phase(side))}</p>' if _phase(side) else ""
    error = f'<p class="note error" role="alert">{escape(side.error)}</p>' if side.error else ""
    name = escape(side.setting.name)
    cites = _sources(side.record)
    return f'<section class="side" aria-label="{name}"><h3>{name}</h3>{state}{error}{body}{cites}</section>'


def _phase(side: Side) -> str:
    state = side.state
    if side.phase == "reading" and state is not None and state.total:
        eta = f", about {max(1, round(state.eta_s))} s left" if state.eta_s else ""
        return f"Reading: {state.done:,} of {state.total:,}{' tokens' if state.phase == 'reading' else ''}{eta}"
    return _PHASES[side.phase]


def _sources(record: AnswerRecord | None) -> str:
    if record is None:
        return ""
    rows = [
        f"<li><b>{each.number}</b> {escape(place(each, files=record.files))}: <q>{escape(each.quote[:220])}</q></li>"
        for each in proofs(record)
    ]
    if not record.supported:
        rows.append("<li>No passage was found that proves this answer.</li>")
    return f'<ul class="cites">{"".join(rows)}</ul>' if rows else ""


def _agreement(left: Side, right: Side, pieces: Sequence[Piece]) -> str:
    assert left.record is not None
    assert right.record is not None
    verdict = "The same words" if same(left.text, right.text) else "Different words"
    facts = [f"{100 * equal_share(pieces):.0f}% of the words in the same order"]
    facts.append(f"{100 * overlap(left.text, right.text):.0f}% of the words in any order")
    shared = shared_evidence(proofs(left.record), proofs(right.record))
    if shared is not None:
        facts.append(f"{100 * shared:.0f}% of what the left side cites is cited by the right side")
    return f'<p class="verdict" role="status"><b>{verdict}.</b> {escape("; ".join(facts))}.</p>'


def _table(left: Side, right: Side) -> str:
    if left.record is None and right.record is None:
        return ""
    one, other = _figures(left), _figures(right)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(one[name])}</td><td>{escape(other[name])}</td></tr>'
        for name in one
    )
    heads = f'<th scope="col">{escape(left.setting.name)}</th><th scope="col">{escape(right.setting.name)}</th>'
    return f'<table class="figures"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _figures(side: Side) -> dict[str, str]:
    record = side.record
    names = ("Reading", "First word", "Whole answer", "Tokens looked at", "Attention", "Tokens of the answer", "Proof")
    if record is None:
        return dict.fromkeys(names, "–")
    seen, whole = numbers(record, ("looked_at", "context_tokens"))
    exact = setting(record, "exact", "yes") == "yes"
    read = f"{record.read_s:.2f} s" + (" (read before: loading it)" if side.cached else "")
    looked = f"{whole:,} of {whole:,}" if exact else f"{seen:,} of {whole:,} ({100 * seen / max(whole, 1):.0f}%)"
    values = (
        f"{read}, as {record.pattern}",
        f"{record.first_token_s:.2f} s",
        f"{record.total_s:.2f} s",
        looked,
        "exact" if exact else "selected",
        f"{record.generated_tokens:,}",
        f"{len(proofs(record))} cited" if record.supported else "none found",
    )
    return dict(zip(names, values, strict=True))
