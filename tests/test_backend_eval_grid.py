"""The grid on a scripted backend: who reads what, resuming, conversation, rereading, and the retrieval rival."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sparse_backend.eval.case import Case, EvalError, Place, Question, number
from sparse_backend.eval.grid import Examiner, Grid, paragraphs
from sparse_backend.eval.ledger import Ledger
from sparse_backend.eval.rival import CHUNK, OVERLAP, Index, chunks
from sparse_backend.eval.settings import Setting, dense_setting, level_setting, rival_setting
from sparse_backend.eval.suites.registry import chosen
from tests.eval_backend import ScriptedBackend, chat


def keeper(text: str, question: str, setting: Setting) -> str:
    """Answers with the number that stands in the sentence about the question's place; blind under “fast”."""
    place = re.search(r"(?:to|in|of) ((?:[A-Z]\w+ ?)+)", question)
    assert place is not None
    if setting.name == "fast":
        return "I do not know."
    sentence = re.search(rf"[^.]*\b{place[1].strip()}\b[^.]*", text.replace("\n", " "))
    return re.findall(r"\d{5}", sentence.group())[0] if sentence else "Not stated."


def grid(*settings: Setting, samples: int = 1, conversation: bool = False) -> Grid:
    return Grid(tuple(chosen(["needle"])), (3000, 6000), (0.2, 0.8), samples, 7, settings, conversation)


def test_every_cell_is_asked_once_under_every_setting(tmp_path: Path) -> None:
    backend = ScriptedBackend(keeper)
    ledger = Ledger.open(tmp_path, {}, {})
    Examiner(backend, chat()).run(grid(dense_setting(), level_setting("headers", "fast")), ledger, commit="abc")
    assert len(backend.reads) == 2 * 2 * 2
    assert backend.held == 0
    assert {(row["setting"], row["score"]) for row in ledger.rows} == {("dense", 1.0), ("fast", 0.0)}
    assert {(row["tokens"], row["asked_depth"]) for row in ledger.rows} == {
        (tokens, depth) for tokens in (3000, 6000) for depth in (0.2, 0.8)
    }
    first = [row for row in ledger.rows if row["question"] == 1]
    assert all(row["at"] == pytest.approx(row["asked_depth"], abs=0.1) for row in first)
    assert all(row["context"] <= row["tokens"] and row["read_s"] == 1.5 and row["commit"] == "abc" for row in first)


def test_settings_of_a_cell_read_the_same_text(tmp_path: Path) -> None:
    backend = ScriptedBackend(keeper)
    Examiner(backend, chat()).run(
        grid(dense_setting(), level_setting("headers", "fast")), Ledger.open(tmp_path, {}, {})
    )
    texts = [text for _, text, _ in backend.reads]
    assert texts[0::2] == texts[1::2]
    assert len(set(texts)) == 4


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    asked = 0

    def dies(text: str, question: str, setting: Setting) -> str:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise KeyboardInterrupt
        return keeper(text, question, setting)

    wanted = grid(dense_setting())
    with pytest.raises(KeyboardInterrupt):
        Examiner(ScriptedBackend(dies), chat()).run(wanted, Ledger.open(tmp_path, {}, {}))
    backend = ScriptedBackend(keeper)
    ledger = Ledger.open(tmp_path, {}, {})
    Examiner(backend, chat()).run(wanted, ledger)
    assert len(backend.reads) == 3  # of 4; the first was finished, the second was half done
    assert len(ledger.rows) == 8
    again = ScriptedBackend(keeper)
    Examiner(again, chat()).run(wanted, Ledger.open(tmp_path, {}, {}))
    assert again.reads == []


def test_anchors_lie_on_headings(tmp_path: Path) -> None:
    backend = ScriptedBackend(keeper)
    examiner = Examiner(backend, chat())
    case = Case("x", "1. Title\n\nsome words\n\n2. Other", (Place(0, 8), Place(22, 30)), ())
    held = examiner.hold(case, dense_setting())
    ids, anchors = held.handle[1], backend.reads[0][2]
    marked = chat().decode([ids[index] for index in anchors])
    assert "1. T" in marked and "2. O" in marked and "some" not in marked


