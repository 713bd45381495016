"""Logins that end, one-time links that work once, identities elsewhere; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage import NotFoundError, Store
from storage.records import LOCAL, ConflictError, NotAllowedError
from storage.records_people import OPERATOR

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
IDLE = timedelta(hours=12)


@pytest.fixture
def people(store: Store) -> Store:
    """Ann is the admin of the installation, Bob a member of it; Eve is the admin of another organisation."""
    store.accounts.create_organisation("", organisation_id=LOCAL)
    store.accounts.create_organisation("evil", organisation_id="evil")
    store.accounts.add_user(LOCAL, "ann", role="admin")
    store.accounts.add_user(LOCAL, "bob")
    store.accounts.add_user("evil", "eve", role="admin")
    return store


def login(store: Store, user: str, token: str) -> str:
    return store.logins.begin(user, token, now=NOW, expires_at=LATER, agent="Firefox").id


def test_a_login_lasts_until_it_is_idle_expires_or_ends(people: Store) -> None:
    first, second = login(people, "bob", "t1"), login(people, "bob", "t2")
    assert people.logins.find("t1", NOW, IDLE)[1].id == "bob"
    with pytest.raises(NotFoundError):
        people.logins.find("t1", NOW + IDLE, IDLE)
    for hour in range(6, 160, 6):  # used often enough, it lives to its end and no longer
        people.logins.find("t1", NOW + timedelta(hours=hour), IDLE)
    with pytest.raises(NotFoundError):
        people.logins.find("t1", LATER, 100 * IDLE)
    assert [each.id for each in people.logins.of("bob", NOW + IDLE, IDLE)] == [first]
    with pytest.raises(NotFoundError):
        people.logins.end("eve", second)
    people.logins.end("bob", second)
    with pytest.raises(NotFoundError):
        people.logins.find("t2", NOW, IDLE)
    login(people, "bob", "t3")
    people.logins.end_all("bob", keep=first)
    assert [each.id for each in people.logins.of("bob", NOW + IDLE, IDLE)] == [first]
    people.logins.forget(LATER, IDLE)
    assert people.logins.of("bob", NOW, IDLE) == []


def test_whoever_is_barred_is_out_at_once(people: Store) -> None:
    login(people, "bob", "t")
    people.accounts.add_key("bob", "k", "key")
    assert people.accounts.set_barred("ann", "bob", True).barred
    with pytest.raises(NotFoundError):
        people.logins.find("t", NOW, IDLE)
    with pytest.raises(NotFoundError):
        people.accounts.user_of_key("key", NOW)
    with pytest.raises(NotAllowedError, match="closed"):
        login(people, "bob", "t2")
    for admin, user, error in (("eve", "bob", NotFoundError), ("bob", "ann", NotAllowedError)):
        with pytest.raises(error):
            people.accounts.set_barred(admin, user, False)
    with pytest.raises(ConflictError):
        people.accounts.set_barred("ann", "ann", True)
    assert not people.accounts.set_barred("ann", "bob", False).barred
    login(people, "bob", "t4")


def test_a_link_makes_one_user_once(people: Store) -> None:
    link = people.invitations.invite("ann", "h", organisation=LOCAL, role="agent", expires_at=LATER)
    assert people.invitations.open("h", NOW) == link
    assert people.invitations.pending("ann", NOW) == [link]
    with pytest.raises(ConflictError, match="“bob” is taken"):
        people.invitations.accept("h", NOW, user="bob", password_hash="p")
    assert people.accounts.password_hash("bob") is None
    with pytest.raises(NotFoundError):
        people.invitations.accept("h", LATER, user="kim", password_hash="p")
    made = people.invitations.accept("h", NOW, user="kim", password_hash="p")
    assert (made.role, made.organisation, made.has_password) == ("agent", LOCAL, True)
    for attempt in ("kim", "kit"):
        with pytest.raises(NotFoundError, match="used"):
            people.invitations.accept("h", NOW, user=attempt, password_hash="q")
    assert people.accounts.password_hash("kim") == "p"
    assert people.invitations.pending("ann", NOW) == []


def test_links_stay_within_the_reach_of_their_maker(people: Store) -> None:
    def invite(by: str, organisation: str, user: str | None = None) -> None:
        people.invitations.invite(
            by, f"{by}{organisation}{user}", organisation=organisation, role="member", expires_at=LATER, user=user
        )

    invite("eve", "evil")
    invite("ann", "evil")  # the installation's admin founds other organisations …
    for by, organisation, user in (("eve", LOCAL, None), ("ann", "evil", "eve"), ("eve", "evil", "bob")):
        with pytest.raises(NotFoundError):
            invite(by, organisation, user)  # … but takes no account of theirs over
    with pytest.raises(NotAllowedError):
        invite("bob", LOCAL)
    with pytest.raises(NotFoundError):
        invite("ann", "nowhere")
    theirs = people.invitations.pending("eve", NOW)
    assert {each.organisation for each in theirs} == {"evil"}
    invite("ann", LOCAL)
    ours = [each for each in people.invitations.pending("ann", NOW) if each.organisation == LOCAL]
    with pytest.raises(NotFoundError):
        people.invitations.withdraw("eve", ours[0].id)
    people.invitations.withdraw("ann", ours[0].id)
    with pytest.raises(NotFoundError):
        people.invitations.open(f"ann{LOCAL}None", NOW)


def test_a_link_for_a_password_changes_nothing_else_and_ends_the_logins(people: Store) -> None:
    login(people, "bob", "t")
    people.invitations.invite("ann", "h", organisation=LOCAL, role="admin", expires_at=LATER, user="bob")
    changed = people.invitations.accept("h", NOW, user="whoever", password_hash="new")
    assert (changed.id, changed.role) == ("bob", "member")
    assert people.accounts.password_hash("bob") == "new"
    assert people.logins.of("bob", NOW, IDLE) == []


def test_only_the_operators_link_takes_over_who_was_there_before_accounts(people: Store) -> None:
    people.create_conversation("me", "legal", "kept")
    assert not people.accounts.has_admin()
    people.invitations.invite("ann", "a", organisation=LOCAL, role="admin", expires_at=LATER)
    with pytest.raises(ConflictError):
        people.invitations.accept("a", NOW, user="me", password_hash="p")
    people.invitations.invite(OPERATOR, "o", organisation=LOCAL, role="admin", expires_at=LATER)
    with pytest.raises(ConflictError):  # of another organisation
        people.invitations.accept("o", NOW, user="eve", password_hash="p")
    assert people.invitations.accept("o", NOW, user="me", password_hash="p").role == "admin"
    assert [each.title for each in people.conversations("me")] == ["kept"]
    assert people.accounts.has_admin()


def test_an_identity_is_one_user(people: Store) -> None:
    issuer = "https://id.example"
    people.invitations.invite("ann", "h", organisation=LOCAL, role="member", expires_at=LATER)
    with pytest.raises(NotFoundError):
        people.logins.user_of_identity(issuer, "s1")
    people.invitations.accept("h", NOW, user="kim", identity=(issuer, "s1"))
    assert people.logins.user_of_identity(issuer, "s1").id == "kim"
    for user, subject in (("zoe", "s1"), ("bob", "s2")):  # neither an identity nor a name is taken over
        with pytest.raises(ConflictError):
            people.logins.admit(user, issuer, subject, NOW)
    with pytest.raises(ConflictError, match="“bob” is taken; ask an admin"):  # nobody chooses a name there
        people.logins.admit("bob", issuer, "s3", NOW)
    assert people.logins.admit("zoe", issuer, "s2", NOW).role == "member"
    assert people.logins.user_of_identity(issuer, "s2").id == "zoe"
    people.privacy.erase("kim")
    with pytest.raises(NotFoundError):
        people.logins.user_of_identity(issuer, "s1")


def test_logins_are_part_of_what_is_stored_about_a_person(people: Store) -> None:
    login(people, "bob", "t")
    assert [kind for kind, _ in people.privacy.export("bob")] == ["user", "login", "audit", "audit"]
    people.invitations.invite("ann", "h", organisation=LOCAL, role="member", expires_at=LATER, user="bob")
    people.privacy.erase("bob")
    with pytest.raises(NotFoundError):
        people.invitations.open("h", NOW)


def test_organisations_are_seen_by_their_own_admins_and_the_installations(people: Store) -> None:
    assert [each.id for each in people.accounts.organisations("ann")] == ["evil", LOCAL]
    assert [each.id for each in people.accounts.organisations("eve")] == ["evil"]
    with pytest.raises(NotAllowedError):
        people.accounts.organisations("bob")
