"""Filler: natural-looking clauses without end, made from a seed. Nothing here is downloaded or trained on.

The sentences name no number and no place that a task asks for; look-alikes are each task's own business.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sparse_backend.eval.weave import Piece

PARTIES = (
    "the Supplier",
    "the Customer",
    "the Contractor",
    "the Operator",
    "the Licensee",
    "each Party",
    "the Carrier",
)
GOODS = (
    "the Equipment", "the Deliverables", "the Records", "the Samples", "the Packaging", "the Drawings", "the Premises",
    "the Spare Parts", "the Reports", "the Test Results", "the Materials", "the Vehicles",
)  # fmt: skip
PEOPLE = (
    "the site manager", "an authorised officer", "the quality department", "the project board", "a qualified engineer",
    "the finance department", "the appointed surveyor", "the shift supervisor", "an independent expert",
)  # fmt: skip
ACTS = (
    "inspect", "store", "label", "repair", "return", "document", "insure", "transport", "replace", "calibrate", "seal",
    "count", "photograph", "secure",
)  # fmt: skip
WHENS = (
    "without undue delay", "as soon as reasonably practicable", "during ordinary working hours", "upon request",
    "before the next scheduled visit", "at the end of each season", "when weather permits", "after each use",
    "in the presence of a witness", "whenever the list of parts has changed",
)  # fmt: skip
WHYS = (
    "so that defects are found early", "in order to avoid avoidable waste", "for the benefit of later users",
    "because earlier projects suffered from missing papers", "to keep the cost of upkeep low",
    "so that every change can be traced", "in keeping with good practice in the trade",
    "to protect people who work nearby",
)  # fmt: skip
TITLES = (
    "Inspection", "Storage and Handling", "Records", "Acceptance", "Packaging", "Transport", "Quality Assurance",
    "Cooperation", "Access to the Site", "Spare Parts", "Training", "Changes", "Reporting", "Insurance",
    "Subcontractors", "Health and Safety", "Environmental Care", "Warranty Work", "Return of Property", "Audits",
    "Publicity", "Notices of Delay", "Maintenance", "Documentation", "Works Council", "Tools", "Site Meetings",
)  # fmt: skip
SENTENCES = (
    "{Party} shall {act} {goods} {when}, {why}.",
    "Where {goods} cannot be moved, {people} may {act} them on the spot and shall leave a written note.",
    "Nothing in this clause keeps {party} from asking {people} to {act} {goods} again.",
    "If {people} finds that {goods} differ from the description, {party} shall be told {when}.",
    "{Party} shall keep {goods} apart from goods of others and shall mark them clearly.",
    "A failure to {act} {goods} does not release {party} from any other duty.",
    "The costs of this are borne by {party}, unless {people} decides otherwise for good reason.",
    "{Party} may ask that {goods} be shown to {people} {when}.",
    "It is understood that {goods} remain where they are until {people} has agreed to {act} them.",
    "Oral statements about {goods} have no effect until {people} has confirmed them in writing.",
    "{Party} shall see to it that {people} has what is needed to {act} {goods}, {why}.",
    "Where two lists of {goods} contradict each other, the later one counts.",
    "{Party} shall not {act} {goods} while repairs are under way, {why}.",
    "Any wear of {goods} that follows from ordinary use is to be accepted by {party}.",
    "{People} shall sign the list of {goods} {when} and hand a copy to {party}.",
    "In cases of doubt, {people} is asked first, and {party} follows the advice given.",
)


def sentence(random: Random) -> str:
    """One sentence of a contract that says nothing in particular."""
    party, people = random.choice(PARTIES), random.choice(PEOPLE)
    return random.choice(SENTENCES).format(
        party=party,
        Party=party[0].upper() + party[1:],
        people=people,
        People=people[0].upper() + people[1:],
        goods=random.choice(GOODS),
        act=random.choice(ACTS),
        when=random.choice(WHENS),
        why=random.choice(WHYS),
    )


def clauses(random: Random) -> Iterator[Piece]:
    """Numbered sections with headings and two to five paragraphs each, without end."""
    section = 0
    titles: list[str] = []
    while True:
        section += 1
        titles = titles or random.sample(TITLES, len(TITLES))
        yield Piece(f"{section}. {titles.pop()}", header=True)
        for paragraph in range(1, random.randint(3, 6)):
            text = " ".join(sentence(random) for _ in range(random.randint(2, 4)))
            yield Piece(f"{section}.{paragraph} {text}")
