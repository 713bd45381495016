"""What the page shows after an event."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """The parts of the page; None leaves a part as it is. All but `busy`, `live` and the ids is HTML."""

    conversation: str | None = None  # its id; "" for none
    bot: str | None = None  # whom the next conversation is with
    seen: str | None = None  # what of the conversation is shown, see TalkDesk.news
    conversations: str | None = None
    heading: str | None = None
    transcript: str | None = None
    growing: str | None = None  # the answer that is being written
    readings: str | None = None
    meter: str | None = None
    sources: str | None = None
    viewer: str | None = None
    outline: str | None = None  # the sections, with where the model looked
    status: str | None = None
    question: str | None = None  # plain text put into the question's box
    download: str | None = None  # a file as JSON: name, type, text
    busy: str | None = None  # "answering" or "" for not
    live: bool | None = None  # whether to look for what a person says

    @property
    def of_talk(self) -> bool:
        """Whether it shows something of one conversation, not of the page as a whole."""
        shown = (self.conversation, self.heading, self.transcript, self.growing, self.meter, self.busy, self.live)
        return any(part is not None for part in (*shown, self.sources, self.viewer, self.outline))
