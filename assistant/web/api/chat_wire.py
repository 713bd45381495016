"""The body of POST /v1/chat/completions, as OpenAI's clients send it, and what of it is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assistant.web.api.wire import Text


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextPart(_Strict):
    """A piece of text."""

    type: Literal["text"]
    text: Text


class FileReference(_Strict):
    """A file of /v1/files by its id, or a file in the request itself."""

    file_id: Text | None = None
    file_data: str | None = Field(default=None, description="base64, alone or as a data: URL.")
    filename: Text | None = None


class FilePart(_Strict):
    """A document, or one of several files that are one document."""

    type: Literal["file"]
    file: FileReference


Part = Annotated[TextPart | FilePart, Field(discriminator="type")]


class ChatMessage(BaseModel):
    """A message. Only users and the assistant speak: what a bot is told is part of the bot."""

    role: Text = Field(description="“user” or “assistant”; “system” and “developer” are refused.")
    content: Text | list[Part]


class StreamOptions(_Strict):
    """How to stream."""

    include_usage: bool = False
    include_obfuscation: bool = Field(default=False, description="Has no effect.")


class JsonSchema(BaseModel):
    """A JSON schema with a name."""

    name: str = ""
    description: str | None = None
    schema_: dict[str, Any] = Field(default_factory=lambda: {"type": "object"}, alias="schema")
    strict: bool | None = None


class ResponseFormat(_Strict):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(_Strict):
    """A question with all that was said before, as OpenAI's API has it.

    Unknown fields are refused. Without effect are `user`, `safety_identifier`, `store`, `metadata`,
    `prompt_cache_key` and `service_tier`: every conversation is stored, every document cached.
    """

    model: Text = Field(description="The bot: see GET /v1/models.")
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=2000)]
    stream: bool = False
    stream_options: StreamOptions | None = None

    temperature: float | None = Field(default=None, ge=0, le=2, description="0, the default, takes the likeliest.")
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=2**31, description="Not of OpenAI's API.")
    min_p: float | None = Field(default=None, ge=0, le=1, description="Not of OpenAI's API.")
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=100, description="Not of OpenAI's API.")
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = None
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1)
    stop: Text | list[Text] | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=2**31)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=2**31)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    n: Literal[1] | None = Field(default=None, description="One answer only.")
    response_format: ResponseFormat | None = None

    conversation: Text | None = Field(
        default=None, description="Go on with this stored conversation; then send the new question alone."
    )
    stop_on_disconnect: bool = Field(
        default=False, description="Stop a streamed answer when its reader leaves; otherwise it is finished and stored."
    )

    user: str | None = None
    safety_identifier: str | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
