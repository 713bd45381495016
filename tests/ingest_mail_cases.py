"""Messages and mailboxes as bytes, and how their parts are written into golden files."""

from __future__ import annotations

from pathlib import Path

from ingest.mail import mbox, message
from ingest.part import Part, Request
from tests.ingest_history_cases import shown

FIXTURES = Path(__file__).parent / "fixtures" / "mail"
GOLDEN = Path(__file__).parent / "golden" / "mail"
FILES = ("plain.eml", "attachment.eml", "forwarded.eml", "two_threads.mbox")
REQUEST = Request(max_chars=10_000_000, max_pages=100)


def read(data: bytes | str, name: str = "a.eml") -> Part:
    """The checked part of a message or mailbox."""
    raw = data.encode() if isinstance(data, str) else data
    part = mbox.read(raw, name, REQUEST) if name.endswith("mbox") else message.read(raw, name, REQUEST)
    part.check()
    return part


def letter(body: str = "Hello\n", **headers: str) -> str:
    """A message; header names with "_" for "-"."""
    lines = {"From": "Ann <ann@example.com>", "Subject": "Refund", **headers}
    return "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in lines.items()) + "\n" + body


def multipart(kind: str, *parts: str) -> str:
    """A message of several parts, each given with its own header lines."""
    body = "".join(f"--b-{kind}\n{part}\n" for part in parts) + f"--b-{kind}--\n"
    return letter(body, Content_Type=f'multipart/{kind}; boundary="b-{kind}"')


def posted(*letters: str) -> str:
    """A mailbox."""
    return "".join(f"From ann@example.com Sat May  3 14:02:00 2025\n{each}\n\n" for each in letters)


if __name__ == "__main__":  # writes the golden files anew: read their diff
    for file in FILES:
        (GOLDEN / f"{file}.txt").write_text(shown(read((FIXTURES / file).read_bytes(), file)), encoding="utf-8")
