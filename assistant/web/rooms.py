"""The pages beside the chat: comparisons, the agents' inbox and the signals, each mounted under its own path."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse

from assistant.service import Service
from assistant.web.compare_desk import CompareDesk
from assistant.web.compare_page import build_compare
from assistant.web.header_view import no_links
from assistant.web.inbox import Inbox
from assistant.web.inbox_page import build_inbox
from assistant.web.places import Links
from assistant.web.signals_page import SignalsDesk, build_signals

_HERE = Path(__file__).parent


def mount_rooms(app: FastAPI, service: Service, links: Links = no_links, **auth: Any) -> None:
    """Mounts them; before the chat, whose path takes in all others.

    `links` says where a user may go from there. `auth`: how people are known, as `gr.mount_gradio_app` takes it: `auth`
    or `auth_dependency`. What a person may see there is decided by the store, by their role.
    """
    store, options = service.store, service.options
    signals = SignalsDesk(store, options.thresholds, options.second_look)
    rooms = (
        ("/compare", build_compare(CompareDesk(service), links)),
        ("/inbox", build_inbox(Inbox(store), links)),
        ("/signals", build_signals(signals, links)),
    )
    for path, page in rooms:
        page.queue(max_size=64)
        app.add_route(path, partial(_inside, path))
        gr.mount_gradio_app(
            app,
            page,
            path=path,
            show_error=True,
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            footer_links=[],
            theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css="".join((_HERE / name).read_text("utf-8") for name in ("rooms.css", "compare.css")),
            **auth,
        )


async def _inside(path: str, request: Request) -> RedirectResponse:
    """What people type leads to where the room is mounted; relative, as a proxy may put all of it under a path."""
    return RedirectResponse(f"{path.strip('/')}/")
