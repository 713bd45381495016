"""The documents of a user: versions, sharing within the organisation, passages for search."""

from collections.abc import Sequence

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from storage import search
from storage.access import known_user, names, own_document, readable_document, some_user
from storage.audit import log
from storage.records import ConflictError, DocumentRecord, NotFoundError, Passage
from storage.room import Room
from storage.rows import document_value
from storage.schema import ConversationRow, DocumentRow, LinkRow, PassageRow


class Documents(Room):
    """Documents by the hash of their content; files and keys and values lie elsewhere."""

    def add_document(self, user: str, document: DocumentRecord, *, version_of: str | None = None) -> DocumentRecord:
        """Keep a document; when the user has one with this id already, that one stays and is returned.

        `version_of`: any version of the document that this is the next version of. Its number is counted here.
        """
        with self._begin() as session:
            person = some_user(session, user)
            row = session.get(DocumentRow, (user, document.id))
            series, version = document.id, 1
            if version_of is not None:
                series = own_document(session, user, version_of).series
                newest = select(func.max(DocumentRow.version)).filter_by(user_id=user, series=series)
                version = (session.scalar(newest) or 0) + 1
            if row is None:
                row = DocumentRow(
                    user_id=user,
                    id=document.id,
                    organisation_id=person.organisation_id,
                    name=document.name,
                    path=document.path,
                    media_type=document.media_type,
                    bytes=document.bytes,
                    pages=document.pages,
                    tokens=document.tokens,
                    created_at=document.created_at,
                    series=series,
                    version=version,
                    shared=document.shared,
                )
                session.add(row)
                name = PassageRow(user_id=user, document_id=row.id, position=0, text=row.name, path=row.name, start=0)
                session.add(name)
                session.flush()
                owner = search.organisation_word(row.organisation_id)
                search.index(session, search.PASSAGES, name.id, owner, row.name)
                session.refresh(row)  # its time comes back in UTC
            elif row.series != series and version_of is not None:
                raise ConflictError(f"{row.name} is kept already, as version {row.version} of another document.")
            return document_value(row)

    def add_passages(self, user: str, document_id: str, passages: Sequence[Passage]) -> None:
        """Make the text of a document findable, replacing what was given before. Answers never use this."""
        with self._begin() as session:
            row = own_document(session, user, document_id)
            old = delete(PassageRow).filter_by(user_id=user, document_id=document_id)
            session.execute(old.where(PassageRow.position > 0))
            added = [
                PassageRow(
                    user_id=user,
                    document_id=document_id,
                    position=position,
                    text=passage.text,
                    path=passage.path,
                    start=passage.start,
                    page=passage.page,
                    line=passage.line,
                )
                for position, passage in enumerate(passages, 1)
            ]
            session.add_all(added)
            session.flush()
            owner = search.organisation_word(row.organisation_id)
            search.index_all(session, search.PASSAGES, owner, [(each.id, each.text) for each in added])

    def documents(self, user: str, *, shared: bool = False) -> list[DocumentRecord]:
        """All documents of the user, oldest first; `shared`: also what others of the organisation share."""
        with self._begin(write=False) as session:
            query = select(DocumentRow).order_by(DocumentRow.created_at, DocumentRow.id)
            mine = DocumentRow.user_id == user
            if shared:
                person = known_user(session, user)
                mine = or_(mine, DocumentRow.shared) & (DocumentRow.organisation_id == person.organisation_id)
            return [document_value(row) for row in session.scalars(query.where(mine))]

    def document(self, user: str, document_id: str) -> DocumentRecord:
        """A document of the user, or one that is shared with them."""
        with self._begin(write=False) as session:
            return document_value(_readable(session, user, document_id))

    def versions(self, user: str, document_id: str) -> list[DocumentRecord]:
        """All versions of the document that this is one of, oldest first; of a shared one, those that are shared."""
        with self._begin(write=False) as session:
            row = _readable(session, user, document_id)
            query = select(DocumentRow).filter_by(user_id=row.user_id, series=row.series)
            if row.user_id != user:
                query = query.where(DocumentRow.shared)
            return [document_value(each) for each in session.scalars(query.order_by(DocumentRow.version))]

    def share_document(self, user: str, document_id: str, shared: bool) -> DocumentRecord:
        """Let the organisation read a document of the user, or no longer.

        Raises ConflictError while conversations of others use it.
        """
        with self._begin() as session:
            row = own_document(session, user, document_id)
            others = (
                select(ConversationRow.id)
                .join(ConversationRow.links)
                .where(LinkRow.user_id == user, LinkRow.document_id == document_id, ConversationRow.user_id != user)
            )
            if not shared and (count := len(session.scalars(others).all())):
                raise ConflictError(f"{row.name} is used by {count} conversations of others, so it stays shared.")
            row.shared = shared
            log(session, row.organisation_id, user, "document.share" if shared else "document.unshare", document_id)
            return document_value(row)

    def delete_document(self, user: str, document_id: str) -> bool:
        """Forget a document for good; deleted conversations lose their link to it.

        Returns whether nobody has this content any more, so that files and keys and values may go, too. Raises
        ConflictError, naming them, while conversations that are not deleted use it.
        """
        with self._begin() as session:
            row = own_document(session, user, document_id)
            links = select(LinkRow).filter_by(user_id=user, document_id=document_id)
            used_by = select(ConversationRow).join(ConversationRow.links)
            used_by = used_by.where(
                LinkRow.user_id == user,
                LinkRow.document_id == document_id,
                ConversationRow.deleted_at.is_(None),
            )
            found = session.scalars(used_by.order_by(ConversationRow.created_at)).all()
            if any(conversation.user_id != user for conversation in found):
                raise ConflictError(f"{row.name} is shared and used by others; they must delete their talks first.")
            if found:
                raise ConflictError(f"{row.name} is used by {names(found)}; delete that first.")
            for link in session.scalars(links):
                session.delete(link)
            session.flush()  # the links go before the document that they point to
            session.delete(row)
            log(session, row.organisation_id, user, "document.delete", document_id)
            session.flush()
            return session.scalar(select(DocumentRow.id).filter_by(id=document_id).limit(1)) is None


def _readable(session: Session, user: str, document_id: str) -> DocumentRow:
    """Whoever is no user yet has no document either."""
    try:
        person = known_user(session, user)
    except NotFoundError:
        raise NotFoundError("There is no such document.") from None
    return readable_document(session, person, document_id)
