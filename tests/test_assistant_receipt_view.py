"""The receipt: what was read, how the model looked, how long it took; every figure comes from the record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.web.receipt_view import figures, receipt, receipt_html
from storage import AnswerRecord

RECORD = AnswerRecord(
    model="tiny", pattern="headers", level="balanced", impl="cpu", finish_reason="stop", supported=True, tokens=1200,
    tokens_read=1200, cached_tokens=1100, generated_tokens=5, pages=118, pages_unread=(7, 8, 91), files=1,
    files_unread=(), parse_s=0.1, read_s=0.2, first_token_s=0.3, total_s=0.7, citations=(),
    settings=(("context_tokens", "1300"), ("exact", "yes"), ("looked_at", "0")),
)  # fmt: skip


def test_the_line_tells_coverage_timings_and_pattern() -> None:
    line = receipt(RECORD)
    assert "Read 115 of 118 pages, 1,200 of 1,200 tokens. Not read (no text on the page): p. 7, 8, 91." in line
    assert "First word after 0.3 s; 1,100 tokens came from the cache. tiny, headers/balanced." in line


@pytest.mark.parametrize(("finish", "words"), [("length", "length limit"), ("repeat", "repeated itself"), ("stop", "")])
def test_an_answer_cut_short_says_why(finish: str, words: str) -> None:
    line = receipt(replace(RECORD, finish_reason=finish))
    assert words in line
    assert ("The answer" in line) == bool(words)


def test_the_figures_behind_it() -> None:
    told = dict(figures(RECORD))
    assert told["Pages without text"] == "3 not read: p. 7, 8, 91"
    assert told["Attention"] == "exact: each word looked at all 1,300 tokens before it"
    assert told["Answer"] == "5 tokens in 0.70 s, 10.0 tokens/s after the first"
    chosen = (("context_tokens", "15000"), ("exact", "no"), ("looked_at", "4126"))
    told = dict(figures(replace(RECORD, settings=chosen, tokens_read=600, generated_tokens=1)))
    assert told["Attention"] == "selected: each word looked at 4,126 of 15,000 tokens (28%), which it chose"
    assert told["Tokens"] == "600 of 1,200 read"
    assert "tokens/s" not in told["Answer"]


def test_files_left_out_are_listed_with_their_reasons_and_escaped() -> None:
    many = tuple((f"<b>{number}</b>.bin", "binary data") for number in range(500))
    html = receipt_html(replace(RECORD, files_unread=many))
    assert "&lt;b&gt;0&lt;/b&gt;.bin: binary data" in html
    assert "and 300 more" in html
    assert "<b>" not in html
