"""The lock of the writers: one at a time, first come first served, and nobody waits for ever."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

from storage.turns import Turns


def waiting(turns: Turns, number: int) -> None:
    """Returns when that many wait."""
    while len(turns._waiting) < number:
        time.sleep(0.001)


def test_first_come_first_served() -> None:
    turns, served = Turns(), list[int]()
    assert turns.acquire(1)

    def wait(number: int) -> None:
        assert turns.acquire(30)
        served.append(number)
        turns.release()

    threads = []
    for number in range(8):
        threads.append(Thread(target=wait, args=(number,)))
        threads[-1].start()
        waiting(turns, number + 1)
    turns.release()
    for thread in threads:
        thread.join()
    assert served == list(range(8))


def test_one_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        for _ in range(50):
            assert turns.acquire(30)
            inside += 1
            most = max(most, inside)
            time.sleep(0)
            inside -= 1
            turns.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert most == 1


def test_who_gave_up_waiting_gets_no_turn() -> None:
    turns = Turns()
    assert turns.acquire(0)
    assert not turns.acquire(0.01)
    assert not turns._waiting
    turns.release()
    assert turns.acquire(0)
