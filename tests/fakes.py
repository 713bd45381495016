"""Small stand-ins for the big things: a tokenizer and a random decoder in memory, a scripted engine.

The tokenizer is a byte-level BPE with ChatML markup; the decoder is a real Llama of three tiny layers. Everything
between them and the tests is the real code.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as Bpe
from tokenizers import decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assistant.answer_options import PLAIN, AnswerOptions
from assistant.bot import Bot, Delta, Event, Finished
from assistant.citations import Citer
from assistant.coverage import Coverage
from assistant.library import Held, Library
from assistant.profiles import Profile
from assistant.prompt import Prompt, Turn
from assistant.reading import ReadDocument, Reader
from assistant.tokenizer import Tokenizer
from ingest import Document, IngestReport, Limits, Section, Span, encode
from sparse_backend import Answer, Decoder, Engine, EngineOptions, load_decoder
from sparse_backend.constrain import Constraint
from sparse_backend.engine import GREEDY
from sparse_backend.looked import Looked
from sparse_backend.model import Step
from sparse_backend.requests import Cancel
from sparse_backend.sampling import Sampling
from sparse_backend.segment import Context, Segment
from storage import CitationRecord

LIMIT = 1024  # tokens the tiny decoder is said to be trained for
CONTROL = ("<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
)

CONTRACT = """MASTER SERVICES AGREEMENT

1. Definitions.
"Affiliate" means any company that controls a party. The "Fee" is the sum named in Section 3.

2. Term.
This Agreement starts on 1 March 2021 and runs for five (5) years. It ends sooner as Section 4 says.

3. Fee.
The Client pays Acme Robotics Inc. a yearly fee of $120,000. Late sums bear interest of 1.5 percent a month.

4. Termination.
Either party may terminate this Agreement upon ninety (90) days' prior written notice. A material breach that is not
cured within thirty (30) days ends it at once.

5. Governing Law.
This Agreement is governed by the laws of the State of Delaware. No. 5 of the annex is lawful in the U.S. market.
"""

PROFILE = Profile(
    name="legal",
    title="Reader",
    system="Answer from the document.",
    reminder="",
    not_stated="Not stated in this document.",
    greeting="Hello.",
    examples=("What law governs?",),
    max_new_tokens=12,
)


# -- documents -------------------------------------------------------------------


def contract(folder: Path, text: str = CONTRACT, name: str = "contract.txt") -> Path:
    """A text file to be read."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def document(*pages: str, name: str = "deed.pdf", titles: Sequence[str] = (), labels: Sequence[str] = ()) -> Document:
    """A document of these pages; every line that is one of `titles` opens a section."""
    text = ""
    spans: list[Span] = []
    heads: list[tuple[str, int, int]] = []
    for number, page in enumerate(pages, 1):
        label = labels[number - 1] if labels else None
        for line in page.splitlines(keepends=True):
            if line.strip() in titles:
                heads.append((line.strip(), len(text), len(text) + len(line.rstrip("\n"))))
            text += line
        start = spans[-1].end if spans else 0
        text += "" if text.endswith("\n") else "\n"
        spans.append(Span(start, len(text), name, page=number, page_label=label))
    ends = [*(start for _, start, _ in heads[1:]), len(text)][: len(heads)]
    sections = tuple(
        Section(title, 1, start, end, stop, "numbered") for (title, start, stop), end in zip(heads, ends, strict=True)
    )
    return Document(name, text, sections, tuple(spans), IngestReport(1, len(pages)), "0" * 64)


def lines(text: str, name: str = "note.txt") -> Document:
    """A document without pages or sections."""
    spans, start = [], 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        spans.append(Span(start, start + len(line), name, line=number))
        start += len(line)
    return Document(name, text, (), tuple(spans), IngestReport(1, 0), "0" * 64)


# -- tokenizer and decoder ---------------------------------------------------------


@cache
def fast_tokenizer(template: str | None = CHATML) -> Any:
    """A byte-level BPE trained on the contract: any text has tokens, common words have one."""
    bpe = Bpe(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, min_frequency=1, initial_alphabet=alphabet, special_tokens=list(CONTROL), show_progress=False
    )
    words = "You answer questions about the document that the user gives you. Question: Answer: assistant system user "
    bpe.train_from_iterator([CONTRACT, words * 3], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=CONTROL[1],
        additional_special_tokens=[CONTROL[0]],
        chat_template=template,
    )


@cache
def tokenizer(template: str | None = CHATML) -> Tokenizer:
    """The tokenizer as the assistant knows it."""
    fast = fast_tokenizer(template)
    return Tokenizer(fast, frozenset({fast.convert_tokens_to_ids(CONTROL[1])}))


def control_ids() -> set[int]:
    """The ids that only the template may use."""
    return set(fast_tokenizer().convert_tokens_to_ids(list(CONTROL)))


_FOLDER: list[tempfile.TemporaryDirectory[str]] = []  # kept until the process ends


@cache
def model_folder() -> str:
    """A folder with the tiny decoder and its tokenizer, as `--model` takes it."""
    _FOLDER.append(tempfile.TemporaryDirectory(prefix="tiny-model-"))
    folder = _FOLDER[0].name
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast_tokenizer()),
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=LIMIT,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast_tokenizer().save_pretrained(folder)
    return folder


