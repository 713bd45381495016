"""`history import|list|export|delete|restore|erase` on the terminal: a customer's sessions without a model."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError
from assistant.history import histories
from assistant.history_file import export_history, import_history
from assistant.holdings import HISTORY, Holdings
from assistant.keeping import segments as segments_of
from assistant.library import Library
from assistant.removal import remove
from assistant.service import profile_named
from assistant.service_options import ServiceOptions
from storage import Store
from storage.export import plain


@dataclass(frozen=True, slots=True)
class HistoryCommand:
    """What `history` was asked for. `action`: “import”, “list”, “export”, “delete”, “restore” or “erase”."""

    action: str
    user: str
    file: Path | None = None
    customer: str | None = None
    conversation: str | None = None
    form: str = "json"
    mask: bool = False
    names: Sequence[str] = ()
    out: Path | None = None
    yes: bool = False
    json: bool = False


def history(command: HistoryCommand, options: ServiceOptions) -> None:
    """Does it and prints. Raises IngestError, StorageError and AssistantError."""
    if command.file is not None and not command.file.is_file():
        raise AssistantError(f"There is no file {command.file}; name a history in JSON.")
    options.data_dir.mkdir(parents=True, exist_ok=True)
    store = Store.open(options.where)
    try:
        actions = {"import": _import, "list": _list, "export": _export, "delete": _delete, "restore": _restore}
        found = {**actions, "erase": _erase}[command.action](command, options, store)
    finally:
        store.close()
    if found is not None:
        print(json.dumps(found, ensure_ascii=False) if command.json else _lines(found))


def _import(command: HistoryCommand, options: ServiceOptions, store: Store) -> dict[str, Any]:
    if command.file is None:
        raise AssistantError("There is no file to import; write: history import FILE.json --user NAME.")
    if command.file.stat().st_size > options.limits.max_file_bytes:
        raise AssistantError(
            f"{command.file.name} is larger than {options.limits.max_file_bytes:,} bytes; split it, or raise "
            "UNABRIDGED_MAX_FILE_BYTES."
        )
    profile = profile_named(options.bot, options.profiles)
    data = command.file.read_bytes()
    done = import_history(
        store, data, command.file.name, user=command.user, bot=profile.name, customer=command.customer
    )
    return {
        "conversation": done.conversation.id,
        "bot": done.conversation.bot,
        "sessions": done.sessions,
        "messages": done.messages,
        "promises": done.promises,
        "warnings": list(done.warnings),
    }


def _list(command: HistoryCommand, options: ServiceOptions, store: Store) -> dict[str, Any]:
    rows = [
        {
            "conversation": conversation.id,
            "bot": conversation.bot,
            "title": conversation.title,
            "state": conversation.state,
            "number": session.number,
            "started_at": session.started_at.isoformat(timespec="seconds"),
            "messages": session.messages,
        }
        for conversation in histories(store, command.user)
        for session in store.sessions(command.user, conversation.id)
        if session.messages
    ]
    return {"user": command.user, "sessions": sorted(rows, key=lambda row: str(row["started_at"]))}


def _export(command: HistoryCommand, options: ServiceOptions, store: Store) -> dict[str, Any] | None:
    if command.form == "everything":
        if command.mask:
            raise AssistantError("--mask is for the formats json and md; what is masked is not everything any more.")
        rows = [json.dumps({"kind": kind} | plain(value), ensure_ascii=False)
                for kind, value in store.privacy.export(command.user)]  # fmt: skip
        text, count = "\n".join([*rows, ""]), len(rows)
    else:
        masked = command.names if command.mask else None
        text, count = export_history(store, command.user, command.form, masked=masked)
    if command.out is None:
        sys.stdout.write(text)
        return None
    command.out.write_text(text, "utf-8")
    return {"file": str(command.out), "rows": count}


def _delete(command: HistoryCommand, options: ServiceOptions, store: Store) -> dict[str, Any]:
    """Hidden at once and restorable for the organisation's days; keys and values of its sessions go now."""
    if command.conversation is None:
        chosen = list(histories(store, command.user))
        what = f"all {len(chosen)} conversations of “{command.user}”"
    else:
        one = store.conversation(command.user, command.conversation)
        chosen, what = ([] if one.deleted else [one]), f"the conversation “{one.title}” of “{command.user}”"
    if chosen and not command.yes:
        raise AssistantError(f"This deletes {what}; say so with --yes.")
    segments, holdings = segments_of(options), Holdings(options.data_dir / "holdings")
    gone = 0
    for each in chosen:
        store.delete_conversation(command.user, each.id)
        gone += holdings.drop(HISTORY, each.id, segments.delete)
    return {"deleted": len(chosen), "segments": gone, "conversations": [each.id for each in chosen]}


def _restore(command: HistoryCommand, options: ServiceOptions, store: Store) -> dict[str, Any]:
    """Undoes a deletion; its sessions are read anew at the next question."""
    if command.conversation is None:
        raise AssistantError("Name what to restore with --conversation ID, as `history delete` told it.")
    was = store.conversation(command.user, command.conversation)
    back = store.restore_conversation(command.user, was.id)
    return {"restored": int(was.deleted), "conversation": back.id, "title": back.title}


def _erase(command: HistoryCommand, options: ServiceOptions, store: Store) -> dict[str, Any]:
    """Everything of a person, for good."""
    store.accounts.user(command.user)
    if not command.yes:
        raise AssistantError(
            f"This removes “{command.user}” for good, with documents, conversations and files; say so with --yes."
        )
    removed = store.privacy.erase(command.user)
    library = Library(options.data_dir / "documents", options.limits)
    segments = remove(removed, library, Holdings(options.data_dir / "holdings"), segments_of(options).delete)
    return {
        "conversations": len(removed.conversations),
        "documents": len(removed.documents),
        "messages": removed.messages,
        "segments": segments,
    }


def _lines(found: dict[str, Any]) -> str:
    """For people: a line for each thing."""
    lines: list[str] = []
    for name, value in found.items():
        if name == "sessions" and isinstance(value, list):
            lines += [
                f"{row['started_at']}  {row['messages']:>5} messages  {row['conversation']}  session {row['number']}"
                f"  {row['bot']}{'' if row['state'] == 'bot' else ', ' + row['state']}  {row['title']}"
                for row in value
            ]
        elif isinstance(value, list):
            lines += [f"{name}: {each}" for each in value]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)
