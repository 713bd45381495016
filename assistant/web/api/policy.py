"""The page's content security policy: its own scripts run, marked by a number used once; no other script ever does.

Gradio compiles the scripts of its HTML components ('unsafe-eval') and styles elements in place; but markup that came
from a document or a model, had it slipped through escaping, could neither run a script nor send anything anywhere.
"""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPT = re.compile(rb"<script(?=[\s>])")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{nonce}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; frame-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def policy(nonce: str = "") -> str:
    """The policy as a header's value; without a nonce no script in the markup runs at all."""
    return _POLICY.format(nonce=f" 'nonce-{nonce}'" if nonce else "")


class Policy:
    """Gives every HTML page that has no policy of its own this one, and its scripts the number. Pure ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        parts: list[bytes] = []

        async def marked(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message):
                start = message  # held back: its length is not known yet
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    nonce = secrets.token_urlsafe(16)
                    body = _SCRIPT.sub(f'<script nonce="{nonce}"'.encode(), b"".join(parts))
                    headers = MutableHeaders(scope=start)
                    headers["Content-Security-Policy"] = policy(nonce)
                    if scope["method"] == "GET":
                        headers["Content-Length"] = str(len(body))
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, marked)


def _is_page(message: Message) -> bool:
    headers = MutableHeaders(scope=message)
    html = headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers
    return html and "content-security-policy" not in headers and "content-disposition" not in headers
