"""All checks over one Contract, in one order: by place, then by code."""

from __future__ import annotations

from ingest.contract.check_numbers import check_numbers
from ingest.contract.check_references import check_references
from ingest.contract.check_terms import check_terms
from ingest.contract.check_undefined import check_undefined
from ingest.contract.outline import Outline
from ingest.contract.values import Contract, Finding


def lint(contract: Contract) -> tuple[Finding, ...]:
    """What is wrong or worth a look; the same contract gives the same findings in the same order."""
    outline = Outline(contract.document, contract.start, contract.end)
    found = [
        *check_terms(contract, outline),
        *check_undefined(contract, outline),
        *check_references(contract, outline),
        *check_numbers(outline),
    ]
    return tuple(sorted(set(found), key=lambda each: (each.start, each.end, each.code, each.message)))
