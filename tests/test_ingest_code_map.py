"""The map of a repository: its text, and who imports whom in each language."""

from __future__ import annotations

import random

import pytest

from ingest.code.map import Definition, FileFacts, import_graph, repository_map
from ingest.tree.reader import map_of
from tests.ingest_code_cases import GOLDEN, facts_of, part_of, shop


def facts(*paths: str, format: str = "python", imports: tuple[str, ...] = ()) -> list[FileFacts]:
    """Files without definitions; the first one has the imports."""
    return [FileFacts(path, 10, 1, format, imports if path == paths[0] else (), ()) for path in paths]


def test_map_of_a_small_repository_is_the_golden_one() -> None:
    part = repository_map(shop())
    part.check()
    assert part.text == (GOLDEN / "shop_map.txt").read_text("utf-8")
    assert [(each.title, each.level, each.kind) for each in part.sections] == [
        ("Repository map", 1, "map"),
        ("Files", 2, "map"),
        ("Imports between the files", 2, "map"),
        ("Definitions, each with its line", 2, "map"),
    ]
    assert all(part.text[each.start : each.header_end] == each.title for each in part.sections)
    assert [span.path for span in part.spans] == ["(repository map)"]


def test_order_of_the_files_makes_no_difference() -> None:
    files = shop()
    expected = repository_map(files)
    random.Random(1).shuffle(files)
    assert repository_map(files) == expected


def test_graph_answers_who_imports_whom() -> None:
    graph = import_graph(shop())
    assert graph.imports_of("web/app.tsx") == ("web/api/index.ts", "web/button.tsx", "web/style.css")
    assert graph.importers_of("src/shop/prices.py") == ("src/shop/cart.py", "src/shop/models/item.py")
    assert graph.importers_of("go/internal/log/log.go") == ("go/main.go",)
    assert graph.outside["src/shop/cart.py"] == ("json", "os.path")
    assert graph.imports_of("nowhere") == graph.importers_of("nowhere") == ()


def test_every_edge_ends_at_a_file_or_folder_of_the_repository() -> None:
    files = shop()
    paths = {each.path for each in files}
    for targets in import_graph(files).inside.values():
        for target in targets:
            assert target in paths or any(path.startswith(target) for path in paths)


@pytest.mark.parametrize(
    ("format", "importer", "name", "others", "found"),
    [
        ("python", "a/b/c.py", "..d", ["a/d.py"], "a/d.py"),
        ("python", "a/b/c.py", "...d", ["d.py"], "d.py"),
        ("python", "a/b/c.py", "....d", ["a/d.py"], None),
        ("python", "a/b/c.py", "json", ["a/__init__.py", "a/json.py"], None),
        ("python", "a.py", "json", ["other/json.py"], None),
        ("python", "tests/t.py", "pkg.mod.name", ["src/pkg/mod.py", "src/pkg/__init__.py"], "src/pkg/mod.py"),
        ("python", "a.py", "pkg.mod", ["pkg/mod/__init__.py"], "pkg/mod/__init__.py"),
        ("python", "a.py", "a", [], None),
        ("javascript", "x/a.js", "./b", ["x/b.ts"], "x/b.ts"),
        ("javascript", "x/a.js", "./b", ["x/b/index.jsx"], "x/b/index.jsx"),
        ("javascript", "x/a.js", "../../b", ["b.js"], None),
        ("javascript", "x/a.js", "b", ["x/b.js", "b.js"], None),
        ("typescript", "x/a.ts", "./b.js", ["x/b.ts"], "x/b.ts"),
        ("go", "a.go", "fmt", ["fmt/f.go"], None),
        ("rust", "src/a/b.rs", "super::c::D", ["src/a/c.rs", "src/lib.rs"], "src/a/c.rs"),
        ("rust", "src/a/b.rs", "crate::c", ["src/lib.rs", "src/c/mod.rs"], "src/c/mod.rs"),
        ("rust", "src/a/b.rs", "crate::Thing", ["src/lib.rs"], "src/lib.rs"),
        ("rust", "x/src/main.rs", "my_lib::go::Go", ["my-lib/Cargo.toml", "my-lib/src/go.rs"], "my-lib/src/go.rs"),
        ("java", "A.java", "com.x.B.Inner", ["src/com/x/B.java"], "src/com/x/B.java"),
        ("java", "A.java", "java.util.List", ["util/List.java", "List.java"], None),
        ("kotlin", "A.kt", "com.x.shout", ["src/com/x/Texts.kt"], "src/com/x/"),
        ("scala", "A.scala", "com.x._", ["src/com/x/T.scala"], "src/com/x/"),
        ("c", "src/a.c", "../b.h", ["b.h"], "b.h"),
        ("c", "src/a.c", "x/b.h", ["deps/x/b.h", "src/x/b.h"], "src/x/b.h"),
        ("c", "src/a.c", "<stdio.h>", ["compat/stdio.h"], None),
        ("csharp", "A.cs", "Shop.Orders", ["src/Orders/Order.cs"], "src/Orders/"),
        ("ruby", "lib/a.rb", "x/b", ["lib/x/b.rb"], "lib/x/b.rb"),
        ("php", "a.php", "App\\Service\\Users", ["src/Service/Users.php"], "src/Service/Users.php"),
        ("php", "a.php", "App\\Users", ["src/Users.php"], "src/Users.php"),
        ("bash", "bin/a.sh", "./b.sh", ["bin/b.sh"], "bin/b.sh"),
        ("css", "a/b.css", "c", ["a/c.css"], "a/c.css"),
    ],
)
def test_imports_are_resolved_as_the_language_does(
    format: str, importer: str, name: str, others: list[str], found: str | None
) -> None:
    graph = import_graph(facts(importer, *others, format=format, imports=(name,)))
    assert graph.imports_of(importer) == ((found,) if found else ())
    assert bool(graph.outside[importer]) == (found is None and name != "a")  # a file may name itself


def test_long_lists_are_cut_with_their_number() -> None:
    paths = [f"m{number:03}.py" for number in range(100)]
    files = [FileFacts(path, 1, 1, "python", ("base",), ()) for path in paths]
    text = repository_map([*files, FileFacts("base.py", 1, 1_234, "python", (), ())]).text
    assert "base.py (1,234 lines)" in text
    assert "m029.py and 70 more\n" in text and "m030.py and" not in text


def test_definitions_show_the_top_and_the_methods_below_it() -> None:
    source = "namespace a {\nclass B {\n void c();\n class D { void e(); };\n};\n}\nint f() { return 1; }\n"
    text = repository_map([facts_of("a.cpp", source)]).text
    assert text.endswith("a.cpp\n  1 namespace a\n  2 class B: c\n  7 function f\n\n")


def test_the_line_of_a_definition_is_its_signature_even_where_a_decorator_holds_another_one() -> None:
    source = "// of A\n@x({\n  b() {},\n})\nclass A {\n}\n\n// of f\nfunction f() {}\n"
    found = map_of([("a.ts", part_of(source, "a.ts")), ("b.ts", part_of(source, "b.ts"))])
    assert found is not None
    assert found.text.endswith("b.ts\n  5 class A: b\n  9 function f\n\n")


def test_keys_and_rules_are_no_definitions_and_empty_parts_are_left_out() -> None:
    part = repository_map([FileFacts("a.json", 1, 1, "json", (), (Definition("key", "name", 1, 1),))])
    assert [each.title for each in part.sections] == ["Repository map", "Files"]
