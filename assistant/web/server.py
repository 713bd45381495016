"""Starts the page and the API on one address. Nothing is loaded from outside, no run is recorded, no file is served."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request

from assistant.entrance import EntranceOptions
from assistant.errors import AssistantError
from assistant.service import Service
from assistant.web.accounts.sso import Issuer
from assistant.web.api.app import build_api
from assistant.web.api.journal import log_as_json
from assistant.web.api.mcp_mount import mount_mcp
from assistant.web.api.options import ApiOptions, SsoOptions
from assistant.web.api.origins import is_loopback
from assistant.web.api.people import Caller
from assistant.web.api.state import ApiState
from assistant.web.desk import Desk
from assistant.web.directory import Directory
from assistant.web.page import build
from assistant.web.rooms import mount_rooms
from assistant.web.visitor import LOCAL_USER

DRAIN_S = 20.0  # how long answers may go on when the server is told to end
LINGER_S = 3  # and then the connections of pages that are merely open


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen, and for whom. `accounts`: everybody logs in; else there is one user, at this machine.

    `mcp`: programs may come in at /mcp, too. `public_url`: how people reach a server behind a proxy. `proxies`: whose
    word on the client's address and on TLS is taken, as uvicorn's `forwarded_allow_ips`. Raises AssistantError where
    others could come in without login.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    accounts: bool = False
    mcp: bool = False
    public_url: str = ""
    proxies: str = "127.0.0.1"
    entrance: EntranceOptions = field(default_factory=EntranceOptions)
    sso: SsoOptions | None = None

    def __post_init__(self) -> None:
        if not self.accounts and not is_loopback(self.host):
            raise AssistantError(
                f"Others could read your documents on {self.host}: add --accounts (UNABRIDGED_ACCOUNTS=true), and the "
                "first start prints a link that makes the admin; or stay on 127.0.0.1."
            )
        if self.sso and not self.accounts:
            raise AssistantError("Login by an issuer needs --accounts.")
        if self.public_url and not re.fullmatch(r"https?://[^/?#\s]+/?", self.public_url):
            raise AssistantError("UNABRIDGED_PUBLIC_URL must be like https://documents.example.org, without a path.")
        if self.sso:
            Issuer(self.sso, self.public_url)

    @property
    def address(self) -> str:
        """What people type."""
        if self.public_url:
            return f"{self.public_url.rstrip('/')}/"
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  (what stands for all)
        return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{self.port}/"


def launch(service: Service, served: ServerOptions, *, wait: bool = True) -> str:
    """Serves until interrupted, or returns the address at once without `wait`. Raises SsoError, AssistantError.

    The first start with accounts prints the link that makes the admin.
    """
    if not served.accounts:
        service.store.accounts.appoint(LOCAL_USER, "agent")  # customer and agent at once
    app = application(service, api_options(service, served), mcp=served.mcp)
    if served.sso:
        asyncio.run(app.state.issuer.check())
    server = Server(app, served.host, served.port, served.proxies)
    if not wait:
        threading.Thread(target=server.run, name="server", daemon=True).start()
        await_start(server)
        return served.address
    log_as_json()
    print(f"Unabridged is at {served.address}", flush=True)  # noqa: T201
    if served.accounts:
        announce(app.state.api, served)
    server.run()
    return served.address


def api_options(service: Service, served: ServerOptions) -> ApiOptions:
    """What the API is told of all this."""
    return ApiOptions(
        open_user=None if served.accounts else LOCAL_USER,
        public_url=served.public_url.rstrip("/"),
        entrance=served.entrance,
        sso=served.sso,
        max_upload_bytes=service.options.limits.max_file_bytes + (1 << 16),
    )


def announce(state: ApiState, served: ServerOptions) -> None:
    """Prints the link of the first admin, if there is none; and says when passwords travel in the open."""
    token = state.entrance.first_admin()
    if token:
        minutes = int(served.entrance.first_link.total_seconds() // 60)
        print(f"Make the admin within {minutes} minutes, once: {served.address}join/{token}", flush=True)  # noqa: T201
    if not is_loopback(served.host) and not served.public_url.startswith("https://"):
        print(  # noqa: T201
            "Passwords travel unencrypted: put a proxy with TLS in front and set UNABRIDGED_PUBLIC_URL.",
            file=sys.stderr,
        )


def application(service: Service, options: ApiOptions, *, mcp: bool = False) -> FastAPI:
    """The API, with the pages behind its routes."""
    links = Directory(service.store, accounts=options.open_user is None).links
    page = build(Desk(service), links)
    page.queue(max_size=64)
    app = build_api(service, options)
    if mcp:
        mount_mcp(app)
    mount_rooms(app, service, links, auth_dependency=user_of)
    gr.mount_gradio_app(
        app,
        page,
        path="",
        auth_dependency=user_of,
        show_error=True,
        max_file_size=service.options.limits.max_file_bytes,
        run_history=False,  # it would keep questions and answers in the browser and in memory
        enable_monitoring=False,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css="\n".join(file.read_text("utf-8") for file in sorted(Path(__file__).parent.glob("styles/*.css"))),
    )
    return app


def user_of(request: Request) -> str | None:
    """Whom the gate let in; Gradio hands it to every event as `request.username`."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.user if caller else None


class Server(uvicorn.Server):
    """Ends in order: new questions are refused, answers are finished or, after DRAIN_S, stopped and stored."""

    def __init__(self, app: FastAPI, host: str, port: int, proxies: str = "127.0.0.1") -> None:
        """Its own access log is off: it would write down paths and queries."""
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                access_log=False,
                log_level="warning",
                server_header=False,
                forwarded_allow_ips=proxies,
                timeout_graceful_shutdown=LINGER_S,
            )
        )
        self._state: ApiState = app.state.api

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server; a second Ctrl+C does not wait."""
        self._state.closing = self._state.service.closing = True
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
