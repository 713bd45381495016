"""Which characters the bytes of a web page mean: byte order mark, then what it declares, then what fits."""

from __future__ import annotations

import codecs
import re

from ingest.text import BOMS, decode

DECLARED_WITHIN = 4096  # bytes of a page in which it must name its encoding
_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
_XML = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""")
AS_BROWSERS = {  # browsers read these names as the larger sets
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-8",  # a page whose declaration can be read byte by byte is not UTF-16
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
    "utf-32": "utf-8",
}
NO_CHARSETS = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "undefined", "mbcs"))


def page_text(data: bytes, encoding: str | None = None) -> tuple[str, str | None]:
    """The characters of a page and a warning if they had to be guessed or repaired; `encoding` is the transport's."""
    if any(data.startswith(mark) for mark, _ in BOMS):
        return decode(data)
    head = data[:DECLARED_WITHIN]
    match = _XML.match(head.lstrip()) or _META.search(head)
    for label in (encoding, match[1].decode("ascii") if match else None):
        codec = _codec(label)
        if codec is None:
            continue
        text = data.decode(codec, "replace")
        if "\ufffd" not in text:
            return text, None
        guess, warning = decode(data)
        if "\ufffd" not in guess:
            return guess, f"says it is {label} but is not; {warning or 'read as UTF-8'}"
        return text, f"{text.count(chr(0xFFFD)):,} characters that are not valid {label} were replaced"
    return decode(data)


def _codec(label: str | None) -> str | None:
    """The Python codec of a charset label, None for one that is unknown or no charset."""
    try:
        found = codecs.lookup((label or "").strip())
    except (LookupError, ValueError):
        return None
    if found.name in NO_CHARSETS or not getattr(found, "_is_text_encoding", True):
        return None
    return AS_BROWSERS.get(found.name, found.name)
