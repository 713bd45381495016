"""The MCP server at /mcp: streamable HTTP without sessions, so that every request shows its key anew at the door."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from mcp.server import MCPServer
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route

from assistant.web.api.mcp_tools import INSTRUCTIONS, Tools
from assistant.web.api.state import ApiState

PATH = "/mcp"


def mount_mcp(app: FastAPI) -> None:
    """Adds the route to an application of build_api; before a page that takes in all other paths."""
    state: ApiState = app.state.api
    server = _named()
    Tools(state).add_to(server)
    manager = StreamableHTTPSessionManager(
        server._lowlevel_server,
        stateless=True,
        max_request_body_size=state.options.max_request_bytes,
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # the door sees to hosts
    )
    app.router.routes.append(Route(PATH, endpoint=StreamableHTTPASGIApp(manager), methods=None))
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(of: FastAPI) -> AsyncIterator[Any]:
        async with manager.run(), outer(of) as found:
            yield found

    app.router.lifespan_context = lifespan


def _named() -> MCPServer[Any]:
    """Its constructor would set up the logging of the whole program; ours stays as it is."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        return MCPServer("unabridged", title="Unabridged", instructions=INSTRUCTIONS, version="1")
    finally:
        root.handlers, root.level = handlers, level
