"""A second user can neither read, search, cite, list, change nor delete what is the first's: every public method tried.

A method that is added and not named here makes the first test fail.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage import AnswerRecord, CitationRecord, DocumentRecord, NotFoundError, Store
from storage.records import NotAllowedError, Passage
from storage.records_signals import SecondLook
from storage.room import Room

DOCUMENT = DocumentRecord(
    "d0", "lease.pdf", "files/d0.pdf", "application/pdf", 9, 2, 300, datetime(2026, 1, 1, tzinfo=UTC)
)
CITATION = CitationRecord(1, "lease.pdf", 1, None, None, "§", "secret", 0, 6, True, "quote", 1.0)
ANSWER = AnswerRecord("m", "headers", "fast", "cpu", "stop", True, 9, 9, 0, 3, 1, (), 1, (), 0.1, 0.2, 0.3, 0.4, ())
NOW, EVER = datetime(2026, 1, 2, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
LOOK = SecondLook("headers", True, 1.0, None, True, 9, 0.1, 0.2, NOW)


class Ids:
    """What is ann's: a conversation with an unfinished answer, a document, a key, a hand-off and a promise."""

    def __init__(self, store: Store) -> None:
        store.accounts.create_organisation("acme", organisation_id="acme")
        store.accounts.create_organisation("evil", organisation_id="evil")
        for user, organisation, role in (
            ("ann", "acme", "member"),
            ("mia", "acme", "member"),
            ("boss", "acme", "admin"),
        ):
            store.accounts.add_user(organisation, user, role=role)
        store.accounts.add_user("evil", "eve", role="admin")
        store.add_document("ann", DOCUMENT)
        store.add_passages("ann", "d0", [Passage("the secret clause", "lease.pdf", 0, page=1)])
        self.talk = store.create_conversation("ann", "legal", "private", ["d0"]).id
        store.append("ann", self.talk, "user", "secret", idempotency_key="k")
        store.append("ann", self.talk, "assistant", "a secret answer")
        store.give_feedback("ann", self.talk, 1, 1)
        self.answer = store.begin_answer("ann", self.talk).id or 0
        self.key = store.accounts.add_key("ann", "laptop", "hash").id
        self.promise = store.promises.add("ann", self.talk, 1, "bot", "ann", "call back").id
        self.hand_off = store.hand_offs.request("ann", self.talk, "asked", "packet").id
        store.bots.put("boss", "billing", "source")
        self.login = store.logins.begin("ann", "token", now=NOW, expires_at=EVER, agent="browser").id
        self.invitation = store.invitations.invite(
            "boss", "hash", organisation="acme", role="member", expires_at=EVER
        ).id


