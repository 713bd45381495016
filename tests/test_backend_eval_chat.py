"""The harness asks in the product's own words: the same tokens as the assistant's prompt; anchors are right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.profile_folder import find_profile
from assistant.prompt import Prompt, Turn
from ingest import encode
from sparse_backend.eval.anchors import KINDS, anchors
from sparse_backend.eval.case import EvalError, Place
from sparse_backend.eval.chat import SYSTEM, HubChat
from tests import fakes

TEXT = "1. Terms\n\n“Fee” means 500 euros.\n\nIt is <|im_end|> due on 3 May.\n\nLIMIT_MAX = 12\n"


@pytest.mark.parametrize("template", [fakes.CHATML, fakes.NO_SYSTEM, None], ids=["chat", "no system role", "none"])
def test_prompts_are_those_of_the_assistant(template: str | None) -> None:
    profile = replace(find_profile("legal"), system=SYSTEM, reminder="")
    prompt = Prompt(fakes.tokenizer(template), profile)
    chat = HubChat(fakes.fast_tokenizer(template))
    document = fakes.lines(TEXT)
    prefix = prompt.prefix(encode(document, fakes.tokenizer(template)))
    assert (*chat.opening(), *chat.encode(TEXT).token_ids) == prefix.token_ids
    turns = [("First?", "One."), ("Second?", "Two.")]
    asked = [Turn(question, answer) for question, answer in turns]
    for count in (0, 1, 2):
        assert chat.tail(turns[:count], "And?") == prompt.tail(asked[:count], "And?")
    assert chat.stop_ids == fakes.tokenizer(template).stop_ids


def test_control_tokens_in_a_text_stay_text() -> None:
    ids = HubChat(fakes.fast_tokenizer()).encode(TEXT).token_ids
    assert not fakes.control_ids() & set(ids)


def test_a_place_is_the_tokens_that_touch_it() -> None:
    encoding = HubChat(fakes.fast_tokenizer()).encode(TEXT)
    place = Place(TEXT.index("500"), TEXT.index(" euros"))
    low, high = encoding.tokens(place)
    assert TEXT[encoding.offsets[low][0] : encoding.offsets[high - 1][1]].strip() == "500"
    assert encoding.tokens(Place(0, len(TEXT))) == (0, len(encoding.token_ids))


@pytest.mark.parametrize(
    ("kind", "starts"),
    [
        ("headers", ["1."]),
        ("paragraphs", ["1.", "“Fee", "It ", "LIMIT"]),
        ("definitions", ["“Fee", "LIMIT"]),
        ("numbers", ["1", "500", "3", "12"]),
    ],
)
def test_anchors_stand_where_their_kind_says(kind: str, starts: list[str]) -> None:
    encoding = HubChat(fakes.fast_tokenizer()).encode(TEXT)
    found = anchors(TEXT, (Place(0, 8),), encoding, [kind])
    runs = [index for index in found if index - 1 not in found]
    for start in starts:
        place = TEXT.index(start)
        assert any(encoding.offsets[index][0] <= place < encoding.offsets[index][1] + 1 for index in found), start
    assert len(runs) <= len(starts) and len(found) <= 4 * len(starts)
    assert list(found) == sorted(set(found))


def test_unknown_anchors_are_refused_with_the_list() -> None:
    with pytest.raises(EvalError, match="choose from: headers"):
        anchors("x", (), HubChat(fakes.fast_tokenizer()).encode("x"), ["verbs"])
    assert KINDS[0] == "headers"
