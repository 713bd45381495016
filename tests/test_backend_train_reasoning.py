"""Dense clauses: both answers of two-sided ones, lists that are counted, values that follow, words struck out."""

from __future__ import annotations

import random
import re
from itertools import pairwise

from sparse_backend.train.texts.bank import Ask, bank, fill, locate
from sparse_backend.train.texts.deals import NEWER, clauses, deal
from sparse_backend.train.texts.derived import complete, dollars_in, made, number_in
from sparse_backend.train.texts.drafting import REDACTED
from sparse_backend.train.texts.enumerations import chosen, marks, run_in
from sparse_backend.train.texts.keys import keys
from sparse_backend.train.texts.page import NOT_STATED, Asked, Page
from sparse_backend.train.texts.values import number_words
from sparse_backend.train.texts.wording import keywords

FILLER = [f"The parties shall keep all notices intact in every copy number {i} that is passed on." for i in range(40)]
PARTIES = {"A": "Norvex", "B": "Talmar", "a": "the maker", "b": "the buyer"}


def asked(family: str, count: int = 150) -> list[tuple[Page, Asked]]:
    pages = [deal(random.Random(seed), 12_000, 40, FILLER) for seed in range(count)]
    return [(page, one) for page in pages for one in page.asked if one.family == family]


def test_the_dense_clauses_are_many_and_asked_in_many_words() -> None:
    entries = [entry for name in NEWER[3:] for entry in bank(name)]
    asks = [ask for entry in entries for ask in entry.asks]
    assert len(entries) >= 190 and len(asks) > 700 and sum(len(ask.questions) for ask in asks) > 3000
    for entry in entries:
        assert len(entry.asks) >= 1 and entry.theme and entry.headings, entry.name


def test_a_two_sided_clause_says_yes_once_and_no_once() -> None:
    pairs = [entry for _, entry in clauses() if entry.name.endswith((" yes", " no"))]
    names = {entry.name for entry in pairs}
    sides = {name: [ask for e in pairs if e.name == name for ask in e.asks] for name in names}
    stems = {name.rsplit(" ", 1)[0] for name in names}
    assert len(stems) >= 12
    for stem in stems:
        yes, no = sides[f"{stem} yes"], sides[f"{stem} no"]
        shared = {a.questions: a.answer for a in yes}
        differing = [a for a in no if a.questions in shared and shared[a.questions] != a.answer]
        firsts = [
            {ask.answer.split(",")[0].split(" ")[0], shared[ask.questions].split(",")[0].split(" ")[0]}
            for ask in differing
        ]
        assert {"Yes", "No"} in firsts, stem
        for first in firsts:
            assert first == {"Yes", "No"} or not first & {"Yes", "No"}, (stem, first)


def test_yes_and_no_are_about_as_frequent() -> None:
    pages = [deal(random.Random(seed), 12_000, 40, FILLER) for seed in range(150)]
    answers = [one.answer for page in pages for one in page.asked if one.family.startswith("deal")]
    yes, no = (sum(answer.startswith(word) for answer in answers) for word in ("Yes", "No,"))
    assert yes > 60 and yes / (yes + no) > 0.3


def test_the_last_item_proves_the_count() -> None:
    found = asked("deal list count")
    assert len(found) > 40
    numbers = {number_words(n): n for n in range(1, 21)}
    for page, one in found:
        assert one.quote and one.focus
        number = numbers[one.answer.lower()]
        last = page.text[one.quote[0] : one.quote[1]]
        before = page.text[: one.quote[0]]
        expected = [marks(number, style)[-1] for style in range(4)]
        sign = last.split()[0]
        assert sign in expected or re.fullmatch(rf"\d+\.\d+\.{number}", sign), last
        if sign in expected:  # the item before stands right before it, and none comes after
            style = expected.index(sign)
            assert marks(number, style)[-2] in before
        assert "\n" not in page.text[one.focus[0] : one.focus[1]]


def test_items_are_asked_about_only_where_they_stand() -> None:
    found = asked("deal list item")
    assert len(found) > 40
    for page, one in found:
        assert one.quote and page.text[one.quote[0] : one.quote[1]].strip() and one.answer != NOT_STATED


