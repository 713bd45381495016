"""The house's arrows: app → assistant → {ingest, sparse_backend, storage}; the leaves never meet."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
LEAVES = ("ingest", "sparse_backend", "storage")
MAY_IMPORT = {leaf: {leaf} for leaf in LEAVES} | {"assistant": {"assistant", *LEAVES}}
OURS = {"app", "assistant", *LEAVES}
FORBIDDEN = {  # package → outside libraries that it must not know
    "ingest": {"torch", "transformers", "sqlalchemy", "gradio"},
    "sparse_backend": {"sqlalchemy", "gradio", "pypdf"},
    "storage": {"torch", "transformers", "gradio", "pypdf"},
}
CEILING = 330  # lines


def sources() -> list[Path]:
    return [path for package in MAY_IMPORT for path in sorted((HOUSE / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Top-level names of everything a file imports, at any depth of its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide arrows"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_arrows_point_one_way(path: Path) -> None:
    package = path.relative_to(HOUSE).parts[0]
    names = imported(path)
    assert not (names & OURS) - MAY_IMPORT[package]
    assert not names & FORBIDDEN.get(package, set())


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_only_the_web_package_knows_gradio(path: Path) -> None:
    if "web" not in path.relative_to(HOUSE).parts:
        assert "gradio" not in imported(path)


def suites() -> list[Path]:
    """The tests; the sources that some of them read are inputs, not ours."""
    return [path for path in sorted((HOUSE / "tests").rglob("*.py")) if "fixtures" not in path.parts]


@pytest.mark.parametrize(
    "path", [HOUSE / "app.py", *sources(), *suites()], ids=lambda path: str(path.relative_to(HOUSE))
)
def test_files_stay_readable_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= CEILING


@pytest.mark.parametrize("path", suites(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_no_test_file_imports_another(path: Path) -> None:
    """What several share has a home of its own, which runs no test."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        assert not (isinstance(node, ast.ImportFrom) and re.match(r"tests\..*\btest_", node.module or "")), node.lineno


def test_only_the_app_and_its_settings_read_the_environment() -> None:
    for path in sources():
        text = path.read_text("utf-8")
        assert not re.search(r"\benviron\b|\bgetenv\b", text), path
        assert "pydantic_settings" not in text or path == HOUSE / "assistant" / "settings.py", path


def test_kernels_do_not_import_each_other() -> None:
    kernels = HOUSE / "sparse_backend" / "kernels"
    names = {path.stem for path in kernels.glob("*.py")} - {"__init__"}
    for name in names:
        text = (kernels / f"{name}.py").read_text("utf-8")
        assert not [
            other for other in names - {name} if f"kernels.{other}" in text or f"kernels import {other}" in text
        ]
