"""The customer's page stays true by itself: what a person wrote, or took over, appears without a reload."""

from __future__ import annotations

from typing import Any

import gradio as gr

from assistant.web.column import PRIVATE, Canvas
from assistant.web.desk import Desk
from assistant.web.proof_desk import EXPECTED
from assistant.web.view import View
from assistant.web.visitor import user_of

EVERY_S = 2.0  # between two looks; one that finds nothing new is one row by its key


def keep_live(desk: Desk, canvas: Canvas) -> None:
    """Lets the page ask now and then whether its conversation has changed. Within the page's own Blocks."""
    seen = gr.State("")

    def look(chosen: str, known: str, request: gr.Request) -> list[Any]:
        mark, view = news(desk, user_of(request), chosen, known)
        return [mark, *canvas.updates(view)]

    timer = gr.Timer(EVERY_S)
    timer.tick(look, [canvas.conversation, seen], [seen, *canvas.parts], queue=False, **PRIVATE)


def news(desk: Desk, user: str, conversation_id: str, known: str) -> tuple[str, View]:
    """The mark of the conversation now, and what to show where it is not the `known` one.

    While an answer grows its own event shows it, so the mark stays as it was until the answer has ended.
    """
    if not conversation_id:
        return known, View()
    store = desk.service.store
    try:
        mark = f"{conversation_id}|{store.pulse.of_conversation(user, conversation_id)}"
        if mark == known:
            return known, View()
        conversation = store.conversation(user, conversation_id)
        if desk.service.chat_of(conversation).job(conversation_id) is not None:
            return known, View()
        new = desk.open(user, conversation_id)
    except EXPECTED:  # gone, or of a bot that is no more; the next click says so
        return known, View()
    told = conversation.state != "bot" or ":bot:" not in known  # the owner has changed, or says something
    return mark, View(chat=new.chat, status=new.status if told else None)
