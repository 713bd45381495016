"""Web pages: what a reader of the page sees is read, in its order, and what is not read is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.document import EmptyFileError, IngestError, LimitError
from ingest.part import Part, Request
from ingest.web import html
from ingest.web.encoding import page_text
from tests.ingest_history_cases import shown
from tests.ingest_office_cases import REQUEST, lines

HERE = Path(__file__).parent


def page(body: str, head: str = "") -> Part:
    """A page of this body."""
    part = html.read(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode(), "a.html", REQUEST)
    part.check()
    return part


def headers(part: Part) -> list[tuple[int, str]]:
    return [(each.level, part.text[each.header_start : each.header_end]) for each in part.sections]


def test_golden() -> None:
    part = html.read((HERE / "fixtures/web/manual.html").read_bytes(), "manual.html", REQUEST)
    part.check()
    assert shown(part) == (HERE / "golden/web/manual.html.txt").read_text("utf-8")


def test_headings_are_sections_at_their_level() -> None:
    part = page("<h1>One</h1><p>a<h3>Three</h3><p>b<h2>Two</h2><div role=heading aria-level=4>Four</div>c")
    assert headers(part) == [(1, "One"), (2, "Three"), (2, "Two"), (3, "Four")], "levels have no holes"
    assert lines(part) == ["One", "a", "Three", "b", "Two", "Four", "c"]


@pytest.mark.parametrize(
    ("title", "first"),
    [("Rules of the house", "Rules of the house"), ("RULES &mdash; Of the House!", "Rules of the house")],
)
def test_a_title_that_is_the_first_heading_is_not_said_twice(title: str, first: str) -> None:
    assert lines(page(f"<h1>{first}</h1><p>x", f"<title>{title}</title>")) == [first, "x"]


def test_a_title_of_its_own_comes_first() -> None:
    part = page("<p>before<h1>Rules</h1>", "<title>The \n house</title>")
    assert lines(part) == ["The house", "before", "Rules"]
    assert part.sections[0].kind == "title" and part.sections[0].start == 0


def test_the_title_of_a_drawing_is_not_the_page_s() -> None:
    assert lines(page("<svg><title>An arrow</title></svg><p>x")) in (["An arrow", "x"], ["x"])
    assert "title" not in {each.kind for each in page("<svg><title>An arrow</title></svg><p>x").sections}


@pytest.mark.parametrize(
    "hidden",
    ["<p hidden>", "<p style='display : none'>", "<p style='color:red;VISIBILITY:hidden'>", "<p style='mso-hide:all'>"],
)
def test_hidden_text_is_left_out_and_counted(hidden: str) -> None:
    part = page(f"<p>seen {hidden}12345</p><p>seen too")
    assert lines(part) == ["seen", "seen too"]
    assert part.warnings == ["a.html: characters that the page hides, not read: 5"]


@pytest.mark.parametrize("shown_", ["<p aria-hidden=true>", "<p hidden=until-found>", "<p style='display:block'>"])
def test_text_on_the_screen_is_read(shown_: str) -> None:
    part = page(f"{shown_}12345</p>")
    assert lines(part) == ["12345"] and not part.warnings


def test_scripts_and_styles_are_no_text() -> None:
    part = page(
        "<script>a < b</script><style>p{}</style><template>t</template><!-- c --><p hidden><script>x</script></p>y"
    )
    assert lines(part) == ["y"] and not part.warnings


def test_nothing_to_see_is_an_empty_file() -> None:
    with pytest.raises(EmptyFileError, match=r"^a\.html "):
        html.read(b"<p> &nbsp; </p><script>1</script>", "a.html", REQUEST).check()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<img src=a.png>", "images without a description, not read: 1"),
        ("<iframe src=x></iframe>", "embedded frames not read: 1"),
        ("<object></object><embed>", "embedded objects not read: 2"),
        ("<video>old browser</video>", "videos not read: 1"),
        ("<audio></audio>", "sound recordings not read: 1"),
        ("<canvas></canvas>", "drawings made by scripts, not read: 1"),
    ],
)
def test_what_is_no_text_is_counted(body: str, words: str) -> None:
    part = page(f"<p>x{body}<p>y")
    assert lines(part) == ["x", "y"] and part.warnings == [f"a.html: {words}"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("a<img alt='A red\n door'>b", "a[image: A red door]b"),
        ("a<img alt=''>b", "ab"),
        ("pay <del>10</del><ins>12</ins>", "pay [deleted: 10][inserted: 12]"),
        ("<s>old</s> <strike>older</strike>", "[struck through: old] [struck through: older]"),
        ("he said <q>no</q>", "he said “no”"),
        ("10<sup>6</sup> but n<sup>2</sup>", "10^6 but n2"),
        ("one<br>two", "one\ntwo"),
        ("a  \n\t b&nbsp;c", "a b\xa0c"),
        ("<input type=checkbox checked>Yes <input type=radio>No", "[x] Yes [ ] No"),
        ("Name <input value=Ann> <input type=hidden value=token><input type=password value=secret>", "Name Ann"),
        ("<b>bo<i>ld</b>er</i>", "bolder"),
        ("&lt;b&gt; &amp; &#x41;&#0;&#xD800;&#1114112;", None),
        ("a<wbr>b&shy;c", None),
    ],
)
def test_inline(body: str, text: str | None) -> None:
    part = page(f"<p>{body}</p>")
    if text is not None:
        assert part.text.strip().replace("\xa0", " ") == text.replace("\xa0", " ")
    part.text.encode("utf-8")
    assert "secret" not in part.text and "token" not in part.text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<ol><li>a<li>b</ol>", ["1. a", "2. b"]),
        ("<ol start=4><li>a<li value=9>b<li>c</ol>", ["4. a", "9. b", "10. c"]),
        ("<ol reversed start=3><li>a<li>b</ol>", ["3. a", "2. b"]),
        ("<ol type=a start=26><li>a<li>b</ol>", ["z. a", "aa. b"]),
        ("<ol type=I start=39><li>a<li>b</ol>", ["XXXIX. a", "XL. b"]),
        ("<ol type=i start=0><li>a<li>b</ol>", ["0. a", "i. b"]),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", ["- a", "  - b", "- c"]),
        ("<ul><li><p>a</p><p>b</p></li></ul>", ["- a", "  b"]),
        ("<ol><li>a<br>b</ol>", ["1. a", "  b"]),
        ("<ol start=x><li value=''>a</ol>", ["1. a"]),
        ("<li>alone", ["alone"]),
        ("<dl><dt>Term<dd>Meaning</dl>", ["Term", "Meaning"]),
    ],
)
def test_lists(body: str, expected: list[str]) -> None:
    assert [line.replace("   ", "  ") for line in lines(page(body))] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<tr><th>A<th>B<tr><td>1<td>2", ["A | B", "1 | 2"]),
        ("<tr><td rowspan=2>A<td>B<tr><td>C", ["A | B", "| C"]),
        ("<tr><td colspan=2>A<td>B<tr><td>1<td>2<td>3", ["A |  | B", "1 | 2 | 3"]),
        ("<tr><td>a<br>b<td>c", ["a / b | c"]),
        ("<caption>Fees</caption><tr><td>a<td>b", ["Fees", "a | b"]),
    ],
)
def test_tables_keep_rows_and_columns(body: str, expected: list[str]) -> None:
    assert lines(page(f"<table>{body}</table>")) == expected


def test_a_table_in_a_table_loses_nothing() -> None:
    part = page("<table><tr><td>out<table><tr><td>in 1<td>in 2</table>after<td>next</table>end")
    text = part.text
    assert [text.count(word) for word in ("out", "in 1", "in 2", "after", "next", "end")] == [1] * 6
    assert text.index("out") < text.index("in 1") < text.index("in 2") < text.index("next") < text.index("end")


def test_a_table_never_closed_is_read() -> None:
    assert lines(page("<table><tr><td>a<td>b<tr><td>c")) == ["a | b", "c"]


def test_code_stands_as_it_is() -> None:
    part = page("<pre>def f():\n    return  1\n\n\nx</pre>after  that")
    assert "def f():\n    return  1\n\n\nx" in part.text or "def f():\n    return  1\n" in part.text
    assert "after that" in part.text


def test_a_heading_inside_a_link_or_a_list_is_one() -> None:
    assert headers(page("<a href=x><h2>Linked</h2></a><ul><li><h3>Listed</h3>x</ul>"))[0][1] == "Linked"


@pytest.mark.parametrize(
    ("data", "transport", "text", "warned"),
    [
        ("<meta charset=utf-8>é€".encode(), None, "é€", False),
        (b"<meta charset=iso-8859-1>\x80 \xe9", None, "€ é", False),
        (b"<meta http-equiv=content-type content='text/html; charset=koi8-r'>\xf0\xd2\xc9", None, "При", False),
        (b"<?xml version='1.0' encoding='windows-1251'?><p>\xcf\xf0\xe8", None, "При", False),
        ("<meta charset=latin1>é".encode("utf-8-sig"), None, "é", False),
        ("<meta charset=latin1>é".encode("utf-16"), None, "é", False),
        ("<meta charset=latin1>é".encode(), "utf-8", "é", False),
        ("<meta charset=utf-16>é".encode(), None, "é", False),
        (b"<meta charset=shift_jis>\x93\xfa\x96{", None, "日本", False),
        (b"<meta charset=gb2312>\xd6\xd0", None, "中", False),
        (b"<meta charset=utf-8>caf\xe9 and more words", None, "café", True),
        (b"<meta charset=x-no-such>caf\xc3\xa9", None, "café", False),
        (b"<meta charset=idna>caf\xc3\xa9", None, "café", False),
        (b"<meta charset=base64>caf\xc3\xa9", None, "café", False),
        (b"caf\xc3\xa9", "no such", "café", False),
    ],
)  # fmt: skip
def test_the_encoding_of_a_page(data: bytes, transport: str | None, text: str, warned: bool) -> None:
    found, warning = page_text(data, transport)
    assert text in found
    assert (warning is not None) == warned


def test_a_wrong_declaration_is_told() -> None:
    part = html.read(b"<meta charset=utf-8><p>caf\xe9 and more words", "a.html", REQUEST)
    assert lines(part) == ["café and more words"] and "utf-8" in part.warnings[0]


def test_more_text_than_allowed_is_refused_and_not_cut() -> None:
    small = Request(max_chars=1_000, max_pages=1)
    assert len(html.read(b"<p>" + b"w" * 990, "a.html", small).text) >= 990
    with pytest.raises(LimitError, match=r"^a\.html .*\.$"):
        html.read(b"<p>" + b"w" * 1_001, "a.html", small)


def test_depth_costs_no_stack() -> None:
    body = b"<div>" * 100_000 + b"the bottom" + b"</div>" * 100_000
    assert lines(html.read(body, "a.html", REQUEST)) == ["the bottom"]
    lists = b"<ul><li>" * 20_000 + b"the bottom"
    assert lines(html.read(lists, "a.html", REQUEST))[-1].strip().removeprefix("- ") == "the bottom"


def test_ten_thousand_attributes_and_entities() -> None:
    body = b"<p " + b" ".join(b"a%d=1" % n for n in range(10_000)) + b">x" + b"&amp;" * 10_000
    assert lines(html.read(body, "a.html", REQUEST)) == ["x" + "&" * 10_000]


def test_entities_of_a_doctype_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    bomb = f"""<!DOCTYPE html [<!ENTITY a SYSTEM "file://{tmp_path}/secret"><!ENTITY b "{"lol" * 50}">
        <!ENTITY c "{"&b;" * 50}">]><html><body><p>x &a; &c;</p></body></html>"""
    part = html.read(bomb.encode(), "a.xhtml", REQUEST)
    assert "the secret" not in part.text and part.text.count("lol") <= 50


def test_html_of_a_message() -> None:
    assert html.html_text("<p>one<p>two") == "one\n\ntwo\n" or html.html_text("<p>one<p>two").split() == ["one", "two"]
    assert html.html_text(b"caf\xe9", "iso-8859-1").strip() == "café"
    assert html.html_text("<br>").strip() == ""


TAGS = st.sampled_from(
    ["p", "/p", "h1", "/h1", "table", "/table", "tr", "td rowspan=3", "td colspan=999", "/td", "/tr", "ul",
     "ol start=-1", "/ol", "li", "/li", "pre", "/pre", "svg", "/svg", "title", "/title", "div hidden", "/div", "br",
     "select", "option", "textarea", "/textarea", "script", "/script", "ins", "/ins", "sup", "frameset", "body", "!--",
     "![CDATA[", "form"]
).map(lambda tag: f"<{tag}>")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(TAGS, st.text(max_size=5), st.just("WORD ")), max_size=40))
def test_any_soup_is_a_part_or_one_sentence(pieces: list[str]) -> None:
    try:
        part = html.read("".join(pieces).encode("utf-8", "surrogatepass"), "a.html", REQUEST)
        part.check()
    except IngestError as error:
        assert str(error).startswith("a.html ") and "\n" not in str(error)
    else:
        assert part.text.count("WORD") <= pieces.count("WORD ") + "".join(pieces).count("WORD") * 2


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_part_or_one_sentence(data: bytes) -> None:
    try:
        html.read(b"<p>x" + data, "a.html", REQUEST).check()
    except IngestError as error:
        assert str(error).startswith("a.html ")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True), min_size=1, max_size=30), st.randoms())
def test_every_visible_word_is_read_once_and_in_order(words: list[str], chance: object) -> None:
    tags = ["p", "div", "b", "h2", "li", "td", "section", "blockquote", "span", "dd"]
    body = "".join(f"<{tags[len(word) * index % len(tags)]}>{word} </>" for index, word in enumerate(words))
    assert [word for word in page(body).text.split() if word not in ("-", "|")] == words
