"""The objects of the API's own routes, as JSON. Times are Unix seconds, as in OpenAI's API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def storable(text: str) -> str:
    """`text`, unless no database or tokenizer could take it: then ValueError."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("holds characters that are no text (NUL or half a surrogate pair)")
    return text


Text = Annotated[str, AfterValidator(storable)]
Limit = Annotated[int, Field(ge=1, le=200, description="How many to return at most.")]


class Reading(BaseModel):
    """How far the reading of a file is: pages or files while parsing, tokens while the model reads."""

    phase: Literal["waiting", "parsing", "reading", "done", "failed", "cancelled"]
    done: int
    total: int
    eta_s: float | None = Field(description="Seconds that are left, once that can be told.")
    pages: int = 0
    tokens: int = 0


class FileObject(BaseModel):
    """A document of the user. Several files of one upload are one document."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: str = "user_data"
    status: Literal["uploaded", "processed", "error"] = Field(description="“uploaded” until it is read.")
    status_details: str | None = Field(default=None, description="Why it could not be read.")
    unabridged: Reading


class FileList(BaseModel):
    """A page of files, oldest first. The next page: `after` = `last_id`."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class Deleted(BaseModel):
    """What was deleted."""

    id: str
    object: str
    deleted: bool = True


class ConversationObject(BaseModel):
    """A conversation about documents, over any number of sessions."""

    id: str
    object: Literal["conversation"] = "conversation"
    title: str
    model: str = Field(description="The bot that answers in it.")
    created_at: float
    updated_at: float
    document_ids: list[str]
    state: str = Field(description="Who answers: “bot”, “human”, or nobody yet: “waiting”.")
    pinned: bool
    archived: bool
    version: int = Field(description="Counts changes of title and the like; see `expected`.")


class ConversationList(BaseModel):
    """A page of conversations, the last updated first. The next page: `cursor` = `next_cursor`."""

    object: Literal["list"] = "list"
    data: list[ConversationObject]
    has_more: bool
    next_cursor: str | None


class MessageObject(BaseModel):
    """A question, an answer, or what a person of the organisation wrote."""

    id: int = Field(description="Its place in the conversation, counted from 0.")
    object: Literal["conversation.message"] = "conversation.message"
    session: int
    role: str
    content: str
    status: str = Field(description="“streaming”, “complete”, “stopped”, “broken” or “error”.")
    created_at: float
    unabridged: dict[str, Any] | None = Field(
        description="An answer's citations, coverage, timings, how sure it is (`evidence`), and everything that an "
        "exhaustive question asked for (`exhaustive`)."
    )


class MessageList(BaseModel):
    """The last messages before some point, in order. Earlier ones: `before` = the first one's id."""

    object: Literal["list"] = "list"
    data: list[MessageObject]
    has_more: bool


class Hit(BaseModel):
    """Something that a search found."""

    object: Literal["search.hit"] = "search.hit"
    kind: Literal["message", "document"]
    title: str
    quote: str
    at: float
    conversation_id: str | None = None
    message_id: int | None = None
    file_id: str | None = None
    path: str | None = None
    page: int | None = None
    line: int | None = None


class HitList(BaseModel):
    """A page of hits, newest first. The next page: `cursor` = `next_cursor`."""

    object: Literal["list"] = "list"
    data: list[Hit]
    has_more: bool
    next_cursor: str | None


class Change(BaseModel):
    """What to change of a conversation; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[Text, Field(min_length=1, max_length=300)] | None = None
    pinned: bool | None = None
    archived: bool | None = None
    expected: int | None = Field(default=None, description="Refuse with 409 unless the version is still this one.")


class Verdict(BaseModel):
    """What a user thinks of an answer; the last word stands."""

    model_config = ConfigDict(extra="forbid")

    thumb: Literal[1, -1]
    reason: Annotated[Text, Field(max_length=4000)] = ""


class VerdictObject(Verdict):
    """A verdict, and the answer that it is about."""

    object: Literal["feedback"] = "feedback"
    conversation_id: str
    message_id: int


class Stopped(BaseModel):
    """Whether an answer was growing, and is now told to end."""

    id: str
    stopped: bool


class BotObject(BaseModel):
    """A bot, under the name of a model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "unabridged"
    title: str
    greeting: str
    examples: list[str]


class BotList(BaseModel):
    """All bots."""

    object: Literal["list"] = "list"
    data: list[BotObject]


class ProblemObject(BaseModel):
    """An error, as RFC 9457 has it. /v1/chat/completions answers with OpenAI's error object instead."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, Any]] | None = None
