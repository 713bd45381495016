"""/login, /logout and /join: how people get in and out."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from assistant.attempts import TooManyAttemptsError
from assistant.entrance import Entrance, Visit, WrongLoginError
from assistant.web.accounts.forms import Fields, LoggedIn
from assistant.web.accounts.pages import address_of, forget, page, remember
from assistant.web.api.people import login_token
from assistant.web.api.problems import EXPECTED, problem_of

_LOCAL_PATH = re.compile(r"/(?![/\\])[\w./~-]*")  # within this server: no other host, no query


def entry_pages(entrance: Entrance, *, public_url: str, sso: str) -> APIRouter:
    """The routes. `sso`: the name of the issuer that logs people in, too; empty where there is none."""
    router = APIRouter(include_in_schema=False)

    def entered(request: Request, visit: Visit, target: str) -> Response:
        response = RedirectResponse(target, 303)
        remember(request, response, visit, public_url=public_url)
        return response

    @router.get("/login")
    async def show_login(request: Request, next: str = "/") -> Response:
        return page(request, "login", name="", next=local(next), sso=sso)

    @router.post("/login")
    async def log_in(request: Request, fields: Fields) -> Response:
        name, target = fields.get("name", ""), local(fields.get("next", "/"))
        try:
            visit = await run_in_threadpool(
                entrance.log_in,
                name,
                fields.get("password", ""),
                address=address_of(request),
                agent=request.headers.get("user-agent", ""),
                old=login_token(request.headers),
            )
        except EXPECTED as error:
            return refused(request, error, "login", name=name, next=target, sso=sso)
        return entered(request, visit, target)

    @router.post("/logout")
    async def log_out(request: Request, visit: LoggedIn, fields: Fields) -> Response:
        await run_in_threadpool(entrance.log_out, visit.token)
        response = RedirectResponse("/login", 303)
        forget(request, response, public_url=public_url)
        return response

    @router.get("/join/{link}")
    async def show_join(request: Request, link: str) -> Response:
        try:
            invitation = await run_in_threadpool(entrance.invitation, link, address=address_of(request))
        except EXPECTED as error:
            return refused(request, error, "message", title="This link does not work")
        return page(request, "join", invitation=invitation, name="", sso=sso, link=link)

    @router.post("/join/{link}")
    async def join(request: Request, link: str, fields: Fields) -> Response:
        name, address = fields.get("name", ""), address_of(request)
        try:
            invitation = await run_in_threadpool(entrance.invitation, link, address=address)
        except EXPECTED as error:
            return refused(request, error, "message", title="This link does not work")
        values = {"invitation": invitation, "name": name, "sso": sso, "link": link}
        if fields.get("password", "") != fields.get("again", ""):
            return page(request, "join", 400, error="The two passwords differ; type them again.", **values)
        try:
            user = await run_in_threadpool(entrance.join, link, name, fields.get("password", ""), address=address)
            agent, old = request.headers.get("user-agent", ""), login_token(request.headers)
            visit = await run_in_threadpool(entrance.begin, user.id, agent=agent, old=old, how="invitation")
        except EXPECTED as error:
            return refused(request, error, "join", **values)
        return entered(request, visit, "/")

    return router


def refused(request: Request, error: Exception, name: str, /, **values: object) -> Response:
    """The page again, with what was wrong."""
    headers = {}
    if isinstance(error, TooManyAttemptsError):
        status, headers = 429, {"Retry-After": str(error.wait)}
    else:
        status = 401 if isinstance(error, WrongLoginError) else problem_of(error).status
    response = page(request, name, status, error=str(error), **values)
    response.headers.update(headers)
    return response


def local(path: str) -> str:
    """The path to go on to, if it is one of this server."""
    return path if _LOCAL_PATH.fullmatch(path) else "/"
