"""Plain bytes → characters: decoding, the one normal form of text, and telling binary from text."""

from __future__ import annotations

import codecs
import re

from ingest.charset import guess, wide
from ingest.document import Span

SAMPLE = 65_536  # bytes looked at to tell text from other data
MAX_CONTROL_SHARE = 0.01  # more control bytes than this share of the sample is not text

MAGIC = {
    b"PK\x03\x04": "a zip or Office file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"SQLite format 3": "a database",
    b"\xca\xfe\xba\xbe": "a compiled class",
    b"\x00asm": "a WebAssembly module",
    b"OggS": "a sound file",
    b"ID3": "a sound file",
}
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark starts with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TURNS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # marks for writing from right to left
_TO_NEWLINE = "\x0b\x0c\r\x85"
_TABLE: dict[int, str | None] = {
    code: "\n" if chr(code) in _TO_NEWLINE else None for code in (*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0))
}
_BINARY_BYTES = bytes(code for code in range(32) if code not in b"\t\n\r\f\b\x1b") + b"\x7f"


def normalise(text: str) -> str:
    """Newlines as \\n, form feeds too, no other control characters, no surrogates, ";" for its Greek twin."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if _CONTROL.search(text):
        text = text.translate(_TABLE)
    text = text.replace("\u037e", ";")  # some PDF fonts say so; Unicode holds the two to be the same character
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def one_line(text: str) -> str:
    """The normal form on one line and without marks that turn its order; for file names and foreign messages."""
    return _TURNS.sub("", re.sub(r"[\n\t\x85\u2028\u2029]", " ", normalise(text)))


def binary_kind(data: bytes) -> str | None:
    """What these bytes are if they are not text, in words; None for text."""
    if any(data.startswith(mark) for mark, _ in BOMS):
        return None
    if wide(data) is not None:
        return None
    for magic, kind in MAGIC.items():
        if data.startswith(magic) and not (magic.isascii() and _looks_textual(data)):
            return kind
    return None if _looks_textual(data) else "binary data"


def _looks_textual(data: bytes) -> bool:
    sample = data[:SAMPLE]
    controls = len(sample) - len(sample.translate(None, _BINARY_BYTES))
    return controls <= len(sample) * MAX_CONTROL_SHARE


def decode(data: bytes) -> tuple[str, str | None]:
    """The text and a warning if its encoding had to be guessed; newlines and controls as they came."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            text = data.decode(encoding, "replace")
            return text, "parts that are not valid text were replaced" if "\ufffd" in text else None
    unmarked = wide(data)
    if unmarked is not None:
        return data.decode(unmarked, "replace"), f"not UTF-8: read as {unmarked.upper()} without a byte order mark"
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    bad, foreign = text.count("\ufffd"), len(text) - len(text.encode("ascii", "ignore"))
    if bad * 10 <= foreign:  # mostly valid UTF-8: a few damaged bytes, not another encoding
        return text, f"{bad} damaged characters were replaced"
    del text  # a large file is not held twice
    codec, shown = guess(data)
    text = data.decode(codec, "replace")
    lost = text.count("\ufffd")
    return text, f"not UTF-8: read as {shown}" + (f", with {lost:,} characters replaced" if lost else "")


def split_lines(text: str, path: str) -> tuple[str, list[Span]]:
    """The normal form of a file's text, ending in a newline, and spans in which lines count as an editor counts."""
    rows = text.replace("\r\n", "\n").replace("\r", "\n")
    rows = rows if rows.endswith("\n") else rows + "\n"
    clean = normalise(rows)
    if clean.count("\n") == rows.count("\n"):
        return clean, [Span(0, len(clean), path, line=1)]
    parts: list[str] = []
    spans: list[Span] = []
    offset = 0
    for number, row in enumerate(rows[:-1].split("\n"), start=1):
        for piece in (normalise(row) + "\n").split("\n")[:-1]:  # a form feed became a newline of no new line
            parts.append(piece + "\n")
            spans.append(Span(offset, offset + len(piece) + 1, path, line=number))
            offset += len(piece) + 1
    return "".join(parts), spans
