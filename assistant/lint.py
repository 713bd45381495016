"""The lint of contracts as plain data, for the command line and the bot."""

from __future__ import annotations

from typing import Any

from ingest import Document
from ingest.contract import analyse, finding_line, lint
from ingest.formats import suffix_of
from ingest.tree.kinds import CODE_SUFFIXES


def findings(document: Document) -> list[dict[str, Any]]:
    """One object a finding, file by file in the order of the text; offsets count characters of the document."""
    found: list[dict[str, Any]] = []
    for path in dict.fromkeys(span.path for span in document.spans):
        if path.startswith("(") or suffix_of(path) in CODE_SUFFIXES:  # a text of ours, such as the map, or no contract
            continue
        for finding in lint(analyse(document, path)):
            found.append(
                {
                    "path": path,
                    "code": finding.code,
                    "severity": finding.severity,
                    "section": finding.section,
                    "start": finding.start,
                    "end": finding.end,
                    "text": f"{finding.severity} {finding.code} {finding_line(finding, document)}",
                }
            )
    return found
