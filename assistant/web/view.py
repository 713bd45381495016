"""What the page shows after an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class View:
    """The parts of the page; None leaves a part as it is."""

    conversation: str | None = None
    conversations: str | None = None
    chat: list[dict[str, Any]] | None = None
    sources: str | None = None
    viewer: str | None = None
    status: str | None = None
    busy: str | None = None  # "reading", "answering" or "" for neither
