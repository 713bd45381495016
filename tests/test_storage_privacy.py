"""Export-all, erase-all, and retention: what is asked for is complete, what is removed is gone, the rest stays."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from storage import AnswerRecord, DocumentRecord, NotFoundError, Store
from storage.export import plain
from storage.records import LOCAL, CitationRecord, ConflictError, NotAllowedError, Passage, PastMessage, PastSession
from storage.records_people import OPERATOR
from storage.records_support import Removed

SECRET = "xylophonist"  # a word that stands nowhere else
OLD = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC)
DOCUMENT = DocumentRecord("d0", f"{SECRET}.pdf", "files/d0", "application/pdf", 9, 2, 300, OLD)
CITATION = CitationRecord(1, "a.pdf", 1, None, None, "§", f"the {SECRET}", 0, 9, True, "quote", 1.0, document_id="d0")
ANSWER = AnswerRecord(
    "m", "headers", "fast", "cpu", "stop", True, 9, 9, 0, 3, 1, (), 1, (), 0.1, 0.2, 0.3, 0.4, (CITATION,)
)


def fill(store: Store, user: str) -> str:
    """Something of every kind that belongs to a user."""
    store.add_document(user, DOCUMENT)
    store.add_passages(user, "d0", [Passage(f"The {SECRET} signs here.", "a.pdf", 0, page=1)])
    talk = store.create_conversation(user, "support", f"About the {SECRET}", ["d0"]).id
    store.append(user, talk, "user", f"who is the {SECRET}?", idempotency_key="k")
    answer = store.begin_answer(user, talk).id or 0
    store.finish_answer(user, answer, f"The {SECRET} is you.", "complete", ANSWER)
    store.edit(user, talk, 0, f"am I the {SECRET}?")
    store.switch_branch(user, talk, 0)
    store.give_feedback(user, talk, 1, -1, f"no {SECRET}")
    store.promises.add(user, talk, 1, "bot", user, f"to find the {SECRET}")
    store.accounts.add_key(user, f"key of the {SECRET}", f"hash of {user}")
    organisation = store.accounts.organisation(user)
    with store._begin() as session:
        statement = "UPDATE organisations SET webhook_url = 'https://x' WHERE id = :id"
        session.execute(text(statement), {"id": organisation.id})
    store.hand_offs.request(user, talk, "asked", f"packet about the {SECRET}")
    store.start_session(user, talk)
    return talk


def rows(store: Store) -> dict[str, int]:
    """How many rows there are in each table, search index included."""
    with store._begin(write=False) as session:
        found = inspect(session.connection()).get_table_names()
        tables = [
            each for each in found if not each.startswith("search_") or each in ("search_messages", "search_passages")
        ]
        return {table: session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}


def test_an_export_holds_everything_of_one_person(store: Store) -> None:
    talk = fill(store, "ann")
    fill(store, "bob")
    token = {"organisation": LOCAL, "role": "member", "expires_at": NOW + timedelta(days=1), "user": "ann"}
    store.invitations.invite(OPERATOR, "hash of a link", **token)  # type: ignore[arg-type]
    store.invitations.accept("hash of a link", NOW, user="ann", identity=("https://id.example.org", "subject of ann"))
    exported = list(store.privacy.export("ann"))
    counts = Counter(kind for kind, _ in exported)
    assert counts == {
        "user": 1,
        "identity": 1,
        "key": 1,
        "document": 1,
        "passage": 2,
        "conversation": 1,
        "session": 2,
        "branch": 1,
        "message": 3,
        "feedback": 1,
        "hand_off": 1,
        "promise": 1,
        "delivery": 1,
        "audit": counts["audit"],
    }
    assert counts["audit"] >= 2
    values = [value for kind, value in exported if kind == "message"]
    assert values == [store.message("ann", talk, seq) for seq in range(3)]
    text = json.dumps([plain(value) for _, value in exported])
    assert text.count(SECRET) >= 10
    assert "bob" not in text and "subject of ann" in text
    assert "hash of" not in text
    with pytest.raises(NotFoundError):
        list(store.privacy.export("nobody"))


def test_erasing_leaves_nothing_of_the_person_and_all_of_the_others(store: Store) -> None:
    fill(store, "bob")
    only_bob = rows(store)
    bobs = list(store.privacy.export("bob"))
    talk = fill(store, "ann")
    removed = store.privacy.erase("ann")
    assert removed == Removed((talk,), (), 3)  # bob has the same document
    after = rows(store)
    assert after.pop("audit") > 0
    only_bob.pop("audit")
    assert after == only_bob
    assert list(store.privacy.export("bob")) == bobs
    assert store.verify().problems == ()
    for lost in (lambda: store.conversation("ann", talk), lambda: store.document("ann", "d0")):
        with pytest.raises(NotFoundError):
            lost()
    assert store.search("ann", SECRET) == []
    assert store.privacy.erase("bob").documents == ("d0",)
    assert (
        sum(count for table, count in rows(store).items() if table not in ("audit", "organisations", "alembic_version"))
        == 0
    )
    with pytest.raises(NotFoundError):
        store.privacy.erase("bob")


def test_not_a_byte_of_an_erased_person_stays_in_the_file(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    fill(store, "ann")
    store.append("bob", store.create_conversation("bob", "legal", "t").id, "user", "unrelated")

    def bytes_of_all_files() -> bytes:
        return b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))

    assert SECRET.encode() in bytes_of_all_files()
    store.privacy.erase("ann")
    left = bytes_of_all_files()
    assert SECRET.encode() not in left
    assert SECRET[2:].encode() not in left  # an index may hold the beginning of a word elsewhere
    assert b"unrelated" in left
    store.close()


def test_an_agents_words_stay_with_the_customer_without_a_name(store: Store) -> None:
    store.accounts.create_organisation("acme", organisation_id="acme")
    for user, role in (("bob", "member"), ("kim", "agent"), ("ann", "admin")):
        store.accounts.add_user("acme", user, role=role)
    talk = store.create_conversation("bob", "support", "t").id
    hand_off = store.hand_offs.request("bob", talk, "r", "")
    store.hand_offs.take("kim", hand_off.id)
    store.hand_offs.reply("kim", hand_off.id, "I can help", idempotency_key="k")
    store.privacy.erase("kim", by="ann")
    message = store.messages("bob", talk)[0]
    assert (message.content, message.author) == ("I can help", "erased")
    assert store.hand_offs.of("bob", talk)[0].agent == "erased"
    assert "kim" not in repr(store.audit.entries("ann"))
    assert store.verify().problems == ()


def test_who_may_erase(store: Store) -> None:
    for organisation, users in (
        ("acme", (("ann", "admin"), ("bob", "member"), ("kim", "agent"))),
        ("evil", (("eve", "admin"),)),
    ):
        store.accounts.create_organisation(organisation, organisation_id=organisation)
        for user, role in users:
            store.accounts.add_user(organisation, user, role=role)
    with pytest.raises(NotAllowedError):
        store.privacy.erase("bob", by="kim")
    with pytest.raises(NotFoundError):
        store.privacy.erase("bob", by="eve")
    store.privacy.erase("kim", by="ann")
    store.privacy.erase("bob", by="bob")
    assert [user.id for user in store.accounts.users("ann")] == ["ann"]


# -- retention ---


def keep(store: Store, user: str, days: int | None, undo: int = 30) -> None:
    with store._begin() as session:
        statement = "UPDATE organisations SET retention_days = :days, undo_days = :undo WHERE id = :id"
        session.execute(text(statement), {"days": days, "undo": undo, "id": store.accounts.organisation(user).id})


def past(*days_ago: int) -> list[PastSession]:
    times = [NOW - timedelta(days=days) for days in days_ago]
    return [
        PastSession(at, (PastMessage("user", f"{SECRET} {days}", at),))
        for at, days in zip(times, days_ago, strict=True)
    ]


def test_without_a_retention_only_what_cannot_be_undone_any_more_goes(store: Store) -> None:
    deleted, kept = (store.create_conversation("ann", "legal", title).id for title in ("deleted", "kept"))
    store.append("ann", deleted, "user", SECRET)
    store.delete_conversation("ann", deleted)
    assert store.privacy.purge(NOW + timedelta(days=29)) == Removed()
    assert store.restore_conversation("ann", deleted).id == deleted
    store.delete_conversation("ann", deleted)
    assert store.privacy.purge(NOW + timedelta(days=31)) == Removed((deleted,), (), 1)
    assert [each.id for each in store.conversations("ann")] == [kept]
    with pytest.raises(NotFoundError):
        store.conversation("ann", deleted)


def test_a_deletion_cannot_be_undone_after_its_days(store: Store) -> None:
    talk = store.create_conversation("ann", "legal", "lease").id
    keep(store, "ann", None, undo=0)
    store.delete_conversation("ann", talk)
    with pytest.raises(ConflictError, match="“lease” was deleted more than 0 days ago"):
        store.restore_conversation("ann", talk)


def test_old_messages_of_a_living_conversation_go_and_its_chain_holds(store: Store) -> None:
    talk = store.import_history("ann", "support", "t", past(400, 300, 20)).id
    live = store.append("ann", talk, "user", "today")
    keep(store, "ann", 90)
    assert store.privacy.purge(NOW) == Removed((), (), 2)
    left = store.messages("ann", talk)
    assert [(m.seq, m.content) for m in left] == [(2, f"{SECRET} 20"), (3, "today")]
    assert left[1] == live
    assert [session.number for session in store.sessions("ann", talk)] == [3, 4]
    assert [hit.seq for hit in store.search("ann", SECRET)] == [2]
    assert store.verify().problems == ()
    assert store.append("ann", talk, "user", "tomorrow").parent == 3
    store.edit("ann", talk, 2, "an edit of the first that is left")
    assert store.verify().problems == ()
    assert store.privacy.purge(NOW) == Removed()


def test_a_conversation_whose_messages_all_went_begins_anew(store: Store) -> None:
    talk = store.import_history("ann", "support", "t", past(400)).id
    keep(store, "ann", 90)
    assert store.privacy.purge(NOW).messages == 1
    assert store.messages("ann", talk) == []
    fresh = store.append("ann", talk, "user", "back again")
    assert (fresh.seq, fresh.parent, fresh.number) == (1, None, 1)
    assert store.verify().problems == ()


def test_an_unfinished_answer_keeps_what_its_hash_needs(store: Store) -> None:
    talk = store.import_history("ann", "support", "t", past(400, 300)).id
    answer = store.begin_answer("ann", talk).id or 0
    keep(store, "ann", 90)
    assert store.privacy.purge(NOW).messages == 1
    store.finish_answer("ann", answer, "done", "complete", None)
    assert [bool(m.hash) for m in store.messages("ann", talk)] == [True, True]
    assert store.verify().problems == ()


def test_each_organisation_has_its_own_retention(store: Store) -> None:
    store.accounts.create_organisation("acme", organisation_id="acme", retention_days=10)
    store.accounts.add_user("acme", "bob")
    for user in ("ann", "bob"):
        store.import_history(user, "support", "t", past(20))
        store.add_document(user, DOCUMENT)
    assert store.privacy.purge(NOW) == Removed((), (), 1)  # ann still has the document
    assert len(store.search("ann", SECRET)) == 2
    assert store.search("bob", SECRET) == []
    assert store.documents("bob") == []
    keep(store, "ann", 10)
    assert store.privacy.purge(NOW) == Removed((), ("d0",), 1)


def test_documents_in_use_stay_and_silent_conversations_go(store: Store) -> None:
    store.add_document("ann", DOCUMENT)
    store.add_document("ann", replace(DOCUMENT, id="d1"))
    talk = store.create_conversation("ann", "legal", "t", ["d0"]).id
    keep(store, "ann", 90)
    assert store.privacy.purge(NOW) == Removed((), ("d1",), 0)
    assert store.privacy.purge(NOW + timedelta(days=91)) == Removed((talk,), ("d0",), 0)
