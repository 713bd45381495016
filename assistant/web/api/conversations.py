"""/v1/conversations: list, look into, search, rename, stop, rate, export, delete and bring back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from assistant.web.api import cursors
from assistant.web.api.problems import Problem
from assistant.web.api.state import ApiState, State, Who
from assistant.web.api.transcripts import as_json, as_markdown, message_object
from assistant.web.api.wire import (
    Change,
    ConversationList,
    ConversationObject,
    Deleted,
    Hit,
    HitList,
    Limit,
    MessageList,
    Stopped,
    Text,
    Verdict,
    VerdictObject,
)
from storage import Conversation, NotFoundError, StorageError
from storage.records import Hit as Found
from storage.words import terms_of

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])
Cursor = Annotated[Text | None, Query(description="`next_cursor` of the page before.")]
Place = Annotated[int, Path(ge=0, le=2**31 - 1, description="The message's id in its conversation.")]
Format = Literal["json", "markdown"]


@router.get("", summary="List conversations")
def list_conversations(
    state: State, who: Who, limit: Limit = 50, cursor: Cursor = None, archived: bool = False
) -> ConversationList:
    """The user's conversations, the last updated first."""
    store = state.service.store
    found = cursors.page(
        lambda count, before: store.conversations(who.user, limit=count, before=before, archived=archived),
        lambda each: (each.updated_at, each.id),
        cursors.parse(cursor),
        limit,
    )
    return ConversationList(
        data=[conversation_object(each) for each in found.items],
        has_more=found.after is not None,
        next_cursor=str(found.after) if found.after else None,
    )


@router.get("/search", summary="Search")
def search(
    state: State,
    who: Who,
    q: Annotated[Text, Query(min_length=1, max_length=500, description='Words, begin*nings, "some phrase".')],
    limit: Limit = 20,
    cursor: Cursor = None,
    kind: Annotated[Literal["message", "document"] | None, Query(description="Only these.")] = None,
    model: Annotated[Text | None, Query(description="Only what this bot was asked.")] = None,
) -> HitList:
    """Messages and documents of the user that hold all the words, newest first."""
    try:
        terms_of(q)
    except StorageError as error:
        raise Problem(400, str(error), "no_words") from error
    store = state.service.store
    kinds = (kind,) if kind else ("message", "document")
    found = cursors.page(
        lambda count, until: store.search(who.user, q, kinds=kinds, bot=model, until=until, limit=count),
        lambda hit: (hit.at, f"{hit.conversation_id}/{hit.seq}/{hit.document_id}/{hit.path}/{hit.start}"),
        cursors.parse(cursor),
        limit,
    )
    return HitList(
        data=[_hit(hit) for hit in found.items],
        has_more=found.after is not None,
        next_cursor=str(found.after) if found.after else None,
    )


@router.get("/{conversation_id}", summary="Get a conversation")
def get_conversation(state: State, who: Who, conversation_id: Text) -> ConversationObject:
    """What the conversation is called, about, and who answers in it."""
    return conversation_object(_own(state, who.user, conversation_id))


@router.patch("/{conversation_id}", summary="Rename, pin or archive")
def change(state: State, who: Who, conversation_id: Text, body: Change) -> ConversationObject:
    """Changes what is given. With `expected`, a change that somebody else made meanwhile is a 409."""
    store, expected = state.service.store, body.expected
    conversation = _own(state, who.user, conversation_id)
    if body.title is not None:
        conversation = store.rename(who.user, conversation_id, body.title, expected=expected)
        expected = conversation.version if expected is not None else None
    if body.pinned is not None:
        conversation = store.pin(who.user, conversation_id, body.pinned, expected=expected)
        expected = conversation.version if expected is not None else None
    if body.archived is not None:
        conversation = store.archive(who.user, conversation_id, body.archived, expected=expected)
    return conversation_object(conversation)


@router.delete("/{conversation_id}", summary="Delete a conversation")
def delete_conversation(state: State, who: Who, conversation_id: Text) -> Deleted:
    """Hides the conversation; for the days that the organisation sets it can be restored. A growing answer stops."""
    conversation = _own(state, who.user, conversation_id)
    _stop(state, conversation)
    state.service.delete_conversation(who.user, conversation_id)
    return Deleted(id=conversation_id, object="conversation")


