"""Getting in and out: passwords, one-time links, and guessing that is slowed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from assistant.attempts import Attempts, TooManyAttemptsError
from assistant.entrance import Entrance, EntranceOptions, WrongLoginError, user_name
from assistant.errors import AssistantError
from assistant.passwords import Passwords, WeakPasswordError
from storage import NotFoundError, Store
from storage.records import LOCAL, ConflictError

GOOD = "correct horse battery"
HERE = "192.0.2.1"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    yield store
    store.close()


def entrance_of(store: Store, **options: timedelta) -> Entrance:
    return Entrance(store, EntranceOptions(**options), Passwords(CHEAP))


@pytest.fixture
def entrance(store: Store) -> Entrance:
    """With Ann as its first admin."""
    made = entrance_of(store)
    token = made.first_admin()
    assert token is not None
    made.join(token, "Ann", GOOD, address=HERE)
    return made


def log_in(entrance: Entrance, name: str = "ann", password: str = GOOD, address: str = HERE) -> str:
    return entrance.log_in(name, password, address=address, agent="test").token


def test_passwords_are_kept_as_argon2id_of_todays_strength() -> None:
    passwords = Passwords()
    kept = passwords.hash(GOOD, "ann")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.right(kept, GOOD) and not passwords.right(kept, GOOD + "x")
    assert not passwords.right(None, "nobody's")  # not even the one that nobody has
    assert not passwords.right("scrypt$old", GOOD)
    assert passwords.stale(CHEAP.hash(GOOD)) and not passwords.stale(kept)
    assert passwords.right(passwords.hash("Löwenzahn im Gras", "ann"), "Lo\u0308wenzahn im Gras")


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaaa", "abababababababab", "x" * 300, "", "maximilian-1"])
def test_weak_passwords_are_refused(weak: str) -> None:
    with pytest.raises(WeakPasswordError):
        Passwords(CHEAP).hash(weak, "maximilian-1")


def test_the_first_admin_comes_in_by_a_link_that_works_once(store: Store) -> None:
    entrance = entrance_of(store)
    lost, token = entrance.first_admin(), entrance.first_admin()
    assert lost and token
    with pytest.raises(NotFoundError):  # a later link makes the earlier one useless
        entrance.join(lost, "eve", GOOD, address=HERE)
    with pytest.raises(WeakPasswordError):
        entrance.join(token, "ann", "admin", address=HERE)
    made = entrance.join(token, " Ann ", GOOD, address=HERE)
    assert (made.id, made.role, made.organisation) == ("ann", "admin", LOCAL)
    with pytest.raises(NotFoundError, match="was used"):
        entrance.join(token, "eve", GOOD, address=HERE)
    assert entrance.first_admin() is None


def test_a_link_expires(store: Store) -> None:
    token = entrance_of(store, first_link=timedelta(0)).first_admin()
    assert token
    with pytest.raises(NotFoundError, match="expired"):
        entrance_of(store).join(token, "ann", GOOD, address=HERE)


def test_every_login_has_a_token_of_its_own_and_only_its_hash_is_kept(entrance: Entrance, store: Store) -> None:
    planted = log_in(entrance)
    visit = entrance.log_in("ANN", GOOD, address=HERE, agent="test", old=planted)
    assert visit.token != planted
    assert entrance.visit(planted) is None  # what a browser brought along is worth nothing after a login
    found = entrance.visit(visit.token)
    assert found is not None and found.user.id == "ann"
    database = (Path(store._database.url.database or "")).parent
    for file in database.glob("unabridged.db*"):
        assert visit.token.encode() not in file.read_bytes()
    entrance.log_out(visit.token)
    assert entrance.visit(visit.token) is None and entrance.visit(None) is None and entrance.visit("x" * 500) is None
    entrance.log_out(visit.token)


def test_a_login_that_is_not_used_ends(entrance: Entrance, store: Store) -> None:
    token = log_in(entrance)
    assert entrance_of(store, idle=timedelta(0)).visit(token) is None
    hurried = entrance_of(store, longest=timedelta(0))
    assert hurried.visit(log_in(hurried)) is None


def test_wrong_names_and_wrong_passwords_are_told_alike_and_slowed(entrance: Entrance) -> None:
    told = set()
    for name in ("ann", "nobody"):
        for _ in range(5):
            with pytest.raises(WrongLoginError) as wrong:
                log_in(entrance, name, "wrong password")
            told.add(str(wrong.value))
        with pytest.raises(TooManyAttemptsError) as late:
            log_in(entrance, name, GOOD)  # even the right one
        assert 0 < late.value.wait <= 300
    assert len(told) == 1
    assert log_in(entrance, address="192.0.2.2")  # Ann herself, from where she is


def fail(attempts: Attempts, account: str, address: str) -> None:
    with pytest.raises(WrongLoginError), attempts.attempt(account, address, WrongLoginError):
        raise WrongLoginError("wrong")


def test_one_address_cannot_try_many_accounts_nor_many_addresses_one_account() -> None:
    attempts = Attempts()
    for number in range(30):
        fail(attempts, f"user{number}", HERE)
    with pytest.raises(TooManyAttemptsError), attempts.attempt("another", HERE):
        pass
    for number in range(100):
        fail(attempts, "ann", f"198.51.100.{number}")
    with pytest.raises(TooManyAttemptsError), attempts.attempt("ann", "203.0.113.1"):
        pass
    with attempts.attempt("bob", "203.0.113.1"):
        pass


def test_guesses_side_by_side_count_while_they_go_on() -> None:
    attempts = Attempts()
    with contextlib.ExitStack() as going_on:
        for _ in range(5):
            going_on.enter_context(attempts.attempt("ann", HERE, WrongLoginError))
        with pytest.raises(TooManyAttemptsError), attempts.attempt("ann", HERE, WrongLoginError):
            pass
    with attempts.attempt("ann", HERE, WrongLoginError):  # none of them was wrong
        pass
    assert not attempts._going_on


def test_a_login_forgives_what_was_mistyped_before(entrance: Entrance) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(WrongLoginError):
                log_in(entrance, password="mistyped it")
        log_in(entrance)


def test_guessing_links_is_slowed(entrance: Entrance) -> None:
    for _ in range(5):
        with pytest.raises(NotFoundError):
            entrance.invitation("guess", address=HERE)
    with pytest.raises(TooManyAttemptsError):
        entrance.invitation("guess", address=HERE)


def test_a_changed_password_ends_the_other_logins(entrance: Entrance) -> None:
    other, mine = log_in(entrance), log_in(entrance)
    visit = entrance.visit(mine)
    assert visit
    with pytest.raises(WrongLoginError):
        entrance.change_password(visit, "wrong", "another good one", address=HERE)
    with pytest.raises(WeakPasswordError):
        entrance.change_password(visit, GOOD, "short", address=HERE)
    assert entrance.visit(other)
    entrance.change_password(visit, GOOD, "another good one", address=HERE)
    assert entrance.visit(mine) and entrance.visit(other) is None
    assert log_in(entrance, password="another good one")


def test_a_weaker_hash_is_made_anew_at_the_next_login(entrance: Entrance, store: Store) -> None:
    store.accounts.set_password_hash("ann", PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(GOOD))
    log_in(entrance)
    assert "m=64" in (store.accounts.password_hash("ann") or "")


def test_identities_come_in_by_a_link_or_as_members(entrance: Entrance) -> None:
    token = entrance.invite("ann", organisation=LOCAL, role="agent")
    joined = entrance.join_as(token, "kim", ("https://id", "1"), address=HERE)
    assert (joined.id, joined.role, entrance.known_as("https://id", "1").id) == ("kim", "agent", "kim")
    assert entrance.admit("zoe@example.org", ("https://id", "2")).role == "member"
    with pytest.raises(ConflictError):
        entrance.admit("ann", ("https://id", "3"))  # an issuer's name is no proof of being Ann
    assert entrance.link_for("kim")


@pytest.mark.parametrize("name", ["", " ", "a b", "../x", "<b>", "аnn", "operator", "a" * 65, "a\0", ".ann"])
def test_names_that_could_be_mistaken_are_refused(name: str) -> None:
    with pytest.raises(AssistantError, match="A user name has"):
        user_name(name)


def test_an_old_password_that_would_be_refused_today_still_opens(
    store: Store, entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.accounts.password_hash("ann")
    monkeypatch.setattr(entrance.passwords, "stale", lambda kept: True)
    monkeypatch.setattr(entrance.passwords, "hash", refused)
    assert log_in(entrance) and store.accounts.password_hash("ann") == kept


def refused(password: str, user: str) -> str:
    raise WeakPasswordError("too weak today")
