"""What a contract is taken apart into: parties, dates, attachments, signatures, terms and references."""

from __future__ import annotations

import pytest

from ingest.contract import Contract, analyse
from tests.ingest_contract_cases import FIXTURES, read_file, read_text


def contract(text: str) -> Contract:
    return analyse(read_text(text))


def states(text: str) -> list[tuple[str, str]]:
    return [(each.label, each.state) for each in contract(text).references]


BODY = "1. Sale\nThe seller sells.\n2. Price\n2.1 Sum. It is ten.\n2.2 Time. It is due:\n(a) now; or\n(b) later.\n"


def test_the_top_and_the_end_of_a_lease() -> None:
    found = analyse(read_file(FIXTURES / "lint" / "lease.txt"))
    assert found.title == "OFFICE LEASE"
    assert [(each.name, each.short) for each in found.parties] == [
        ("Harbor Point Properties LLC", "Landlord"),
        ("Northwind Analytics, Inc.", "Tenant"),
    ]
    assert [(each.iso, each.kind) for each in found.dates] == [("2024-03-01", "effective")]
    attached = [(each.label, each.section is not None) for each in found.attachments]
    assert attached == [("EXHIBIT A", True), ("EXHIBIT B", True), ("Exhibit C", False)]
    signed = [(each.party, each.signatories) for each in found.signatures]
    assert signed == [
        ("HARBOR POINT PROPERTIES LLC", ("Maria Santos",)),
        ("NORTHWIND ANALYTICS, INC.", ("Peter Lund",)),
    ]
    assert [term.name for term in found.terms if term.own] == ["Lease"]
    assert "9.9" not in [each.label for each in found.references]  # it stands in the table of contents


def test_offsets_lead_to_the_words() -> None:
    found = analyse(read_file(FIXTURES / "lint" / "services.txt"))
    text = found.document.text
    for term in found.terms:
        for definition in term.definitions:
            assert " ".join(text[definition.start : definition.end].split()) in (term.name, *term.aliases)
        forms = [name.split()[0].casefold() for name in (term.name, *term.aliases)]
        assert all(any(text[use:].casefold().startswith(form) for form in forms) for use in term.uses)
    for reference in found.references:
        assert " ".join(text[reference.start : reference.end].split()) == reference.text
        if reference.section is not None:
            assert found.document.sections[reference.section].title


@pytest.mark.parametrize(
    ("words", "name", "kind"),
    [
        ('"Goods" means steel.', "Goods", "means"),
        ("“Goods” shall mean steel.", "Goods", "means"),
        ("“Goods” or “Products” mean steel.", "Goods", "means"),
        ("The term “Goods” as used in this contract means steel.", "Goods", "means"),
        ("He sells steel (the “Goods”) and coal.", "Goods", "short"),
        ("He sells steel and coal (collectively, the “Goods”).", "Goods", "short"),
        ("Seller and buyer (each, a “Party”) agree.", "Party", "short"),
        ("Acme Ltd, hereinafter referred to as the “Seller”, agrees.", "Seller", "short"),
        ("“Goods” has the meaning given in Section 2.1.", "Goods", "pointer"),
        ("“Goods” includes coal.", "Goods", "adds"),
        ("Der Verkäufer (nachfolgend „Verkäufer“) liefert.", "Verkäufer", "short"),
        ("La société Aulne (ci-après « le Client ») paie.", "le Client", "short"),
    ],
)
def test_forms_of_definitions(words: str, name: str, kind: str) -> None:
    (term,) = contract(BODY + words + "\n").terms
    assert (term.name, [each.kind for each in term.definitions]) == (name, [kind])


@pytest.mark.parametrize(
    "words",
    [
        "The word “goods” does not mean coal.",
        "Steel (as defined in the “Metal Code”) is sold.",
        "He said “stop” and left (see “Rules”).",
        "Note: this is no definition.",
    ],
)
def test_quotes_that_define_nothing(words: str) -> None:
    assert contract(BODY + words + "\n").terms == ()


def test_a_list_of_definitions_needs_its_section() -> None:
    entries = "Goods: steel and coal.\nPrice: the sum in clause 2.\n"
    assert [term.name for term in contract("1. Definitions\n" + entries + "2. Sale\nSold.\n").terms] == [
        "Goods",
        "Price",
    ]
    assert contract("1. Sale\n" + entries + "2. Law\nNone.\n").terms == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("as Section 2.2(b) says", [("2.2(b)", "resolved")]),
        ("as Section 2.2(c) says", [("2.2(c)", "dangling")]),
        ("as Sections 2.1, 2.2 and 7 say", [("2.1", "resolved"), ("2.2", "resolved"), ("7", "dangling")]),
        ("under Clauses 1 through 2", [("1", "resolved"), ("2", "resolved")]),
        ("under Section 2.2(a) and (b)", [("2.2(a)", "resolved"), ("2.2(b)", "resolved")]),
        ("under Section 2.1 and 30 days later", [("2.1", "resolved")]),
        ("as Section 4 of the Lease says", [("4", "external")]),
        ("under Section 409A of the Internal Revenue Code", [("409A", "external")]),
        ("under 17 U.S.C. § 101", [("101", "external")]),
        ("under Article 6 GDPR and § 433 BGB", [("6", "external"), ("433", "external")]),
        ("under Article 28(3) of Regulation (EU) 2016/679", [("28(3)", "external")]),
        ("as Section 9 thereof says", [("9", "external")]),
        ("as Section 9 of this contract says", [("9", "dangling")]),
        ("as this Section says", [("", "resolved")]),
        ("as Exhibit A-1 shows", [("A-1", "dangling")]),
        ("as Exhibits A and B show", [("A", "dangling"), ("B", "dangling")]),
    ],
)
def test_references(words: str, expected: list[tuple[str, str]]) -> None:
    assert states(f"{BODY}3. Rest\nIt holds {words}.\n") == expected


def test_a_schedule_counts_for_itself() -> None:
    text = BODY + "SCHEDULE 1\nGOODS\n1. Steel as in paragraph 2.\n2. Coal as in clause 2.2, not paragraph 5.\n"
    found = contract(text)
    titles = [
        None if each.section is None else found.document.sections[each.section].title for each in found.references
    ]
    assert titles[0] is not None and titles[0].startswith("2. Coal")
    assert titles[1] is not None and titles[1].startswith("2.2 Time") and titles[2] is None


def test_one_file_of_several() -> None:
    document = read_text(BODY)
    assert analyse(document, "contract.txt").end == len(document.text)
    with pytest.raises(KeyError):
        analyse(document, "other.txt")


HOSTILE = [
    "“",
    "(the “A” ",
    "Section 1 of ",
    "Sections 1, ",
    "((((",
    ". . . ",
    "(a) x\n",
    "By: x\n",
    "“T” means the T.\n",
    "§",
    "Exhibit A\n",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_only_text(piece: str) -> None:
    assert analyse(read_text("1. Sale\n" + piece * 3000 + "\n")).end > 0
