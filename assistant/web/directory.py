"""Where the header of the page leads: to what a role may see. What it hides is also refused, by gate and store."""

from __future__ import annotations

from assistant.web.header_view import Link
from storage import NotFoundError, Store

_BY_ROLE = {
    "member": (Link("Compare", "/compare/"),),
    "agent": (Link("Compare", "/compare/"), Link("Inbox", "/inbox/"), Link("Signals", "/signals/")),
}
_BY_ROLE["admin"] = _BY_ROLE["agent"]


class Directory:
    """Links by user. `accounts`: people log in here, so there is an account to look after."""

    def __init__(self, store: Store, *, accounts: bool) -> None:
        self._store, self._accounts = store, accounts

    def links(self, user: str) -> tuple[Link, ...]:
        """What this user may go to."""
        try:
            role = self._store.accounts.user(user).role
        except NotFoundError:  # the one person of this machine, before anything was stored
            role = "member"
        found = _BY_ROLE[role]
        if self._accounts:
            found += (Link("People", "/people"),) if role == "admin" else ()
            found += (Link("Account", "/account"),)
        return found