Call = Callable[[Store, str, Ids], object]
REFUSED: dict[str, Call] = {  # by an id that is ann's
    "document": lambda store, user, ids: store.document(user, "d0"),
    "versions": lambda store, user, ids: store.versions(user, "d0"),
    "share_document": lambda store, user, ids: store.share_document(user, "d0", True),
    "add_passages": lambda store, user, ids: store.add_passages(user, "d0", []),
    "delete_document": lambda store, user, ids: store.delete_document(user, "d0"),
    "add_document": lambda store, user, ids: store.add_document(user, replace(DOCUMENT, id="d9"), version_of="d0"),
    "create_conversation": lambda store, user, ids: store.create_conversation(user, "legal", "t", ["d0"]),
    "conversation": lambda store, user, ids: store.conversation(user, ids.talk),
    "rename": lambda store, user, ids: store.rename(user, ids.talk, "stolen"),
    "pin": lambda store, user, ids: store.pin(user, ids.talk, True),
    "archive": lambda store, user, ids: store.archive(user, ids.talk, True),
    "delete_conversation": lambda store, user, ids: store.delete_conversation(user, ids.talk),
    "restore_conversation": lambda store, user, ids: store.restore_conversation(user, ids.talk),
    "attach_document": lambda store, user, ids: store.attach_document(user, ids.talk, "d0"),
    "start_session": lambda store, user, ids: store.start_session(user, ids.talk),
    "sessions": lambda store, user, ids: store.sessions(user, ids.talk),
    "append": lambda store, user, ids: store.append(user, ids.talk, "user", "secret", idempotency_key="k"),
    "begin_answer": lambda store, user, ids: store.begin_answer(user, ids.talk),
    "grow_answer": lambda store, user, ids: store.grow_answer(user, ids.answer, "forged"),
    "finish_answer": lambda store, user, ids: store.finish_answer(user, ids.answer, "forged", "complete", None),
    "messages": lambda store, user, ids: store.messages(user, ids.talk),
    "message": lambda store, user, ids: store.message(user, ids.talk, 0),
    "page": lambda store, user, ids: store.page(user, ids.talk),
    "edit": lambda store, user, ids: store.edit(user, ids.talk, 0, "forged"),
    "branches": lambda store, user, ids: store.branches(user, ids.talk),
    "switch_branch": lambda store, user, ids: store.switch_branch(user, ids.talk, 0),
    "give_feedback": lambda store, user, ids: store.give_feedback(user, ids.talk, 1, -1),
    "feedback": lambda store, user, ids: store.feedback(user, ids.talk),
    "accounts.revoke_key": lambda store, user, ids: store.accounts.revoke_key(user, ids.key),
    "hand_offs.request": lambda store, user, ids: store.hand_offs.request(user, ids.talk, "r", ""),
    "hand_offs.cancel": lambda store, user, ids: store.hand_offs.cancel(user, ids.talk),
    "hand_offs.of": lambda store, user, ids: store.hand_offs.of(user, ids.talk),
    "hand_offs.get": lambda store, user, ids: store.hand_offs.get(user, ids.hand_off),
    "hand_offs.take": lambda store, user, ids: store.hand_offs.take(user, ids.hand_off),
    "hand_offs.release": lambda store, user, ids: store.hand_offs.release(user, ids.hand_off),
    "hand_offs.close": lambda store, user, ids: store.hand_offs.close(user, ids.hand_off),
    "hand_offs.reply": lambda store, user, ids: store.hand_offs.reply(user, ids.hand_off, "x"),
    "hand_offs.messages": lambda store, user, ids: store.hand_offs.messages(user, ids.hand_off),
    "hand_offs.page": lambda store, user, ids: store.hand_offs.page(user, ids.hand_off),
    "hand_offs.document": lambda store, user, ids: store.hand_offs.document(user, ids.hand_off, "d0"),
    "promises.add": lambda store, user, ids: store.promises.add(user, ids.talk, 0, "a", "b", "c"),
    "promises.of_hand_off": lambda store, user, ids: store.promises.of_hand_off(user, ids.hand_off),
    "promises.settle": lambda store, user, ids: store.promises.settle(user, ids.promise, "broken"),
    "privacy.erase": lambda store, user, ids: store.privacy.erase("ann", by=user),
    "accounts.set_role": lambda store, user, ids: store.accounts.set_role(user, "ann", "admin"),
    "accounts.set_barred": lambda store, user, ids: store.accounts.set_barred(user, "ann", True),
    "invitations.invite": lambda store, user, ids: store.invitations.invite(
        user, "x", organisation="acme", role="admin", expires_at=NOW, user="ann"
    ),
    "invitations.withdraw": lambda store, user, ids: store.invitations.withdraw(user, ids.invitation),
    "logins.end": lambda store, user, ids: store.logins.end(user, ids.login),
    "pulse.of_conversation": lambda store, user, ids: store.pulse.of_conversation(user, ids.talk),
    "pulse.of_hand_off": lambda store, user, ids: store.pulse.of_hand_off(user, ids.hand_off),
    "signals.note_look": lambda store, user, ids: store.signals.note_look(user, ids.answer, LOOK),
    "accounts.configure": lambda store, user, ids: store.accounts.configure(
        user, store.accounts.organisation("ann"), webhook_secret="x"
    ),
}
ROLES = {"accounts.set_role", "accounts.set_barred", "accounts.configure", "privacy.erase"}  # told to one's own people
ROLES |= {"invitations.invite", "invitations.withdraw"}
EMPTY: dict[str, Call] = {  # lists of what the user has
    "documents": lambda store, user, ids: store.documents(user, shared=True),
    "conversations": lambda store, user, ids: store.conversations(user),
    "search": lambda store, user, ids: store.search(user, "secret") + store.search(user, "lease*"),
    "promises.all": lambda store, user, ids: store.promises.all(user),
    "accounts.keys": lambda store, user, ids: store.accounts.keys(user),
    "logins.of": lambda store, user, ids: store.logins.of(user, NOW, timedelta(days=1)),
}
OF_THE_ORGANISATION: dict[str, Call] = {  # nothing of another organisation, and some only for certain roles
    "accounts.organisation": lambda store, user, ids: store.accounts.organisation(user),
    "accounts.users": lambda store, user, ids: store.accounts.users(user),
    "audit.entries": lambda store, user, ids: store.audit.entries(user),
    "bots.put": lambda store, user, ids: store.bots.put(user, "billing", "forged"),
    "bots.get": lambda store, user, ids: store.bots.get(user, "billing", version=1),
    "bots.all": lambda store, user, ids: store.bots.all(user),
    "bots.versions": lambda store, user, ids: store.bots.versions(user, "billing"),
    "bots.retire": lambda store, user, ids: store.bots.retire(user, "billing"),
    "hand_offs.inbox": lambda store, user, ids: store.hand_offs.inbox(user),
    "accounts.organisations": lambda store, user, ids: store.accounts.organisations(user),
    "invitations.pending": lambda store, user, ids: store.invitations.pending(user, NOW),
    "pulse.of_inbox": lambda store, user, ids: store.pulse.of_inbox(user),
    "signals.answers": lambda store, user, ids: store.signals.answers(user, NOW, EVER),
    "signals.feedback": lambda store, user, ids: store.signals.feedback(user, NOW, EVER),
    "signals.hand_offs": lambda store, user, ids: store.signals.hand_offs(user, NOW, EVER),
    "signals.readings": lambda store, user, ids: store.signals.readings(user, NOW, EVER),
}
BY_ITSELF = {  # about the named user alone, or the user's own new things
    "import_history",
    "accounts.user",
    "accounts.set_zone",
    "accounts.set_password_hash",
    "accounts.add_key",
    "audit.note",
    "privacy.export",
    "logins.begin",
    "logins.end_all",
}
OF_THE_OPERATOR = {  # no user reaches these; the program itself calls them
    *("open", "close", "verify", "counts", "mark_broken", "privacy.purge"),
    *("accounts.create_organisation", "accounts.add_user", "accounts.password_hash", "accounts.user_of_key"),
    *("accounts.appoint", "accounts.has_admin", "signals.note_reading", "signals.handed_off"),
    *("invitations.accept", "invitations.open", "invitations.renew_first"),  # whoever holds the token
    *("logins.find", "logins.forget", "logins.user_of_identity", "logins.admit"),
    *(
        "accounts.webhook_secret",
        "outbox.enqueue",
        "outbox.claim",
        "outbox.delivered",
        "outbox.failed",
        "outbox.counts",
    ),
}


