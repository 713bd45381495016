"""The account pages put together, with their style sheet; only where there are accounts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response

from assistant.entrance import Entrance
from assistant.web.accounts.account import account_pages
from assistant.web.accounts.entry import entry_pages
from assistant.web.accounts.people import people_pages
from assistant.web.accounts.sso import Issuer, sso_pages
from assistant.web.api.options import ApiOptions

PAGES = ("/login", "/logout", "/join", "/account", "/people", "/sso")


def add_accounts(app: FastAPI, entrance: Entrance, options: ApiOptions) -> None:
    """Adds /login, /logout, /join, /account, /people, and /sso where there is an issuer."""
    store = app.state.api.service.store
    name = options.sso.name if options.sso else ""
    app.include_router(entry_pages(entrance, public_url=options.public_url, sso=name))
    app.include_router(account_pages(entrance, store))
    app.include_router(people_pages(entrance, store, public_url=options.public_url))
    if options.sso:
        issuer = app.state.issuer = Issuer(options.sso, options.public_url)
        app.include_router(sso_pages(entrance, issuer))
    app.add_api_route("/accounts.css", _style, include_in_schema=False)


async def _style() -> Response:
    return Response(_css(), media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@cache
def _css() -> str:
    return (Path(__file__).parent / "accounts.css").read_text("utf-8")
