"""E-books: chapters in reading order, titled by the table of contents; what cannot be read is counted or told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.document import EncryptedFileError, IngestError, LimitError
from ingest.part import Part, Request
from ingest.web import epub
from tests.ingest_history_cases import shown
from tests.ingest_office_cases import REQUEST, zipped

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="{path}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
XHTML = "application/xhtml+xml"
NCX = "application/x-dtbncx+xml"
GOLDEN = Path(__file__).parent / "golden" / "web" / "book.epub.txt"


def chapter(body: str) -> str:
    """A page of a book."""
    return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body>{body}</body></html>'


def book(
    pages: dict[str, str], *, nav: str = "", ncx: str = "", title: str = "", more: dict[str, str | bytes] | None = None,
    spine: list[str] | None = None, media: dict[str, str] | None = None,
) -> bytes:  # fmt: skip
    """An e-book of these pages below OPS/; `nav` and `ncx` are tables of contents."""
    kinds = dict.fromkeys(pages, XHTML) | (media or {})
    items = "".join(f'<item id="{name}" href="{name}" media-type="{kind}"/>' for name, kind in kinds.items())
    items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>' if nav else ""
    items += f'<item id="ncx" href="toc.ncx" media-type="{NCX}"/>' if ncx else ""
    order = "".join(f'<itemref idref="{name}"/>' for name in (spine or pages))
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER.format(path="OPS/book.opf"),
        "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
        f'<manifest>{items}</manifest><spine toc="ncx">{order}</spine></package>',
        **{f"OPS/{name}": text for name, text in pages.items()},
    }
    if nav:
        parts["OPS/nav.xhtml"] = chapter(f'<nav xmlns:epub="x" epub:type="toc">{nav}</nav>')
    if ncx:
        parts["OPS/toc.ncx"] = f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{ncx}</navMap></ncx>'
    return zipped(parts | (more or {}))


def read(data: bytes) -> Part:
    part = epub.read(data, "a.epub", REQUEST)
    part.check()
    return part


def headers(part: Part) -> list[tuple[int, str]]:
    return [(each.level, part.text[each.header_start : each.header_end]) for each in part.sections]


def point(label: str, source: str, inside: str = "") -> str:
    """An entry of an EPUB 2 table of contents."""
    return f'<navPoint><navLabel><text>{label}</text></navLabel><content src="{source}"/>{inside}</navPoint>'


PAGES = {
    "c1.xhtml": chapter("<h1>The first</h1><p>one</p><h2>Part</h2><p>one b</p>"),
    "c2.xhtml": chapter("<p>two has no heading</p>"),
    "c3.xhtml": chapter("<h3>three</h3><p>three</p>"),
}


def test_golden() -> None:
    part = read(book(PAGES, nav='<ol><li><a href="c1.xhtml">The First</a><ol><li><a href="c2.xhtml#x">Second</a></li>'
                                '</ol></li></ol>', title="A book", media={"cover.jpg": "image/jpeg"},
                     spine=["cover.jpg", *PAGES]))  # fmt: skip
    assert shown(part) == GOLDEN.read_text("utf-8")


def test_the_spine_orders_and_not_the_names() -> None:
    part = read(book(PAGES, spine=["c3.xhtml", "c1.xhtml", "c2.xhtml"]))
    assert part.text.index("three\n") < part.text.index("one\n") < part.text.index("two has")


def test_a_chapter_named_twice_is_read_once() -> None:
    assert read(book(PAGES, spine=["c2.xhtml", "c2.xhtml"])).text.count("two has") == 1


def test_titles_of_the_table_of_contents_are_added_where_a_chapter_has_none() -> None:
    part = read(book(PAGES, ncx=point("One", "c1.xhtml", point("Two", "c2.xhtml#start")) + point("three!", "c3.xhtml")))
    found = headers(part)
    assert found[0] == (1, "One") and "The first" in [title for _, title in found]
    assert next(level for level, title in found if title == "Two") == 2
    assert [title for _, title in found].count("three") == 1, "the chapter's own heading says the same"
    assert next(level for level, title in found if title == "three") == 1
    assert part.text.index("Two\n") < part.text.index("two has no heading")


def test_the_newer_table_of_contents_wins() -> None:
    part = read(book(PAGES, nav='<ol><li><a href="c2.xhtml">New</a></li></ol>', ncx=point("Old", "c2.xhtml")))
    assert "New" in part.text and "Old" not in part.text


def test_without_a_table_of_contents_the_chapters_own_headings_hold() -> None:
    assert headers(read(book(PAGES)))[0] == (1, "The first")


def test_missing_and_pictured_chapters_are_counted() -> None:
    part = read(book(PAGES, media={"gone.xhtml": XHTML, "p.svg": "image/svg+xml"},
                     spine=["gone.xhtml", "p.svg", "unknown", "c1.xhtml"]))  # fmt: skip
    assert part.warnings == ["a.epub: chapters that are pictures or missing, not read: 3"]


def test_what_a_chapter_leaves_out_is_counted_for_the_book() -> None:
    pages = {f"{n}.xhtml": chapter("<p>words<img/></p>") for n in range(3)}
    assert read(book(pages)).warnings == ["a.epub: images without a description, not read: 3"]


def test_scrambled_fonts_are_no_protection() -> None:
    scrambled = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:EncryptionMethod '
        'Algorithm="{}"/></enc:EncryptedData></encryption>'
    )
    name = "META-INF/encryption.xml"
    assert read(book(PAGES, more={name: scrambled.format("http://www.idpf.org/2008/embedding")})).text
    with pytest.raises(EncryptedFileError, match=r"^a\.epub .*DRM.*\.$"):
        read(book(PAGES, more={name: scrambled.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}))


@pytest.mark.parametrize(
    "data",
    [
        zipped({"a.txt": "no book"}),
        zipped({"META-INF/container.xml": CONTAINER.format(path="missing.opf")}),
        zipped({"META-INF/container.xml": CONTAINER.format(path="a.opf"), "a.opf": "<package/>"}),
        zipped({"META-INF/container.xml": "<container"}),
        b"PK\x03\x04 and nothing more",
        b"",
    ],
    ids=["no container", "no list", "no spine", "damaged", "half a zip", "empty"],
)
def test_what_is_no_book_says_so(data: bytes) -> None:
    with pytest.raises(IngestError, match=r"^a\.epub [^\n]*\.$"):
        read(data)


def test_a_book_without_any_text_is_told() -> None:
    with pytest.raises(IngestError, match=r"^a\.epub "):
        read(book({"c.xhtml": chapter("")}))


def test_paths_cannot_leave_the_book(tmp_path: Path) -> None:
    (tmp_path / "secret.xhtml").write_text(chapter("<p>the secret</p>"))
    with pytest.raises(IngestError):
        read(book({}, media={f"../../../..{tmp_path}/secret.xhtml": XHTML, f"file://{tmp_path}/secret.xhtml": XHTML},
                  spine=[f"../../../..{tmp_path}/secret.xhtml", f"file://{tmp_path}/secret.xhtml"]))  # fmt: skip


def test_entities_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    evil = f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY a SYSTEM "file://{tmp_path}/secret">]>'
    pages = {"c.xhtml": evil + "<html><body><p>x &a;</p></body></html>"}
    assert "the secret" not in read(book(pages)).text
    title = evil.replace("DOCTYPE html", "DOCTYPE package")
    try:
        text = epub.read(zipped({
            "META-INF/container.xml": CONTAINER.format(path="a.opf"),
            "a.opf": title + '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>&a;</dc:title></metadata><manifest>'
            f'<item id="c" href="c.xhtml" media-type="{XHTML}"/></manifest>'
            '<spine><itemref idref="c"/></spine></package>',
            "c.xhtml": chapter("<p>words</p>"),
        }), "a.epub", REQUEST).text  # fmt: skip
    except IngestError:
        text = ""
    assert "the secret" not in text


def test_a_billion_laughs_end_in_one_sentence_or_short_text() -> None:
    laughs = '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
    )
    data = zipped({"META-INF/container.xml": laughs + "]><container>&a11;</container>"})
    with pytest.raises(IngestError, match=r"^a\.epub "):
        epub.read(data, "a.epub", REQUEST)


def test_more_text_than_allowed_is_refused() -> None:
    pages = {f"{n}.xhtml": chapter("<p>" + "words " * 100 + "</p>") for n in range(5)}
    with pytest.raises(LimitError, match=r"^a\.epub "):
        epub.read(book(pages), "a.epub", Request(max_chars=1_500, max_pages=1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_damage_anywhere_ends_in_a_part_or_one_sentence(at: int, noise: bytes) -> None:
    data = bytearray(book(PAGES, ncx=point("One", "c1.xhtml")))
    at %= len(data)
    data[at : at + len(noise)] = noise
    try:
        read(bytes(data))
    except IngestError as error:
        assert str(error).startswith("a.epub ") and "\n" not in str(error)
