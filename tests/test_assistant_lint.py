"""The lint of what was read: contracts file by file, and no word about source code among them."""

from __future__ import annotations

from pathlib import Path

from assistant.lint import findings
from ingest import load

CONTRACT = '1. Terms\n\n"Goods" means bolts. The buyer pays as said in Section 9.\n\n2. Price\n\nThe price is fixed.\n'


def test_source_code_beside_a_contract_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "contract.txt").write_text(CONTRACT)
    (tmp_path / "contract.py").write_text(f"'''\n{CONTRACT}'''\n\n\ndef f():\n    pass\n")
    document = load([tmp_path])
    assert document.report.files == 2
    assert {found["path"] for found in findings(document)} == {"contract.txt"}
    assert {found["code"] for found in findings(document)} == {"unused-term", "dangling-reference"}
