"""The store against a model of it in plain Python: any sequence of operations has the same outcome, and verifies."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from storage import NotFoundError, Store
from storage.hashes import message_hash
from storage.records import ConflictError, Message

USERS = ("ann", "bob")
TEXT = st.sampled_from(["red apple", "green apple", "red pear", "", "x'; --"])
PICK = st.integers(0, 10**6)


@dataclass
class Said:
    seq: int
    session: int
    role: str
    content: str
    status: str
    parent: int | None
    id: int = 0


@dataclass
class Talk:
    """What the model knows of a conversation: all messages, the tip of each branch, where it stands."""

    id: str
    user: str
    said: list[Said] = field(default_factory=list)
    heads: list[int | None] = field(default_factory=lambda: [None])
    branch: int = 0
    session: int = 1
    deleted: bool = False
    state: str = "bot"
    title: str = ""
    version: int = 1
    keys: dict[str, int] = field(default_factory=dict)

    def line(self) -> list[Said]:
        found, at = [], self.heads[self.branch]
        while at is not None:
            found.append(self.said[at])
            at = self.said[at].parent
        return found[::-1]

    def add(self, role: str, content: str, status: str = "complete") -> Said:
        said = Said(len(self.said), self.session, role, content, status, self.heads[self.branch])
        self.said.append(said)
        self.heads[self.branch] = said.seq
        return said

    def hash_of(self, said: Said) -> str:
        before = "" if said.parent is None else self.hash_of(self.said[said.parent])
        if said.status == "streaming" or (said.parent is not None and not before):
            return ""
        return message_hash(before, said.role, said.content)


class StoreMachine(RuleBasedStateMachine):
    """Rules pick a conversation by number, whoever's it is, so that foreign ones are tried as well."""

    store: Store  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.talks: list[Talk] = []
        self.run = id(self)  # several examples share one database

    def name(self, user: str) -> str:
        return f"{user} {self.run}"

    def pick(self, number: int) -> Talk:
        return self.talks[number % len(self.talks)]

    def same(self, stored: Message, said: Said, talk: Talk) -> None:
        assert (stored.seq, stored.session, stored.role) == (said.seq, said.session, said.role)
        assert (stored.content, stored.status, stored.parent) == (said.content, said.status, said.parent)
        assert stored.hash == talk.hash_of(said)
        said.id = stored.id or 0

    @rule(user=st.sampled_from(USERS), title=TEXT)
    def create(self, user: str, title: str) -> None:
        made = self.store.create_conversation(self.name(user), "legal", title)
        self.talks.append(Talk(made.id, self.name(user), title=title))

    @precondition(lambda self: self.talks)
    @rule(number=PICK, text=TEXT, key=st.none() | st.sampled_from("ab"))
    def append(self, number: int, text: str, key: str | None) -> None:
        talk = self.pick(number)
        full_key = None if key is None else f"{key} {talk.id}"
        if talk.deleted:
            with pytest.raises(ConflictError):
                self.store.append(talk.user, talk.id, "user", text, idempotency_key=full_key)
            return
        if key in talk.keys:
            known = talk.said[talk.keys[key]]
            if known.content == text:
                self.same(self.store.append(talk.user, talk.id, "user", text, idempotency_key=full_key), known, talk)
            else:
                with pytest.raises(ConflictError):
                    self.store.append(talk.user, talk.id, "user", text, idempotency_key=full_key)
            return
        said = talk.add("user", text)
        if key is not None:
            talk.keys[key] = said.seq
        self.same(self.store.append(talk.user, talk.id, "user", text, idempotency_key=full_key), said, talk)

    @precondition(lambda self: self.talks)
    @rule(number=PICK)
    def begin(self, number: int) -> None:
        talk = self.pick(number)
        if talk.deleted or talk.state == "human":
            with pytest.raises(ConflictError):
                self.store.begin_answer(talk.user, talk.id)
            return
        said = talk.add("assistant", "", "streaming")
        self.same(self.store.begin_answer(talk.user, talk.id), said, talk)

    @precondition(lambda self: any(said.status == "streaming" for talk in self.talks for said in talk.said))
    @rule(number=PICK, text=TEXT, status=st.sampled_from([None, "complete", "stopped", "error"]))
    def write(self, number: int, text: str, status: str | None) -> None:
        open_ones = [(talk, said) for talk in self.talks for said in talk.said if said.status == "streaming"]
        talk, said = open_ones[number % len(open_ones)]
        said.content = text
        if status is None:
            self.store.grow_answer(talk.user, said.id, text)
        else:
            said.status = status
            self.same(self.store.finish_answer(talk.user, said.id, text, status, None), said, talk)

    @precondition(lambda self: any(talk.said for talk in self.talks))
    @rule(number=PICK, which=PICK, text=TEXT)
    def edit(self, number: int, which: int, text: str) -> None:
        talk = [talk for talk in self.talks if talk.said][number % sum(bool(talk.said) for talk in self.talks)]
        old = talk.said[which % len(talk.said)]
        if talk.deleted or old.role != "user":
            with pytest.raises(ConflictError):
                self.store.edit(talk.user, talk.id, old.seq, text)
            return
        talk.heads.append(old.parent)
        talk.branch, talk.version = len(talk.heads) - 1, talk.version + 1
        self.same(self.store.edit(talk.user, talk.id, old.seq, text), talk.add("user", text), talk)

    @precondition(lambda self: self.talks)
    @rule(number=PICK, branch=PICK)
    def switch(self, number: int, branch: int) -> None:
        talk = self.pick(number)
        chosen = branch % len(talk.heads)
        line = talk.line()
        if talk.deleted or (line and line[-1].status == "streaming"):
            with pytest.raises(ConflictError):
                self.store.switch_branch(talk.user, talk.id, chosen)
            return
        self.store.switch_branch(talk.user, talk.id, chosen)
        talk.branch, talk.version = chosen, talk.version + 1

    @precondition(lambda self: self.talks)
    @rule(number=PICK)
    def new_session(self, number: int) -> None:
        talk = self.pick(number)
        if not talk.deleted:
            talk.session += 1
            assert self.store.start_session(talk.user, talk.id) == talk.session

    @precondition(lambda self: self.talks)
    @rule(number=PICK, title=TEXT, behind=st.integers(0, 1))
    def rename(self, number: int, title: str, behind: int) -> None:
        talk = self.pick(number)
        if behind:
            with pytest.raises(ConflictError):
                self.store.rename(talk.user, talk.id, title, expected=talk.version - behind)
            return
        talk.title, talk.version = title, talk.version + 1
        self.store.rename(talk.user, talk.id, title, expected=talk.version - 1)

    @precondition(lambda self: self.talks)
    @rule(number=PICK)
    def delete_or_restore(self, number: int) -> None:
        talk = self.pick(number)
        if talk.deleted:
            self.store.restore_conversation(talk.user, talk.id)
        else:
            self.store.delete_conversation(talk.user, talk.id)
        talk.deleted, talk.version = not talk.deleted, talk.version + 1

    @precondition(lambda self: self.talks)
    @rule(number=PICK)
    def ask_for_a_person_or_not(self, number: int) -> None:
        talk = self.pick(number)
        if talk.deleted:
            return
        if talk.state == "bot":
            self.store.hand_offs.request(talk.user, talk.id, "asked", "")
            talk.state = "waiting"
        else:
            self.store.hand_offs.cancel(talk.user, talk.id)
            talk.state = "bot"

    @precondition(lambda self: self.talks)
    @rule(number=PICK, word=st.sampled_from(["red", "apple", '"green apple"', "pea*"]))
    def search(self, number: int, word: str) -> None:
        user = self.pick(number).user
        bare = word.strip('"*')
        expected = {
            (talk.id, said.seq)
            for talk in self.talks
            for said in talk.said
            if talk.user == user and not talk.deleted and said.status != "streaming" and bare in said.content
        }
        assert {(hit.conversation_id, hit.seq) for hit in self.store.search(user, word, limit=1000)} == expected

    @precondition(lambda self: self.talks)
    @rule(number=PICK)
    def look(self, number: int) -> None:
        talk = self.pick(number)
        for stored, said in zip(self.store.messages(talk.user, talk.id), talk.line(), strict=True):
            self.same(stored, said, talk)
        page = self.store.page(talk.user, talk.id, limit=2)
        assert [m.seq for m in page.messages] == [said.seq for said in talk.line()[-2:]]
        assert page.more == (len(talk.line()) > 2)
        found = page.conversation
        assert (found.title, found.deleted, found.version) == (talk.title, talk.deleted, talk.version)
        assert (found.sessions, found.state, found.branch) == (talk.session, talk.state, talk.branch)
        other = self.name("ann" if talk.user == self.name("bob") else "bob")
        with pytest.raises(NotFoundError):
            self.store.messages(other, talk.id)

    @invariant()
    def lists_hold_what_is_there(self) -> None:
        for user in map(self.name, USERS):
            listed = {talk.id for talk in self.store.conversations(user)}
            assert listed == {talk.id for talk in self.talks if talk.user == user and not talk.deleted}

    def teardown(self) -> None:
        assert self.store.verify().problems == ()


def test_the_store_does_what_the_model_does(store: Store) -> None:
    machine = type("Machine", (StoreMachine,), {"store": store})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    limits = settings(max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=limits)
