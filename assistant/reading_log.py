"""Writes into the store how fast this machine reads: an observer that keeps figures over restarts."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from assistant.observer import Observer
from sparse_backend import Read
from storage import StorageError, Store
from storage.records_signals import Reading

logger = logging.getLogger("unabridged.readings")


class ReadingLog(Observer):
    """Notes every reading; a full disk costs the note, not the reading."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, bot: str, read: Read, parse_s: float) -> None:
        """See Observer."""
        tokens = len(read.segment)
        fresh = tokens - read.cached_tokens
        try:
            self._store.signals.note_reading(Reading(datetime.now(UTC), bot, tokens, fresh, read.seconds, parse_s))
        except StorageError as error:
            logger.warning("reading not noted", extra={"error": type(error).__name__})
