"""/people: admins invite people, set their roles, close accounts, and found organisations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from assistant.entrance import Entrance, Visit
from assistant.errors import AssistantError
from assistant.web.accounts.entry import refused
from assistant.web.accounts.forms import AsAdmin, Fields
from assistant.web.accounts.pages import page
from assistant.web.api.problems import EXPECTED
from storage import Store
from storage.records import LOCAL, NotAllowedError
from storage.records_people import USER_ROLES


def people_pages(entrance: Entrance, store: Store, *, public_url: str) -> APIRouter:
    """The routes. `public_url`: what links begin with; empty: the address that the admin uses."""
    router = APIRouter(include_in_schema=False, prefix="/people")

    def values(visit: Visit) -> dict[str, Any]:
        admin = visit.user.id
        return {
            "users": store.accounts.users(admin),
            "roles": USER_ROLES[::-1],
            "organisations": store.accounts.organisations(admin),
            "pending": store.invitations.pending(admin, datetime.now(UTC)),
            "founds": visit.user.organisation == LOCAL,
            "link": "",
            "link_for": "",
        }

    def linked(request: Request, visit: Visit, token: str, whom: str) -> Response:
        base = public_url or str(request.base_url)
        link = f"{base.rstrip('/')}/join/{token}"
        return page(request, "people", **values(visit) | {"link": link, "link_for": whom})

    @router.get("")
    def show(request: Request, visit: AsAdmin) -> Response:
        return page(request, "people", **values(visit))

    @router.post("/invite")
    def invite(request: Request, visit: AsAdmin, fields: Fields) -> Response:
        try:
            role, organisation = fields.get("role", ""), fields.get("organisation", visit.user.organisation)
            if role not in USER_ROLES:
                raise AssistantError(f"A role is one of: {', '.join(USER_ROLES)}.")
            token = entrance.invite(visit.user.id, organisation=organisation, role=role)
        except EXPECTED as error:
            return refused(request, error, "people", **values(visit))
        return linked(request, visit, token, f"a new {role}")

    @router.post("/password")
    def new_password(request: Request, visit: AsAdmin, fields: Fields) -> Response:
        user = fields.get("user", "")
        try:
            token = entrance.invite(visit.user.id, organisation=visit.user.organisation, role="member", user=user)
        except EXPECTED as error:
            return refused(request, error, "people", **values(visit))
        return linked(request, visit, token, f"a new password of {user}")

    @router.post("/{deed}")
    def do(request: Request, deed: str, visit: AsAdmin, fields: Fields) -> Response:
        try:
            _do(store, visit, deed, fields)
        except EXPECTED as error:
            return refused(request, error, "people", **values(visit))
        return RedirectResponse("/people", 303)

    return router


def _do(store: Store, visit: Visit, deed: str, fields: dict[str, str]) -> None:
    """What changes something and shows nothing. The store checks again that the admin may."""
    admin, user = visit.user.id, fields.get("user", "")
    match deed:
        case "role" if fields.get("role") in USER_ROLES:
            store.accounts.set_role(admin, user, fields["role"])
        case "close" | "open":
            store.accounts.set_barred(admin, user, deed == "close")
        case "withdraw":
            store.invitations.withdraw(admin, fields.get("id", ""))
        case "organisation":
            if visit.user.organisation != LOCAL:
                raise NotAllowedError("Only admins of this installation's own organisation found others.")
            name = fields.get("name", "").strip()[:100]
            if not name:
                raise AssistantError("Give the organisation a name.")
            store.accounts.create_organisation(name)
        case _:
            raise AssistantError("There is nothing to do; choose something on the page.")
