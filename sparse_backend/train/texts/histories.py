"""Support histories: sessions of one customer, with facts that later sessions change, and promises."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sparse_backend.train.texts.bank import Ask, rewordings
from sparse_backend.train.texts.manuals import choose
from sparse_backend.train.texts.page import NOT_STATED, Asked, Page, Writer
from sparse_backend.train.texts.values import value
from sparse_backend.train.texts.wording import reword

_ITEMS = "router|printer|laptop|headset|phone|tablet|camera|monitor|washing machine|bicycle|coffee machine|thermostat|subscription|licence key|sofa".split(
    "|"
)
_MONTHS = "January February March April May June July August September October November December".split()


@dataclass(frozen=True, slots=True)
class _Topic:
    """What a customer may say, how it may change, and how one asks about it; {i} is an item, {v} a value of `kind`."""

    name: str
    kind: str
    role: str
    said: tuple[str, ...]
    changed: tuple[str, ...]
    questions: tuple[str, ...]
    answer: str
    former: tuple[str, ...] = ()

    def wordings(self, *, held_out: bool, former: bool = False) -> tuple[str, ...]:
        """How one asks for the value, or for the first one, when training or when evaluating."""
        more = rewordings("rewordings_histories").get(self.name, {}).get(int(former), ())
        own = self.former if former else self.questions
        return Ask(own + more, "", "").wordings(held_out=held_out)


_TOPICS = (
    _Topic("address", "address", "customer",
           ("My delivery address is {v}.", "Please ship it to {v}.", "I live at {v}."),
           ("I have moved. My new delivery address is {v}.", "Please change my shipping address to {v}.", "From now on send everything to {v}."),
           ("What is the customer's delivery address?", "Where should we ship to?", "current address", "Where does the customer live now?", "address of the customer", "To which address do I send the parcel?"),
           "{v}", ("What was the customer's first delivery address?", "What address did the customer give before moving?", "previous address")),
    _Topic("phone", "phone", "customer",
           ("You can call me at {v}.", "My phone number is {v}.", "Ring me on {v} if anything comes up."),
           ("My number has changed, it is {v} now.", "Please use my new phone number {v}.", "The old number is dead, call {v}."),
           ("What is the customer's phone number?", "Which number do I call?", "phone", "How can I reach the customer by telephone?", "current phone number of the customer"),
           "{v}", ("What was the customer's old phone number?", "first phone number given")),
    _Topic("email", "email", "customer",
           ("My email is {v}.", "Send the receipt to {v}.", "Write to me at {v}."),
           ("Please update my email to {v}.", "I don't use the old mailbox any more, write to {v}.", "New mail address: {v}."),
           ("What is the customer's email address?", "email", "Where do I send the receipt?", "Which mail address does the customer use now?"),
           "{v}", ("What email did the customer use at first?",)),
    _Topic("order", "code", "customer",
           ("It is about order {v}, the {i}.", "My order number for the {i} is {v}.", "The {i} was ordered under {v}."), (),
           ("What is the order number of the {i}?", "{i} order number", "Under which number was the {i} ordered?", "Which order is the {i} from?"), "{v}"),
    _Topic("serial", "code", "customer",
           ("The serial number of the {i} is {v}.", "On the {i} it says serial {v}.", "Serial of my {i}: {v}."), (),
           ("What is the serial number of the {i}?", "{i} serial", "Which serial does the customer's {i} have?"), "{v}"),
    _Topic("refund", "money", "agent",
           ("I will refund {v} for the {i}.", "We grant you a refund of {v} on the {i}.", "You get {v} back for the {i}."),
           ("We reviewed it again: the refund for the {i} is now {v}.", "I have corrected the refund for the {i} to {v}.", "After checking, we pay back {v} for the {i} instead."),
           ("How much is refunded for the {i}?", "{i} refund amount", "What sum does the customer get back for the {i}?", "How much money did we promise for the {i}?", "refund for the {i}?"),
           "{v}", ("What refund for the {i} was first promised?", "What was the original refund for the {i}?")),
    _Topic("delivery", "date", "agent",
           ("The {i} will arrive on {v}.", "I expect delivery of the {i} on {v}.", "Your {i} is scheduled for {v}."),
           ("There is a delay: the {i} will arrive on {v}.", "The new delivery date for the {i} is {v}.", "We had to move the delivery of the {i} to {v}."),
           ("When will the {i} arrive?", "{i} delivery date", "When can the customer expect the {i}?", "What delivery date was given for the {i}?", "when does the {i} come"),
           "{v}", ("What was the first delivery date of the {i}?", "For when was the {i} originally announced?")),
    _Topic("callback", "time", "agent",
           ("I will call you back on {weekday} at {v} about the {i}.", "A technician rings you about the {i} at {v} on {weekday}."), (),
           ("At what time is the call about the {i}?", "When is the customer called back about the {i}?", "{i} callback time", "What call was promised about the {i}?"), "At {v} on {weekday}"),
    _Topic("credit", "money", "agent",
           ("As an apology I add a credit of {v} to your account.", "We credit you {v} for the trouble.", "You will find {v} of goodwill on your next bill."), (),
           ("What credit was promised?", "goodwill credit", "How much was credited for the trouble?", "Did we promise the customer any credit, and how much?"), "{v}"),
    _Topic("plan", "plan", "customer",
           ("I am on the {v} plan.", "At present I have the {v} plan.", "My tariff is {v}."),
           ("I would like to switch to the {v} plan, please.", "Please move me to the {v} plan.", "Change my plan to {v}."),
           ("Which plan is the customer on?", "current plan", "What plan does the customer have now?", "tariff of the customer", "plan?"),
           "The {v} plan", ("Which plan did the customer have at first?", "former plan of the customer")),
    _Topic("ticket", "code", "agent",
           ("I opened ticket {v} for the {i}.", "The {i} is handled under ticket {v}.", "Your case about the {i} has the number {v}."), (),
           ("What is the ticket number for the {i}?", "{i} ticket", "Under which case number is the {i} handled?"), "{v}"),
    _Topic("fault", "fault", "customer",
           ("The problem with the {i}: {v}.", "My {i} has a fault: {v}.", "About the {i}, I noticed this: {v}."), (),
           ("What is wrong with the {i}?", "{i} problem", "What fault does the customer report for the {i}?", "Why did the customer complain about the {i}?"), "{v}"),
    _Topic("fix", "fix", "agent",
           ("For the {i}, please {v}.", "To solve this with the {i}, {v}.", "Here is what helps with the {i}: {v}."), (),
           ("What did the agent advise for the {i}?", "{i} advice", "How should the customer fix the {i}?", "What was suggested to solve the trouble with the {i}?"), "{v}"),
    _Topic("technician", "person", "agent",
           ("{v} will visit you to repair the {i}.", "The technician for the {i} is {v}.", "I assigned {v} to your {i}."),
           ("{v} takes over the repair of the {i} instead.", "The technician for the {i} has changed: {v}."),
           ("Who repairs the {i}?", "{i} technician", "Which technician is assigned to the {i}?", "Who comes for the {i}?"), "{v}", ("Who was first assigned to repair the {i}?",)),
    _Topic("cancel", "date", "customer",
           ("I want to cancel the {i} as of {v}.", "Please end my contract for the {i} on {v}.",),
           ("Let me correct that: cancel the {i} as of {v}.", "Please cancel the {i} on {v} instead."),
           ("As of when does the customer cancel the {i}?", "{i} cancellation date", "When should the {i} end?", "On what date is the {i} cancelled?"), "{v}"),
)  # fmt: skip
HELD_OUT = ("technician", "serial")
"""Topics that training never sees; evaluation asks about them too."""
_PLANS = ("Basic", "Plus", "Premium", "Family", "Student", "Business", "Starter", "Unlimited", "Gold", "Flex")
_FAULTS = ("it does not switch on", "the screen flickers", "it makes a loud noise", "it loses its connection every hour", "the battery lasts an hour",
           "it smells of burning", "the lid is cracked", "it shows error E42", "it prints blank pages", "the sound is distorted", "it restarts by itself",
           "a key is stuck", "water leaks from it", "it is the wrong colour", "it cannot find the network")  # fmt: skip
_FIXES = ("hold the power button for ten seconds", "install the latest firmware", "replace the cable", "clear the cache", "move it closer to the window",
          "reset it to factory settings", "clean the filter", "sign out and in again", "change the channel to 11", "remove the battery for a minute",
          "disable the energy saver", "send it to our workshop", "use the adapter in the box", "check the fuse")  # fmt: skip
_SMALL = {
    "customer": ("Hello, is anyone there?", "Thanks for the quick reply.", "I have been waiting for a while now.", "That sounds good.", "I already tried that, no luck.", "Great, thank you so much!",
                 "Could you explain that once more?", "I am not happy with this at all.", "Yes, exactly.", "No, nothing has changed since then.", "Is there anything else I should do?",
                 "My colleague had the same problem last year.", "I prefer to write rather than call.", "Sorry, I was away for a moment.", "I can send you a picture if that helps.",
                 "It worked fine until last week.", "The manual does not mention this.", "I bought it as a present for my sister."),
    "agent": ("Good morning, how can I help you?", "Let me check that for you.", "One moment please.", "I am sorry for the inconvenience.", "Is there anything else I can do?", "Thank you for your patience.",
              "I have forwarded this to my colleagues.", "I can see your account now.", "That should not happen.", "You are welcome. Have a nice day!", "Could you describe the problem in more detail?",
              "I understand, that is annoying.", "We are having a busy day, thank you for waiting.", "I have made a note of it.", "Please let us know if it comes back.", "All done."),
}  # fmt: skip
_SUBJECTS = (
    "",
    "",
    "Question about an order",
    "Complaint",
    "Technical problem",
    "Change of details",
    "Billing",
    "Follow-up",
    "Delivery",
    "Returns",
    "Warranty",
)
_NEVER = ("What is the customer's date of birth?", "Which bank account does the customer use?", "How many children does the customer have?", "What car does the customer drive?",
          "What is the customer's tax number?", "Which discount code did the customer use?", "What is the customer's job?", "Did the customer ask for a supervisor by name? Which one?",
          "Which shop did the customer buy from?", "What rating did the customer give us?", "What is the customer's membership number?", "What colour is the customer's front door?",
          "passport number", "customer's shoe size", "Which insurance covers the damage?", "What lawyer does the customer mention?", "credit card number of the customer")  # fmt: skip


@dataclass(slots=True)
class _Said:
    topic: _Topic
    item: str
    given: dict[str, str]
    text: str
    session: int
    start: int = -1
    latest: bool = True
    first: bool = True


def _value(kind: str, r: random.Random) -> str:
    own = {"plan": _PLANS, "fault": _FAULTS, "fix": _FIXES}
    return r.choice(own[kind]) if kind in own else value(kind, r)


def history(r: random.Random, characters: int, questions: int, *, held_out: bool = False) -> Page:
    """Sessions of about `characters` together; the latest of several statements counts.

    `held_out`: with the topics that training never sees.
    """
    customer, agents = value("person", r), [value("first", r) for _ in range(r.randint(1, 3))]
    sessions = max(2, round(characters / r.choice((700, 1200, 2500))))
    said = _statements(r, sessions, max(questions, min(3 * questions, characters // 350)), held_out)
    plan: dict[int, list[_Said]] = {}
    for one in said:
        plan.setdefault(one.session, []).append(one)
    writer = Writer()
    clock = r.random() < 0.5
    writer.write(f"Customer: {customer}. Agent: {agents[0]}. {sessions} sessions.\n\n")
    year, month, day = r.randint(2015, 2025), r.randint(1, 12), r.randint(1, 28)
    each = max(200, characters // sessions)
    for session in range(1, sessions + 1):
        day += r.randint(1, 60)
        while day > 28:
            day, month = day - 28, month + 1
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        title = f"Session {session} of {sessions} — {day} {_MONTHS[month - 1]} {year}, {r.randint(8, 18):02}:{r.randint(0, 59):02} UTC"
        subject = r.choice(_SUBJECTS)
        writer.header(f"{title} — {subject}" if subject else title)
        writer.write("\n")
        _session(r, writer, plan.get(session, []), r.choice(agents), each, clock)
        writer.write("\n")
    asked = [made for one in said if (made := _ask(r, one, held_out=held_out)) is not None]
    asked += _who(r, said)
    page = writer.page([], "history")
    refused = [Asked(reword(question, r), NOT_STATED, family="refusal") for question in r.sample(_NEVER, 8)]
    absent = [item for item in _ITEMS if item not in page.text]
    for topic in r.sample(_TOPICS, 8):
        if absent and "{i}" in topic.questions[0]:
            refused.append(
                Asked(
                    reword(r.choice(topic.wordings(held_out=held_out)).format(i=r.choice(absent)), r),
                    NOT_STATED,
                    family="refusal look-alike",
                )
            )
        elif not any(one.topic is topic for one in said):
            question = r.choice(topic.wordings(held_out=held_out))
            refused.append(Asked(reword(question, r), NOT_STATED, family="refusal"))
    for one in r.sample(said, min(6, len(said))):  # the item is there, but not what is asked about it
        missing = [
            topic
            for topic in _TOPICS
            if "{i}" in topic.questions[0]
            and one.item
            and not any(two.topic is topic and two.item == one.item for two in said)
        ]
        if missing:
            refused.append(
                Asked(
                    reword(r.choice(r.choice(missing).wordings(held_out=held_out)).format(i=one.item), r),
                    NOT_STATED,
                    family="refusal look-alike",
                )
            )
    return choose(r, page, asked, refused, questions, "history")


def _statements(r: random.Random, sessions: int, count: int, held_out: bool) -> list[_Said]:
    """Facts with their updates, each set down in a session; of one topic and item only the last one is latest."""
    said: list[_Said] = []
    taken: set[tuple[str, str]] = set()
    items = r.sample(_ITEMS, r.randint(3, min(len(_ITEMS), 4 + sessions)))
    for _ in range(count * 3):
        if len(said) >= count:
            break
        topic = r.choice([one for one in _TOPICS if held_out or one.name not in HELD_OUT])
        item = r.choice(items) if "{i}" in topic.said[0] + topic.questions[0] else ""
        if (topic.name, item) in taken:
            continue
        taken.add((topic.name, item))
        times = r.choice((1, 2, 2, 3)) if topic.changed else 1
        places = sorted(r.sample(range(1, sessions + 1), min(times, sessions)))
        used: set[str] = set()
        for index, place in enumerate(places):
            made = _value(topic.kind, r)
            while made in used:
                made = _value(topic.kind, r)
            used.add(made)
            given = {"v": made, "i": item, "weekday": value("weekday", r)}
            text = r.choice(topic.changed if index else topic.said).format(**given)
            said.append(
                _Said(topic, item, given, text[:1].upper() + text[1:], place, -1, index == len(places) - 1, index == 0)
            )
    return said


def _session(r: random.Random, writer: Writer, said: list[_Said], agent: str, characters: int, clock: bool) -> None:
    stop, number = writer.length + characters, 0
    waiting = list(said)
    hour, minute = r.randint(8, 17), r.randint(0, 40)
    while waiting or (writer.length < stop and number < 60):
        number += 1
        role = waiting[0].topic.role if waiting and r.random() < 0.6 else r.choice(("customer", "agent"))
        who = "Customer" if role == "customer" else f"Agent {agent}"
        minute += r.randint(0, 2)
        at = f" ({hour + minute // 60:02}:{minute % 60:02})" if clock else ""
        writer.write(f"[{number}] {who}{at}: ")
        mine = waiting.pop(0) if waiting and waiting[0].topic.role == role else None
        before = r.sample(_SMALL[role], r.choice((0, 1)) if mine else r.choice((1, 1, 2)))
        writer.write(" ".join(before) + (" " if before and mine else ""))
        if mine:
            mine.start, _ = writer.write(mine.text)
            if r.random() < 0.3:
                writer.write(" " + r.choice(_SMALL[role]))
        writer.write("\n")


def _ask(r: random.Random, one: _Said, *, held_out: bool) -> Asked | None:
    if one.latest:
        question = r.choice(one.topic.wordings(held_out=held_out))
    elif one.first and one.topic.former:
        question = r.choice(one.topic.wordings(held_out=held_out, former=True))
    else:
        return None
    answer = one.topic.answer.format(**one.given)
    at = one.text.find(one.given["v"])
    at = max(at, 0)
    span = (one.start, one.start + len(one.text))
    focus = (one.start + at, one.start + at + len(one.given["v"]))
    family = "history" if one.latest and one.first else "history update"
    family += " held out" if one.topic.name in HELD_OUT else ""
    return Asked(
        reword(question.format(i=one.item), r), answer[:1].upper() + answer[1:], span, (one.start + at,), family, focus
    )


def _who(r: random.Random, said: list[_Said]) -> list[Asked]:
    """In which session something was said, and who promised it."""
    found = []
    for one in said:
        if r.random() < 0.15 and one.item and one.topic.role == "agent" and one.latest and one.first:
            what = {
                "refund": f"promised a refund for the {one.item}",
                "delivery": f"announced the delivery of the {one.item}",
                "fix": f"gave advice on the {one.item}",
            }.get(one.topic.name)
            if what:
                span = (one.start, one.start + len(one.text))
                found.append(Asked(reword(r.choice((f"In which session did the agent {_bare(what)}?", f"Which session: agent {what}?")), r),
                                   f"Session {one.session}", span, (one.start,), "history session", span))  # fmt: skip
    return found


def _bare(what: str) -> str:
    return what.replace("promised", "promise").replace("announced", "announce").replace("gave", "give")
