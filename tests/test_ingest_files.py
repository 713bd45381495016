"""Reading single files: one child serves many, survives none of their faults, and the cache gives the same part."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ingest import Document, Limits, PartCache, formats, load
from ingest import files as module
from ingest.cache import VERSION
from ingest.document import Artifact, BrokenFileError, IngestError, LimitError, Section, Span, Unread
from ingest.files import Files, Job, Settings
from ingest.part import Part, from_wire, to_wire

PART = Part(
    "Title\nline\nend\n",
    [Span(0, 6, "a.txt", page=1, page_label="i"), Span(6, 15, "a.txt", line=2)],
    [Section("Title", 1, 0, 15, 5, "heading"), Section("line", 2, 6, 15, 10, "heading", 7)],
    pages=1,
    unread=[Unread("a.txt", 3, "a scan")],
    warnings=["a.txt: odd"],
    artifacts=[Artifact("a.txt", "footer", "Page 1", (1, 2))],
    imports=["os"],
    format="python",
    outlined=False,
)


def files(folder: Path, **limits: Any) -> Files:
    return Files(Settings(Limits(**limits)))


def job(path: Path) -> Job:
    return Job(path.name, lambda: path.open("rb"))


def test_a_part_survives_the_wire() -> None:
    assert from_wire(json.loads(json.dumps(to_wire(PART)))) == PART


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "Title\nline\nend"),
        ("text", 7),
        ("spans", [[0, 5, "a.txt"]]),
        ("spans", [[0, 6, "a.txt"], [7, 15, "a.txt"]]),
        ("spans", [[0, 6, "a.txt"], [6, 6, "a.txt"], [6, 15, "a.txt"]]),
        ("sections", [["T", 1, 0, 99, 5, "heading"]]),
        ("sections", [["T", 0, 0, 15, 5, "heading"]]),
        ("sections", [["T", 1, 5, 15, 5, "heading"]]),
        ("sections", [["T", 1, 5, 15, 8, "heading", 8]]),
        ("sections", [["T", 1, 5, 15, 8, "heading", 4]]),
        ("sections", [["A", 1, 0, 10, 5, "heading"], ["B", 2, 6, 15, 10, "heading"]]),
        ("sections", [["A", 1, 6, 15, 8, "heading"], ["B", 1, 0, 6, 3, "heading"]]),
        ("warnings", [1]),
        ("pages", "many"),
        ("outlined", 1),
    ],
)
def test_a_part_that_does_not_hold_together_is_refused(name: str, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        from_wire(to_wire(PART) | {name: value})


def test_many_files_come_back_in_order_with_the_bad_ones_between(tmp_path: Path) -> None:
    paths = []
    for number in range(60):
        path = tmp_path / f"{number:02d}.txt"
        path.write_bytes(b"" if number % 7 == 0 else f"words of {number}\n".encode() * (1 + number % 5 * 1000))
        paths.append(path)
    with files(tmp_path) as reader:
        outcomes = list(reader.read_all(map(job, paths)))
    assert [each.shown for each, _ in outcomes] == [path.name for path in paths]
    for number, (_, outcome) in enumerate(outcomes):
        if number % 7 == 0:
            assert isinstance(outcome, IngestError)
        else:
            assert isinstance(outcome, Part) and outcome.text.startswith(f"words of {number}\n")


def test_a_child_that_dies_takes_only_its_file_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("good words\n")
    bad.write_text("exit\n")
    real = formats.recognise

    def recognise(name: str, head: bytes) -> Any:
        kind = real(name, head)
        return formats.Format("text", "text", "tests.no_such_reader", ()) if name == "bad.txt" else kind

    monkeypatch.setattr(module, "recognise", recognise)
    with files(tmp_path) as reader:
        outcomes = [outcome for _, outcome in reader.read_all([job(good), job(bad), job(good), job(bad), job(good)])]
    assert [isinstance(outcome, Part) for outcome in outcomes] == [True, False, True, False, True]
    assert str(outcomes[1]).startswith("bad.txt is damaged")


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("die", "broke off"),
        ("fail", "broke off"),
        ("nonsense", "broke off"),
        ("hang", "takes too long or too much memory"),
        ("eat", "takes too long or too much memory"),
    ],
)
def test_code_whose_reader_breaks_down_is_read_without_outline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, why: str
) -> None:
    code = formats.BY_NAME["code"]
    breaking = dataclasses.replace(code, reader="tests.dying_reader")
    monkeypatch.setattr(module, "recognise", lambda name, head: breaking)
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.0)
    path = tmp_path / "a.py"
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    path.write_text(f"{word} = 1\ntoken = '{secret}'\n")
    cache = PartCache(tmp_path / "parsed")
    with Files(Settings(Limits(parse_seconds=3.0), cache=cache)) as reader:
        part = reader.read(job(path))
        assert part.text.startswith(f"{word} = 1\n") and secret not in part.text
        assert not part.outlined and part.warnings[-1] == (
            f"a.py: all of it is read, but without an outline: making one {why}"
        )
        monkeypatch.setattr(module, "recognise", lambda name, head: code)
        assert reader.read(job(path)).outlined  # and not out of the cache


def test_markup_that_takes_too_long_is_read_as_prose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking = dataclasses.replace(formats.BY_NAME["rst"], reader="tests.dying_reader")
    monkeypatch.setattr(module, "recognise", lambda name, head: breaking)
    path = tmp_path / "a.rst"
    path.write_text("hang\n\n1. Scope\n\nThis is it.\n\n2. Rules\n\nThese are.\n\n3. End\n\nDone.\n")
    with Files(Settings(Limits(parse_seconds=2.0))) as reader:
        part = reader.read(job(path))
    assert part.text == path.read_text() and [each.title for each in part.sections] == [
        "1. Scope",
        "2. Rules",
        "3. End",
    ]
    assert part.warnings == [
        "a.rst: all of it is read, its sections found by numbering and capitals: reading its markup takes too long or "
        "too much memory"
    ]


def test_memory_and_time_limits_hold_for_each_file(tmp_path: Path) -> None:
    big, small = tmp_path / "big.txt", tmp_path / "small.txt"
    big.write_bytes(b"word " * 40_000_000)
    small.write_text("small words\n")
    with files(tmp_path, parse_memory_bytes=400_000_000) as reader:
        outcomes = [outcome for _, outcome in reader.read_all([job(big), job(small)])]
    assert isinstance(outcomes[0], LimitError) and "needs more than 400 MB" in str(outcomes[0])
    assert isinstance(outcomes[1], Part)
    with files(tmp_path, parse_seconds=0.05) as reader, pytest.raises(LimitError, match=r"within 0\.05 seconds"):
        reader.read(job(big))


def test_the_cache_gives_the_same_document_without_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.0)
    path = tmp_path / "lease.txt"
    path.write_text("LEASE\n\n1. RENT\nThe rent is ten.\n2. TERM\nOne year.\n")
    cache = PartCache(tmp_path / "parsed")
    first = load([path], cache=cache)
    monkeypatch.setattr(Files, "_parse", _never)
    assert load([path], cache=cache) == first
    path.write_text("LEASE\n\n1. RENT\nThe rent is eleven.\n")
    with pytest.raises(AssertionError, match="parsed"):
        load([path], cache=cache)
    other = path.rename(tmp_path / "other.txt")
    with pytest.raises(AssertionError, match="parsed"):  # citations carry the name
        load([other], cache=cache)


def _never(*_: object) -> Document:
    raise AssertionError("parsed")


def test_fast_files_are_not_cached_and_the_cache_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 1e9)  # fast on any machine
    cache = PartCache(tmp_path / "parsed", max_bytes=2000)
    (tmp_path / "a.txt").write_text("words\n")
    load([tmp_path / "a.txt"], cache=cache)
    assert not (tmp_path / "parsed").exists()
    for number in range(40):
        part = Part(os.urandom(100).hex() + "\n", [Span(0, 201, "a.txt", line=1)])
        key = cache.key(str(number))
        cache.put(key, part)
        assert cache.get(key) == part
        assert sum(file.stat().st_size for file in (tmp_path / "parsed").iterdir()) <= 2000
    cache.clear()
    assert not (tmp_path / "parsed").exists() and cache.get(key) is None


def test_a_damaged_cache_entry_is_parsed_again(tmp_path: Path) -> None:
    cache = PartCache(tmp_path / "parsed")
    key = cache.key("x", format="text")
    cache.put(key, PART)
    (tmp_path / "parsed" / key).write_bytes(b"not what was written")
    assert cache.get(key) is None
    assert cache.key("x", format="text", ocr=True) != key and VERSION


def test_a_cache_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    PartCache(tmp_path / "file" / "parsed").put("key", PART)


def test_an_error_out_of_the_child_keeps_its_class_and_only_ours(tmp_path: Path) -> None:
    path = tmp_path / "blank.txt"
    path.write_text(" \n" * 9000)
    with files(tmp_path) as reader, pytest.raises(IngestError, match=r"^blank\.txt holds nothing but white space"):
        reader.read(job(path))
    assert isinstance(module._told("Exception", "x.txt boom", "x.txt"), BrokenFileError)
    assert isinstance(module._told("LimitError", "no name first", "x.txt"), BrokenFileError)
    assert str(module._told("LimitError", "x.txt is\nlong" + "x" * 9000, "x.txt")).startswith("x.txt is long")
