"""Grammar wheels and our queries, loaded when first needed and kept for the life of the process."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.code.languages import Language

if TYPE_CHECKING:
    import tree_sitter

QUERIES = Path(__file__).parent / "queries"
BASE = "tree-sitter"  # the wheel that runs every grammar


@dataclass(frozen=True, slots=True)
class Grammar:
    """What parses a language, what finds its definitions, and what each pattern of the query was told with #set!."""

    language: tree_sitter.Language
    query: tree_sitter.Query
    settings: tuple[dict[str, str], ...]


class GrammarError(Exception):
    """No outline is possible; the text says which wheel to install."""


@cache
def grammar_of(language: Language) -> Grammar:
    """The grammar of a language that has one; GrammarError where its wheel is missing or does not fit."""
    module, function = language.grammar.split(":")
    try:
        runtime = importlib.import_module("tree_sitter")
    except ImportError:
        raise GrammarError(f"{BASE} is not installed") from None
    try:
        capsule = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError):
        raise GrammarError(f"{language.wheel} is not installed") from None
    source = "\n".join((QUERIES / f"{name}.scm").read_text("utf-8") for name in language.queries)
    try:
        parsed = runtime.Language(capsule)
        query = runtime.Query(parsed, source)
    except (ValueError, runtime.QueryError):
        raise GrammarError(
            f"the installed {language.wheel} does not fit: install the version in requirements"
        ) from None
    settings = tuple(
        {key: value or "" for key, value in query.pattern_settings(index).items()}
        for index in range(query.pattern_count)
    )
    return Grammar(parsed, query, settings)
