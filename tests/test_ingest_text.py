"""Decoding, the normal form of text, and telling text from other data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Document, load
from ingest.document import BinaryFileError, EmptyFileError, IngestError
from ingest.text import normalise

SAMPLE = "Größe “quoted” ﬁne – 10 €\nsecond line\n"


def loaded(tmp_path: Path, data: bytes, name: str = "a.txt") -> Document:
    path = tmp_path / name
    path.write_bytes(data)
    return load([path])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_encodings(tmp_path: Path, encoding: str) -> None:
    document = loaded(tmp_path, SAMPLE.encode(encoding))
    assert document.text == SAMPLE
    assert document.report.warnings == ()


def test_big_endian_with_mark(tmp_path: Path) -> None:
    assert loaded(tmp_path, b"\xfe\xff" + SAMPLE.encode("utf-16-be")).text == SAMPLE


def test_windows_text_is_read_with_a_warning(tmp_path: Path) -> None:
    document = loaded(tmp_path, "Größe “quoted”\n".encode("cp1252"))
    assert document.text == "Größe “quoted”\n"
    assert "cp1252" in document.report.warnings[0]


def test_a_damaged_byte_does_not_change_the_encoding(tmp_path: Path) -> None:
    document = loaded(tmp_path, ("Größe €\n" * 20).encode() + b"\xff\n")
    assert document.text.startswith("Größe €\n") and "\ufffd" in document.text
    assert "1 damaged character" in document.report.warnings[0]


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    document = loaded(tmp_path, b"one\r\ntwo\rthree\n\nfive with \x0c feed\nsix")
    assert document.text == "one\ntwo\nthree\n\nfive with \n feed\nsix\n"
    for word, line in (("one", 1), ("two", 2), ("three", 3), ("five", 5), ("feed", 5), ("six", 6)):
        assert document.line_of(document.text.index(word)) == line
    assert document.span_at(0).page is None


@given(st.text())
def test_normal_form_is_stable(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert "\r" not in once and "\x00" not in once
    once.encode("utf-8")


def test_surrogates() -> None:
    assert normalise("a\ud83d\ude00b\ud800c") == "a😀b\ufffdc"


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 10,
        b"text\x00with\x00nulls\x00",
        b"\x89PNG\r\n\x1a\n" + b"a" * 500,
        b"PK\x03\x04" + b"a" * 50,
        os.urandom(4000),
    ],
    ids=["all bytes", "nulls", "png", "zip", "random"],
)
def test_binary_named_txt(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BinaryFileError, match=r"^a\.txt .*\.$"):
        loaded(tmp_path, data)


def test_text_that_starts_like_a_sound_file_is_text(tmp_path: Path) -> None:
    assert loaded(tmp_path, b"ID3 tags are explained here.").text == "ID3 tags are explained here.\n"


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"\n" * 5000, b"\xff\xfe"])
def test_nothing_but_white_space(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(EmptyFileError, match=r"^a\.txt "):
        loaded(tmp_path, data)


def test_source_code_has_lines_but_no_sections(tmp_path: Path) -> None:
    document = loaded(tmp_path, b"# 1. Setup\n# 2. Run\nVALUE = 1\n", "a.py")
    assert document.sections == ()
    assert document.line_of(document.text.index("VALUE")) == 3


def test_every_error_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(IngestError) as caught:
        loaded(tmp_path, b"")
    assert str(caught.value).count("\n") == 0 and str(caught.value).endswith(".")
