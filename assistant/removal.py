"""What left the database also leaves the disk: files, parsed forms, keys and values."""

from __future__ import annotations

from assistant.holdings import DOCUMENT, HISTORY, Forget, Holdings
from assistant.library import Library
from storage.records_support import Removed


def remove(removed: Removed, library: Library, holdings: Holdings, forget: Forget) -> int:
    """Removes from disk what `removed` names; how many segments went. `forget`: see Holdings.drop."""
    count = 0
    for document_id in removed.documents:
        library.delete(document_id)
        count += holdings.drop(DOCUMENT, document_id, forget)
    for conversation_id in removed.conversations:
        count += holdings.drop(HISTORY, conversation_id, forget)
    if removed.messages:  # sessions may have gone out of conversations that stay: what was read of any is read again
        count += holdings.drop_all(HISTORY, forget)
    return count