def test_a_conversation_carries_earlier_answers_and_single_questions_do_not() -> None:
    for conversation in (True, False):
        backend = ScriptedBackend(keeper)
        examiner = Examiner(backend, chat())
        case = examiner.case(chosen(["needle"])[0], 1200, 0.5, 0, 0)
        rows = examiner.examine(case, dense_setting(), conversation=conversation)
        assert len(backend.reads) == 1
        assert (rows[0]["answer"] in backend.tails[1]) is conversation


def test_reread_passages_stand_before_the_question_asked_again() -> None:
    backend = ScriptedBackend(lambda text, question, setting: "12345")
    backend.looks_at = "The secret is 12345."
    body = "\n\n".join(["First paragraph here.", "The secret is 12345.", "Last paragraph here.", "And one more."])
    case = Case("x", body, (), (Question("What is the secret?", ((number(12345),),)),))
    setting = Setting("reread", dense_setting().schedule, reread=1)
    (row,) = Examiner(backend, chat()).examine(case, setting)
    assert len(backend.tails) == 2
    assert "secret" not in backend.tails[0].split("Question:")[0]
    assert "Passages:\nThe secret is 12345.\n" in backend.tails[1]
    assert "paragraph" not in backend.tails[1]
    assert row["total_s"] == 1.0 and row["first_token_s"] == 0.75


def test_what_dense_cannot_hold_is_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backend = ScriptedBackend(keeper, limit=5000)
    ledger = Ledger.open(tmp_path, {}, {})
    Examiner(backend, chat()).run(grid(dense_setting(), level_setting("headers", "fast")), ledger)
    assert {(row["setting"], row["tokens"]) for row in ledger.rows} == {("dense", 3000), ("fast", 3000), ("fast", 6000)}
    assert "dense is left out at 6,000 tokens: 6,000 tokens are too many." in capsys.readouterr().err
    with pytest.raises(EvalError, match="No setting reads 6,000 tokens"):
        Examiner(backend, chat()).run(grid(dense_setting()), ledger)


def test_paragraphs_cover_every_word() -> None:
    text = "one\n\ntwo two\n\n\n\nthree"
    assert [text[place.start : place.end] for place in paragraphs(text)] == ["one", "two two", "three"]
    assert len(paragraphs("## a\nb\nc\nd\ne")) == 5


# -- the rival -----------------------------------------------------------------


class WordEmbedder:
    """Two texts are alike as far as they share words."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}

    def parts(self, text: str) -> list[str]:
        """Halves, so that a chunk has several parts."""
        return [text[: len(text) // 2], text[len(text) // 2 :]]

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Counts of words, normalised; 4,096 dimensions are enough for the words of a test."""
        vectors = torch.zeros(len(texts), 4096)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text):
                vectors[row, self._words.setdefault(word, len(self._words)) % 4096] += 1
        return torch.nn.functional.normalize(vectors, dim=-1)


@pytest.mark.parametrize("n", [1, 64, 511, 512, 513, 960, 961, 5000])
def test_chunks_cover_all_tokens_with_overlap(n: int) -> None:
    found = chunks(n)
    assert found[0][0] == 0 and found[-1][1] == n
    assert all(stop - start <= CHUNK for start, stop in found)
    assert all(after[0] == before[1] - OVERLAP for before, after in pairwise(found))


def test_the_rival_finds_the_chunk_that_shares_the_questions_words() -> None:
    text = "filler words only. " * 600 + "The zebra sleeps in Narnia. " + "other words still. " * 600
    encoding = chat().encode(text)
    index = Index(text, encoding, WordEmbedder())
    tokens = index.find("Where sleeps the zebra?", 1)
    assert tokens == sorted(set(tokens)) and len(tokens) <= CHUNK
    found = text[encoding.offsets[tokens[0]][0] : encoding.offsets[tokens[-1]][1]]
    assert "zebra sleeps in Narnia" in found
    assert len(index.find("Where?", 10_000)) == len(encoding.token_ids)


def test_the_rival_reads_chunks_only_and_anew_for_each_question() -> None:
    backend = ScriptedBackend(keeper)
    examiner = Examiner(backend, chat(), WordEmbedder)
    case = examiner.case(chosen(["needle"])[0], 6000, 0.5, 0, 0)
    rows = examiner.examine(case, rival_setting(2))
    assert len(backend.reads) == len(case.questions) == len(rows)
    assert backend.held == 0
    assert all(row["context"] < 2 * CHUNK + 200 for row in rows)
    assert all(row["score"] == 1.0 for row in rows)
