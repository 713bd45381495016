"""A chat request understood: earlier turns, the question, its document, and how to answer."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answer_options import AnswerOptions
from assistant.prompt import Turn
from assistant.web.api.chat_wire import ChatMessage, ChatRequest, FilePart, FileReference, TextPart
from assistant.web.api.problems import Problem
from sparse_backend.sampling import Sampling
from sparse_backend.stops import StopStrings


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file that came in the request."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """`file_id` or `files` say what is asked about, unless `conversation` does. `bot` is a name."""

    bot: str
    turns: tuple[Turn, ...]
    question: str
    file_id: str | None
    files: tuple[InlineFile, ...]
    conversation: str | None
    options: AnswerOptions


def understand(body: ChatRequest, vocabulary: int | None) -> Asked:
    """The request in our own terms; Problem 400, which names the field, for what cannot be served.

    `vocabulary`: how many tokens the model knows, where they may be biased.
    """
    said = [_merged(messages) for messages in _runs(body.messages)]
    if said[-1][0] != "user":
        raise _wrong("messages", "The last message must be the user's: it is the question.")
    turns = tuple(Turn(question, answer) for (_, question), (_, answer) in zip(said[:-1:2], said[1::2], strict=True))
    file_id, files = _document(body)
    if body.conversation is not None and (turns or file_id or files):
        raise _wrong(
            "conversation", "A stored conversation knows its document and all that was said; send the question alone."
        )
    if body.conversation is None and file_id is None and not files:
        raise _wrong(
            "messages",
            "There is no document: add a part of type “file” with a file_id of /v1/files or with file_data, "
            "or name a stored conversation in the field “conversation”.",
        )
    question = said[-1][1]
    if not question.strip():
        raise Problem(400, "The question is empty; add a part of type “text”.", "empty_question", "messages")
    return Asked(body.model, turns, question, file_id, files, body.conversation, answer_options(body, vocabulary))


def answer_options(body: ChatRequest, vocabulary: int | None = None) -> AnswerOptions:
    """Sampling, stop strings, length and form; a seed is drawn where chance decides, so that it can be told."""
    named: dict[str, float | None] = {
        name: getattr(body, name)
        for name in (
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "repetition_penalty",
            "presence_penalty",
            "frequency_penalty",
            "seed",
        )
    }
    chosen = {name: value for name, value in named.items() if value is not None}
    if body.temperature and body.seed is None:
        chosen["seed"] = secrets.randbits(48)
    if body.top_logprobs and not body.logprobs:
        raise _wrong("top_logprobs", "top_logprobs needs logprobs to be true.")
    if body.max_tokens and body.max_completion_tokens and body.max_tokens != body.max_completion_tokens:
        raise _wrong("max_tokens", "max_tokens and max_completion_tokens say different things; give one of them.")
    stops = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    try:
        StopStrings(stops, lambda _: "")
        bias = _bias(body.logit_bias or {}, vocabulary)
        sampling = Sampling(**chosen, logprobs=body.top_logprobs or 0, logit_bias=bias)  # type: ignore[arg-type]
    except ValueError as error:
        raise Problem(400, f"{str(error)[:1].upper()}{str(error)[1:]}.", "invalid_value") from error
    return AnswerOptions(sampling, stops, body.max_completion_tokens or body.max_tokens, _schema(body))


def _bias(given: dict[str, float], vocabulary: int | None) -> tuple[tuple[int, float], ...]:
    try:
        bias = tuple((int(token), value) for token, value in given.items())
    except ValueError:
        raise _wrong("logit_bias", "The keys of logit_bias must be token ids.") from None
    if vocabulary is not None and any(token >= vocabulary for token, _ in bias):
        raise _wrong("logit_bias", f"logit_bias names a token beyond the vocabulary of {vocabulary:,}.")
    return bias


def _schema(body: ChatRequest) -> str:
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return ""
    if wanted.type == "json_object":
        return '{"type": "object"}'
    if wanted.json_schema is None:
        raise _wrong("response_format", "response_format of type json_schema needs the field json_schema.")
    return json.dumps(wanted.json_schema.schema_)


def _runs(messages: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    """Messages of one role in a row together. The user begins."""
    runs: list[list[ChatMessage]] = []
    for message in messages:
        if message.role not in ("user", "assistant"):
            raise Problem(
                400,
                f"Messages of the role “{message.role[:40]}” are not taken: what a bot is told is part of the bot. Put "
                "your wish into the user's message, or make a bot of your own (docs/bots.md).",
                "unsupported_role",
                "messages",
            )
        if runs and runs[-1][0].role == message.role:
            runs[-1].append(message)
        else:
            runs.append([message])
    if runs[0][0].role != "user":
        raise _wrong("messages", "The first message must be the user's.")
    return runs


def _merged(messages: Sequence[ChatMessage]) -> tuple[str, str]:
    texts = [text for message in messages for text in _texts(message) if text.strip()]
    return messages[0].role, "\n\n".join(texts)


def _texts(message: ChatMessage) -> list[str]:
    if isinstance(message.content, str):
        return [message.content]
    return [part.text for part in message.content if isinstance(part, TextPart)]


def _document(body: ChatRequest) -> tuple[str | None, tuple[InlineFile, ...]]:
    """What all messages attach: one file id, or inline files that together are one document."""
    found: list[FileReference] = []
    for message in body.messages:
        if isinstance(message.content, list):
            parts = [part.file for part in message.content if isinstance(part, FilePart)]
            if parts and message.role != "user":
                raise _wrong("messages", "Only the user's messages can hold files.")
            found += parts
    ids = list(dict.fromkeys(each.file_id for each in found if each.file_id))
    inline = [_inline(each) for each in found if not each.file_id]
    if len(ids) + bool(inline) > 1:
        raise Problem(
            400,
            "A conversation is about one document; upload what belongs together in one request to /v1/files, or as one "
            "zip archive.",
            "several_documents",
            "messages",
        )
    return (ids[0] if ids else None), tuple(dict.fromkeys(inline))


def _inline(reference: FileReference) -> InlineFile:
    if not reference.file_data:
        raise _wrong("messages", "A part of type “file” needs a file_id or file_data.")
    data = reference.file_data
    if data.startswith("data:"):
        data = data.partition(",")[2]
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _wrong("messages", "file_data is not base64.") from None
    return InlineFile(reference.filename or "file.txt", content)


def _wrong(param: str, sentence: str) -> Problem:
    return Problem(400, sentence, "invalid_value", param)
