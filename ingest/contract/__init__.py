"""A contract's parties, dates, attachments, terms and references, found by rule, and what is wrong with them."""

from ingest.contract.analyse import analyse
from ingest.contract.lint import lint
from ingest.contract.report import finding_line, place
from ingest.contract.values import Contract, Finding

__all__ = ["Contract", "Finding", "analyse", "finding_line", "lint", "place"]
