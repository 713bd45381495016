"""Whether the ledger is as it was written: hashes, parents, order, search index, and the database's own structure."""

from collections.abc import Iterator
from itertools import groupby

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from storage.hashes import ROOT, message_hash
from storage.records_support import Problem, Verification
from storage.schema import ConversationRow, MessageRow

_COLUMNS = (
    MessageRow.conversation_id,
    MessageRow.seq,
    MessageRow.parent_seq,
    MessageRow.parent_hash,
    MessageRow.hash,
    MessageRow.role,
    MessageRow.content,
    MessageRow.status,
)
_UNFINDABLE = {
    "sqlite": "SELECT count(*) FROM {table} t WHERE {final} t.id NOT IN (SELECT rowid FROM search_{table})",
    "postgresql": "SELECT count(*) FROM {table} t WHERE {final} NOT EXISTS "
    "(SELECT 1 FROM search_{table} s WHERE s.entry = t.id)",
}
_STALE = {
    "sqlite": "SELECT count(*) FROM search_{table} WHERE rowid NOT IN (SELECT id FROM {table})",
    "postgresql": "SELECT count(*) FROM search_{table} s "
    "WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = s.entry)",
}


def verify(session: Session) -> Verification:
    """Derive everything that can be derived again, and compare. Reads all messages, a thousand at a time."""
    problems: list[Problem] = []
    checked = pending = 0
    conversations = select(ConversationRow.id, ConversationRow.purged_before, ConversationRow.next_seq)
    heads = {key: (first, end) for key, first, end in session.execute(conversations)}
    query = select(*_COLUMNS).order_by(MessageRow.conversation_id, MessageRow.seq)
    rows = session.execute(query.execution_options(yield_per=1000))
    for conversation_id, group in groupby(rows, key=lambda row: row[0]):
        first, end = heads.pop(conversation_id)
        hashes: dict[int, str | None] = {}
        for _, seq, parent_seq, parent_hash, found, role, content, status in group:
            where = f"conversation {conversation_id}, message {seq}"
            before = ROOT if parent_seq is None else hashes.get(parent_seq)
            known = parent_seq is None or parent_seq in hashes
            if parent_seq is not None and not known and parent_seq >= first:
                problems.append(Problem(where, f"the message before it, {parent_seq}, is missing"))
            if found is None:
                pending += 1
                if status != "streaming" and before is not None:
                    problems.append(Problem(where, "it is finished but has no hash"))
            elif known and parent_hash != before:
                problems.append(Problem(where, "it does not follow the message before it"))
            elif message_hash(parent_hash or ROOT, role, content) != found:
                problems.append(Problem(where, "its text or role is not what was written"))
            hashes[seq] = found
            checked += found is not None
        problems += _gaps(conversation_id, list(hashes), first, end)
    for conversation_id, (first, end) in heads.items():
        problems += _gaps(conversation_id, [], first, end)
    return Verification(checked, pending, (*problems, *_index(session), *_structure(session)))


def _gaps(conversation_id: str, seqs: list[int], first: int, end: int) -> Iterator[Problem]:
    """Messages are numbered without gaps, from what retention left to the next number."""
    if missing := sorted(set(range(first, end)) - set(seqs)):
        shown = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
        yield Problem(f"conversation {conversation_id}", f"messages are missing: {shown}")
    if extra := [seq for seq in seqs if not first <= seq < end]:
        yield Problem(f"conversation {conversation_id}", f"there are messages that nobody wrote: {extra[:5]}")


def _index(session: Session) -> Iterator[Problem]:
    dialect = session.get_bind().dialect.name
    for table, final in (("messages", "t.status <> 'streaming' AND"), ("passages", "")):
        for kind, statements in (("cannot be found by search", _UNFINDABLE), ("are found but gone", _STALE)):
            count = session.scalar(text(statements[dialect].format(table=table, final=final)))
            if count:
                yield Problem(f"search index of {table}", f"{count} {kind}")


def _structure(session: Session) -> Iterator[Problem]:
    """PostgreSQL keeps its foreign keys by itself; a SQLite file may have been written to by anything."""
    if session.get_bind().dialect.name != "sqlite":
        return
    for (found,) in session.execute(text("PRAGMA integrity_check")):
        if found != "ok":
            yield Problem("database file", str(found))
    for table, row, parent, _ in session.execute(text("PRAGMA foreign_key_check")):
        yield Problem(f"table {table}, row {row}", f"what it belongs to in {parent} is missing")
