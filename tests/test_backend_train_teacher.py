"""A teacher's questions: spans that can be asked for, what is kept, going on after a stop, and use on windows."""

from __future__ import annotations

import json
import lzma
import random
from pathlib import Path
from typing import Any

import pytest

from sparse_backend.train.teacher import teach
from sparse_backend.train.texts.corpus import Corpus, Text, cut
from sparse_backend.train.texts.manuals import manual
from sparse_backend.train.texts.page import NOT_STATED
from sparse_backend.train.texts.spans import Choice, choices, passages
from sparse_backend.train.texts.taught import Taught
from sparse_backend.train.texts.teaching import Candidate, agrees, candidates, clean, replied, sound

PASSAGE = (
    "Workers report to the coordinator every 45 seconds over a secure link that is kept open. When the link breaks, "
    "the coordinator waits for them. The retry limit defaults to 12 attempts and is read when the service starts.\n\n"
)


class Parrot:
    """Asks for the topic of a sentence in fixed words and answers with the passage's own figure."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def write(self, asked: list[tuple[str, str, str]]) -> list[str]:
        self.asked += [answer for _, answer, _ in asked]
        return [f"Question: What do they say here about case {answer[::-1]} of it all?" for _, answer, _ in asked]

    def reply(self, pairs: list[tuple[str, str]]) -> list[str]:
        return [question.split("case ")[1].split(" of it")[0][::-1] for _, question in pairs]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    lines = [
        json.dumps({"source": f"s{i % 2}", "kind": "prose", "path": f"{i}.txt", "headers": [],
                    "text": PASSAGE.replace("45", str(100 + i)).replace("12", str(20 + i)) * 6})
        for i in range(6)
    ]  # fmt: skip
    path = tmp_path / "corpus.jsonl.xz"
    path.write_bytes(lzma.compress("\n".join(lines).encode()))
    return path


def quiet(_: dict[str, Any]) -> None:
    """Says nothing."""


def candidate(answer: str, sentence: str) -> Candidate:
    text = Text("s", "prose", "p", sentence, ())
    at = sentence.index(answer)
    return Candidate(text, Choice("number", at, at + len(answer), 0, len(sentence)), sentence, sentence, "")


def test_passages_are_prose_and_spans_stand_in_them() -> None:
    text = "| a | b |\n|---|---|\n\n" + PASSAGE * 3 + "x = 1\ny = 2\n"
    found = passages(text)
    assert found
    for low, high in found:
        for choice in choices(text, low, high, random.Random(1), 6):
            assert low <= choice.start < choice.end <= high
    kinds = {choice.kind: text[choice.start : choice.end] for choice in choices(text, *found[0], random.Random(2), 9)}
    assert kinds["number"] in ("45 seconds", "12") and kinds["default"] == "12 attempts"


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("How often do the helpers check in with their boss?", True),
        ("How often do they report, every 45 seconds or less?", False),
        ("What does the sentence say about workers and time?", False),
        ("How often?", False),
        ("The workers report to the coordinator all the time.", False),
        ("Is it true that workers report to the coordinator every now and then?", True),
        (
            "Is it so that workers report to the coordinator every so often, over a secure link that is kept open?",
            False,
        ),
    ],
)
def test_questions_must_be_questions_and_not_hold_their_answer(question: str, kept: bool) -> None:
    one = candidate(
        "45 seconds", "Workers report to the coordinator every 45 seconds over a secure link that is kept open."
    )
    assert sound(question, one) == kept


def test_replies_must_hold_the_span_and_little_else() -> None:
    one = candidate("45 seconds", "Workers report every 45 seconds.")
    assert agrees("Every 45 seconds.", one) and not agrees("Every 30 seconds.", one) and not agrees("not stated", one)
    assert not agrees("45 seconds " + "and so on " * 9, one)
    phrase = candidate("because the disk would fill up quickly", "It stops because the disk would fill up quickly.")
    assert agrees("The disk would fill up.", phrase) and not agrees("The network fails.", phrase)


def test_a_reply_in_the_sentences_own_words_is_an_answer_too() -> None:
    one = candidate("45 seconds", "Workers report every 45 seconds to the build coordinator.")
    other = replied("The build coordinator.", one) or replied("the build coordinator.", one)
    assert other and other.answer == "the build coordinator" and other.choice.kind == "reply"
    assert (
        replied("the boss", one) is None and replied("to", one) is None and replied("workers report soon", one) is None
    )


def test_only_the_first_line_is_the_question() -> None:
    assert clean('  "What is it?"\nAnswer: 4') == clean("Question: What is it?\n4") == "What is it?"


def test_sources_take_turns_and_a_stopped_run_goes_on(file: Path, tmp_path: Path) -> None:
    corpus = Corpus.load(file)
    order = [one.text.source for one in candidates(corpus, 1)]
    assert set(order) == {"s0", "s1"} and order != sorted(order)
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    many = teach(Parrot(), corpus, whole, seconds=60, batch=4, seed=1, say=quiet)
    stopped = teach(Parrot(), corpus, parts, seconds=0, batch=1, seed=1, say=quiet)
    teacher = Parrot()
    assert stopped == 0
    teach(teacher, corpus, parts, seconds=60, batch=4, seed=1, say=quiet)
    lines = [json.loads(line) for line in whole.read_text().splitlines()]
    assert len(lines) == many > 4 and whole.read_text() == parts.read_text()
    assert teach(teacher, corpus, parts, seconds=60, batch=4, seed=1, say=quiet) == many
    texts = {(text.source, text.path): text.text for text in corpus.prose}
    for line in lines:
        text = texts[line["source"], line["path"]]
        assert " ".join(text[line["start"] : line["end"]].split()) == line["answer"]
        assert line["low"] <= line["start"] < line["end"] <= line["high"]


def test_a_run_that_was_killed_leaves_no_question_twice_and_no_half_line(file: Path, tmp_path: Path) -> None:
    """Killed while it wrote a line, before it noted what was tried."""
    corpus, whole, parts = Corpus.load(file), tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    many = teach(Parrot(), corpus, whole, seconds=60, batch=4, seed=1, say=quiet)
    lines = whole.read_text().splitlines(keepends=True)
    parts.write_text("".join(lines[:3]) + lines[3][:20])
    assert teach(Parrot(), corpus, parts, seconds=60, batch=4, seed=1, say=quiet) == many
    assert parts.read_text() == whole.read_text()


def test_windows_keep_the_questions_whose_passage_is_in_them() -> None:
    text = Text(
        "s",
        "prose",
        "p",
        "line one\n" * 40,
        (),
        (Taught("Why?", "reason", 100, 108, 90, 117), Taught("Who?", "name", 9, 13, 0, 18)),
    )
    assert [one.question for one in cut(text, 45, 200).taught] == ["Why?"]
    assert text.text[100:108] == cut(text, 45, 200).text[55:63] and cut(text, 45, 200).taught[0].start == 55


def test_a_manual_asks_what_was_taught_and_refuses_what_another_part_holds(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "taught.jsonl"
    teach(Parrot(), Corpus.load(file), out, seconds=60, batch=4, seed=1, say=quiet)
    corpus = Corpus.load(file, taught=(out,))
    assert corpus.asked
    taught = 0
    for seed in range(20):
        page = manual(random.Random(seed), corpus, 1500, 20)
        for one in page.asked:
            if one.family == "taught":
                taught += 1
                assert one.quote and one.focus and one.quote[0] <= one.focus[0] < one.quote[1]
                words = page.text[one.focus[0] : one.focus[1]].split()
                assert " ".join(words).lower().startswith(one.answer.lower()[:5])
            elif one.family == "refusal taught":
                assert one.answer == NOT_STATED and one.quote is None
    assert taught > 5
