"""Filler of support sessions: small talk about appliances between a customer and agents, made from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from sparse_backend.eval.weave import Piece

AGENTS = ("Ivo", "Sanna", "Marta", "Deniz", "Paula", "Henrik")
TOPICS = (
    "the washing machine", "the tumble dryer", "the dishwasher", "the oven", "the freezer", "the coffee machine",
    "the air purifier", "the vacuum robot", "the cooker hood",
)  # fmt: skip
COMPLAINTS = (
    "it makes a humming sound when it starts", "the display stays dark for a while", "the door closes badly",
    "the programme stops halfway", "there is a smell of rubber", "the lamp inside flickers", "it beeps twice at night",
    "water stays in the bottom", "the app does not find it",
)  # fmt: skip
ADVICE = (
    "please clean the filter and start the short programme once", "try another socket, without an extension lead",
    "hold the power button until the lamp goes out", "check that the hose is not bent",
    "leave the door open for an hour after use", "wipe the sensor with a dry cloth",
    "the manual describes it in the chapter on care", "start the self-test from the menu",
)  # fmt: skip
THANKS = (
    "Thank you, I will try that this evening.", "That helped, it runs again.", "Good, I did that already once.",
    "I see. I will write again if it comes back.", "Fine. My neighbour had the same trouble, by the way.",
    "All right, and sorry for the many messages.",
)  # fmt: skip


def opening(number: int, day: date, agent: str) -> str:
    """The heading line of a session."""
    return f"## Session {number} — {day.isoformat()} — agent {agent}"


def first_day(random: Random) -> date:
    """When a customer's history starts."""
    return date(2022, 1, 10) + timedelta(days=random.randint(0, 90))


def sessions(random: Random) -> Iterator[Piece]:
    """Sessions of three to six exchanges, each under its heading, without end."""
    day, number = first_day(random), 0
    while True:
        number += 1
        day += timedelta(days=random.randint(4, 20))
        agent, topic = random.choice(AGENTS), random.choice(TOPICS)
        yield Piece(opening(number, day, agent), header=True)
        for _ in range(random.randint(3, 6)):
            yield Piece(
                f"Customer: About {topic}: {random.choice(COMPLAINTS)}.\n"
                f"Agent: Sorry to hear that; {random.choice(ADVICE)}.\n"
                f"Customer: {random.choice(THANKS)}"
            )
