"""Hostile files, folders and archives through the product's one door: a document with its report, or one sentence.

Whatever is read, nothing is written: not beside the file, not in the working folder, not among temporary files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pytest

from ingest import Document, Limits, load
from ingest.document import (
    IngestError,
)
from tests.ingest_hostile_cases import CASES, SMALL, Case, sparse
from tests.ingest_pdf_cases import build, plain, stream


def state(root: Path) -> dict[str, tuple[int, int, int]]:
    """Kind, size and time of change of everything below."""
    found = {}
    for place, folders, names in os.walk(root):
        for name in (*folders, *names):
            status = os.lstat(os.path.join(place, name))
            found[os.path.join(place, name)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_input_ends_in_a_document_or_one_sentence(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "work", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    path = case.make(tmp_path / "home")
    monkeypatch.chdir(tmp_path / "work")
    limits = Limits() if case.make is sparse else SMALL
    before = state(tmp_path)
    try:
        document: Document | None = load([path], limits=limits)
    except IngestError as error:
        document, told = None, str(error)
        assert case.error is not None and type(error) is case.error and case.words in told, told
        assert told.isprintable() and told.endswith(".") and len(told) < 700
    assert state(tmp_path) == before
    if document is not None:
        assert case.error is None, document.report
        check(case, document)


BOMBS = ("one large member", "a tar that never ends", "210 MB", "a Word file of a billion words", "one line of 2 MB",
         "50,000 nested elements", "a quotation mark that opens 1.9 MB")  # fmt: skip


MEASURE = """
import resource, sys
from pathlib import Path
from ingest import IngestError, load
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        load([Path(path)])
    except IngestError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_the_memory_of_the_host_stays_steady(tmp_path: Path) -> None:
    paths = []
    for number, case in enumerate(case for case in CASES if case.name in BOMBS):
        (tmp_path / str(number)).mkdir()
        paths.append(case.make(tmp_path / str(number)))
    unfolding = tmp_path / "pages.pdf"  # a page that inflates to 300 MB of spaces
    bomb = zlib.compress(b" " * 300_000_000, 9)
    unfolding.write_bytes(build(plain(o4=stream(bomb, b"/Filter/FlateDecode"))))
    assert len(paths) == len(BOMBS)
    command = [sys.executable, "-c", MEASURE, *map(str, paths), str(unfolding)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    grown = int(told.stdout) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 100_000_000, f"{grown:,} bytes"


def check(case: Case, document: Document) -> None:
    """The document holds what it should, and says of everything else why it does not."""
    report = document.report
    assert case.text is None or document.text == case.text
    assert report.files == (1 if case.files is None else case.files)
    left = {item.path: item.reason for item in report.files_unread}
    assert set(left) == {path.rstrip("/") for path in case.left}, left
    assert all(reason in left[path.rstrip("/")] for path, reason in case.left.items()), left
    shown = [section.title for section in document.sections if section.kind == "file"]
    assert len(set(shown)) == len(shown) == (report.files if report.files > 1 else 0)
    told = [*left, *left.values(), *report.warnings, *shown, *(span.path for span in document.spans)]
    assert all(line.isprintable() for line in told), told
    document.text.encode("utf-8")
