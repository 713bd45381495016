"""/v1/files: documents go in, are read in the background, and go out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from starlette.concurrency import run_in_threadpool

from assistant.errors import UnknownBotError
from assistant.web.api.problems import Problem
from assistant.web.api.state import ApiState, State, Who
from assistant.web.api.uploads import Upload
from assistant.web.api.wire import Deleted, FileList, FileObject, Limit, Reading, Text
from storage import DocumentRecord, NotFoundError

router = APIRouter(prefix="/v1/files", tags=["files"])


@router.post("", summary="Upload a document", status_code=200)
async def upload(
    state: State,
    who: Who,
    file: Annotated[list[UploadFile], File(description="A file, or several that together are one document.")],
    purpose: Annotated[Text, Form(max_length=64, description="Has no effect; OpenAI’s clients send it.")] = "",
    bot: Annotated[Text, Form(max_length=64, description="Who will be asked: the file is read for that bot.")] = "",
) -> FileObject:
    """Keeps the file and reads it in the background; GET tells how far that is.

    The id is a hash of names and contents, so the same upload again is the same file.
    """
    name = bot or state.service.options.bot
    if name not in state.service.bots:
        raise UnknownBotError(f"There is no bot “{name}”; choose one of: {', '.join(state.service.bots)}.")
    files = [(each.filename or "file", each.file) for each in file]
    try:
        document_id = await run_in_threadpool(state.uploads.add, who.user, name, files)
    finally:
        for each in file:
            await each.close()
    return await run_in_threadpool(_find, state, who.user, document_id)


@router.get("", summary="List documents")
def list_files(
    state: State,
    who: Who,
    limit: Limit = 50,
    after: Annotated[Text | None, Query(description="Those behind the file with this id.")] = None,
) -> FileList:
    """Everything the user uploaded, oldest first, also what is still being read or could not be read."""
    everything = [_read(record) for record in state.service.store.documents(who.user)]
    known = {each.id for each in everything}
    everything += [_unread(upload) for upload in state.uploads.of(who.user) if upload.ticket.id not in known]
    start = 0
    if after is not None:
        ids = [each.id for each in everything]
        if after not in ids:
            raise Problem(404, "There is no such file to go on after.", "not_found")
        start = ids.index(after) + 1
    page = everything[start : start + limit]
    first, last = (page[0].id, page[-1].id) if page else (None, None)
    return FileList(data=page, has_more=start + limit < len(everything), first_id=first, last_id=last)


@router.get("/{file_id}", summary="Get a document's state")
def get_file(state: State, who: Who, file_id: Text) -> FileObject:
    """What is known of the file, and how far its reading is."""
    return _find(state, who.user, file_id)


@router.delete("/{file_id}", summary="Delete a document")
def delete_file(state: State, who: Who, file_id: Text) -> Deleted:
    """Deletes the document with everything read of it; an upload that is being read is given up.

    409 while conversations use it: delete those first.
    """
    dropped = state.uploads.drop(who.user, file_id)
    try:
        state.service.forget(who.user, file_id)
    except NotFoundError:  # an upload that was not read yet
        if not dropped:
            raise NotFoundError("There is no such file.") from None
    return Deleted(id=file_id, object="file")


def _find(state: ApiState, user: str, document_id: str) -> FileObject:
    upload = state.uploads.find(user, document_id)  # before the store: what is read goes there and is gone here
    try:
        return _read(state.service.store.document(user, document_id))
    except NotFoundError:
        if upload is None:
            raise NotFoundError("There is no such file.") from None
        return _unread(upload)


def _read(record: DocumentRecord) -> FileObject:
    reading = Reading(
        phase="done", done=record.tokens, total=record.tokens, eta_s=0, pages=record.pages, tokens=record.tokens
    )
    return FileObject(
        id=record.id,
        bytes=record.bytes,
        created_at=int(record.created_at.timestamp()),
        filename=record.name,
        status="processed",
        unabridged=reading,
    )


def _unread(upload: Upload) -> FileObject:
    ticket, state = upload.ticket, upload.state
    phase = "waiting" if upload.job is None and not ticket.error else state.phase
    return FileObject(
        id=ticket.id,
        bytes=ticket.bytes,
        created_at=int(ticket.created_at),
        filename=ticket.name,
        status="error" if ticket.error else "uploaded",
        status_details=ticket.error or None,
        unabridged=Reading(phase=phase, done=state.done, total=state.total, eta_s=state.eta_s),
    )
