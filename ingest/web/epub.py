"""An EPUB e-book → Part: the chapters in reading order, each a section by its title in the table of contents.

Everything stays in memory; sizes are checked before unpacking. A book under copy protection is EncryptedFileError.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace

from lxml import etree

from ingest.document import BrokenFileError, EncryptedFileError
from ingest.flow import Block, Flow
from ingest.part import Part, Request
from ingest.web.encoding import page_text
from ingest.web.html import parse, same_words
from ingest.zipped import Zipped, resolve

CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
FONTS_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # these scramble fonts, not text
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document", "")
MAX_CHAPTER_BYTES = 100_000_000
MAX_DEPTH = 6
NO_PAGE = "chapters that are pictures or missing, not read: {n}"

Contents = dict[str, tuple[str, int]]  # part → title and depth of the first entry that leads to it


def read(data: bytes, name: str, request: Request) -> Part:
    """Reads EPUB 2 and 3."""
    package = Zipped(data, name)
    _check_protection(package, name)
    main = _main(package, name)
    tree = package.xml(main)
    if tree is None:
        raise _no_book(name)
    folder = posixpath.dirname(main)
    items: dict[str, tuple[str, str, str]] = {}  # id → part, media type, properties
    for each in tree.iterfind("{*}manifest/{*}item"):
        part = resolve(folder, str(each.get("href", "")))
        items[str(each.get("id", ""))] = part, str(each.get("media-type", "")), str(each.get("properties", ""))
    spine = tree.find("{*}spine")
    if spine is None:
        raise _no_book(name)
    contents = _contents(package, items, items.get(str(spine.get("toc", "")), ("", "", ""))[0])
    flow = Flow(name, "epub", request)
    title = tree.findtext("{*}metadata/{http://purl.org/dc/elements/1.1/}title") or ""
    if title.strip():
        flow.heading(1, title, "title")
    read_parts: set[str] = set()
    for reference in spine.iterfind("{*}itemref"):
        part, media, _ = items.get(str(reference.get("idref", "")), ("", "", ""))
        if part not in read_parts:
            read_parts.add(part)
            _chapter(package, part if media in PAGES else "", contents, flow)
    return flow.part()


def _chapter(package: Zipped, part: str, contents: Contents, flow: Flow) -> None:
    data = package.bytes_of(part, MAX_CHAPTER_BYTES) if part else None
    if data is None:
        flow.lost[NO_PAGE] += 1
        return
    text, warning = page_text(data)
    if warning:
        flow.warn(f"{posixpath.basename(part)}: {warning}")
    page = parse(text, flow.name, flow.max_chars)
    flow.lost.update(page.lost)
    for block in levelled(page.blocks, contents.get(part)):
        flow.add(block)


def levelled(blocks: list[Block], entry: tuple[str, int] | None) -> list[Block]:
    """A chapter's blocks, its headings below its title's place in the table of contents; a missing title is added."""
    if entry is None:
        return blocks
    title, depth = entry
    levels = [block.level for block in blocks if block.kind == "heading"]
    heads = [block for block in blocks if block.kind == "heading"][:1]
    named = any(same_words(block.text, title) for block in heads)
    shift = depth - min(levels, default=1) + (0 if named else 1)
    moved = [replace(block, level=block.level + shift) if block.kind == "heading" else block for block in blocks]
    if named:
        first = next(index for index, block in enumerate(moved) if block.kind == "heading")
        moved[first] = replace(moved[first], level=depth, role="chapter")
        return moved
    return [Block(title, "heading", depth, "chapter"), *moved] if blocks else moved


def _contents(package: Zipped, items: dict[str, tuple[str, str, str]], ncx: str) -> Contents:
    nav = next((part for part, _, properties in items.values() if "nav" in properties.split()), "")
    found = _nav(package, nav) if nav else {}
    if found:
        return found
    ncx = ncx or next((part for part, media, _ in items.values() if media == "application/x-dtbncx+xml"), "")
    return _ncx(package, ncx) if ncx else {}


def _nav(package: Zipped, part: str) -> Contents:
    data = package.bytes_of(part, MAX_CHAPTER_BYTES)
    if not data or not data.strip():
        return {}
    parser = etree.HTMLParser(encoding="utf-8", no_network=True)
    tree = etree.fromstring(page_text(data)[0].encode("utf-8", "replace"), parser)
    found: Contents = {}
    for nav in tree.iter("nav") if tree is not None else ():
        if str(nav.get("epub:type", "toc")) != "toc":
            continue
        for link in nav.iter("a"):
            depth = sum(1 for _ in link.iterancestors("ol"))
            _enter(found, part, str(link.get("href", "")), "".join(str(text) for text in link.itertext()), depth)
    return found


def _ncx(package: Zipped, part: str) -> Contents:
    tree = package.xml(part)
    found: Contents = {}
    for point in tree.iter("{*}navPoint") if tree is not None else ():
        source = point.find("{*}content")
        depth = 1 + sum(1 for _ in point.iterancestors("{*}navPoint"))
        if source is not None:
            _enter(found, part, str(source.get("src", "")), point.findtext("{*}navLabel/{*}text") or "", depth)
    return found


def _enter(found: Contents, part: str, link: str, title: str, depth: int) -> None:
    title = " ".join(title.split())
    if title and link:
        found.setdefault(resolve(posixpath.dirname(part), link), (title, min(max(depth, 1), MAX_DEPTH)))


def _main(package: Zipped, name: str) -> str:
    container = package.xml(CONTAINER)
    if container is None:
        raise _no_book(name)
    for each in container.iter("{*}rootfile"):
        path = str(each.get("full-path", ""))
        if package.has(path):
            return path
    raise _no_book(name)


def _check_protection(package: Zipped, name: str) -> None:
    tree = package.xml(ENCRYPTION)
    for each in tree.iter("{*}EncryptedData") if tree is not None else ():
        method = each.find("{*}EncryptionMethod")
        if method is None or method.get("Algorithm") not in FONTS_ONLY:
            raise EncryptedFileError(f"{name} is under copy protection (DRM): get a copy of the book without it.")


def _no_book(name: str) -> BrokenFileError:
    return BrokenFileError(f"{name} is no e-book or its list of chapters is missing: get the file again.")
