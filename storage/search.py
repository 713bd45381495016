"""Full-text search for people: SQLite's FTS5 or PostgreSQL's tsvector with a GIN index, behind the same words.

Both index the words that words.py finds, so both find the same. Every message is indexed under a word for its user,
every passage of a document under one for its organisation, so a search never walks through what belongs to others.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    exists,
    intersect,
    literal_column,
    or_,
    select,
    text,
    union,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.access import known_user
from storage.records import Hit, NotFoundError
from storage.schema import ConversationRow, DocumentRow, LinkRow, MessageRow, PassageRow
from storage.schema_people import UserRow
from storage.words import Term, quote_around, terms_of, words_of

KINDS = ("message", "document")
A = TypeVar("A")
B = TypeVar("B")
MESSAGES, PASSAGES = "search_messages", "search_passages"
_VECTOR = "(entry, part, words) VALUES (:row, :part, CAST(:words AS tsvector))"
_PART = 255  # words in a row on PostgreSQL, which remembers 256 places of a word at most
_SEVERAL = "=m"  # a word in each row of a text that needs several
_OVERLAP = 32  # words that two rows share, so that a phrase is found across their border


def index(session: Session, table: str, row_id: int, owner: str, content: str) -> None:
    """Make a row findable, within the transaction that wrote it. `owner`: from user_word or organisation_word."""
    index_all(session, table, owner, [(row_id, content)])


def index_all(session: Session, table: str, owner: str, rows: Iterable[tuple[int, str]]) -> None:
    """The same for many rows, (id, content) each."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    one = "(rowid, words) VALUES (:row, :words)" if sqlite else _VECTOR
    entries = [entry for row, content in rows for entry in _entries(row, owner, words_of(content), whole=sqlite)]
    if entries:
        session.execute(text(f"INSERT INTO {table} {one}"), entries)


def _entries(row: int, owner: str, words: list[str], *, whole: bool) -> list[dict[str, object]]:
    if whole:
        return [{"row": row, "words": " ".join([owner, *words])}]
    parts = [words[at : at + _PART] for at in range(0, max(1, len(words) - _OVERLAP), _PART - _OVERLAP)]
    marks = [owner, _SEVERAL] if len(parts) > 1 else [owner]
    return [{"row": row, "part": n, "words": _vector([*marks, *part])} for n, part in enumerate(parts)]


def forget(session: Session, table: str, row_id: int) -> None:
    """Take a row out of the index. Deleting the row itself does that as well."""
    key = "rowid" if session.get_bind().dialect.name == "sqlite" else "entry"
    session.execute(text(f"DELETE FROM {table} WHERE {key} = :row"), {"row": row_id})  # noqa: S608


def user_word(user: str) -> str:
    return "=u" + hashlib.sha256(user.encode()).hexdigest()[:20]


def organisation_word(organisation: str) -> str:
    return "=o" + hashlib.sha256(organisation.encode()).hexdigest()[:20]


