"""`compare` on the terminal: what changed, with its words, and nothing of a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.compare_command import compare
from assistant.errors import AssistantError
from ingest import IngestError, Limits
from tests.fakes import CONTRACT, contract


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    """The contract, and a version with a shorter notice, a clause less and one more."""
    newer = CONTRACT.replace("ninety (90)", "sixty (60)").replace("5. Governing Law.", "6. Governing Law.")
    newer = newer.replace(
        "6. Governing Law.", "5. Audit.\nThe Client may audit the books once a year.\n\n6. Governing Law."
    )
    return contract(tmp_path / "1"), contract(tmp_path / "2", newer, "newer.txt")


def test_changes_are_told_with_their_words(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    compare(versions, Limits())
    said = capsys.readouterr().out
    assert "edited: 4. Termination" in said
    assert "[-ninety-] {+sixty+}" in said
    assert "added: 5. Audit" in said
    assert "renumbered: 6. Governing Law (was 5)" in said
    assert said.splitlines()[-1].endswith("1 edited, 1 added, 1 renumbered, 4 unchanged.")


def test_the_json_object_is_the_last_line(versions: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    compare(versions, Limits(), as_json=True)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["unchanged"] + len(found["changes"]) == found["clauses"]
    (edited,) = [each for each in found["changes"] if "edited" in each["kinds"]]
    assert {"kind": "gone", "text": "ninety"} in edited["words"]
    assert edited["old"]["number"] == edited["new"]["number"] == "4"


def test_one_version_or_a_missing_one_is_an_error(versions: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="two versions"):
        compare(versions[:1], Limits())
    with pytest.raises(IngestError, match="nowhere"):
        compare((versions[0], tmp_path / "nowhere.txt"), Limits())
