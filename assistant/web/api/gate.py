"""The door of the API, before any body is read: who asks, from where, how often. Pure ASGI."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.web.api.people import Caller, People
from assistant.web.api.problems import EXPECTED, Problem, problem_of
from assistant.web.api.quota import Rate

GUARDED = ("/v1", "/metrics", "/mcp")
OPEN = ("/healthz", "/readyz", "/openapi.json")


class Gate:
    """Lets a request of a known caller through, whom it notes in the request's state as `caller`."""

    def __init__(self, app: ASGIApp, *, people: People, requests: Rate, wrong_keys: Rate) -> None:
        self.app = app
        self._people, self._requests, self._wrong_keys = people, requests, wrong_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and guarded(scope["path"]):
            try:
                scope.setdefault("state", {})["caller"] = await self._admit(scope)
            except (Problem, *EXPECTED) as error:
                path, request_id = scope["path"], scope["state"].get("request_id", "")
                await problem_of(error).response(path, request_id)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        if self._people.open_user is not None:
            check_local(headers)
        key = bearer(headers)
        caller = await run_in_threadpool(self._people.caller, key)
        if caller is None:
            if key:  # those with a good key get in, whoever tries wrong ones behind the same address
                self._wrong_keys.hit((scope.get("client") or ("unknown", 0))[0])
            raise Problem(
                401,
                "This needs a valid key: send it as “Authorization: Bearer …”.",
                "invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        self._requests.hit(caller.user)
        if scope["path"].rstrip("/") == "/metrics" and caller.role != "admin":
            raise Problem(403, "Only admins may see the metrics.", "not_allowed")
        return caller


def guarded(path: str) -> bool:
    """Whether only known callers may ask for this path."""
    return any(path == root or path.startswith(root + "/") for root in GUARDED)


def bearer(headers: Headers) -> str | None:
    """The key in the Authorization header."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def check_local(headers: Headers) -> None:
    """Refuses what a foreign web page may send to this machine: by DNS rebinding, or from another origin.

    A browser names the page that asks in Origin; programs send none.
    """
    host = headers.get("host", "")
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise Problem(403, "This server answers as localhost or 127.0.0.1 only.", "wrong_host")
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != host
    if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Problem(403, "Web pages of other origins may not use this server.", "foreign_origin")


def is_loopback(host: str) -> bool:
    """Whether a host name means this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
