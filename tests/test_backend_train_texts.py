"""Training texts: the prompt is the app's, every answer is proved by its document, refusals are none of it."""

from __future__ import annotations

import json
import lzma
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.profile_folder import find_profile
from assistant.prompt import Prompt, Turn
from ingest import Document as Ingested
from ingest import IngestReport, Section, Span, encode
from sparse_backend.train.evaluate import judge
from sparse_backend.train.packing import RowShape
from sparse_backend.train.texts import needles
from sparse_backend.train.texts.bank import bank, fill
from sparse_backend.train.texts.collect import PageText
from sparse_backend.train.texts.corpus import Corpus
from sparse_backend.train.texts.encoding import QUOTE_TOKENS, SYSTEM, Document, Encoding
from sparse_backend.train.texts.exam import Gold, Sheet, paper
from sparse_backend.train.texts.mix import KINDS, Mix
from sparse_backend.train.texts.page import NOT_STATED, Asked, Header, Page
from tests.fakes import model_folder, tokenizer

PROSE = (
    "The scheduler is the part of the server that starts jobs. If a worker fails, the job is queued again. "
    "A worker must send a heartbeat every 30 seconds to the coordinator. The queue length defaults to 500 entries.\n\n"
)
CODE = """def open_store(path, mode="r"):
    '''Opens the store at a path.'''
    return Store(path, mode)


class Store(Base):
    pass


"""


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    records = [
        {
            "source": "guide",
            "kind": "prose",
            "path": f"{i}.txt",
            "text": f"# Part {i}\n\n" + PROSE * 12,
            "headers": [[0, 8]],
        }
        for i in range(4)
    ]
    for i in range(4):
        parts = "".join(CODE.replace("tore", f"tore{i}{j}") for j in range(4))
        records.append({"source": "tool", "kind": "code", "path": f"tool/m{i}.py", "text": parts, "headers": [[0, 31]]})
    licence = "\n\n".join(
        f"{i}. The licensee keeps all notices intact in copy {i} and passes them on, " * 3 + "always." for i in range(8)
    )
    records.append({"source": "law", "kind": "legal", "path": "x", "text": licence, "headers": []})
    lines = "\n".join(json.dumps(record) for record in records)
    path = tmp_path / "corpus.jsonl.xz"
    path.write_bytes(lzma.compress(lines.encode()))
    halves = [tmp_path / "a", tmp_path / "b"]
    data = path.read_bytes()
    halves[0].write_bytes(data[:100])
    halves[1].write_bytes(data[100:])
    return Corpus.load(*halves)


@pytest.fixture(scope="module")
def folder() -> Path:
    """A folder with a small tokenizer whose chat format is the embedded model's."""
    return Path(model_folder())


@pytest.fixture
def mix(corpus: Corpus, folder: Path) -> Mix:
    return Mix(
        corpus, Encoding(folder), RowShape(16384, 3072, 0, 4096), RowShape(32768, 4096, 8192, 4096), longest=14_000
    )


def test_the_prompt_is_the_apps_token_for_token(folder: Path) -> None:
    encoding, app = Encoding(folder), Prompt(tokenizer(), find_profile("legal"))
    text = "1. Term\n\nThe term is two years.\n"
    page = Page(
        text, (Header(0, 7, "1. Term"),), (Asked("How long is the term?", "Two years", (9, 31), (21,)),), "contract"
    )
    example = encoding.example(page, SYSTEM, random.Random(0))
    section = Section("1. Term", 1, 0, len(text), 7, "heading")
    ingested = Ingested("a.txt", text, (section,), (Span(0, len(text), "a.txt"),), IngestReport(1, 1), "0" * 64)
    prefix = app.prefix(encode(ingested, tokenizer()))
    assert example.ids.tolist() == list(prefix.token_ids)
    assert example.anchors.tolist() == list(prefix.anchors)
    tail = example.tails[0]
    assert tail.ids[~tail.learnt].tolist() == app.tail([], "How long is the term?")
    assert find_profile("legal").system == SYSTEM and not find_profile("legal").reminder
    assert tokenizer().decode(tail.ids[tail.learnt].tolist()) == "Two years\n> The term is two years.\n(1. Term)"


def test_a_follow_up_is_asked_as_the_app_asks_it(folder: Path) -> None:
    encoding, app = Encoding(folder), Prompt(tokenizer(), find_profile("legal"))
    one, two = encoding.question("First?"), encoding.question("Second?", first=False)
    answer = tokenizer().text("Yes.")
    assert [*one, *answer, *two] == app.tail([Turn("First?", "Yes.")], "Second?")


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_proved_by_its_document(mix: Mix, kind: str) -> None:
    refused = asked = 0
    for seed in range(6):
        page = mix.page(random.Random(seed), kind, 1500)
        document = Document(mix.encoding, page)
        for one in page.asked:
            asked += 1
            answer = mix.encoding.decode(document.answer(one))
            if one.quote is None:
                refused += one.answer == NOT_STATED
                assert answer == one.answer
                continue
            quote = answer.partition("\n>")[2].partition("\n(")[0].strip()
            assert quote and quote in page.text and "\n" not in quote
            gold = Gold((), one.question, one.answer, document.quoted(one), one.family)
            score = judge(gold, answer, page.text)
            assert score["right"] and score["proved"] and not score["refused"]
            if one.family in ("clause", "look-alike", "history"):
                assert one.focus and page.text[one.focus[0] : one.focus[1]]
    assert asked > 15 and refused > 0.05 * asked


