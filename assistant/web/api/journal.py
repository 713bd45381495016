"""One line of JSON for each request: id, route, status, time. Of what is asked and answered nothing is written."""

from __future__ import annotations

import logging
import re
import time
import traceback
import uuid
from typing import Any

from pythonjsonlogger.json import JsonFormatter
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.web.api.gate import OPEN, guarded
from assistant.web.api.metrics import Metrics
from assistant.web.api.policy import policy
from assistant.web.api.problems import Problem

logger = logging.getLogger("unabridged.http")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_PAGE_HEADERS = {"Content-Security-Policy": policy(), "Cross-Origin-Resource-Policy": "same-origin"}
_API_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Journal:
    """Gives every request an id, measures it, writes it down, and adds the security headers. The outermost layer."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        begin, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope["path"], request_id)
            await send(message)

        fields: dict[str, Any] = {}
        with self._metrics.in_flight.track_inprogress():
            try:
                await self.app(scope, receive, noted)
            except Exception as error:
                fields = failure(error)
                if not status:
                    problem = Problem(500, "Something failed inside; the log has the request id.", "internal_error")
                    await problem.response(scope["path"], request_id)(scope, receive, noted)
        route, taken = route_of(scope), time.perf_counter() - begin
        self._metrics.request(scope["method"], route, status, taken)
        fields |= {"request_id": request_id, "method": scope["method"], "route": route, "status": status}
        level = logging.ERROR if "error" in fields else logging.INFO
        logger.log(level, "request", extra=fields | {"seconds": round(taken, 4)})


def route_of(scope: Scope) -> str:
    """The template of the route, never the path itself: paths hold ids, queries hold words."""
    route = scope.get("route")
    path = getattr(route, "path", "")
    if path and not isinstance(route, Mount):
        return str(path)
    return "unknown" if guarded(scope["path"]) else "page"


def failure(error: BaseException) -> dict[str, Any]:
    """Kind and place of an error. Its message is left out, as it may hold a piece of a document."""
    places = traceback.extract_tb(error.__traceback__)[-8:]
    return {
        "error": type(error).__name__,
        "places": [f"{place.filename}:{place.lineno} {place.name}" for place in places],
    }


def log_as_json(level: int = logging.INFO) -> None:
    """From now on our loggers write JSON lines to stderr. For the program that serves; libraries never call it."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(["asctime", "levelname", "name", "message"], rename_fields={"asctime": "time"}))
    ours = logging.getLogger("unabridged")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(level)


def _add_headers(headers: MutableHeaders, path: str, request_id: str) -> None:
    headers["X-Request-ID"] = request_id
    ours = guarded(path) or path in OPEN
    for name, value in (_HEADERS | (_API_HEADERS if ours else _PAGE_HEADERS)).items():
        headers.setdefault(name, value)
