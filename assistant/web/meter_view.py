"""HTML of the meter under the question: one thin bar, and the same in numbers."""

from __future__ import annotations

from assistant.meter import Meter


def meter(value: Meter | None) -> str:
    """What fills the model's room; nothing where it is not known."""
    if value is None:
        return ""
    parts = (
        ("system", "System", value.system),
        ("documents", "Documents", value.documents),
        ("history", "History", value.history),
        ("question", "Question", value.question),
        ("answer", "Answer", value.answer),
    )
    whole = max(value.limit, value.used + value.answer)
    bars = "".join(
        f'<i class="{name}" style="width:{100 * tokens / whole:.2f}%"></i>' for name, _, tokens in parts if tokens
    )
    told = "".join(f'<span class="{name}">{label} {tokens:,}</span>' for name, label, tokens in parts if tokens)
    if value.room:
        room = f"{value.room:,} left"
    elif value.beyond:
        room = f"beyond the {value.limit:,} tokens of the model's range; all of it is read, answers look at a selection"
    else:
        room = "no room left; begin a new conversation"
    text = ", ".join(f"{label} {tokens:,} tokens" for _, label, tokens in parts if tokens)
    return (
        f'<div class="meter"><div class="bar" role="img" aria-label="Room of the model: {text}; {room}">{bars}</div>'
        f'<div class="legend" aria-hidden="true">{told}<span class="room">{room}</span></div></div>'
    )
