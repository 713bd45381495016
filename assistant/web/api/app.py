"""The API put together: routes, errors, and the layers that every request passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import Response

from assistant.service import Service
from assistant.web.accounts.pages import page
from assistant.web.accounts.routes import PAGES, add_accounts
from assistant.web.api import bots, completions, conversations, files, operations
from assistant.web.api.bodies import Bodies
from assistant.web.api.gate import Gate, under
from assistant.web.api.journal import Journal
from assistant.web.api.options import ApiOptions
from assistant.web.api.page_guard import PageGuard
from assistant.web.api.policy import Policy
from assistant.web.api.problems import EXPECTED, Problem, problem_of
from assistant.web.api.state import ApiState
from assistant.web.api.wire import ProblemObject

DESCRIPTION = """Ask about whole documents: every token is read, nothing is chunked, retrieved or trimmed.

Upload with `POST /v1/files`, ask with `POST /v1/chat/completions` (OpenAI's clients work unchanged; `model` is a bot),
look back with `/v1/conversations`. Send your key as `Authorization: Bearer …`; a server for one person on 127.0.0.1
needs none. Errors are problem details (RFC 9457), except for `/v1/chat/completions`, which sends OpenAI's error
object. Things of other users do not exist: 404.
"""
_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused.", "content": {"application/problem+json": {}}, "model": ProblemObject},
    "5XX": {"description": "Failed.", "content": {"application/problem+json": {}}, "model": ProblemObject},
}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_CODES = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}


def build_api(service: Service, options: ApiOptions) -> FastAPI:
    """The application; a page may be mounted on it behind the API's own routes."""
    state = ApiState.of(service, options)
    app = FastAPI(
        title="Unabridged",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.api = state
    known = [Depends(HTTPBearer(auto_error=False, description="An API key; see docs/api.md."))]
    for module in (completions, files, conversations, bots):
        app.include_router(module.router, dependencies=known, responses=_ERRORS)
    app.include_router(operations.router)
    if options.open_user is None:
        add_accounts(app, state.entrance, options)
    app.add_api_route("/v1/{rest:path}", _nothing, methods=_METHODS, include_in_schema=False)  # not the page's
    for kind in (*EXPECTED, Problem):
        app.add_exception_handler(kind, _refuse)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(RequestValidationError, _refuse_fields)
    app.add_middleware(PageGuard)
    app.add_middleware(Policy)
    app.add_middleware(Bodies, most=options.most_bytes, grace_s=options.upload_grace_s, rate=options.min_upload_rate)
    app.add_middleware(
        Gate,
        people=state.people,
        requests=state.requests,
        wrong_keys=state.wrong_keys,
        public_url=options.public_url,
    )
    app.add_middleware(Journal, metrics=state.metrics)  # added last, so it is the outermost
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: ApiState = app.state.api
    state.uploads.resume()
    yield
    state.closing = True
    state.uploads.close()


async def _nothing() -> None:
    raise Problem(404, "There is no such route; /openapi.json lists them.", "not_found")


def _answer(request: Request, problem: Problem) -> Response:
    """A page for somebody before a form of ours, an object for programs."""
    path, wanted = request.url.path, request.headers.get("accept", "")
    if "text/html" in wanted and under(path, PAGES) and request.app.state.api.options.open_user is None:
        return page(request, "message", problem.status, title="This was refused", error=problem.detail)
    return problem.response(request.url.path, getattr(request.state, "request_id", ""))


async def _refuse(request: Request, error: Exception) -> Response:
    return _answer(request, problem_of(error))


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "invalid_request")
    detail = f"{str(error.detail).rstrip('.')}."
    return _answer(request, Problem(error.status_code, detail, code, headers=error.headers))


async def _refuse_fields(request: Request, error: Exception) -> Response:
    """Which fields are wrong, and why; never what was in them."""
    assert isinstance(error, RequestValidationError)
    found = [
        {"field": ".".join(str(step) for step in each["loc"][1:]) or str(each["loc"][0]), "reason": each["msg"]}
        for each in error.errors()[:20]
    ]
    first = found[0]
    return _answer(
        request,
        Problem(
            400 if "chat/completions" in request.url.path else 422,
            f"{first['field']}: {first['reason']}.",
            "invalid_fields",
            first["field"],
            errors=found,
        ),
    )
