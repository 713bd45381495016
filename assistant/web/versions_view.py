"""HTML of two versions of a contract, clause beside clause, with changed words marked. All text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from assistant.compare_command import summary
from assistant.versions import Clause, Pair
from assistant.web.compare_views import marked
from assistant.word_changes import word_changes

JUMPS = 500  # changes listed as links; the others are reached by the buttons


def versions(pairs: Sequence[Pair], old: str, new: str) -> str:
    """The whole comparison: summary, the changes as jumps, and every clause once. `old`, `new`: their names."""
    changed = [index for index, pair in enumerate(pairs) if pair.kinds]
    jumps = "".join(_jump(index, pairs[index]) for index in changed[:JUMPS])
    rows = "".join(_row(index, pair) for index, pair in enumerate(pairs))
    tools = (
        '<div class="tools"><label><input type="checkbox" data-only> Only changes</label>'
        '<span role="group" aria-label="Changes"><button type="button" class="turn" data-step="-1" '
        'aria-label="Previous change">‹</button><button type="button" class="turn" data-step="1" '
        'aria-label="Next change">›</button></span>'
        f'<span class="told" role="status">{escape(summary(pairs))}</span></div>'
    )
    heads = f'<div class="pair heads"><div>{escape(old)}</div><div>{escape(new)}</div></div>'
    return (
        f'<div class="versions">{tools}<div class="panes"><nav class="jumps" aria-label="Changes">{jumps}</nav>'
        f'<div class="clauses" tabindex="0" aria-label="Clauses">{heads}{rows}</div></div></div>'
    )


def _jump(index: int, pair: Pair) -> str:
    clause = pair.new or pair.old
    title = _title(clause) if clause else ""
    return f'<button type="button" data-jump="{index}">{_tags(pair)}<span>{escape(title)}</span></button>'


def _row(index: int, pair: Pair) -> str:
    css = "pair changed" if pair.kinds else "pair same"
    start = f'<article class="{css}" id="pair-{index}" tabindex="-1">'
    if pair.old is None and pair.new is not None:
        return f'{start}<div class="side none"></div><div class="side">{_whole(pair, pair.new, "ins")}</div></article>'
    if pair.new is None and pair.old is not None:
        return f'{start}<div class="side">{_whole(pair, pair.old, "del")}</div><div class="side none"></div></article>'
    assert pair.old is not None
    assert pair.new is not None
    if not pair.edited:
        body = f"<details><summary>{_head(pair, pair.new)}</summary><p>{escape(pair.new.text)}</p></details>"
        before = f"{_head(None, pair.old)}"
        return f'{start}<div class="side">{before}</div><div class="side">{body}</div></article>'
    pieces = word_changes(pair.old.text, pair.new.text)
    titles = word_changes(_title(pair.old), _title(pair.new))
    left = f"{_head(None, pair.old, marked(titles, 'gone'))}<p>{marked(pieces, 'gone')}</p>"
    right = f"{_head(pair, pair.new, marked(titles, 'new'))}<p>{marked(pieces, 'new')}</p>"
    return f'{start}<div class="side">{left}</div><div class="side">{right}</div></article>'


def _whole(pair: Pair, clause: Clause, tag: str) -> str:
    title = f"<{tag}>{escape(_title(clause))}</{tag}>"
    return f"{_head(pair, clause, title)}<p><{tag}>{escape(clause.text)}</{tag}></p>"


def _head(pair: Pair | None, clause: Clause, title: str = "") -> str:
    page = f"<small>p. {clause.page}</small>" if clause.page else ""
    return f"<h4>{_tags(pair) if pair else ''}<span>{title or escape(_title(clause))}</span>{page}</h4>"


def _title(clause: Clause) -> str:
    return clause.header or "Before the first header"


def _tags(pair: Pair) -> str:
    return "".join(f'<b class="tag {kind}">{kind}</b>' for kind in pair.kinds)
