"""Unpacked Debian, PyPI and npm packages → a corpus of long texts with their headers, and a manifest of the sources.

Run once on a machine with network; the training itself needs only the two files that it writes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

HELD_OUT = ("postfix-doc", "maint-guide", "pypi_peewee", "npm_express", "npm_fastify", "pypi_redis", "doc-debian")
"""Sources kept for evaluation alone."""
CODE = {".py", ".js", ".ts", ".c", ".h", ".go", ".rs", ".java", ".sh", ".mjs", ".tsx", ".cpp"}
PROSE = {".html", ".htm", ".md", ".rst", ".txt", ".gz"}
COMMON = re.compile(
    r"GNU (LESSER |LIBRARY |AFFERO )?GENERAL PUBLIC|GNU Free Documentation|Apache License|Mozilla Public License|Artistic License|CC0|Creative Commons",
    re.IGNORECASE,
)  # Debian's common licences are kept for judging
FILES = 1500  # of one source that are looked at
DEFINITION = re.compile(
    r"^[ \t]*(?:export |default |async |public |private |protected |static |pub(?:\([a-z]+\))? |unsafe |abstract |inline |const |declare )*"
    r"(?:def|class|function|func|fn|interface|struct|enum|trait|impl|type|module|namespace) +\*?\w+.*$",
    re.MULTILINE,
)
_NUMBERED = re.compile(
    r"^(?:(?:\d+\.)+\d*|Section \d+[.\d]*|ARTICLE [IVX\d]+|Article \d+)[ .:–-]+[A-Z][^\n]{2,70}$|^[A-Z][A-Z ,&-]{6,60}$",
    re.MULTILINE,
)
_MARKED = re.compile(r"^#{1,4} +\S[^\n]{1,80}$", re.MULTILINE)
_UNDERLINED = re.compile(r"^(\S[^\n]{1,90})\n([=\-~^*\"'#+`:.])\2{2,}$", re.MULTILINE)
BLOCKS = {"p", "div", "li", "tr", "table", "dt", "dd", "pre", "blockquote", "section", "ul", "ol", "dl", "br"}
SKIPPED = {"script", "style", "nav", "head", "footer", "form", "aside"}


class PageText(HTMLParser):
    """HTML → plain text with the places of its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.headers: list[tuple[int, int]] = []
        self.length = self.hidden = self.verbatim = 0
        self.heading: int | None = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in SKIPPED:
            self.hidden += 1
        elif re.fullmatch("h[1-6]", tag):
            self._break(2)
            self.heading = self.length
        elif tag in BLOCKS:
            self._break(2 if tag in ("p", "pre", "dt", "table") else 1)
            self.verbatim += tag == "pre"
            if tag == "li":
                self._put("- ")
        elif tag in ("td", "th"):
            self._put(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag in SKIPPED:
            self.hidden = max(0, self.hidden - 1)
        elif re.fullmatch("h[1-6]", tag) and self.heading is not None:
            if self.length > self.heading:
                self.headers.append((self.heading, self.length))
            self.heading = None
            self._break(2)
        elif tag in BLOCKS:
            self.verbatim -= tag == "pre" and self.verbatim > 0
            self._break(1)

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            text = data if self.verbatim else re.sub(r"\s+", " ", data)
            if self.heading is not None:
                text = text.replace("¶", "").replace("#", "").replace("\n", " ")
            if not self.verbatim and (not self.parts or self.parts[-1].endswith(("\n", " "))):
                text = text.lstrip()
            self._put(text.replace("¶", ""))

    def _put(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self.length += len(text)

    def _break(self, lines: int) -> None:
        if self.parts:
            have = len(self.parts[-1]) - len(self.parts[-1].rstrip("\n"))
            if self.parts[-1].isspace() and len(self.parts) > 1:
                have += len(self.parts[-2]) - len(self.parts[-2].rstrip("\n"))
            self._put("\n" * max(0, lines - have))


def read(path: Path) -> tuple[str, list[tuple[int, int]], str] | None:
    """Text, headers and kind of one file; None when it is of no use."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = data.decode("utf-8").replace("\r\n", "\n").replace("\t", "    ")
    except (UnicodeDecodeError, EOFError, OSError):
        return None
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if "<|" in text or "\x00" in text or not 3000 <= len(text) <= 3_000_000:
        return None
    if suffix in CODE:
        lines = text.split("\n")
        if max(map(len, lines)) > 400 or len(text) / len(lines) > 90:
            return None
        return text, [found.span() for found in DEFINITION.finditer(text)], "code"
    if suffix in (".html", ".htm"):
        page = PageText()
        page.feed(text)
        text = "".join(page.parts)
        return (text, page.headers, "prose") if useful(text) else None
    if suffix == ".rst":
        text = "".join(_unwrap(text))
        return (text, [found.span(1) for found in _UNDERLINED.finditer(text)], "prose") if useful(text) else None
    text = "".join(_unwrap(text))
    pattern = _MARKED if suffix == ".md" else _NUMBERED
    return (text, [found.span() for found in pattern.finditer(text)], "prose") if useful(text) else None


def useful(text: str) -> bool:
    """Whether it is mostly words in the Latin alphabet."""
    if len(text) < 2500:
        return False
    letters = sum(character.isascii() and (character.isalpha() or character == " ") for character in text[:20_000])
    return letters > 0.7 * min(len(text), 20_000)


def _unwrap(text: str) -> Iterator[str]:
    """Paragraphs of wrapped prose on one line each; lists, headings and indented text as they are."""
    for part in re.split(r"(\n\s*\n)", text):
        lines = part.split("\n")
        prose = (
            len(lines) > 1
            and all(re.match(r"[A-Za-z(\"'`“]", line) for line in lines)
            and min(map(len, lines[:-1])) > 45
        )
        yield " ".join(lines) if prose else part


def licence(folder: Path) -> str:
    """What a package says of its licence, in a word where it can be told."""
    for name in ("PKG-INFO", "package/package.json"):
        file = folder / name
        if file.exists():
            text = file.read_text("utf-8", "replace")
            found = re.search(r"^License(?:-Expression)?: (.{1,60})$|\"license\": *\"([^\"]+)\"", text, re.MULTILINE)
            if found:
                return str(found.group(1) or found.group(2))
            named = re.search(r"License :: OSI Approved :: (.+)", text)
            if named:
                return named.group(1)
    for file in folder.rglob("copyright"):
        text = file.read_text("utf-8", "replace")
        named_all = re.findall(r"^License: *(\S+)", text, re.MULTILINE)
        return ", ".join(sorted(set(named_all))[:4]) if named_all else "see its Debian copyright file"
    return "see the package"


def collect(folder: Path, out: Path, characters: dict[str, int], per_source: int) -> None:
    """Writes corpus.jsonl.xz, held-out.jsonl.xz and manifest.jsonl from the packages unpacked below `folder`."""
    r = random.Random(7)
    seen: set[str] = set()
    used: defaultdict[str, int] = defaultdict(int)
    records: list[dict[str, Any]] = []
    manifest: list[dict[str, Any]] = []
    for source in sorted(folder.iterdir()):
        taken: defaultdict[str, int] = defaultdict(int)
        digest = hashlib.sha256()
        paths = sorted(
            path
            for path in source.rglob("*")
            if path.is_file() and path.suffix in CODE | PROSE and not path.is_symlink()
        )
        r.shuffle(paths)
        for path in paths[:FILES]:
            if min(taken["prose"], taken["code"]) > per_source or (
                taken["prose"] > per_source and path.suffix not in CODE
            ):
                continue
            found = read(path)
            if found is None or re.search(
                r"/(locale|translations?|min)/|\.min\.js|changelog|/(de|fr|ja|es|ru|it|pt|pl|nb|ko|zh|id|ar|cs|da|el|fa|hr|nl|ro|sv|tr|vi|hu|uk|hi)[-_/]",
                str(path),
                re.IGNORECASE,
            ):
                continue
            text, headers, kind = found
            if kind == "prose" and COMMON.search(text[:1500]):
                continue
            mark = hashlib.sha256(re.sub(r"\W+", "", text[:3000]).encode()).hexdigest()
            if mark in seen or taken[kind] > per_source:
                continue
            seen.add(mark)
            digest.update(text.encode())
            text = text[: per_source // 2]
            taken[kind] += len(text)
            records.append({"source": source.name, "kind": kind, "path": str(path.relative_to(source)), "text": text,
                            "headers": [[a, b] for a, b in headers if b < len(text)]})  # fmt: skip
        if taken:
            manifest.append({"source": source.name, "licence": licence(source), "characters": dict(taken),
                             "held_out": source.name.startswith(HELD_OUT), "sha256": digest.hexdigest()[:16]})  # fmt: skip
    records += _licences(folder, manifest)
    r.shuffle(records)
    for name, held in (("corpus", False), ("held-out", True)):
        used.clear()
        with lzma.open(out / f"{name}.jsonl.xz", "wt", encoding="utf-8", preset=6) as stream:
            for record in records:
                limit = characters[record["kind"]] // (12 if held else 1)
                if record["source"].startswith(HELD_OUT) == held and used[record["kind"]] < limit:
                    used[record["kind"]] += len(record["text"])
                    stream.write(json.dumps(record, ensure_ascii=False) + "\n")
        print(name, dict(used), (out / f"{name}.jsonl.xz").stat().st_size)  # noqa: T201
    with (out / "manifest.jsonl").open("w", encoding="utf-8") as stream:
        for entry in manifest:
            stream.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _licences(folder: Path, manifest: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The long licences of SPDX's list, without Debian's common ones; every twelfth is held out."""
    records: list[dict[str, Any]] = []
    for file in sorted(folder.glob("npm_spdx-license-list*/package/licenses/*.json")):
        entry = json.loads(file.read_text("utf-8"))
        text = "".join(_unwrap(entry.get("licenseText", "")))
        if len(text) < 3500 or COMMON.search(text[:1500]) or not useful(text) or "<|" in text:
            continue
        held = len(records) % 12 == 11
        records.append({"source": "doc-debian-spdx" if held else "spdx", "kind": "legal", "path": file.stem, "text": text,
                        "headers": [list(found.span()) for found in _NUMBERED.finditer(text)]})  # fmt: skip
        manifest.append({"source": f"spdx:{file.stem}", "licence": "the text of a licence, published for use by all", "held_out": held,
                         "characters": {"legal": len(text)}})  # fmt: skip
    return records
