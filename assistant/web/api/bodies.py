"""Bodies that are too large, or that trickle in, are given up before they fill memory and disk or hold connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Bodies:
    """Ends a request with 413 when its body exceeds what `most` allows for its path, in bytes, whatever it declares;
    with 408 when it falls behind `rate` bytes a second, `grace_s` after it began.
    """

    def __init__(self, app: ASGIApp, *, most: Callable[[str], int], grace_s: float, rate: float) -> None:
        self.app = app
        self._most, self._grace_s, self._rate = most, grace_s, rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self._most(scope["path"])
        declared = Headers(scope=scope).get("content-length", "")
        begin, size, complete = time.monotonic(), 0, False

        async def bounded() -> Message:
            nonlocal size, complete
            if complete:  # from here on the request only waits for its client to leave
                return await receive()
            if declared.isdecimal() and int(declared) > most:
                raise _given_up(413, f"This may have {most:,} bytes at most.")
            left = begin + self._grace_s + size / self._rate - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.001))
            except TimeoutError:
                raise _given_up(408, "The body came too slowly and was given up; send it again.") from None
            size += len(message.get("body", b""))
            if size > most:
                raise _given_up(413, f"This may have {most:,} bytes at most.")
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        await self.app(scope, bounded, send)


def _given_up(status: int, detail: str) -> HTTPException:
    """The connection ends, too: the rest of the body may still be on its way."""
    return HTTPException(status, detail, headers={"Connection": "close"})
