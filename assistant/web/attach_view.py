"""HTML of the ways to add a document: a menu beside the question, and what it opens."""

from __future__ import annotations

from assistant.web.icons import icon


def attach() -> str:
    """The button with its menu, the hidden inputs for files, and the boxes for text and addresses."""
    return (
        '<input type="file" multiple hidden aria-label="Files">'
        '<input type="file" webkitdirectory hidden aria-label="Folder">'
        f'<button type="button" class="attach" popovertarget="attach-menu" aria-label="Add a document" '
        f'title="Add a document">{icon("plus")}</button>'
        '<div popover id="attach-menu" class="menu" role="group" aria-label="Add a document">'
        '<button type="button" data-local="files">Files or a zip …</button>'
        '<button type="button" data-local="folder">A folder …</button>'
        '<button type="button" data-local="paste">Paste text …</button>'
        '<button type="button" data-local="git">A git address …</button></div>'
        '<span class="told" role="status"></span>'
        '<div popover id="paste-text" class="dialog" role="dialog" aria-label="Paste text">'
        '<form data-do="paste" data-close="paste-text" data-clear><h2>Paste text</h2>'
        '<label>Title <input name="title" maxlength="80" placeholder="Pasted text"></label>'
        '<label>Text <textarea name="text" rows="12" required></textarea></label>'
        '<div class="row"><button type="submit" class="primary">Read it</button>'
        '<button type="button" popovertarget="paste-text" popovertargetaction="hide">Cancel</button></div></form></div>'
        '<div popover id="git-address" class="dialog" role="dialog" aria-label="Git address">'
        '<form data-do="clone" data-close="git-address" data-clear><h2>Read a repository</h2>'
        '<label>Address <input name="url" type="url" required pattern="https://.*" '
        'placeholder="https://host/owner/name"></label>'
        "<p>A branch, tag or commit may follow after a #.</p>"
        '<div class="row"><button type="submit" class="primary">Read it</button>'
        '<button type="button" popovertarget="git-address" popovertargetaction="hide">Cancel</button></div>'
        "</form></div>"
    )
