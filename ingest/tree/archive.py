"""An archive, from the parent's side: its entries, control files and members, all through the sandbox."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from types import TracebackType
from typing import BinaryIO

from ingest.document import BrokenFileError, IngestError, LimitError, Limits, Unread
from ingest.sandbox import Cancel, Message, Sandbox
from ingest.text import one_line
from ingest.tree.entry import Entry

_WORKER = "ingest.tree.archive_worker"


class Archive:
    """A zip or tar in `source`; `unpacked` bytes of its kind were read before and count towards the limit.

    `sandbox` serves no other archive until this one is closed.
    """

    def __init__(
        self,
        source: BinaryIO | bytes,
        shown: str,
        limits: Limits,
        sandbox: Sandbox,
        *,
        unpacked: int = 0,
        cancel: Cancel | None = None,
    ) -> None:
        self._source, self._shown, self._limits, self._cancel = source, shown, limits, cancel
        self._left = max(0, limits.max_unpacked_bytes - unpacked)
        self._sandbox = sandbox
        self._running: Iterator[Message] = iter(())
        self.control: dict[str, bytes] = {}

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._running, Generator):
            self._running.close()  # ends the sandbox too if it is in the middle of something

    def entries(self) -> list[Entry]:
        """Everything in it but folders, `control` is filled; LimitError for a bomb, BrokenFileError for damage."""
        found: list[Entry] = []
        for message in self._messages("list", []):
            if "control" in message:
                self.control[str(message["control"])] = message["data"]
            elif "entry" in message:
                name, size, problem = message["entry"]
                found.append(Entry(str(name), int(size), str(problem)))
        return found

    def members(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes | Unread]]:
        """The wanted files in the archive's order, one at a time; Unread where one cannot be read."""
        waiting = dict.fromkeys(wanted)
        for message in self._messages("read", list(wanted)):
            name = str(message.get("member", message.get("unread")))
            if name in waiting:
                del waiting[name]
                yield name, message["data"] if "member" in message else Unread(name, None, str(message["reason"]))
        for name in waiting:
            yield name, Unread(name, None, "missing in the archive")

    def _messages(self, mode: str, wanted: list[str]) -> Iterator[Message]:
        request = {
            "mode": mode,
            "wanted": wanted,
            "max_members": 2 * self._limits.max_files,
            "max_member_bytes": self._limits.max_file_bytes,
            "max_bytes": self._left,
        }
        self._running = self._sandbox.messages(
            _WORKER, self._source, request, name=self._shown, cancel=self._cancel, renew=True
        )
        for message in self._running:
            if "error" in message:
                raise self._error(str(message["error"]), one_line(str(message.get("detail", ""))))
            yield message

    def _error(self, kind: str, detail: str) -> IngestError:
        if kind == "limit":
            return LimitError(f"{self._shown} holds {detail}: unpack it and give the files that matter.")
        return BrokenFileError(f"{self._shown} is damaged and cannot be unpacked: get the archive again.")
