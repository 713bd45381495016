"""A scripted engine, a document read with it, a conversation of Ann: shared by the tests of chats and bots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.reading import ReadDocument
from storage import Store
from tests.fakes import CONTRACT, ScriptedEngine, lines, read_document


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    yield store
    store.close()


@pytest.fixture
def scripted(tmp_path: Path) -> ScriptedEngine:
    return ScriptedEngine(tmp_path)


@pytest.fixture
def deed(scripted: ScriptedEngine) -> ReadDocument:
    return read_document(lines(CONTRACT), scripted)


@pytest.fixture
def talk(store: Store) -> str:
    return store.create_conversation("ann", "legal", "deed").id


def said(store: Store, talk: str) -> list[tuple[str, str, str]]:
    return [(message.role, message.content, message.status) for message in store.messages("ann", talk)]
