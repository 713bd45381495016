"""Personal data is masked by kind and number; figures that only look like it stay."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.masking import LONGEST_LINE, find, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to jane.o'neil+tag@mail.example.co.uk today.", "Write to [e-mail 1] today."),
        ("jürgen@müller.de, <a@b.io>.", "[e-mail 1], <[e-mail 2]>."),
        ("Call (415) 555-2671 please.", "Call [phone number 1] please."),
        ("Ring +44 20 7946 0958 or 020 7946 0958.", "Ring [phone number 1] or [phone number 2]."),
        ("Tel. +49 (0)30 901820, mobil 0151 23456789", "Tel. [phone number 1], mobil [phone number 2]"),
        ("+81 3-1234-5678 and +91 98765 43210", "[phone number 1] and [phone number 2]"),
        ("IBAN DE89 3704 0044 0532 0130 00 thanks", "IBAN [IBAN 1] thanks"),
        ("to GB82WEST12345698765432.", "to [IBAN 1]."),
        ("FR14 2004 1010 0505 0001 3M02 606 and more", "[IBAN 1] and more"),
        ("card 4111 1111 1111 1111 exp 12/28", "card [card number 1] exp 12/28"),
        ("3782-822463-10005", "[card number 1]"),
        ("SSN 536-90-4399", "SSN [identity number 1]"),
        ("SSN: 536904399", "SSN: [identity number 1]"),
        ("RSSMRA85T10A562S", "[identity number 1]"),
        ("DNI 54362315K, CPF 390.533.447-05", "DNI [identity number 1], CPF [identity number 2]"),
        ("from 192.168.7.12 and 2001:db8::8a2e:370:7334", "from [IP address 1] and [IP address 2]"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert mask(text)[0] == masked


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111112 shipped on 12.05.2025.",
        "Order number 2025-0042-118, page 123-45.",
        "A fee of $120,000.00 within 30 days, 1.5 percent.",
        "Version 1.2.3.4 of section 12.3.4.5 and v10.0.0.1",
        "DE89 3704 0044 0532 0130 01 has wrong check digits",
        "at 14:02:33, 2025-05-03T14:02:00Z",
        "user@localhost and @handle and a@b",
        "999.999.999.999",
        "The year 2021, Article 5(1)(a), 23 of 23 pages",
        "",
    ],
)
def test_other_figures_stay(text: str) -> None:
    assert mask(text) == (text, {})


def test_the_same_value_keeps_its_number_and_all_are_counted() -> None:
    text, counts = mask("a@b.io wrote to c@d.io; A@B.io again from +44 20 7946 0958, +442079460958.")
    assert text == "[e-mail 1] wrote to [e-mail 2]; [e-mail 1] again from [phone number 1], [phone number 1]."
    assert counts == {"e-mail": 3, "phone number": 2}


def test_names_are_masked_where_they_are_given() -> None:
    text, counts = mask("Jane Doe called. Dear Jane, JANE  DOE and Mr Doe: the doer Janet.", names=["Jane Doe"])
    assert counts == {"name": 4} and "Jane " not in text and text.endswith("the doer Janet.")
    assert mask("Jane called.", names=["", "Jo"]) == ("Jane called.", {})


def test_a_region_makes_local_numbers_known() -> None:
    text = "Appelez le 01 42 68 53 00."
    assert mask(text, regions=("FR",))[1] == {"phone number": 1}
    assert mask("Call 020 7946 0958 or +44 20 7946 0958.", regions=())[1] == {"phone number": 1}


def test_a_number_over_the_edge_of_a_long_line_is_found_whole() -> None:
    number = "+44 20 7946 0958"
    for shift in range(0, len(number) + 1, 3):
        line = "x " * ((LONGEST_LINE - shift) // 2) + " " * (shift % 2) + number + " end"
        text, counts = mask(line)
        assert counts == {"phone number": 1} and text.endswith("[phone number 1] end")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a@b.io", "+44 20 7946 0958", "x", " ", "\n", "4111 1111 1111 1111", "7", ".", "ß", "DE89"])
    )
)
def test_finds_never_overlap_and_what_is_masked_is_gone(parts: list[str]) -> None:
    text = " ".join(parts)
    finds = find(text)
    assert all(before.end <= after.start for before, after in pairwise(finds))
    masked, counts = mask(text)
    assert sum(counts.values()) == len(finds) == len(re.findall(r"\[[\w -]+ \d+\]", masked))
    assert "a@b.io" not in masked and "7946 0958" not in masked and "4111 1111 1111 1111" not in masked
    assert mask(masked)[0] == masked


@pytest.mark.parametrize(
    "text", ["a" * 50_000 + "@", "a.b" * 30_000 + "@", "a@" * 30_000, "::" * 20_000, "DE89" * 9_000]
)
def test_hostile_text_takes_no_time_out_of_proportion(text: str) -> None:
    assert mask(text) == (text, {})


def test_a_table_of_figures_is_searched_to_its_end() -> None:
    text, counts = mask("1 2 3\n" * 400 + "1 " * 400 + "+44 20 7946 0958")
    assert counts == {"phone number": 1} and text.endswith(" [phone number 1]")
