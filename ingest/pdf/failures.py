"""Why a PDF cannot be read, in one sentence each: the file, what is wrong, what to do."""

from __future__ import annotations

from ingest.document import BrokenFileError, EncryptedFileError, IngestError, LimitError, Limits


def failure(kind: str, detail: str, name: str, limits: Limits) -> IngestError:
    """The error for what the child reported; `kind` is its word for it."""
    if kind == "truncated":
        return BrokenFileError(f"{name} is cut short (the end of the PDF is missing): download or copy it again.")
    if kind == "pages":
        return BrokenFileError(f"{name} is damaged (only {detail} pages can be found): download or copy it again.")
    if kind == "encrypted":
        return EncryptedFileError(f"{name} needs a password: give it with --password.")
    if kind == "password":
        return EncryptedFileError(f"{name} needs a password, and the password does not open it: give another one.")
    if kind == "max_pages":
        return LimitError(f"{name} has {int(detail):,} pages, the limit is {limits.max_pages:,}: split it.")
    return LimitError(f"{name} holds more text than the limit of {limits.max_chars:,} characters: split it.")
