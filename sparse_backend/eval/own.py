"""A user's own text and questions: the format of questions files, and plain or Markdown files as cases.

Questions are a JSON list of objects: "question", "answers" (regular expressions, any match is right), and optionally
"id", "kind", "quote" (the words that prove it), "where" {"page"}, "also" (further {"quote", "where"}).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse_backend.eval.case import Case, EvalError, Place, Question, check_patterns

PLAIN = {".txt", ".md", ".markdown", ".text"}
_HEADING = re.compile(r"^#{1,6} .+$", re.M)


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """One entry of a questions file. `quotes`: words that prove the answer; `pages`: where they stand, 1-based."""

    id: str
    question: str
    answers: tuple[str, ...]
    kind: str
    quotes: tuple[str, ...]
    pages: tuple[int, ...]

    def scored(self, places: tuple[Place, ...] = ()) -> Question:
        """The question with its answer key."""
        return Question(self.question, (self.answers,), places=places, kind=self.kind, max_new_tokens=200)


def load_questions(path: Path) -> list[OwnQuestion]:
    """The questions in a file; raises EvalError that names the entry and what is wrong with it."""
    try:
        entries = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EvalError(f"“{path}” holds no questions: {error}.") from error
    if not isinstance(entries, list) or not entries:
        raise EvalError(f"“{path}” must hold a JSON list of questions.")
    questions = [_question(entry, number, path) for number, entry in enumerate(entries, 1)]
    for question in questions:
        check_patterns(question.scored())
    return questions


def _question(entry: Any, number: int, path: Path) -> OwnQuestion:
    wrong = EvalError(f"Entry {number} of “{path}” needs a text “question” and a list “answers” of expressions.")
    if not isinstance(entry, dict) or not isinstance(entry.get("question"), str):
        raise wrong
    answers = entry.get("answers")
    if not isinstance(answers, list) or not answers or not all(isinstance(one, str) for one in answers):
        raise wrong
    proofs = [entry, *entry.get("also", [])]
    if not all(isinstance(proof, dict) and isinstance(proof.get("where") or {}, dict) for proof in proofs):
        raise EvalError(f"“also” and “where” in entry {number} of “{path}” must be objects.")
    return OwnQuestion(
        id=str(entry.get("id", number)),
        question=entry["question"],
        answers=tuple(answers),
        kind=str(entry.get("kind", "lookup")),
        quotes=tuple(proof["quote"] for proof in proofs if proof.get("quote")),
        pages=tuple(proof["where"]["page"] for proof in proofs if (proof.get("where") or {}).get("page")),
    )


def load_case(document: Path, questions: list[OwnQuestion]) -> Case:
    """A plain text or Markdown file as it stands; raises EvalError for every other kind, which needs a parser."""
    if document.suffix.lower() not in PLAIN:
        raise EvalError(
            f"“{document.name}” needs a parser: run python app.py eval --document {document} --questions …; this "
            f"command reads {', '.join(sorted(PLAIN))} only."
        )
    try:
        text = document.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EvalError(f"“{document}” cannot be read as UTF-8 text: {error}.") from error
    if not text.strip():
        raise EvalError(f"“{document}” is empty.")
    headers = tuple(Place(match.start(), match.end()) for match in _HEADING.finditer(text))
    asked = tuple(one.scored(tuple(place for quote in one.quotes for place in find(text, quote))) for one in questions)
    return Case("document", text, headers, asked)


def find(text: str, quote: str) -> list[Place]:
    """The first place of `quote`, blind to white space; none where it stands nowhere."""
    pattern = r"\s+".join(re.escape(word) for word in quote.split())
    match = re.search(pattern, text)
    return [Place(match.start(), match.end())] if match else []
