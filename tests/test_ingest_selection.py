"""Which files of a tree are read, in which order, and why not the others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.document import BrokenFileError
from ingest.tree.entry import MAX_CONTROL_BYTES, Entry
from ingest.tree.selection import MAX_DEPTH, select
from tests.ingest_tree_cases import Tree, chosen, kept, reasons

GO = {"go.mod": "", "main.go": ""}


def test_the_trees_readme_first_then_by_path_in_code_points() -> None:
    paths = ("b/z.py", "b/README.md", "B.py", "a.py", "ä.py", "b/c/x.py", "b/a.py", "README.md", "readme.txt", "a/q.py")
    assert kept(dict.fromkeys(paths, "")) == [
        "README.md", "readme.txt", "B.py", "a/q.py", "a.py", "b/README.md", "b/a.py", "b/c/x.py", "b/z.py", "ä.py",
    ]  # fmt: skip


def test_a_folder_around_everything_does_not_hide_the_readme() -> None:
    assert kept(dict.fromkeys(("p-1.0/.editorconfig", "p-1.0/README.rst", "p-1.0/a/README.md"), "")) == [
        "p-1.0/README.rst", "p-1.0/.editorconfig", "p-1.0/a/README.md",
    ]  # fmt: skip


def test_what_cannot_be_read_says_so_itself() -> None:
    selection = select([Entry("a", 0, "a link, not followed"), Entry("b", 1)], lambda path: b"")
    assert [(item.path, item.page, item.reason) for item in selection.left] == [("a", None, "a link, not followed")]
    assert [entry.path for entry in selection.kept] == ["b"]


@pytest.mark.parametrize(
    ("tree", "path", "reason"),
    [
        ({".git/config": "", "x/.hg/store": ""}, ".git/config", "version-control data"),
        ({"sub/.git": "gitdir: …"}, "sub/.git", "version-control data"),
        ({"node_modules/a/index.js": ""}, "node_modules/a/index.js", "installed packages (node_modules)"),
        ({"web/node_modules/a/doc.pdf": ""}, "web/node_modules/a/doc.pdf", "installed packages (node_modules)"),
        (
            {"env/pyvenv.cfg": "", "env/lib/a.py": ""},
            "env/lib/a.py",
            "installed packages (the virtual environment env)",
        ),
        ({"a/__pycache__/b.txt": ""}, "a/__pycache__/b.txt", "a cache (__pycache__)"),
        ({**GO, "vendor/x/a.go": "", "vendor/x/NOTES.md": ""}, "vendor/x/NOTES.md", "vendored code (vendor)"),
        ({"Makefile": "", "lib/third_party/z.c": ""}, "lib/third_party/z.c", "vendored code (third_party)"),
        ({"Cargo.toml": "", "target/debug/a.d": ""}, "target/debug/a.d", "build output (target, beside Cargo.toml)"),
        ({"a/package.json": "", "a/dist/a.js": ""}, "a/dist/a.js", "build output (dist, beside package.json)"),
        ({"build.gradle": "", "build/a.txt": ""}, "build/a.txt", "build output (build, beside build.gradle)"),
        ({"App.csproj": "", "bin/a.txt": ""}, "bin/a.txt", "build output (bin, beside App.csproj)"),
        ({"Podfile": "", "Pods/a.m": ""}, "Pods/a.m", "installed packages (Pods, beside Podfile)"),
        ({"p.egg-info/PKG-INFO": ""}, "p.egg-info/PKG-INFO", "build output (p.egg-info)"),
        ({"package-lock.json": ""}, "package-lock.json", "a lock file"),
        ({"go.sum": ""}, "go.sum", "a lock file"),
        ({"a.min.js": ""}, "a.min.js", "minified"),
        ({"a.js.map": ""}, "a.js.map", "a source map"),
        ({"a_pb2.py": ""}, "a_pb2.py", "generated, as its name says"),
        ({"logo.PNG": ""}, "logo.PNG", "a picture (.png)"),
        ({"a/lib.so": ""}, "a/lib.so", "a program or library (.so)"),
    ],
)
def test_left_out_with_its_reason(tree: Tree, path: str, reason: str) -> None:
    assert reasons(tree)[path] == reason


@pytest.mark.parametrize(
    "tree",
    [
        {"Vendor/Contract.pdf": "", "vendor/offer.txt": "", "vendor/a/b.docx": ""},
        {**GO, "vendor/Contract.pdf": "", "vendor/offer.txt": ""},
        {**GO, "vendor/x/a.go": "", "vendor/x/terms.docx": ""},
        {"build/Contract.txt": "", "out/a.md": "", "dist/b.txt": "", "target/c.txt": "", "bin/d.sh": ""},
        {"package.json": "", "dist/Contract.pdf": ""},
        {"package.json": "", "scripts/build/a.js": "", "src/out/b.js": ""},
        {"vendor/a.js": "", "third_party/b.c": ""},
        {".gitignore": "*.o\n", "package.json": "", "build/webpack.js": ""},
        {"lib/a.js": "", "env/settings.py": "", "map/a.map": "", "locked.lock": "", "min.js": ""},
        {".github/ci.yml": "", ".gitattributes": "", ".env": "", ".vscode/a.json": ""},
    ],
)
def test_first_hand_material_is_read(tree: Tree) -> None:
    missing = {path: reason for path, reason in reasons(tree).items() if not path.endswith("vendor/x/a.go")}
    assert missing == {}


def test_own_ignore_file_leaves_out_and_brings_back() -> None:
    tree = {
        ".gitignore": "*.log\n/secret/\n",
        ".unabridgedignore": "!vendor/\nvendor/big/\n!keep.log\nnotes/\n!notes/a.md\n!*.svg\n!secret/\n",
        **GO,
        "vendor/x/a.go": "", "vendor/x/a.min.js": "", "vendor/big/b.go": "", "vendor/x/deep/y.log": "",
        "keep.log": "", "d/keep.log": "", "drop.log": "", "notes/a.md": "", "logo.svg": "", "secret/s.txt": "",
        "sub/.unabridgedignore": "/only\n", "sub/only": "", "sub/x/only": "", ".git/x.svg": "",
    }  # fmt: skip
    selection = chosen(tree)
    assert {item.path: item.reason for item in selection.left} == {
        "vendor/big/b.go": "left out by .unabridgedignore (vendor/big/)",
        "drop.log": "left out by .gitignore (*.log)",
        "notes/a.md": "left out by .unabridgedignore (notes/)",
        "sub/only": "left out by sub/.unabridgedignore (/only)",
        ".git/x.svg": "version-control data",
    }
    assert selection.insisted == {
        "vendor/x/a.go", "vendor/x/a.min.js", "vendor/x/deep/y.log", "keep.log", "d/keep.log", "logo.svg",
        "secret/s.txt",
    }  # fmt: skip


def test_control_files_of_folders_left_out_are_not_asked() -> None:
    tree = {"node_modules/.unabridgedignore": "!*\n", "node_modules/a/.gitignore": "!*\n", "node_modules/a/b.js": ""}
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return tree[path].encode()

    assert not select([Entry(path, 4) for path in tree], read).kept
    assert asked == []


def test_gitignore_is_silent_about_tracked_files() -> None:
    tree = {".gitignore": "out/\n*.log\n", "out/a.py": "", "out/b.py": "", "x.log": "", "y.log": ""}
    assert set(reasons(tree, frozenset(("out/a.py", "x.log")))) == {"out/b.py", "y.log"}
    assert set(reasons({"setup.py": "", "build/a.py": "", "build/b.py": ""}, frozenset(("build/a.py",)))) == set()
    assert set(reasons({**GO, "vendor/a.go": ""}, frozenset(("vendor/a.go",)))) == {"vendor/a.go"}


def test_gitattributes_declare() -> None:
    tree = {
        ".gitattributes": (
            '*.gen.ts linguist-generated\napi/[!.]* linguist-generated=true\nhand/* -linguist-vendored\n"sp ace" '
            "linguist-vendored\nfolder/ linguist-vendored\n*.min.js linguist-generated=false\n*.txt text eol=lf\n"
        ),
        "api/.gitattributes": "hand.ts -linguist-generated\nno.ts !linguist-generated\n",
        "a.gen.ts": "", "api/x.ts": "", "api/hand.ts": "", "api/no.ts": "", "api/law.pdf": "", "sp ace": "",
        "folder/a.txt": "", "written.min.js": "", "go.mod": "", "hand/vendor.go": "", "other/a.txt": "",
    }  # fmt: skip
    assert reasons(tree) == {
        "a.gen.ts": "generated, as .gitattributes says",
        "api/x.ts": "generated, as .gitattributes says",
        "sp ace": "vendored, as .gitattributes says",
    }
    assert chosen(tree).insisted == {"api/hand.ts", "written.min.js"}


def test_vendored_can_be_denied_by_attribute() -> None:
    tree = {
        **GO,
        ".gitattributes": "vendor/ours/** linguist-vendored=false\n",
        "vendor/ours/a.go": "",
        "vendor/b.go": "",
    }
    assert set(reasons(tree)) == {"vendor/b.go"}


def test_control_files_that_cannot_be_obeyed_are_told() -> None:
    def read(path: str) -> bytes:
        if path == ".gitignore":
            raise BrokenFileError("gone")
        return b"x" * (MAX_CONTROL_BYTES + 1)

    paths = [Entry(".gitignore", 3), Entry(".unabridgedignore", 3), Entry("d/.gitignore", 10**9), Entry("d/a", 1)]
    selection = select(paths, read)
    assert len(selection.kept) == 4
    assert [warning.split(" ")[0] for warning in selection.warnings] == [
        ".unabridgedignore", ".gitignore", "d/.gitignore",
    ]  # fmt: skip


def test_depth_is_bounded() -> None:
    tree = {"d/" * 5_000 + "x": "", "d/" * MAX_DEPTH + "x": ""}
    assert reasons(tree) == {"d/" * 5_000 + "x": f"more than {MAX_DEPTH} folders deep"}


WORDS = st.sampled_from(
    ("a", "B", "vendor", "node_modules", "build", "dist", ".git", ".gitignore", ".unabridgedignore", ".gitattributes",
     "go.mod", "package.json", "x.go", "y.pdf", "README", "z.min.js", "*.go linguist-generated", "é", "")
)  # fmt: skip
PATHS = st.lists(WORDS, min_size=1, max_size=5).map("/".join)
CONTROL = st.lists(st.text("ab*!/?[]\\# \n.ox", max_size=8) | WORDS.map("!{}".format) | WORDS, max_size=6).map(
    "\n".join
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(PATHS, st.sampled_from(("", "", "a link"))), max_size=30), CONTROL, st.randoms())
def test_every_entry_is_kept_or_left_exactly_once(rows: list[tuple[str, str]], control: str, rng: object) -> None:
    entries = [Entry(path, 1, problem) for path, problem in rows]
    selection = select(entries, lambda path: control.encode())
    found = [entry.path for entry in selection.kept] + [item.path for item in selection.left]
    assert sorted(found) == sorted(entry.path for entry in entries)
    assert all(item.reason and "\n" not in item.reason for item in selection.left)
    rng.shuffle(entries)  # type: ignore[attr-defined]
    again = select(entries, lambda path: control.encode())
    assert [entry.path for entry in again.kept] == [entry.path for entry in selection.kept]
