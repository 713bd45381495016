"""`python -m assistant.bench_history`: a customer of 60 sessions, facts planted in four of them, asked with any model.

The history is generated from a seed and goes the way of every other: imported into the store, each session read, asked
through the support bot. Told are the share answered, whether the right session is cited, and the time to the first
token of each next turn with everything cached.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from assistant.handover import HandedOff
from assistant.history_file import import_history
from assistant.service import Service
from assistant.service_options import EMBEDDED, ServiceOptions
from sparse_backend.eval.filler_chat import ADVICE, AGENTS, COMPLAINTS, THANKS, TOPICS, first_day
from sparse_backend.eval.suites.names import CITIES, numbers

USER, BOT = "bench", "support"


def history(seed: int, sessions: int, exchanges: int) -> tuple[dict[str, Any], list[tuple[int, str, str, date]]]:
    """The import file's object; of each fact in it its session, a question, what a right answer matches, its day."""
    random = Random(seed)  # noqa: S311  # texts, no secrets
    serial, refund, meter, order = numbers(random, 4)
    city = random.choice(CITIES)
    facts = {
        1: (f"The serial number of my boiler is {serial}.", "Thank you, I have noted the boiler."),
        20: ("What happens about the broken shelf?", f"I promise that we will refund {refund} euros for the shelf."),
        40: (f"We have moved to {city}, please note it.", f"I have changed your address to {city}."),
        60: (f"When I looked, the gas meter showed {meter} units.", f"Noted: {meter} units on the gas meter."),
    }
    asked = [
        (1, "What is the serial number of the customer's boiler?", str(serial)),
        (20, "How many euros did the agent promise to refund for the broken shelf?", str(refund)),
        (40, "To which city has the customer moved?", re.escape(city)),
        (60, "How many units did the gas meter show?", str(meter)),
    ]
    day, found, days = first_day(random), [], dict[int, date]()
    for number in range(1, sessions + 1):
        day += timedelta(days=random.randint(4, 20))
        topic = random.choice(TOPICS)
        said = [(f"About {topic}: {random.choice(COMPLAINTS)}.", f"Sorry to hear that; {random.choice(ADVICE)}.")]
        for _ in range(exchanges):
            said.append((f"{random.choice(THANKS)} Only, {random.choice(COMPLAINTS)}.", f"{random.choice(ADVICE)}."))
        if number in facts:
            said.insert(len(said) // 2, facts[number])
        agent, days[number] = random.choice(AGENTS), day
        texts = [(role, text) for pair in said for role, text in zip(("customer", "agent"), pair, strict=True)]
        messages = [
            {"role": role, "content": text, "at": f"{day.isoformat()}T10:{minute:02}:00+00:00"}
            for minute, (role, text) in enumerate(texts)
        ]
        found.append({"started_at": messages[0]["at"], "agent": agent, "messages": messages})
    there = [(*one, days[one[0]]) for one in asked if one[0] in days]  # a short history holds fewer facts
    return {"customer": f"Order {order}", "agent": "Ivo", "sessions": found}, there


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Imports, reads and asks; one row for each question."""
    service = Service(ServiceOptions(folder, model=options.model, bot=BOT, level=options.level, impl=options.impl))
    value, asked = history(options.seed, options.sessions, options.exchanges)
    data = json.dumps(value).encode()
    past = import_history(service.store, data, "history.json", user=USER, bot=BOT)
    rows = []
    for number, question, pattern, day in [asked[0], *asked]:  # the first one reads everything, and warms up
        live = service.store.create_conversation(USER, BOT, "bench")
        begin = time.perf_counter()
        document = service.reading(live).result()
        opened = time.perf_counter() - begin
        text, handed = "", False
        for event in service.chat_of(live).ask(USER, live.id, question, document):
            handed = handed or isinstance(event, HandedOff)
            text = getattr(event, "text", text)
        message = service.store.messages(USER, live.id)[-1]
        answer = message.answer
        cited = [one.section for one in answer.citations] if answer else []
        rows.append(
            {
                "session": number,
                "right": bool(re.search(pattern, text.replace(",", ""))),
                "cited": any(f"of {day.day} {day:%B %Y}" in section for section in cited),
                "handed_off": handed,
                "open_s": round(opened, 3),
                "first_token_s": round(answer.first_token_s, 3) if answer else None,
                "cached": answer.cached_tokens if answer else None,
                "tokens": answer.tokens if answer else None,
                "answer": text[:200],
                "sections": cited,
            }
        )
        service.store.delete_conversation(USER, live.id)  # the next question must not find the answer there
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)  # noqa: T201  # a long run shows how far it is
    rest = rows[1:]
    return {
        "model": options.model,
        "level": options.level,
        "sessions": past.sessions,
        "messages": past.messages,
        "right": sum(row["right"] for row in rest),
        "cited": sum(row["right"] and row["cited"] for row in rest),
        "of": len(rest),
        "rows": rows,
    }


def main() -> None:
    """Prints a JSON object as its last line."""
    parser = argparse.ArgumentParser(prog="python -m assistant.bench_history", description=__doc__)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--level", default="auto")
    parser.add_argument("--impl", default="auto")
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--exchanges", type=int, default=10, help="in each session, each about 40 tokens")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-history-") as folder:
        print(json.dumps(measure(options, Path(folder)), ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main()
