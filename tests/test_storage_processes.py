"""Many writers, and writers that die: threads, processes, kill -9, and who counts as gone."""

import fcntl
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from storage import NotFoundError, Store, access
from storage.process import _started, current_tag, is_gone
from storage.records import ConflictError
from storage.schema import MessageRow
from storage.trials import start
from tests.storage_children import answer, open_and_write


def check_order(store: Store, conversation_id: str, writers: int, each: int) -> None:
    """All messages once, `seq` dense, the messages of each writer in the order in which it wrote them."""
    messages = store.messages("ann", conversation_id)
    assert [message.seq for message in messages] == list(range(writers * each))
    assert [m.created_at for m in messages] == sorted(m.created_at for m in messages)
    for writer in {message.content.split()[0] for message in messages}:
        mine = [m.content for m in messages if m.content.split()[0] == writer]
        assert mine == [f"{writer} {n}" for n in range(each)]


def test_threads_neither_lose_nor_reorder(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id

    def write(name: int) -> None:
        for n in range(8):
            store.append("ann", conversation, "user", f"{name} {n}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    check_order(store, conversation, 8, 8)


def test_one_key_from_many_threads_is_stored_once(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id

    def write(_: int) -> int | None:
        return store.append("ann", conversation, "user", "once", idempotency_key="k").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(write, range(16)))) == 1
    assert len(store.messages("ann", conversation)) == 1


def test_one_key_in_many_conversations_at_once_becomes_one_message(store: Store) -> None:
    talks = [store.create_conversation("ann", "legal", "t").id for _ in range(8)]

    def write(talk: str) -> int:
        try:
            return len([store.append("ann", talk, "user", "once", idempotency_key="k")])
        except ConflictError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, talks)) == 1
    assert store.counts()["messages"] == 1
    assert store.verify().problems == ()


def test_a_user_who_appears_meanwhile_is_no_conflict(
    store: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two transactions that meet the same new user: the other one commits after this one has looked."""
    if "postgresql" not in database:
        pytest.skip("SQLite's writers come one after another")
    other = Store(database)

    class Reserved:
        def __contains__(self, user: str) -> bool:  # asked between this one's look and its writing
            monkeypatch.undo()
            other.create_conversation(user, "legal", "theirs")
            return False

    monkeypatch.setattr(access, "RESERVED", Reserved())
    store.create_conversation("ann", "legal", "mine")
    assert {each.title for each in store.conversations("ann")} == {"mine", "theirs"}
    other.close()


def test_processes_open_a_fresh_database_at_once(blank: str) -> None:
    where = blank if "://" in blank else f"{blank}/not/there"
    children = [start(open_and_write, where) for _ in range(3)]
    assert [heard.recv() for _, heard in children] == ["ready"] * 3
    for _, heard in children:
        heard.send("go")
    for child, _ in children:
        child.join(60)
        assert child.exitcode == 0
    store = Store.open(where)
    assert (store.counts()["conversations"], store.counts()["messages"]) == (3, 3)
    store.close()


def test_opening_waits_for_the_one_who_is_opening(tmp_path: Path) -> None:
    lock = (tmp_path / "unabridged.db.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Store.open, tmp_path)
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.3)
        assert not (tmp_path / "unabridged.db").exists()
        lock.close()
        opening.result(timeout=30).close()


def test_the_answer_of_a_killed_process_is_broken_and_that_of_a_living_one_grows_on(
    store: Store, database: str
) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id
    own = store.begin_answer("ann", conversation)
    (killed, last_words), (living, order) = (start(answer, database, conversation) for _ in range(2))
    killed_id, living_id = last_words.recv(), order.recv()
    os.kill(killed.pid or 0, signal.SIGKILL)
    killed.join()

    def states() -> dict[int | None, tuple[str, str]]:
        return {m.id: (m.status, m.content) for m in store.messages("ann", conversation)}

    assert states()[killed_id] == ("streaming", "half an ans")
    Store.open(database).close()
    assert states() == {
        own.id: ("streaming", ""),
        killed_id: ("broken", "half an ans"),
        living_id: ("streaming", "half an ans"),
    }
    with pytest.raises(NotFoundError):  # what another process began is not ours to write
        store.finish_answer("ann", living_id, "forged", "complete", None)
    with pytest.raises(NotFoundError):
        store.grow_answer("ann", killed_id, "forged")
    order.send("go on")
    living.join(60)
    assert states()[living_id] == ("complete", "half an answer")
    assert store.mark_broken() == 0
    assert len(states()) == 3


def test_an_answer_of_another_machine_is_broken_after_long_silence_or_by_name(store: Store, database: str) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id
    far = Store(database, process_tag="elsewhere/0000/7/99")
    begun = far.begin_answer("ann", conversation)

    def status() -> str:
        return store.messages("ann", conversation)[0].status

    assert store.mark_broken() == 0
    assert store.mark_broken("elsewhere/0000/7/99") == 1
    assert status() == "broken"
    far.grow_answer("ann", begun.id or 0, "it lives")  # taken for dead by mistake
    assert status() == "streaming"
    with store._begin() as session:
        session.execute(update(MessageRow).values(grown_at=datetime.now(UTC) - timedelta(minutes=11)))
    assert far.mark_broken("elsewhere/0000/7/99") == 0  # its own answers, whatever is asked
    assert store.mark_broken() == 1
    far.finish_answer("ann", begun.id or 0, "it lived", "complete", None)
    assert status() == "complete"
    assert store.mark_broken("elsewhere/0000/7/99") == 0
    far.close()


def test_a_dead_process_that_nobody_waited_for_is_gone() -> None:
    """It is still in the process table, as a zombie."""
    dead = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host, boot, _, _ = current_tag().split("/")
    tag = f"{host}/{boot}/{dead.pid}/{_started(dead.pid)}"
    assert is_gone(tag) is False
    dead.kill()
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(tag) is True
    dead.communicate()


def test_who_is_gone() -> None:
    tag = current_tag()
    host, boot, pid, started = tag.split("/")
    assert tag == current_tag()
    assert is_gone(tag) is False
    assert is_gone(f"{host}/{boot}/{pid}/{int(started) + 1}") is True  # the id was given to another process
    assert is_gone(f"{host}/{boot}x/{pid}/{started}") is True  # the machine was started anew
    assert is_gone(f"not-{tag}") is None
    assert is_gone("nonsense") is None
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    assert is_gone(f"{host}/{boot}/{ended.pid}/{started}") is True


def test_who_is_gone_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("storage.process._PROC", tmp_path)
    tag = current_tag()
    assert tag.endswith(f"//{os.getpid()}/0")
    assert is_gone(tag) is False
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    assert is_gone(tag.replace(str(os.getpid()), str(ended.pid))) is True
