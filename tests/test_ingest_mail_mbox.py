"""Mailboxes: where messages begin, which belong together, in which order, and what is reported."""

from __future__ import annotations

import pytest

from ingest.document import BrokenFileError
from ingest.mail import mbox
from ingest.mail.letter import Letter
from ingest.mail.threads import base_subject, threads
from tests.ingest_mail_cases import letter, multipart, posted, read


def bodies(text: str) -> list[str]:
    return [raw.decode().partition("\n\n")[2].strip() for raw in mbox.messages(text.encode())]


def test_only_true_starts_split() -> None:
    words = (
        "First.\n\nFrom here on it is at 10:00 that we meet\nor not.\n\nFrom a@b Sat May  3 14:02:00 2025\nno header"
    )
    assert bodies(posted(letter(words), letter("Second."))) == [words, "Second."]


@pytest.mark.parametrize(
    "start",
    [
        "From - Sat May 03 14:02:00 2025",
        "From ann@example.com Sat May  3 14:02:00 2025",
        "From 18273645@xxx Sat May 03 14:02:00 +0000 2025",
        "From ???@??? Sat May 03 14:02:00 2025",
        "From ann smith Sat May  3 14:02 CEST 2025 remote from x",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_start_lines_of_many_programs(start: str, newline: str) -> None:
    text = f"{start}\n{letter('One.')}\n\n{start}\n{letter('Two.')}\n".replace("\n", newline)
    assert [raw.decode().split()[-1] for raw in mbox.messages(text.encode())] == ["One.", "Two."]


def test_protected_lines_lose_one_mark() -> None:
    assert bodies(posted(letter(">From me\n>>From you\n> From far\n>Fromage"))) == [
        "From me\n>From you\n> From far\n>Fromage"
    ]


def test_threads_are_sections_with_their_messages_below() -> None:
    one = letter("a", Message_ID="<1@x>", Date="Sat, 3 May 2025 14:00:00 +0000")
    two = letter("b", Message_ID="<2@x>", Date="Sat, 3 May 2025 13:30:00 +0000", Subject="Other")
    three = letter("c", In_Reply_To="<1@x>", Date="Sun, 4 May 2025 01:00:00 +0200", Subject="Re: Refund")
    part = read(posted(three, one, two), "a.mbox")
    assert [(each.level, each.kind) for each in part.sections] == [
        (1, "session"), (2, "message"), (1, "session"), (2, "message"), (2, "message"),
    ]  # fmt: skip
    assert part.sections[0].title == "Thread 1 of 2 — 3 May 2025 — Other"
    assert part.sections[2].title == "Thread 2 of 2 — 3 May 2025 to 4 May 2025 — Refund"
    assert part.text.index("Message 1 of 2\nFrom: Ann") < part.text.index("\na\n") < part.text.index("\nc\n")


def made(subject: str, message_id: str = "", references: tuple[str, ...] = ()) -> Letter:
    return Letter([], subject, message_id=message_id, references=references)


def grouped(*letters: Letter) -> list[list[int]]:
    return [[next(n for n, each in enumerate(letters) if each is one) for one in group] for group in threads(letters)]


def test_replies_to_a_missing_message_belong_together() -> None:
    assert grouped(made("x", "1", ("gone",)), made("y", "2"), made("z", "3", ("gone", "4"))) == [[0, 2], [1]]


def test_the_chain_may_come_in_any_order() -> None:
    chain = [made("s", str(n), (str(n - 1),) if n else ()) for n in range(50)]
    assert len(threads([*chain[::2], *chain[1::2][::-1]])) == 1


def test_subjects_join_only_replies_without_ids() -> None:
    letters = (made("Invoice"), made("Invoice"), made("Re: Invoice"), made("AW: RE: [shop] invoice"), made("Fwd: Tax"))
    assert grouped(*letters) == [[0], [1, 2], [3], [4]]
    assert grouped(made("Invoice"), made("Re: Invoice", "7", ("8",))) == [[0], [1]]
    assert grouped(made(""), made("Re:"), made("Re: ")) == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: a", ("a", True)),
        ("RE[2]: AW:  A  b", ("a b", True)),
        ("[shop] Re: a", ("a", True)),
        ("Reply: a", ("reply: a", False)),
        ("Re", ("re", False)),
    ],
)
def test_base_subjects(subject: str, base: tuple[str, bool]) -> None:
    assert base_subject(subject) == base


def test_what_is_not_shown_is_said() -> None:
    same = letter("same")
    sealed = multipart("encrypted", "Content-Type: application/x\n\nx")
    data = "rubbish before\n\n" + posted(same, same, sealed, ": no name\n\nlost")
    part = read(data, "a.mbox")
    said = "\n".join(part.warnings)
    assert "bytes before the first message are not shown: 14" in said
    assert "shown once: 1" in said
    assert [each.reason for each in part.unread] == ["it is encrypted"]


def test_what_is_no_mailbox() -> None:
    for data in ("", "hello", letter("x"), "From here to there\n"):
        with pytest.raises(BrokenFileError, match="not a mailbox"):
            read(data, "a.mbox")


def test_a_thousand_files_are_counted_beyond_the_first() -> None:
    image = "Content-Type: image/png; name={}.png\n\nx"
    part = read(posted(*(multipart("mixed", image.format(n)) for n in range(600))), "a.mbox")
    assert len(part.unread) == 500
    assert "a.mbox: 100 more attachments were not read." in part.warnings
