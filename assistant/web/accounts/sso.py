"""Login by an OpenID Connect issuer: Authlib does discovery, PKCE, state, nonce and the checks of the ID token."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Request
from joserfc.errors import JoseError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from assistant.entrance import Entrance
from assistant.errors import AssistantError
from assistant.web.accounts.entry import refused
from assistant.web.accounts.pages import address_of, is_secure, remember
from assistant.web.api.options import SsoOptions
from assistant.web.api.people import login_token
from assistant.web.api.problems import EXPECTED
from storage import NotFoundError
from storage.records_people import User

COOKIE = "unabridged_sso"
MINUTES = 10  # how long somebody may take at the issuer
_MOST = 10_000  # logins under way; the oldest are forgotten
_TITLE = "Logging in did not work"


class SsoError(AssistantError):
    """The issuer cannot be used, or did not vouch for anybody."""


class Issuer:
    """The issuer as Authlib knows it, and the logins under way, in the memory of this process."""

    def __init__(self, options: SsoOptions, public_url: str) -> None:
        """Nothing is asked of the issuer yet. Raises SsoError when a setting is missing."""
        if not (options.issuer and options.client_id and options.client_secret):
            raise SsoError("Login by an issuer needs UNABRIDGED_OIDC_ISSUER, _OIDC_CLIENT_ID and _OIDC_CLIENT_SECRET.")
        if not public_url:
            raise SsoError("Login by an issuer needs UNABRIDGED_PUBLIC_URL, the address that people reach us at.")
        self.options = options
        self.public_url = public_url.rstrip("/")
        self.client = OAuth().register(
            "oidc",
            server_metadata_url=f"{options.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_id=options.client_id,
            client_secret=options.client_secret,
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
        )
        self._flows: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    @property
    def back(self) -> str:
        """Where the issuer sends people back to; registered there as the redirect URI."""
        return f"{self.public_url}/sso/back"

    async def check(self) -> None:
        """Raises SsoError when the issuer does not answer as the one that is set."""
        try:
            told = await self.client.load_server_metadata()
        except (httpx2.HTTPError, ValueError) as error:
            raise SsoError(
                f"The issuer {self.options.issuer} cannot be asked ({error}); check UNABRIDGED_OIDC_ISSUER."
            ) from error
        if str(told.get("issuer", "")).rstrip("/") != self.options.issuer.rstrip("/"):
            raise SsoError(
                f"{self.options.issuer} calls itself {told.get('issuer')}; set UNABRIDGED_OIDC_ISSUER to that."
            )
        missing = [each for each in ("authorization_endpoint", "token_endpoint", "jwks_uri") if not told.get(each)]
        if missing:
            raise SsoError(f"The issuer {self.options.issuer} does not tell its {' and '.join(missing)}.")

    def start(self) -> tuple[str, dict[str, Any]]:
        """A login under way: the name that the browser keeps, and what Authlib keeps of it."""
        now = time.monotonic()
        while self._flows and (len(self._flows) >= _MOST or next(iter(self._flows.values()))[0] < now):
            self._flows.popitem(last=False)
        name, kept = secrets.token_urlsafe(32), dict[str, Any]()
        self._flows[name] = (now + MINUTES * 60, kept)
        return name, kept

    def take(self, name: str) -> dict[str, Any]:
        """What was kept; once. Raises SsoError."""
        end, kept = self._flows.pop(name, (0.0, {}))
        if end < time.monotonic():
            raise SsoError(
                f"This login was not begun in this browser, or more than {MINUTES} minutes ago; begin again."
            )
        return kept

    async def subject(self, request: Request, kept: dict[str, Any]) -> dict[str, Any]:
        """The claims of whom the issuer vouches for. Raises SsoError."""
        request.scope["session"] = kept
        if not kept or not request.query_params.get("state"):
            raise SsoError("The issuer's answer belongs to no login that was begun here; begin again.")
        try:
            token = await self.client.authorize_access_token(request)
        except (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            why = getattr(error, "error", "") or type(error).__name__
            raise SsoError(f"The issuer did not vouch for you ({why}); begin again.") from error
        claims: dict[str, Any] = dict(token.get("userinfo") or {})
        if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
            raise SsoError("The issuer did not say who you are.")
        return claims


def sso_pages(entrance: Entrance, issuer: Issuer) -> APIRouter:
    """/sso/start, which may take a one-time link along, and /sso/back."""
    router = APIRouter(include_in_schema=False, prefix="/sso")

    @router.get("/start")
    async def start(request: Request, link: str = "") -> Response:
        name, kept = issuer.start()
        request.scope["session"] = kept
        try:
            await issuer.check()
        except SsoError as error:
            return refused(request, error, "message", title=_TITLE)
        response: Response = await issuer.client.authorize_redirect(request, issuer.back)
        kept["link"] = link[:100]
        secure = is_secure(request, issuer.public_url)
        response.set_cookie(COOKIE, name, MINUTES * 60, path="/sso", secure=secure, httponly=True, samesite="lax")
        return response

    @router.get("/back")
    async def back(request: Request) -> Response:
        try:
            kept = issuer.take(request.cookies.get(COOKIE, ""))
            link = str(kept.pop("link", ""))
            claims = await issuer.subject(request, kept)
            user = await run_in_threadpool(whom, entrance, issuer.options, claims, link, address_of(request))
            agent, old = request.headers.get("user-agent", ""), login_token(request.headers)
            visit = await run_in_threadpool(entrance.begin, user.id, agent=agent, old=old, how="issuer")
        except EXPECTED as error:
            return refused(request, error, "message", title=_TITLE)
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE, path="/sso")
        remember(request, response, visit, public_url=issuer.public_url)
        return response

    return router


def whom(entrance: Entrance, options: SsoOptions, claims: dict[str, Any], link: str, address: str) -> User:
    """The user that the claims stand for: known by subject, else by a one-time link, else, if so set, a new member.

    Names and e-mail addresses are never matched with accounts: they are no proof. Raises NotFoundError, ConflictError.
    """
    identity = (options.issuer, str(claims["sub"]))
    try:
        return entrance.known_as(*identity)
    except NotFoundError:
        if link:
            return entrance.join_as(link, chosen_name(claims), identity, address=address)
        if not options.members:
            raise
    return entrance.admit(chosen_name(claims), identity)


def chosen_name(claims: dict[str, Any]) -> str:
    """What a new user is called: their verified e-mail address, else the name at the issuer, else the subject."""
    if claims.get("email") and claims.get("email_verified") is True:
        return str(claims["email"])
    return str(claims.get("preferred_username") or claims["sub"])
