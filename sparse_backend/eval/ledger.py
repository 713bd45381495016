"""Ledger of one run: `run.json` with its conditions, `rows.jsonl` with one row for each question asked.

A cell is finished when all rows of it stand there; what a killed run left half done is dropped and done again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparse_backend.eval.case import EvalError

Row = dict[str, Any]  # as in rows.jsonl: "cell", "of" (rows of that cell), and what was measured


class Ledger:
    """Rows under `folder`, appended cell by cell."""

    def __init__(self, folder: Path, rows: list[Row]) -> None:
        self.folder = folder
        self.rows = rows
        self._finished = {row["cell"] for row in rows}

    @classmethod
    def open(cls, out: Path, identity: dict[str, Any], conditions: dict[str, Any], run: str | None = None) -> Ledger:
        """The run that has this `identity`, continued or begun; `run` names it, else its hash does.

        `identity`: everything that changes what is measured. Raises EvalError where `run` is another one's name.
        """
        identity = json.loads(json.dumps(identity))  # tuples read back as lists
        folder = out / (run or hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12])
        head = folder / "run.json"
        if head.exists():
            known = json.loads(head.read_text())["identity"]
            changed = [name for name in identity if known.get(name) != identity[name]]
            if changed:
                raise EvalError(
                    f"The run {folder} was made with another {', '.join(changed)}; give --run another name, or none."
                )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            head.write_text(json.dumps({"identity": identity, "conditions": conditions}, indent=1, ensure_ascii=False))
        return cls(folder, _whole_cells(folder / "rows.jsonl"))

    def finished(self, cell: str) -> bool:
        """Whether nothing of this cell is left to do."""
        return cell in self._finished

    def append(self, cell: str, rows: Sequence[Row]) -> None:
        """Writes the rows of one cell, all or, if the machine stops, none that count."""
        complete = [{"cell": cell, "of": len(rows), **row} for row in rows]
        with (self.folder / "rows.jsonl").open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in complete))
            file.flush()
            os.fsync(file.fileno())
        self.rows.extend(complete)
        self._finished.add(cell)


def _whole_cells(path: Path) -> list[Row]:
    """The rows of complete cells; the file is rewritten without the others."""
    if not path.exists():
        return []
    rows: list[Row] = []
    lines = path.read_text("utf-8").splitlines()
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # the line that was being written when the run was killed
    count = Counter(row["cell"] for row in rows)
    whole = [row for row in rows if count[row["cell"]] == row["of"]]
    if len(whole) < len(lines):
        partial = path.with_suffix(".partial")
        partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in whole), "utf-8")
        partial.replace(path)
    return whole
