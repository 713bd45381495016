"""What the columns of the page share: how a view reaches their components, and how their events are called."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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
MANY: dict[str, Any] = {**FREE, "trigger_mode": "multiple"}  # and begin again while they still go on
TABS = 10_000  # tabs of browsers whose conversation is remembered


def script(*names: str) -> str:
    """The JavaScript of a gr.HTML, from the folder scripts/."""
    return "\n".join((Path(__file__).parent / "scripts" / f"{name}.js").read_text("utf-8") for name in names)


class Column(Protocol):
    """A column owns its components and knows what of a view each of them shows."""

    @property
    def parts(self) -> Sequence[Component]:
        """The components that a view may change, in the order of `updates`."""

    def updates(self, view: View) -> list[Any]:
        """One update per part; gr.skip() for what the view leaves alone."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """All parts of the page together: every event of every column may change any of them.

    `conversation`, `bot` and `seen` are the tab's own: what it shows, whom it asks, and what of it was seen.
    """

    conversation: gr.State
    bot: gr.State
    seen: gr.State
    columns: tuple[Column, ...]
    _tabs: OrderedDict[str, str] = field(default_factory=OrderedDict)

    @property
    def parts(self) -> list[Component]:
        """The outputs of every event."""
        return [self.conversation, self.bot, self.seen, *(part for column in self.columns for part in column.parts)]

    def updates(self, view: View) -> list[Any]:
        """One update per part."""
        updates = [kept(view.conversation), kept(view.bot), kept(view.seen)]
        for column in self.columns:
            updates += column.updates(view)
        return updates

    def here(self, request: gr.Request) -> Callable[[], bool]:
        """Tells later on whether the tab still shows what it shows now."""
        tab = str(request.session_hash)
        mine = self._tabs.get(tab, "")
        return lambda: self._tabs.get(tab, "") == mine

    def stream(self, request: gr.Request, views: Iterable[View]) -> Iterator[list[Any]]:
        """The updates of views as they come, at least one. What belongs to a conversation that the tab left is dropped.

        An answer goes on growing when its tab turns to another conversation; it must not come into the way there.
        """
        tab = str(request.session_hash)
        mine, told = self._tabs.get(tab, ""), False
        for view in views:
            if view.of_talk and self._tabs.get(tab, "") != mine:
                view = View(readings=view.readings, status=view.status if view.readings else None)
            if view.conversation is not None:
                mine = self._tabs[tab] = view.conversation
                self._tabs.move_to_end(tab)
                if len(self._tabs) > TABS:
                    self._tabs.popitem(last=False)
            told = True
            yield self.updates(view)
        if not told:
            yield self.updates(View())


def kept(value: Any, show: Callable[[Any], Any] = lambda value: value) -> Any:
    """What a component shows, where None leaves it alone."""
    return gr.skip() if value is None else show(value)
