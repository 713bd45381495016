"""Conversations, sessions and documents of one user, and that no other user gets at them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from storage import DocumentRecord, NotFoundError, Store
from storage.records import ConflictError

DOCUMENT = DocumentRecord("d0", "lease.pdf", "files/d0.pdf", "application/pdf", 9, 2, 300, datetime.now(UTC))


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
    for conversation, text in ((one, "other words"), (two, "hello")):  # nothing is dropped without a word
        with pytest.raises(ConflictError, match="idempotency key was used for another message"):
            store.append("ann", conversation, "user", text, idempotency_key="k")
    bobs = store.create_conversation("bob", "legal", "t").id
    assert store.append("bob", bobs, "user", "hello", idempotency_key="k").id != first.id
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


def test_pinned_ones_are_listed_alone(store: Store) -> None:
    ids = [store.create_conversation("ann", "legal", str(n)).id for n in range(3)]
    store.pin("ann", ids[1], True)
    assert [c.id for c in store.conversations("ann", pinned=True)] == [ids[1]]
    assert [c.id for c in store.conversations("ann", pinned=False)] == [ids[2], ids[0]]
    assert len(store.conversations("ann")) == 3 and store.conversations("bob", pinned=True) == []


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
    assert store.conversation("ann", before.id) == replace(before, deleted=True, version=2)
    for write in (
        lambda: store.append("ann", before.id, "user", "x"),
        lambda: store.begin_answer("ann", before.id),
        lambda: store.start_session("ann", before.id),
        lambda: store.attach_document("ann", before.id, DOCUMENT.id),
    ):
        with pytest.raises(ConflictError, match="“lease” was deleted; restore it first"):
            write()
    store.delete_conversation("ann", before.id)
    restored = replace(before, version=3)
    assert store.restore_conversation("ann", before.id) == restored
    assert store.conversations("ann") == [restored]
    assert store.messages("ann", before.id) == [message]


def test_an_answer_is_finished_in_a_conversation_deleted_meanwhile(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t")
    begun = store.begin_answer("ann", conversation.id)
    store.delete_conversation("ann", conversation.id)
    finished = store.finish_answer("ann", begun.id or 0, "kept", "complete", None)
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
        "schema_revision": "0008",
    }
