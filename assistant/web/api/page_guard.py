"""Keeps users of the page apart where Gradio does not: its sessions, files and events belong to whom they came from.

Gradio takes whoever knows a session's or file's name for its owner. Here the first user who names a session owns it; a
file belongs to whom it was uploaded by or shown to; what is another's does not exist. Pure ASGI, behind the gate.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.web.api.gate import of_gradio
from assistant.web.api.people import Caller
from assistant.web.api.problems import Problem

_FILE = re.compile(r"file[=/](.*)", re.DOTALL)
_SESSION = re.compile(r"(?:heartbeat|stream)/([^/]+)")
_EVENT = re.compile(r"call/(?:v2/)?[^/]+/([0-9a-f]{32})/?")
_PATH = re.compile(rb'"path": ?("(?:[^"\\]|\\.)*")')  # of a file, in what handlers give to the page
_EVENT_ID = re.compile(rb'"event_id": ?"([0-9a-f]{32})"')


class Owners:
    """Whose names are. The names that were longest not used are forgotten beyond `most`, and are nobody's then."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._users: OrderedDict[tuple[str, str], set[str]] = OrderedDict()

    def claim(self, kind: str, name: str, user: str) -> bool:
        """Whether the name is the user's alone; it becomes so if it was nobody's."""
        with self._lock:
            return self._of(kind, name, user) == {user}

    def add(self, kind: str, name: str, user: str) -> None:
        """Makes the name the user's, too: two who upload the same file have it under one name."""
        with self._lock:
            self._of(kind, name, user).add(user)

    def has(self, kind: str, name: str, user: str) -> bool:
        """Whether the name is known as the user's."""
        with self._lock:
            return user in self._users.get((kind, name), ())

    def _of(self, kind: str, name: str, user: str) -> set[str]:
        owners = self._users.setdefault((kind, name), {user})
        self._users.move_to_end((kind, name))
        while len(self._users) > self._most:
            self._users.popitem(last=False)
        return owners


class PageGuard:
    """Answers 404 to whoever names a session, an event or a file of somebody else."""

    def __init__(self, app: ASGIApp, owners: Owners | None = None) -> None:
        self.app = app
        self._owners = owners or Owners()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = of_gradio(scope["path"]) if scope["type"] == "http" else ""
        if not asked:
            await self.app(scope, receive, send)
            return
        caller: Caller = scope["state"]["caller"]
        allowed = self._names_allowed(asked, scope["query_string"], caller.user)
        if allowed and scope["method"] == "POST" and not asked.startswith("upload"):
            try:
                body = await _read(receive)
            except HTTPException as error:  # too large, or too slow
                problem = Problem(error.status_code, str(error.detail), "body", headers=error.headers)
                await problem.response(scope["path"], scope["state"].get("request_id", ""))(scope, receive, send)
                return
            allowed = body is not None and self._body_allowed(body, caller.user)
            receive = _again(body or b"", receive)
        if not allowed:
            problem = Problem(404, "There is nothing of yours by this name.", "not_found")
            await problem.response(scope["path"], scope["state"].get("request_id", ""))(scope, receive, send)
            return
        await self.app(scope, receive, self._noting(asked, caller.user, send))

    def _names_allowed(self, path: str, asked: bytes, user: str) -> bool:
        query = parse_qs(asked.decode("latin-1"))
        if found := _FILE.fullmatch(path):
            return self._owners.has("file", found[1], user)
        if found := _EVENT.fullmatch(path):
            return self._owners.has("event", found[1], user)
        sessions = [*query.get("session_hash", ()), *((found[1],) if (found := _SESSION.match(path)) else ())]
        return all(self._owners.claim("session", each, user) for each in sessions) and all(
            self._owners.claim("upload", each, user) for each in query.get("upload_id", ())
        )

    def _body_allowed(self, body: bytes, user: str) -> bool:
        try:
            sent = json.loads(body)
        except ValueError:
            return True  # no JSON: Gradio refuses it itself
        session = sent.get("session_hash") if isinstance(sent, dict) else None
        if isinstance(session, str) and not self._owners.claim("session", session, user):
            return False
        event = sent.get("event_id") if isinstance(sent, dict) else None
        if isinstance(event, str) and not self._owners.has("event", event, user):
            return False
        return all(self._owners.has("file", path, user) for path in _files(sent))

    def _noting(self, path: str, user: str, send: Send) -> Send:
        """Notes the files and events that the user is given."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.body" and (body := message.get("body")):
                if path.startswith("upload"):
                    _note(self._owners, "file", _listed(body), user)
                elif not path.startswith("file"):
                    _note(self._owners, "file", (json.loads(each) for each in _PATH.findall(body)), user)
                    _note(self._owners, "event", (each.decode() for each in _EVENT_ID.findall(body)), user)
            await send(message)

        return noted


def _note(owners: Owners, kind: str, names: Iterator[str] | list[str], user: str) -> None:
    for name in names:
        owners.add(kind, name, user)


def _listed(body: bytes) -> list[str]:
    try:
        found = json.loads(body)
    except ValueError:
        return []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _files(thing: Any) -> Iterator[str]:
    """Every absolute `path` in what the page sends; other paths are names within documents."""
    stack = [thing]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            path = each.get("path")
            if isinstance(path, str) and (path.startswith(("/", "\\")) or ".." in path):
                yield path
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)


async def _read(receive: Receive) -> bytes | None:
    """The whole body, whose size the layer outside limits; None when the client left."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body once more, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
