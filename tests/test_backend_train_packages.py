"""Downloads of the training corpus: the very version that is named, unpacked whole or not at all."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sparse_backend.train.__main__ import MANIFEST
from sparse_backend.train.texts.packages import fetch, named, sdist

PAGE = """<a href="../../files/Thing-1.5.1.tar.gz#sha256=0">a</a> <a href="../../files/Thing-5.1-py3-none-any.whl">b</a>
<a href="../../files/Thing-5.1.tar.gz#sha256=1&amp;x=2">c</a> <a href="../../files/Thing-5.1.1.tar.gz">d</a>"""


def test_a_version_is_not_taken_for_another_that_ends_like_it() -> None:
    address = "https://index.example/simple/thing/"
    assert sdist(PAGE, address, "5.1") == "https://index.example/files/Thing-5.1.tar.gz"
    with pytest.raises(LookupError, match=r"no source distribution of version 1\.1"):
        sdist(PAGE, address, "1.1")


def test_the_manifest_names_packages_and_licences() -> None:
    names = list(named(MANIFEST))
    assert len(names) == 85 and "pypi_Django-5.1" in names and not any(name.startswith("spdx:") for name in names)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """The address of a package index on this machine, with the files of tmp_path/index."""
    (tmp_path / "index" / "thing").mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_source_distributions_are_unpacked_without_their_outer_folder(tmp_path: Path, index: str) -> None:
    inner, folder = tmp_path / "Thing-5.1", tmp_path / "packages"
    inner.mkdir()
    folder.mkdir()
    (inner / "README").write_text("read me")
    with tarfile.open(tmp_path / "index" / "thing" / "Thing-5.1.tar.gz", "w:gz") as archive:
        archive.add(inner, "Thing-5.1")
    (tmp_path / "index" / "thing" / "index.html").write_text('<a href="Thing-5.1.tar.gz">Thing</a>')
    fetch("pypi_Thing-5.1", folder, index=index)
    assert [path.name for path in folder.iterdir()] == ["pypi_Thing-5.1"]
    assert (folder / "pypi_Thing-5.1" / "README").read_text() == "read me"


def test_other_kinds_are_fetched_by_their_own_tools_and_nothing_stays_of_a_failure(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], room: Path) -> None:
        asked.append(command)
        if command[0] == "npm":
            (room / "angular-core-18.2.8.tgz").write_bytes(b"")
        elif command[0] == "dpkg":
            raise subprocess.CalledProcessError(2, command)
        elif command[0] == "apt-get":
            (room / "zsh-doc_5.9_all.deb").write_bytes(b"")

    fetch("npm_angular-core-18.2.8", tmp_path, run=run)
    assert asked[0][-1] == "@angular/core@18.2.8" and (tmp_path / "npm_angular-core-18.2.8").is_dir()
    fetch("npm_angular-core-18.2.8", tmp_path, run=run)
    assert len(asked) == 2, "it is there"
    with pytest.raises(subprocess.CalledProcessError):
        fetch("zsh-doc", tmp_path, run=run)
    with pytest.raises(LookupError, match="expected one"):
        fetch("zsh", tmp_path, run=lambda command, room: None)
    assert [path.name for path in tmp_path.iterdir()] == ["npm_angular-core-18.2.8"]
