"""What goes in comes out, equal; and what may not go in is refused in one sentence."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import storage
from storage import AnswerRecord, CitationRecord, DocumentRecord, StorageError, Store
from storage.records import FINAL_STATUSES, ConflictError
from tests.databases import KINDS, place

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
COUNT = st.integers(0, 2**31 - 1)
BIG = st.integers(0, 2**62)
REAL = st.floats(allow_nan=False, allow_infinity=False)
CITATIONS = st.builds(
    CitationRecord,
    number=COUNT,
    path=TEXT,
    page=st.none() | COUNT,
    page_label=st.none() | TEXT,
    line=st.none() | COUNT,
    section=TEXT,
    quote=TEXT,
    start=BIG,
    end=BIG,
    verified=st.booleans(),
    kind=st.sampled_from(["quote", "evidence"]),
    score=REAL,
    session=st.none() | COUNT,
    seq=st.none() | COUNT,
)
ANSWERS = st.builds(
    AnswerRecord,
    model=TEXT,
    pattern=TEXT,
    level=TEXT,
    impl=TEXT,
    finish_reason=TEXT,
    supported=st.booleans(),
    tokens=BIG,
    tokens_read=BIG,
    cached_tokens=BIG,
    generated_tokens=BIG,
    pages=COUNT,
    pages_unread=st.lists(COUNT, max_size=4).map(tuple),
    files=COUNT,
    files_unread=st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    parse_s=REAL,
    read_s=REAL,
    first_token_s=REAL,
    total_s=REAL,
    citations=st.lists(CITATIONS, max_size=4).map(tuple),
    seed=st.none() | BIG,
    dtype=TEXT,
    bot_digest=TEXT,
    model_digest=TEXT,
    context=st.lists(TEXT, max_size=3).map(tuple),
    settings=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
)
DOCUMENTS = st.builds(
    DocumentRecord,
    id=st.binary(min_size=32, max_size=32).map(bytes.hex),
    name=TEXT,
    path=TEXT,
    media_type=TEXT,
    bytes=BIG,
    pages=COUNT,
    tokens=BIG,
    created_at=st.datetimes(timezones=st.just(UTC)),
)


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """One for all examples of Hypothesis."""
    for where in place(request.param, request):
        store = Store(where)
        yield store
        store.close()


@settings(max_examples=15, deadline=None)
@given(question=TEXT, text=TEXT, status=st.sampled_from(FINAL_STATUSES), answer=st.none() | ANSWERS)
def test_messages_round_trip(store: Store, question: str, text: str, status: str, answer: AnswerRecord | None) -> None:
    conversation = store.create_conversation("ann", "legal", question)
    asked = store.append("ann", conversation.id, "user", question)
    begun = store.begin_answer("ann", conversation.id)
    finished = store.finish_answer("ann", begun.id or 0, text, status, answer)
    assert store.messages("ann", conversation.id) == [asked, finished]
    assert (asked.content, asked.status, asked.seq, asked.session) == (question, "complete", 0, 1)
    assert (finished.content, finished.status, finished.answer) == (text, status, answer)
    assert store.conversation("ann", conversation.id).title == question


@settings(max_examples=15, deadline=None)
@given(document=DOCUMENTS)
def test_documents_round_trip(store: Store, document: DocumentRecord) -> None:
    user = uuid4().hex  # Hypothesis comes back to the same ids, and the first document of an id stays
    assert store.add_document(user, document) == document
    assert store.document(user, document.id) == document


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧‍👦 e\u0301 \U0010ffff", "‮right to left", "'; DROP TABLE messages; --", "\r\n\t \ufeff"]
)
def test_awkward_text_round_trips(store: Store, text: str) -> None:
    conversation = store.create_conversation("ann", "legal", text)
    store.append("ann", conversation.id, "user", text, idempotency_key=text)
    assert store.messages("ann", conversation.id)[0].content == text


def test_datetimes_come_back_aware_and_in_utc(store: Store) -> None:
    there = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=timezone(timedelta(hours=9)))
    stored = store.add_document("zoe", DocumentRecord("ab", "n", "p", "text/plain", 1, 1, 1, there))
    assert stored.created_at == there
    assert stored.created_at.utcoffset() == timedelta(0)
    now = store.create_conversation("zoe", "legal", "t").created_at
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)


def test_a_datetime_without_zone_is_refused(store: Store) -> None:
    naive = DocumentRecord("cd", "n", "p", "text/plain", 1, 1, 1, datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="time zone"):
        store.add_document("zoe", naive)
    with pytest.raises(ValueError, match="time zone"):
        store.conversations("zoe", before=datetime(2026, 1, 1))


def test_a_nul_is_refused_alike_on_both_databases(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t")
    with pytest.raises(StorageError, match="NUL character"):
        store.append("ann", conversation.id, "user", "zero: \0")
    assert store.messages("ann", conversation.id) == []


def test_text_that_is_not_unicode_is_refused_and_nothing_is_kept(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t")
    with pytest.raises(StorageError, match="not valid Unicode"):
        store.append("ann", conversation.id, "user", "half a pair: \ud800")
    assert store.messages("ann", conversation.id) == []


def test_unknown_roles_statuses_and_limits_are_refused(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t")
    with pytest.raises(ValueError, match="role"):
        store.append("ann", conversation.id, "system", "x")
    begun = store.begin_answer("ann", conversation.id)
    with pytest.raises(ValueError, match="status"):
        store.finish_answer("ann", begun.id or 0, "x", "streaming", None)
    with pytest.raises(ValueError, match="limit"):
        store.conversations("ann", limit=0)


def test_a_finished_answer_stays_as_it_is(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t")
    begun = store.begin_answer("ann", conversation.id)
    assert (begun.content, begun.status, begun.role) == ("", "streaming", "assistant")
    store.grow_answer("ann", begun.id or 0, "so far")
    assert store.messages("ann", conversation.id)[0].content == "so far"
    finished = store.finish_answer("ann", begun.id or 0, "all", "broken", None)
    with pytest.raises(ConflictError, match="already finished"):
        store.grow_answer("ann", begun.id or 0, "more")
    with pytest.raises(ConflictError, match="already finished"):
        store.finish_answer("ann", begun.id or 0, "more", "complete", None)
    assert store.messages("ann", conversation.id) == [finished]


def test_a_path_is_a_folder_a_file_or_a_url(tmp_path: Path) -> None:
    for where in (tmp_path / "a folder %41", tmp_path / "deep" / "x.db", f"sqlite:///{tmp_path}/url.db"):
        store = Store.open(where)
        store.append("ann", store.create_conversation("ann", "legal", "t").id, "user", "kept")
        store.close()
        again = Store(where)
        assert again.counts()["messages"] == 1
        again.close()
    assert (tmp_path / "a folder %41" / "unabridged.db").is_file()
    assert (tmp_path / "deep" / "x.db").is_file()


def test_the_public_names() -> None:
    assert storage.__all__ == sorted(storage.__all__)
    assert all(hasattr(storage, name) for name in storage.__all__)
    assert len(storage.__all__) <= 8
