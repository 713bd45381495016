"""Pages from templates, in which every value is escaped; and the cookie of a login."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from assistant.entrance import Visit
from assistant.web.accounts.forms import form_token
from assistant.web.api.people import COOKIE, SECURE_COOKIE

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # without it browsers send Origin: null along with forms
}


def page(request: Request, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """The template `name` with `values`. Templates know `visit`, who is logged in, and `token`, for their forms."""
    visit: Visit | None = getattr(request.state, "visit", None)
    token = form_token(visit.token) if visit else ""
    values = {"notice": "", "error": ""} | values
    html = _templates().get_template(f"{name}.html").render(visit=visit, token=token, **values)
    return HTMLResponse(html, status, headers=HEADERS)


def remember(request: Request, response: Response, visit: Visit, *, public_url: str) -> None:
    """Puts a login into the browser's cookie, which no script reads and no other site makes it send along a form."""
    secure = is_secure(request, public_url)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        visit.token,
        max_age=int((visit.login.expires_at - visit.login.created_at).total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def forget(request: Request, response: Response, *, public_url: str) -> None:
    """Takes the cookie back, and what the browser keeps of pages."""
    secure = is_secure(request, public_url)
    name = SECURE_COOKIE if secure else COOKIE
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


def is_secure(request: Request, public_url: str) -> bool:
    """Whether the browser talks TLS, to us or to the proxy in front."""
    return request.url.scheme == "https" or public_url.startswith("https://")


def address_of(request: Request) -> str:
    """Whence a request comes; uvicorn has taken trusted proxies into account."""
    return request.client.host if request.client else "unknown"


@cache
def _templates() -> Environment:
    loader = PackageLoader("assistant.web.accounts")
    templates = Environment(loader=loader, autoescape=select_autoescape(default=True), undefined=StrictUndefined)
    templates.filters["day"] = _day
    return templates


def _day(moment: datetime | None) -> str:
    """A time for people, in UTC as everything stored."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "–"
