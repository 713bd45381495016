"""The terminal: what `read` prints, and progress on stderr; one JSON object on the last line where it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.library import parsed
from assistant.lint import findings
from assistant.listing import cost_sentence, listing, outline
from assistant.reading import ReadState
from assistant.service import chosen_level, chosen_pattern, model_source, profile_named
from assistant.service_options import ServiceOptions
from assistant.tokenizer import Tokenizer
from ingest import Encoded, encode
from sparse_backend import BackendError
from sparse_backend.estimate import estimate
from sparse_backend.loading import parse_dtype


@dataclass(frozen=True, slots=True)
class ReadCommand:
    """What `read` was asked for; `depth`: sections down to this level, None for all."""

    paths: Sequence[Path | str]
    password: str | None = None
    ocr: bool = False
    lint: bool = False
    depth: int | None = None
    json: bool = False


def read(command: ReadCommand, options: ServiceOptions) -> None:
    """Parses and prints; nothing is kept but the cache of parsed files. Raises IngestError and BackendError."""
    watched = sys.stderr.isatty()
    try:
        document = parsed(
            command.paths,
            options.data_dir,
            options.limits,
            password=command.password,
            ocr=command.ocr,
            progress=show_parsing if watched else None,
        )
    finally:
        if watched:
            show_parsing("", 0, 0)  # an error stands on a line of its own
    _, folder = model_source(options.model, options.data_dir / "models")
    encoded = encode(document, Tokenizer.load(folder))
    found = findings(document) if command.lint else []
    if command.json:
        extra: dict[str, Any] = {"lint": found} if command.lint else {}
        print(json.dumps(listing(document, encoded) | extra, ensure_ascii=False))
        return
    print(outline(document, encoded, depth=command.depth))
    if command.lint:
        print("\n".join(str(finding["text"]) for finding in found) or "lint: nothing found")
    print(cost(folder, encoded, options))


def cost(folder: str, encoded: Encoded, options: ServiceOptions) -> str:
    """One sentence on the time and memory of reading; why not, where it cannot be told."""
    tokens = len(encoded.token_ids)
    profile = profile_named(options.bot, options.profiles)
    try:
        told = estimate(
            folder,
            tokens,
            len(encoded.anchors),
            pattern=chosen_pattern(options, profile),
            level=chosen_level(options, profile),
            dtype=parse_dtype(options.dtype),
        )
    except BackendError as error:
        return str(error)
    return cost_sentence(told, tokens)


def show_parsing(path: str, done: int, total: int) -> None:
    """One line on stderr, rewritten, gone at the end."""
    text = "" if done == total else f"parsing: {done:,} of {total:,}: {path[:80]}"
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def show_progress(state: ReadState) -> None:
    """The same for a reading."""
    unit = "parsed" if state.phase == "parsing" else "tokens"
    eta = f", {state.eta_s:.0f} s left" if state.eta_s else ""
    text = f"{state.phase}: {state.done:,} of {state.total:,} {unit}{eta}" if state.total else state.phase
    end = "\n" if state.phase in ("done", "failed", "cancelled") else ""
    print(f"\r\x1b[K{text}", end=end, file=sys.stderr, flush=True)


def show_count(done: int, total: int) -> None:
    """The same for texts of a calibration."""
    print(
        f"\r\x1b[Kcalibrating: {done:,} of {total:,} texts",
        end="\n" if done == total else "",
        file=sys.stderr,
        flush=True,
    )
