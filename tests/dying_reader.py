"""A reader for tests of ingest/files.py: it dies, hangs, eats memory or gives nonsense as the file tells it to."""

from __future__ import annotations

import os
import time

from ingest.part import Part, Request


def read(data: bytes, name: str, request: Request) -> Part:
    """Does what the first word says; any other word is an error without a sentence for the user."""
    word = data.split()[0].decode()
    if word == "die":
        os.abort()
    if word == "hang":
        time.sleep(60)
    if word == "eat":
        return Part(str(bytearray(10**12)), [])
    if word == "nonsense":
        return Part("text", ["no span"])  # type: ignore[list-item]
    raise RuntimeError(word)
