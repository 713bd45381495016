"""One client of the load: it asks, streams, loads pages, and at the end compares what it heard with what is stored."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

SILENT_S = 120.0  # a stream that says nothing for so long has failed; the server gives a sign every 10 s
PAGES = ("/", "/healthz")


@dataclass(frozen=True, slots=True)
class Plan:
    """What every client does. `turns`: questions of one conversation; `pause_s`: seconds between two page requests."""

    bot: str
    questions: tuple[str, ...]
    name: str
    document: bytes
    turns: int
    max_tokens: int
    pause_s: float


@dataclass(slots=True)
class Tally:
    """What all clients measured, in seconds, and what went wrong: “kind: detail” with how often."""

    pages: dict[str, list[float]] = field(default_factory=lambda: {path: [] for path in PAGES})
    first_token: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    limited: int = 0  # refusals with 429, after which the client waited as it was told
    checked: int = 0  # answers found in the store, once, as they were heard


class Failed(Exception):
    """A request that did not do what it should; its text is counted."""


class Client:
    """A user with an HTTP client of their own; not `alone` where all clients are one user."""

    def __init__(self, number: int, http: httpx.AsyncClient, plan: Plan, tally: Tally, *, alone: bool) -> None:
        self.number, self._http, self._plan, self._tally, self._alone = number, http, plan, tally, alone
        self._before: set[str] = set()  # conversations of earlier loads
        self._file_id = ""
        self._talks: dict[str, list[tuple[str, str]]] = {}  # (question, answer heard) by conversation
        self._asked = 0

    async def prepare(self) -> None:
        """Uploads the document and waits until it is read. Raises Failed."""
        files = [("file", (self._plan.name, self._plan.document))]
        told = _json(await self._http.post("/v1/files", files=files))
        self._file_id = told["id"]
        while told["status"] == "uploaded":
            await asyncio.sleep(0.2)
            told = _json(await self._http.get(f"/v1/files/{self._file_id}"))
        if told["status"] != "processed":
            raise Failed(f"upload: {told.get('status_details') or told['status']}")
        self._before = await self._listed() if self._alone else set()

    async def ask_until(self, end: float) -> None:
        """Asks one question after the other until `end`, of the monotonic clock; the last answer is heard out."""
        talk = ""
        while time.monotonic() < end:
            if talk and len(self._talks[talk]) >= self._plan.turns:
                talk = ""
            try:
                talk = await self._ask(talk)
            except (Failed, httpx.HTTPError, ValueError, KeyError) as error:
                self._tally.wrong[f"answer: {_told(error)}"] += 1
                talk = ""
                await asyncio.sleep(1)

    async def browse_until(self, end: float) -> None:
        """Loads the page and the sign of life again and again, apart from the answers."""
        await asyncio.sleep(self._plan.pause_s * (self.number % 24) / 24)  # not all at the same moment
        while time.monotonic() < end:
            for path in PAGES:
                began = time.perf_counter()
                try:
                    response = await self._http.get(path)
                    if response.status_code != 200 or (path == "/" and b"Unabridged" not in response.content):
                        raise Failed(f"status {response.status_code}")
                    self._tally.pages[path].append(time.perf_counter() - began)
                except (Failed, httpx.HTTPError) as error:
                    self._tally.wrong[f"page {path}: {_told(error)}"] += 1
            await asyncio.sleep(self._plan.pause_s)

    async def check(self) -> None:
        """Compares every conversation with the store: each question and answer once, in order, nothing of others."""
        if self._alone and (others := await self._listed() - self._before - self._talks.keys()):
            self._tally.wrong["conversations that nobody heard of"] += len(others)
        for talk, heard in self._talks.items():
            try:
                stored = [(each["role"], each["content"].strip(), each["status"]) async for each in self._stored(talk)]
            except (Failed, httpx.HTTPError, ValueError, KeyError) as error:
                self._tally.wrong[f"check: {_told(error)}"] += 1
                continue
            wanted = [
                row
                for question, answer in heard
                for row in (("user", question, "complete"), ("assistant", answer.strip(), "complete"))
            ]
            self._tally.checked += sum(
                often for row, often in (Counter(wanted) & Counter(stored)).items() if row[0] != "user"
            )
            for kind, rows in (
                ("lost", Counter(wanted) - Counter(stored)),
                ("not heard", Counter(stored) - Counter(wanted)),
            ):
                if rows:
                    self._tally.wrong[f"{kind} in a conversation"] += rows.total()
            if sorted(stored) == sorted(wanted) and stored != wanted:
                self._tally.wrong["messages in another order"] += 1

    async def _ask(self, talk: str) -> str:
        """One question; the conversation it stands in."""
        self._asked += 1
        text = self._plan.questions[(self.number + self._asked) % len(self._plan.questions)]
        question = f"{text} (client {self.number}, question {self._asked})"
        file = {"type": "file", "file": {"file_id": self._file_id}}
        parts = [{"type": "text", "text": question}, *(() if talk else (file,))]
        body = {"model": self._plan.bot, "messages": [{"role": "user", "content": parts}], "stream": True}
        body |= {"max_tokens": self._plan.max_tokens} | ({"conversation": talk} if talk else {})
        began, answer, at, ended = time.perf_counter(), "", talk, False
        async for told in self._events(body):
            if "error" in told:
                raise Failed(str(told["error"].get("code")))
            at = told.get("unabridged", {}).get("conversation") or at
            if talk and at != talk:
                raise Failed("an answer came from another conversation")
            for choice in told["choices"]:
                piece = choice["delta"].get("content") or ""
                if piece and not answer:
                    self._tally.first_token.append(time.perf_counter() - began)
                answer += piece
                ended = ended or choice["finish_reason"] is not None
        if not ended:
            raise Failed("the stream ended before the answer")
        self._tally.whole.append(time.perf_counter() - began)
        self._talks.setdefault(at, []).append((question, answer))
        return at

    async def _events(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The objects of a streamed answer up to [DONE]; where too much is asked, it is asked again as told."""
        timeout = httpx.Timeout(30, read=SILENT_S)
        while True:
            async with self._http.stream("POST", "/v1/chat/completions", json=body, timeout=timeout) as response:
                if response.status_code != 429:
                    if response.status_code != 200:
                        raise Failed(f"status {response.status_code}")
                    async for line in response.aiter_lines():
                        if line == "data: [DONE]":
                            return
                        if line.startswith("data: "):
                            yield json.loads(line[6:])
                    raise Failed("the stream broke off")
            self._tally.limited += 1
            await asyncio.sleep(float(response.headers.get("Retry-After", 1)))

    async def _listed(self) -> set[str]:
        """The ids of all conversations of this user."""
        found: set[str] = set()
        asked: dict[str, str] = {"limit": "100"}
        while True:
            told = _json(await self._http.get("/v1/conversations", params=asked))
            found |= {each["id"] for each in told["data"]}
            if not told["has_more"]:
                return found
            asked["cursor"] = told["next_cursor"]

    async def _stored(self, talk: str) -> AsyncIterator[dict[str, Any]]:
        """The messages of a conversation as the server has them, in order."""
        pages: list[list[dict[str, Any]]] = []
        asked: dict[str, int] = {"limit": 100}
        while True:
            told = _json(await self._http.get(f"/v1/conversations/{talk}/messages", params=asked))
            pages.append(told["data"])
            if not told["has_more"]:
                break
            asked["before"] = told["data"][0]["id"]
        for page in reversed(pages):
            for each in page:
                yield each


def _json(response: httpx.Response) -> Any:
    if response.status_code != 200:
        raise Failed(f"{response.request.method} {response.request.url.path}: status {response.status_code}")
    return response.json()


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, Failed) else type(error).__name__
