"""Starts the page. Nothing is loaded from outside, no run is recorded, no file of the disk is served."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from assistant.service import Service
from assistant.web.desk import Desk
from assistant.web.page import build

MAX_UPLOAD = "200mb"  # the same limit as ingest's


def launch(service: Service, *, host: str, port: int, users: list[tuple[str, str]], wait: bool = True) -> str:
    """Serves until interrupted, or returns the address at once without `wait`. `users`: name and password pairs."""
    page = build(Desk(service), service.profile)
    page.queue(max_size=64)
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        auth=users or None,
        share=False,
        inbrowser=False,
        prevent_thread_lock=not wait,
        show_error=True,
        max_file_size=MAX_UPLOAD,
        run_history=False,  # it would keep questions and answers in the browser and in memory
        enable_monitoring=False,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=(Path(__file__).parent / "page.css").read_text("utf-8"),
    )
    return str(address)
