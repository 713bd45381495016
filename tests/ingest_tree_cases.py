"""Trees written as {path: text}, for tests of what is chosen from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ingest.tree.entry import Entry
from ingest.tree.selection import Selection, select

Tree = Mapping[str, str]

# .gitignore lines → paths; git itself says which of them are ignored.
IGNORE_CASES: tuple[tuple[Tree, tuple[str, ...]], ...] = (
    ({".gitignore": "*.log\n"}, ("a.log", "d/a.log", "a.logs", ".log", "a.log/x")),
    ({".gitignore": "/a.log\n"}, ("a.log", "d/a.log")),
    ({".gitignore": "logs/\n"}, ("logs/a", "d/logs/b", "e/logs")),
    ({".gitignore": "/logs\n"}, ("logs/a", "d/logs/b")),
    ({".gitignore": "d/e\n"}, ("d/e", "x/d/e", "d/f")),
    ({".gitignore": "d/e/\n"}, ("d/e/f", "x/d/e/f")),
    ({".gitignore": "*.log\n!keep.log\n"}, ("a.log", "keep.log", "d/keep.log")),
    ({".gitignore": "!keep.log\n*.log\n"}, ("keep.log",)),
    ({".gitignore": "out/\n!out/keep.txt\n"}, ("out/keep.txt", "out/a")),
    ({".gitignore": "out/*\n!out/keep.txt\n"}, ("out/keep.txt", "out/a", "out/d/keep.txt")),
    ({".gitignore": "out/**\n!out/keep.txt\n"}, ("out/keep.txt", "out/a", "out/d/a")),
    ({".gitignore": "/*\n!/src\n"}, ("src/a", "src/d/b", "doc/a", "top")),
    ({".gitignore": "/*\n!/src\n/src/*\n!/src/main\n"}, ("src/main/a", "src/test/a")),
    ({".gitignore": "*\n!*/\n!*.c\n"}, ("a.c", "d/a.c", "d/a.o", "d/e/a.c")),
    ({".gitignore": "*.log\n!logs/\n"}, ("logs/a.log", "logs/a.txt")),
    ({".gitignore": "**/temp\n"}, ("temp", "a/temp", "a/b/temp/c")),
    ({".gitignore": "a/**/z\n"}, ("a/z", "a/b/z", "a/b/c/z", "b/a/z")),
    ({".gitignore": "a/**\n"}, ("a/b", "a/b/c", "b/a/c")),
    ({".gitignore": "**/a/**/z/**\n"}, ("x/a/z/q", "a/b/z/q", "a/z")),
    ({".gitignore": "**\n"}, ("a", "b/c")),
    ({".gitignore": "*/\n"}, ("a", "b/c")),
    ({".gitignore": "**/\n"}, ("a", "b/c")),
    ({".gitignore": "/**\n!/a\n"}, ("a", "b", "c/a")),
    ({".gitignore": "a***b\n/***/q\n"}, ("ab", "axb", "d/axxb", "d/e/q", "q")),
    ({".gitignore": "?.txt\n"}, ("a.txt", "ab.txt", "d/b.txt")),
    ({".gitignore": "[ab].txt\n"}, ("a.txt", "c.txt")),
    ({".gitignore": "[!ab].txt\n[^x]y\n"}, ("a.txt", "c.txt", "xy", "zy")),
    ({".gitignore": "[a-c]x\n[z-a]y\n[]]z\n"}, ("ax", "dx", "ay", "]z")),
    ({".gitignore": "[[:digit:]]x\n[[:alpha:]_]y\n"}, ("1x", "ax", "_y", "by", "1y")),
    ({".gitignore": "a[\n[\nb\n"}, ("a[", "[", "b")),
    ({".gitignore": "\\#a\n#b\n\\!c\n"}, ("#a", "#b", "!c")),
    ({".gitignore": "a\\*b\n"}, ("a*b", "axb")),
    ({".gitignore": "trail   \nkept\\ \n"}, ("trail", "kept ", "kept")),
    ({".gitignore": " lead\n"}, (" lead", "lead")),
    ({".gitignore": "a\r\nb\r\n"}, ("a", "b")),
    ({".gitignore": "\ufeffa\n"}, ("a",)),
    ({".gitignore": "\n\n# only\n/\n"}, ("a", "b/c")),
    ({".gitignore": "ä*\n"}, ("äb", "b")),
    ({".gitignore": "*.log\n", "d/.gitignore": "!*.log\n"}, ("a.log", "d/a.log", "d/e/a.log")),
    ({".gitignore": "d/\n", "d/.gitignore": "!*\n"}, ("d/a", "e/d/b")),
    ({"d/.gitignore": "/a\nb\n"}, ("a", "b", "d/a", "d/e/a", "d/e/b")),
    ({"d/.gitignore": "*\n!.gitignore\n"}, ("d/a", "d/e/b", "a")),
    ({".gitignore": "d/*.x\n", "d/.gitignore": "!a.x\n", "d/e/.gitignore": "a.x\n"}, ("d/a.x", "d/b.x", "d/e/a.x")),
    ({".gitignore": "foo/bar/\n"}, ("foo/bar", "q/foo/bar/a")),
    ({".gitignore": "*.py[cod]\n*~\n.*.sw?\n"}, ("a.pyc", "a.py", "d/b~", ".a.swp")),
    ({".gitignore": "a/b/c/\n!a/b/\n"}, ("a/b/c/d", "a/b/e")),
)


def entries(tree: Tree) -> list[Entry]:
    """Each path of the tree as an entry."""
    return [Entry(path, len(text.encode())) for path, text in tree.items()]


def chosen(tree: Tree, tracked: frozenset[str] | None = None) -> Selection:
    """What is selected from the tree."""
    return select(entries(tree), lambda path: tree[path].encode(), tracked=tracked)


def kept(tree: Tree, tracked: frozenset[str] | None = None) -> list[str]:
    """The paths that are read, in their order."""
    return [entry.path for entry in chosen(tree, tracked).kept]


def reasons(tree: Tree, tracked: frozenset[str] | None = None) -> dict[str, str]:
    """The paths that are left out, with the reasons."""
    return {item.path: item.reason for item in chosen(tree, tracked).left}


def write(tree: Tree, folder: Path) -> None:
    """Puts the tree on the disk."""
    for path, text in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
