"""What contracts are made of besides the bank of clauses, and questions that they leave open."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from sparse_backend.train.texts.bank import Entry, fill
from sparse_backend.train.texts.page import NOT_STATED, Asked
from sparse_backend.train.texts.wording import reword

PARTIES = (("Supplier", "Customer"), ("Licensor", "Licensee"), ("Contractor", "Client"), ("Seller", "Buyer"), ("Provider", "Company"),
            ("Consultant", "Company"), ("Vendor", "Purchaser"), ("Manufacturer", "Distributor"), ("Developer", "Sponsor"))  # fmt: skip
TITLES = ("SERVICE AGREEMENT", "MASTER SERVICES AGREEMENT", "SUPPLY AGREEMENT", "LICENSE AGREEMENT", "DEVELOPMENT AGREEMENT", "COOPERATION AGREEMENT",
           "DISTRIBUTION AGREEMENT", "JOINT VENTURE AGREEMENT", "CONSULTING AGREEMENT", "FRAMEWORK AGREEMENT", "OUTSOURCING AGREEMENT")  # fmt: skip
LISTS = (
    ("The {A} shall hand over the following documents on closing:", "documents to be handed over on closing",
     "the share register|the audited accounts|the tax certificate|the lease contracts|the insurance policies|the employment contracts|the keys|the permits"),
    ("The following events are events of default:", "events of default",
     "failure to pay when due|breach of a covenant|insolvency|cessation of business|a false representation|loss of a licence|seizure of assets|change of control"),
    ("The {B} shall provide the following facilities:", "facilities the {B} provides",
     "office space|internet access|parking|a meeting room|storage space|test equipment|a telephone line|safety clothing|a canteen"),
    ("The monthly report shall contain:", "contents of the monthly report",
     "hours worked|open incidents|costs incurred|risks|planned activities|staff changes|test results|safety incidents"),
    ("The {A} represents that it has obtained these permits:", "permits obtained by the {A}",
     "a building permit|an export licence|a water permit|a waste permit|a radio licence|a trade licence|an emission permit"),
    ("The services exclude the following work:", "work excluded from the services",
     "electrical work|demolition|painting|archiving|catering|legal advice|night shifts|scaffolding|snow removal"),
)  # fmt: skip
REFER = ("Subject to Section {n}, the parties shall cooperate in good faith on this matter.", "The procedure set out in Section {n} applies accordingly.",
          "This provision is without prejudice to Section {n}.", "In case of conflict, Section {n} prevails over this provision.",
          "The rights granted here may be exercised only as provided in Section {n}.")  # fmt: skip


@cache
def terms() -> tuple[tuple[str, str], ...]:
    """Defined terms with their meanings."""
    lines = (Path(__file__).parent / "terms.txt").read_text("utf-8").splitlines()
    return tuple((line.split("|", 1)[0], line.split("|", 1)[1]) for line in lines)


def refusals(
    r: random.Random, given: dict[str, str], left_out: list[Entry], text: str, *, held_out: bool = False
) -> list[Asked]:
    """Plausible questions that this contract does not answer: clauses left out, terms not defined, sections not there."""
    lower = text.lower()
    found = []
    for entry in left_out:
        stems = [word[:6] for word in entry.name.split() if len(word) > 4] or [entry.name]
        if all(stem in lower for stem in stems) or any(heading.lower() in lower for heading in entry.headings):
            continue
        ask = r.choice(entry.asks)
        question = fill(r.choice(ask.wordings(held_out=held_out)), dict(given), r)
        found.append(Asked(reword(question, r), NOT_STATED, family="refusal"))
    for term, _ in r.sample(terms(), 6):
        if term.lower() not in lower:
            found.append(
                Asked(
                    reword(r.choice((f"How is {term} defined?", f"What does {term} mean?")), r),
                    NOT_STATED,
                    family="refusal",
                )
            )
    found.append(Asked(f"What does Section {r.randint(60, 99)}.{r.randint(1, 9)} say?", NOT_STATED, family="refusal"))
    r.shuffle(found)
    return found
