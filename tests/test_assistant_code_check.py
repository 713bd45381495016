"""What a code answer names is looked up in the tree; who calls and imports comes from the files and the map."""

from __future__ import annotations

import pytest

from assistant.code_check import CodeCheck
from assistant.code_names import names_in
from assistant.code_tree import Tree
from assistant.code_uses import find_uses
from ingest import Document
from tests.assistant_code_cases import shop
from tests.fakes import lines


@pytest.fixture(scope="module")
def deed() -> Document:
    return shop()


@pytest.fixture(scope="module")
def tree(deed: Document) -> Tree:
    return Tree(deed)


@pytest.fixture(scope="module")
def check(tree: Tree) -> CodeCheck:
    return CodeCheck(tree)


# -- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("See src/shop/cart.py:12-20.", [("path", "src/shop/cart.py", (12, 20))]),
        ("See `cart.py#L7` now.", [("path", "cart.py", (7, 7))]),
        ("In src/shop/cart.py, line 3, it is.", [("path", "src/shop/cart.py", (3, 3))]),
        ("In `cart.py` (lines 3 to 5).", [("path", "cart.py", (3, 5))]),
        ("On line 4 of src/a.py.", [("path", "src/a.py", (4, 4))]),
        ("The folder `src/shop` and src/shop/ hold it.", [("path", "src/shop", None), ("path", "src/shop/", None)]),
        ("It can read and/or write 3/4 of it.", []),
        ("See https://example.com/a/b.py for more.", []),
        ("`Cart.total()` and load() and load_all.", [("symbol", "Cart.total", None), ("symbol", "load", None),
                                                   ("symbol", "load_all", None)]),
        ("`x = make(path)` calls `Users::all`.", [("symbol", "make", None), ("symbol", "Users::all", None)]),
        ("ShopCart on GitHub, Cart.total there.", [("symbol", "ShopCart", None), ("symbol", "Cart.total", None)]),
        ("A plain sentence. Then one more: e.g. this.", []),
    ],
)  # fmt: skip
def test_names_are_found_as_they_are_written(answer: str, names: list[tuple[object, ...]]) -> None:
    found = names_in(answer)
    assert [(name.kind, name.text, name.lines) for name in found] == names
    assert all(answer[name.start : name.end].startswith(name.text) for name in found)


# -- the tree ------------------------------------------------------------------------


def test_files_lines_and_definitions_are_those_of_the_repository(tree: Tree, deed: Document) -> None:
    assert "src/shop/cart.py" in tree.files and "(repository map)" not in tree.files
    assert tree.lines("src/shop/cart.py") == 21
    start, end = tree.line_range("src/shop/cart.py", 20)
    assert deed.text[start:end] == "def load(path):"
    for line in (0, 22):
        with pytest.raises(IndexError):
            tree.line_range("src/shop/cart.py", line)
    assert tree.named("shop/cart.py") == ("src/shop/cart.py",) and tree.named("art.py") == ()
    assert tree.named("src/shop") == ("src/shop/",)
    assert [(each.path, each.line) for each in tree.symbols("Cart.total")] == [("src/shop/cart.py", 16)]
    assert [each.name for each in tree.symbols("Users::all")] == ["Users.all"]
    assert tree.symbols("cart.load") == tree.symbols("load") != ()
    assert tree.symbols("prices.load") == ()


def test_a_single_file_is_a_tree_too() -> None:
    tree = Tree(lines("def one():\n    two()\n", "one.py"))
    assert tree.files == ("one.py",) and tree.lines("one.py") == 2 and not tree.has_map


