"""What buttons and forms inside the page's HTML do: `data-do` says which deed. The rest of their data is untrusted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assistant.web import proof_views, views
from assistant.web.desk import Desk
from assistant.web.proof_desk import EXPECTED
from assistant.web.view import View

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Who clicked, and where: the conversation that the tab shows, and the bot it would begin one with.

    `here`: whether the tab still shows it.
    """

    user: str
    conversation: str
    bot: str
    here: Callable[[], bool] = lambda: True


class Clicks:
    """One method a deed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._deeds: dict[str, Callable[[Place, Data], Iterator[View]]] = {
            "open": self._open,
            "more": self._more,
            "earlier": self._earlier,
            "rename": self._rename,
            "pin": self._pin,
            "export": self._export,
            "delete": self._delete,
            "restore": self._restore,
            "bot": self._bot,
            "document": self._document,
            "files": self._files,
            "paste": self._paste,
            "clone": self._clone,
            "go": self._go,
            "cancel": self._cancel,
            "dismiss": self._dismiss,
            "open-read": self._open_read,
            "retry": self._retry,
            "ask-anew": self._ask_anew,
            "version": self._version,
            "rate": self._rate,
            "reason": self._reason,
            "cite": self._cite,
        }

    def do(self, place: Place, data: Data) -> Iterator[View]:
        """The views that follow from a click. What cannot be done is told; what makes no sense as well."""
        try:
            yield from self._deeds[str(data["do"])](place, data)
        except EXPECTED as error:
            yield View(status=views.status(str(error), "error"))
        except (KeyError, ValueError, TypeError):
            yield View(status=views.status("That did not work; load the page again.", "error"))

    # -- conversations -------------------------------------------------------------

    def _open(self, place: Place, data: Data) -> Iterator[View]:
        chosen = str(data["id"])
        self._desk.list.own(place.user, chosen)
        yield self._desk.open(place.user, chosen, find=int(data["seq"]) if "seq" in data else None)
        yield from self._desk.follow(place.user, chosen)

    def _more(self, place: Place, data: Data) -> Iterator[View]:
        yield View(conversations=self._desk.list.html(place.user, place.conversation, min(int(data["limit"]), 5000)))

    def _earlier(self, place: Place, data: Data) -> Iterator[View]:
        view = self._desk.open(place.user, place.conversation, limit=min(int(data["limit"]), 5000))
        yield View(transcript=view.transcript)

    def _rename(self, place: Place, data: Data) -> Iterator[View]:
        self._desk.list.rename(place.user, str(data["id"]), str(data["title"]))
        yield self._relisted(place, str(data["id"]))

    def _pin(self, place: Place, data: Data) -> Iterator[View]:
        self._desk.list.pin(place.user, str(data["id"]), pinned=data["pinned"] == "1")
        yield self._relisted(place, str(data["id"]))

    def _export(self, place: Place, data: Data) -> Iterator[View]:
        yield View(download=self._desk.list.export(place.user, str(data["id"]), str(data["format"])))

    def _delete(self, place: Place, data: Data) -> Iterator[View]:
        chosen = str(data["id"])
        title = self._desk.list.delete(place.user, chosen)
        note = views.status(f"“{title}” is deleted.", undo=chosen)
        if chosen == place.conversation:
            yield replace(self._desk.fresh(place.user, place.bot), status=note)
        else:
            yield replace(self._relisted(place, ""), status=note)

    def _restore(self, place: Place, data: Data) -> Iterator[View]:
        self._desk.list.restore(place.user, str(data["id"]))
        yield self._desk.open(place.user, str(data["id"]))

    def _relisted(self, place: Place, changed: str) -> View:
        listed = View(conversations=self._desk.list.html(place.user, place.conversation))
        if not changed or changed != place.conversation:
            return listed
        return replace(listed, heading=self._desk.open(place.user, changed).heading)

    # -- documents -------------------------------------------------------------------

    def _bot(self, place: Place, data: Data) -> Iterator[View]:
        yield self._desk.fresh(place.user, str(data["bot"]))

    def _document(self, place: Place, data: Data) -> Iterator[View]:
        view = self._desk.document(place.user, str(data["document"]), place.bot, new="new" in data)
        yield view
        yield from self._desk.follow(place.user, view.conversation or "")

    def _files(self, place: Place, data: Data) -> Iterator[View]:
        yield from self._read(place, self._desk.files(place.user, place.bot, list(data["files"])))

    def _paste(self, place: Place, data: Data) -> Iterator[View]:
        yield from self._read(place, self._desk.paste(place.user, place.bot, str(data["title"]), str(data["text"])))

    def _clone(self, place: Place, data: Data) -> Iterator[View]:
        yield from self._read(place, self._desk.clone(place.user, place.bot, str(data["url"])))

    def _go(self, place: Place, data: Data) -> Iterator[View]:
        self._desk.readings.go(place.user, str(data["id"]))
        yield from self._read(place, self._desk.wait_for(place.user, str(data["id"])))

    def _cancel(self, place: Place, data: Data) -> Iterator[View]:
        self._desk.readings.cancel(place.user, str(data["id"]))
        yield from self._desk.watch(place.user)

    def _dismiss(self, place: Place, data: Data) -> Iterator[View]:
        self._desk.readings.dismiss(place.user, str(data["id"]))
        yield View(readings=self._desk.readings.html(place.user))

    def _open_read(self, place: Place, data: Data) -> Iterator[View]:
        yield self._desk.settle(place.user, place.conversation, str(data["id"]), wanted=True)

    def _read(self, place: Place, watched: Generator[View, None, str]) -> Iterator[View]:
        """A reading to its end. It opens on a page that is empty, if the user did not go elsewhere meanwhile."""
        reading = yield from watched
        if reading and place.here():
            yield self._desk.settle(place.user, place.conversation, reading)

    # -- answers ---------------------------------------------------------------------

    def _retry(self, place: Place, data: Data) -> Iterator[View]:
        yield from self._desk.anew(place.user, place.conversation, int(data["seq"]))

    def _ask_anew(self, place: Place, data: Data) -> Iterator[View]:
        yield from self._desk.anew(place.user, place.conversation, int(data["seq"]), str(data["text"]))

    def _version(self, place: Place, data: Data) -> Iterator[View]:
        yield self._desk.switch(place.user, place.conversation, int(data["branch"]))

    def _rate(self, place: Place, data: Data) -> Iterator[View]:
        yield self._desk.rate(place.user, place.conversation, int(data["seq"]), int(data["thumb"]))

    def _reason(self, place: Place, data: Data) -> Iterator[View]:
        thumb, text = int(data["thumb"]), str(data["text"])
        yield self._desk.reason(place.user, place.conversation, int(data["seq"]), thumb, text)

    def _cite(self, place: Place, data: Data) -> Iterator[View]:
        message, number = int(data["message"]), int(data["number"])
        view = self._desk.proof.cite(place.user, place.conversation, message, number)
        cited = self._desk.message(place.user, place.conversation, message)
        yield replace(view, sources=proof_views.sources(cited)) if view.sources is None else view
