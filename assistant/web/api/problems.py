"""What goes wrong, told over HTTP: problem details (RFC 9457), or OpenAI's error object where its clients listen.

NotFoundError 404 · ConflictError, BusyError 409 · NotAllowedError 403 · UnknownBotError 404
wrong questions, schemas and documents 400 · unreadable files 422 · full disks 507 · memory and database 503
"""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from assistant.errors import AssistantError, BusyError, EmptyQuestionError, UnknownBotError
from assistant.library import LibraryFullError
from ingest import IngestError
from sparse_backend import BackendError, Cancelled, ContextTooLongError
from sparse_backend.config import ConstraintError, DiskFullError, OutOfMemoryError
from storage import NotFoundError, StorageError
from storage import records as stored

EXPECTED = (AssistantError, BackendError, IngestError, StorageError)
OPENAI_PATHS = ("/v1/chat/completions",)
_STATUSES: tuple[tuple[type[Exception], int, str], ...] = (  # the first that fits
    (NotFoundError, 404, "not_found"),
    (UnknownBotError, 404, "model_not_found"),
    (stored.ConflictError, 409, "conflict"),
    (BusyError, 409, "busy"),
    (stored.NotAllowedError, 403, "not_allowed"),
    (stored.DiskFullError, 507, "disk_full"),
    (LibraryFullError, 507, "disk_full"),
    (DiskFullError, 507, "disk_full"),
    (OutOfMemoryError, 503, "out_of_memory"),
    (StorageError, 503, "database_unavailable"),
    (ContextTooLongError, 400, "context_length_exceeded"),
    (EmptyQuestionError, 400, "empty_question"),
    (ConstraintError, 400, "schema_not_supported"),
    (Cancelled, 409, "cancelled"),
    (IngestError, 422, "unreadable_file"),
    (AssistantError, 400, "invalid_request"),
    (BackendError, 500, "model_failed"),
)
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is an error. `detail`: one sentence; `code`: for programs; `errors`: which fields, and why."""

    status: int
    detail: str
    code: str
    param: str | None = None
    headers: Mapping[str, str] | None = None
    errors: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        return self.detail

    def body(self, path: str, request_id: str) -> dict[str, Any]:
        """The JSON object for a request to `path`."""
        if path.rstrip("/") in OPENAI_PATHS:
            return {"error": openai_error(self)} | {"request_id": request_id}
        fields: dict[str, Any] = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        return fields | ({"errors": list(self.errors)} if self.errors else {})

    def response(self, path: str, request_id: str) -> JSONResponse:
        """The whole response."""
        kind = "application/json" if path.rstrip("/") in OPENAI_PATHS else "application/problem+json"
        return JSONResponse(self.body(path, request_id), self.status, headers=dict(self.headers or {}), media_type=kind)


def openai_error(problem: Problem) -> dict[str, Any]:
    """The object under `error` that OpenAI's clients understand."""
    kind = "server_error" if problem.status >= 500 else _TYPES.get(problem.status, "invalid_request_error")
    return {"message": problem.detail, "type": kind, "param": problem.param, "code": problem.code}


def problem_of(error: Exception) -> Problem:
    """The problem that an error is; what is not meant for users is not told."""
    if isinstance(error, Problem):
        return error
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            headers = {"Retry-After": "5"} if status == 503 else None
            return Problem(status, str(error), code, headers=headers)
    return Problem(500, "Something failed inside; the log tells more under this request id.", "internal_error")
