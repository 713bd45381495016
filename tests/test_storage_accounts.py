"""Organisations, users, roles, zones, keys; bots by version; the audit log."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from storage import NotFoundError, StorageError, Store
from storage.records import LOCAL, ConflictError, NotAllowedError
from storage.records_people import Organisation

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def acme(store: Store) -> Organisation:
    """Ann is the admin of acme, Kim an agent, Bob a member; Eve is the admin of another organisation."""
    for organisation, users in (
        ("acme", (("ann", "admin"), ("kim", "agent"), ("bob", "member"))),
        ("evil", (("eve", "admin"),)),
    ):
        store.accounts.create_organisation(organisation, organisation_id=organisation)
        for user, role in users:
            store.accounts.add_user(organisation, user, role=role)
    return store.accounts.organisation("ann")


def test_whoever_was_never_registered_is_a_member_of_the_local_organisation(store: Store) -> None:
    with pytest.raises(NotFoundError, match="no such user"):
        store.accounts.user("ann")
    assert store.create_conversation("ann", "legal", "t").organisation == LOCAL
    user = store.accounts.user("ann")
    assert (user.organisation, user.role, user.zone, user.has_password) == (LOCAL, "member", "UTC", False)


@pytest.mark.parametrize("name", ["operator", "erased"])
def test_nobody_is_called_like_the_operator_or_like_those_who_are_gone(store: Store, name: str) -> None:
    """Whoever acts as “operator” may do everything, so no user id may be that word."""
    store.accounts.create_organisation("", organisation_id=LOCAL)
    link = {"organisation": LOCAL, "role": "member", "expires_at": NOW + timedelta(days=1)}
    store.invitations.invite("operator", "token", **link)  # type: ignore[arg-type]
    for door in (
        lambda: store.accounts.add_user(LOCAL, name),
        lambda: store.create_conversation(name, "legal", "t"),
        lambda: store.accounts.appoint(name, "admin"),
        lambda: store.logins.admit(name, "https://id.example.org", "1", NOW),
        lambda: store.invitations.accept("token", NOW, user=name, password_hash="x"),
    ):
        with pytest.raises(ConflictError, match="is taken"):
            door()
    with pytest.raises(NotFoundError):
        store.accounts.user(name)


def test_users_of_an_organisation(store: Store, acme: Organisation) -> None:
    assert [(user.id, user.role) for user in store.accounts.users("ann")] == [
        ("ann", "admin"),
        ("bob", "member"),
        ("kim", "agent"),
    ]
    assert store.create_conversation("bob", "legal", "t").organisation == "acme"
    for user in ("bob", "kim"):
        with pytest.raises(NotAllowedError, match="Only admins may do this"):
            store.accounts.users(user)


def test_an_id_is_taken_once_over_all_organisations(store: Store, acme: Organisation) -> None:
    with pytest.raises(ConflictError, match="“bob” is taken"):
        store.accounts.add_user("evil", "bob")
    with pytest.raises(ConflictError, match="“acme” already"):
        store.accounts.create_organisation("x", organisation_id="acme")
    with pytest.raises(NotFoundError):
        store.accounts.add_user("nowhere", "zoe")
    assert store.accounts.user("bob").organisation == "acme"


def test_roles_are_given_by_admins_of_the_same_organisation(store: Store, acme: Organisation) -> None:
    assert store.accounts.set_role("ann", "bob", "agent").role == "agent"
    with pytest.raises(NotFoundError):
        store.accounts.set_role("eve", "bob", "admin")
    with pytest.raises(NotAllowedError):
        store.accounts.set_role("kim", "kim", "admin")
    with pytest.raises(ConflictError, match="your own admin role"):
        store.accounts.set_role("ann", "ann", "member")
    with pytest.raises(ValueError, match="role"):
        store.accounts.set_role("ann", "bob", "owner")
    assert store.accounts.user("bob").role == "agent"


def test_a_changed_organisation_is_stored_unless_somebody_was_faster(store: Store, acme: Organisation) -> None:
    changed = store.accounts.configure(
        "ann", replace(acme, retention_days=90, webhook_url="https://x"), webhook_secret="s"
    )
    assert (changed.retention_days, changed.webhook_url, changed.version) == (90, "https://x", 2)
    assert store.accounts.webhook_secret("acme") == "s"
    with pytest.raises(ConflictError, match="Somebody else changed this"):
        store.accounts.configure("ann", replace(acme, name="late"))
    with pytest.raises(StorageError, match="at least one day"):
        store.accounts.configure("ann", replace(changed, retention_days=0))
    with pytest.raises(NotFoundError):
        store.accounts.configure("eve", changed)
    with pytest.raises(NotAllowedError):
        store.accounts.configure("kim", changed)
    assert store.accounts.organisation("bob") == changed


def test_zones_are_names_that_exist(store: Store, acme: Organisation) -> None:
    assert store.accounts.set_zone("bob", "Asia/Kathmandu").zone == "Asia/Kathmandu"
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(StorageError, match="no time zone"):
            store.accounts.set_zone("bob", zone)
    assert store.accounts.user("bob").zone == "Asia/Kathmandu"


def test_passwords_are_hashes_that_no_value_shows(store: Store, acme: Organisation) -> None:
    user = store.accounts.set_password_hash("bob", "scrypt$1$abc")
    assert user.has_password
    assert "scrypt" not in repr(user)
    assert store.accounts.password_hash("bob") == "scrypt$1$abc"
    assert store.accounts.password_hash("nobody") is None
    assert not store.accounts.set_password_hash("bob", None).has_password


def test_keys_stand_for_their_user_until_they_expire_or_are_revoked(store: Store, acme: Organisation) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    key = store.accounts.add_key("bob", "laptop", "hash1", expires_at=there)
    assert key.expires_at == NOW and key.expires_at.utcoffset() == timedelta(0)
    lasting = store.accounts.add_key("bob", "server", "hash2")
    assert store.accounts.keys("bob") == [key, lasting]
    assert "hash1" not in repr(key)
    assert store.accounts.user_of_key("hash1", NOW - timedelta(seconds=1)).id == "bob"
    with pytest.raises(NotFoundError, match="unknown or no longer valid"):
        store.accounts.user_of_key("hash1", NOW)
    with pytest.raises(NotFoundError):
        store.accounts.revoke_key("eve", lasting.id)
    assert store.accounts.user_of_key("hash2", NOW).id == "bob"
    store.accounts.revoke_key("bob", lasting.id)
    for unknown in ("hash2", "hash3"):
        with pytest.raises(NotFoundError, match="unknown or no longer valid"):
            store.accounts.user_of_key(unknown, NOW)
    with pytest.raises(ConflictError):
        store.accounts.add_key("ann", "copy", "hash2")


def test_bots_are_kept_version_by_version(store: Store, acme: Organisation) -> None:
    first = store.bots.put("ann", "billing", "name = 'billing'", expected=0)
    assert (first.version, first.created_by, len(first.digest)) == (1, "ann", 64)
    assert store.bots.put("ann", "billing", "name = 'billing'") == first  # nothing changed
    second = store.bots.put("ann", "billing", "name = 'billing'\nlevel = 'fast'", expected=1)
    with pytest.raises(ConflictError, match="Somebody else changed this bot"):
        store.bots.put("ann", "billing", "late", expected=1)
    store.bots.put("ann", "accounts", "x")
    assert store.bots.get("bob", "billing") == second
    assert store.bots.get("bob", "billing", version=1) == first
    assert [bot.name for bot in store.bots.all("bob")] == ["accounts", "billing"]
    assert store.bots.versions("bob", "billing") == [first, second]
    store.bots.retire("ann", "billing")
    assert [bot.name for bot in store.bots.all("bob")] == ["accounts"]
    with pytest.raises(NotFoundError):
        store.bots.get("bob", "billing")
    assert store.bots.get("bob", "billing", version=2) == second  # old answers stay explained
    assert store.bots.put("ann", "billing", second.source).version == 3


def test_bots_belong_to_their_organisation_and_its_admins(store: Store, acme: Organisation) -> None:
    store.bots.put("ann", "billing", "x")
    assert store.bots.all("eve") == []
    with pytest.raises(NotFoundError):
        store.bots.get("eve", "billing")
    with pytest.raises(NotFoundError):
        store.bots.retire("eve", "billing")
    for user in ("bob", "kim"):
        with pytest.raises(NotAllowedError):
            store.bots.put(user, "billing", "y")


def test_the_audit_log_names_deeds_without_content(store: Store, acme: Organisation) -> None:
    talk = store.create_conversation("bob", "legal", "my secret title")
    store.delete_conversation("bob", talk.id)
    store.audit.note("bob", "login", "password")
    entries = store.audit.entries("ann")
    assert [(entry.actor, entry.action) for entry in entries[:2]] == [("bob", "login"), ("bob", "conversation.delete")]
    assert entries[1].subject == talk.id
    assert "secret" not in repr(entries)
    assert store.audit.entries("ann", limit=1, before=entries[0].id) == [entries[1]]
    assert not [entry for entry in store.audit.entries("eve") if entry.actor == "bob"]
    with pytest.raises(NotAllowedError):
        store.audit.entries("bob")
