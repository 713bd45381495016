"""Killed and concurrent writers, on both databases: nothing acknowledged is lost, nothing is there twice."""

from storage.trials import CrashResult, crash_trial, writers_trial


def test_kill_9_at_random_points_loses_nothing(database: str) -> None:
    result = crash_trial(database, turns=60, kills=12, seed=1)
    messages, broken = result.messages, result.broken
    assert result == CrashResult(60, 12, messages, broken, lost=0, twice=0, open=0, problems=0)
    assert messages >= 120 and broken > 0  # a kill within an answer leaves it marked as broken


def test_32_writers_of_one_conversation_keep_all_turns_in_order(database: str) -> None:
    result = writers_trial(database, processes=2, threads=16, each=3, conversations=1)
    assert (len(result.latencies), result.lost, result.reordered) == (96, 0, 0)


def test_32_writers_of_many_conversations_do_not_wait_in_a_circle(database: str) -> None:
    result = writers_trial(database, processes=2, threads=16, each=3, conversations=20)
    assert (len(result.latencies), result.lost, result.reordered) == (96, 0, 0)
