"""Load on a running server: many users ask and load pages at once; nothing may fail, get lost or be crossed.

`python -m assistant.web.load --data-dir DIR --clients 24 --seconds 300`, see docs/operations.md. The last line of
stdout is one JSON object; the exit status is 1 where anything went wrong, 2 for what cannot be tried.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from assistant.errors import AssistantError
from assistant.keys import ensure_user, issue_key
from assistant.web.load_client import PAGES, Client, Failed, Plan, Tally
from storage import StorageError, Store

WARM = 0.2  # share of the time after which the server's memory should not grow any more
KEY_DAYS = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the load and prints what was measured."""
    options = _parse(arguments)
    try:
        with _keys(options) as keys:
            report = asyncio.run(_run(options, keys))
    except (AssistantError, StorageError, Failed, httpx.HTTPError, OSError) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        print(f"load: {told}; is the server at {options.url} running?", file=sys.stderr)
        return 2
    _show(report)
    print(json.dumps(report, ensure_ascii=False))
    return 1 if report["wrong"] else 0


async def _run(options: argparse.Namespace, keys: Sequence[str]) -> dict[str, Any]:
    plan, tally = _plan(options), Tally()
    server = _server(options)
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for number in range(options.clients):
            headers = {"Authorization": f"Bearer {keys[number]}"} if keys else {}
            http = httpx.AsyncClient(base_url=options.url, headers=headers, timeout=60, trust_env=False)
            clients.append(Client(number, await stack.enter_async_context(http), plan, tally, alone=bool(keys)))
        began = time.monotonic()
        for client in clients:
            await client.prepare()
        prepared = time.monotonic() - began
        began, end = time.monotonic(), time.monotonic() + options.seconds
        memory: list[tuple[float, float]] = []
        watching = asyncio.create_task(_watch(server, began, options.every, memory))
        await asyncio.gather(*(act(end) for each in clients for act in (each.ask_until, each.browse_until)))
        watching.cancel()
        if server is not None:
            memory.append((time.monotonic() - began, _rss(server)))
        for client in clients:
            await client.check()
    return _report(options, tally, memory, prepared)


async def _watch(server: psutil.Process | None, began: float, every: float, memory: list[tuple[float, float]]) -> None:
    """(seconds, MB) of the server's resident memory, at intervals."""
    while server is not None:
        memory.append((time.monotonic() - began, _rss(server)))
        await asyncio.sleep(every)


def _rss(server: psutil.Process) -> float:
    return float(server.memory_info().rss) / 1e6


def _report(
    options: argparse.Namespace, tally: Tally, memory: Sequence[tuple[float, float]], prepared: float
) -> dict[str, Any]:
    warm = next((rss for at, rss in memory if at >= WARM * options.seconds), None)
    return {
        "conditions": {
            "clients": options.clients,
            "seconds": options.seconds,
            "users": options.clients if options.data_dir or options.database else 1,
            "turns": options.turns,
            "max_tokens": options.max_tokens,
            "pause_s": options.pause,
            "reading_s": round(prepared, 2),
        },
        "answers": len(tally.whole),
        "checked": tally.checked,
        "wrong": dict(tally.wrong),
        "limited": tally.limited,
        "first_token_s": _quantiles(tally.first_token),
        "answer_s": _quantiles(tally.whole),
        "page_s": {path: _quantiles(tally.pages[path]) for path in PAGES},
        "rss_mb": [(round(at, 1), round(rss)) for at, rss in memory],
        "rss_grown_mb": round(memory[-1][1] - warm) if warm is not None else None,
    }


def _quantiles(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Number, median, 99th percentile (nearest rank) and the worst."""
    ordered = sorted(seconds)

    def at(share: float) -> float | None:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 4) if ordered else None

    return {"n": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)}


def _show(report: dict[str, Any]) -> None:
    conditions = report["conditions"]
    print(f"{conditions['clients']} clients, {conditions['seconds']:g} s, {conditions['users']} users")
    print(f"{report['answers']} answers, {report['checked']} stored once as heard, {report['limited']} times 429")
    named = {"first token": report["first_token_s"], "whole answer": report["answer_s"]}
    for name, found in (named | {f"GET {path}": report["page_s"][path] for path in PAGES}).items():
        print(f"{name:<14} n {found['n']:>6}  p50 {found['p50']} s  p99 {found['p99']} s  max {found['max']} s")
    if report["rss_mb"]:
        print("RSS in MB:", ", ".join(f"{at:.0f} s {rss}" for at, rss in report["rss_mb"]))
        print(f"after the first {WARM:.0%} of the time it grew by {report['rss_grown_mb']} MB")
    for what, often in report["wrong"].items():
        print(f"WRONG, {often} times: {what}")


def _plan(options: argparse.Namespace) -> Plan:
    questions = (options.question,) if options.question else tuple(f"What does party {n} pay?" for n in range(1, 41))
    name, document = "load.txt", agreement(40).encode()
    if options.document is not None:
        name, document = options.document.name, options.document.read_bytes()
        if not options.question:
            questions = ("What is this document about?", "Who are the parties?", "What must be paid?")
    return Plan(options.bot, questions, name, document, options.turns, options.max_tokens, options.pause)


def agreement(clauses: int) -> str:
    """A text in which each clause says something else."""
    return "\n".join(
        f"{n}. Payment of party {n}\nParty {n} pays ${n * 137:,} within {n + 5} days after the date hereof.\n"
        for n in range(1, clauses + 1)
    )


def _server(options: argparse.Namespace) -> psutil.Process | None:
    """The process that listens at the address, if it is on this machine."""
    if options.pid is not None:
        return psutil.Process(options.pid)
    port = urlsplit(options.url).port
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in process.net_connections()):
                return process
    print("load: no process of this machine listens there, so no memory is measured.", file=sys.stderr)
    return None


@contextlib.contextmanager
def _keys(options: argparse.Namespace) -> Iterator[list[str]]:
    """A user with a key for each client, revoked in the end; none without a data folder: then all are one user."""
    where = options.database or options.data_dir
    if where is None:
        yield []
        return
    store = Store.open(where)
    issued = []
    try:
        for number in range(options.clients):
            user = f"load-{number:03d}"
            ensure_user(store, user)
            issued.append((user, *issue_key(store, user, "load", days=KEY_DAYS)))
        yield [secret for _, secret, _ in issued]
    finally:
        for user, _, key in issued:
            store.accounts.revoke_key(user, key.id)
        store.close()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m assistant.web.load", description="Load on a running server.")
    parser.add_argument("--url", default="http://127.0.0.1:7860")
    parser.add_argument("--data-dir", type=Path, help="of a server with --accounts: a user is made for each client")
    parser.add_argument("--database", help="the same, where the server has a PostgreSQL URL")
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--document", type=Path, help="what is asked about; a generated agreement unless given")
    parser.add_argument("--question", help="the question of all clients")
    parser.add_argument("--bot", default="legal")
    parser.add_argument("--turns", type=int, default=4, help="questions of one conversation")
    parser.add_argument("--max-tokens", type=int, default=48, help="of one answer")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two page requests of one client")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two looks at the server's memory")
    parser.add_argument("--pid", type=int, help="the server's process; found by its port unless given")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
