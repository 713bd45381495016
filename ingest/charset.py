"""Which characters bytes without a mark mean: UTF-16 and UTF-32 by shape, older sets by what fits the language."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter

from charset_normalizer import from_bytes

SAMPLE = 65_536  # bytes looked at
LEAST_BYTES = 6  # bytes above ASCII; with fewer there is nothing to tell languages by
FALLBACK = "cp1252"
CANDIDATES = {  # Python's name → what people call it
    "cp1252": "Windows-1252 (cp1252)",
    "cp1250": "Windows-1250, Central European (cp1250)",
    "cp1251": "Windows-1251, Cyrillic (cp1251)",
    "cp1253": "Windows-1253, Greek (cp1253)",
    "cp1254": "Windows-1254, Turkish (cp1254)",
    "cp1255": "Windows-1255, Hebrew (cp1255)",
    "cp1256": "Windows-1256, Arabic (cp1256)",
    "iso8859_2": "ISO-8859-2, Central European",
    "iso8859_5": "ISO-8859-5, Cyrillic",
    "iso8859_7": "ISO-8859-7, Greek",
    "iso8859_15": "ISO-8859-15, Western European",
    "koi8_r": "KOI8-R, Russian",
    "koi8_u": "KOI8-U, Ukrainian",
    "cp866": "cp866, Russian DOS",
    "mac_roman": "Mac Roman",
    "cp932": "Shift-JIS, Japanese (cp932)",
    "euc_jp": "EUC-JP, Japanese",
    "gb18030": "GB18030, Chinese",
    "big5hkscs": "Big5, Chinese",
    "cp949": "EUC-KR, Korean (cp949)",
}

_HIGH_LINE = re.compile(rb"[^\n\r]{0,400}[\x80-\xff][^\n\r]{0,400}")
_ODD = ("Cn", "Co", "Cs", "Cc")  # characters no text has: unassigned, private, surrogates, controls
MAX_ODD = 0.01
WIDE_NULS, STRAY_NULS = 0.6, 0.05  # share of zero bytes in the upper and in the lower halves of UTF-16 text
NOT_ASCII = 0.3  # share of bytes that are not printable ASCII in UTF-16 text of other scripts


def guess(data: bytes) -> tuple[str, str]:
    """A codec for bytes that are not UTF-8, and its name for people; short texts are taken as Western European."""
    high = len(data) - len(data.translate(None, bytes(range(128, 256))))
    found = _western_first(_sample(data)) if high >= LEAST_BYTES else FALLBACK
    return found, CANDIDATES[found]


def _sample(data: bytes) -> bytes:
    pieces: list[bytes] = []
    left = SAMPLE
    for match in _HIGH_LINE.finditer(data):
        pieces.append(match.group())
        left -= len(pieces[-1])
        if left < 0:
            break
    return b"\n".join(pieces)


def _western_first(sample: bytes) -> str:
    """The likeliest set; Windows-1252 where it gives the very same characters or the sample is hardly foreign."""
    logging.getLogger("charset_normalizer").disabled = True
    matches = from_bytes(sample, cp_isolation=list(CANDIDATES), threshold=0.5)
    best = matches.best()
    if best is None or best.encoding not in CANDIDATES:
        return FALLBACK
    for western in (FALLBACK, "iso8859_15"):
        if _same(sample, western, best.encoding):
            return western
    return str(best.encoding)


def _same(sample: bytes, one: str, other: str) -> bool:
    try:
        return sample.decode(one) == sample.decode(other)
    except UnicodeDecodeError:
        return False


def wide(data: bytes) -> str | None:
    """The UTF-16 or UTF-32 codec of bytes without a mark, None if they are neither."""
    sample = data[:SAMPLE]
    if b"\0" not in sample or len(sample) < 4 or len(data) % 2:
        return None
    for codec in ("utf-32-le", "utf-32-be"):
        if len(data) % 4 == 0 and _plausible(sample, codec):
            return codec
    even, odd = sample[0::2], sample[1::2]
    for codec, upper, lower in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if upper.count(0) >= WIDE_NULS * len(upper) and lower.count(0) <= STRAY_NULS * len(lower):
            return codec if _plausible(sample, codec) else None
    printable = sum(Counter(sample)[byte] for byte in (9, 10, 13, *range(32, 127)))
    if len(sample) - printable < NOT_ASCII * len(sample):
        return None
    fits = [codec for codec in ("utf-16-le", "utf-16-be") if _plausible(sample, codec)]
    return max(fits, key=lambda codec: _spaces(sample, codec), default=None)


def _plausible(sample: bytes, codec: str) -> bool:
    try:
        text = sample[: len(sample) // 4 * 4].decode(codec)
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:  # not just a pair cut in two at the end of the sample
            return False
        text = sample[: error.start].decode(codec)
    odd = sum(unicodedata.category(char) in _ODD and char not in "\t\n\r\f" for char in text)
    return bool(text) and odd <= MAX_ODD * len(text) and (len(text) < 40 or any(char in " \n　。" for char in text))


def _spaces(sample: bytes, codec: str) -> int:
    return sum(char in " \n\r　。、,." for char in sample.decode(codec, "ignore"))
