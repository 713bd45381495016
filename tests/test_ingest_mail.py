"""E-mail messages: headers, bodies, attachments, encryption, and damage of every kind."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.document import BrokenFileError, EncryptedFileError, IngestError, LimitError
from ingest.mail import header, message
from ingest.part import Request
from tests.ingest_history_cases import shown
from tests.ingest_mail_cases import FILES, FIXTURES, GOLDEN, letter, multipart, read

PLAIN = "Content-Type: text/plain; charset=utf-8\n\n"
HTML = "Content-Type: text/html; charset=utf-8\n\n"
PDF = "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n"


@pytest.mark.parametrize("file", FILES)
def test_golden(file: str) -> None:
    assert shown(read((FIXTURES / file).read_bytes(), file)) == (GOLDEN / f"{file}.txt").read_text("utf-8")


def test_the_header_block_is_the_header_of_the_section() -> None:
    part = read(letter(To="b@example.com", Date="Sat, 3 May 2025 14:02:00 +0530"))
    section = part.sections[0]
    assert (section.level, section.kind, section.title) == (1, "message", "Refund (Ann, 3 May 2025)")
    assert part.text[section.start : section.header_end] == (
        "From: Ann <ann@example.com>\nTo: b@example.com\nDate: 3 May 2025, 14:02 (UTC+05:30)\nSubject: Refund"
    )


@pytest.mark.parametrize(
    ("written", "shown_as"),
    [
        ("Sat, 3 May 2025 14:02:00 -0800", "3 May 2025, 14:02 (UTC-08:00)"),
        ("Sat, 3 May 2025 14:02:00 -0000", "3 May 2025, 14:02 (UTC)"),
        ("3 May 25 14:02 EST", "3 May 2025, 14:02 (UTC-05:00)"),
        ("yesterday", "yesterday"),
        ("Sat, 99 May 2025 14:02:00 +0000", "Sat, 99 May 2025 14:02:00 +0000"),
        ("Fri, 31 Dec 9999 23:59:00 -0100", "Fri, 31 Dec 9999 23:59:00 -0100"),
    ],
)
def test_dates(written: str, shown_as: str) -> None:
    assert f"\nDate: {shown_as}\n" in "\n" + read(letter(Date=written)).text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?q?caf=C3=A9?=", "café"),
        ("=?utf-8?b?Y2Fmw6k=?= =?utf-8?q?_noir?= now", "café noir now"),
        ("=?utf-8?b?w?= =?x-none?q?a=E9?=", "=?utf-8?b?w?= =?x-none?q?a=E9?="),
        ("=?iso-8859-1?Q?a=E9?=", "aé"),
        ("=?utf-8*en?q?hi?=", "hi"),
        ("no =?words here", "no =?words here"),
        ("caf\udcc3\udca9", "café"),
        ("a\r\n\tb", "a b"),
    ],
)
def test_header_values(raw: str, text: str) -> None:
    assert header.readable(raw) == text


def test_plain_text_comes_before_html() -> None:
    both = multipart("alternative", PLAIN + "the words", HTML + "<p>the <b>words</b> again</p>")
    assert "the words\n" in read(both).text
    assert "again" not in read(both).text


@pytest.mark.parametrize("plain", ["", " \n", "Please view this message in a browser."])
def test_html_is_read_where_the_plain_text_says_nothing(plain: str) -> None:
    part = read(
        multipart("alternative", PLAIN + plain, HTML + "<p>We cancel the contract</p>" + "<p>as of today</p>" * 9)
    )
    assert "We cancel the contract" in part.text


def test_attachments_are_listed_and_handed_out() -> None:
    data = multipart("mixed", PLAIN + "see file", PDF, "Content-Type: image/png\n\nxyz")
    part = read(data)
    assert [each.path for each in part.unread] == ["a.eml/a.pdf", "a.eml/a picture"]
    assert "(attached, not read: a.pdf, application/pdf, 5 bytes)" in part.text
    assert message.attachments(data.encode()) == [("a.pdf", b"hello"), ("a picture", b"xyz")]


def test_attachments_inside_an_html_form_are_not_lost_with_it() -> None:
    related = multipart("related", HTML + "<p>words</p>", PDF).partition("\n\n")
    rich = "Content-Type: multipart/related; boundary=b-related\n\n" + related[2]
    for plain in ("words", "long words " * 100):
        assert [each.path for each in read(multipart("alternative", PLAIN + plain, rich)).unread] == ["a.eml/a.pdf"]


def test_texts_and_messages_inside_are_sections() -> None:
    inner = "Content-Type: message/rfc822\n\n" + letter("inner words\n", Subject="Inner")
    text = "Content-Type: text/plain\nContent-Disposition: attachment; filename=../../n.txt\n\nnote words"
    part = read(multipart("mixed", PLAIN + "outer words", inner, text))
    kinds = [(each.level, each.kind, each.title) for each in part.sections]
    assert kinds == [(1, "message", "Refund (Ann)"), (2, "message", "Inner (Ann)"), (2, "attachment", "n.txt")]
    for words, section in zip(("outer words", "inner words", "note words"), part.sections, strict=True):
        assert words in part.text[section.start : section.end]


def test_names_of_files() -> None:
    for line in ("attachment; filename*=utf-8''Ver%C3%A4.pdf", 'attachment; filename="=?utf-8?q?Ver=C3=A4=2Epdf?="'):
        part = read(multipart("mixed", PDF.replace("name=a.pdf", f"x=y\nContent-Disposition: {line}")))
        assert [each.path for each in part.unread] == ["a.eml/Verä.pdf"]


@pytest.mark.parametrize(
    "data",
    [
        multipart("encrypted", "Content-Type: application/pgp-encrypted\n\nVersion: 1", PDF),
        letter("MIIB", Content_Type="application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"),
        letter("MIIB", Content_Type="application/x-pkcs7-mime; smime-type=signed-data"),
        letter("-----BEGIN PGP MESSAGE-----\n\nhQE\n-----END PGP MESSAGE-----\n"),
    ],
)
def test_encrypted_messages(data: str) -> None:
    with pytest.raises(EncryptedFileError, match=r"^a\.eml cannot be read, .*save it as plain text\.$"):
        read(data)


def test_an_encrypted_message_among_readable_ones_is_reported() -> None:
    sealed = "Content-Type: message/rfc822\n\n" + multipart("encrypted", PDF)
    part = read(multipart("mixed", PLAIN + "open words", sealed))
    assert "open words" in part.text
    assert [each.reason for each in part.unread] == ["it is encrypted"]


def test_a_signature_is_said_to_be_unchecked() -> None:
    part = read(multipart("signed", PLAIN + "signed words", "Content-Type: application/pgp-signature\n\nabc"))
    assert "signed words" in part.text
    assert part.warnings == ["a.eml: digital signatures were not checked: 1."]


@pytest.mark.parametrize(
    ("charset", "raw", "text", "warned"),
    [
        ("utf-8", b"caf\xc3\xa9", "café", False),
        ("us-ascii", b"caf\xc3\xa9", "café", False),
        ("utf-8", b"caf\xe9", "café", True),
        ("x-unknown", b"caf\xc3\xa9", "café", False),
        ("iso-8859-1", b"\x93hi\x94", "“hi”", False),
        ("gb2312", "中".encode("gb18030"), "中", False),
        ("hex", b"414243", "414243", False),
        ("idna", b"xn--a", "xn--a", False),
        ('"a\x00b"', b"hi", "hi", False),
        ("iso-8859-8-i", b"\xf9\xec\xe5\xed", "שלום", False),
    ],
)
def test_charsets(charset: str, raw: bytes, text: str, warned: bool) -> None:
    part = read(letter("", Content_Type=f"text/plain; charset={charset}").encode() + raw + b"\n")
    assert part.text.endswith(f"\n\n{text}\n")
    assert bool(part.warnings) is warned


@pytest.mark.parametrize(
    "data",
    [
        multipart("mixed", PLAIN + "the words", PDF).partition("--b-mixed--")[0],
        letter("the words", Content_Type="multipart/mixed"),
        letter("--b\n\nthe words", Content_Type="multipart/mixed; boundary=other"),
        letter("dGhlIHdvcmRz@@=\n", Content_Type="text/plain", Content_Transfer_Encoding="base64"),
    ],
)
def test_damaged_parts_are_read_as_far_as_they_go(data: str) -> None:
    part = read(data)
    assert "the words" in part.text
    assert any("damaged" in warning for warning in part.warnings)


def test_words_outside_all_parts_are_reported() -> None:
    data = multipart("mixed", PLAIN + "seen") + "unseen " * 100
    assert any("before and after the parts" in warning for warning in read(data).warnings)


@pytest.mark.parametrize("data", [b"", b"\n\n\n", b"just words\n", b"\x00\xff\xfe"])
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(BrokenFileError, match="not an e-mail message"):
        read(data)


def nested(kind: str, depth: int) -> str:
    if kind == "message":
        return letter("") + "Content-Type: message/rfc822\n\n" * depth + "\nwords"
    levels = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return "From: a\n" + "".join(levels) + PLAIN + "words"


@pytest.mark.parametrize("kind", ["multipart", "message"])
def test_deep_nesting(kind: str) -> None:
    assert "words" in read(nested(kind, 50)).text
    for depth in (150, 10_000):
        with pytest.raises(BrokenFileError, match="nested too deeply"):
            read(nested("multipart", depth))


def test_long_header_lines_are_cut_and_said_so() -> None:
    part = read(letter(To="someone@example.com, " * 20_000))
    assert len(part.text) < 210_000
    assert any("were cut: 1" in warning for warning in part.warnings)


@pytest.mark.parametrize(
    "junk", [";" * 300_000, '; a="' + ";" * 700_000, "=?a?q?" * 300_000, "(" * 300_000, "<" * 300_000]
)
def test_hostile_header_lines_take_linear_time(junk: str) -> None:
    """Without their bounds these run for minutes, past the time limit of the tests."""
    names = ("To", "Date", "References", "Content_Type", "Content_Disposition", "Content_Transfer_Encoding")
    assert "the words" in read(letter("the words", **dict.fromkeys(names, f"a{junk}"))).text


def test_limit() -> None:
    with pytest.raises(LimitError, match="limit of 100 characters"):
        message.read(letter("x" * 100).encode(), "a.eml", Request(max_chars=100, max_pages=1))


@pytest.mark.parametrize("file", FILES)
def test_mutated_files_give_a_part_or_an_error(file: str) -> None:
    data, chance = (FIXTURES / file).read_bytes(), random.Random(11)
    for _ in range(200):
        mutated = bytearray(data)
        for _ in range(chance.choice((1, 4, 40))):
            place = chance.randrange(len(mutated) or 1)
            match chance.randrange(3):
                case 0:
                    mutated[place : place + 1] = bytes([chance.randrange(256)])
                case 1:
                    del mutated[place : place + chance.randrange(50)]
                case _:
                    mutated[place:place] = mutated[(start := chance.randrange(len(mutated) or 1)) : start + 80]
        try:
            read(bytes(mutated), file)
        except IngestError as error:
            assert str(error).startswith(file)


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300), st.binary(max_size=200))
def test_any_body_and_any_bytes(words: str, junk: bytes) -> None:
    assert words in read(letter(words, Content_Type="text/plain; charset=utf-8")).text
    try:
        read(junk)
        read(b"From: a\n" + junk)
    except IngestError:
        pass