# -- checks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "unverified"),
    [
        ("`load` is defined in src/shop/cart.py:20.", ()),
        ("`Cart.total` sums; it lies in shop/cart.py (line 17).", ()),
        ("The prices come from `src/shop/models/` and `Decimal`.", ()),
        ("`Cart.remove` takes an item out.", ("Cart.remove",)),
        ("See src/shop/basket.py and load_all().", ("src/shop/basket.py", "load_all")),
        ("See src/shop/cart.py:400.", ("src/shop/cart.py:400",)),
        ("See src/shop/cart.py:20-22.", ("src/shop/cart.py:20-22",)),
        ("`load` is at src/shop/cart.py:2.", ("load at src/shop/cart.py:2",)),
        ("Nothing is named here, and/or said.", ()),
    ],
)
def test_what_is_not_in_the_tree_is_told_apart(check: CodeCheck, answer: str, unverified: tuple[str, ...]) -> None:
    assert check.names(answer).unverified == unverified


def test_a_place_that_agrees_with_its_symbol_proves_it(check: CodeCheck, deed: Document) -> None:
    found = check.names("`load` is in src/shop/cart.py:20 and makes a `Cart`.")
    assert found.located
    words = [deed.text[place.start : place.end] for place in found.places]
    assert words[0] == "def load(path):" and any(each.startswith("class Cart") for each in words)
    assert not check.names("`load` is in src/shop/cart.py.").located
    assert not check.names("See src/shop/cart.py:20.").located  # nothing is claimed of it


def test_a_wrong_line_is_answered_with_the_right_one(check: CodeCheck) -> None:
    found = check.names("`load` is at src/shop/cart.py:2.")
    assert not found.located and found.facts == ("`load` is defined at src/shop/cart.py:20.",)


# -- callers and importers -----------------------------------------------------------


def test_callers_are_told_with_their_places(check: CodeCheck, deed: Document) -> None:
    found = check.uses("Who calls `load`?")
    (fact,) = found.facts
    assert fact.startswith("`load` is defined at src/shop/cart.py:20. `load` is called at src/run.py:8 (in main)")
    assert deed.text[found.places[0].start : found.places[0].end] == "cart = load(path)"
    assert {place.kind for place in found.places} == {"caller"}


def test_comments_quotes_imports_and_definitions_are_no_uses(tree: Tree, deed: Document) -> None:
    uses = [use for use in find_uses(tree, "load") if use.path == "src/run.py"]
    assert [(use.line, use.called) for use in uses] == [(8, True)]
    assert all(deed.line_of(use.start) == use.line for use in find_uses(tree, "total"))


def test_of_a_shared_name_no_definition_is_said_to_be_meant(check: CodeCheck) -> None:
    (fact,) = check.uses("Where is total used?").facts
    assert "Something named `total` (2 definitions share the name) is called at" in fact
    assert "`total` is called" not in fact


def test_a_method_is_used_behind_a_dot_and_texts_use_nothing(tree: Tree) -> None:
    assert [(use.path, use.line) for use in find_uses(tree, "Cart.total")] == [
        ("src/run.py", 9),
        ("tests/test_cart.py", 7),
    ]
    assert not [use for use in find_uses(tree, "load") if use.path.endswith(".txt")]


@pytest.mark.parametrize(
    "question", ["Who imports src/shop/prices.py?", "Which files import shop.prices?", "Where is prices.py imported?"]
)
def test_importers_come_from_the_map(check: CodeCheck, deed: Document, question: str) -> None:
    found = check.uses(question)
    assert found.facts == ("src/shop/prices.py is imported by src/shop/cart.py, src/shop/models/item.py.",)
    words = [deed.text[place.start : place.end] for place in found.places]
    assert words == ["from . import prices, missing", "from ..prices import total"]


def test_a_go_package_is_imported_as_a_folder(check: CodeCheck) -> None:
    assert check.uses("Who imports go/internal/log/log.go?").facts == (
        "go/internal/log/log.go is imported by go/main.go.",
    )


def test_imports_of_a_file_come_from_the_map(check: CodeCheck) -> None:
    assert check.uses("What does src/shop/models/item.py import?").facts == (
        "src/shop/models/item.py imports src/shop/prices.py.",
    )


@pytest.mark.parametrize(
    "question", ["What does load do?", "Who is the author?", "Who uses this?", "Where is the end?"]
)
def test_other_questions_get_no_such_facts(check: CodeCheck, question: str) -> None:
    assert check.uses(question).facts == ()
