"""Full-text search: the same hits on both databases, by user, bot and date, and nothing of others."""

from datetime import UTC, datetime, timedelta

import pytest

from storage import DocumentRecord, StorageError, Store
from storage.records import Passage, PastMessage, PastSession

START = datetime(2024, 3, 1, tzinfo=UTC)
LEASE = DocumentRecord("d0", "lease.pdf", "files/d0", "application/pdf", 9, 2, 300, START)
PAGES = [
    Passage("The landlord shall repair the roof.", "lease.pdf", 0, page=1),
    Passage("Rent is due on the first day; the landlord may charge a late fee.", "lease.pdf", 36, page=2),
]


def said(store: Store, user: str, query: str, **limits: object) -> list[str]:
    return [hit.quote for hit in store.search(user, query, **limits)]  # type: ignore[arg-type]


@pytest.fixture
def talk(store: Store) -> str:
    texts = ["Where is my refund?", "The refund is on its way", "Thanks for the quick help", "A late fee was refunded"]
    messages = [PastMessage("user", text, START + timedelta(days=n)) for n, text in enumerate(texts)]
    return store.import_history("ann", "support", "History", [PastSession(START, tuple(messages))]).id


def test_all_words_must_be_there_newest_first(store: Store, talk: str) -> None:
    assert said(store, "ann", "refund") == ["The refund is on its way", "Where is my refund?"]
    assert said(store, "ann", "REFUND way") == ["The refund is on its way"]
    assert said(store, "ann", "refund thanks") == []
    assert said(store, "ann", "refund*") == [
        "A late fee was refunded",
        "The refund is on its way",
        "Where is my refund?",
    ]


def test_phrases_stand_side_by_side(store: Store, talk: str) -> None:
    assert said(store, "ann", '"late fee"') == ["A late fee was refunded"]
    assert said(store, "ann", '"fee late"') == []
    assert said(store, "ann", "fee late") == ["A late fee was refunded"]
    assert said(store, "ann", "late-fee") == ["A late fee was refunded"]


def test_a_hit_says_where_it_stands(store: Store, talk: str) -> None:
    hit = store.search("ann", "thanks")[0]
    assert (hit.kind, hit.title, hit.at) == ("message", "History", START + timedelta(days=2))
    assert (hit.conversation_id, hit.session, hit.number, hit.seq) == (talk, 1, 3, 2)
    assert store.message("ann", talk, hit.seq or 0).content == "Thanks for the quick help"


def test_by_date_and_page_by_page(store: Store, talk: str) -> None:
    day = timedelta(days=1)
    assert said(store, "ann", "refund*", since=START + day, until=START + 3 * day) == ["The refund is on its way"]
    first = store.search("ann", "refund*", limit=1)
    assert [hit.quote for hit in first] == ["A late fee was refunded"]
    assert said(store, "ann", "refund*", limit=1, until=first[0].at) == ["The refund is on its way"]


def test_by_bot_and_kind(store: Store, talk: str) -> None:
    store.add_document("ann", LEASE)
    store.add_passages("ann", "d0", PAGES)
    store.create_conversation("ann", "legal", "lease", ["d0"])
    assert [hit.kind for hit in store.search("ann", "late fee")] == ["message", "document"]
    assert [hit.kind for hit in store.search("ann", "late fee", bot="support")] == ["message"]
    assert [hit.kind for hit in store.search("ann", "late fee", bot="legal")] == ["document"]
    assert [hit.kind for hit in store.search("ann", "late fee", kinds=["document"])] == ["document"]


def test_documents_are_found_by_page_and_by_name(store: Store) -> None:
    store.add_document("ann", LEASE)
    assert [hit.title for hit in store.search("ann", "lease.pdf")] == ["lease.pdf"]
    store.add_passages("ann", "d0", PAGES)
    hit = store.search("ann", '"late fee"')[0]
    assert (hit.document_id, hit.page, hit.start, hit.path) == ("d0", 2, 36, "lease.pdf")
    store.add_passages("ann", "d0", PAGES[:1])  # replaces what was given before
    assert store.search("ann", '"late fee"') == []
    assert len(store.search("ann", "roof")) == 1
    store.delete_document("ann", "d0")
    assert store.search("ann", "roof") == []
    assert store.verify().problems == ()