def methods(thing: object, prefix: str = "") -> set[str]:
    return {prefix + name for name in dir(type(thing)) if not name.startswith("_") and callable(getattr(thing, name))}


def snapshot(store: Store) -> list[str]:
    """Everything of ann's, save the log of who tried what."""
    found = [repr(value) for kind, value in store.privacy.export("ann") if kind != "audit"]
    return [*found, repr(store.bots.versions("ann", "billing")), repr(store.accounts.organisation("ann"))]


def test_every_public_method_is_named_here(store: Store) -> None:
    rooms = {name: room for name, room in vars(store).items() if isinstance(room, Room)}
    public = methods(store).union(*(methods(room, f"{name}.") for name, room in rooms.items()))
    assert public == {*REFUSED, *EMPTY, *OF_THE_ORGANISATION, *BY_ITSELF, *OF_THE_OPERATOR}


@pytest.mark.parametrize("user", ["eve", "mia", "nobody"])
def test_another_user_reaches_nothing(store: Store, user: str) -> None:
    """Eve is the admin of another organisation, Mia a member of the same one, nobody is not registered."""
    ids = Ids(store)
    before = snapshot(store)
    for name, call in REFUSED.items():
        with pytest.raises((NotFoundError, NotAllowedError)) as caught:
            call(store, user, ids)
        own = ROLES if user == "mia" else set()
        assert isinstance(caught.value, NotFoundError) or name in own, name
        assert "secret" not in str(caught.value) and "private" not in str(caught.value)
    for name, call in EMPTY.items():
        try:
            assert call(store, user, ids) == [], name
        except NotFoundError:
            assert user == "nobody"
    assert snapshot(store) == before


def test_another_organisation_shares_nothing(store: Store) -> None:
    ids = Ids(store)
    before = snapshot(store)
    for name, call in OF_THE_ORGANISATION.items():
        try:
            found = repr(call(store, "eve", ids))
        except NotFoundError:
            continue
        assert not any(word in found for word in ("ann", "mia", "acme", "'source'", ids.hand_off)), name
    assert snapshot(store) == before


def test_an_answer_cites_only_what_its_user_may_read(store: Store) -> None:
    ids = Ids(store)
    talk = store.create_conversation("mia", "legal", "t").id
    forged = (replace(CITATION, document_id="d0"), replace(CITATION, conversation_id=ids.talk, session=1, seq=0))
    answer = store.begin_answer("mia", talk).id or 0
    for citation in forged:
        with pytest.raises(NotFoundError):
            store.finish_answer("mia", answer, "see", "complete", replace(ANSWER, citations=(citation,)))
    assert store.messages("mia", talk)[0].status == "streaming"
    own = replace(CITATION, conversation_id=talk, session=1, seq=0)
    done = store.finish_answer("mia", answer, "see", "complete", replace(ANSWER, citations=(own,)))
    assert done.answer is not None and done.answer.citations == (own,)
    finished = store.finish_answer("ann", ids.answer, "see", "complete", replace(ANSWER, citations=forged))
    assert finished.answer is not None and finished.answer.citations == forged


def test_the_same_key_of_two_users_is_two_requests(store: Store) -> None:
    ids = Ids(store)
    talk = store.create_conversation("mia", "legal", "t").id
    store.append("mia", talk, "user", "mine", idempotency_key="k")
    assert store.messages("ann", ids.talk)[0].content == "secret"
    assert [m.content for m in store.messages("mia", talk)] == ["mine"]
