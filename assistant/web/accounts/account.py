"""/account: me, my password, my API keys, where I am logged in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from assistant.entrance import Entrance, Visit
from assistant.errors import AssistantError
from assistant.keys import issue_key
from assistant.web.accounts.entry import refused
from assistant.web.accounts.forms import Fields, LoggedIn
from assistant.web.accounts.pages import address_of, page
from assistant.web.api.problems import EXPECTED
from storage import Store

MOST_KEYS = 50
LONGEST_DAYS = 3650


def account_pages(entrance: Entrance, store: Store) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix="/account")

    def values(visit: Visit) -> dict[str, Any]:
        user = visit.user.id
        return {
            "organisation": store.accounts.organisation(user),
            "keys": [key for key in store.accounts.keys(user) if key.active(datetime.now(UTC))],
            "logins": entrance.logins(user),
            "secret": "",
        }

    @router.get("")
    def show(request: Request, visit: LoggedIn) -> Response:
        return page(request, "account", **values(visit))

    @router.post("/password")
    def change(request: Request, visit: LoggedIn, fields: Fields) -> Response:
        try:
            if fields.get("password", "") != fields.get("again", ""):
                raise AssistantError("The two passwords differ; type them again.")
            old, new = fields.get("old", ""), fields.get("password", "")
            entrance.change_password(visit, old, new, address=address_of(request))
        except EXPECTED as error:
            return refused(request, error, "account", **values(visit))
        return page(request, "account", **values(visit), notice="Your password is changed; other logins have ended.")

    @router.post("/keys")
    def add_key(request: Request, visit: LoggedIn, fields: Fields) -> Response:
        try:
            days = _days(fields.get("days", ""))
            if len(values(visit)["keys"]) >= MOST_KEYS:
                raise AssistantError(f"{MOST_KEYS} keys are the most; revoke one that is not used.")
            secret, _ = issue_key(store, visit.user.id, fields.get("name", "").strip()[:100], days=days)
        except EXPECTED as error:
            return refused(request, error, "account", **values(visit))
        return page(request, "account", **values(visit) | {"secret": secret})

    @router.post("/keys/revoke")
    def revoke(request: Request, visit: LoggedIn, fields: Fields) -> Response:
        try:
            store.accounts.revoke_key(visit.user.id, fields.get("id", ""))
        except EXPECTED as error:
            return refused(request, error, "account", **values(visit))
        return RedirectResponse("/account", 303)

    @router.post("/logins/end")
    def end(request: Request, visit: LoggedIn, fields: Fields) -> Response:
        try:
            if "all" in fields:
                store.logins.end_all(visit.user.id, keep=visit.login.id)
            else:
                store.logins.end(visit.user.id, fields.get("id", ""))
        except EXPECTED as error:
            return refused(request, error, "account", **values(visit))
        return RedirectResponse("/account", 303)

    return router


def _days(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or not 1 <= int(text) <= LONGEST_DAYS:
        raise AssistantError(f"A key is valid for 1 to {LONGEST_DAYS} days, or until it is revoked.")
    return int(text)
