"""Figures of answers for those who look after an organisation, and marks that change when something does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from storage import AnswerRecord, NotFoundError, Store
from storage.records import NotAllowedError
from storage.records_signals import Reading
from tests.signal_cases import LOOK, NOW, today

ANSWER = AnswerRecord(
    model="m", pattern="headers", level="fast", impl="cpu", finish_reason="stop", supported=True, tokens=300,
    tokens_read=300, cached_tokens=280, generated_tokens=5, pages=2, pages_unread=(), files=1, files_unread=(),
    parse_s=0.1, read_s=0.2, first_token_s=0.3, total_s=0.4, citations=(),
    settings=(("context_tokens", "310"), ("looked_at", "310"), ("refused", "no")),
)  # fmt: skip


@pytest.fixture
def house(store: Store) -> Store:
    for organisation in ("acme", "zeta"):
        store.accounts.create_organisation(organisation, organisation_id=organisation)
    for organisation, name, role in (
        ("acme", "boss", "admin"), ("acme", "kim", "agent"), ("acme", "ann", "member"), ("zeta", "zoe", "agent"),
    ):  # fmt: skip
        store.accounts.add_user(organisation, name, role=role)
    return store


def answered(store: Store, user: str = "ann", record: AnswerRecord | None = ANSWER, status: str = "complete") -> int:
    talk = store.create_conversation(user, "legal", "t").id
    store.append(user, talk, "user", "secret question")
    answer = store.begin_answer(user, talk).id or 0
    store.finish_answer(user, answer, "secret answer", status, record)
    return answer


def test_figures_are_of_the_own_organisation_and_for_agents_only(house: Store) -> None:
    answered(house)
    answered(house, record=None, status="error")
    house.append("ann", house.create_conversation("ann", "legal", "t").id, "assistant", "said by a rule, not computed")
    complete, failed = house.signals.answers("kim", *today())
    assert (complete.context, complete.cached, complete.looked_at, complete.refused) == (310, 280, 310, False)
    assert (complete.bot, complete.first_token_s, complete.total_s, complete.generated) == ("legal", 0.3, 0.4, 5)
    assert (failed.status, failed.supported, failed.refused, failed.look) == ("error", False, None, None)
    assert "secret" not in repr((complete, failed))
    assert len(house.signals.answers("boss", *today())) == 2 and house.signals.answers("zoe", *today()) == []
    with pytest.raises(NotAllowedError):
        house.signals.answers("ann", *today())
    assert house.signals.answers("kim", NOW - timedelta(days=9000), NOW - timedelta(days=8000)) == []


def test_a_second_look_is_kept_with_its_answer_and_goes_with_it(house: Store) -> None:
    answer = answered(house)
    house.signals.note_look("ann", answer, replace(LOOK, same=False))
    house.signals.note_look("ann", answer, LOOK)
    (row,) = house.signals.answers("kim", *today())
    assert row.look == LOOK
    assert [value for kind, value in house.privacy.export("ann") if kind == "second_look"] == [LOOK]
    for user, message in (("zoe", answer), ("ann", answer - 1)):  # somebody else's, and a question
        with pytest.raises(NotFoundError):
            house.signals.note_look(user, message, LOOK)
    house.privacy.erase("ann")
    assert house.signals.answers("kim", *today()) == []
    assert house.verify().problems == ()


def test_readings_thumbs_and_hand_offs(house: Store) -> None:
    reading = Reading(NOW, "legal", 300, 200, 1.5, 0.2)
    house.signals.note_reading(reading)
    assert house.signals.readings("zoe", NOW, NOW + timedelta(seconds=1)) == [reading]
    with pytest.raises(NotAllowedError):
        house.signals.readings("ann", NOW, NOW + timedelta(seconds=1))
    answered(house)
    talk = house.conversations("ann")[0].id
    house.give_feedback("ann", talk, 1, -1, "wrong")
    (thumb,) = house.signals.feedback("kim", *today())
    assert (thumb.bot, thumb.thumb) == ("legal", -1) and house.signals.feedback("zoe", *today()) == []
    house.hand_offs.request("ann", talk, "person", "{}")
    (waiting,) = house.signals.hand_offs("kim", *today())
    assert (waiting.state, waiting.reason, waiting.taken_at) == ("waiting", "person", None)
    assert house.signals.hand_offs("zoe", *today()) == []
    assert house.signals.handed_off() == {"waiting": 1, "human": 0, "closed": 0}


def test_marks_change_exactly_when_something_does(house: Store) -> None:
    talk = house.create_conversation("ann", "legal", "t").id
    pulse = house.pulse
    assert pulse.of_conversation("ann", talk) == pulse.of_conversation("ann", talk)
    before, inbox = pulse.of_conversation("ann", talk), pulse.of_inbox("kim")
    house.append("ann", talk, "user", "a person, please")
    assert pulse.of_conversation("ann", talk) != before and pulse.of_inbox("kim") == inbox
    number = house.hand_offs.request("ann", talk, "person", "{}").id
    seen = [pulse.of_inbox("kim")]
    before = pulse.of_hand_off("kim", number)
    house.hand_offs.take("kim", number)
    seen.append(pulse.of_inbox("kim"))
    assert pulse.of_hand_off("kim", number) != before
    before, customer = pulse.of_hand_off("kim", number), pulse.of_conversation("ann", talk)
    house.hand_offs.reply("kim", number, "Hello")
    assert pulse.of_hand_off("kim", number) != before and pulse.of_conversation("ann", talk) != customer
    assert pulse.of_inbox("kim") == seen[-1]
    house.hand_offs.release("kim", number)
    seen.append(pulse.of_inbox("kim"))
    house.hand_offs.take("kim", number)
    house.hand_offs.close("kim", number)
    seen.append(pulse.of_inbox("kim"))
    assert len(set(seen)) == 4 and seen[-1] == inbox
    with pytest.raises(NotFoundError):
        pulse.of_hand_off("zoe", number)
    with pytest.raises(NotFoundError):
        pulse.of_conversation("zoe", talk)
    with pytest.raises(NotAllowedError):
        pulse.of_inbox("ann")
