"""Everything one process needs to serve people: engine, store, library and bots, put together once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from assistant.bot import Bot
from assistant.chat import AnswerJob, Chat
from assistant.extractive import SpanBot
from assistant.library import Held, Library
from assistant.observer import Observers
from assistant.profile_folder import find_profile, load_profiles
from assistant.profiles import Profile
from assistant.reading import ReadDocument, Reader, ReadJob
from assistant.served import ServedBot
from assistant.tokenizer import Tokenizer
from ingest import Limits
from sparse_backend import Engine, EngineOptions, load_decoder
from sparse_backend.config import UnsupportedModelError
from sparse_backend.embedded import NAME, ensure_embedded
from sparse_backend.gpu import chosen
from sparse_backend.loading import parse_dtype
from sparse_backend.packed import Weights, parse_weights
from sparse_backend.presets import preset
from sparse_backend.span_engine import SpanEngine
from sparse_backend.spans import is_span_model, load_spans
from sparse_backend.unpack import ensure_unpacked_file, gguf_of
from storage import Conversation, DocumentRecord, Store

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What the user may set.

    `model`: “embedded”, a hub id, a folder or a GGUF file; `dtype`: see `parse_dtype`; `weights`: see
    `parse_weights`; `level` “auto” follows the model, see `chosen_level`.
    """

    data_dir: Path
    model: str = EMBEDDED
    bot: str = "legal"
    pattern: str = "headers"
    level: str = "auto"
    impl: str = "auto"
    dtype: str = "bfloat16"
    weights: str = "exact"
    limits: Limits = field(default_factory=Limits)


class Service:
    """A loaded model beside the user's data folder."""

    def __init__(self, options: ServiceOptions) -> None:
        """Loads the model and opens the database. Raises BackendError, StorageError or UnknownBotError."""
        self.options = options
        self.profile = profile_named(options.bot)
        level = chosen_level(options)
        preset(options.pattern, level)  # a wrong name must not cost the loading of a model
        impl, dtype, weights = chosen(options.impl), parse_dtype(options.dtype), parse_weights(options.weights)
        data = options.data_dir
        self.store = Store.open(data)
        embedded = options.model == EMBEDDED
        name, folder = model_source(options.model, data / "models")
        self.tokenizer = Tokenizer.load(folder)
        self.engine: Engine | SpanEngine
        if not embedded and is_span_model(folder):
            if weights is not Weights.EXACT:
                raise UnsupportedModelError(f"The model “{name}” finds spans, which needs --weights exact.")
            reader = load_spans(name, folder, dtype, *self.tokenizer.marks)
            self.engine = SpanEngine(reader, data / "segments")
        else:
            decoder = load_decoder(name, folder, dtype, data / "models" / "fingerprints.json", weights)
            self.engine = Engine(decoder, EngineOptions(data / "segments", options.pattern, level, impl))
        self.library = Library(data / "documents", options.limits)
        self.observers = Observers()
        self._served: dict[str, ServedBot] = {}
        self._serving = threading.Lock()
        chosen_bot = self.bot(options.bot)
        self.reader, self.chat = chosen_bot.reader, chosen_bot.chat

    @property
    def bots(self) -> tuple[str, ...]:
        """The names of all bots."""
        return tuple(load_profiles())

    def bot(self, name: str) -> ServedBot:
        """The bot of this name, made ready at the first call. Raises UnknownBotError."""
        with self._serving:
            served = self._served.get(name)
            if served is None:
                served = self._served[name] = self._serve(profile_named(name))
            return served

    @property
    def answering(self) -> list[AnswerJob]:
        """All answers that grow now, of all bots."""
        with self._serving:
            served = list(self._served.values())
        return [job for each in served for job in each.chat.running]

    def _serve(self, profile: Profile) -> ServedBot:
        engine, remember = self.engine, self.options.model != EMBEDDED
        if isinstance(engine, SpanEngine):
            bot: Bot = SpanBot(engine, self.tokenizer, profile)
            remember = False  # each question stands alone
        else:
            bot = Bot(engine, self.tokenizer, profile)
        reader = Reader(self.library, engine, self.tokenizer, profile, self.observers)
        return ServedBot(profile, reader, Chat(self.store, bot, remember=remember, observer=self.observers))

    def register(self, user: str, document: ReadDocument) -> DocumentRecord:
        """Notes in the store that `user` has this document."""
        held = document.held
        return self.store.add_document(
            user,
            DocumentRecord(
                id=held.id,
                name=held.document.name,
                path=f"documents/{held.id}",
                media_type=media_type(held),
                bytes=held.bytes,
                pages=held.document.report.pages,
                tokens=len(document.encoded.token_ids),
                created_at=datetime.now(UTC),
            ),
        )

    def converse(self, user: str, document: ReadDocument) -> Conversation:
        """A new conversation about a document."""
        record = self.register(user, document)
        return self.store.create_conversation(user, self.profile.name, record.name, (record.id,))

    def opened(self, document_id: str) -> ReadJob:
        """The job that reads, or has read, a document for this service's own bot; one for everybody who opens it."""
        return self.bot(self.options.bot).opened(document_id)

    def keep(self, document: ReadDocument, job: ReadJob) -> None:
        """Remembers a finished job, so that its document is open at once."""
        self.bot(self.options.bot).keep(document, job)

    def forget(self, user: str, document_id: str) -> None:
        """Deletes a user's document, and what was read of it unless somebody else has it, too.

        Raises ConflictError while conversations use it.
        """
        if not self.store.delete_document(user, document_id):
            return
        for name in self.bots:  # each has read it behind its own instructions, perhaps in an earlier run
            self.bot(name).close(document_id)
        self.library.delete(document_id)


def model_source(model: str, models: Path) -> tuple[str, str]:
    """The name to show and the folder or hub id to load; GGUF files and the embedded model are unpacked in `models`.

    Raises ModelNotFoundError and UnsupportedModelError.
    """
    if model == EMBEDDED:
        return NAME, str(ensure_embedded(models))
    if gguf := gguf_of(model):
        return gguf.stem, str(ensure_unpacked_file(gguf, models))
    return Path(model).name, model


def chosen_level(options: ServiceOptions) -> str:
    """“auto” is balanced for the embedded model, which loses nothing by it, and faithful for any other."""
    if options.level != "auto":
        return options.level
    return "balanced" if options.model == EMBEDDED else "faithful"


def profile_named(name: str, folder: Path | None = None) -> Profile:
    """The profile called `name`, shipped or of a team's `folder`; raises UnknownBotError that lists the choices."""
    return find_profile(name, folder)


def media_type(held: Held) -> str:
    """The document's kind in MIME terms."""
    return "application/pdf" if held.document.report.pages else "text/plain"
