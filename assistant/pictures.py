"""Pictures of a document's pages with the boxes of a quote, drawn from the library's own copies of the files."""

from __future__ import annotations

import threading
from collections import OrderedDict

from assistant.errors import AssistantError
from assistant.library import Library
from ingest import Document, Limits
from ingest.pdf.boxes import count_before
from ingest.pdf.picture import PagePicture, page_picture

KEPT = 48  # pictures held in memory, some 10 MB
AT_ONCE = 2  # children that draw at the same time; others wait
Mark = tuple[int, int]


class NoPictureError(AssistantError):
    """There is no picture of this page; its text is there all the same."""


class Pictures:
    """Draws pages and keeps the last ones. Who may see a document is decided by the caller."""

    def __init__(self, library: Library, limits: Limits) -> None:
        self._library, self._limits = library, limits
        self._kept: OrderedDict[tuple[str, int, Mark], PagePicture] = OrderedDict()
        self._lock = threading.Lock()
        self._drawing = threading.BoundedSemaphore(AT_ONCE)

    def page(self, document_id: str, document: Document, at: int, mark: Mark) -> PagePicture:
        """The page that holds the character at `at`; boxed are the characters of `mark` that stand on it.

        Raises NoPictureError or IngestError with one sentence that says why there is none.
        """
        span = document.span_at(at)
        low, high = max(span.start, mark[0]), min(span.end, mark[1])
        key = (document_id, span.start, (low, max(low, high)))
        with self._lock:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
        if span.page is None:
            raise NoPictureError(f"{span.path} has no pages to draw; its text is shown.")
        file = self._library.original(document_id, document, span.path)
        if file is None:
            raise NoPictureError(
                f"Pages are drawn from single files only, and {span.path} came out of a folder or an archive; "
                "its text is shown."
            )
        quote = document.text[low:high] if low < high else ""
        page = document.text[span.start : span.end]
        nth = count_before(page, quote, low - span.start) if quote else 0
        with self._drawing, file.open("rb") as source:
            drawn = page_picture(source, span.path, span.page, limits=self._limits, quote=quote, nth=nth)
        if self._library.get(document_id) is None:  # deleted while it was drawn
            return drawn
        with self._lock:
            self._kept[key] = drawn
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return drawn

    def forget(self, document_id: str) -> None:
        """Drops the pictures of a document that is deleted."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == document_id]:
                del self._kept[key]
