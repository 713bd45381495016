"""The page of comparisons: components, and which of the desk's methods each event calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from assistant.comparing import Setting
from assistant.web.column import FREE, PRIVATE
from assistant.web.compare_desk import CompareDesk
from assistant.web.header_view import no_links
from assistant.web.places import Links, add_places
from assistant.web.visitor import user_of

_WALK = """
const changes = () => [...element.querySelectorAll('article.changed')];
const go = article => {
  if (!article) return;
  element.querySelector('.pair.chosen')?.classList.remove('chosen');
  article.classList.add('chosen');
  const pane = element.querySelector('.clauses');
  pane.scrollTop += article.getBoundingClientRect().top - pane.getBoundingClientRect().top - 44;
  article.focus({preventScroll: true});
};
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.jump) go(element.querySelector('#pair-' + button.dataset.jump));
  if (button.dataset.step) {
    const all = changes(), now = all.findIndex(each => each.classList.contains('chosen'));
    go(all[now < 0 ? 0 : Math.min(all.length - 1, Math.max(0, now + Number(button.dataset.step)))]);
  }
});
element.addEventListener('change', event => {
  if ('only' in event.target.dataset) element.querySelector('.versions').classList.toggle('only', event.target.checked);
});
"""


def build_compare(desk: CompareDesk, links: Links = no_links) -> gr.Blocks:
    """The whole page. `links` says where a user may go from here."""
    with gr.Blocks(
        title="Compare · Unabridged", fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)
    ) as page:
        add_places(page, "/compare", links, '<h1 class="unseen">Compare</h1>')
        with gr.Tabs(elem_id="compare"):
            with gr.Tab("Two versions"):
                old, new = _versions(desk)
            with gr.Tab("Two ways of reading"):
                document = _ways(desk)

        def load(request: gr.Request) -> list[Any]:
            known = desk.documents(user_of(request))
            chosen = known[0][1] if known else None
            return [gr.update(choices=known), gr.update(choices=known), gr.update(choices=known, value=chosen)]

        page.load(load, None, [old, new, document], **PRIVATE)
    return page


def _versions(desk: CompareDesk) -> tuple[gr.Dropdown, gr.Dropdown]:
    with gr.Row(equal_height=True):
        old = gr.Dropdown([], label="Old version", elem_id="old-version", scale=4)
        new = gr.Dropdown([], label="New version", elem_id="new-version", scale=4)
        files = gr.UploadButton("Add files", file_count="multiple", elem_id="version-files", scale=1, min_width=110)
        compare = gr.Button("Compare", variant="primary", elem_id="compare-versions", scale=1, min_width=110)
    news = gr.HTML(elem_id="version-news")
    shown = gr.HTML(elem_id="versions", js_on_load=_WALK)

    def add(paths: list[str] | None, request: gr.Request) -> list[Any]:
        user = user_of(request)
        ids, told = desk.upload(user, paths or [])
        known = desk.documents(user)
        chosen: list[Any] = [gr.update(choices=known), gr.update(choices=known)]
        if len(ids) == 1:
            chosen[1] = gr.update(choices=known, value=ids[0])
        elif ids:
            chosen = [gr.update(choices=known, value=key) for key in ids[:2]]
        return [*chosen, told]

    def show(one: str | None, other: str | None, request: gr.Request) -> str:
        return desk.versions(user_of(request), one, other)

    files.upload(add, files, [old, new, news], **FREE)
    compare.click(show, [old, new], shown, **FREE)
    return old, new


def _ways(desk: CompareDesk) -> gr.Dropdown:
    usual = desk.usual
    with gr.Row(equal_height=True):
        document = gr.Dropdown([], label="Document", elem_id="way-document", scale=4)
        bot = gr.Dropdown(desk.bots, value=desk.bot, label="Bot", elem_id="way-bot", scale=1, min_width=120)
    with gr.Row(equal_height=True):
        left = _way(desk, usual, "Left")
        right = _way(
            desk, Setting("dense", usual.level) if usual.pattern != "dense" else Setting("headers", "balanced"), "Right"
        )
    with gr.Row(equal_height=True):
        question = gr.Textbox(
            label="Question", show_label=False, placeholder="The question for both sides", scale=8, max_length=8000,
            elem_id="way-question",
        )  # fmt: skip
        ask = gr.Button("Ask both", variant="primary", scale=1, min_width=110, elem_id="ask-both")
        stop = gr.Button("Stop", scale=1, min_width=80, elem_id="stop-both")
    shown = gr.HTML(elem_id="ways")

    def run(
        chosen: str | None, name: str, text: str, one: str, one_level: str, other: str, other_level: str,
        request: gr.Request,
    ) -> Iterator[str]:  # fmt: skip
        settings = (Setting(one, one_level), Setting(other, other_level))
        yield from desk.ask(user_of(request), chosen, name, text, settings)

    def end(request: gr.Request) -> None:
        desk.stop(user_of(request))

    for trigger in (question.submit, ask.click):
        trigger(run, [document, bot, question, *left, *right], shown, **FREE)
    stop.click(end, None, None, **FREE)
    return document


def _way(desk: CompareDesk, setting: Setting, side: str) -> list[gr.Dropdown]:
    pattern = gr.Dropdown(desk.patterns, value=setting.pattern, label=f"{side}: pattern", min_width=140)
    level = gr.Dropdown(desk.levels, value=setting.level, label=f"{side}: level", min_width=120)
    return [pattern, level]
