"""Which web pages may send requests here: browsers name the page that asks in Origin and Sec-Fetch-Site."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from assistant.web.api.problems import Problem

SAFE = ("GET", "HEAD", "OPTIONS")
FOREIGN = ("cross-site", "same-site")


def check_local(headers: Headers, *, page: bool = False) -> None:
    """Refuses what a foreign web page may send to this machine: by DNS rebinding, or from another origin.

    Programs send no Origin. `page`: a link elsewhere may open the page itself, which does nothing by being opened.
    """
    host = headers.get("host", "")
    if not is_loopback(host_name(host)):
        raise Problem(403, "This server answers as localhost or 127.0.0.1 only.", "wrong_host")
    if page and opens(headers):
        return
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != host
    if foreign or headers.get("sec-fetch-site") in FOREIGN:
        raise _foreign()


def check_same_site(scope: Scope, headers: Headers, public_host: str) -> None:
    """Refuses what a foreign web page makes a browser send along with the cookie of a login, or into a form.

    What changes something must say that it comes from our own pages: browsers always do. `public_host`: the host and
    port that a proxy in front is known by.
    """
    own = {host for host in (headers.get("host", ""), public_host) if host}
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin == "null" and site == "same-origin":  # what browsers say of a form where the page hides its address
        origin = None
    if origin is not None and urlsplit(origin).netloc not in own:
        raise _foreign()
    if scope["method"] in SAFE:
        if site in FOREIGN and not opens(headers):
            raise _foreign()
    elif site in FOREIGN or (origin is None and site is None):
        raise _foreign()


def opens(headers: Headers) -> bool:
    """Whether somebody follows a link or types an address: the answer fills the window, no page gets to read it."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def host_name(host: str) -> str:
    """The name in a Host header, without the port; empty for what is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name means this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _foreign() -> Problem:
    return Problem(403, "Web pages of other origins may not use this server.", "foreign_origin")
