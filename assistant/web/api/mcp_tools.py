"""What programs that speak the Model Context Protocol can do here: read, ask, search, list. Each for its own user.

The user is whom the door let in with the request (gate.py); no argument of a tool can name another one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import logging
from collections.abc import Awaitable
from typing import Annotated, Any, Literal, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from assistant.answer_options import PLAIN
from assistant.coverage import coverage
from assistant.errors import UnknownBotError
from assistant.listing import section_titles
from assistant.web.api.asked import Asked
from assistant.web.api.completions import QUIET, document_id_of
from assistant.web.api.conversations import conversation_object
from assistant.web.api.exchange import Exchange
from assistant.web.api.journal import failure
from assistant.web.api.problems import EXPECTED, Problem, problem_of
from assistant.web.api.replies import Reply
from assistant.web.api.state import ApiState

INSTRUCTIONS = """Ask about whole documents: every token is read, nothing is chunked, retrieved or trimmed. `read` a
document once, then `ask` about it as often as you like; pass the `conversation` of an answer to go on in it. Answers
carry citations and say what was not read.
"""
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
Limit = Annotated[int, Field(ge=1, le=100, description="At most so many.")]
T = TypeVar("T")
logger = logging.getLogger("unabridged.mcp")


class Tools:
    """The tools over what all routes share."""

    def __init__(self, state: ApiState) -> None:
        self._state = state

    def add_to(self, server: MCPServer) -> None:
        """Registers all of them; their schemas and descriptions come from signatures and docstrings."""
        for tool, hints in (
            (self.read, WRITES),
            (self.ask, WRITES),
            (self.search, READS),
            (self.list_documents, READS),
            (self.list_conversations, READS),
        ):
            server.add_tool(tool, annotations=hints)

    async def read(
        self,
        ctx: Context[Any, Request],
        filename: Annotated[str, Field(description="Its ending says what it is: .pdf, .docx, .md, .zip …")],
        text: Annotated[str | None, Field(description="The content of a text file.")] = None,
        content_base64: Annotated[str | None, Field(description="The content of any other file.")] = None,
        bot: Annotated[str, Field(description="Who will be asked; the server's default if empty.")] = "",
    ) -> dict[str, Any]:
        """Reads a whole document, once, and keeps it; returns its id, its sections and what could not be read.

        Progress is told in tokens. The same document again is ready at once.
        """
        return await self._guarded(self._read(ctx, filename, text, content_base64, bot))

    async def ask(
        self,
        ctx: Context[Any, Request],
        question: Annotated[str, Field(min_length=1, max_length=8000)],
        document: Annotated[str | None, Field(description="Id of a document; begins a conversation.")] = None,
        conversation: Annotated[str | None, Field(description="Id of a conversation to go on in.")] = None,
        bot: Annotated[str, Field(description="Who answers; the server's default if empty.")] = "",
    ) -> dict[str, Any]:
        """Answers from the whole document, with citations and what was read.

        Each progress notification holds the answer so far in its message.
        """
        return await self._guarded(self._ask(ctx, question, document, conversation, bot))

    async def search(
        self,
        ctx: Context[Any, Request],
        query: Annotated[str, Field(min_length=1, max_length=500, description='Words, begin*nings, "some phrase".')],
        kind: Literal["message", "document"] | None = None,
        limit: Limit = 20,
    ) -> dict[str, Any]:
        """Finds messages and pages of documents that hold all the words, newest first. For finding, not for answers."""
        return await self._guarded(self._search(ctx, query, kind, limit))

    async def list_documents(self, ctx: Context[Any, Request], limit: Limit = 50) -> dict[str, Any]:
        """Lists the documents that were read, the newest first; `more` says whether there are others."""
        return await self._guarded(self._documents(ctx, limit))

    async def list_conversations(self, ctx: Context[Any, Request], limit: Limit = 50) -> dict[str, Any]:
        """Lists the conversations, the last updated first; `more` says whether there are others."""
        return await self._guarded(self._conversations(ctx, limit))

    # -- what they do -----------------------------------------------------------------

    async def _read(
        self, ctx: Context[Any, Request], filename: str, text: str | None, content: str | None, bot: str
    ) -> dict[str, Any]:
        user, state, name = user_of(ctx), self._state, self._bot(bot)
        data = _content(text, content)
        document = await run_in_threadpool(state.uploads.add, user, name, [(filename, io.BytesIO(data))])
        upload = state.uploads.find(user, document)
        while upload and not upload.ended.is_set():
            at = upload.state
            if at.total:
                unit = "tokens" if at.phase == "reading" else "pages"
                await ctx.report_progress(at.done, at.total, f"{at.phase}: {at.done:,} of {at.total:,} {unit}")
            await asyncio.sleep(0.2)
        if upload and upload.ticket.error:
            raise Problem(422, upload.ticket.error, "unreadable_file")
        record = await run_in_threadpool(state.service.store.document, user, document)
        held = await run_in_threadpool(state.service.library.get, document)
        receipt: dict[str, Any] = {}
        if held is not None:
            covered = coverage(held.document, record.tokens, record.tokens)
            unread = [{"path": path, "reason": reason} for path, reason in covered.files_unread]
            receipt = {"sections": section_titles(held.document), "pages_unread": list(covered.pages_unread)}
            receipt |= {"files_unread": unread, "coverage": covered.sentence()}
        return {"document": document, "name": record.name, "pages": record.pages, "tokens": record.tokens} | receipt

    async def _ask(
        self, ctx: Context[Any, Request], question: str, document: str | None, conversation: str | None, bot: str
    ) -> dict[str, Any]:
        user, state = user_of(ctx), self._state
        if state.closing:
            raise Problem(503, "The server is about to end; ask again in a moment.", "ending")
        if (document is None) == (conversation is None):
            raise Problem(400, "Name either a document or a conversation to go on in.", "invalid_value")
        state.answers.hit(user)
        if conversation is not None and not bot:
            bot = (await run_in_threadpool(state.service.store.conversation, user, conversation)).bot
        asked = Asked(self._bot(bot), (), question, document, (), conversation, PLAIN)
        await run_in_threadpool(state.service.bot, asked.bot)
        leave = state.answering.enter(user)
        try:
            about = await run_in_threadpool(document_id_of, state, user, asked)
            exchange = Exchange(state, user, asked, about, None, str(ctx.request_id))
            state.keep(asyncio.create_task(exchange.run(leave)))
        except BaseException:
            leave()
            raise
        sent = ""
        while not exchange.over:
            await exchange.wait(QUIET)
            if exchange.text and exchange.text != sent:
                sent = exchange.text
                await ctx.report_progress(len(sent), None, sent)
        if exchange.problem:
            raise exchange.problem
        fingerprint = state.service.engine.decoder.fingerprint
        reply = Reply(exchange, state.service.tokenizer, fingerprint, logprobs=False)
        return {"answer": exchange.text} | reply.unabridged()

    async def _search(self, ctx: Context[Any, Request], query: str, kind: str | None, limit: int) -> dict[str, Any]:
        kinds = (kind,) if kind else ("message", "document")
        store = self._state.service.store
        hits = await run_in_threadpool(lambda: store.search(user_of(ctx), query, kinds=kinds, limit=limit + 1))
        names = ("kind", "title", "quote", "conversation_id", "session", "seq", "document_id", "path", "page", "line")
        rows = [
            {name: getattr(hit, name) for name in names if getattr(hit, name) is not None} | {"at": hit.at.isoformat()}
            for hit in hits[:limit]
        ]
        return {"hits": rows, "more": len(hits) > limit}

    async def _documents(self, ctx: Context[Any, Request], limit: int) -> dict[str, Any]:
        found = await run_in_threadpool(self._state.service.store.documents, user_of(ctx))
        newest = sorted(found, key=lambda each: each.created_at, reverse=True)
        rows = [{"document": each.id, "name": each.name, "pages": each.pages, "tokens": each.tokens} for each in newest]
        return {"documents": rows[:limit], "more": len(rows) > limit}

    async def _conversations(self, ctx: Context[Any, Request], limit: int) -> dict[str, Any]:
        store = self._state.service.store
        found = await run_in_threadpool(lambda: store.conversations(user_of(ctx), limit=limit + 1))
        rows = [conversation_object(each).model_dump() for each in found[:limit]]
        return {"conversations": rows, "more": len(found) > limit}

    def _bot(self, bot: str) -> str:
        name, known = bot or self._state.service.options.bot, self._state.service.bots
        if name not in known:
            raise UnknownBotError(f"There is no bot “{name}”; choose one of: {', '.join(known)}.")
        return name

    async def _guarded(self, work: Awaitable[T]) -> T:
        """What is meant for people is told; of anything else nothing leaves but the kind, which goes to the log."""
        try:
            return await work
        except (Problem, *EXPECTED) as error:
            raise ToolError(problem_of(error).detail) from None
        except ToolError:
            raise
        except Exception as error:
            logger.error("tool", extra=failure(error))
            raise ToolError("Something failed inside; the server's log tells more.") from None


def user_of(ctx: Context[Any, Request]) -> str:
    """The caller whom the door has let in. Raises ToolError where there was no door."""
    caller = getattr(getattr(ctx.request_context.request, "state", None), "caller", None)
    if caller is None:
        raise ToolError("This needs a valid key: send it as “Authorization: Bearer …”.")
    return str(caller.user)


def _content(text: str | None, content: str | None) -> bytes:
    if (text is None) == (content is None):
        raise Problem(400, "Give either text or content_base64.", "invalid_value")
    if text is not None:
        return text.encode()
    try:
        return base64.b64decode("".join((content or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise Problem(400, "content_base64 is not base64.", "invalid_value") from None
