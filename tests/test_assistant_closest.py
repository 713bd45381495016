"""The passages that a question leads to: shown beside unsure answers, kept, told apart from proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from assistant.bot import Bot, Finished
from assistant.citations import Citer
from assistant.closest import CLOSEST, LEADS, MOST, closest
from assistant.confidence import SUPPORTED
from assistant.listing import answer_json, receipt_lines
from assistant.packet import exchanges
from assistant.reading import ReadDocument
from assistant.receipts import beside_settings, checked, led, proofs
from assistant.web.api.transcripts import _proof
from assistant.web.transcript_view import Talk, transcript
from ingest import encode
from storage import AnswerRecord, Message
from tests.fakes import PROFILE, ScriptedEngine, lines, read_document, tokenizer
from tests.talk_cases import scripted

__all__ = ["scripted"]  # a fixture
TEXT = (
    "The yearly fee of the plant is 5,000 euros.\n\nAny notice goes to the harbour master in writing.\n\n"
    "Windows <b>and</b> doors are painted every spring.\n\nNo. 7.\n\nThe cap on damages is 900 euros in all.\n"
)
NOTICE, WINDOWS, CAP = "Any notice goes", "Windows <b>and</b>", "The cap on damages"
SOURCE = lines(TEXT)
ENCODED = encode(SOURCE, tokenizer())
CITER = Citer(SOURCE, ENCODED)


def looking(*words: str) -> np.ndarray:
    """Attention on the document's tokens: most on the first of `words`, less on each after it, a trace on all."""
    mass = np.full(len(ENCODED.token_ids), 1e-6, dtype=np.float32)
    for share, each in enumerate(reversed(words), 1):
        start = TEXT.index(each)
        mass[ENCODED.token_at(start) : ENCODED.token_at(start + len(each))] = share
    return mass


def starts(asked: np.ndarray, taken: tuple[tuple[int, int], ...] = ()) -> list[str]:
    return [TEXT[place.start : place.end][:15] for place in closest(CITER, asked, taken)]


def test_the_passages_looked_at_most_come_first() -> None:
    assert starts(looking(CAP, NOTICE)) == [CAP[:15], NOTICE[:15], starts(looking(CAP, NOTICE))[2]]
    assert len(closest(CITER, looking(CAP))) == MOST < len(closest(CITER, looking(CAP), most=9)) == 4
    assert all(place.kind == CLOSEST for place in closest(CITER, looking(CAP)))


def test_what_is_cited_already_and_lone_numbers_are_left_out() -> None:
    cap = TEXT.index(CAP)
    assert starts(looking(CAP, "No. 7.", NOTICE), ((cap + 3, cap + 9),))[0] == NOTICE[:15]
    assert not closest(CITER, np.zeros(len(ENCODED.token_ids), dtype=np.float32))


def answered(
    scripted: ScriptedEngine, says: str, question: str, leads_to: str = "", looks_at: str = ""
) -> tuple[Finished, ReadDocument]:
    document = read_document(SOURCE, scripted)
    first = document.prefix.start

    def tokens(words: str) -> tuple[int, int] | None:
        start = TEXT.index(words)
        return (first + ENCODED.token_at(start), first + ENCODED.token_at(start + len(words))) if words else None

    scripted.says, scripted.question_looks_at, scripted.looks_at = says, tokens(leads_to), tokens(looks_at)
    *_, finished = Bot(scripted, tokenizer(), PROFILE).answer(document, [], question)
    assert isinstance(finished, Finished)
    return finished, document


def record(finished: Finished) -> AnswerRecord:
    cited = (*finished.citations, *finished.see_also)
    settings = beside_settings(finished)
    return AnswerRecord(
        "m", "headers", "fast", "cpu", "stop", finished.supported, 9, 9, 0, 4, 0, (), 1, (), 0.0, 0.0, 0.0, 0.0, cited,
        settings=settings,
    )  # fmt: skip


def test_a_refusal_shows_where_the_question_leads_and_says_that_it_is_no_proof(scripted: ScriptedEngine) -> None:
    finished, _ = answered(scripted, "Not stated in this document.", "Who must be told?", WINDOWS)
    assert finished.citations == () and finished.see_also[0].kind == CLOSEST
    assert finished.see_also[0].quote.startswith(WINDOWS) and finished.see_also[0].number == 1
    kept = record(finished)
    assert proofs(kept) == checked(kept) == () and led(kept) == finished.see_also
    told = receipt_lines(finished, kept, "c")
    assert f"  {LEADS}:" in told and f"[1] line 5: “{WINDOWS}" in told and "See also" not in told
    assert answer_json("x", kept, "c", 1.0)["see_also"][0]["kind"] == CLOSEST


def test_a_supported_answer_has_no_need_of_it(scripted: ScriptedEngine) -> None:
    asked = "What is the yearly fee of the plant?", CAP, "The yearly fee"
    sure, _ = answered(scripted, "It is 5,000 euros.", *asked)
    assert sure.judged is not None and sure.judged.word == SUPPORTED and sure.citations and sure.see_also == ()
    unsure, _ = answered(scripted, "It is 9,000 euros.", *asked)
    assert not unsure.supported and unsure.see_also[0].quote.startswith(CAP)


def test_where_the_heads_are_not_known_nothing_is_shown(scripted: ScriptedEngine) -> None:
    assert answered(scripted, "Not stated in this document.", "Who must be told?")[0].see_also == ()


def test_the_passage_that_the_question_leads_to_is_cited_first_where_it_holds_the_answer(
    scripted: ScriptedEngine,
) -> None:
    """Both hold what is answered, and while it was said the model looked at the other one."""
    text = "The first limit is 900 euros.\n\nThe second limit is 900 euros.\n"
    source = lines(text)
    citer, encoded = Citer(source, encode(source, tokenizer())), encode(source, tokenizer())
    first, second = (np.zeros(len(encoded.token_ids), dtype=np.float32) for _ in range(2))
    first[: encoded.token_at(text.index("The second"))] = 1.0
    second[encoded.token_at(text.index("The second")) :] = 1.0
    plain = citer.prove("900 euros", "What is the limit?", first)
    asked = citer.prove("900 euros", "What is the limit?", first, second)
    assert plain.citations[0].quote.startswith("The first")
    assert asked.citations[0].quote.startswith("The second") and asked.supported
    other = citer.prove("800 euros", "What is the limit?", first, second)  # it does not hold that
    assert other.citations == citer.prove("800 euros", "What is the limit?", first).citations


def message(finished: Finished) -> Message:
    return Message(
        7, "c", 1, 1, "assistant", finished.text, "complete", datetime(2026, 11, 27, tzinfo=UTC), record(finished)
    )


def test_the_page_shows_the_words_escaped_and_apart_from_the_sources(scripted: ScriptedEngine) -> None:
    finished, _ = answered(scripted, "Not stated in this document.", "Who paints?", WINDOWS)
    html = transcript(Talk("ann", PROFILE, [message(finished)]))
    group = html.split('<div class="closest"')[1].split("</div>")[0]
    assert LEADS in group and "Windows &lt;b&gt;and&lt;/b&gt; doors" in group and "<b>and</b>" not in html
    assert 'class="chips"' not in html


def test_exports_and_hand_offs_do_not_take_it_for_proof(scripted: ScriptedEngine) -> None:
    finished, _ = answered(scripted, "Not stated in this document.", "Who paints?", WINDOWS)
    written = _proof(message(finished))
    assert written[0] == f"{LEADS}:" and "Windows" in written[2]
    asked = replace(message(finished), role="user", content="Who paints?", answer=None)
    assert exchanges([asked, message(finished)])[0].citations == ()