def test_look_alikes_differ_in_key_and_value() -> None:
    for seed in range(30):
        made = needles.group(random.Random(seed), 3, set())
        if made is None:
            continue
        found, refusal = made
        assert len({needle.given["key"] for needle in found}) == len(found) >= 3
        assert len({needle.text for needle in found}) == len(found)
        assert sum(needle.asked for needle in found) == 1
        assert refusal.answer == NOT_STATED
        assert needles.HELD_OUT and found[0].entry.name not in needles.HELD_OUT


@pytest.mark.parametrize("name", ["clauses", "facts", "deals_1", "deals_2", "deals_3"])
def test_the_banks_are_complete(name: str) -> None:
    entries = bank(name)
    assert len({entry.name for entry in entries}) == len(entries) > 20
    for entry in entries:
        assert entry.texts and entry.asks and (entry.headings or entry.keys)
        for text in entry.texts:
            given = {"A": "the Seller", "B": "the Buyer", "a": "our seller", "b": "the buyer", "key": "Oslo"}
            assert "{" not in fill(text, given, random.Random(1))
        for ask in entry.asks:
            assert len(ask.questions) >= 3 and ask.answer


def test_rows_depend_on_their_number_alone_and_mix_near_and_far(mix: Mix) -> None:
    first, again, other = mix.row(2), mix.row(2), mix.row(1)
    assert np.array_equal(first.ids, again.ids) and np.array_equal(first.label, again.label)
    assert not np.array_equal(first.ids, other.ids)
    assert not first.far.any() and (first.doc >= 0).mean() > 0.7
    far = mix.row(3)
    assert far.far.any() and (far.key_doc[far.shape.bank :] >= 0).any()
    assert (first.label >= 0).sum() > 100


def test_a_needle_page_holds_one_held_out_fact_among_look_alikes(mix: Mix) -> None:
    made = paper(mix, Sheet("needle", 2048, 3, False, 5))
    assert len(made.texts) == 3 and all(len(golds) == 2 for golds in made.golds)
    lengths = [int((made.row.doc == i).sum()) for i in range(3)]
    assert all(1000 < length < 2048 for length in lengths)
    for golds, text in zip(made.golds, made.texts, strict=True):
        assert golds[0].quote in text and golds[1].answer == NOT_STATED


@pytest.mark.parametrize(
    ("answer", "right", "proved"),
    [
        ("Within 30 days\n> Invoices are due within 30 days.\n(2. Payment)", True, True),
        ("Within 30 days", True, False),
        ("Within 30 days\n> Bills are due within 30 days.\n(2. Payment)", True, False),
        ("Within 60 days\n> Invoices are due within 30 days.\n(2. Payment)", False, False),
        ("Not stated in this document.", False, False),
    ],
)
def test_answers_are_judged_by_value_and_proof(answer: str, right: bool, proved: bool) -> None:
    gold = Gold((), "When are invoices due?", "Within 30 days", "Invoices are due within 30 days.", "clause")
    score: dict[str, Any] = judge(gold, answer, "1. A\n\nInvoices are due within 30 days.\n")
    assert (score["right"], score["proved"]) == (right, proved)


def test_refusals_are_judged() -> None:
    gold = Gold((), "Who?", NOT_STATED, "", "refusal")
    assert judge(gold, NOT_STATED, "")["right"] and not judge(gold, "Ann Smith", "")["right"]


def test_web_pages_become_text_with_headers() -> None:
    page = PageText()
    page.feed(
        "<head><title>x</title></head><h2>Setup<a>¶</a></h2><p>Do  this\nnow.</p><pre>a\n b</pre><script>no</script>"
    )
    text = "".join(page.parts)
    assert text.split() == ["Setup", "Do", "this", "now.", "a", "b"] and "a\n b" in text
    assert [text[a:b] for a, b in page.headers] == ["Setup"]


def test_a_long_quote_keeps_what_proves_the_answer(folder: Path) -> None:
    encoding = Encoding(folder)
    start = "The parties agree, among many other things that nobody reads; that " + "all " * 60
    text = f"{start}of it holds; the fee is 500 euros.\n"
    at = text.index("500 euros")
    asked = Asked("What is the fee?", "500 euros", (0, len(text) - 1), (at,), "clause", (at, at + 9))
    page = Page(text, (), (asked,), "contract")
    quote = Document(encoding, page).quoted(asked)
    assert quote == "the fee is 500 euros." and len(encoding.text(quote)) <= QUOTE_TOKENS
