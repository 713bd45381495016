"""Documents on disk: parsed once, found again, gone when deleted, and never half there."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant import library as module
from assistant.library import Library, LibraryFullError
from ingest import IngestError, Limits, load
from ingest.document import CloneError
from tests.fakes import CONTRACT, contract


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def library(root: Path) -> Library:
    return Library(root, Limits())


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
    """Every call of the parser."""
    calls: list[list[Path]] = []
    real = getattr(module, "load")  # noqa: B009

    def counted(paths: list[Path], **options: Any) -> Any:
        calls.append(list(paths))
        return real(paths, **options)

    monkeypatch.setattr(module, "load", counted)
    return calls


def left(root: Path) -> list[str]:
    return sorted(os.listdir(root)) if root.exists() else []


def test_a_document_is_parsed_once_also_after_a_restart(
    library: Library, root: Path, tmp_path: Path, loads: list[list[Path]]
) -> None:
    first = library.add([contract(tmp_path / "a")])
    again = library.add([contract(tmp_path / "b")])
    later = Library(root, Limits()).add([contract(tmp_path / "c")])
    assert len(loads) == 1
    assert first.new and not again.new and again.parse_s == later.parse_s == 0.0
    assert first.id == again.id == later.id
    assert first.document == again.document == later.document
    assert first.bytes == again.bytes == len(CONTRACT.encode())


def test_other_bytes_or_another_name_are_another_document(library: Library, tmp_path: Path) -> None:
    one = library.add([contract(tmp_path)])
    renamed = library.add([contract(tmp_path, name="deed.txt")])
    changed = library.add([contract(tmp_path, CONTRACT + "More.\n")])
    pair = library.add([tmp_path / "contract.txt", tmp_path / "deed.txt"])
    assert len({one.id, renamed.id, changed.id, pair.id}) == 4
    assert (one.document.name, renamed.document.name) == ("contract.txt", "deed.txt")


def test_the_original_is_kept_when_its_file_is_gone(library: Library, root: Path, tmp_path: Path) -> None:
    path = contract(tmp_path)
    held = library.add([path])
    path.unlink()
    assert (root / held.id / "000.txt").read_text("utf-8") == CONTRACT
    found = library.get(held.id)
    assert found and found.document.text == held.document.text


def test_what_was_not_read_is_remembered(library: Library, tmp_path: Path) -> None:
    contract(tmp_path / "folder")
    (tmp_path / "folder" / "tool.bin").write_bytes(bytes(range(256)))
    held = library.add([tmp_path / "folder"])
    found = library.get(held.id)
    assert found and found.document.report == held.document.report
    assert [item.path for item in found.document.report.files_unread] == ["tool.bin"]


def test_a_folder_read_again_is_the_same_document_and_not_new(library: Library, tmp_path: Path) -> None:
    contract(tmp_path / "folder")
    first, second = library.add([tmp_path / "folder"]), library.add([tmp_path / "folder"])
    assert first.id == second.id
    assert first.new and not second.new, "a reading that is cancelled would delete it"


def test_a_git_address_leads_into_the_own_network_only_where_that_is_allowed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CloneError, match="inside a private network"):
        Library(root, Limits(), private_hosts=False).add(["https://127.0.0.1:9/owner/name"])
    with pytest.raises(CloneError, match=r"does not answer|gave up|no git repository"):
        Library(root, Limits()).add(["https://127.0.0.1:9/owner/name"])
    assert not [path for path in root.rglob("*") if path.is_file()]


def test_a_deleted_document_is_gone(library: Library, root: Path, tmp_path: Path) -> None:
    held, other = library.add([contract(tmp_path)]), library.add([contract(tmp_path, name="other.txt")])
    library.delete(held.id)
    library.delete(held.id)
    assert library.get(held.id) is None
    assert left(root) == [other.id]


@pytest.mark.parametrize("damage", ["", "{", '{"version": 0}', "\x00"])
def test_a_damaged_or_outdated_entry_is_parsed_again(library: Library, root: Path, tmp_path: Path, damage: str) -> None:
    held = library.add([contract(tmp_path)])
    (root / held.id / "document.json").write_text(damage)
    assert library.get(held.id) is None
    assert library.add([contract(tmp_path)]).document == held.document
    assert library.get(held.id) is not None


@pytest.mark.parametrize("content", [b"", b"  \n", bytes(range(256)) * 9])
def test_a_file_that_cannot_be_read_leaves_nothing(
    library: Library, root: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(IngestError, match=r"bad\.txt"):
        library.add([path])
    assert left(root) == []


def test_a_missing_file_is_told_by_the_parser(library: Library, root: Path, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"gone\.txt does not exist"):
        library.add([tmp_path / "gone.txt"])
    assert left(root) == []


def test_a_cancelled_parse_leaves_nothing(library: Library, root: Path, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="cancelled"):
        library.add([contract(tmp_path)], cancel=lambda: True)
    assert left(root) == []


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "step", [(Path, "write_text"), (shutil, "copyfile"), (Path, "rename")], ids=lambda step: str(step[1])
)
def test_a_full_disk_is_told_and_leaves_nothing(
    library: Library, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: tuple[object, str]
) -> None:
    path = contract(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(*step, no_room)
        with pytest.raises(LibraryFullError, match="full"):
            library.add([path])
        assert left(root) == []
    assert library.add([path]).document.text == CONTRACT


def test_a_process_that_dies_while_writing_leaves_no_document(
    library: Library, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = contract(tmp_path)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        patch.setattr(Path, "write_text", die)
        with pytest.raises(KeyboardInterrupt):
            library.add([path])
    assert all(name.endswith(".partial") for name in left(root))
    assert library.add([path]).new


def test_a_document_stays_while_another_user_keeps_the_same(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, second = contract(tmp_path), threading.Event()
    parse = load

    def together(*args: Any, **options: Any) -> Any:
        found = parse(*args, **options)
        if not second.is_set():  # the first upload waits while the second one is parsed and kept
            second.set()
            other = library.add([path])
            gone: list[str] = []
            monkeypatch.setattr(shutil, "rmtree", lambda folder, **_: gone.append(Path(folder).name))
            assert library.get(other.id) is not None
            removed.append((other.id, gone))
        return found

    removed: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(module, "load", together)
    held = library.add([path])
    [(kept, gone)] = removed
    assert kept == held.id and kept not in gone and library.get(kept) is not None


def test_another_process_that_was_faster_is_no_error(
    library: Library, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = contract(tmp_path)
    rename: Callable[..., Any] = Path.rename

    def raced(partial: Path, target: Path) -> Any:
        shutil.copytree(partial, target)
        return rename(partial, target)

    monkeypatch.setattr(Path, "rename", raced)
    held = library.add([path])
    assert library.get(held.id) is not None
    assert left(root) == [held.id]


@pytest.mark.parametrize(
    "name",
    [
        "two words (1).txt",
        "..hidden..txt",
        "-rf.txt",
        "a" * 200 + ".txt",
        "Vertrag Straße İ.txt",
        "new\nline.txt",
        "x'\";$(id).txt",
    ],
)
def test_no_name_leads_out_of_the_folder(library: Library, root: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_text(CONTRACT, "utf-8")
    held = library.add([path.parent / ".." / "in" / name])
    assert left(root) == [held.id]
    assert sorted(os.listdir(root / held.id)) == ["000.txt", "document.json"]
    assert set(os.listdir(tmp_path)) - {"parsed"} == {"documents", "in"}  # slowly parsed parts are kept


def test_a_very_long_suffix_is_cut_in_the_copy(library: Library, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "README"
    path.write_text(CONTRACT, "utf-8")
    held = library.add([path])
    assert "000" in os.listdir(root / held.id)
    for file in os.listdir(root / held.id):
        assert len(file) <= len("document.json") + 3


def test_a_name_that_is_no_unicode_is_a_name(library: Library, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"vertr\xe4ge.txt")
    path.write_text(CONTRACT, "utf-8")
    held = library.add([path])
    assert library.add([path]).id == held.id
    json.dumps(dataclasses.asdict(held.document)).encode()


def test_a_file_over_the_limit_is_refused_unread(root: Path, tmp_path: Path) -> None:
    small = Library(root, Limits(max_file_bytes=100))
    with pytest.raises(IngestError, match="limit"):
        small.add([contract(tmp_path)])
    assert left(root) == []
