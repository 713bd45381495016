"""The README's map of the house: every name on it exists, every package is on it, and links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import HOUSE

README = (HOUSE / "README.md").read_text("utf-8")
MAP, TABLE = README.split("## Find your way")[1].split("```")[1:3]
ROOMS = ("assistant", "ingest", "sparse_backend", "storage")


def named() -> Iterator[Path]:
    """Each file and folder of the map. A line that is not indented opens a folder, in which the next ones stand."""
    home = HOUSE
    for line in filter(None, MAP.splitlines()):
        first, *others = line.strip().split(" · ")
        if not line.startswith(" "):
            name, _, rest = first.partition(": ")
            yield HOUSE / name
            home = HOUSE / name
            first = rest if ": " in rest else ""
        for group in filter(None, (first, *others)):
            yield from (home / name for name in group.partition(":")[0].split(", "))


def exists(path: Path) -> bool:
    return path.exists() or path.with_name(f"{path.name}.py").exists()


def test_every_name_on_the_map_exists() -> None:
    paths = list(named())
    assert len(paths) > 100 and not [str(path) for path in paths if not exists(path)]


@pytest.mark.parametrize("room", ROOMS)
def test_every_package_is_on_the_map(room: str) -> None:
    packages = {path.parent for path in (HOUSE / room).glob("*/__init__.py")}
    assert not packages - {path.resolve() for path in named()}


def test_the_table_of_changes_leads_to_files() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \|$", TABLE, re.MULTILINE)[1:]
    assert len(rows) > 5
    for row in rows:
        for cell in row:
            names = re.findall(r"`([^`]+)`", cell)
            folder = next((HOUSE / name for name in names if "/" in name), HOUSE)
            for name in names:
                place = HOUSE if "/" in name else folder if folder.is_dir() else folder.parent
                assert list(place.glob(name)), name


def test_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 ]", "", each.lower()).replace(" ", "-") for each in re.findall(r"^#+ (.+)$", README, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert "://" in target or (HOUSE / target).exists(), target
