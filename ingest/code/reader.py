"""A source file → Part: its text as written, line by line, its definitions as sections, and what it imports."""

from __future__ import annotations

from ingest.code.grammars import GrammarError, grammar_of
from ingest.code.imports import imported_names
from ingest.code.languages import Language, language_of
from ingest.code.outline import outline
from ingest.document import EmptyFileError, LimitError
from ingest.part import Part, Request
from ingest.text import decode, split_lines

MAX_OUTLINED = 32_000_000  # characters: the tree of a larger file does not fit the sandbox's memory
MINIFIED = 400  # characters a line on average: made by a program, nobody cites its functions


def read(data: bytes, name: str, request: Request) -> Part:
    """Text as written; `outlined` is false where a language is unknown or no outline could be made."""
    decoded, warning = decode(data)
    text, spans = split_lines(decoded, name)
    if not text.strip():
        raise EmptyFileError(f"{name} holds nothing but white space: give a file with text in it.")
    if len(text) > request.max_chars:
        raise LimitError(f"{name} has {len(text):,} characters, the limit is {request.max_chars:,}: split it.")
    language = language_of(name, text)
    warnings = [f"{name}: {warning}"] if warning else []
    part = Part(text, spans, warnings=warnings, format=language.name if language else "text")
    part.outlined = language is not None and language.outlined
    if language is not None and language.grammar:
        _outline(part, name, language)
    return part


def _outline(part: Part, name: str, language: Language) -> None:
    reason = _why_not(part.text, language)
    if not reason:
        try:
            found = outline(part.text, language, grammar_of(language))
        except GrammarError as error:
            reason = str(error)
        else:
            part.sections = found.sections
            part.imports = imported_names(found.imports, language)
            if found.limited:
                part.warnings.append(f"{name}: all of it is read, but its outline leaves out {found.limited}")
    if reason:
        part.outlined = False
        part.warnings.append(f"{name}: all of it is read, but without an outline: {reason}")


def _why_not(text: str, language: Language) -> str:
    if len(text) > MAX_OUTLINED:
        return f"it has more than {MAX_OUTLINED:,} characters"
    if not language.data and len(text) > MINIFIED * 20 and len(text) > MINIFIED * text.count("\n"):
        return "its lines are so long that a program must have written it"
    return ""
