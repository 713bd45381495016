"""Beside an answer to a customer: what was promised, by when, and what is still open, each with its session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from itertools import groupby

from assistant.checked import Checked, Place
from assistant.deeds import nouns_in
from assistant.issues import Issue, open_issues
from assistant.promises import Promise, find_promises
from assistant.sessions import Said, said_in
from ingest import Document

MAX_TOLD = 12  # promises or issues told one by one; the rest is counted
_PROMISES = re.compile(
    r"\bpromis\w+|\bcommit(?:ted|ment)\w*|\bowe[ds]?\b|\bfollow(?:ed)?[ -]?ups?\b"
    r"|\b(?:did|do|have|will) you (?:ever |still )?(?:say|said|tell|told|send|sent|call|called|refund|refunded)\b"
    r"|\bwhen (?:will|do|can) (?:I|my|you|it|they)\b|\bwhere (?:is|are) my\b|\bwas (?:I|it) told\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:open|unresolved|unsolved|unsettled|pending|outstanding)\b|\bstill (?:open|waiting|not)\b"
    r"|\bnot (?:yet )?(?:done|solved|settled|resolved)\b",
    re.IGNORECASE,
)


class HistoryCheck:
    """Prepared once for a document of sessions; empty for any other."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def messages(self) -> tuple[Said, ...]:
        """Everything that was said, in order."""
        return said_in(self._document)

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """Every promise with what became of it."""
        return tuple(promise for messages in self._by_customer() for promise in find_promises(messages))

    @cached_property
    def issues(self) -> tuple[Issue, ...]:
        """What is not settled."""
        return tuple(issue for messages in self._by_customer() for issue in open_issues(messages))

    def _by_customer(self) -> Iterator[list[Said]]:
        """What was promised to one customer is not kept by what another one got."""
        for _, group in groupby(self.messages, key=lambda said: said.customer):
            yield list(group)

    def asked(self, question: str, now: datetime) -> Checked:
        """Facts for questions about promises and open issues; `now` (aware) tells what is overdue.

        A question about one thing gets the promises about that thing; a general one gets all that are not kept.
        """
        found: list[Promise] = []
        issues: list[Issue] = []
        if _PROMISES.search(question):
            things = nouns_in(question)
            about = [promise for promise in self.promises if things & promise.deed.things]
            found = about or ([each for each in self.promises if each.status != "kept"] if _general(question) else [])
        if _OPEN.search(question):
            found = found or [promise for promise in self.promises if promise.status != "kept"]
            issues = list(self.issues)
        rows = [promise.sentence(now) for promise in found] + [issue.sentence() for issue in issues]
        places = [Place(promise.start, promise.end, "promise") for promise in found]
        places += [Place(issue.said.start, issue.said.end, "promise") for issue in issues]
        if not rows:
            return Checked()
        more = len(rows) - MAX_TOLD
        told = rows[:MAX_TOLD] + ([f"And {more} more."] if more > 0 else [])
        return Checked(places=tuple(each for each in places[:MAX_TOLD] if each.start < each.end), facts=tuple(told))


def _general(question: str) -> bool:
    return re.search(r"\bpromis\w+|\bcommit\w+|\bowe[ds]?\b|\bfollow", question, re.IGNORECASE) is not None
