"""git: one commit of a repository on a server, fetched by the git program with everything off that could run code.

No configuration but ours, no hooks, filters, submodules, credentials or prompts; https only, also after a redirect.
Size and memory are bounded before files are written, time and cancel at any moment; a failure leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.document import CloneError, IngestCancelled, LimitError, Limits
from ingest.sandbox import Cancel
from ingest.tree.git_index import Index, index_of, tracked_files
from ingest.tree.git_url import GitUrl, is_git_url, parse, public_addresses

__all__ = ["Clone", "Index", "clone", "index_of", "is_git_url", "lfs_pointer", "submodules", "tracked_files"]

POLL_SECONDS = 0.1  # how soon a cancel or a passed limit is seen
MAX_ENTRIES = 1_000_000  # of one tree; a small pack can unfold to any number
MAX_DEPTH = 200  # folders in folders
MESSAGE_BYTES = 8_000  # of git's complaint, from its end
LINK, SUBMODULE = "120000", "160000"
LINK_TARGET = "a-link-that-is-not-followed"  # what links point to after a clone: nothing

SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.symlinks=false", "core.autocrlf=false",
    "core.protectHFS=true", "core.protectNTFS=true", "core.attributesFile=/dev/null", "core.excludesFile=/dev/null",
    "core.askPass=true", "core.sshCommand=false", "credential.helper=", "init.defaultBranch=main",
    "protocol.allow=never", "protocol.https.allow=always", "http.sslVerify=true", "http.emptyAuth=false",
    "submodule.recurse=false", "fetch.recurseSubmodules=false", "transfer.bundleURI=false",
    "gc.auto=0", "maintenance.auto=false", "advice.detachedHead=false", "pack.threads=2",
)  # fmt: skip

# What git or curl says (in English, it is asked to), and what that means to the reader of the address.
MEANINGS = (
    (r"Could not resolve (?:host|proxy)", "the host is not known; check the address"),
    (r"certificate|CAfile|subject name", "the host's certificate is not trusted"),
    (r"(?:transport|Protocol) \W?\w+\W? (?:not|\w+ not supported|disabled)|redirect|error: 30\d",
     "the host sends on to another place; give the address that it leads to"),
    (r"could(?:n't| not) find remote ref HEAD", "the repository is empty"),
    (r"could(?:n't| not) find remote ref|not our ref|no such remote ref|not advertised|unadvertised",
     "there is no such branch, tag or commit"),
    (r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|error: 40[134]|not found",
     "it does not exist or is private; check the address, or clone it yourself and give the folder"),
    (r"Failed to connect|Could ?n[o']t connect|Connection (?:refused|reset|timed out)|timed out|unreachable",
     "the host does not answer"),
    (r"not valid: is this a git repository|invalid server response|does not appear to be a git|early EOF|hung up"
     r"|TLS connection|SSL_|protocol error|expected flush|bad line length|unexpected disconnect",
     "there is no git repository at this address, or the host broke off"),
    (r"[Oo]ut of memory|mmap failed|unable to create thread|[Cc]annot allocate", "it needs too much memory"),
    (r"error: 5\d\d", "the host reports a fault of its own; try again later"),
    (r"No space left", "the disk is full"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clone:
    """A finished clone: the full commit id, the address without the ref, and the folders of its submodules (empty)."""

    commit: str
    url: str
    submodules: tuple[str, ...] = ()


def clone(
    url: str,
    target: Path,
    *,
    limits: Limits,
    cancel: Cancel | None = None,
    ca_file: Path | None = None,
    proxy: str = "",
    allow_private: bool = True,
) -> Clone:
    """One commit of the repository at `url` into the folder `target`, which must not exist or be empty.

    With `allow_private` False the host must be on the public internet: its addresses are looked up first and git is
    held to them, and redirects are refused. git before 2.37 cannot be held to them: there a name server that changes
    its answer in between still gets through. Raises CloneError, LimitError or IngestCancelled.
    """
    address = parse(url)
    program = shutil.which("git")
    if program is None:
        raise CloneError(f"{address.url} cannot be cloned: git is not installed; install it, or give a folder.")
    settings = [*SETTINGS, f"http.proxy={proxy}", f"http.followRedirects={'initial' if allow_private else 'false'}"]
    if not allow_private:
        pinned = ",".join(f"[{each}]" if ":" in each else each for each in public_addresses(address))
        settings.append(f"http.curloptResolve={address.host}:{address.port}:{pinned}")
    if ca_file is not None:
        settings.append(f"http.sslCAInfo={ca_file.resolve()}")
    created = not target.exists()
    if not created and (not target.is_dir() or any(target.iterdir())):
        raise CloneError(f"{address.url} cannot be cloned: {target.name} is there already and not empty.")
    target.mkdir(parents=True, exist_ok=True)
    try:
        return _Cloning(program, settings, address, target.resolve(), limits, cancel).run()
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def lfs_pointer(head: bytes) -> bool:
    """Whether a file that starts with `head` only points to content in Git LFS."""
    return (
        re.match(rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\n(?:\S+ .*\n)*?oid sha256:", head)
        is not None
    )


def submodules(text: str) -> tuple[str, ...]:
    """The folders that a .gitmodules file names, in its order."""
    found = re.findall(r'^[ \t]*path[ \t]*=[ \t]*("(?:[^"\\\n]|\\.)*"|[^\n#;]+)', text, re.MULTILINE | re.IGNORECASE)
    paths = (re.sub(r"\\(.)", r"\1", each.strip().strip('"')).strip("/") for each in found)
    return tuple(dict.fromkeys(path for path in paths if path))


class _Cloning:
    """The steps of one clone, each a run of git under the same watch."""

    def __init__(
        self, program: str, settings: list[str], url: GitUrl, target: Path, limits: Limits, cancel: Cancel | None
    ) -> None:
        self._url, self._target, self._limits, self._cancel = url, target, limits, cancel
        self._deadline = time.monotonic() + limits.clone_seconds
        self._command = [program, *(part for setting in settings for part in ("-c", setting))]
        self._work = target / ".git"
        self._environment = {  # nothing of ours: no tokens, no proxies, no GIT_ variables
            "PATH": os.pathsep.join((str(Path(program).parent), os.defpath)),
            "HOME": os.devnull, "XDG_CONFIG_HOME": os.devnull,  # no .netrc, no .gitconfig
            "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "SSH_ASKPASS": "true", "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_ALLOW_PROTOCOL": "https", "GIT_PROTOCOL_FROM_USER": "0", "GIT_DIR": str(self._work),
            "GIT_WORK_TREE": str(target), "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1",
        }  # fmt: skip

    def run(self) -> Clone:
        """Fetch, weigh, write."""
        self._git("init", "--quiet", "--template=")
        self._git("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph",
                  "--", self._url.url, self._url.ref or "HEAD")  # fmt: skip
        commit = self._git("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").decode().strip()
        links, modules = self._weigh(commit)
        self._git("checkout", "--quiet", "--force", "--detach", "--no-recurse-submodules", commit)
        for path in links:
            self._put_link(path)
        return Clone(commit, self._url.url, tuple(modules))

    def _weigh(self, commit: str) -> tuple[list[str], list[str]]:
        """The tree's links and submodules; a LimitError if its files are too many or too large to be written."""
        links: list[str] = []
        modules: list[str] = []
        total = count = 0
        for row in self._git("ls-tree", "-r", "-l", "-z", commit).split(b"\0")[:-1]:
            facts, _, name = row.partition(b"\t")
            mode, _, _, size = facts.decode().split()
            path = os.fsdecode(name)
            links += [path] * (mode == LINK)
            modules += [path] * (mode == SUBMODULE)
            total += int(size) if size.isdigit() else 0
            count += 1
            if path.count("/") > MAX_DEPTH:
                raise LimitError(f"{self._url.url} holds folders more than {MAX_DEPTH} deep: it is not cloned.")
        if total > self._limits.max_clone_bytes or count > MAX_ENTRIES:
            raise self._too_large()
        return links, modules

    def _put_link(self, path: str) -> None:
        """A link to nowhere in the place of the file that git wrote for a link, so that it is told as one."""
        place = self._target / path
        inside = place.parent.resolve() == place.parent  # git wrote no links: ours are the only ones to pass through
        if inside and place.is_file() and not place.is_symlink():
            place.unlink()
            place.symlink_to(LINK_TARGET)

    def _git(self, *arguments: str) -> bytes:
        """Runs git until it ends or a limit is passed; its output, which counts as part of the clone's size."""
        self._work.mkdir(exist_ok=True)
        said, complained = self._work / "said", self._work / "complained"
        with said.open("wb") as out, complained.open("wb") as error:
            child = subprocess.Popen(  # noqa: S603  # a fixed program, no shell, the address was checked
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=error,
                cwd=self._target,
                env=self._environment,
                start_new_session=True,  # so that its helpers end with it
            )
        try:
            _bound_memory(child.pid, self._limits.parse_memory_bytes + self._limits.max_clone_bytes)
            self._watch(child)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)  # with its helpers
                child.wait()
        if child.returncode != 0:
            raise self._failure(complained)
        return said.read_bytes()

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        while True:
            started = time.monotonic()
            if self._cancel is not None and self._cancel():
                raise IngestCancelled(f"Cloning {self._url.url} was cancelled.")
            if started > self._deadline:
                raise LimitError(
                    f"{self._url.url} could not be cloned within {self._limits.clone_seconds:g} seconds: "
                    "clone it yourself and give the folder, or raise the limit."
                )
            if _size(self._target) > self._limits.max_clone_bytes:
                raise self._too_large()
            pause = max(POLL_SECONDS, 4 * (time.monotonic() - started))  # looking must not slow down the writing
            with suppress(subprocess.TimeoutExpired):
                child.wait(pause)
                return

    def _too_large(self) -> LimitError:
        limit = self._limits.max_clone_bytes / 1e6
        return LimitError(
            f"{self._url.url} is larger than the limit of {limit:,.0f} MB: clone it yourself and give a part of it."
        )

    def _failure(self, complained: Path) -> CloneError:
        """One sentence of ours; git's own lines may hold whatever the server sent."""
        with complained.open("rb") as source:
            source.seek(max(0, complained.stat().st_size - MESSAGE_BYTES))
            lines = source.read().decode("utf-8", "replace").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("remote:"))
        meaning = next((words for pattern, words in MEANINGS if re.search(pattern, text)), "git gave up")
        return CloneError(f"{self._url.url} cannot be cloned: {meaning}.")


def _size(folder: Path) -> int:
    total, waiting = 0, [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as scan:
            for entry in scan:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    with suppress(OSError):  # git removes its temporary files
                        total += entry.stat(follow_symlinks=False).st_size
    return total


def _bound_memory(process: int, limit: int) -> None:
    try:
        import resource

        resource.prlimit(process, resource.RLIMIT_AS, (limit, limit))
    except (ImportError, AttributeError, OSError):  # not Linux, or already ended: the other limits still hold
        return
