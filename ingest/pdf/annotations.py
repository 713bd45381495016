"""What stands on a page beside its text: filled form fields, comments, links; runs in the sandbox, by pypdf.

Each becomes a line such as `[Form field "Tenant name": ACME Ltd]`, `[x] Furnished` or `[Comment by J. Doe: check]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pypdf import PageObject

from ingest.pdf.glyphs import Glyphs
from ingest.pdf.rows import make_rows, text_of
from ingest.text import one_line

MAX_NOTES = 2_000  # of one page
MAX_CHARS = 20_000  # of one field or comment
MAX_PARENTS = 20
_KINDS = {
    "/Text": "Comment",
    "/FreeText": "Text box",
    "/Highlight": "Highlight",
    "/Underline": "Underlining",
    "/StrikeOut": "Struck out",
    "/Squiggly": "Underlining",
    "/Caret": "Insertion",
    "/Stamp": "Stamp",
    "/Square": "Comment",
    "/Circle": "Comment",
    "/Line": "Comment",
    "/Ink": "Comment",
    "/FileAttachment": "Attached file",
}
_MARKING = frozenset(("/Highlight", "/Underline", "/StrikeOut", "/Squiggly"))
_RADIO, _PUSH = 1 << 15, 1 << 16
_HIDDEN = 2


def page_notes(page: PageObject, glyphs: Glyphs | None, lines: Sequence[str]) -> list[str]:
    """The lines to add at the end of the page, in the order the file has them."""
    shown = " ".join(" ".join(lines).split())
    notes: list[str] = []
    annotations = _resolve(page.get("/Annots"))
    for item in list(annotations)[:MAX_NOTES] if isinstance(annotations, list) else []:
        note = _resolve(item)
        if not isinstance(note, dict) or _number(note.get("/F")) & _HIDDEN:
            continue
        kind = note.get("/Subtype")
        if kind == "/Widget":
            notes += _field(note, glyphs)
        elif kind == "/Link":
            notes += _link(note, glyphs, shown)
        elif kind in _KINDS:
            notes += _comment(note, str(kind), glyphs)
    return list(dict.fromkeys(notes))


def _field(note: dict[str, Any], glyphs: Glyphs | None) -> Iterator[str]:
    kind, flags = _inherited(note, "/FT"), _number(_inherited(note, "/Ff"))
    name = _text(_inherited(note, "/TU")) or _text(_inherited(note, "/T"))
    if kind == "/Btn":
        state = _resolve(note.get("/AS")) or _inherited(note, "/V") or "/Off"
        if flags & _PUSH or not name:
            return
        mark = "[ ]" if state == "/Off" else "[x]"
        option = f" ({_text(state)[1:]})" if flags & _RADIO and state != "/Off" else ""
        if not (flags & _RADIO and state == "/Off"):
            yield f'[Form field "{name}": {mark}{option}]'
    elif kind in ("/Tx", "/Ch"):
        value = _inherited(note, "/V")
        texts = [_text(each) for each in value] if isinstance(value, list) else [_text(value)]
        text = ", ".join(filter(None, texts))
        if not text or not _stands_in(note, glyphs, text):
            yield f'[Form field "{name or "without a name"}": {text or "empty"}]'
    elif kind == "/Sig":
        signed = _inherited(note, "/V")
        who = _text(signed.get("/Name")) if isinstance(signed, dict) else ""
        state = f"signed by {who}" if who else "signed" if isinstance(signed, dict) else "not signed"
        yield f'[Signature field "{name or "without a name"}": {state}]'


def _comment(note: dict[str, Any], kind: str, glyphs: Glyphs | None) -> Iterator[str]:
    text = _text(note.get("/Contents"))
    if kind == "/FileAttachment":
        file = _resolve(note.get("/FS"))
        name = _text(file.get("/UF") or file.get("/F")) if isinstance(file, dict) else ""
        text = ": ".join(filter(None, (name, text)))
    if not text or (kind == "/FreeText" and _stands_in(note, glyphs, text)):
        return
    author = _text(note.get("/T"))
    about = _marked(note, glyphs) if kind in _MARKING else ""
    label = _KINDS[kind] + (f" by {author}" if author else "") + (f' on "{about}"' if about else "")
    yield f"[{label}: {text}]"


def _link(note: dict[str, Any], glyphs: Glyphs | None, shown: str) -> Iterator[str]:
    action = _resolve(note.get("/A"))
    target = _text(action.get("/URI")) if isinstance(action, dict) else ""
    bare = re.sub(r"^(?:https?://|mailto:)(?:www\.)?|/$", "", target)
    if not bare or bare in shown or bare in shown.replace(" ", ""):
        return
    words = _inside(note, glyphs)
    yield f'[Link on "{words}": {target}]' if words else f"[Link: {target}]"


def _marked(note: dict[str, Any], glyphs: Glyphs | None) -> str:
    """The words that a highlight covers."""
    words = _inside(note, glyphs)
    return words if len(words) <= 300 else words[:300] + "…"


def _inside(note: dict[str, Any], glyphs: Glyphs | None) -> str:
    """The words whose middle lies in the annotation's boxes."""
    if glyphs is None:
        return ""
    quads = [_number(value) for value in _list(note.get("/QuadPoints"))]
    boxes = [quads[at : at + 8] for at in range(0, len(quads) - 7, 8)]
    corners = [(min(box[::2]), min(box[1::2]), max(box[::2]), max(box[1::2])) for box in boxes[:200]]
    area = [_number(value) for value in _list(note.get("/Rect"))]
    if not corners and len(area) == 4:
        corners = [(area[0], area[1], area[2], area[3])]
    found: list[str] = []
    for corner in corners:
        x0, top, x1, bottom = glyphs.place(corner)
        words = [
            word
            for word in glyphs.words
            if x0 - 1 <= (word.x0 + word.x1) / 2 <= x1 + 1 and top <= word.base - 0.3 * word.size <= bottom
        ]
        found += [text_of(row) for row in make_rows(words)]
    return one_line(" ".join(found)).strip(" .,;")


def _stands_in(note: dict[str, Any], glyphs: Glyphs | None, text: str) -> bool:
    """The page's own text already shows the value at that place."""
    seen, wanted = (re.sub(r"\W+", "", each).casefold() for each in (_inside(note, glyphs), text))
    return bool(wanted) and wanted in seen


def _inherited(note: dict[str, Any], key: str) -> Any:
    """A field's own value or that of the nearest field above it; names of fields are not inherited further."""
    node: Any = note
    for _ in range(MAX_PARENTS):
        if not isinstance(node, dict):
            return None
        if node.get(key) is not None:
            return _resolve(node[key])
        node = _resolve(node.get("/Parent"))
    return None


def _text(value: Any) -> str:
    value = _resolve(value)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return " ".join(one_line(str(value)[:MAX_CHARS]).split()) if isinstance(value, str) else ""


def _number(value: Any) -> Any:
    value = _resolve(value)
    return value if isinstance(value, int | float) else 0


def _list(value: Any) -> list[Any]:
    value = _resolve(value)
    return list(value)[:4_000] if isinstance(value, list) else []


def _resolve(item: Any) -> Any:
    return item.get_object() if hasattr(item, "get_object") else item
