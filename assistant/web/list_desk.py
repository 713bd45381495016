"""What the user does with conversations as a whole: list, search, rename, pin, export, delete and bring back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assistant.errors import AssistantError
from assistant.service import Service
from assistant.web.api.conversations import conversation_object
from assistant.web.api.transcripts import as_json, as_markdown
from assistant.web.list_view import UNTITLED, Listed, conversation_list, found_list
from storage import Conversation, NotFoundError, StorageError

FIRST = 50  # conversations listed until more are asked for
FOUND = 30  # hits of a search


class ListDesk:
    """The left column's side of the desk; the user's name comes from the login."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limits: dict[str, int] = {}  # by user, where more were asked for
        self._zones: dict[str, tzinfo] = {}  # by user, as their browser says

    def arrive(self, user: str, zone: str) -> None:
        """Notes the time zone of the user's browser, such as “Europe/Berlin”, and that the list begins anew."""
        self._limits.pop(user, None)
        try:
            self._zones[user] = ZoneInfo(zone) if zone else UTC
        except (ValueError, OSError, ZoneInfoNotFoundError):
            self._zones[user] = UTC

    def zone(self, user: str) -> tzinfo:
        """In which zone times are shown."""
        return self._zones.get(user, UTC)

    def html(self, user: str, chosen: str, limit: int | None = None) -> str:
        """The list; `limit` is remembered until the page is loaded anew."""
        if limit is not None:
            self._limits[user] = limit
        most = self._limits.get(user, FIRST)
        store = self._service.store
        pinned = store.conversations(user, limit=most, pinned=True)
        others = store.conversations(user, limit=most + 1, pinned=False)
        documents = {each.id: each.name for each in store.documents(user)}
        listed = Listed([*pinned, *others[:most]], chosen, documents, len(others) > most, self.zone(user))
        return conversation_list(listed, datetime.now(UTC))

    def search(self, user: str, words: str, chosen: str) -> str:
        """What holds the words, or the list where there are none."""
        if not words.strip():
            return self.html(user, chosen)
        query = words if words.rstrip().endswith(('"', "*")) or words != words.rstrip() else f"{words}*"
        try:
            hits = self._service.store.search(user, query, limit=FOUND + 1)
        except StorageError:  # signs alone: no word to look for
            hits = []
        return found_list(words.strip(), hits[:FOUND], self.zone(user), more=len(hits) > FOUND)

    def rename(self, user: str, conversation_id: str, title: str) -> None:
        """Gives a conversation another title. Raises AssistantError for an empty one."""
        line = " ".join(title.split())[:200]
        if not line:
            raise AssistantError("A title needs at least one letter.")
        self._service.store.rename(user, self.own(user, conversation_id).id, line)

    def pin(self, user: str, conversation_id: str, *, pinned: bool) -> None:
        """Keeps a conversation on top, or not."""
        self._service.store.pin(user, self.own(user, conversation_id).id, pinned)

    def delete(self, user: str, conversation_id: str) -> str:
        """Hides a conversation, its growing answer stopped; returns its title for the offer to undo it."""
        conversation = self.own(user, conversation_id)
        if conversation.bot in self._service.bots:
            job = self._service.chat_of(conversation).job(conversation_id)
            if job:
                job.stop()
        self._service.delete_conversation(user, conversation_id)
        return conversation.title or UNTITLED

    def restore(self, user: str, conversation_id: str) -> None:
        """Brings a deleted conversation back."""
        self._service.store.restore_conversation(user, conversation_id)

    def export(self, user: str, conversation_id: str, form: str) -> str:
        """The whole conversation as a file, see View.download; “markdown” to read or “json” with all citations."""
        conversation = self.own(user, conversation_id)
        messages = self._service.store.messages(user, conversation_id)
        name = f"conversation-{conversation_id[:8]}"
        if form == "markdown":
            file = {"name": f"{name}.md", "type": "text/markdown", "text": as_markdown(conversation, messages)}
        else:
            value = conversation_object(conversation).model_dump() | {"messages": as_json(messages)}
            text = json.dumps(value, ensure_ascii=False, indent=1)
            file = {"name": f"{name}.json", "type": "application/json", "text": text}
        return json.dumps({**file, "at": datetime.now(UTC).isoformat()})  # asked for twice, it is given twice

    def own(self, user: str, conversation_id: str) -> Conversation:
        """The user's conversation, unless it was deleted."""
        conversation = self._service.store.conversation(user, conversation_id)
        if conversation.deleted:
            raise NotFoundError("This conversation was deleted.")
        return conversation
