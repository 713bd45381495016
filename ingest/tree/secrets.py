"""Secrets: tokens, keys and passwords replaced by a mask that names their kind; no line is added or lost.

Exact kinds are masked everywhere; a password by the name it is assigned to only in configuration files, because in
code a false alarm destroys what is read. Safe in threads; no network, no files, and nothing here keeps a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.tree.secret_rules import DETECTORS, KEPT_STARTS, Detector
from ingest.tree.secret_settings import in_settings

PRIVATE_KEY = "private key"
MAX_KEY_CHARS = 30_000  # of a private key's block
MIN_KEY_LETTERS = 60  # of its body: less is somebody speaking of keys

_WORD_END = re.compile(r"[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]{20,})*")
_KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(
    r"(?:(?:Proc-Type|DEK-Info|Comment|Version|Hash|Charset|MessageID):[^\n\\]{0,200}"
    r"|[A-Za-z0-9+/=]|\\[nrt\"']|[\s\"'`,;#*>|.-])*+"
)
_KEY_END = re.compile(r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_PUTTY = re.compile(r"^Private-Lines: (\d{1,3})\r?\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """A secret was masked on this line (1-based); never the secret itself."""

    line: int
    kind: str


@dataclass(frozen=True, slots=True)
class Secret:
    """Characters [start, end) of a text are a secret of this kind."""

    start: int
    end: int
    kind: str


def mask(text: str, path: str) -> tuple[str, tuple[Found, ...]]:
    """The text of the file at `path` with its secrets masked, and where they stood; lines keep their numbers."""
    parts: list[str] = []
    found: list[Found] = []
    done, line = 0, 1
    for secret in find(text, path):
        line += text.count("\n", done, secret.start)
        hidden = text.count("\n", secret.start, secret.end)
        parts += (text[done : secret.start], f"[masked: {secret.kind}]", "\n" * hidden)
        found.append(Found(line, secret.kind))
        done, line = secret.end, line + hidden
    return ("".join((*parts, text[done:])) if found else text), tuple(found)


def find(text: str, path: str) -> tuple[Secret, ...]:
    """The secrets in the text of the file at `path`, in their order, apart from each other."""
    found = [*_private_keys(text), *in_tokens(text)]
    found += (Secret(start, end, kind) for start, end, kind in in_settings(text, path))
    apart: list[Secret] = []
    for secret in sorted(found, key=lambda secret: (secret.start, -secret.end)):
        if not apart or secret.start >= apart[-1].end:
            apart.append(secret)
    return tuple(apart)


def in_tokens(text: str) -> Iterator[Secret]:
    """Every exact kind of secret in the text; some may overlap."""
    for detector in DETECTORS:
        done = 0
        for place in sorted(_places(detector, text)):
            if place < done:
                continue
            start, end = max(0, place - detector.before), min(len(text), place + detector.after)
            start = max(start, text.rfind("\n", start, place) + 1)
            end = text.find("\n", place, end) if "\n" in text[place:end] else end
            for pattern in detector.patterns:
                for match in pattern.finditer(text, start, end):
                    secret = _secret(detector, match, text)
                    if secret is not None:
                        done = max(done, secret.end)
                        yield secret


def _places(detector: Detector, text: str) -> Iterator[int]:
    if detector.probe is not None:
        yield from (match.start() for match in detector.probe.finditer(text))
    for needle in detector.needles:
        place = text.find(needle)
        while place >= 0:
            yield place
            place = text.find(needle, place + len(needle))


def _secret(detector: Detector, match: re.Match[str], text: str) -> Secret | None:
    start, end = match.span(1 if detector.grouped else 0)
    if not detector.valid(text[start:end]):
        return None
    if detector.whole and (_in_word(text, start - 1) or _in_word(text, end)):
        return None
    if not detector.whole and not detector.grouped:
        tail = _WORD_END.match(text, end)
        end = tail.end() if tail else end
    kept = next((len(head) for head in KEPT_STARTS if text.startswith(head, start)), 0)
    return Secret(start + kept, end, detector.kind)


def _in_word(text: str, place: int) -> bool:
    return 0 <= place < len(text) and (text[place].isalnum() or text[place] == "_")


def _private_keys(text: str) -> Iterator[Secret]:
    done = 0
    for begin in _KEY_BEGIN.finditer(text) if "PRIVATE KEY" in text else ():
        if begin.start() < done:
            continue
        body = _KEY_BODY.match(text, begin.end(), begin.end() + MAX_KEY_CHARS)
        assert body is not None
        if sum(map(str.isalnum, body.group())) < MIN_KEY_LETTERS:
            continue
        closing = _KEY_END.match(text, body.end()) or _KEY_END.search(text, begin.end(), body.end() + 100)
        done = closing.end() if closing else begin.end() + len(body.group().rstrip())
        yield Secret(begin.start(), done, PRIVATE_KEY)
    for putty in _PUTTY.finditer(text) if "PuTTY-User-Key-File-" in text else ():
        end = putty.end()
        for _ in range(int(putty.group(1))):
            end = text.find("\n", end) + 1 or len(text)
        yield Secret(putty.end(), max(putty.end(), end - 1), PRIVATE_KEY)
