"""Zip and tar: read in memory member by member; bombs, traversal, links and damage end in one clear sentence."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import Document, Limits, load
from ingest.document import BrokenFileError, EmptyFileError, IngestCancelled, IngestError, LimitError

Member = tuple[str, bytes]


def zipped(members: list[Member], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def tarred(members: list[Member], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def read(tmp_path: Path, name: str, data: bytes, **options: object) -> Document:
    path = tmp_path / name
    path.write_bytes(data)
    return load([path], **options)  # type: ignore[arg-type]


def reasons(document: Document) -> dict[str, str]:
    return {item.path: item.reason for item in document.report.files_unread}


MEMBERS = [("b/zeta.txt", b"the last words\n"), ("README.md", b"# Project\n\ntext\n"), ("a.txt", b"the first words\n")]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(MEMBERS)),
        ("stored.zip", zipped(MEMBERS, method=zipfile.ZIP_STORED)),
        ("lzma.zip", zipped(MEMBERS, method=zipfile.ZIP_LZMA)),
        ("a.tar", tarred(MEMBERS, "w")),
        ("a.tar.gz", tarred(MEMBERS)),
        ("a.tgz", tarred(MEMBERS)),
        ("a.tar.bz2", tarred(MEMBERS, "w:bz2")),
        ("a.tar.xz", tarred(MEMBERS, "w:xz")),
    ],
)
def test_every_kind_of_archive_reads_like_the_folder_it_was_made_of(tmp_path: Path, name: str, data: bytes) -> None:
    folder = tmp_path / "same"
    for path, content in MEMBERS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    document = read(tmp_path, name, data)
    assert document.text == load([folder]).text
    assert [s.title for s in document.sections if s.kind == "file"] == ["README.md", "a.txt", "b/zeta.txt"]
    assert document.report.files == 3 and not document.report.unread


def test_names_that_lead_outside_are_left_out_and_nothing_is_written(tmp_path: Path) -> None:
    evil = ["../up.txt", "/etc/absolute.txt", "a/../../up.txt", "C:\\windows.txt", "..\\back.txt", "\\share.txt"]
    members = [(name, b"evil words\n") for name in evil] + [("good.txt", b"good words\n")]
    for name, data in (("a.zip", zipped(members)), ("a.tar", tarred(members, "w"))):
        home = tmp_path / name.replace(".", "-")
        home.mkdir()
        document = read(home, name, data)
        assert document.text == "good words\n"
        left = reasons(document)
        assert len(left) == len(evil) and set(left.values()) == {"its name leads outside the archive"}
        assert [item.name for item in home.rglob("*")] == [name]


def test_links_and_special_files_are_left_out(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("dev", tarfile.BLKTYPE),
            ("p", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("good.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"good\n"))
    document = read(tmp_path, "a.tar", out.getvalue())
    assert document.text == "good\n"
    assert reasons(document) == {
        "link": "a link, not followed",
        "hard": "a link, not followed",
        "dev": "not a regular file",
        "p": "not a regular file",
    }
    zip_out = io.BytesIO()
    with zipfile.ZipFile(zip_out, "w") as packed:
        info_zip = zipfile.ZipInfo("link.txt")
        info_zip.external_attr = 0o120777 << 16
        packed.writestr(info_zip, "/etc/passwd")
        packed.writestr("good.txt", "good\n")
    document = read(tmp_path, "a.zip", zip_out.getvalue())
    assert document.text == "good\n" and reasons(document) == {"link.txt": "a link, not followed"}


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    limits = Limits(max_unpacked_bytes=1_000_000)
    bomb = [(f"{number}.txt", bytes(300_000)) for number in range(4)]
    for name, data in (("a.zip", zipped(bomb)), ("a.tar.gz", tarred(bomb))):
        with pytest.raises(LimitError, match=rf"^{name} holds more than 1,000,000 bytes when unpacked: "):
            read(tmp_path, name, data, limits=limits)


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    data = bytearray(zipped([("a.txt", os.urandom(1000)), ("b.txt", b"x")], method=zipfile.ZIP_STORED))
    entry = data.rindex(b"PK\x01\x02")
    struct.pack_into("<II", data, entry + 20, 2000, 2000)  # the second file claims more bytes than the archive has
    with pytest.raises(LimitError, match="overlap"):
        read(tmp_path, "a.zip", bytes(data))


def test_a_file_that_unpacks_to_more_than_it_declares_is_damaged(tmp_path: Path) -> None:
    data = bytearray(zipped([("lies.txt", b"x" * 50_000), ("good.txt", b"good\n")]))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(mark) + at, 10)
    document = read(tmp_path, "a.zip", bytes(data))
    assert document.text == "good\n" and reasons(document) == {"lies.txt": "damaged inside the archive"}


def test_nested_archives_are_read_to_a_depth_and_share_the_limit(tmp_path: Path) -> None:
    data = zipped([("deep.txt", b"deep words\n")])
    for level in range(5):
        data = zipped([(f"level{level}.zip", data), (f"beside{level}.txt", b"beside words\n")])
    document = read(tmp_path, "a.zip", data)
    assert "level4.zip/level3.zip/beside2.txt" in {s.title for s in document.sections}
    assert "deep words" not in document.text
    assert any("inside" in reason and path.endswith("level1.zip") for path, reason in reasons(document).items())
    heavy = zipped([(f"{number}.zip", zipped([("x.txt", b"words " * 30_000)])) for number in range(9)])
    document = read(tmp_path, "b.zip", heavy, limits=Limits(max_unpacked_bytes=1_000_000))
    assert 0 < document.report.files < 9 and document.report.files + len(document.report.files_unread) == 9
    assert all("1,000,000" in reason or "bytes when unpacked" in reason for reason in reasons(document).values())


def test_archives_of_archives_cost_only_so_many_listings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.tree.reader.MAX_ARCHIVES", 5)
    level = zipped([("a.txt", b"words\n")])
    for _ in range(2):
        level = zipped([(f"{number}.zip", level) for number in range(4)])
    document = read(tmp_path, "a.zip", level)
    assert document.report.files == 4  # the first archive and the four in it; the sixth and all after it are left
    assert reasons(document) == dict.fromkeys(
        ("1.zip", "2.zip", "3.zip"), "one of more than 5 archives inside others: unpack it"
    )


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_damaged_archive_says_so(tmp_path: Path, name: str) -> None:
    good = zipped(MEMBERS) if name == "a.zip" else tarred(MEMBERS, "w" if name == "a.tar" else "w:gz")
    with pytest.raises((BrokenFileError, EmptyFileError), match=rf"^{name} "):
        read(tmp_path, name, good[:60])


def test_members_protected_by_a_password_or_damaged_are_named(tmp_path: Path) -> None:
    data = bytearray(zipped([("secret.txt", b"secret words\n"), ("good.txt", b"good\n")]))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    document = read(tmp_path, "a.zip", bytes(data))
    assert reasons(document) == {"secret.txt": "protected by a password inside the archive"}


def test_the_same_name_twice_is_read_once_and_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped([("a.txt", b"one\n"), ("a.txt", b"two\n"), ("b.txt", b"three\n")])
    document = read(tmp_path, "a.zip", data)
    assert document.report.files == 2 and "two" not in document.text
    assert reasons(document) == {"a.txt": "a second file of the same name in the archive"}


def test_an_archive_of_nothing_readable_is_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError, match=r"^.*a\.zip holds no file that can be read"):
        read(tmp_path, "a.zip", zipped([("a.bin", bytes(range(256)))]))


def test_more_files_than_allowed(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="more than"):
        read(tmp_path, "a.zip", zipped([(f"{n}.txt", b"words\n") for n in range(30)]), limits=Limits(max_files=5))


def test_a_bad_archive_in_a_folder_is_reported_with_the_rest_read(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "bad.zip").write_bytes(zipped(MEMBERS)[:50])
    (tmp_path / "x" / "good.txt").write_text("good words")
    document = load([tmp_path / "x"])
    assert document.text == "good words\n"
    assert reasons(document) == {"bad.zip": "damaged and cannot be unpacked: get the archive again."}


def test_reading_an_archive_can_be_cancelled(tmp_path: Path) -> None:
    asked = threading.Event()

    def cancel() -> bool:
        return asked.is_set()

    def progress(*_: object) -> None:
        asked.set()

    data = zipped([(f"{n:03d}.txt", b"words\n" * 100) for n in range(200)])
    with pytest.raises(IngestCancelled):
        read(tmp_path, "a.zip", data, cancel=cancel, progress=progress)


@pytest.mark.parametrize("make", [zipped, tarred])
def test_damage_anywhere_never_does_worse_than_an_ingest_error(
    tmp_path: Path, make: Callable[[list[Member]], bytes]
) -> None:
    good = make(MEMBERS)
    name = "a.zip" if make is zipped else "a.tar.gz"
    for place in range(0, len(good), max(1, len(good) // 25)):
        data = bytearray(good)
        data[place] ^= 0xFF
        try:
            document = read(tmp_path, name, bytes(data))
        except IngestError as error:
            assert str(error).count("\n") == 0 and name in str(error)
        else:
            assert document.report.files + len(document.report.files_unread) >= 1
