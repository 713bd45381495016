"""Files that the browser sent: checked that they are uploads, and put together again where they were a folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gradio.utils import get_upload_folder

from assistant.errors import AssistantError

MOST = 5000  # files of one folder


@dataclass(frozen=True, slots=True)
class Arrival:
    """What to read, under which name; `room` holds it all, to be deleted afterwards."""

    sources: tuple[Path, ...]
    name: str
    room: Path


def arrival(files: Sequence[Any], scratch: Path) -> Arrival:
    """`files`: {"path": where the upload lies, "name": its name, with folders before it where it came in one}.

    They move into a folder of their own in `scratch`: another user may upload the same file to the same place. Raises
    AssistantError for what is no upload of this page.
    """
    if not files:
        raise AssistantError("No file arrived; add it again.")
    if len(files) > MOST:
        raise AssistantError(f"These are {len(files):,} files; pack them into a zip, or give the git address.")
    uploads = [(_upload(each), _relative(each)) for each in files]
    scratch.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix="upload-", dir=scratch))
    try:
        sources = _moved(uploads, room)
    except OSError as error:
        shutil.rmtree(room, ignore_errors=True)
        raise AssistantError(f"A file could not be kept ({error.strerror}); add it again, or as a zip.") from error
    names = [source.name for source in sources]
    return Arrival(tuple(sources), names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", room)


def _moved(uploads: Sequence[tuple[Path, PurePosixPath]], room: Path) -> dict[Path, None]:
    """Moves uploads into `room`; the files, and the folders that came as a whole, in their order."""
    sources: dict[Path, None] = {}
    for number, (path, name) in enumerate(uploads):
        alone = len(name.parts) == 1
        target = room / (str(number) if alone else "folders") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
        shutil.rmtree(path.parent, ignore_errors=True)
        sources[target if alone else room / "folders" / name.parts[0]] = None
    return sources


def _upload(file: Any) -> Path:
    """The path of an upload, which lies alone in a folder of Gradio's: nobody may name another file of this machine."""
    try:
        path = Path(str(file["path"])).resolve(strict=True)
    except (OSError, ValueError, KeyError, TypeError):
        raise AssistantError("A file did not arrive; add it again.") from None
    folder = Path(get_upload_folder()).resolve()
    if not path.is_file() or path.parent.parent != folder:
        raise AssistantError("A file did not arrive; add it again.")
    return path


def _relative(file: Any) -> PurePosixPath:
    """The name as the browser told it, without anything that leads elsewhere."""
    name = PurePosixPath(str(file.get("name", "")).replace("\\", "/"))
    parts = [part for part in name.parts if part not in ("/", ".", "..", "") and "\0" not in part]
    if not parts or any(len(part.encode()) > 255 for part in parts):
        raise AssistantError("A file has no usable name; rename it and add it again.")
    return PurePosixPath(*parts)
