"""Who a request of the page comes from."""

from __future__ import annotations

import gradio as gr

LOCAL_USER = "me"  # without a login the page has one user: whoever sits at this machine


def user_of(request: gr.Request) -> str:
    """The user's name from the login, never from the page's data."""
    return request.username or LOCAL_USER
