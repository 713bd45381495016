"""A fuzzer of every reader: whole files mutated, read in the real sandbox as the product reads them.

`python -m tests.ingest_fuzz [--seconds 60] [--seed 1] [FORMAT …]` runs longer than the suite does, divides its time
among the formats and keeps what it finds below --keep. A find is a breakdown of a reader, an error that is not one
sentence about the file, or a time limit reached; PDFs may be refused as damaged, whatever stumbled over them.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import random
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from lxml import etree

from ingest.document import IngestError, LimitError, Limits
from ingest.files import Files, Settings, check_size, refusal
from ingest.formats import BY_NAME, FORMATS, Format, recognise
from ingest.part import Request, from_wire
from ingest.pdf.reader import read_pdf
from ingest.sandbox import Sandbox
from ingest.tree.reader import TreeReader
from tests.ingest_fuzz_seeds import Seed, seeds

LIMITS = Limits(parse_seconds=10, max_chars=5_000_000, max_unpacked_bytes=20_000_000)
WORDS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b"\x0c", b"\xe2\x80\xa8", b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80", b"-1", b"0", b"65536", b"4294967296", b"99999999999999999999", b"1e309", b"NaN", b"null",
    b"{", b"[", b"]", b"}", b"<", b">", b"&#0;", b"&#x110000;", b"&a;", b"<!ENTITY a 'b'>", b"]]>", b"<![CDATA[",
    b"<!--", b"```", b'"', b"'", b"\\", b"%", b"$", b"# ", b"1. ", b"(a) ", b"ARTICLE I ", b"Section 4.2(b)",
    b"From ", b"From: ", b"Content-Type: multipart/mixed;", b"boundary=", b"=?utf-8?q?", b"obj", b"endobj",
    b"stream", b"/Length ", b"/Kids ", b"<<", b">>", b"0 R", b"../", b"PK\x03\x04",
)  # fmt: skip
VALUES = (
    "",
    "0",
    "-1",
    "8",
    "65536",
    "99999999999999999999",
    "1e309",
    "x" * 3_000,
    "%9.%8",
    "../../a",
    "\u202e",
    "A1:XFD1048576",
)


@dataclass(frozen=True, slots=True)
class Find:
    """A file that a reader did not end well with, and how it ended."""

    format: str
    name: str
    data: bytes
    told: str


def mutate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """`data` with one to eight changes: bits, slices moved or doubled or lost, odd words, pieces of `other`."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(out) + 1)
        size = chance.choice((1, 4, 30, 300))
        match chance.randrange(8):
            case 0:
                out[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del out[at : at + size]
            case 2:
                out[at:at] = out[at : at + size] * chance.choice((1, 2, 50))
            case 3:
                start = chance.randrange(len(out) + 1)
                out[at:at] = out[start : start + size]
            case 4:
                start = chance.randrange(len(other) + 1)
                out[at : at + size] = other[start : start + size]
            case 5:
                word = chance.choice(WORDS)
                out[at : at + chance.choice((0, len(word)))] = word * chance.choice((1, 1, 1, 200))
            case 6:
                place = bytes(out).find(bytes([chance.choice(b"0123456789")]), at)
                if place >= 0:
                    out[place : place + 1] = chance.choice((b"0", b"-1", b"9", b"2147483648"))
            case _:
                if chance.random() < 0.2:
                    del out[at:]
    return bytes(out)


def grow(data: bytes, chance: random.Random) -> bytes:
    """XML or JSON that stays well-formed: elements or values lost, doubled, moved, renamed, nested; odd values."""
    try:
        return _grow_json(data, chance) if data.lstrip()[:1] in b"[{" else _grow_xml(data, chance)
    except (ValueError, etree.XMLSyntaxError):  # JSON lines, or not XML at all
        return mutate(data, data, chance)


def _grow_xml(data: bytes, chance: random.Random) -> bytes:
    root = etree.fromstring(data)
    for _ in range(chance.choice((1, 2, 5))):
        elements = [each for each in root.iter() if isinstance(each.tag, str)]
        one, two = chance.choice(elements), chance.choice(elements)
        parent = one.getparent()
        match chance.randrange(6):
            case 0 if parent is not None:
                parent.remove(one)
            case 1:
                two.append(copy.deepcopy(one) if len(elements) < 2_000 else etree.Element(one.tag))
            case 2:
                one.tag = two.tag
            case 3 if one.attrib:
                one.set(chance.choice(sorted(map(str, one.attrib))), chance.choice(VALUES))
            case 4:
                one.text = chance.choice(VALUES)
            case _:
                for _ in range(chance.choice((1, 3, 300))):
                    inner = etree.SubElement(one, one.tag)
                    inner.text, one = "deep", inner
    return etree.tostring(root)


def _grow_json(data: bytes, chance: random.Random) -> bytes:
    root = json.loads(data)
    for _ in range(chance.choice((1, 2, 5))):
        holders, here = [root], [root]
        while here:
            inside = here.pop()
            below = [each for each in (inside.values() if isinstance(inside, dict) else inside) if each]
            here += (more := [each for each in below if isinstance(each, dict | list)])
            holders += more
        holder = chance.choice([each for each in holders if each] or [[0]])
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        odd = [None, True, -1, 1e300, 10**40, [], {}, [[]], *VALUES, copy.deepcopy(chance.choice(holders))]
        holder[chance.choice(keys)] = chance.choice(odd)
    return json.dumps(root).encode()


def mutated(seed: Seed, other: Seed, chance: random.Random) -> bytes:
    """A mutation of the file's bytes, of what a zip holds, packed anew, or of the tree that XML and JSON are."""
    data = seed[1]
    if chance.random() < 0.25:
        return mutate(data, other[1], chance)
    if not data.startswith(b"PK"):
        return grow(data, chance) if seed[0].endswith(".json") else mutate(data, other[1], chance)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(sorted(parts))
    if parts[name].startswith(b"<") and chance.random() < 0.8:
        parts[name] = grow(parts[name], chance)
    else:
        parts[name] = mutate(parts[name], parts[chance.choice(sorted(parts))], chance)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for each, content in parts.items():
            archive.writestr(zipfile.ZipInfo(each), content)
    return out.getvalue()


class Fuzzer:
    """Reads files one after the other in one sandbox, which is replaced when it dies."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits, self.sandbox, self.files = limits, Sandbox(limits), Files(Settings(limits))
        self.count = 0
        self.refused = 0

    def close(self) -> None:
        """Ends the sandboxes."""
        self.sandbox.close()
        self.files.__exit__(None, None, None)

    def finds(self, kind: str, files: list[Seed], chance: random.Random) -> Iterator[Find | None]:
        """One file after the other without end; None for one that was read or refused well."""
        while True:
            seed, other = chance.choice(files), chance.choice(files)
            data = mutated(seed, other, chance)
            self.count += 1
            told = self.trial(BY_NAME[kind], seed[0], data)
            yield None if told is None else Find(kind, seed[0], data, told)

    def trial(self, kind: Format, name: str, data: bytes) -> str | None:
        """What went wrong while reading `data` as `kind`; None if nothing did."""
        try:
            self._read(kind, name, data)
        except IngestError as error:
            self.refused += 1
            told = str(error)
            if isinstance(error, LimitError) and "within" in told:
                return told
            sentence = told.startswith(name) and told.endswith(".") and told.isprintable() and len(told) < 700
            return None if sentence else f"no sentence: {told}"
        except Exception as error:
            return f"{type(error).__name__} in the parent: {error}"
        return None

    def _read(self, kind: Format, name: str, data: bytes) -> None:
        recognised = recognise(name, check_size(data, name, self.limits))
        if isinstance(recognised, str):
            raise refusal(name, recognised)
        if kind.name == "pdf":
            with mock.patch("ingest.pdf.reader.messages", self._again):
                read_pdf(data, name, limits=self.limits)
        elif kind.name == "archive":
            TreeReader(Settings(self.limits), self.files, lambda *_: None, None).archive(data, name, "")
        else:
            self._worker(kind, name, data)

    def _again(self, worker: str, source: bytes, request: Any, *, name: str, **_: object) -> Iterator[Any]:
        """In a sandbox that is used again, where the product takes one for each PDF."""
        return self.sandbox.messages(worker, source, request, name=name)

    def _worker(self, kind: Format, name: str, data: bytes) -> None:
        options = Request(self.limits.max_chars, self.limits.max_pages)
        request: dict[str, Any] = {
            "reader": kind.reader, "format": kind.name, "name": name, "tree": True, "insisted": False,
            "options": {field: getattr(options, field) for field in options.__slots__},
        }  # fmt: skip
        for message in list(self.sandbox.messages("tests.fixtures.fuzz_worker", data, request, name=name)):
            if "broke" in message:
                raise RuntimeError(message["broke"])
            if "error" in message:
                raise IngestError(str(message["detail"]))
            if "part" in message:
                part = from_wire(message["part"])
                part.text.encode("utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Fuzzes; the exit status is 1 where something was found."""
    known = [each.name for each in FORMATS]
    parser = argparse.ArgumentParser(prog="tests.ingest_fuzz", description="Fuzzes the readers of files.")
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=", ".join(known))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("bench-results/fuzz"))
    options = parser.parse_args(arguments)
    wrong = [name for name in options.formats if name not in known]
    if wrong:
        parser.error(f"unknown format {wrong[0]}: choose from {', '.join(known)}")
    kinds = options.formats or known
    files: Mapping[str, list[Seed]] = seeds()
    found = 0
    for kind in kinds:
        fuzzer = Fuzzer()
        end = time.monotonic() + options.seconds / len(kinds)
        told: set[str] = set()
        for find in fuzzer.finds(kind, files[kind], random.Random(options.seed)):
            if find is not None and (last := find.told.strip().rsplit("\n", 4)[-1]) not in told:
                told.add(last)
                options.keep.mkdir(parents=True, exist_ok=True)
                kept = options.keep / f"{kind}-{fuzzer.count}-{find.name}"
                kept.write_bytes(find.data)
                print(f"find: {kept}\n{find.told}")
            if time.monotonic() > end:
                break
        fuzzer.close()
        print(f"{kind}: {fuzzer.count:,} files, {fuzzer.refused:,} refused, {len(told)} kinds of finds", flush=True)
        found += len(told)
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
