"""The ledger of a conversation: hashes over everything said, branches beside edited messages, pages of a branch."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from storage import NotFoundError, Store
from storage.hashes import ROOT, message_hash
from storage.records import Branch, ConflictError, Message, PastMessage, PastSession
from storage.schema import MessageRow

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def contents(messages: "list[Message] | tuple[Message, ...]") -> list[str]:
    return [message.content for message in messages]


@pytest.fixture
def talk(store: Store) -> str:
    return store.create_conversation("ann", "support", "t").id


def ask(store: Store, talk: str, *texts: str) -> list[Message]:
    return [store.append("ann", talk, "user", text) for text in texts]


def test_the_hash_is_defined_by_role_text_and_everything_before() -> None:
    assert message_hash(ROOT, "user", "héllo") == message_hash("", "user", "héllo")
    # By sha256sum, of ["","user","héllo"] in UTF-8.
    assert message_hash(ROOT, "user", "héllo") == (
        "u1:d59534b21b858d800b8f176a668765829e42d559f1238724b212878d6bc8699c"
    )
    others = [message_hash(*values) for values in (("", "user", "x"), ("", "agent", "x"), ("u1:0", "user", "x"))]
    assert len(set(others)) == 3


def test_messages_are_chained_and_the_same_words_have_the_same_address(store: Store, talk: str) -> None:
    one, two = ask(store, talk, "one", "two")
    assert one.hash == message_hash(ROOT, "user", "one")
    assert two.hash == message_hash(one.hash, "user", "two")
    assert (one.parent, two.parent) == (None, 0)
    again = store.create_conversation("ann", "support", "again").id
    assert [message.hash for message in ask(store, again, "one", "two", "three")][:2] == [one.hash, two.hash]


def test_what_follows_an_unfinished_answer_is_sealed_when_it_ends(store: Store, talk: str) -> None:
    first, second = store.begin_answer("ann", talk), store.begin_answer("ann", talk)
    behind = ask(store, talk, "behind")[0]
    assert (first.hash, second.hash, behind.hash) == ("", "", "")
    assert (store.verify().pending, store.verify().problems) == (3, ())
    store.finish_answer("ann", second.id or 0, "B", "complete", None)
    assert [message.hash for message in store.messages("ann", talk)] == ["", "", ""]
    store.grow_answer("ann", first.id or 0, "half of A")
    store.finish_answer("ann", first.id or 0, "A", "stopped", None)
    a, b, c = store.messages("ann", talk)
    assert a.hash == message_hash(ROOT, "assistant", "A")
    assert b.hash == message_hash(a.hash, "assistant", "B")
    assert c.hash == message_hash(b.hash, "user", "behind")
    assert (store.verify().messages, store.verify().pending, store.verify().problems) == (3, 0, ())


def test_an_answer_taken_for_dead_grows_on_and_the_chain_is_made_anew(database: str, store: Store, talk: str) -> None:
    far = Store(database, process_tag="elsewhere/0000/7/99")
    begun = far.begin_answer("ann", talk)
    ask(store, talk, "behind")
    assert store.mark_broken("elsewhere/0000/7/99") == 1
    broken = store.messages("ann", talk)
    assert all(message.hash for message in broken)
    far.grow_answer("ann", begun.id or 0, "it lives")
    assert [message.hash for message in store.messages("ann", talk)] == ["", ""]
    assert store.search("ann", "lives") == []
    far.finish_answer("ann", begun.id or 0, "it lives on", "complete", None)
    healed = store.messages("ann", talk)
    assert healed[1].hash == message_hash(healed[0].hash, "user", "behind") != broken[1].hash
    assert len(store.search("ann", "lives")) == 1
    assert store.verify().problems == ()
    far.close()


def test_an_edit_is_a_branch_and_nothing_is_overwritten(store: Store, talk: str) -> None:
    one, two, three = ask(store, talk, "one", "two", "three")
    edited = store.edit("ann", talk, two.seq, "two, but better")
    assert (edited.seq, edited.branch, edited.parent) == (3, 1, one.seq)
    assert edited.hash == message_hash(one.hash, "user", "two, but better")
    ask(store, talk, "four")
    assert contents(store.messages("ann", talk)) == ["one", "two, but better", "four"]
    assert [message.number for message in store.messages("ann", talk)] == [1, 2, 3]
    assert store.branches("ann", talk) == [Branch(0, None, 0, 3, False, 0), Branch(1, 0, 1, 2, True, 3)]
    store.switch_branch("ann", talk, 0)
    assert contents(store.messages("ann", talk)) == ["one", "two", "three"]
    assert ask(store, talk, "five")[0].parent == three.seq
    store.switch_branch("ann", talk, 1)
    assert contents(store.messages("ann", talk)) == ["one", "two, but better", "four"]
    assert store.verify().problems == ()


def test_branches_of_branches_and_of_the_very_first_message(store: Store, talk: str) -> None:
    ask(store, talk, "a", "b", "c")
    second = store.edit("ann", talk, 1, "B")
    ask(store, talk, "C")
    store.edit("ann", talk, second.seq + 1, "CC")
    assert contents(store.messages("ann", talk)) == ["a", "B", "CC"]
    first = store.edit("ann", talk, 0, "A")
    assert first.parent is None
    assert contents(store.messages("ann", talk)) == ["A"]
    assert [branch.parent for branch in store.branches("ann", talk)] == [None, 0, 1, 0]
    store.switch_branch("ann", talk, 2)
    assert contents(store.messages("ann", talk)) == ["a", "B", "CC"]
    assert store.verify().problems == ()


def test_only_own_messages_are_edited_and_only_existing_branches_chosen(store: Store, talk: str) -> None:
    store.append("ann", talk, "assistant", "said by the bot")
    with pytest.raises(ConflictError, match="Only your own"):
        store.edit("ann", talk, 0, "forged")
    with pytest.raises(NotFoundError, match="no such message"):
        store.edit("ann", talk, 1, "x")
    with pytest.raises(NotFoundError, match="no such branch"):
        store.switch_branch("ann", talk, 1)
    assert contents(store.messages("ann", talk)) == ["said by the bot"]


def test_an_edit_sent_twice_is_one_branch(store: Store, talk: str) -> None:
    ask(store, talk, "one")
    first = store.edit("ann", talk, 0, "other", idempotency_key="k")
    assert store.edit("ann", talk, 0, "other", idempotency_key="k") == first
    assert len(store.branches("ann", talk)) == 2


def test_a_growing_answer_keeps_its_branch(store: Store, talk: str) -> None:
    ask(store, talk, "question")
    answer = store.begin_answer("ann", talk)
    with pytest.raises(ConflictError, match="still being written"):
        store.switch_branch("ann", talk, 0)
    store.edit("ann", talk, 0, "better question")
    store.finish_answer("ann", answer.id or 0, "late answer", "complete", None)
    assert contents(store.messages("ann", talk)) == ["better question"]
    store.switch_branch("ann", talk, 0)
    assert contents(store.messages("ann", talk)) == ["question", "late answer"]


def test_pages_put_together_are_the_branch(store: Store, talk: str) -> None:
    ask(store, talk, *(f"m{n}" for n in range(7)))
    store.edit("ann", talk, 5, "edited")
    ask(store, talk, "after")
    whole = store.messages("ann", talk)
    for limit in (1, 2, 3, 7, 8):
        found: list[Message] = []
        before = None
        while True:
            page = store.page("ann", talk, limit=limit, before=before)
            found = [*page.messages, *found]
            assert len(page.messages) <= limit
            if not page.more:
                break
            before = page.messages[0].seq
        assert found == whole
    assert store.page("ann", talk).conversation == store.conversation("ann", talk)
    with pytest.raises(ValueError, match="limit"):
        store.page("ann", talk, limit=0)


def test_a_page_reads_no_more_rows_than_it_shows(store: Store, talk: str) -> None:
    """The cost of a page is counted in rows, not in seconds: it may not grow with the history."""
    ask(store, talk, *(f"m{n}" for n in range(60)))
    for n in (50, 30):
        store.edit("ann", talk, n, f"edit of {n}")
    fetched: list[int] = []

    def count(target: object, _: object) -> None:
        fetched.append(1)

    event.listen(MessageRow, "load", count)
    try:
        assert contents(store.page("ann", talk, limit=4).messages) == ["m27", "m28", "m29", "edit of 30"]
    finally:
        event.remove(MessageRow, "load", count)
    assert len(fetched) == 5


def test_a_page_is_read_along_an_index_and_never_sorted(store: Store) -> None:
    """Also when the planner's statistics are older than the conversation, as after an import."""
    past = [PastSession(NOW, tuple(PastMessage("user", f"m{n}", NOW) for n in range(1000)))]
    store.import_history("ann", "support", "t", past)
    engine = store._database.engine
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE messages")
    talk = store.import_history("ann", "support", "t", past).id
    seen: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: object, ___: object, ____: object) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    store.page("ann", talk, limit=50)
    event.remove(engine, "before_cursor_execute", note)
    statement, parameters = next(each for each in seen if "FROM messages" in each[0])
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.connect() as connection:
        plan = str(connection.exec_driver_sql(explain + statement, parameters).all())
    assert "ndex" in plan or "INDEX" in plan
    assert "Sort" not in plan and "TEMP B-TREE" not in plan, plan


