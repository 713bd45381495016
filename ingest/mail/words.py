"""Days and sizes in words, the same for messages and for histories; nothing here depends on the locale."""

from __future__ import annotations

from datetime import date

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def day(moment: date) -> str:
    """`3 May 2025`."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def size(count: int) -> str:
    """`120 KB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
