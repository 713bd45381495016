"""Whole agreements: what they ask is proved or truly absent, wordings are kept for evaluation, layouts keep places."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from sparse_backend.train.packing import Example, Packer, RowShape, Tail
from sparse_backend.train.texts import deals as deals_module
from sparse_backend.train.texts.bank import Ask, bank, fill, locate, rewordings
from sparse_backend.train.texts.deal_words import KINDS, OLDER, TOPICS, fits, rivals
from sparse_backend.train.texts.deals import HELD_OUT, clauses, deal
from sparse_backend.train.texts.drafting import Draft, Layout
from sparse_backend.train.texts.dressing import dressed
from sparse_backend.train.texts.encoding import DECIDED, FOLLOWS, SYSTEM, Encoding
from sparse_backend.train.texts.enumerations import run_in
from sparse_backend.train.texts.mix import fewer_tails
from sparse_backend.train.texts.page import NOT_STATED, Asked, Header, Page
from sparse_backend.train.texts.values import amount_words
from tests.fakes import model_folder

FILLER = [f"The parties shall keep all notices intact in every copy number {i} that is passed on." for i in range(40)]


def deals(count: int, *, held_out: bool = False) -> list[Page]:
    return [deal(random.Random(seed), 9000, 40, FILLER, held_out=held_out) for seed in range(count)]


def wordings_of(entry_names: set[str]) -> set[str]:
    return {
        words for _, entry in clauses() if entry.name in entry_names for ask in entry.asks for words in ask.questions
    }


def test_every_clause_can_be_written_and_every_question_on_it_proved() -> None:
    for _, entry in clauses():
        proved: set[int] = set()
        for seed in range(12):
            r = random.Random(seed)
            text, given = r.choice(entry.texts), {"A": "Norvex", "B": "Talmar", "a": "the maker", "b": "the buyer"}
            if entry.items:
                run_in(entry, given, r)
            filled = fill(text, given, r)
            assert "{" not in filled and "[" not in filled
            for number, ask in enumerate(entry.asks):
                found = locate(filled, ask, given, r)
                if "{n}" in ask.answer:  # proved by the last item, see test_backend_train_reasoning
                    proved.add(number)
                    continue
                if found is None:
                    continue
                (low, high), (at, stop) = found
                assert low <= at < stop <= high
                proved.add(number)
        assert proved == set(range(len(entry.asks))), entry.name


def test_answers_stand_in_their_quotes_and_refusals_have_no_clause() -> None:
    kinds: set[str] = set()
    asked = refused = 0
    for page in deals(30):
        for one in page.asked:
            asked += 1
            kinds.add(one.family)
            if one.answer == NOT_STATED:
                refused += 1
                assert one.quote is None and one.family.startswith("deal refusal")
                continue
            assert one.quote and one.seen and one.focus
            assert one.quote[0] <= one.focus[0] < one.focus[1] <= len(page.text)
            if one.family in ("deal table", "deal party"):
                words = " ".join(page.text[one.quote[0] : one.quote[1]].split())
                assert one.answer in words
    assert 0.15 < refused / asked < 0.3
    assert {"deal clause", "deal term", "deal compare", "deal where", "deal table", "deal definition"} <= kinds
    assert "deal clause held out" not in kinds


def test_a_period_behind_a_term_is_answered_by_its_definition() -> None:
    found = [(page, one) for page in deals(60) for one in page.asked if one.family == "deal term"]
    assert found
    for page, one in found:
        assert one.quote and len(one.seen) == 2
        defined = page.text[one.quote[0] : one.quote[1]]
        length = re.search(r"means\s+(.*?)\.", defined, re.DOTALL)
        assert length and " ".join(length[1].split()).lower() in one.answer.lower()


def test_the_longer_of_two_periods_is_the_longer() -> None:
    found = [one for page in deals(40) for one in page.asked if one.family == "deal compare"]
    assert len(found) > 5
    for one in found:
        numbers = re.search(r": (\d+) (\w+?)s against (\d+) ", one.answer)
        assert numbers and int(numbers[1]) > int(numbers[3])


def test_clauses_on_one_topic_never_meet() -> None:
    names = {entry.name for _, entry in clauses()}
    assert {name for topic in TOPICS for name in topic.split("|")} <= names
    assert {name for theme in OLDER.values() for name in theme.split("|")} <= {entry.name for entry in bank("clauses")}
    assert "payment term" in rivals("payment days two") and "payment term" not in rivals("payment term")
    assert set(HELD_OUT) <= names
    for kind in KINDS:
        assert sum(fits(theme, entry.name, entry.kinds, kind.name) for theme, entry in clauses()) > 25


def test_evaluation_asks_in_wordings_that_training_never_uses() -> None:
    ask = Ask(tuple(f"How long is it, version {i}?" for i in range(40)), "{days}", "")
    seen, kept = set(ask.wordings(held_out=False)), set(ask.wordings(held_out=True))
    assert not seen & kept and seen | kept == set(ask.questions) and 2 < len(kept) < 14 and ask.splits
    few = Ask(("a?", "b?"), "{days}", "")
    assert few.wordings(held_out=True) == few.questions and not few.splits
    split = [ask for _, entry in clauses() for ask in entry.asks if ask.splits]
    assert len(split) > 100


def test_rewordings_belong_to_entries() -> None:
    known = {entry.name: entry for _, entry in clauses()} | {entry.name: entry for entry in bank("facts")}
    for name, more in [*rewordings("rewordings").items(), *rewordings("rewordings_2").items()]:
        assert max(more) < len(known[name].asks), name
        for number, words in more.items():
            assert set(words) <= set(known[name].asks[number].questions)


def test_wrapping_keeps_every_character_in_its_place() -> None:
    text = "the parties agree on many things and on a fee of five hundred dollars ($500) for each of them " * 4
    for width in (0, 70, 130):
        draft = Draft(random.Random(1), {}, Layout(1, width, "\n"))
        start, end = draft.paragraph(text.strip())
        written = draft.writer.page([], "contract").text
        assert written[start:end].replace("\n", " ") == text.strip()
        at = start + text.find("five hundred")
        low, high = draft.unbroken(at, at + len("five hundred dollars ($500)"))
        assert "\n" not in written[low:high] and high - low >= 8


def test_padding_leaves_the_clause_as_it_is() -> None:
    clause = "The fee is 500 euros, payable in May."
    for seed in range(60):
        padded = dressed(clause, random.Random(seed))
        assert "ee is 500 euros, payable in May" in padded and padded.endswith(".")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (7, "seven"),
        (340, "three hundred and forty"),
        (25_000, "twenty-five thousand"),
        (2_500_000, "two million five hundred thousand"),
    ],
)
def test_amounts_are_written_out(amount: int, words: str) -> None:
    assert amount_words(amount) == words


def test_one_seed_makes_one_agreement() -> None:
    one, two = deals(1)[0], deals(1)[0]
    assert one == two and isinstance(one.asked[0], Asked)


def test_what_decides_counts_more_than_what_follows() -> None:
    encoding = Encoding(Path(model_folder()))
    text = "1. Fee\n\nThe monthly fee is five hundred euros and is due on the first day of the month in advance.\n"
    at = text.index("five")
    asked = (
        Asked("What is the fee?", "Five hundred euros", (8, len(text) - 1), (at,), "", (at, at + 19)),
        Asked("Who pays?", NOT_STATED),
    )
    example = encoding.example(Page(text, (Header(0, 6, "1. Fee"),), asked, "contract"), SYSTEM, random.Random(1))
    packer = Packer(RowShape(1024, 128, 0, 256), 1)
    assert packer.add(example)
    row = packer.row()
    weights = row.weight[row.label >= 0]
    refusal, answer = (tail for tail in example.tails)
    assert refusal.weights is not None and answer.weights is not None
    said = len(encoding.text("Five hundred euros\n>"))
    assert answer.weights[answer.learnt][:said].tolist() == [DECIDED] * said
    assert answer.weights[answer.learnt][-1] == refusal.weights[refusal.learnt][-1] == np.float32(FOLLOWS)
    assert refusal.weights[refusal.learnt][:2].tolist() == [DECIDED] * 2 and not refusal.weights[~refusal.learnt].any()
    assert len(weights) == sum(int(tail.learnt.sum()) for tail in example.tails) and (weights > 0).all()
    assert len(set(row.source[row.key_doc[: row.shape.bank] < 0].tolist())) > 50  # empty keys lie apart


def test_questions_are_dropped_before_documents() -> None:
    tails = tuple(Tail(np.arange(10, dtype=np.int32), np.arange(10) >= 6) for _ in range(9))
    example = Example(np.zeros(100, np.int32), np.zeros(0, np.int32), tails)
    assert len(fewer_tails(example, 145, 1000).tails) == 4 and len(fewer_tails(example, 1000, 9).tails) == 2
    assert len(fewer_tails(example, 50, 0).tails) == 1


def test_a_name_stands_for_one_clause() -> None:
    """HELD_OUT names clauses, so two of one name could not be told apart."""
    folder = Path(deals_module.__file__).parent
    texts = [path.read_text("utf-8") for path in sorted([*folder.glob("deals_*.txt"), folder / "lists.txt"])]
    names = [line[2:].split(" @")[0] for text in texts for line in text.splitlines() if line.startswith("# ")]
    assert len(names) > 250 and sorted(names) == sorted(set(names))
