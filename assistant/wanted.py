"""Questions that ask for everything of one kind, recognised only where that is certain; any other is left alone.

The whole question must be one of these forms: what it asks for stands in a closed list of nouns, and nothing but words
such as “are there in this contract” follows. “List all payments that are overdue” is no such question: which payments
are meant, the text's structure does not say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LABEL = r"(?:sections?|clauses?|articles?|paragraphs?|exhibits?|schedules?|annex(?:es)?|appendix|part)\s[\w.()“”\"-]+"
NOUNS = {
    "definitions": r"(?:defined terms?|definitions?|capitali[sz]ed terms|terms(?= (?:that )?(?:are )?defined))",
    "parties": r"(?:contracting )?parties",
    "dates": r"(?:calendar )?dates?",
    "amounts": r"(?:money|monetary|dollar|euro) (?:amounts?|sums?|figures?)|amounts?(?: of money)?|sums of money",
    "percentages": r"percentages?|percent(?:age)? (?:figures?|rates?)",
    "e-mail addresses": r"e-?mails?(?: address(?:es)?)?",
    "web addresses": r"urls?|web ?(?:addresses|links)|links",
    "headings": r"(?:(?:section )?headings?|sections?|chapters?|headers?)",
    "attachments": r"exhibits?|schedules?|annex(?:es)?|appendi(?:x|xes|ces)|attachments?",
    "cross references": r"cross[ -]?references?",
    "promises": r"promises?|commitments?",
    "sessions": r"sessions?|conversations?",
    "functions": r"functions?",
    "classes": r"(?:classes|class)",
    "methods": r"methods?",
    "files": r"(?:source )?files?",
}
"""What may be asked for, as people write it."""

_COUNT = r"how\s+many(?:\s+(?:different|distinct))?"
_ALL = (
    r"(?:please\s+)?(?:(?:list|name|show|give|enumerate|find|extract|tell)(?:\s+(?:me|us))?"
    r"\s+(?:all|every|each|the)(?:\s+of)?(?:\s+the)?(?:\s+(?:different|distinct))?"
    r"|what\s+are(?:\s+all)?(?:\s+of)?\s+the|what\s+are\s+all|which\s+are\s+the|who\s+are(?:\s+all)?(?:\s+of)?\s+the|which|what)"
)
_BARE = re.compile(r"(?:which|what)\s*", re.IGNORECASE)
_WHOLE = (
    r"(?:this|the|that|our|my)\s+(?:whole\s+|entire\s+|full\s+)?(?:document|contract|agreement|deed|lease|text|"
    r"repository|repo|code(?:\s?base)?|project|history|conversation|report|licen[cs]e|customer|chat)s?"
)
_THERE = (
    rf"(?:\s+(?:that\s+|which\s+)?(?:(?:are|is|were|was|have\s+been)\s+)?(?:there|defined|named|mentioned|used|stated|given|"
    rf"listed|found|contained|included|promised|made|attached))?"
    rf"(?:\s+(?:does|do|did|has|have)\s+(?:{_WHOLE}|it|we|you|the\s+(?:agent|bot|company))(?:\s+(?:have|contain|define|"
    rf"name|mention|list|include|use|give|state|made?|got))?)?"
    rf"(?:\s+(?:in|of|by|to|from|with)\s+(?:{_WHOLE}|it|us|me))?(?:\s+(?:in\s+)?(?:total|all|altogether))?"
)
_END = r"\s*[?.!]*\s*"
_FORMS = {
    noun: re.compile(rf"(?P<head>{_COUNT}|{_ALL})\s+(?:{words})(?P<rest>{_THERE}){_END}", re.IGNORECASE)
    for noun, words in NOUNS.items()
}
_VERB = r"(?:refers?|references?|points?|cross[ -]?refers?)(?:\s+(?:back\s+)?to)?|cites?|mentions?"
_REFERRING = re.compile(
    rf"(?:(?P<count>how\s+many)|which|what|(?:list|name|show|find)(?:\s+me)?\s+(?:all|every|the))(?:\s+(?:other|of\s+the))?"
    rf"\s+(?:sections|clauses|articles|provisions|paragraphs|places)(?:\s+(?:that|which))?\s+(?:{_VERB})"
    rf"\s+(?P<label>{LABEL}){_END}",
    re.IGNORECASE,
)
_REFERENCES = re.compile(
    rf"(?:(?P<count>how\s+many)|(?:list|name|show|find|give)(?:\s+me)?\s+(?:all|every|the)(?:\s+the)?)"
    rf"\s+(?:cross[ -]?)?references?(?:\s+are\s+there)?\s+to\s+(?P<label>{LABEL}){_END}",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    rf"(?:(?P<count>how\s+many\s+(?:times|sections|clauses|places))|(?:which|what)\s+(?:sections|clauses|articles|provisions|"
    rf"places|files)|where|(?:list|name|show|find)(?:\s+me)?\s+(?:all|every)\s+(?:sections?|clauses?|places?|mentions?|uses?))"
    rf"(?:\s+(?:that|which|where|of|does|do|is|are))*\s*(?:{_VERB}|use|contain|of)?\s*(?:the\s+)?(?:words?|terms?|phrase|name)?\s*"
    rf"[“\"„](?P<words>[^“”\"„]{{2,80}})[”\"]\s*(?:(?:is|are)\s+)?(?:mentioned|used|occur|occurs|appear|appears|stand|stands|named)?"
    rf"(?:\s+in\s+{_WHOLE})?{_END}",
    re.IGNORECASE,
)
_NAME = r"(?:the\s+)?(?:(?:file|module|class|function|method|package)\s+)?[`\"“]?(?P<name>[\w$./:-]*\w)(?:\(\))?[`\"”]?"
_INSIDE = re.compile(
    rf"(?:{_COUNT}|{_ALL})\s+(?P<noun>functions|methods|classes)(?:\s+(?:are|is)(?:\s+there|\s+defined)?|"
    rf"\s+(?:that\s+are\s+)?defined)?\s+(?:of|in|on|inside)\s+{_NAME}{_END}",
    re.IGNORECASE,
)
_HAS = re.compile(
    rf"(?:{_COUNT}|which|what)\s+(?P<noun>functions|methods|classes)\s+(?:does|do)\s+{_NAME}\s+"
    rf"(?:have|define|contain|offer|provide){_END}",
    re.IGNORECASE,
)
_CALLERS = re.compile(
    rf"(?:(?:{_COUNT}|{_ALL})\s+(?:callers?|call\s+sites|calls?)\s+(?:of|to)|(?:which|how\s+many)\s+(?:functions|places|files)"
    rf"\s+call)\s+{_NAME}{_END}",
    re.IGNORECASE,
)
_IMPORTERS = re.compile(
    rf"(?:(?:{_COUNT}|which|what)\s+(?:files|modules)\s+import|(?:{_ALL})\s+(?:files|modules)\s+(?:that|which)\s+import|"
    rf"(?:{_ALL})\s+importers\s+of)\s+{_NAME}{_END}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything of one kind. `noun`: a key of NOUNS, or "references", "words", "callers", "importers".

    `about`: the section label, the words or the name that a question is about; `count`: it asks how many there are.
    """

    noun: str
    about: str = ""
    count: bool = False


def wanted(question: str) -> Wanted | None:
    """What a question asks for in full; None where that is not certain."""
    text = " ".join(question.split())
    if len(text) > 200:
        return None
    count = text.lower().startswith("how many")
    for pattern in (_REFERRING, _REFERENCES):
        if match := pattern.fullmatch(text):
            return Wanted("references", match["label"].rstrip(".?"), count)
    if match := _SPOKEN.fullmatch(text):
        return Wanted("words", match["words"].strip(), count)
    for noun, pattern in (("callers", _CALLERS), ("importers", _IMPORTERS)):
        if match := pattern.fullmatch(text):
            return Wanted(noun, match["name"], count)
    for pattern in (_INSIDE, _HAS):
        match = pattern.fullmatch(text)
        if match and match["name"].lower() not in ("this", "the", "it", "document", "repository", "code", "project"):
            return Wanted(match["noun"].lower(), match["name"], count)
    for noun, pattern in _FORMS.items():
        match = pattern.fullmatch(text)
        if match and (match["rest"].strip() or not _BARE.fullmatch(match["head"])):  # “Which dates?” asks back
            return Wanted(noun, count=count)
    return None
