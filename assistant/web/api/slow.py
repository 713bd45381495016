"""Bodies that trickle in are given up: each would hold a connection and a file for as long as its sender likes."""

from __future__ import annotations

import asyncio
import time

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.web.api.gate import guarded


class SlowBodies:
    """Ends a request with 408 when its body falls behind `rate` bytes a second, `grace_s` after it began."""

    def __init__(self, app: ASGIApp, *, grace_s: float, rate: float) -> None:
        self.app = app
        self._grace_s, self._rate = grace_s, rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not guarded(scope["path"]):
            await self.app(scope, receive, send)
            return
        begin, size, complete = time.monotonic(), 0, False

        async def timed() -> Message:
            nonlocal size, complete
            if complete:  # from here on the request only waits for its client to leave
                return await receive()
            left = begin + self._grace_s + size / self._rate - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.001))
            except TimeoutError:
                raise HTTPException(408, "The body came too slowly and was given up; send it again.") from None
            size += len(message.get("body", b""))
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        await self.app(scope, timed, send)