@cache
def decoder() -> Decoder:
    """The tiny decoder, loaded the way every model is. It computes in one thread: more only wait for each other."""
    folder = model_folder()
    loaded = load_decoder("tiny", folder, torch.float32, Path(folder) / "fingerprints.json")
    forward = loaded.forward

    def alone(token_ids: Sequence[int], step: Step, *, keep: Sequence[int] | None = None) -> torch.Tensor | None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return forward(token_ids, step, keep=keep)
        finally:
            torch.set_num_threads(threads)

    loaded.forward = alone  # type: ignore[method-assign]
    return loaded


def engine(folder: Path, *, chunk: int = 64, pattern: str = "headers") -> Engine:
    """The real engine on the tiny decoder."""
    return Engine(decoder(), EngineOptions(folder / "segments", pattern, chunk=chunk))


def reader(folder: Path, *, chunk: int = 64, on: Engine | None = None) -> Reader:
    """A reader with its own library and engine in `folder`."""
    return Reader(Library(folder / "documents", Limits()), on or engine(folder, chunk=chunk), tokenizer(), PROFILE)


# -- scripted answers --------------------------------------------------------------


class ScriptedEngine(Engine):
    """Reads for real, then answers with `says`, looking at the token range `looks_at` of its context.

    `asked` notes what it was asked; `hold`, when set, is waited for after the first word.
    """

    def __init__(self, folder: Path, says: str = "") -> None:
        super().__init__(decoder(), EngineOptions(folder / "segments", chunk=64))
        self.says = says
        self.looks_at: tuple[int, int] | None = None
        self.question_looks_at: tuple[int, int] | None = None
        self.asked: list[list[int]] = []
        self.words: list[range] = []
        self.closed = 0
        self.hold: threading.Event | None = None

    def ask(
        self,
        context: Context | Segment,
        tail_ids: Sequence[int],
        *,
        stop_ids: frozenset[int],
        max_new_tokens: int,
        sampling: Sampling = GREEDY,
        constraint: Constraint | None = None,
        cancel: Cancel | None = None,
        owner: str = "",
        question: range = range(0),
    ) -> Generator[int, None, Answer]:
        """See Engine.ask."""
        self.asked.append(list(tail_ids))
        self.words.append(question)
        ids, said = tokenizer().text(self.says), 0
        try:
            for said, token in enumerate(ids, 1):  # noqa: B007
                yield token
                if self.hold:
                    assert self.hold.wait(20)
                if cancel and cancel():
                    break
        finally:
            self.closed += 1
        finish = "stop" if said == len(ids) else "cancelled"
        row = torch.zeros(len(context))
        if self.looks_at:
            row[slice(*self.looks_at)] = 1.0
        looked = Looked(len(context), ((row, None),) * said)
        asked = Looked(len(context))
        if self.question_looks_at:
            words = torch.zeros(len(context))
            words[slice(*self.question_looks_at)] = 1.0
            asked = Looked(len(context), ((words, None),))
        total = len(context) + len(tail_ids)
        return Answer(tuple(ids[:said]), finish, total, len(context), 0.01, 0.02, looked, asked=asked)  # type: ignore[arg-type]


def scripted(engine: object) -> ScriptedEngine:
    """The engine of a service that was made with a scripted one."""
    assert isinstance(engine, ScriptedEngine)
    return engine


class ScriptedBot(Bot):
    """Yields the given answer word by word. `before` is called with each word: it may wait, raise or look around."""

    def __init__(self, on: Engine, words: str, before: Callable[[str], object] | None = None) -> None:
        super().__init__(on, tokenizer(), PROFILE)
        self.words = words
        self.before = before
        self.asked: list[tuple[list[Turn], str]] = []
        self.citations: tuple[CitationRecord, ...] = ()

    def answer(
        self,
        document: ReadDocument,
        turns: Sequence[Turn],
        question: str,
        cancel: Cancel | None = None,
        options: AnswerOptions = PLAIN,
    ) -> Iterator[Event]:
        """See Bot.answer."""
        self.asked.append((list(turns), question))
        said: list[str] = []
        finish = "stop"
        for word in self.words.split():
            if self.before:
                self.before(word)
            if cancel and cancel():
                finish = "cancelled"
                break
            said.append(word)
            yield Delta(" ".join(said))
        segment = len(document.read.segment)
        receipt = Coverage(7, 7, 2, (2,), 1, (("lost.bin", "binary"),))
        answer = Answer(tuple(range(len(said))), finish, segment + 9, segment, 0.5, 1.5, Looked(segment))  # type: ignore[arg-type]
        yield Finished(" ".join(said), self.citations, True, (), receipt, answer)


def read_document(source: Document, on: Engine) -> ReadDocument:
    """`source` as the model has read it, without a library."""
    encoded = encode(source, tokenizer())
    prefix = Prompt(tokenizer(), PROFILE).prefix(encoded)
    read = on.read(prefix.token_ids, prefix.anchors)
    return ReadDocument(Held("id", source, 1, 0.25), encoded, prefix, read, Citer(source, encoded))
