"""What the columns of the page share: how a view reaches their components, and how their events are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component

from assistant.web.view import View

CLICKS = """
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-id], button[data-number], button[data-page]');
  if (button && !button.disabled) trigger('click', {...button.dataset});
});
"""  # buttons inside a gr.HTML tell their data attributes to its click event

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
FREE: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}  # for events that take long


class Column(Protocol):
    """A column owns its components and knows what of a view each of them shows."""

    @property
    def parts(self) -> Sequence[Component]:
        """The components that a view may change, in the order of `updates`."""

    def updates(self, view: View) -> list[Any]:
        """One update per part; gr.skip() for what the view leaves alone."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """All parts of the page together: every event of every column may change any of them."""

    conversation: gr.State
    columns: tuple[Column, ...]

    @property
    def parts(self) -> list[Component]:
        """The outputs of every event."""
        return [self.conversation, *(part for column in self.columns for part in column.parts)]

    def updates(self, view: View) -> list[Any]:
        """One update per part."""
        updates = [kept(view.conversation)]
        for column in self.columns:
            updates += column.updates(view)
        return updates


def kept(value: Any, show: Callable[[Any], Any] = lambda value: value) -> Any:
    """What a component shows, where None leaves it alone."""
    return gr.skip() if value is None else show(value)
