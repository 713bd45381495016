"""The lint of a contract as plain data for the command line and, later, for the bot."""

from __future__ import annotations

from typing import Any

from ingest import Document


def findings(document: Document) -> list[dict[str, Any]]:
    """One object a finding, in the order of the text."""
    return []
