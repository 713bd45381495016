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

from storage import NotFoundError, Store
from storage.process import current_tag, is_gone
from storage.schema import MessageRow

ROOT = Path(__file__).parents[1]

APPEND = """
import sys
from storage import Store
folder, conversation, name = sys.argv[1:]
store = Store.open(folder)
print("ready", flush=True)
sys.stdin.readline()
for n in range(30):
    store.append("ann", conversation, "user", f"{name} {n}")
"""
ANSWER = """
import sys
from storage import Store
folder, conversation = sys.argv[1:]
store = Store.open(folder)
answer = store.begin_answer("ann", conversation)
store.grow_answer("ann", answer.id, "half an ans")
print(answer.id, flush=True)
sys.stdin.readline()
store.finish_answer("ann", answer.id, "half an answer", "complete", None)
"""
OPEN = """
import sys
from storage import Store
print("ready", flush=True)
sys.stdin.readline()
store = Store.open(sys.argv[1])
store.append("ann", store.create_conversation("ann", "legal", "t").id, "user", "x")
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def let_run(children: "list[subprocess.Popen[str]]") -> None:
    """Wait until all are ready, let them go at once, and insist that each ends well."""
    for child in children:
        assert first_line(child)
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors


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
        for n in range(20):
            store.append("ann", conversation, "user", f"{name} {n}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    check_order(store, conversation, 8, 20)


def test_processes_neither_lose_nor_reorder(store: Store, database: str) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id
    let_run([start(APPEND, database, conversation, name) for name in ("left", "right")])
    check_order(store, conversation, 2, 30)


def test_one_key_from_many_threads_is_stored_once(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id

    def write(_: int) -> int | None:
        return store.append("ann", conversation, "user", "once", idempotency_key="k").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(write, range(16)))) == 1
    assert len(store.messages("ann", conversation)) == 1


def test_processes_open_a_fresh_folder_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    let_run([start(OPEN, str(folder)) for _ in range(3)])
    store = Store.open(folder)
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
    killed, living = (start(ANSWER, database, conversation) for _ in range(2))
    killed_id, living_id = int(first_line(killed)), int(first_line(living))
    killed.send_signal(signal.SIGKILL)

    def states() -> dict[int | None, tuple[str, str]]:
        return {m.id: (m.status, m.content) for m in store.messages("ann", conversation)}

    # Not yet waited for: the dead process is still in the process table, as a zombie.
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    assert states()[killed_id] == ("streaming", "half an ans")
    Store.open(database).close()
    assert states() == {
        own.id: ("streaming", ""),
        killed_id: ("broken", "half an ans"),
        living_id: ("streaming", "half an ans"),
    }
    killed.communicate()
    with pytest.raises(NotFoundError):  # what another process began is not ours to write
        store.finish_answer("ann", living_id, "forged", "complete", None)
    with pytest.raises(NotFoundError):
        store.grow_answer("ann", killed_id, "forged")
    living.communicate("\n", timeout=60)
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
