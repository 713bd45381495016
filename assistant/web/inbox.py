"""What happens when an agent does something in the inbox. Each method asks the store anew and says what to show.

Nothing of the page is trusted: every call names the agent, and the store lets agents and admins of the customer's own
organisation through, nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from assistant.desk_agent import AgentDesk
from assistant.errors import AssistantError
from assistant.web import inbox_views, views
from storage import StorageError, Store
from storage.records_support import HandOff

SHOWN = 100  # messages of a conversation; earlier ones are announced
MOST = 4000  # characters of one message


@dataclass(frozen=True, slots=True)
class InboxView:
    """The inbox; None leaves a part as it is. `chosen`: id of the open hand-off; `mark`: see storage/pulse.py.

    `may`: what this agent can do in the open conversation now: “take”, “reply” (which is handing back, too) or “”.
    `draft`: what stands in the box for the next message, `note` in that for the closing word.
    """

    chosen: str | None = None
    mark: str | None = None
    queue: str | None = None
    head: str | None = None
    conversation: str | None = None
    packet: str | None = None
    status: str | None = None
    may: str | None = None
    draft: str | None = None
    note: str | None = None


class Inbox:
    """The inbox over a store."""

    def __init__(self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store, self._desk, self._now = store, AgentDesk(store), now

    def home(self, agent: str) -> InboxView:
        """The queue, with nothing open."""
        return self._shown(agent, "", status="")

    def open(self, agent: str, hand_off_id: str) -> InboxView:
        """A conversation with its packet."""
        return replace(self._shown(agent, hand_off_id, status=""), draft="", note="")

    def look(self, agent: str, chosen: str, mark: str) -> InboxView:
        """What changed since `mark`: once a minute the times in the queue, and otherwise mostly nothing."""
        try:
            now = self._mark(agent, chosen)
            if now == mark:
                return InboxView()
            if now.partition("|")[2] != mark.partition("|")[2]:
                return replace(self._shown(agent, chosen), chosen=None)  # another one may have been opened meanwhile
            return InboxView(mark=now, queue=self._queue(agent, chosen))
        except StorageError:  # gone meanwhile, or this person's role
            return self._shown(agent, "")

    def take(self, agent: str, hand_off_id: str) -> InboxView:
        """Take the open conversation over, unless somebody was faster."""
        return self._done(agent, hand_off_id, lambda: self._desk.take(agent, hand_off_id), "You answer now.")

    def release(self, agent: str, hand_off_id: str) -> InboxView:
        """Put it back into the queue."""
        done = "It waits for a colleague again."
        return self._done(agent, hand_off_id, lambda: self._desk.release(agent, hand_off_id), done)

    def hand_back(self, agent: str, hand_off_id: str, note: str) -> InboxView:
        """Give it back to the bot, with a note for the record."""
        note = note.strip()[:MOST]
        view = self._done(
            agent,
            hand_off_id,
            lambda: self._desk.hand_back(agent, hand_off_id, note=note),
            "The bot goes on, with everything that was said.",
        )
        return replace(view, note="") if view.may == "" else view

    def reply(self, agent: str, hand_off_id: str, text: str) -> InboxView:
        """Say something to the customer; what could not be said stays in the box."""
        if len(text) > MOST:
            sentence = f"A message may have {MOST:,} characters, and this one has {len(text):,}; send it in parts."
            return InboxView(status=views.status(sentence, "error"))
        try:
            self._desk.reply(agent, hand_off_id, text)
        except (StorageError, AssistantError) as error:
            return self._shown(agent, hand_off_id, status=views.status(str(error), "error"))
        return replace(self._shown(agent, hand_off_id, status=""), draft="")

    # -- what is shown ----------------------------------------------------------------

    def _done(self, agent: str, hand_off_id: str, act: Callable[[], HandOff], sentence: str) -> InboxView:
        try:
            act()
        except (StorageError, AssistantError) as error:
            return self._shown(agent, hand_off_id, status=views.status(str(error), "error"))
        return self._shown(agent, hand_off_id, status=views.status(sentence))

    def _shown(self, agent: str, chosen: str, *, status: str | None = None) -> InboxView:
        """Everything anew; the empty inbox and the reason where this person may not see it."""
        try:
            hand_off = self._store.hand_offs.get(agent, chosen) if chosen else None
            page = self._desk.page(agent, chosen, limit=SHOWN) if chosen else None
            return InboxView(
                chosen=chosen,
                mark=self._mark(agent, chosen),
                queue=self._queue(agent, chosen),
                head=inbox_views.head(hand_off, agent),
                conversation=inbox_views.conversation(
                    page.messages if page else (), more=page is not None and page.more
                ),
                packet=inbox_views.packet(self._desk.packet(agent, chosen) if chosen else None),
                status=status,
                may=_may(hand_off, agent),
            )
        except StorageError as error:
            if chosen:  # closed meanwhile by somebody else, or erased
                return self._shown(agent, "", status=views.status(str(error), "error"))
            empty = views.status("The inbox is for agents and admins; ask an admin for that role.", "error")
            return InboxView("", "", "", "", "", "", empty, "")

    def _queue(self, agent: str, chosen: str) -> str:
        waiting, served = self._desk.queue(agent), self._desk.queue(agent, mine=None)
        mine = [row for row in served if row.hand_off.agent == agent]
        others = [row for row in served if row.hand_off.agent != agent]
        return inbox_views.queue(waiting, mine, others, chosen, self._now())

    def _mark(self, agent: str, chosen: str) -> str:
        pulse, minute = self._store.pulse, f"{self._now():%H:%M}"
        return f"{minute}|{pulse.of_inbox(agent)}" + (f"|{pulse.of_hand_off(agent, chosen)}" if chosen else "")


def _may(hand_off: HandOff | None, agent: str) -> str:
    if hand_off is None or hand_off.state == "closed":
        return ""
    if hand_off.state == "waiting":
        return "take"
    return "reply" if hand_off.agent == agent else ""
