"""`eval`: a document and questions of the user's own, answered by the real bot, sparsely, densely and by the rival.

Scored are the answer (regular expressions), the citation (does it lie on the words that prove the answer?) and the
refusal of questions that the document does not answer.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.bot import Bot, Finished
from assistant.calibration import Calibration, calibration_of, general
from assistant.citations import Citer, says_not_stated
from assistant.errors import AssistantError
from assistant.library import Held, parsed
from assistant.passages import LiteralIndex
from assistant.profiles import Profile
from assistant.prompt import Prompt
from assistant.reading import ReadDocument
from assistant.scores import markdown, summary
from assistant.service import chosen_level, chosen_pattern, model_source, profile_named
from assistant.service_options import ServiceOptions
from assistant.tokenizer import Tokenizer
from ingest import Document, Encoded, encode
from ingest.encode import Offsets
from sparse_backend import Decoder, Engine, EngineOptions, load_decoder
from sparse_backend.config import ContextTooLongError
from sparse_backend.eval.chat import Encoding
from sparse_backend.eval.conditions import conditions
from sparse_backend.eval.ledger import Ledger, Row
from sparse_backend.eval.own import OwnQuestion, load_questions
from sparse_backend.eval.rival import Embedder, Index, MiniLM
from sparse_backend.eval.settings import TOP
from sparse_backend.gpu import chosen
from sparse_backend.kvstore import StoreOptions
from sparse_backend.loading import parse_dtype
from sparse_backend.packed import parse_weights
from sparse_backend.presets import preset
from sparse_backend.quantize import parse_kv_format
from sparse_backend.spans import is_span_model

DENSE, RETRIEVAL = "dense", "retrieval"


@dataclass(frozen=True, slots=True)
class EvalCommand:
    """What `eval` was asked for. `levels` of the service's pattern; `rivals`: “dense”, “retrieval”, or neither."""

    paths: Sequence[Path | str]
    questions: Path
    levels: tuple[str, ...] = ()
    rivals: tuple[str, ...] = (DENSE,)
    out: Path | None = None
    run: str | None = None
    password: str | None = None
    ocr: bool = False


class Examination:
    """One document, one model, one profile: bots of several settings answer the same questions."""

    def __init__(
        self,
        document: Document,
        decoder: Decoder,
        tokenizer: Tokenizer,
        profile: Profile,
        segments: Path,
        impl: str,
        calibration: Calibration | None = None,
        kept: StoreOptions | None = None,
    ) -> None:
        self._held = Held("eval", document, 0, 0.0)
        self._decoder, self._tokenizer, self._profile = decoder, tokenizer, profile
        self._segments, self._impl = segments, chosen(impl)
        self._calibration = calibration or general()
        self._kept = kept
        self._prompt = Prompt(tokenizer, profile)
        self._encoded = encode(document, tokenizer)
        self._literal = LiteralIndex(document.text)

    @property
    def tokens(self) -> int:
        """The document's tokens."""
        return len(self._encoded.token_ids)

    def ask(self, pattern: str, level: str, questions: Sequence[OwnQuestion]) -> Iterator[Row]:
        """One row a question; the document is read once, each question is asked on it alone."""
        engine = self._engine(pattern, level)
        document, seconds = self._read(engine, self._encoded)
        for question in questions:
            yield self._row(engine, document, question, seconds)

    def ask_rival(self, embedder: Embedder, top: int, questions: Sequence[OwnQuestion]) -> Iterator[Row]:
        """The same for the rival: for each question the chunks found for it are read, densely."""
        engine = self._engine(DENSE, "faithful")
        whole = Encoding(tuple(self._encoded.token_ids), tuple(self._encoded.offsets))
        index = Index(self._held.document.text, whole, embedder)
        for question in questions:
            found = index.find(question.question, top)
            document, seconds = self._read(engine, picked(self._encoded, found, self._tokenizer.text("\n\n")))
            yield self._row(engine, document, question, seconds)
            engine.forget(document.read.segment.key)

    def _engine(self, pattern: str, level: str) -> Engine:
        options = EngineOptions(self._segments / f"{pattern}-{level}", pattern, level, self._impl)
        engine = Engine(self._decoder, options, self._kept)
        engine.heads, engine.question_heads = self._calibration.heads, self._calibration.question_heads
        return engine

    def _read(self, engine: Engine, encoded: Encoded) -> tuple[ReadDocument, float]:
        prefix = self._prompt.prefix(encoded)
        read = engine.read(prefix.token_ids, prefix.anchors)
        document = ReadDocument(self._held, encoded, prefix, read, Citer(self._held.document, encoded))
        return document, read.seconds - read.save_s

    def _row(self, engine: Engine, document: ReadDocument, question: OwnQuestion, seconds: float) -> Row:
        bot = Bot(engine, self._tokenizer, self._profile, self._calibration)
        *_, finished = bot.answer(document, [], question.question)
        assert isinstance(finished, Finished)
        return {
            "suite": "document",
            "question": 1,
            "id": question.id,
            "kind": question.kind,
            "asked": question.question,
            "answer": finished.text,
            "score": question.scored().score(finished.text),
            "refused": says_not_stated(finished.text),
            "citations": len(finished.citations),
            "citation_right": any(self._proves(one, question) for one in finished.citations),
            "citations_right": sum(self._proves(one, question) for one in finished.citations),
            "proof_shown": any(self._proves(one, question) for one in (*finished.citations, *finished.see_also)),
            "supported": finished.supported,
            "word": finished.judged.word if finished.judged else "",
            "confidence": finished.judged.probability if finished.judged else None,
            "context": len(document.read.segment),
            "read_s": round(seconds, 3),
            "first_token_s": round(finished.answer.first_token_s, 3),
            "total_s": round(finished.answer.total_s, 3),
        }

    def _proves(self, citation: Any, question: OwnQuestion) -> bool:
        """Whether the cited characters overlap a proving quote; where no quote is found, whether the page is right."""
        places = [place for quote in question.quotes for place in self._literal.find(quote)]
        if places:
            return any(citation.start < end and start < citation.end for start, end in places)
        return citation.page in question.pages