def find(
    session: Session,
    user: str,
    query: str,
    kinds: Iterable[str],
    bot: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> list[Hit]:
    """The newest hits. Raises StorageError when the query holds no word."""
    terms = terms_of(query)
    try:
        person = known_user(session, user)
    except NotFoundError:
        return []  # whoever never wrote anything finds nothing
    hits: list[Hit] = []
    if "message" in kinds:
        chosen = _messages(session, person, terms, bot)
        hits += [_message_hit(*row, terms) for row in _newest(session, chosen, MessageRow, since, until, limit)]
    if "document" in kinds:
        passages = _passages(session, person, terms, bot)
        hits += [_passage_hit(*row, terms) for row in _newest(session, passages, DocumentRow, since, until, limit)]
    return sorted(hits, key=lambda hit: hit.at, reverse=True)[:limit]


def _messages(
    session: Session, person: UserRow, terms: Sequence[Term], bot: str | None
) -> Select[MessageRow, ConversationRow]:
    chosen = select(MessageRow, ConversationRow).join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
    chosen = chosen.where(ConversationRow.user_id == person.id, ConversationRow.deleted_at.is_(None))
    chosen = chosen.where(_holds(session, MESSAGES, MessageRow.id, user_word(person.id), terms))
    return chosen.where(ConversationRow.bot == bot) if bot is not None else chosen


def _passages(
    session: Session, person: UserRow, terms: Sequence[Term], bot: str | None
) -> Select[PassageRow, DocumentRow]:
    same = and_(DocumentRow.user_id == PassageRow.user_id, DocumentRow.id == PassageRow.document_id)
    chosen = select(PassageRow, DocumentRow).join(DocumentRow, same)
    readable = or_(DocumentRow.user_id == person.id, DocumentRow.shared)
    chosen = chosen.where(DocumentRow.organisation_id == person.organisation_id, readable)
    chosen = chosen.where(_holds(session, PASSAGES, PassageRow.id, organisation_word(person.organisation_id), terms))
    if bot is None:
        return chosen
    used = exists().where(
        LinkRow.user_id == DocumentRow.user_id,
        LinkRow.document_id == DocumentRow.id,
        LinkRow.conversation_id == ConversationRow.id,
        ConversationRow.user_id == person.id,
        ConversationRow.bot == bot,
        ConversationRow.deleted_at.is_(None),
    )
    return chosen.where(used)


def _newest(
    session: Session,
    chosen: Select[A, B],
    table: type[MessageRow] | type[DocumentRow],
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> Sequence[tuple[A, B]]:
    if since is not None:
        chosen = chosen.where(table.created_at >= since)
    if until is not None:
        chosen = chosen.where(table.created_at < until)
    return session.execute(chosen.order_by(table.created_at.desc(), table.id.desc()).limit(limit)).all()


def _holds(
    session: Session, table: str, key: InstrumentedAttribute[int], owner: str, terms: Sequence[Term]
) -> ColumnElement[bool]:
    """The row `key` holds every term: in one entry of the index or, where a text needs several, in any of them."""
    if session.get_bind().dialect.name == "sqlite":
        match = " AND ".join([f'"{owner}"', *(_fts5(term) for term in terms)])
        rows = select(literal_column("rowid", BigInteger)).select_from(text(table))
        return key.in_(rows.where(text("words MATCH :match").bindparams(match=match)))
    pieces = [_tsquery(piece) for term in terms for piece in _pieces(term)]
    entry = literal_column("entry", BigInteger)

    def entries(number: int, *wanted: str) -> Select[int]:
        match = text(f"words @@ CAST(:match{number} AS tsquery)").bindparams(**{f"match{number}": " & ".join(wanted)})
        return select(entry).select_from(text(table)).where(match)

    together = entries(0, f"'{owner}'", *pieces)
    apart = [entries(n, f"'{owner}'", f"'{_SEVERAL}'", piece) for n, piece in enumerate(pieces, 1)]
    return key.in_(union(together, intersect(*apart) if len(apart) > 1 else apart[0]))


def _fts5(term: Term) -> str:
    """Words have no quotes in them (words.py), so nothing can break out of these."""
    return f'"{" ".join(term.words)}"' + (" *" if term.prefix else "")


def _pieces(term: Term) -> Iterator[Term]:
    """A phrase that is longer than what two rows share is looked up piece by piece."""
    for at in range(0, len(term.words), _OVERLAP):
        words = term.words[at : at + _OVERLAP]
        yield Term(words, term.prefix and at + _OVERLAP >= len(term.words))


def _tsquery(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    return "(" + " <-> ".join(words) + (":*" if term.prefix else "") + ")"


def _vector(words: Sequence[str]) -> str:
    """The text form of a tsvector."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words, 1))


def _message_hit(message: MessageRow, conversation: ConversationRow, terms: list[Term]) -> Hit:
    return Hit(
        kind="message",
        title=conversation.title,
        quote=quote_around(message.content, terms),
        at=message.created_at,
        conversation_id=message.conversation_id,
        session=message.session,
        number=message.number,
        seq=message.seq,
    )


def _passage_hit(passage: PassageRow, document: DocumentRow, terms: list[Term]) -> Hit:
    return Hit(
        kind="document",
        title=document.name,
        quote=quote_around(passage.text, terms),
        at=document.created_at,
        document_id=document.id,
        path=passage.path,
        page=passage.page,
        line=passage.line,
        start=passage.start,
    )
