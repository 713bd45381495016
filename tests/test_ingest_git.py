"""Clones from a real server on this machine: what comes, what must not run, and what every failure says."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.document import CloneError, IngestCancelled, IngestError, LimitError, Limits
from ingest.tree import git, git_url
from ingest.tree.git import Clone, clone
from tests.ingest_git_server import Server, commit, serve
from tests.ingest_git_server import git as run_git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
LIMITS = Limits(clone_seconds=60)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("served")) as server:
        commit(server.root / "plain", {"README.md": "hello\n", "src/a.py": "a = 1\n"}, "first")
        yield server


@pytest.fixture
def server(served: Server) -> Server:
    served.redirect, served.answer, served.stalling = "", 0, False
    served.stall.clear()
    served.headers_seen.clear()
    return served


def get(server: Server, name: str, target: Path, limits: Limits = LIMITS) -> Clone:
    return clone(server.url(name), target, limits=limits, ca_file=server.certificate)


def test_one_commit_comes_with_its_files(server: Server, tmp_path: Path) -> None:
    first = run_git(server.root / "plain", "rev-parse", "HEAD")
    last = commit(server.root / "plain", {"src/a.py": "a = 2\n"}, "second")
    got = get(server, "plain", tmp_path / "t")
    assert got == Clone(last, server.url("plain"))
    assert (tmp_path / "t/src/a.py").read_text() == "a = 2\n"
    assert run_git(tmp_path / "t", "rev-list", "--all", "HEAD").split() == [last]
    assert git.tracked_files(tmp_path / "t") == frozenset(("README.md", "src/a.py"))
    assert get(server, f"plain#{first}", tmp_path / "u").commit == first
    assert (tmp_path / "u/src/a.py").read_text() == "a = 1\n"


@pytest.mark.parametrize("ref", ["#feature/x", "@v1", "#v1", "#annotated"])
def test_branches_and_tags(server: Server, tmp_path: Path, ref: str) -> None:
    folder = server.root / f"refs{ref[1:].replace('/', '-')}{ord(ref[0])}"
    wanted = commit(folder, {"a": "wanted\n"})
    for arguments in (("branch", "feature/x"), ("tag", "v1"), ("tag", "-a", "-m", "t", "annotated")):
        run_git(folder, *arguments)
    commit(folder, {"a": "later\n"})
    got = get(server, folder.name + ref, tmp_path / "t")
    assert (got.commit, got.url) == (wanted, server.url(folder.name))
    assert (tmp_path / "t/a").read_text() == "wanted\n"


def test_nothing_of_the_repository_runs(server: Server, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    script = f"#!/bin/sh\necho x >> {ran}\ncat\n"
    folder = server.root / "hostile"
    files = {
        ".gitattributes": "*.txt filter=evil diff=evil merge=evil\n*.bin filter=lfs\n",
        ".gitconfig": f'[filter "evil"]\n\tsmudge = echo x >> {ran}\n[core]\n\tfsmonitor = {ran}\n',
        "a.txt": "as it was\n", "big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "hooks/post-checkout": script, ".githooks/post-checkout": script, "bare/hooks/post-checkout": script,
        ".lfsconfig": f"[lfs]\n\turl = file://{ran}\n",
    }  # fmt: skip
    commit(folder, files)
    (folder / ".git/hooks/post-checkout").write_text(script)
    get(server, "hostile", tmp_path / "t")
    assert not ran.exists()
    assert (tmp_path / "t/a.txt").read_text() == "as it was\n"
    assert git.lfs_pointer((tmp_path / "t/big.bin").read_bytes())
    assert not list((tmp_path / "t/.git").glob("hooks/*"))


def test_the_users_git_is_not_used(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    ran = tmp_path / "ran"
    (home / ".gitconfig").write_text(
        f'[credential]\n\thelper = "!echo x >> {ran}"\n[core]\n\thooksPath = {home}\n'
        '[http]\n\textraHeader = "X-Mine: y"\n'
    )
    (home / ".netrc").write_text("machine localhost login jo password secret\n")
    (home / "post-checkout").write_text(f"#!/bin/sh\necho x >> {ran}\n")
    (home / "post-checkout").chmod(0o755)
    for name, value in (("HOME", str(home)), ("GIT_TRACE", "1"), ("GIT_SSL_NO_VERIFY", "1"), ("GIT_ASKPASS", "false")):
        monkeypatch.setenv(name, value)
    get(server, "plain", tmp_path / "t")
    with pytest.raises(CloneError, match="certificate is not trusted"):
        clone(server.url("plain"), tmp_path / "u", limits=LIMITS)
    server.answer = 401
    with pytest.raises(CloneError, match="does not exist or is private"):
        get(server, "plain", tmp_path / "v")
    assert not ran.exists()
    assert not [name for seen in server.headers_seen for name in seen if name in ("Authorization", "X-Mine")]


def test_links_lead_nowhere_and_submodules_stay_out(server: Server, tmp_path: Path) -> None:
    folder = server.root / "linked"
    commit(folder, {"a.txt": "a\n"})
    os.symlink("/etc/passwd", folder / "passwd")
    os.symlink("..", folder / "up")
    inner = commit(server.root / "inner", {"b": "b\n"})
    run_git(folder, "update-index", "--add", "--cacheinfo", f"160000,{inner},libs/inner")
    (folder / ".gitmodules").write_text('[submodule "x"]\n\tpath = libs/inner\n\turl = ../inner\n')
    run_git(folder, "add", ".gitmodules", "passwd", "up")
    run_git(folder, "commit", "-q", "-m", "links")
    got = get(server, "linked", tmp_path / "t")
    assert got.submodules == ("libs/inner",)
    assert not any((tmp_path / "t/libs/inner").iterdir())
    for name in ("passwd", "up"):
        assert (tmp_path / "t" / name).is_symlink() and not (tmp_path / "t" / name).exists()
    assert git.submodules((tmp_path / "t/.gitmodules").read_text()) == ("libs/inner",)


def failing(
    server: Server, name: str, target: Path, error: type[IngestError], words: str, limits: Limits = LIMITS
) -> None:
    with pytest.raises(error) as caught:
        get(server, name, target, limits)
    message = str(caught.value)
    assert words in message and message.startswith("https://localhost:") and message.endswith(".")
    assert "\n" not in message and "fatal" not in message
    assert not target.exists()


def test_every_failure_says_what_is_wrong(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "t"
    failing(server, "absent", target, CloneError, "does not exist or is private")
    failing(server, "plain#absent", target, CloneError, "no such branch, tag or commit")
    failing(server, f"plain#{'0' * 39}1", target, CloneError, "no such branch, tag or commit")
    run_git(server.root, "init", "-q", "empty")
    failing(server, "empty", target, CloneError, "is empty")
    for status in (401, 403):
        server.answer = status
        failing(server, "plain", target, CloneError, "does not exist or is private")
    server.answer = 500
    failing(server, "plain", target, CloneError, "cannot be cloned")
    with pytest.raises(CloneError, match="the host is not known"):
        clone("https://no-such-host.invalid/x", target, limits=LIMITS)
    with pytest.raises(CloneError, match="the host does not answer"):
        clone("https://localhost:1/x", target, limits=LIMITS)
    assert not target.exists()


@pytest.mark.parametrize("place", ["http://localhost:1", "file:///tmp", "ssh://localhost", "ext::sh"])
def test_redirects_stay_on_https(server: Server, tmp_path: Path, place: str) -> None:
    server.redirect = place
    failing(server, "plain", tmp_path / "t", CloneError, "sends on to another place")


def test_a_slow_server_is_left(server: Server, tmp_path: Path) -> None:
    server.stalling = True
    failing(server, "plain", tmp_path / "t", LimitError, "within 0.5 seconds", Limits(clone_seconds=0.5))


def test_cancel_ends_the_clone(server: Server, tmp_path: Path) -> None:
    server.stalling = True
    until = time.monotonic() + 0.3
    with pytest.raises(IngestCancelled):
        clone(server.url("plain"), tmp_path / "t", limits=LIMITS, ca_file=server.certificate,
              cancel=lambda: time.monotonic() > until)  # fmt: skip
    assert not (tmp_path / "t").exists()


def test_size_is_bounded_while_it_comes_and_before_it_unfolds(server: Server, tmp_path: Path) -> None:
    commit(server.root / "large", {"a": os.urandom(3_000_000)})
    failing(server, "large", tmp_path / "t", LimitError, "larger than the limit of 1 MB", Limits(max_clone_bytes=10**6))
    commit(server.root / "unfolding", {f"{number}": "x" * 10**6 for number in range(20)})
    limits = Limits(max_clone_bytes=5 * 10**6)
    failing(server, "unfolding", tmp_path / "t", LimitError, "larger than the limit of 5 MB", limits)


def test_a_tree_that_unfolds_without_end_is_not_written(server: Server, tmp_path: Path) -> None:
    folder = server.root / "bomb"
    commit(folder, {"a": "a"})
    tree = run_git(folder, "hash-object", "-w", "--stdin", data=b"x")
    row = f"100644 blob {tree}\tf"
    for _ in range(9):
        rows = "\n".join(row.rpartition("\t")[0] + f"\t{number}" for number in range(10))
        row = f"040000 tree {run_git(folder, 'mktree', data=rows.encode())}\td"
    top = row.split()[2].partition("\t")[0]
    run_git(folder, "update-ref", "refs/heads/main", run_git(folder, "commit-tree", top, "-m", "bomb"))
    failing(server, "bomb", tmp_path / "t", LimitError, "larger than the limit", Limits(max_clone_bytes=2 * 10**6))


def test_the_target_must_be_free(server: Server, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t/mine").write_text("x")
    with pytest.raises(CloneError, match="there already"):
        get(server, "plain", tmp_path / "t")
    assert (tmp_path / "t/mine").read_text() == "x"
    (tmp_path / "u").mkdir()
    assert get(server, "plain", tmp_path / "u").commit


def test_private_addresses_can_be_refused(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "[::ffff:10.0.0.1]", "0.0.0.0"):
        with pytest.raises(CloneError, match="inside a private network"):
            clone(f"https://{host}/x", tmp_path / "t", limits=LIMITS, allow_private=False)
    monkeypatch.setattr(git, "public_addresses", lambda url: ["127.0.0.1"])
    url = server.url("plain", "repo.test")  # a name that only the pinned address makes reachable
    assert clone(url, tmp_path / "t", limits=LIMITS, ca_file=server.certificate, allow_private=False).commit
    server.redirect = server.url("plain").removesuffix("/plain")
    with pytest.raises(CloneError, match="sends on to another place"):
        clone(url, tmp_path / "u", limits=LIMITS, ca_file=server.certificate, allow_private=False)


def test_only_public_addresses_are_public() -> None:
    inside = (
        "10.1.2.3 192.168.0.1 100.64.0.1 224.0.0.1 ::1 fe80::1 fc00::1 64:ff9b::7f00:1 2002:7f00:1:: ::ffff:127.0.0.1"
    )
    for address in inside.split():
        assert not git_url._is_public(address), address
    for address in ("140.82.121.3", "2606:50c0:8000::153"):
        assert git_url._is_public(address)


def test_git_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(CloneError, match="git is not installed"):
        clone("https://localhost/x", tmp_path / "t", limits=LIMITS)
