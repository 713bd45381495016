"""Histories: a fact, its update, a promise and an absence in many sessions of one customer."""

from __future__ import annotations

from random import Random

from sparse_backend.eval.case import NOT_STATED, Case, Question, number, words
from sparse_backend.eval.filler_chat import sessions
from sparse_backend.eval.suites.names import CITIES, MONTHS, numbers
from sparse_backend.eval.weave import Insert, Measure, weave

NEVER = ("the warranty of a bicycle", "a loan", "tickets for a concert", "a garden hose", "a mobile phone contract")


def history(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """The promise stands at `depth`; the first address is outdated by a later one."""
    old, new = random.sample(CITIES, 2)
    (serial, other), (refund, fee) = numbers(random, 2), numbers(random, 2, 21, 199)
    day, month = random.randint(2, 28), random.choice(MONTHS)
    moved = random.random() * 0.6 + 0.4
    inserts = [
        _said(
            f"The serial number of my boiler is {serial}.",
            "Thank you, I have noted the boiler.",
            random.random(),
            "fact",
        ),
        _said(
            f"The serial number of my heat pump is {other}.",
            "Thank you, I have noted the heat pump.",
            random.random(),
            "other",
        ),
        _said(f"I live in {old}, in case you send somebody.", f"Noted: {old}.", random.random() * moved, "old"),
        _said(f"We have moved from {old} to {new} last week.", "I have changed the address.", moved, "new"),
        _said(
            "What happens about the broken shelf?",
            f"I promise that we will refund {refund} euros for the shelf by {day} {month}.",
            depth,
            "promise",
        ),
        _said("And the visit last month?", f"The visit cost {fee} euros, as agreed.", random.random(), "fee"),
    ]
    woven = weave(sessions(random), inserts, tokens, measure, "\n")
    asked = (
        Question(
            "How many euros did the agent promise to pay back for the broken shelf?",
            ((number(refund),),),
            (number(fee),),
            (woven.places["promise"],),
            kind="promise",
        ),
        Question(
            "What is the serial number of the customer's boiler?",
            ((number(serial),),),
            (number(other),),
            (woven.places["fact"],),
            kind="fact",
        ),
        Question(
            "In which city does the customer live now?",
            ((words(new),),),
            (rf"\b(?:in|at) {old}\b(?!.*\bto\b)",),
            (woven.places["new"],),
            kind="update",
        ),
        Question(
            f"When did the customer ask about {random.choice(NEVER)}?",
            ((NOT_STATED, r"\bnever\b|\bno\b[^.]{0,20}\bask|n['’]t ask|not ask"),),
            (r"\bsession \d",),
            kind="absent",
        ),
    )
    return Case("history", woven.text, woven.headers, asked, depth)


def _said(customer: str, agent: str, depth: float, label: str) -> Insert:
    return Insert(f"Customer: {customer}\nAgent: {agent}", depth, label)
