"""Small Word and Excel files written part by part, so that a test shows the very XML it is about."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from ingest.part import Part, Request

REQUEST = Request(max_chars=10_000_000, max_pages=100)
NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEET = f'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{OFFICE}"'
STYLES = """
<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/><w:basedOn w:val="H1"/>
  <w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Ours"><w:name w:val="Our Clause"/><w:basedOn w:val="H2"/></w:style>
<w:style w:type="paragraph" w:styleId="TocHead"><w:name w:val="TOC Heading"/><w:basedOn w:val="H1"/>
  <w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>
"""


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def relations(links: Mapping[str, tuple[str, str]]) -> str:
    """A .rels part: id → (type, target)."""
    rows = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>' for key, (kind, target) in links.items()
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def word_parts(body: str, **parts: str) -> dict[str, str]:
    """The parts of a Word file; `parts` holds the inside of numbering, styles, footnotes, comments and so on."""
    made = {
        "_rels/.rels": relations({"r1": ("officeDocument", "word/document.xml")}),
        "word/document.xml": f"<w:document {NAMES}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {NAMES}>{parts.pop('styles', STYLES)}</w:styles>",
    }
    roots = {"header1": "hdr", "footer1": "ftr"}
    links = {"s": ("styles", "styles.xml")}
    for name, inside in parts.items():
        root = roots.get(name, name)
        made[f"word/{name}.xml"] = f"<w:{root} {NAMES}>{inside}</w:{root}>"
        links[name] = (name.rstrip("1"), f"{name}.xml")
    made["word/_rels/document.xml.rels"] = relations(links)
    return made


def word(body: str, **parts: str) -> bytes:
    """A whole Word file."""
    return zipped(word_parts(body, **parts))


def para(text: str = "", *, style: str = "", num: tuple[int, int] | None = None, inside: str = "") -> str:
    """A paragraph with a style, a place in a list (numId, level), and runs."""
    numbered = f'<w:numPr><w:ilvl w:val="{num[1]}"/><w:numId w:val="{num[0]}"/></w:numPr>' if num else ""
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{styled}{numbered}</w:pPr>{run(text) if text else ''}{inside}</w:p>"


def run(text: str, properties: str = "") -> str:
    """A run of plain text."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def level(place: int, form: str, text: str, *, start: int = 1, more: str = "") -> str:
    """One level of an abstract numbering."""
    return (
        f'<w:lvl w:ilvl="{place}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def abstract(key: int, *levels: str, more: str = "") -> str:
    """An abstract numbering."""
    return f'<w:abstractNum w:abstractNumId="{key}">{more}{"".join(levels)}</w:abstractNum>'


def num(key: int, of: int, more: str = "") -> str:
    """A list of an abstract numbering, with overrides."""
    return f'<w:num w:numId="{key}"><w:abstractNumId w:val="{of}"/>{more}</w:num>'


def table(*rows: list[str]) -> str:
    """A table; each cell is given by its content."""
    cells = ("".join(f"<w:tc>{cell}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def excel_parts(sheets: Mapping[str, str], **parts: str) -> dict[str, str]:
    """The parts of an Excel file; a sheet is given by what stands inside its root element."""
    listed = "".join(
        f'<sheet name="{name.lstrip("!")}" sheetId="{at}" r:id="s{at}"'
        + (' state="hidden"/>' if name[0] == "!" else "/>")
        for at, name in enumerate(sheets, 1)
    )
    links = {f"s{at}": ("worksheet", f"worksheets/sheet{at}.xml") for at in range(1, len(sheets) + 1)}
    made = {
        "_rels/.rels": relations({"r1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f"<workbook {SHEET}><sheets>{listed}</sheets></workbook>",
    }
    for at, inside in enumerate(sheets.values(), 1):
        made[f"xl/worksheets/sheet{at}.xml"] = f"<worksheet {SHEET}>{inside}</worksheet>"
    if "strings" in parts:
        made["xl/sharedStrings.xml"] = f"<sst {SHEET}>{parts['strings']}</sst>"
        links["x"] = ("sharedStrings", "sharedStrings.xml")
    if "styles" in parts:
        made["xl/styles.xml"] = f"<styleSheet {SHEET}>{parts['styles']}</styleSheet>"
        links["y"] = ("styles", "styles.xml")
    if "comments" in parts:
        made["xl/comments1.xml"] = f"<comments {SHEET}>{parts['comments']}</comments>"
        made["xl/worksheets/_rels/sheet1.xml.rels"] = relations({"c": ("comments", "../comments1.xml")})
    made["xl/_rels/workbook.xml.rels"] = relations(links)
    return made


def lines(part: Part) -> list[str]:
    """The lines with text on them, after the part's own checks."""
    part.check()
    return [line for line in part.text.split("\n") if line.strip()]