def test_one_session_of_a_branch(store: Store, talk: str) -> None:
    ask(store, talk, "monday", "still monday")
    store.start_session("ann", talk)
    ask(store, talk, "tuesday")
    assert contents(store.messages("ann", talk, session_number=1)) == ["monday", "still monday"]
    assert [(m.session, m.number) for m in store.messages("ann", talk)] == [(1, 1), (1, 2), (2, 1)]
    store.edit("ann", talk, 0, "monday, edited on tuesday")
    assert contents(store.messages("ann", talk, session_number=1)) == []
    assert store.message("ann", talk, 0).content == "monday"


def test_feedback_is_one_per_answer_and_the_last_word_stands(store: Store, talk: str) -> None:
    ask(store, talk, "question")
    store.append("ann", talk, "assistant", "answer")
    store.give_feedback("ann", talk, 1, 1)
    last = store.give_feedback("ann", talk, 1, -1, "wrong clause")
    assert store.feedback("ann", talk) == [last]
    assert (last.thumb, last.reason, last.user, last.seq) == (-1, "wrong clause", "ann", 1)
    with pytest.raises(ConflictError, match="for answers"):
        store.give_feedback("ann", talk, 0, 1)
    with pytest.raises(ValueError, match="thumb"):
        store.give_feedback("ann", talk, 1, 0)
