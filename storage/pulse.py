"""Has anything changed? Marks that cost one small look-up, for pages that ask every second or two.

A mark is an opaque word: as long as it stays the same, there is nothing new to show.
"""

from sqlalchemy import func, select

from storage.access import own_conversation, served_hand_off, user_with_role
from storage.room import Room
from storage.schema import ConversationRow
from storage.schema_support import HandOffRow


class Pulse(Room):
    """What is asked for takes the one who asks, as everywhere."""

    def of_conversation(self, user: str, conversation_id: str) -> str:
        """Changes with every message, finished answer and change of hands. Raises NotFoundError."""
        with self._begin(write=False) as session:
            return _mark(own_conversation(session, user, conversation_id))

    def of_hand_off(self, agent: str, hand_off_id: str) -> str:
        """The same for the agent's side. Raises NotFoundError."""
        with self._begin(write=False) as session:
            row = served_hand_off(session, agent, hand_off_id)
            return f"{row.version}:{_mark(session.get_one(ConversationRow, row.conversation_id))}"

    def of_inbox(self, agent: str) -> str:
        """Changes when somebody asks for a person, is taken, put back or done. Raises NotAllowedError."""
        with self._begin(write=False) as session:
            organisation = user_with_role(session, agent, "agent", "admin").organisation_id
            query = select(func.count(), func.sum(HandOffRow.version), func.max(HandOffRow.requested_at))
            query = query.join(ConversationRow, ConversationRow.id == HandOffRow.conversation_id)
            query = query.where(HandOffRow.organisation_id == organisation, HandOffRow.state.in_(("waiting", "human")))
            count, versions, latest = session.execute(query.where(ConversationRow.deleted_at.is_(None))).one()
            return f"{count}:{versions}:{latest}"


def _mark(row: ConversationRow) -> str:
    return f"{row.next_seq}:{row.state}:{row.version}:{row.branch}:{row.updated_at.isoformat()}"
