"""What a form brings, and that it is ours: a token bound to the login stands in each form of somebody logged in."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, Request

from assistant.entrance import Visit
from assistant.web.api.problems import Problem


def form_token(login_token: str) -> str:
    """What stands in the forms of this login. It says nothing about the login's own token."""
    return hmac.new(login_token.encode(), b"unabridged form", hashlib.sha256).hexdigest()


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form, as text. Problem 403 when somebody is logged in and the form's token is not theirs."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem(415, "Send this as a form does.", "not_a_form")
    async with request.form(max_files=0, max_fields=20) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is not None and not hmac.compare_digest(
        fields.get("token", "").encode("utf-8", "surrogateescape"), form_token(visit.token).encode()
    ):
        raise Problem(403, "This form is not from here or too old; open its page again.", "wrong_form")
    return fields


def _visit(request: Request) -> Visit:
    """Who is logged in; those who come with a key have no business on the pages of accounts."""
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is None:
        raise Problem(403, "This page is for people who are logged in.", "not_allowed")
    return visit


def _admin(request: Request) -> Visit:
    visit = _visit(request)
    if visit.user.role != "admin":
        raise Problem(403, "Only admins may do this.", "not_allowed")
    return visit


Fields = Annotated[dict[str, str], Depends(_fields)]
LoggedIn = Annotated[Visit, Depends(_visit)]
AsAdmin = Annotated[Visit, Depends(_admin)]
