"""Everything one process needs to serve people: engine, store, library and bots, put together once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from assistant.bot import Bot
from assistant.calibration import calibration_of
from assistant.chat import AnswerJob, Chat
from assistant.costs import Costs
from assistant.errors import AssistantError, UnknownBotError
from assistant.extractive import SpanBot
from assistant.history import HistoryReader, reads_history
from assistant.holdings import HISTORY, Holdings
from assistant.keeping import store_options
from assistant.library import Held, Library
from assistant.observer import Observers
from assistant.profile_folder import find_profile, load_profiles
from assistant.profiles import Profile
from assistant.reading import ReadDocument, Reader, ReadJob
from assistant.reading_log import ReadingLog
from assistant.removal import remove
from assistant.search_passages import search_passages
from assistant.second_look import SecondLooks
from assistant.served import ServedBot
from assistant.service_options import EMBEDDED, ServiceOptions
from assistant.tokenizer import Tokenizer
from assistant.unfinished import FOLDER as UNFINISHED
from assistant.unfinished import forget as forget_unfinished
from sparse_backend import Engine, EngineOptions, load_decoder
from sparse_backend.config import UnsupportedModelError, UnsupportedPatternError
from sparse_backend.embedded import NAME, ensure_embedded
from sparse_backend.gpu import chosen
from sparse_backend.kvstore import StoreOptions
from sparse_backend.loading import parse_dtype
from sparse_backend.packed import Weights, parse_weights
from sparse_backend.presets import preset
from sparse_backend.span_engine import SpanEngine
from sparse_backend.spans import is_span_model, load_spans
from sparse_backend.unpack import ensure_unpacked_file, gguf_of
from storage import Conversation, DocumentRecord, Store
from storage.records_support import Removed

SECOND_LOOKS = "second_looks"  # folder of dense keys and values, each for minutes at most


class Service:
    """A loaded model beside the user's data folder."""

    def __init__(self, options: ServiceOptions) -> None:
        """Loads the model and opens the database. Raises BackendError, StorageError or UnknownBotError."""
        self.options = options
        self.closing = False  # set when the program is told to end: nothing new is begun
        self.profiles = load_profiles(options.profiles)
        self.profile = profile_named(options.bot, options.profiles)
        for profile in self.profiles.values():  # a wrong name must not cost the loading of a model
            preset(chosen_pattern(options, profile), chosen_level(options, profile))
        impl, dtype, weights = chosen(options.impl), parse_dtype(options.dtype), parse_weights(options.weights)
        data = options.data_dir
        self.store = Store.open(options.where)
        embedded = options.model == EMBEDDED
        name, folder = model_source(options.model, data / "models")
        self.tokenizer = Tokenizer.load(folder)
        self._engines: dict[tuple[str, str], Engine] = {}
        self._making = threading.Lock()
        self.engine: Engine | SpanEngine
        if not embedded and is_span_model(folder):
            if weights is not Weights.EXACT:
                raise UnsupportedModelError(f"The model “{name}” finds spans, which needs --weights exact.")
            reader = load_spans(name, folder, dtype, *self.tokenizer.marks)
            self.engine = SpanEngine(reader, data / "segments")
        else:
            decoder = load_decoder(name, folder, dtype, data / "models" / "fingerprints.json", weights)
            self._decoder, self._impl = decoder, impl
            self._costs = Costs(folder, dtype, impl.device)
            self.calibration = calibration_of(decoder.fingerprint, data / "models")
            self.engine = self._engine_for(self.profile)
        self.library = Library(data / "documents", options.limits, private_hosts=options.private_hosts)
        self.holdings = Holdings(data / "holdings")
        self.observers = Observers()
        self.observers.add(ReadingLog(self.store))
        self.second_looks = self._second_looks()
        self._histories: dict[str, HistoryReader] = {}
        self._served: dict[str, ServedBot] = {}
        self._serving = threading.Lock()
        chosen_bot = self.bot(options.bot)
        self.reader, self.chat = chosen_bot.reader, chosen_bot.chat

    def close(self) -> None:
        """Ends what goes on in the background and lets go of the database."""
        if self.second_looks:
            self.second_looks.close()
        self.store.close()

    @property
    def bots(self) -> tuple[str, ...]:
        """The names of all bots."""
        return tuple(self.profiles)

    def bot(self, name: str) -> ServedBot:
        """The bot of this name, made ready at the first call. Raises UnknownBotError."""
        with self._serving:
            served = self._served.get(name)
            if served is None:
                served = self._served[name] = self._serve(self._profile(name))
            return served

    def _profile(self, name: str) -> Profile:
        if name not in self.profiles:
            raise UnknownBotError(f"There is no bot “{name}”; choose one of: {', '.join(self.profiles)}.")
        return self.profiles[name]

    def _engine_for(self, profile: Profile) -> Engine:
        """The engine of a bot's pattern and level; bots with the same ones share it, and all share the weights."""
        return self.engine_with(chosen_pattern(self.options, profile), chosen_level(self.options, profile))

    def engine_with(self, pattern: str, level: str) -> Engine:
        """The engine of a pattern and level, made at the first call. Raises UnsupportedPatternError."""
        if isinstance(getattr(self, "engine", None), SpanEngine):
            raise UnsupportedPatternError(f"{self.engine.decoder.name} marks words and reads in one way only.")
        with self._making:
            if (pattern, level) not in self._engines:
                options = EngineOptions(self.options.data_dir / "segments", pattern, level, self._impl)
                self._engines[pattern, level] = self._on_decoder(options, store_options(self.options))
            return self._engines[pattern, level]

    def _on_decoder(self, options: EngineOptions, kept: StoreOptions) -> Engine:
        """An engine whose passes are planned together with those of the others: one decoder computes one at a time."""
        scheduler = next((each.scheduler for each in self._engines.values()), None)
        engine = Engine(self._decoder, options, kept, scheduler)
        engine.heads, engine.question_heads = self.calibration.heads, self.calibration.question_heads
        return engine

    def _dense_engine(self) -> Engine:
        """The engine of second looks."""
        options = EngineOptions(
            self.options.data_dir / SECOND_LOOKS, "dense", "faithful", self._impl, resident_segments=1, background=True
        )
        return self._on_decoder(options, store_options(self.options, SECOND_LOOKS))

    def _second_looks(self) -> SecondLooks | None:
        """None where nothing is sampled, or where every question reads the document anyway."""
        share, data = self.options.second_look, self.options.data_dir
        if not share or isinstance(self.engine, SpanEngine):
            return None
        folder = data / SECOND_LOOKS
        return SecondLooks(self.store, self.tokenizer, self._dense_engine, folder, share, self.observers)

    @property
    def answering(self) -> list[AnswerJob]:
        """All answers that grow now, of all bots."""
        with self._serving:
            served = list(self._served.values())
        return [job for each in served for job in each.chat.running]

    def _serve(self, profile: Profile) -> ServedBot:
        remember = self.options.model != EMBEDDED
        engine: Engine | SpanEngine = self.engine
        if isinstance(engine, SpanEngine):
            bot: Bot = SpanBot(engine, self.tokenizer, profile)
            remember = False  # each question stands alone
            cost = None
        else:
            engine = self._engine_for(profile)
            bot = Bot(engine, self.tokenizer, profile, self.calibration)
            cost = self._costs.of(chosen_pattern(self.options, profile), chosen_level(self.options, profile))
        reader = Reader(self.library, engine, self.tokenizer, profile, self.observers, self.holdings, cost)
        chat = Chat(self.store, bot, remember=remember, observer=self.observers, second=self.second_looks)
        return ServedBot(profile, reader, chat)

    def register(self, user: str, document: ReadDocument) -> DocumentRecord:
        """Notes in the store that `user` has this document."""
        held = document.held
        known = any(each.id == held.id for each in self.store.documents(user))
        record = self.store.add_document(
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
        if not known:
            self.store.add_passages(user, held.id, search_passages(held.document))
        return record

    def converse(self, user: str, document: ReadDocument, bot: str | None = None) -> Conversation:
        """A new conversation about a document."""
        record = self.register(user, document)
        return self.store.create_conversation(user, bot or self.profile.name, record.name, (record.id,))

    def opened(self, document_id: str, bot: str | None = None) -> ReadJob:
        """The job that reads, or has read, a document for a bot; one for everybody who opens it."""
        return self.bot(bot or self.options.bot).opened(document_id)

    def reading(self, conversation: Conversation, before: int | None = None) -> ReadJob:
        """The job that reads what a conversation is about: its document, or all sessions of its user up to now.

        `before`: the `seq` of the question that is to be answered, where it is stored already.
        """
        served = self.bot(conversation.bot)
        if conversation.document_ids:
            return served.opened(conversation.document_ids[0])
        if not reads_history(served.profile):
            raise AssistantError("This conversation has no document; start a new one with a file.")
        return self.histories(conversation.bot).start(conversation.user, conversation.id, before)

    def histories(self, bot: str) -> HistoryReader:
        """Who reads histories for a bot."""
        profile = self.bot(bot).profile
        if isinstance(self.engine, SpanEngine):
            raise AssistantError(
                f"{self.engine.decoder.name} marks words of one text and reads no histories; choose a decoder."
            )
        with self._serving:
            if bot not in self._histories:
                self._histories[bot] = HistoryReader(
                    self.store, self._engine_for(profile), self.tokenizer, profile, self.holdings, self.observers
                )
            return self._histories[bot]

    def chat_of(self, conversation: Conversation) -> Chat:
        """Where a conversation goes on: with the bot that it began with. Raises UnknownBotError."""
        return self.bot(conversation.bot).chat

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
        remove(Removed(documents=(document_id,)), self.library, self.holdings, self.forget_segment)

    def forget_segment(self, key: str) -> None:
        """Deletes saved keys and values from disk and from the memory of every engine."""
        for engine in list(self._engines.values()) or (self.engine,):  # others may add one meanwhile
            engine.forget(key)
        for history in list(self._histories.values()):
            history.forget(key)

    def purge(self, now: datetime) -> Removed:
        """Removes what the organisations keep no longer, from the database and the disk."""
        return self._removed(self.store.privacy.purge(now))

    def erase(self, user: str, *, by: str) -> Removed:
        """Removes a person with everything that is theirs, see Privacy.erase; files, keys and values too."""
        forget_unfinished(self.options.data_dir / UNFINISHED, user)
        return self._removed(self.store.privacy.erase(user, by=by))

    def delete_conversation(self, user: str, conversation_id: str, *, expected: int | None = None) -> None:
        """Hides a conversation until it is purged, or restored; what was read of its sessions goes now."""
        self.store.delete_conversation(user, conversation_id, expected=expected)
        self.holdings.drop(HISTORY, conversation_id, self.forget_segment)

    def _removed(self, removed: Removed) -> Removed:
        for document_id in removed.documents:
            for served in list(self._served.values()):
                served.close(document_id)
        remove(removed, self.library, self.holdings, self.forget_segment)
        return removed


def model_source(model: str, models: Path) -> tuple[str, str]:
    """The name to show and the folder or hub id to load; GGUF files and the embedded model are unpacked in `models`.

    Raises ModelNotFoundError and UnsupportedModelError.
    """
    if model == EMBEDDED:
        return NAME, str(ensure_embedded(models))
    if gguf := gguf_of(model):
        return gguf.stem, str(ensure_unpacked_file(gguf, models))
    return Path(model).name, model


def chosen_pattern(options: ServiceOptions, profile: Profile | None = None) -> str:
    """What the user said, else the bot's own wish, else “headers”."""
    return options.pattern or (profile.pattern if profile else "") or "headers"


def chosen_level(options: ServiceOptions, profile: Profile | None = None) -> str:
    """What the user said, else the bot's own wish; else balanced for the embedded model, faithful for any other."""
    if options.level != "auto":
        return options.level
    if profile is not None and profile.level:
        return profile.level
    return "balanced" if options.model == EMBEDDED else "faithful"


def profile_named(name: str, folder: Path | None = None) -> Profile:
    """The profile called `name`, shipped or of a team's `folder`; raises UnknownBotError that lists the choices."""
    return find_profile(name, folder)


def media_type(held: Held) -> str:
    """The document's kind in MIME terms."""
    return "application/pdf" if held.document.report.pages else "text/plain"
