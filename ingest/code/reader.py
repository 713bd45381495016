"""A source file → Part: its text as written, line by line, its definitions as sections, and what it imports."""

from __future__ import annotations

from ingest.code.grammars import GrammarError, grammar_of
from ingest.code.imports import declared_names, imported_names
from ingest.code.languages import Language, language_of
from ingest.code.outline import outline
from ingest.code.parse import OutlineError
from ingest.document import EmptyFileError, LimitError
from ingest.part import Part, Request
from ingest.text import decode, split_lines


def read(data: bytes, name: str, request: Request) -> Part:
    """Text as written; `outlined` is false where the language is unknown or no outline could be made."""
    part, language = read_text(data, name, request)
    part.outlined = language is not None and language.outlined
    if language is not None and language.grammar:
        _outline(part, name, language)
    elif language is not None:
        part.imports = declared_names(part.text, language)
    return part


def read_text(data: bytes, name: str, request: Request) -> tuple[Part, Language | None]:
    """The text alone, and the language it is written in if that is known."""
    decoded, warning = decode(data)
    text, spans = split_lines(decoded, name)
    if not text.strip():
        raise EmptyFileError(f"{name} holds nothing but white space: give a file with text in it.")
    if len(text) > request.max_chars:
        raise LimitError(f"{name} has {len(text):,} characters, the limit is {request.max_chars:,}: split it.")
    language = language_of(name, text)
    warnings = [f"{name}: {warning}"] if warning else []
    return Part(text, spans, warnings=warnings, format=language.name if language else "text"), language


def _outline(part: Part, name: str, language: Language) -> None:
    try:
        found = outline(part.text, language, grammar_of(language))
    except (GrammarError, OutlineError) as error:
        part.outlined = False
        part.warnings.append(f"{name}: all of it is read, but without an outline: {error}")
        return
    part.sections = found.sections
    part.imports = imported_names(found.imports, language)
    if found.limited:
        part.warnings.append(f"{name}: all of it is read, but its outline leaves out {found.limited}")
