"""Addresses of repositories, the index of a work tree, and the small files of git."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import load
from ingest.document import CloneError
from ingest.tree.git import is_git_url, lfs_pointer, submodules, tracked_files
from ingest.tree.git_index import read_index
from ingest.tree.git_url import GitUrl, parse
from ingest.tree.reader import SUBMODULE_REASON
from tests.ingest_git_server import commit, git

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://host/x/y", GitUrl("https://host/x/y", "host", 443, "")),
        ("https://Host.org:8443/x/y.git/", GitUrl("https://Host.org:8443/x/y.git/", "host.org", 8443, "")),
        ("https://host/~me/y_z.w-v%20", GitUrl("https://host/~me/y_z.w-v%20", "host", 443, "")),
        ("https://host/x/y#feature/a.b", GitUrl("https://host/x/y", "host", 443, "feature/a.b")),
        ("https://host/x/y.git@v1.2", GitUrl("https://host/x/y.git", "host", 443, "v1.2")),
        ("https://host/x#" + "0f" * 20, GitUrl("https://host/x", "host", 443, "0f" * 20)),
        ("https://[2606:50c0::1]/x", GitUrl("https://[2606:50c0::1]/x", "2606:50c0::1", 443, "")),
    ],
)
def test_addresses_that_may_be_cloned(text: str, url: GitUrl) -> None:
    assert is_git_url(text)
    assert parse(text) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://host/x", "start with https://"),
        ("ssh://git@host/x", "start with https://"),
        ("git@host:x/y.git", "give https://host/x/y.git"),
        ("git://host/x", "start with https://"),
        ("file:///etc", "start with https://"),
        ("ext::sh -c touch% /tmp/x", "start with https://"),
        ("/etc/passwd", "start with https://"),
        ("--upload-pack=touch /tmp/x", "start with https://"),
        (" https://host/x", "start with https://"),
        ("HTTPS://host/x", "start with https://"),
        ("https://user:secret@host/x", "user name or password"),
        ("https://secret@host/x", "user name or password"),
        ("https://host/x?private_token=secret", "question mark"),
        ("https://host", "not the address of a repository"),
        ("https:///x", "not the address of a repository"),
        ("https://-host/x", "not the address of a repository"),
        ("https://host/-x/../../y", "not the address of a repository"),
        ("https://host/x y", "not the address of a repository"),
        ("https://host/x\ny", "not the address of a repository"),
        ("https://host/x\\y", "not the address of a repository"),
        ("https://ho st/x", "not the address of a repository"),
        ("https://host:port/x", "not a valid address"),
        ("https://[::1/x", "not a valid address"),
        ("https://host/x#", "names no valid branch"),
        ("https://host/x@", "names no valid branch"),
        ("https://host/x#--upload-pack=y", "names no valid branch"),
        ("https://host/x#a..b", "names no valid branch"),
        ("https://host/x#a:b", "names no valid branch"),
        ("https://host/x#a b", "names no valid branch"),
        ("https://host/x@a/b", "unclear way"),
        ("https://host/x@a#b", "unclear way"),
    ],
)
def test_addresses_that_are_refused_say_what_to_do(text: str, words: str) -> None:
    with pytest.raises(CloneError) as caught:
        parse(text)
    message = str(caught.value)
    assert words in message
    assert "secret" not in message and "\n" not in message


@pytest.mark.parametrize("text", ["contract.pdf", "/a/b", "../x", "C:\\x\\y", "a b", "", ".", "x@y", "folder/a:b"])
def test_paths_are_no_addresses(text: str) -> None:
    assert not is_git_url(text)


@pytest.mark.parametrize("text", ["https://h/x", "http://h/x", "git@h:x", "ssh://h/x", "ext::sh", "file:///x"])
def test_everything_like_an_address_is_one(text: str) -> None:
    assert is_git_url(text)


FILES = {"a.txt": "a", "d/b.py": "b", "d/e/ü ß.md": "c", "d/" + "long" * 40: "d", "x y": "e"}


@needs_git
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_tracked_files_are_what_git_says(version: str, tmp_path: Path) -> None:
    commit(tmp_path, FILES)
    (tmp_path / "new").write_text("")
    git(tmp_path, "add", "-N", "new")  # an entry with the longer flags of version 3
    git(tmp_path, "update-index", "--index-version", version)
    listed = git(tmp_path, "-c", "core.quotePath=false", "ls-files").splitlines()
    assert tracked_files(tmp_path) == frozenset(listed) == {*FILES, "new"}


@needs_git
def test_links_submodules_and_untracked_files_are_not_tracked(tmp_path: Path) -> None:
    head = commit(tmp_path, FILES)
    (tmp_path / "link").symlink_to("a.txt")
    git(tmp_path, "add", "link")
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    (tmp_path / "untracked").write_text("")
    assert tracked_files(tmp_path) == frozenset(FILES)


@needs_git
def test_every_submodule_that_is_not_here_is_reported(tmp_path: Path) -> None:
    head = commit(tmp_path, {"a.txt": "words\n", ".gitignore": "ignored/\n"})
    for path in ("libs/one", "libs/two", "libs/two-more", "here", "nested/deep/er", "ignored/sub", "strange\nname"):
        git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{head},{path}")
    (tmp_path / "libs/two").mkdir(parents=True)
    (tmp_path / "libs/two/.git").write_text("gitdir: ../../.git/modules/two\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/b.txt").write_text("more words\n")
    (tmp_path / ".gitmodules").write_text('[submodule "one"]\npath = libs/one\n[submodule "x"]\npath = only/named\n')
    report = load([tmp_path]).report
    assert {item.path for item in report.files_unread if item.reason == SUBMODULE_REASON} == {
        "libs/one", "libs/two", "libs/two-more", "nested/deep/er", "ignored/sub", "strange name", "only/named",
    }  # fmt: skip
    assert report.files >= 2


@needs_git
def test_an_index_in_another_form(tmp_path: Path) -> None:
    commit(tmp_path, FILES)
    data = (tmp_path / ".git/index").read_bytes()
    (tmp_path / ".git/index").write_bytes(data[:-20] + bytes(20))  # index.skipHash
    assert tracked_files(tmp_path) == frozenset(FILES)
    (tmp_path / ".git/index").write_bytes(data[:-1] + b"?")
    assert tracked_files(tmp_path) is None
    (tmp_path / ".git/index").write_bytes(data)
    git(tmp_path, "update-index", "--split-index")
    assert tracked_files(tmp_path) is None
    sha256 = tmp_path / "sha256"
    subprocess.run(["git", "init", "-q", "--object-format=sha256", sha256], check=True)
    commit(sha256, FILES)
    assert tracked_files(sha256) == frozenset(FILES)


def test_folders_whose_index_is_not_their_own(tmp_path: Path) -> None:
    assert tracked_files(tmp_path) is None
    (tmp_path / ".git").write_text("gitdir: /elsewhere\n")
    assert tracked_files(tmp_path) is None
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    assert tracked_files(other) is None
    (other / ".git/index").symlink_to("/etc/passwd")
    assert tracked_files(other) is None


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_a_damaged_index_is_no_index(rest: bytes, version: int, count: int) -> None:
    body = b"DIRC" + version.to_bytes(4, "big") + count.to_bytes(4, "big") + rest
    try:
        found = read_index(body + hashlib.sha1(body).digest())
    except (ValueError, IndexError) as error:
        assert error
    except Exception as error:
        assert type(error).__name__ == "error"  # struct's own
    else:
        assert all(isinstance(path, str) for path, _ in found)


def test_pointers_of_large_file_storage() -> None:
    assert lfs_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    assert lfs_pointer(b"version https://git-lfs.github.com/spec/v1\next-0-x sha256:1\noid sha256:4d7a\nsize 1\n")
    assert not lfs_pointer(b"version https://git-lfs.github.com/spec/v1 is how a pointer begins\n")
    assert not lfs_pointer(b"A text about\nversion https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n")
    assert not lfs_pointer(b"")


def test_submodules_are_read_as_text() -> None:
    text = '[submodule "a"]\n\tpath = libs/a\n\turl = u\n[submodule "b"]\n  Path="lib b/"  ; note\n'
    text += "\turl = path = x\n# path = c\n"
    assert submodules(text) == ("libs/a", "lib b")
    assert submodules("") == ()