def test_every_item_question_fills() -> None:
    for entry in bank("lists"):
        given, r = dict(PARTIES), random.Random(1)
        parts = run_in(entry, given, r)
        text = fill(entry.texts[0], given, r)
        assert "{" not in text and number_words(len(parts)) == given["n"]
        for item, sign, words in parts:
            assert f"{sign} {words}" in text
            if item.ask:
                assert "{" not in fill(item.ask.answer, given, r) + fill(item.ask.questions[0], given, r)
        assert 3 <= len(chosen(entry, r)) <= 18


def test_struck_out_words_are_answered_as_such_and_quoted() -> None:
    found = asked("deal redacted")
    assert len(found) > 40
    for page, one in found:
        assert one.answer == REDACTED and one.quote and one.focus
        assert re.search(r"\[[^\]]*\]", page.text[one.quote[0] : one.quote[1]])
        assert "[" not in one.question


def test_two_amounts_are_added() -> None:
    found = asked("deal sum", 400)
    assert found
    for page, one in found:
        total, parts = one.answer.split(" (")
        assert dollars_in(total) == sum(dollars_in(part) or 0 for part in parts.split(" and "))
        assert one.quote and all(part.strip(")") in page.text for part in parts.split(" and "))


def test_what_follows_from_a_value() -> None:
    for seed in range(40):
        r = random.Random(seed)
        given = {
            "usd": "two million dollars ($2,000,000)",
            "usd2": "$500,000",
            "startdate": "March 1, 2021",
            "fewdays": "ten (10) days",
            "span": "18 months",
        }
        complete(given, r)
        assert (
            given["usdsum"] == "$2,500,000"
            and given["enddate"] == "September 1, 2022"
            and given["latest"] == "March 11, 2021"
        )
        assert (dollars_in(given["under"]) or 0) < 2_000_000 < (dollars_in(given["over"]) or 0)
        assert int(given["earlydays"]) < 10 < int(given["latedays"])
        assert given["monthdue"].endswith(" 10") and given["monthdue"].split()[0] != given["inmonth"]
        assert given["quarterdue"].split()[0] in ("January", "April", "July", "October")
        sides = dict(PARTIES)
        assert made("P", sides, r) and {sides["P"], sides["Q"]} == {"Norvex", "Talmar"}
        assert (sides["p"] == "the maker") == (sides["P"] == "Norvex")
        assert (
            made("incountry", sides, r)
            and sides["incountry"] in sides["countries"]
            and sides["outcountry"] not in sides["countries"]
        )
    struck = {"usd": "[***]"}
    assert made("over", struck, random.Random(1)) and struck["over"] == "[***]"
    assert number_in("twelve days") == 12 and number_in("[*]") == 0 and dollars_in("ten euros") is None


def test_one_of_several_words_is_chosen() -> None:
    texts = {
        fill("a [green|blue] {usd} house[| today]", {}, random.Random(seed)).replace(",", "") for seed in range(60)
    }
    assert all("[" not in text and ("green" in text) != ("blue" in text) for text in texts)
    ask = Ask(("How long?",), "{days}", "")
    given = {"days": "10 days"}
    assert locate("Pay in 10 days. Then rest.", ask, given, random.Random(1)) == ((0, 15), (7, 14))


def test_neighbouring_keys_are_often_twins() -> None:
    twins = 0
    for seed in range(40):
        found = keys("code", 8, random.Random(seed))
        assert len(set(found)) == len(found)
        twins += sum(
            len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 1 for a, b in pairwise(found)
        )
    assert twins > 40


def test_keywords_keep_what_is_asked_and_of_what() -> None:
    assert keywords("What is the phone number of Anna Reyes?") == "phone number Anna Reyes"
    assert keywords("How long does the catalyst keep after opening?") == "duration catalyst keep after opening"
    assert keywords("When was this made?") == "When was this made?"
    assert keywords("We pay. Who owns it then?") == "We pay. Who owns it then?"
    assert keywords("badge of Anna") == "badge of Anna"