@router.post("/{conversation_id}/restore", summary="Undo a deletion")
def restore(state: State, who: Who, conversation_id: Text) -> ConversationObject:
    """Brings a deleted conversation back as it was."""
    return conversation_object(state.service.store.restore_conversation(who.user, conversation_id))


@router.get("/{conversation_id}/messages", summary="List messages")
def list_messages(
    state: State,
    who: Who,
    conversation_id: Text,
    limit: Limit = 50,
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Those before this message.")] = None,
) -> MessageList:
    """The last messages of the conversation, in order."""
    _own(state, who.user, conversation_id)
    found = state.service.store.page(who.user, conversation_id, limit=limit, before=before)
    return MessageList(data=[message_object(each) for each in found.messages], has_more=found.more)


@router.post("/{conversation_id}/stop", summary="Stop the answer")
def stop(state: State, who: Who, conversation_id: Text) -> Stopped:
    """Ends the answer that grows in this conversation; what was said so far is stored."""
    return Stopped(id=conversation_id, stopped=_stop(state, _own(state, who.user, conversation_id)))


@router.put("/{conversation_id}/messages/{message_id}/feedback", summary="Rate an answer")
def rate(state: State, who: Who, conversation_id: Text, message_id: Place, body: Verdict) -> VerdictObject:
    """Thumb up (1) or down (-1), with a reason."""
    conversation = _own(state, who.user, conversation_id)
    given = state.service.store.give_feedback(who.user, conversation_id, message_id, body.thumb, body.reason)
    state.metrics.feedback(conversation.bot if conversation.bot in state.service.bots else "other", body.thumb)
    return VerdictObject(thumb=body.thumb, reason=given.reason, conversation_id=conversation_id, message_id=given.seq)


@router.get(
    "/{conversation_id}/export",
    summary="Export a conversation",
    response_model=None,
    responses={200: {"content": {"application/json": {}, "text/markdown": {}}}},
)
def export(state: State, who: Who, conversation_id: Text, format: Format = "json") -> Response:
    """The whole conversation with all citations, as JSON or as Markdown to read."""
    conversation = _own(state, who.user, conversation_id)
    messages = state.service.store.messages(who.user, conversation_id)
    name = f"conversation-{conversation.id[:8]}"
    if format == "markdown":
        text = as_markdown(conversation, messages)
        headers = {"Content-Disposition": f'attachment; filename="{name}.md"'}
        return Response(text, media_type="text/markdown; charset=utf-8", headers=headers)
    value = conversation_object(conversation).model_dump() | {"messages": as_json(messages)}
    return JSONResponse(value, headers={"Content-Disposition": f'attachment; filename="{name}.json"'})


def conversation_object(conversation: Conversation) -> ConversationObject:
    """A conversation as the API shows it."""
    return ConversationObject(
        id=conversation.id,
        title=conversation.title,
        model=conversation.bot,
        created_at=conversation.created_at.timestamp(),
        updated_at=conversation.updated_at.timestamp(),
        document_ids=list(conversation.document_ids),
        state=conversation.state,
        pinned=conversation.pinned,
        archived=conversation.archived,
        version=conversation.version,
    )


def _own(state: ApiState, user: str, conversation_id: str) -> Conversation:
    """The user's conversation, unless it was deleted; NotFoundError."""
    conversation = state.service.store.conversation(user, conversation_id)
    if conversation.deleted:
        raise NotFoundError("There is no such conversation; if it was deleted, restore it first.")
    return conversation


def _stop(state: ApiState, conversation: Conversation) -> bool:
    if conversation.bot not in state.service.bots:  # of an earlier configuration: nobody answers in it
        return False
    job = state.service.bot(conversation.bot).chat.job(conversation.id)
    if job is None:
        return False
    job.stop()
    return True


def _hit(hit: Found) -> Hit:
    if hit.kind not in ("message", "document"):
        raise Problem(500, "The search found something unknown.", "internal_error")
    return Hit(
        kind="message" if hit.kind == "message" else "document",
        title=hit.title,
        quote=hit.quote,
        at=hit.at.timestamp(),
        conversation_id=hit.conversation_id,
        message_id=hit.seq,
        file_id=hit.document_id,
        path=hit.path,
        page=hit.page,
        line=hit.line,
    )