def picked(encoded: Encoded, tokens: Sequence[int], gap: Sequence[int]) -> Encoded:
    """Only these tokens of a text, sorted, with `gap` between runs; offsets still point into the whole text."""
    ids, offsets, anchors = array("i"), Offsets(), []
    known = set(encoded.anchors)
    before = -1
    for token in tokens:
        if before >= 0 and token != before + 1:
            end = encoded.offsets[before][1]
            ids.extend(gap)
            offsets.extend([(end, end)] * len(gap))
        if token in known:
            anchors.append(len(ids))
        ids.append(encoded.token_ids[token])
        offsets.extend([encoded.offsets[token]])
        before = token
    return Encoded(ids, tuple(anchors), offsets)


def evaluate(command: EvalCommand, options: ServiceOptions, *, embedder: Embedder | None = None) -> dict[str, Any]:
    """Parses, reads, asks and scores; writes rows.jsonl and report.md; the object of the last line.

    A run goes on where it stopped. Dense reading is left out, and named, beyond the model's range.
    Raises IngestError, BackendError and AssistantError.
    """
    questions = load_questions(command.questions)
    profile = profile_named(options.bot, options.profiles)
    pattern = chosen_pattern(options, profile)
    levels = command.levels or (chosen_level(options, profile),)
    weights, kept = parse_weights(options.weights), StoreOptions(kv_format=parse_kv_format(options.kv))
    for level in levels:
        preset(pattern, level)  # a wrong name must not cost the parsing and the loading of a model
    document = parsed(command.paths, options.data_dir, options.limits, password=command.password, ocr=command.ocr)
    models = options.data_dir / "models"
    name, folder = model_source(options.model, models)
    if is_span_model(folder):
        raise AssistantError("Extractive models answer by spans and cannot be compared here; choose a decoder.")
    tokenizer = Tokenizer.load(folder)
    decoder = load_decoder(name, folder, parse_dtype(options.dtype), models / "fingerprints.json", weights)
    facts = conditions(decoder, chosen(options.impl)) | {"weights": weights.value, "kv": options.kv}
    facts |= {"bot": profile.name, "document": document.name}
    identity = {
        "model": decoder.fingerprint,
        "document": document.text,
        "questions": [repr(question) for question in questions],
        "bot": repr(profile),
        "pattern": pattern,
        "top": TOP,
        "kv": options.kv,
    }
    ledger = Ledger.open(command.out or options.data_dir / "eval", identity, facts, command.run)
    with tempfile.TemporaryDirectory(prefix="unabridged-eval-") as scratch:
        known = calibration_of(decoder.fingerprint, models)
        where = Path(scratch) / "segments"
        exam = Examination(document, decoder, tokenizer, profile, where, options.impl, known, kept)
        facts["tokens"] = exam.tokens
        if DENSE in command.rivals:
            try:
                _run(ledger, DENSE, questions, lambda left: exam.ask(DENSE, "faithful", left))
            except ContextTooLongError as error:  # told in the report; the levels are measured all the same
                facts["not measured"] = f"dense: {error}"
        for level in levels:
            _run(ledger, level, questions, lambda left, level=level: exam.ask(pattern, level, left))
        if RETRIEVAL in command.rivals:
            _run(ledger, RETRIEVAL, questions, lambda left: exam.ask_rival(embedder or MiniLM(), TOP, left))
    text = markdown(ledger.rows, facts)
    (ledger.folder / "report.md").write_text(text, "utf-8")
    return {**facts, "run": str(ledger.folder), "report": text, "settings": summary(ledger.rows)}


def _run(ledger: Ledger, setting: str, questions: Sequence[OwnQuestion], ask: Any) -> None:
    """Asks what is not answered yet under `setting`; every answer is written down at once."""
    left = [question for question in questions if not ledger.finished(f"{setting}:{question.id}")]
    if left:
        for row in ask(left):
            ledger.append(f"{setting}:{row['id']}", [{"setting": setting, **row}])
