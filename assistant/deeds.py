"""What is promised and reported in customer service, as data: families of verbs that speak of the same deed."""

from __future__ import annotations

import re
from dataclasses import dataclass

FAMILIES: dict[str, tuple[str, str]] = {  # deed → (how it is promised, how it is reported when it is done)
    "deliver": (
        "send ship dispatch mail post deliver forward bring receive get have arrive reach return",
        "sent shipped dispatched mailed posted delivered forwarded received got arrived came here returned",
    ),
    "refund": (
        "refund reimburse credit pay compensate transfer waive",
        "refunded reimbursed credited paid compensated transferred waived refund",
    ),
    "contact": (
        "call phone ring contact email e-mail write reply answer notify inform update hear tell let follow come get "
        "keep",
        "called calling call phoned phoning contacted emailed e-mailed wrote written replied answered notified "
        "informed updated heard told spoke talked",
    ),
    "replace": ("replace exchange swap", "replaced exchanged swapped replacement"),
    "repair": (
        "fix repair solve resolve correct restore patch sort",
        "fixed repaired solved resolved corrected restored patched sorted works working",
    ),
    "visit": ("visit come", "visited came visit"),
    "change": (
        "cancel change remove add activate unlock reset extend close open upgrade apply switch delete set",
        "cancelled canceled changed removed added activated unlocked reset extended closed opened upgraded applied "
        "switched deleted set",
    ),
    "escalate": ("escalate pass raise hand assign", "escalated passed raised handed assigned"),
    "arrange": (
        "arrange book schedule organise organize order reserve",
        "arranged booked scheduled organised organized ordered reserved",
    ),
    "check": (
        "check look investigate review find examine ask see clarify",
        "checked looked investigated reviewed found asked clarified",
    ),
}
LIGHT = frozenset(("check", "have"))  # said in passing: a promise only with a due time
_ALONE = {"let": "let you know", "get": "get back", "keep": "keep you", "come": "come back", "follow": "follow up"}
_PROMISED = {word: deed for deed, (words, _) in reversed(FAMILIES.items()) for word in words.split()}
_DONE = {deed: frozenset(words.split()) for deed, (_, words) in FAMILIES.items()}
_BOTH = frozenset(
    ("phone", "credit", "order", "post", "mail", "e-mail", "email", "return", "switch", "book", "patch", "ring")
)
_VERBS = (frozenset(_PROMISED) | frozenset().union(*_DONE.values())) - _BOTH  # nouns first, where a word is both
_NOUNS = {"refund": "refund", "replacement": "replace", "call": "contact", "visit": "visit", "repair": "repair"}
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LITTLE = (
    "the a an your you our my me it its this that these those them they for from with within into onto over and or "
    "but to of in on at by as is are be been will shall again back soon once then also just all any some new free full "
    "here there please via after before until no not more most very so such what which who when where day days week "
    "weeks month months hour hours business working latest further possible sure know up out right away personally "
    "today tomorrow team colleague someone manager sorry yesterday thanks thank finally already never nobody still yet "
    "ever everybody anyone really monday tuesday wednesday thursday friday saturday sunday afternoon morning evening "
    "has had have did does don was were ago since promised been like nothing none neither without one"
)
_STOP = frozenset(_LITTLE.split())
_NOT = re.compile(
    r"\b(?:not|never|no one|nobody|nothing|none|neither|without|no)\b|n['’]t\b|\bstill (?:waiting|no|missing|broken)\b"
    r"|\bwaiting for\b|\bwhere (?:is|are)\b|\bfailed to\b",
    re.IGNORECASE,
)
_REPORT = re.compile(
    r"\b(?:I|we|you|he|she|they|someone|technician|colleague)(?:['’]ve|\shave|\shas|\shad)?\s(?:\w+\s){0,2}?$"
    r"|\b(?:has|have|was|were|is|are|been|got|just|now|already|finally|thanks for|thank you for|it|all)\s"
    r"(?:\w+\s){0,3}?$",
    re.IGNORECASE,
)
_FUTURE = re.compile(r"(?:\b(?:will|shall|going to|would|should|can|could|must|may|to be)|['’]ll)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Deed:
    """`families`: keys of FAMILIES; `things`: stems of the nouns that the promise names; `light`: said in passing."""

    families: frozenset[str]
    things: frozenset[str]
    light: bool


def deed_in(clause: str, actor: str = "") -> Deed | None:
    """The deed of "send you the new router", the words after "I will"; None where no verb of the table leads it.

    `actor`: the words before "will", such as "our technician": a noun there is one of the promise's things too.
    """
    words = [word.lower() for word in _WORD.findall(clause)]
    lead = words[:3]
    if lead[:1] == ["be"]:
        lead = lead[1:]
        found = next(((word, deed) for word in lead for deed, done in _DONE.items() if word in done), None)
    else:
        found = next(((word, _family(word, clause)) for word in lead if word in _PROMISED), None)
    if found is None:
        return None
    verb, family = found
    rest = words[words.index(verb) + 1 :]
    families = {family} | {_NOUNS[word] for word in rest if word in _NOUNS}
    taken = (_PROMISED.keys() | frozenset().union(*(_DONE[each] for each in families)) - _NOUNS.keys()) - _BOTH
    rest += [word.lower() for word in _WORD.findall(actor)]
    things = frozenset(stem(word) for word in rest if word not in _STOP and word not in taken and len(word) > 2)
    return Deed(frozenset(families), things, (family if family in LIGHT else verb) in LIGHT)


def _family(verb: str, clause: str) -> str:
    """ "get back to you" is a call, "get a new router" is not."""
    if verb in _ALONE:
        return "contact" if _ALONE[verb] in clause.lower() else {"come": "visit"}.get(verb, "deliver")
    return _PROMISED[verb]


def reports_deed(deed: Deed, sentence: str, *, customer: bool) -> bool:
    """Whether a sentence says that the deed is done: its verb in the past, and a thing of it where it names any."""
    if _NOT.search(sentence) or not _same_thing(deed, sentence):
        return False
    for match in _WORD.finditer(sentence):
        if not any(match.group().lower() in _DONE[family] for family in deed.families):
            continue
        before = sentence[: match.start()]
        if _FUTURE.search(before):
            return False
        if _REPORT.search(before) or (customer and not before.strip()) or _follows(sentence[match.end() :]):
            return True
    return False


def _follows(after: str) -> bool:
    """ "The router arrived today": the noun before, a report by itself."""
    return (
        re.match(
            r"\W*$|\s(?:today|yesterday|on|this|last|again|now|fine|well|safely|ok|with|and|at|perfectly)\b", after
        )
        is not None
    )


def reports_lack(deed: Deed, sentence: str) -> bool:
    """Whether a sentence complains that the deed was not done."""
    if not _NOT.search(sentence):
        return False
    words = {word.lower() for word in _WORD.findall(sentence)}
    verbs = any(words & (_DONE[family] | set(FAMILIES[family][0].split())) for family in deed.families)
    if {stem(word) for word in words} & deed.things:
        waiting = re.search(r"\b(?:waiting|missing|where (?:is|are))\b", sentence, re.IGNORECASE) is not None
        return verbs or waiting or "still" in words
    return verbs and _speaks_of_nothing_else(words)


def _same_thing(deed: Deed, sentence: str) -> bool:
    words = {word.lower() for word in _WORD.findall(sentence)}
    if not deed.things:
        return _speaks_of_nothing_else(words)
    return bool({stem(word) for word in words} & deed.things)


def _speaks_of_nothing_else(words: set[str]) -> bool:
    """Whether no noun of its own makes the sentence one about another thing."""
    return not {
        word for word in words if len(word) > 2 and word not in _STOP and word not in _VERBS and "'" not in word
    }


def stem(word: str) -> str:
    """A noun without its plural."""
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def nouns_in(text: str) -> frozenset[str]:
    """Stems of the words of a text that name a thing: neither little words nor verbs of the table."""
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(stem(word) for word in words if len(word) > 3 and word not in _STOP and word not in _VERBS)