def test_a_growing_answer_is_found_when_it_is_finished(store: Store, talk: str) -> None:
    answer = store.begin_answer("ann", talk).id or 0
    store.grow_answer("ann", answer, "a zebra")
    assert store.search("ann", "zebra") == []
    store.finish_answer("ann", answer, "a zebra crossing", "complete", None)
    assert said(store, "ann", "zebra crossing") == ["a zebra crossing"]


def test_a_broken_answer_is_found_as_it_was_left(store: Store, database: str, talk: str) -> None:
    far = Store(database, process_tag="elsewhere/0000/7/99")
    far.grow_answer("ann", far.begin_answer("ann", talk).id or 0, "half a zebra")
    far.close()
    store.mark_broken("elsewhere/0000/7/99")
    assert said(store, "ann", "zebra") == ["half a zebra"]


def test_deleted_conversations_are_not_searched_archived_ones_are(store: Store, talk: str) -> None:
    store.archive("ann", talk, True)
    assert len(store.search("ann", "refund")) == 2
    store.delete_conversation("ann", talk)
    assert store.search("ann", "refund") == []
    store.restore_conversation("ann", talk)
    assert len(store.search("ann", "refund")) == 2


def test_others_find_nothing_even_with_a_forged_owner(store: Store, talk: str) -> None:
    from storage.search import organisation_word, user_word

    store.add_document("ann", LEASE)
    store.accounts.create_organisation("other", organisation_id="other")
    store.accounts.add_user("other", "eve")
    store.create_conversation("eve", "support", "t")
    for query in (
        "refund",
        "lease*",
        user_word("ann") + "*",
        f'"{organisation_word("local")}"',
        '" OR "refund',
        "'refund'",
    ):
        assert store.search("eve", query) == [], query
    assert store.search("nobody", "refund") == []


def test_shared_documents_are_found_by_the_organisation_only(store: Store) -> None:
    store.add_document("ann", LEASE)
    for user in ("bob", "ann"):
        store.create_conversation(user, "legal", "t")
    store.accounts.create_organisation("other", organisation_id="other")
    store.accounts.add_user("other", "eve")
    assert store.search("bob", "lease") == []
    store.share_document("ann", "d0", True)
    assert len(store.search("bob", "lease")) == 1
    assert store.search("eve", "lease") == []
    store.share_document("ann", "d0", False)
    assert store.search("bob", "lease") == []


@pytest.mark.parametrize("text", ["'; DROP TABLE messages; --", 'NEAR("a" "b")', "a AND NOT b", "x & !y | (z"])
def test_operators_of_the_databases_are_words_like_others(store: Store, text: str) -> None:
    talk = store.create_conversation("ann", "support", "t").id
    store.append("ann", talk, "user", text)
    store.append("ann", talk, "user", "nothing of it")
    assert [hit.seq for hit in store.search("ann", text)] == [0]


def test_a_text_longer_than_an_index_entry_is_found_everywhere_in_it(store: Store) -> None:
    """PostgreSQL indexes it in parts: words of different parts, and phrases across a border, are found all the same."""
    talk = store.create_conversation("ann", "support", "t").id
    words = [f"word{n}" for n in range(900)] + ["é" * 64 + str(n) for n in range(300)]
    store.append("ann", talk, "user", " ".join(words))
    for query in (
        "word0 word899",
        '"word222 word223 word224"',
        '"word254 word255"',
        words[-1],
        " ".join(words[400:480]),
    ):
        assert len(store.search("ann", query)) == 1, query
    assert store.search("ann", '"word0 word2"') == []
    assert store.verify().problems == ()


def test_a_search_without_words_or_with_wrong_limits_is_refused(store: Store) -> None:
    with pytest.raises(StorageError, match="nothing to search for"):
        store.search("ann", "?!")
    with pytest.raises(ValueError, match="limit"):
        store.search("ann", "x", limit=0)
    with pytest.raises(ValueError, match="kinds"):
        store.search("ann", "x", kinds=["secrets"])
