"""POST /v1/chat/completions: a question about a document, answered like OpenAI's API answers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from assistant.history import reads_history
from assistant.service import Service
from assistant.web.api.asked import Asked, understand
from assistant.web.api.chat_wire import ChatRequest
from assistant.web.api.exchange import Exchange
from assistant.web.api.problems import Problem, openai_error
from assistant.web.api.replies import DONE, Reply, event
from assistant.web.api.state import ApiState, State, Who
from assistant.web.api.wire import Text
from sparse_backend import Engine

router = APIRouter(tags=["answers"])
QUIET = 10.0  # seconds after which a silent stream says that it lives
Key = Annotated[Text | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


@router.post(
    "/v1/chat/completions",
    summary="Ask about a document",
    response_model=None,
    responses={
        200: {
            "description": "An OpenAI chat completion, or with `stream` its chunks as server-sent events, which end "
            "with `data: [DONE]`. The field `unabridged` holds citations, coverage and timings.",
            "content": {"application/json": {}, "text/event-stream": {}},
        }
    },
)
async def complete(
    request: Request, body: ChatRequest, state: State, who: Who, idempotency_key: Key = None
) -> JSONResponse | StreamingResponse:
    """Answers the last message from the whole of the document that the messages attach.

    The model is one of the bots. Clients may send all that was said each time, as OpenAI's API wants it: a history
    that a stored conversation says goes on in that conversation. The same Idempotency-Key gives the same answer.
    """
    if state.closing:
        raise Problem(503, "The server is about to end; ask again in a moment.", "ending", headers={"Retry-After": "5"})
    state.answers.hit(who.user)
    asked = understand(body, vocabulary(state.service))
    await run_in_threadpool(state.service.bot, asked.bot)
    leave = state.answering.enter(who.user)
    try:
        document_id = await run_in_threadpool(document_id_of, state, who.user, asked)
        exchange = Exchange(state, who.user, asked, document_id, idempotency_key, request.state.request_id)
        state.keep(asyncio.create_task(exchange.run(leave)))
    except BaseException:
        leave()
        raise
    reply = Reply(
        exchange, state.service.tokenizer, state.service.engine.decoder.fingerprint, logprobs=bool(body.logprobs)
    )
    if body.stream:
        usage = body.stream_options is not None and body.stream_options.include_usage
        parts = stream(exchange, reply, usage=usage, stop=body.stop_on_disconnect)
        return StreamingResponse(parts, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
    while not exchange.over:
        await exchange.wait(QUIET)
    if exchange.problem:
        raise exchange.problem
    return JSONResponse(reply.completion())


async def stream(exchange: Exchange, reply: Reply, *, usage: bool, stop: bool) -> AsyncIterator[str]:
    """The events of a streamed answer; comments, which clients skip, tell how far the reading is."""
    sent = 0
    opened = False
    try:
        while True:
            seen = exchange.news  # what comes while a part is sent must not be waited for in vain
            over, text = exchange.over, exchange.text  # in this order: the text of one that is over is whole
            if not opened and (exchange.message or (over and not exchange.problem)):
                opened = True
                yield event(reply.opening())
            if opened and len(text) > sent:
                yield event(reply.piece(text[sent:]))
                sent = len(text)
            if over:
                break
            if not await exchange.wait(QUIET, seen):
                yield ": still at work\n\n"
            elif exchange.reading:
                yield f": {exchange.reading.phase} {exchange.reading.done}/{exchange.reading.total}\n\n"
    except asyncio.CancelledError:  # whoever asked has left
        if stop and exchange.job:
            exchange.job.stop()
        raise
    for part in _end(exchange, reply, usage=usage):
        yield part
    yield DONE


def _end(exchange: Exchange, reply: Reply, *, usage: bool) -> list[str]:
    if exchange.problem:
        return [event({"error": openai_error(exchange.problem)})]
    return [event(reply.closing()), *([event(reply.counting())] if usage else [])]


def document_id_of(state: ApiState, user: str, asked: Asked) -> str:
    """The document that is asked about, "" for the user's history; inline files are kept like those of /v1/files."""
    store = state.service.store
    if asked.conversation is not None:
        conversation = store.conversation(user, asked.conversation)
        if conversation.deleted:
            raise Problem(404, "There is no such conversation.", "not_found", "conversation")
        if conversation.bot != asked.bot:
            raise Problem(400, f"The bot “{conversation.bot}” answers in this conversation.", "invalid_value", "model")
        if conversation.document_ids:
            return conversation.document_ids[0]
        if not reads_history(state.service.bot(conversation.bot).profile):
            raise Problem(400, "This conversation has no document; start a new one.", "no_document", "conversation")
        return ""
    if asked.files:
        files = [(each.name, io.BytesIO(each.content)) for each in asked.files]
        return state.uploads.add(user, asked.bot, files)
    assert asked.file_id is not None
    if state.uploads.find(user, asked.file_id) is None:
        store.document(user, asked.file_id)  # NotFoundError for what is somebody else's
    return asked.file_id


def vocabulary(service: Service) -> int | None:
    """How many tokens the model knows; None for a model that chooses none."""
    engine: Any = service.engine
    return engine.decoder.vocabulary if isinstance(engine, Engine) else None
