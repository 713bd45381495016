"""Schedules behind an agreement: tables of prices, dates, contacts and sites, one row a line, asked by row and column."""

from __future__ import annotations

import random

from sparse_backend.train.texts.page import NOT_STATED, Asked, Writer
from sparse_backend.train.texts.values import coined, number_words, value
from sparse_backend.train.texts.wording import reword

_GOODS = ("hydraulic hose", "steel bracket", "control valve", "glass panel", "filter cartridge", "pump housing", "cable drum", "mounting rail", "sealing ring",
          "sensor head", "drive belt", "copper coil", "test kit", "label printer", "shelf unit", "fuse box", "ball bearing", "storage tray", "heat shield")  # fmt: skip
_TASKS = ("kick-off", "requirements study", "detailed design", "site survey", "factory test", "installation", "trial operation", "staff training", "documentation",
          "data transfer", "final inspection", "handover", "interface test", "pilot run", "safety review")  # fmt: skip
_DUTIES = (
    "commercial matters",
    "technical questions",
    "invoices",
    "quality complaints",
    "data protection",
    "emergencies",
    "logistics",
    "press enquiries",
)
_SITES = (
    "main warehouse",
    "north depot",
    "test laboratory",
    "head office",
    "assembly hall",
    "service centre",
    "data centre",
    "training school",
    "paint shop",
)
_Table = tuple[str, tuple[str, ...], tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]
_TABLES: tuple[_Table, ...] = (
    ("PRICES", _GOODS, ("Item", "Unit price", "Minimum order"),
     (("price", ("What is the price of a {row}?", "How much does one {row} cost?", "unit price {row}", "What do we pay for each {row}?", "{row}: how much?",
                 "If I need a single {row}, what will I be charged?")),
      ("count", ("What is the minimum order of the {row}?", "How many {row}s must be ordered at least?", "least quantity {row}",
                 "Can I order just a few {row}s? What's the least?", "minimum number for the {row}")))),
    ("TIMETABLE", _TASKS, ("Step", "Date", "Responsible"),
     (("date", ("When is the {row} planned?", "By when is the {row} due?", "date of the {row}", "On which day does the {row} happen?", "When should the {row} be done?")),
      ("person", ("Who is responsible for the {row}?", "Who takes care of the {row}?", "person in charge {row}", "Whom do I call about the {row}?", "Whose job is the {row}?")))),
    ("CONTACTS", _DUTIES, ("Subject", "Name", "Telephone"),
     (("person", ("Who is the contact for {row}?", "Whom do I ask about {row}?", "contact person {row}", "Who deals with {row}?", "I have a question on {row}. Who helps?")),
      ("phone", ("What number do I call for {row}?", "telephone for {row}", "How do I phone somebody about {row}?", "Which number helps with {row}?", "dial for {row}")))),
    ("SITES", _SITES, ("Site", "Address", "Opening time"),
     (("address", ("Where is the {row}?", "What is the address of the {row}?", "address {row}", "How do I get to the {row}? Which street?", "location of the {row}")),
      ("time", ("When does the {row} open?", "opening time of the {row}", "From what time is somebody at the {row}?", "How early can I get into the {row}?", "{row} open from")))),
)  # fmt: skip


def schedules(r: random.Random, writer: Writer, count: int) -> list[Asked]:
    """Writes `count` schedules of different kinds, at most four, and asks about them."""
    tables = r.sample(_TABLES, min(count, len(_TABLES)))
    return [
        asked for letter, table in zip("ABCD", tables, strict=False) for asked in _schedule(r, writer, letter, table)
    ]


def _schedule(r: random.Random, writer: Writer, letter: str, table: _Table) -> list[Asked]:
    """4 to 9 rows; questions on rows, on a row that is missing, and on their number."""
    title, names, columns, asks = table
    many = r.randint(4, 9)
    rows = r.sample(names, min(len(names) - 1, many))
    if r.random() < 0.3 and title == "PRICES":
        rows = [f"{name} {coined(r)}" for name in rows]
    missing = r.choice([name for name in names if not any(row.startswith(name) for row in rows)])
    writer.header(f"{r.choice(('SCHEDULE', 'EXHIBIT', 'ANNEX'))} {letter} - {title}")
    joint = r.choice((" | ", "\t", " | "))
    writer.write("\n\n")
    low, high = writer.write(joint.join(columns))
    writer.write("\n")
    asked: list[Asked] = []
    used: set[str] = set()
    for row in rows:
        cells = []
        for kind, _ in asks:
            cell = value(kind, r)
            while cell in used:
                cell = value(kind, r)
            used.add(cell)
            cells.append(cell)
        start, end = writer.write(joint.join((row[:1].upper() + row[1:], *cells)))
        writer.write("\n")
        at = start + len(row)
        for cell, (_, wordings) in zip(cells, asks, strict=True):
            at = start + (joint.join((row, *cells))).find(cell, at - start)
            if r.random() < 0.45:
                ask = r.choice(wordings).format(row=row)
                asked.append(Asked(reword(ask, r), cell, (start, end), (at, start), "deal table", (at, at + len(cell))))
    writer.write("\n")
    refused = r.choice(asks[0][1]).format(row=missing)
    asked.append(Asked(reword(refused, r), NOT_STATED, family="deal refusal table"))
    count = r.choice(
        (
            f"How many rows has the table of {title.lower()}?",
            f"How many entries are in the {title.lower()} list?",
            f"number of lines under {title.lower()}",
        )
    )
    asked.append(
        Asked(reword(count, r), number_words(len(rows)).capitalize(), (low, high), (low,), "deal count", (low, high))
    )
    return asked
