"""Files, folders and several paths: order, names, limits, cancel, and the report of what was left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest import Limits, load
from ingest.document import (
    BrokenFileError,
    EmptyFileError,
    IngestCancelled,
    LimitError,
    MissingFileError,
    UnsupportedFileError,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("[core]")
    (root / "zeta.txt").write_text("the last file")
    (root / "README.md").write_text("# Project\n\n## Use\n\nrun it\n")
    (root / "src" / "main.py").write_text("print(1)\n")
    (root / "src" / "deep" / "notes.txt").write_text("1. Alpha\nfirst words here.\n2. Beta\nsecond words.\n")
    (root / "src" / "logo.png").write_bytes(b"\x89PNG")
    (root / "src" / "broken.txt").write_bytes(b"\x00\x01\x02")
    (root / "empty.txt").write_text("")
    (tmp_path / "secret.txt").write_text("outside")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "out").symlink_to(tmp_path)
    return root


def test_a_folder_is_read_readme_first_and_the_rest_is_listed(folder: Path) -> None:
    document = load([folder])
    files = [section.title for section in document.sections if section.kind == "file"]
    assert files == ["README.md", "src/deep/notes.txt", "src/main.py", "zeta.txt"]
    assert document.name == "project"
    assert document.report.files == 4 and document.report.pages == 0
    left = {item.path: item.reason for item in document.report.files_unread}
    assert set(left) == {"src/logo.png", "src/broken.txt", "empty.txt", "link.txt", "out", ".git"}
    assert "link" in left["link.txt"] and "empty" in left["empty.txt"] and left["src/logo.png"]
    assert "outside" not in document.text


def test_file_headers_are_visible_and_hold_the_other_sections(folder: Path) -> None:
    document = load([folder])
    for section in document.sections:
        if section.kind == "file":
            assert document.text[section.start : section.header_end] == f"File: {section.title}"
            assert section.level == 1
            assert document.span_at(section.start).path == section.title
    place = document.text.index("second words")
    assert [s.title for s in document.section_path(place)] == ["src/deep/notes.txt", "2. Beta"]
    assert document.line_of(place) == 4
    assert [(s.level, s.title) for s in document.sections[:3]] == [
        (1, "README.md"),
        (2, "Project"),
        (3, "Use"),
    ]


def test_the_same_folder_reads_the_same_twice(folder: Path) -> None:
    assert load([folder]) == load([folder])


def test_content_hash_follows_text_and_paths(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("same words")
    second.write_text("same words")
    assert load([first]).content_hash != load([second]).content_hash
    before = load([first]).content_hash
    first.write_text("other words")
    assert load([first]).content_hash != before
    assert len(before) == 64


def test_one_file_has_no_file_header(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    document = load([path])
    assert (document.text, document.name, document.sections) == ("hello\n", "a.txt", ())


def test_several_paths_keep_their_order_and_equal_names_stay_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "b" / "same.txt", tmp_path / "a" / "same.txt", tmp_path / "c.md"]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"text {number}")
    document = load([*paths, paths[0]])
    assert [s.title for s in document.sections] == [paths[0].as_posix(), paths[1].as_posix(), "c.md"]
    assert document.text.index("text 0") < document.text.index("text 1") < document.text.index("text 2")


@pytest.mark.parametrize(("name", "content"), [("b.exe", b"MZ\x00\x01\x02"), ("c.xyz", b"PK\x03\x04 content")])
def test_unsupported_kinds_name_what_is_supported(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(
        UnsupportedFileError, match=rf"^{name} .*give PDF, Word, .*source code, or a zip or tar of them"
    ):
        load([path])


@pytest.mark.parametrize(("name", "advice"), [("a.doc", r"\.docx"), ("b.pptx", "PDF"), ("c.odt", r"\.docx")])
def test_office_kinds_that_are_not_read_say_how_to_save_them(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0 content")
    with pytest.raises(UnsupportedFileError, match=rf"^{name}: .* save it as {advice}"):
        load([tmp_path / name])


def test_missing_and_unopenable_paths(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"^no\.txt does not exist"):
        load([tmp_path / "no.txt"])
    with pytest.raises(MissingFileError):
        load([Path("bad\0name.txt")])
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(UnsupportedFileError, match="not a regular file"):
        load([tmp_path / "pipe.txt"])


def test_strange_file_names_stay_on_one_line(tmp_path: Path) -> None:
    for number, name in enumerate((b"new\nline.txt", b"latin-\xe9.txt", b"bell\x07.txt")):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(f"text {number}".encode())
    document = load([tmp_path])
    headers = [document.text[s.start : s.header_end] for s in document.sections]
    assert headers == ["File: bell.txt", "File: latin-\ufffd.txt", "File: new line.txt"]
    document.text.encode("utf-8")


def test_a_named_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    assert load([tmp_path / "link.txt"]).text == "hello\n"


def test_an_explicit_bad_file_raises_even_beside_good_ones(folder: Path) -> None:
    with pytest.raises(EmptyFileError):
        load([folder / "zeta.txt", folder / "empty.txt"])
    with pytest.raises(BrokenFileError, match=r"named \.pdf but holds plain text"):
        (folder / "page.pdf").write_text("<html>not found</html>")
        load([folder / "page.pdf"])


def test_a_folder_with_nothing_readable(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError, match="holds no file"):
        load([tmp_path])
    with pytest.raises(EmptyFileError):
        load([])


def test_limits(folder: Path) -> None:
    with pytest.raises(LimitError, match=r"zeta\.txt has 13 bytes, the limit is 5"):
        load([folder / "zeta.txt"], limits=Limits(max_file_bytes=5))
    with pytest.raises(LimitError, match="more than 2 files"):
        load([folder], limits=Limits(max_files=2))
    with pytest.raises(LimitError, match="exceeds 20 characters"):
        load([folder], limits=Limits(max_chars=20))
    report = load([folder], limits=Limits(max_file_bytes=30)).report
    assert "src/deep/notes.txt" in {item.path for item in report.files_unread}


def test_cancel_and_progress(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    load([folder], progress=lambda *call: seen.append(call))
    assert [call[1:] for call in seen] == [(done, len(seen)) for done in range(1, len(seen) + 1)]
    assert {"README.md", "src/deep/notes.txt", "src/main.py", "zeta.txt"} < {call[0] for call in seen}
    calls: list[str] = []
    for number in range(300):  # more than could be parsed before the cancelling is noticed
        (folder / f"note{number}.txt").write_text(f"Note {number}.\n" * 50)
    with pytest.raises(IngestCancelled):
        load([folder], progress=lambda path, *_: calls.append(path), cancel=lambda: len(calls) >= 2)
    assert len(calls) < 300


def test_a_contract_named_txt_gets_its_sections(tmp_path: Path) -> None:
    path = tmp_path / "lease.txt"
    path.write_text("LEASE AGREEMENT\n\n1. RENT\nThe rent is ten.\n1.1 Due Date. In May.\n2. TERM\nOne year.\n")
    document = load([path])
    assert [(s.level, s.title) for s in document.sections] == [
        (1, "LEASE AGREEMENT"),
        (1, "1. RENT"),
        (2, "1.1 Due Date"),
        (1, "2. TERM"),
    ]
