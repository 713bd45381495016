"""Ignore files against git itself."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from ingest.tree.ignore import compile_rule
from tests.ingest_tree_cases import IGNORE_CASES, Tree, chosen, write

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

NAMES = ("a", "b", "ab", "a.b", "foo", "foo.txt", "x y", "[a]", "#x", "!x", "-", "a]", "A")
PARTS = (
    "a", "b", "*", "?", "**", "a*", "*b", "*.txt", "foo", "[ab]", "[!a]", "[^a]*", "[a-c]", "\\a", "***", "a**b",
    "*a*b*", "[]a]", "[[:alpha:]]", "x y", "\\#x", "\\!x", "[\\]a]", "*]", "??", "[!-]",
)  # fmt: skip


def git_ignores(tree: Tree, paths: list[str], folder: Path) -> set[str]:
    subprocess.run(["git", "init", "-q", folder], check=True)
    write(tree, folder)
    write(dict.fromkeys(paths, "x"), folder)
    asked = subprocess.run(
        ["git", "-C", folder, "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(paths).encode(),
        capture_output=True,
    )
    return set(asked.stdout.decode().split("\0")) - {""}


def we_ignore(tree: Tree, paths: list[str]) -> set[str]:
    left = chosen({**tree, **dict.fromkeys(paths, "x")}).left
    return {item.path for item in left if ".gitignore" in item.reason} & set(paths)


@pytest.mark.parametrize(("tree", "paths"), IGNORE_CASES, ids=lambda value: None)
def test_ignores_what_git_ignores(tree: Tree, paths: tuple[str, ...], tmp_path: Path) -> None:
    there = [path for path in paths if not any(other.startswith(path + "/") for other in paths)]
    assert we_ignore(tree, there) == git_ignores(tree, there, tmp_path)


@pytest.mark.parametrize("seed", range(12))
def test_ignores_what_git_ignores_in_trees_made_up(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    paths = {"/".join(rng.choices(NAMES, k=rng.randint(1, 5))) for _ in range(40)}
    folders = {path.rsplit("/", cut)[0] for path in paths for cut in range(1, path.count("/") + 1)}
    files = sorted(paths - folders)
    tree = {
        f"{folder}.gitignore": "".join(pattern(rng) + "\n" for _ in range(5))
        for folder in ("", *(f"{name}/" for name in rng.sample(sorted(folders), 2)))
    }
    assert we_ignore(tree, files) == git_ignores(tree, files, tmp_path)


def pattern(rng: random.Random) -> str:
    parts = "/".join(rng.choices(PARTS, k=rng.choice((1, 1, 1, 2, 2, 3, 4))))
    before = rng.choice(("", "", "", "!", "!")) + rng.choice(("", "", "/"))
    return before + parts + rng.choice(("", "", "/"))


@pytest.mark.parametrize("line", ["*a" * 200 + "b", "**/a*" * 9 + "/zz", "*[a-z]" * 100 + "!", "a/" + "**/b/" * 9])
def test_no_pattern_makes_matching_slow(line: str) -> None:
    rule = compile_rule(line)
    assert not isinstance(rule, str) and rule is not None
    # one that goes back takes hours here
    for path in ("a" * 255, "/".join(["ab"] * 100), "a/" + "b/" * 99):
        assert not rule.matches(path, folder=False)


def test_a_pattern_not_obeyed_is_told() -> None:
    selection = chosen({".gitignore": "**/a" * 11 + "\n" + "b" * 1_001 + "\nc\n", "c": "", "b": ""})
    assert [item.path for item in selection.left] == ["c"]
    assert [warning.split(":")[0] for warning in selection.warnings] == [".gitignore, line 1", ".gitignore, line 2"]
