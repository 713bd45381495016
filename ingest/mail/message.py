"""An e-mail message (.eml) → Part: its header block, its words, and the texts and messages attached to it."""

from __future__ import annotations

from ingest.document import BrokenFileError, EncryptedFileError
from ingest.mail import mime
from ingest.mail.layout import Layout
from ingest.part import Part, Request


def read(data: bytes, name: str, request: Request) -> Part:
    """One message, section of level 1; what is attached to it lies below. EncryptedFileError for S/MIME and PGP."""
    try:
        letter = mime.letter(mime.parse(data, name), name)
        if letter.sealed and not any(text.strip() for text in letter.body) and not letter.enclosed:
            raise EncryptedFileError(f"{name} cannot be read, {letter.sealed}: open it in your mail program and "
                                     "save it as plain text.")  # fmt: skip
        layout = Layout(name, request)
        layout.letter(letter, 1)
    except RecursionError:
        raise BrokenFileError(f"{name} is nested too deeply to be read: save the message again.") from None
    return layout.part("eml")


def attachments(data: bytes, name: str = "the message") -> list[tuple[str, bytes]]:
    """Names and bytes of the attachments that `read` lists as not read, so that other readers may read them."""
    return mime.attachments(data, name)
