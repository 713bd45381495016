"""Conversations, sessions and documents of one user, and that no other user gets at them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import DocumentRecord, NotFoundError, Store
from storage.records import ConflictError

DOCUMENT = DocumentRecord("d0", "lease.pdf", "files/d0.pdf", "application/pdf", 9, 2, 300, datetime.now(UTC))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    yield store
    store.close()


def test_sessions_number_the_messages(store: Store) -> None:
    conversation = store.create_conversation("ann", "support", "t")
    assert conversation.sessions == 1
    store.append("ann", conversation.id, "user", "monday")
    assert store.start_session("ann", conversation.id) == 2
    store.append("ann", conversation.id, "user", "tuesday")
    assert [m.session for m in store.messages("ann", conversation.id)] == [1, 2]
    assert [m.seq for m in store.messages("ann", conversation.id)] == [0, 1]
    assert store.conversation("ann", conversation.id).sessions == 2


def test_an_idempotency_key_is_stored_once(store: Store) -> None:
    one, two = (store.create_conversation("ann", "legal", title).id for title in "ab")
    first = store.append("ann", one, "user", "hello", idempotency_key="k")
    assert store.append("ann", one, "user", "hello", idempotency_key="k") == first
    assert store.append("ann", one, "user", "retry with other words", idempotency_key="k") == first
    assert store.append("ann", two, "user", "hello", idempotency_key="k").id != first.id
    store.append("ann", one, "user", "hello")
    store.append("ann", one, "user", "hello")
    assert len(store.messages("ann", one)) == 3


def test_the_list_is_newest_first_and_in_pages(store: Store) -> None:
    ids = [store.create_conversation("ann", "legal", str(n)).id for n in range(5)]
    store.append("ann", ids[0], "user", "now the newest")
    order = [ids[0], *reversed(ids[1:])]
    assert [c.id for c in store.conversations("ann")] == order
    first = store.conversations("ann", limit=2)
    second = store.conversations("ann", limit=2, before=first[-1].updated_at)
    third = store.conversations("ann", limit=2, before=second[-1].updated_at)
    assert [c.id for c in first + second + third] == order


def test_renaming_keeps_the_place_in_the_list(store: Store) -> None:
    old, new = (store.create_conversation("ann", "legal", title).id for title in "ab")
    assert store.rename("ann", old, "better").title == "better"
    assert [c.id for c in store.conversations("ann")] == [new, old]


def test_delete_and_restore(store: Store) -> None:
    store.add_document("ann", DOCUMENT)
    before = store.create_conversation("ann", "legal", "lease", [DOCUMENT.id])
    message = store.append("ann", before.id, "user", "kept")
    before = store.conversation("ann", before.id)
    store.delete_conversation("ann", before.id)
    assert store.conversations("ann") == []
    assert store.conversation("ann", before.id) == replace(before, deleted=True)
    for write in (
        lambda: store.append("ann", before.id, "user", "x"),
        lambda: store.begin_answer("ann", before.id),
        lambda: store.start_session("ann", before.id),
        lambda: store.attach_document("ann", before.id, DOCUMENT.id),
    ):
        with pytest.raises(ConflictError, match="“lease” was deleted; restore it first"):
            write()
    store.delete_conversation("ann", before.id)
    assert store.restore_conversation("ann", before.id) == before
    assert store.conversations("ann") == [before]
    assert store.messages("ann", before.id) == [message]


def test_an_answer_is_finished_in_a_conversation_deleted_meanwhile(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t")
    begun = store.begin_answer("ann", conversation.id)
    store.delete_conversation("ann", conversation.id)
    finished = store.finish_answer(begun.id or 0, "kept", "complete", None)
    assert store.messages("ann", conversation.id) == [finished]


def test_documents_are_added_once_and_stay_in_order(store: Store) -> None:
    others = [replace(DOCUMENT, id=f"d{n}", name=f"{n}") for n in (1, 2)]
    for document in (DOCUMENT, *others):
        assert store.add_document("ann", document) == document
    assert store.add_document("ann", replace(DOCUMENT, name="copy.pdf")) == DOCUMENT
    assert store.documents("ann") == [DOCUMENT, *others]
    conversation = store.create_conversation("ann", "legal", "t", ["d2", "d0", "d2"])
    assert conversation.document_ids == ("d2", "d0")
    assert store.attach_document("ann", conversation.id, "d1").document_ids == ("d2", "d0", "d1")
    assert store.attach_document("ann", conversation.id, "d0").document_ids == ("d2", "d0", "d1")
    assert store.conversations("ann")[0].document_ids == ("d2", "d0", "d1")


def test_a_conversation_about_an_unknown_document_is_not_made(store: Store) -> None:
    store.add_document("ann", DOCUMENT)
    with pytest.raises(NotFoundError):
        store.create_conversation("ann", "legal", "t", [DOCUMENT.id, "unknown"])
    assert store.conversations("ann") == []


def test_a_document_in_use_is_not_deleted(store: Store) -> None:
    store.add_document("ann", DOCUMENT)
    ids = [store.create_conversation("ann", "legal", f"case {n}", [DOCUMENT.id]).id for n in range(5)]
    with pytest.raises(ConflictError, match=r"lease\.pdf is used by .*“case 0”, “case 1”, “case 2” and 2 more"):
        store.delete_document("ann", DOCUMENT.id)
    assert store.conversation("ann", ids[0]).document_ids == (DOCUMENT.id,)
    for conversation_id in ids:
        store.delete_conversation("ann", conversation_id)
    store.delete_document("ann", DOCUMENT.id)
    assert store.documents("ann") == []
    assert store.restore_conversation("ann", ids[0]).document_ids == ()


def test_the_same_document_of_two_users_is_two_documents(store: Store) -> None:
    for user in ("ann", "bob"):
        store.add_document(user, replace(DOCUMENT, name=user))
        store.create_conversation(user, "legal", "t", [DOCUMENT.id])
    store.delete_conversation("bob", store.conversations("bob")[0].id)
    store.delete_document("bob", DOCUMENT.id)
    assert store.document("ann", DOCUMENT.id).name == "ann"
    assert store.conversations("ann")[0].document_ids == (DOCUMENT.id,)


Call = Callable[[Store, str, str], object]
BY_ID: dict[str, Call] = {
    "document": lambda store, user, _: store.document(user, "d0"),
    "delete_document": lambda store, user, _: store.delete_document(user, "d0"),
    "create_conversation": lambda store, user, _: store.create_conversation(user, "legal", "t", ["d0"]),
    "conversation": lambda store, user, key: store.conversation(user, key),
    "rename": lambda store, user, key: store.rename(user, key, "stolen"),
    "delete_conversation": lambda store, user, key: store.delete_conversation(user, key),
    "restore_conversation": lambda store, user, key: store.restore_conversation(user, key),
    "attach_document": lambda store, user, key: store.attach_document(user, key, "d0"),
    "start_session": lambda store, user, key: store.start_session(user, key),
    "append": lambda store, user, key: store.append(user, key, "user", "x", idempotency_key="k"),
    "begin_answer": lambda store, user, key: store.begin_answer(user, key),
    "messages": lambda store, user, key: store.messages(user, key),
}
LISTS = {"documents", "conversations"}
NOT_BY_USER = {"add_document", "grow_answer", "finish_answer", "mark_broken", "counts", "close", "open"}


def test_every_method_is_named_here() -> None:
    public = {name for name in vars(Store) if not name.startswith("_")}
    assert public == BY_ID.keys() | LISTS | NOT_BY_USER


@pytest.mark.parametrize("method", BY_ID)
def test_another_user_finds_nothing(store: Store, method: str) -> None:
    store.add_document("ann", DOCUMENT)
    conversation = store.create_conversation("ann", "legal", "private", [DOCUMENT.id])
    store.append("ann", conversation.id, "user", "secret", idempotency_key="k")
    before = store.conversation("ann", conversation.id), store.messages("ann", conversation.id)
    with pytest.raises(NotFoundError, match="There is no such"):
        BY_ID[method](store, "eve", conversation.id)
    assert store.conversations("eve") == []
    assert store.documents("eve") == []
    assert (store.conversation("ann", conversation.id), store.messages("ann", conversation.id)) == before
    assert store.documents("ann") == [DOCUMENT]


def test_an_own_document_does_not_open_a_foreign_conversation(store: Store) -> None:
    store.add_document("eve", DOCUMENT)
    conversation = store.create_conversation("ann", "legal", "private")
    with pytest.raises(NotFoundError):
        store.attach_document("eve", conversation.id, DOCUMENT.id)
    own = store.create_conversation("eve", "legal", "t")
    store.add_document("ann", replace(DOCUMENT, id="of-ann"))
    with pytest.raises(NotFoundError):
        store.attach_document("eve", own.id, "of-ann")


def test_counts(store: Store) -> None:
    store.add_document("ann", DOCUMENT)
    conversation = store.create_conversation("bob", "legal", "t")
    store.append("bob", conversation.id, "user", "x")
    assert store.counts() == {
        "users": 2,
        "conversations": 1,
        "messages": 1,
        "documents": 1,
        "schema_revision": "0001",
    }
