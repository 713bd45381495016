"""The grid: every suite by length, depth and sample, read under every setting, asked, scored, written down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tqdm import tqdm

from sparse_backend.eval.anchors import anchors
from sparse_backend.eval.case import Case, EvalError, Place, Question
from sparse_backend.eval.chat import Chat, Encoding
from sparse_backend.eval.ledger import Ledger, Row
from sparse_backend.eval.rival import Embedder, Index
from sparse_backend.eval.runner import Backend, Held, Reply
from sparse_backend.eval.settings import Setting
from sparse_backend.eval.suites.registry import Suite, make

ROOM = 256  # tokens kept free behind a document for questions and answers


@dataclass(frozen=True, slots=True)
class Grid:
    """What to measure. `lengths` in tokens of the whole context, `depths` in [0, 1].

    `conversation`: question n follows the questions and answers before it; else each is asked on the segment alone.
    """

    suites: tuple[Suite, ...]
    lengths: tuple[int, ...]
    depths: tuple[float, ...]
    samples: int
    seed: int
    settings: tuple[Setting, ...]
    conversation: bool = False

    def cells(self) -> Iterator[tuple[Suite, int, float | None, int]]:
        """Every text: short ones first, so that a stopped run has seen every task."""
        for tokens in self.lengths:
            for sample in range(self.samples):
                for suite in self.suites:
                    for depth in self.depths if suite.by_depth else (None,):
                        yield suite, tokens, depth, sample


class Examiner:
    """Asks a backend the questions of cases."""

    def __init__(self, backend: Backend, chat: Chat, embedder: Callable[[], Embedder] | None = None) -> None:
        self._backend = backend
        self._chat = chat
        self._make_embedder = embedder
        self._embedder: Embedder | None = None
        self.opening = chat.opening()

    def measure(self, text: str) -> int:
        """A text's tokens."""
        return len(self._chat.encode(text).token_ids)

    def run(self, grid: Grid, ledger: Ledger, *, commit: str = "") -> None:
        """Does what is not finished yet; what a setting cannot read at a length is left out and told on stderr.

        Raises BackendError where no setting can read a length.
        """
        left_out = self.left_out(grid)
        cells = list(grid.cells())
        with tqdm(total=len(cells) * len(grid.settings), unit="text", file=sys.stderr) as bar:
            for suite, tokens, depth, sample in cells:
                names = {s.name: f"{suite.name}:{tokens}:{depth}:{sample}:{s.name}" for s in grid.settings}
                fits = [setting for setting in grid.settings if (setting.name, tokens) not in left_out]
                left = [setting for setting in fits if not ledger.finished(names[setting.name])]
                bar.update(len(grid.settings) - len(left))
                if not left:
                    continue
                case = self.case(suite, tokens, depth, sample, grid.seed)
                for setting in left:
                    bar.set_postfix_str(f"{names[setting.name]}", refresh=False)
                    fixed: Row = {
                        "suite": suite.name,
                        "tokens": tokens,
                        "asked_depth": depth,
                        "sample": sample,
                        "commit": commit,
                    }
                    rows = self.examine(case, setting, conversation=grid.conversation)
                    ledger.append(names[setting.name], [fixed | row for row in rows])
                    bar.update()

    def left_out(self, grid: Grid) -> set[tuple[str, int]]:
        """The (setting, length) pairs that cannot be read; raises EvalError where nothing is left of a length."""
        found = set()
        for tokens in grid.lengths:
            reasons = {
                s.name: self._backend.refuses(s, min(tokens, ROOM) if s.retrieval else tokens) for s in grid.settings
            }
            if all(reasons.values()):
                raise EvalError(f"No setting reads {tokens:,} tokens: {next(iter(reasons.values()))}")
            for name, reason in reasons.items():
                if reason:
                    tqdm.write(f"{name} is left out at {tokens:,} tokens: {reason}", file=sys.stderr)
                    found.add((name, tokens))
        return found

    def case(self, suite: Suite, tokens: int, depth: float | None, sample: int, seed: int) -> Case:
        """The text of one cell, so long that with a question it makes `tokens`."""
        room = tokens - ROOM - len(self.opening)
        if room < 1:
            raise EvalError(f"{tokens:,} tokens leave no room for a document; ask for at least 600.")
        return make(suite, tokens=room, depth=depth, sample=sample, seed=seed, measure=self.measure)

    def encode(self, text: str) -> Encoding:
        """A text's tokens and where each came from."""
        return self._chat.encode(text)

    def hold(self, case: Case, setting: Setting) -> Held:
        """The whole text, read under `setting`."""
        encoding = self._chat.encode(case.text)
        own = anchors(case.text, case.headers, encoding, setting.anchors)
        return self._read(range(len(encoding.token_ids)), encoding, own, setting)

    def forget(self, held: Held) -> None:
        """Frees what was read."""
        self._backend.forget(held)

    def tail(self, question: Question) -> list[int]:
        """What comes behind the text when `question` is asked first."""
        return self._chat.tail([], question.text)

    def words(self, question: Question) -> range:
        """Which of its tokens are the question's own words."""
        return self._chat.words(question.text)

    def answer(self, held: Held, question: Question) -> tuple[int, ...]:
        """The answer's tokens."""
        return self._ask(held, [], question).token_ids

    def text(self, token_ids: Sequence[int]) -> str:
        """An answer's text."""
        return self._chat.decode(token_ids).strip()

    def examine(self, case: Case, setting: Setting, *, conversation: bool = False) -> list[Row]:
        """One row for each question of `case`."""
        if setting.retrieval:
            return self._examine_rival(case, setting)
        encoding = self._chat.encode(case.text)
        held = self.hold(case, setting)
        rows: list[Row] = []
        turns: list[tuple[str, str]] = []
        try:
            for number, question in enumerate(case.questions):
                reply = self._ask(held, turns if conversation else [], question)
                if setting.reread:
                    reply = self._reread(case, held, turns if conversation else [], question, reply, encoding)
                row = self._row(case, number, question, held, reply, setting)
                turns.append((question.text, row["answer"]))
                rows.append(row)
        finally:
            self._backend.forget(held)
        return rows

    def _examine_rival(self, case: Case, setting: Setting) -> list[Row]:
        """Every question has a context of its own: the chunks found for it, read anew."""
        encoding = self._chat.encode(case.text)
        own = anchors(case.text, case.headers, encoding, setting.anchors)
        index = Index(case.text, encoding, self._loaded_embedder())
        rows = []
        for number, question in enumerate(case.questions):
            held = self._read(index.find(question.text, setting.retrieval), encoding, own, setting)
            try:
                rows.append(self._row(case, number, question, held, self._ask(held, [], question), setting))
            finally:
                self._backend.forget(held)
        return rows

    def _loaded_embedder(self) -> Embedder:
        if self._make_embedder is None:
            raise EvalError("There is no embedding model for the retrieval rival.")
        self._embedder = self._embedder or self._make_embedder()
        return self._embedder

    def _read(self, picked: Sequence[int], encoding: Encoding, own: tuple[int, ...], setting: Setting) -> Held:
        """Reads the `picked` tokens of a text behind the opening; gaps are marked by an empty line."""
        where, ids = {}, list(self.opening)
        gap = self._chat.encode("\n\n").token_ids
        for before, token in pairwise([-1, *picked]):
            if token != before + 1 and before >= 0:
                ids.extend(gap)
            where[token] = len(ids)
            ids.append(encoding.token_ids[token])
        return self._backend.read(ids, [where[anchor] for anchor in own if anchor in where], setting)

    def _ask(self, held: Held, turns: Sequence[tuple[str, str]], question: Question, lead: str = "") -> Reply:
        tail = self._chat.tail(turns, lead + question.text)
        return self._backend.ask(held, tail, self._chat.stop_ids, question.max_new_tokens)

    def _reread(
        self,
        case: Case,
        held: Held,
        turns: Sequence[tuple[str, str]],
        question: Question,
        reply: Reply,
        encoding: Encoding,
    ) -> Reply:
        """Asks again behind the paragraphs that were looked at most; the times are those of both."""
        start = len(self.opening)
        scored = []
        for place in paragraphs(case.text):
            low, high = encoding.tokens(place)
            if high > low:
                mass = float(reply.evidence[start + low : start + high].sum()) / (high - low) ** 0.5
                scored.append((mass, place))
        best = sorted(scored, key=lambda item: -item[0])[: held.setting.reread]
        picked = sorted((place for _, place in best), key=lambda place: place.start)
        lead = "Passages:\n" + "\n".join(case.text[place.start : place.end] for place in picked) + "\n\n"
        again = self._ask(held, turns, question, lead)
        return Reply(
            again.token_ids, reply.total_s + again.first_token_s, reply.total_s + again.total_s, again.evidence
        )

    def _row(self, case: Case, number: int, question: Question, held: Held, reply: Reply, setting: Setting) -> Row:
        answer = self.text(reply.token_ids)
        row: dict[str, Any] = {
            "setting": setting.name,
            "question": number + 1,
            "kind": question.kind,
            "at": _depth(case, question),
            "asked": question.text,
            "answer": answer,
            "score": question.score(answer),
            "context": held.tokens,
            "read_s": round(held.seconds, 3),
            "first_token_s": round(reply.first_token_s, 3),
            "total_s": round(reply.total_s, 3),
        }
        return row


def paragraphs(text: str) -> list[Place]:
    """The text's paragraphs, or its lines where it has few empty ones."""
    joint = "\n\n" if text.count("\n\n") * 4 > text.count("\n") else "\n"
    places, start = [], 0
    for part in text.split(joint):
        if part.strip():
            places.append(Place(start, start + len(part)))
        start += len(part) + len(joint)
    return places


def _depth(case: Case, question: Question) -> float | None:
    """Where the proof of a question stands, in [0, 1]; None where it stands in several places, or nowhere."""
    if len(question.places) != 1:
        return None
    return round(question.places[0].start / max(1, len(case.text)), 4)
