"""Bytes of UTF-8, which tree-sitter counts, → characters of the text, which everything else counts."""

from __future__ import annotations

from collections.abc import Iterable

_CONTINUATION = bytes(range(0x80, 0xC0))  # bytes that do not start a character


def characters_at(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """For each byte offset into `data` the number of characters that start before it, in one pass."""
    if data.isascii():
        return {offset: offset for offset in offsets}
    found: dict[int, int] = {}
    last = count = 0
    for offset in sorted(set(offsets)):
        count += len(data[last:offset].translate(None, _CONTINUATION))
        found[offset] = count
        last = offset
    return found
