"""Starts the page and the API on one address. Nothing is loaded from outside, no run is recorded, no file is served."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI

from assistant.errors import AssistantError
from assistant.service import Service
from assistant.web.api.app import build_api
from assistant.web.api.journal import log_as_json
from assistant.web.api.mcp_mount import mount_mcp
from assistant.web.api.options import ApiOptions
from assistant.web.api.state import ApiState
from assistant.web.desk import Desk
from assistant.web.page import build
from assistant.web.rooms import mount_rooms
from assistant.web.visitor import LOCAL_USER

MAX_UPLOAD = "200mb"  # the same limit as ingest's
DRAIN_S = 20.0  # how long answers may go on when the server is told to end
LINGER_S = 3  # and then the connections of pages that are merely open


def launch(
    service: Service, *, host: str, port: int, users: list[tuple[str, str]], wait: bool = True, mcp: bool = False
) -> str:
    """Serves until interrupted, or returns the address at once without `wait`. `users`: name and password pairs.

    Without users there is one, at this machine, and the API asks for no key. `mcp`: programs may come in at /mcp, too.
    """
    options = ApiOptions(
        open_user=None if users else LOCAL_USER, max_upload_bytes=service.options.limits.max_file_bytes + (1 << 16)
    )
    if not users:
        service.store.accounts.appoint(LOCAL_USER, "agent")  # customer and agent at once
    server = Server(application(service, options, users, mcp=mcp), host, port)
    address = f"http://{host}:{port}/"
    if not wait:
        threading.Thread(target=server.run, name="server", daemon=True).start()
        await_start(server)
        return address
    log_as_json()
    print(f"Unabridged is at {address}", flush=True)  # noqa: T201
    server.run()
    return address


def application(service: Service, options: ApiOptions, users: list[tuple[str, str]], *, mcp: bool = False) -> FastAPI:
    """The API, with the pages behind its routes."""
    page = build(Desk(service), service.profile)
    page.queue(max_size=64)
    app = build_api(service, options)
    if mcp:
        mount_mcp(app)
    mount_rooms(app, service, auth=users or None)
    gr.mount_gradio_app(
        app,
        page,
        path="",
        auth=users or None,
        show_error=True,
        max_file_size=MAX_UPLOAD,
        run_history=False,  # it would keep questions and answers in the browser and in memory
        enable_monitoring=False,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=(Path(__file__).parent / "page.css").read_text("utf-8"),
    )
    return app


class Server(uvicorn.Server):
    """Ends in order: new questions are refused, answers are finished or, after DRAIN_S, stopped and stored."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        """Its own access log is off: it would write down paths and queries."""
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=LINGER_S,
            )
        )
        self._state: ApiState = app.state.api

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server; a second Ctrl+C does not wait."""
        self._state.closing = True
        service, end = self._state.service, time.monotonic() + DRAIN_S
        while service.answering and time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(0.1)
        for job in service.answering:
            job.stop()
        await super().shutdown(sockets)


def refuse_taken(host: str, port: int) -> None:
    """Raises AssistantError where `host` and `port` cannot be listened on; tried with the options the server uses."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address[0], port, *address[2:]))  # getaddrinfo wraps 70000 around
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "no such port"
        raise AssistantError(f"{host}:{port} cannot be served ({why}); choose another --port.") from error


@contextlib.contextmanager
def running(server: Server) -> Iterator[None]:
    """The server in a thread, until the block ends."""
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    try:
        await_start(server)
        yield
    finally:
        server.should_exit = True
        thread.join(DRAIN_S + LINGER_S + 5)


def await_start(server: Server) -> None:
    """Waits until the server listens; AssistantError when it cannot."""
    end = time.monotonic() + 30
    while not server.started:
        if time.monotonic() > end or server.should_exit:
            place = f"{server.config.host}:{server.config.port}"
            raise AssistantError(f"The address {place} cannot be served; choose another --port.")
        time.sleep(0.02)
