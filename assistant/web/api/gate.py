"""The door, before any body is read: who asks, from where, how often. Everything passes it. Pure ASGI."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.web.api.origins import SAFE, check_local, check_same_site, host_name, is_loopback
from assistant.web.api.people import Caller, People
from assistant.web.api.problems import EXPECTED, Problem, problem_of
from assistant.web.api.quota import Rate

GUARDED = ("/v1", "/metrics", "/mcp")
OPEN = ("/healthz", "/readyz", "/openapi.json")
PUBLIC = ("/login", "/join", "/sso", "/accounts.css", "/favicon.ico", "/robots.txt")  # whoever is not logged in yet
CLOSED = (  # of Gradio's own routes those that nobody needs
    "proxy=",
    "runs",
    "run-history",
    "profiling",
    "dev/",
    "vibe-",
    "undo-vibe-edit",
    "token",
    "app_id",
    "deep_link",
)


class Gate:
    """Lets a request of a known caller through, whom it notes in the request's state as `caller`.

    A caller has an API key, or is logged in (then the state has their `visit`, too), or is the one person of a machine
    that serves nobody else. `public_url`: how a proxy in front is called; then no other host name is answered to.
    """

    def __init__(self, app: ASGIApp, *, people: People, requests: Rate, wrong_keys: Rate, public_url: str = "") -> None:
        self.app = app
        self._people, self._requests, self._wrong_keys = people, requests, wrong_keys
        self._public_host = urlsplit(public_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            scope.setdefault("state", {})
            try:
                await self._admit(scope)
            except (Problem, *EXPECTED) as error:
                await self._refusal(scope, problem_of(error))(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        path, headers = scope["path"], Headers(scope=scope)
        if path in OPEN:
            return
        if of_gradio(path).startswith(CLOSED) or "/monitoring" in path:
            raise Problem(404, "There is no such page.", "not_found")
        page = not guarded(path)
        if self._people.open_user is not None:
            check_local(headers, page=page and scope["method"] in SAFE)
            scope["state"]["caller"] = await run_in_threadpool(self._people.caller, bearer(headers))
        else:
            self._check_host(headers)
            if under(path, PUBLIC):
                check_same_site(scope, headers, self._public_host)
                return
            await self._recognise(scope, headers)
        caller: Caller = scope["state"]["caller"]
        if not page or (scope["method"] not in SAFE and self._people.open_user is None):
            self._requests.hit(caller.user)
        if path.rstrip("/") == "/metrics" and caller.role != "admin":
            raise Problem(403, "Only admins may see the metrics.", "not_allowed")

    async def _recognise(self, scope: Scope, headers: Headers) -> None:
        """Notes the caller by their key or, without one, by the cookie of their login; Problem 401."""
        key = bearer(headers)
        if key:
            caller = await run_in_threadpool(self._people.caller, key)
            if caller is None:  # those with a good key get in, whoever tries wrong ones behind the same address
                self._wrong_keys.hit((scope.get("client") or ("unknown", 0))[0])
                raise _unknown()
            scope["state"]["caller"] = caller
            return
        visit = await run_in_threadpool(self._people.visit, headers)
        if visit is None:
            raise _unknown()
        check_same_site(scope, headers, self._public_host)
        scope["state"]["caller"] = Caller(visit.user.id, visit.user.role)
        scope["state"]["visit"] = visit

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._public_host and host != self._public_host and not is_loopback(host_name(host)):
            raise Problem(421, f"This server answers as {self._public_host} only.", "wrong_host")

    def _refusal(self, scope: Scope, problem: Problem) -> Response:
        """The problem, or the way to the login for somebody who opens a page."""
        path, wanted = scope["path"], Headers(scope=scope).get("accept", "")
        if problem.status == 401 and scope["method"] == "GET" and "text/html" in wanted and not guarded(path):
            return RedirectResponse(f"/login?next={quote(path)}" if path != "/" else "/login", 303)
        return problem.response(path, scope["state"].get("request_id", ""))


def of_gradio(path: str) -> str:
    """What a path asks of Gradio's own API, of whichever page; empty for other paths."""
    return path.partition("/gradio_api/")[2]


def guarded(path: str) -> bool:
    """Whether the path is the API's: for programs."""
    return under(path, GUARDED)


def under(path: str, roots: tuple[str, ...]) -> bool:
    """Whether the path is one of these or lies below one."""
    return any(path == root or path.startswith(root + "/") for root in roots)


def bearer(headers: Headers) -> str | None:
    """The key in the Authorization header."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def _unknown() -> Problem:
    return Problem(
        401,
        "This needs a valid key: send it as “Authorization: Bearer …”.",
        "invalid_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )
