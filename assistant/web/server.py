"""Starts the page and the API on one address. Nothing is loaded from outside, no run is recorded, no file is served."""

from __future__ import annotations

import contextlib
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
from assistant.web.api.options import ApiOptions
from assistant.web.desk import Desk
from assistant.web.page import LOCAL_USER, build

MAX_UPLOAD = "200mb"  # the same limit as ingest's
SHUTDOWN_S = 20  # for answers that are being streamed; later ones are marked at the next start


def launch(service: Service, *, host: str, port: int, users: list[tuple[str, str]], wait: bool = True) -> str:
    """Serves until interrupted, or returns the address at once without `wait`. `users`: name and password pairs.

    Without users there is one, at this machine, and the API asks for no key.
    """
    options = ApiOptions(
        open_user=None if users else LOCAL_USER, max_upload_bytes=service.options.limits.max_file_bytes + (1 << 16)
    )
    server = make_server(application(service, options, users), host, port)
    address = f"http://{host}:{port}/"
    if not wait:
        threading.Thread(target=server.run, name="server", daemon=True).start()
        _await(server)
        return address
    log_as_json()
    print(f"Unabridged is at {address}", flush=True)  # noqa: T201
    server.run()
    return address


def application(service: Service, options: ApiOptions, users: list[tuple[str, str]]) -> FastAPI:
    """The API, with the page behind its routes."""
    page = build(Desk(service), service.profile)
    page.queue(max_size=64)
    app = build_api(service, options)
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


def make_server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    """A server that has not begun. Its own access log is off: it would write down paths and queries."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,
            log_level="warning",
            server_header=False,
            h11_max_incomplete_event_size=64 * 1024,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )


@contextlib.contextmanager
def running(app: FastAPI, host: str, port: int) -> Iterator[None]:
    """The server in a thread, until the block ends."""
    server = make_server(app, host, port)
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    try:
        _await(server)
        yield
    finally:
        server.should_exit = True
        thread.join(SHUTDOWN_S + 5)


def _await(server: uvicorn.Server) -> None:
    end = time.monotonic() + 30
    while not server.started:
        if time.monotonic() > end or server.should_exit:
            raise AssistantError(
                f"The address {server.config.host}:{server.config.port} cannot be served; choose another --port."
            )
        time.sleep(0.02)
