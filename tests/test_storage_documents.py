"""Versions of documents, and sharing them within the organisation."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from storage import DocumentRecord, NotFoundError, Store
from storage.records import ConflictError

LEASE = DocumentRecord("d0", "lease.pdf", "files/d0", "application/pdf", 9, 2, 300, datetime(2026, 1, 1, tzinfo=UTC))
SECOND = replace(LEASE, id="d1", name="lease v2.pdf")
THIRD = replace(LEASE, id="d2", name="lease v3.pdf")


@pytest.fixture
def team(store: Store) -> Store:
    """Ann and Bob are of one organisation, Eve of another."""
    for organisation, users in (("acme", ("ann", "bob")), ("evil", ("eve",))):
        store.accounts.create_organisation(organisation, organisation_id=organisation)
        for user in users:
            store.accounts.add_user(organisation, user)
    return store


def test_versions_are_counted_along_one_document(store: Store) -> None:
    assert store.add_document("ann", LEASE).version == 1
    assert store.add_document("ann", SECOND, version_of="d0").version == 2
    assert store.add_document("ann", THIRD, version_of="d0").version == 3
    store.add_document("ann", replace(LEASE, id="x"))
    for version in ("d0", "d1", "d2"):
        assert [(each.id, each.version) for each in store.versions("ann", version)] == [("d0", 1), ("d1", 2), ("d2", 3)]
    assert [each.id for each in store.versions("ann", "x")] == ["x"]


def test_a_version_that_is_there_stays_what_it_is(store: Store) -> None:
    store.add_document("ann", LEASE)
    store.add_document("ann", SECOND, version_of="d0")
    assert store.add_document("ann", SECOND, version_of="d0").version == 2
    assert store.add_document("ann", SECOND).version == 2
    store.add_document("ann", THIRD)
    with pytest.raises(ConflictError, match=r"lease v3\.pdf is kept already, as version 1 of another document"):
        store.add_document("ann", THIRD, version_of="d0")
    with pytest.raises(NotFoundError):
        store.add_document("ann", replace(LEASE, id="d9"), version_of="unknown")
    assert [each.id for each in store.documents("ann")] == ["d0", "d1", "d2"]


def test_deleting_a_version_leaves_the_others_and_their_numbers(store: Store) -> None:
    store.add_document("ann", LEASE)
    store.add_document("ann", SECOND, version_of="d0")
    store.delete_document("ann", "d0")
    assert [(each.id, each.version) for each in store.versions("ann", "d1")] == [("d1", 2)]
    assert store.add_document("ann", THIRD, version_of="d1").version == 3
    assert store.add_document("ann", LEASE).version == 1
    assert [each.id for each in store.versions("ann", "d0")] == ["d0", "d1", "d2"]


def test_a_shared_document_is_read_by_the_organisation_and_changed_by_its_owner(team: Store) -> None:
    team.add_document("ann", LEASE)
    with pytest.raises(NotFoundError):
        team.document("bob", "d0")
    shared = team.share_document("ann", "d0", True)
    assert shared.shared
    assert team.document("bob", "d0") == shared
    assert team.documents("bob") == []
    assert team.documents("bob", shared=True) == [shared]
    assert team.create_conversation("bob", "legal", "t", ["d0"]).document_ids == ("d0",)
    for user in ("eve", "nobody"):
        with pytest.raises(NotFoundError):
            team.document(user, "d0")
    assert team.documents("eve", shared=True) == []
    with pytest.raises(NotFoundError):
        team.delete_document("bob", "d0")
    with pytest.raises(NotFoundError):
        team.share_document("bob", "d0", False)


def test_what_others_use_stays(team: Store) -> None:
    team.add_document("ann", LEASE)
    team.share_document("ann", "d0", True)
    talk = team.create_conversation("bob", "legal", "secret plans", ["d0"])
    with pytest.raises(ConflictError, match="used by 1 conversations of others"):
        team.share_document("ann", "d0", False)
    with pytest.raises(ConflictError) as caught:
        team.delete_document("ann", "d0")
    assert "secret plans" not in str(caught.value)  # the titles of others are theirs
    team.delete_conversation("bob", talk.id)
    assert team.delete_document("ann", "d0") is True
    assert team.restore_conversation("bob", talk.id).document_ids == ()


def test_only_shared_versions_are_shown_to_others(team: Store) -> None:
    team.add_document("ann", LEASE)
    team.add_document("ann", SECOND, version_of="d0")
    team.share_document("ann", "d1", True)
    assert [each.id for each in team.versions("bob", "d1")] == ["d1"]
    with pytest.raises(NotFoundError):
        team.versions("bob", "d0")


def test_deleting_says_whether_anybody_still_has_it(store: Store) -> None:
    for user in ("ann", "bob"):
        store.add_document(user, LEASE)
    assert store.delete_document("ann", "d0") is False
    assert store.delete_document("bob", "d0") is True


def test_an_own_copy_comes_before_a_shared_one(team: Store) -> None:
    for user in ("ann", "bob"):
        team.add_document(user, replace(LEASE, name=f"{user}.pdf"))
    team.share_document("ann", "d0", True)
    assert team.document("bob", "d0").name == "bob.pdf"
    team.create_conversation("bob", "legal", "t", ["d0"])
    assert team.share_document("ann", "d0", False).shared is False
