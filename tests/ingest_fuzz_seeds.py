"""What the fuzzer starts from: small whole files of every format, as rich in their features as the fixtures are."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

from ingest.formats import FORMATS
from tests.ingest_office_cases import abstract, excel_parts, level, num, para, run, table, word_parts, zipped

FIXTURES = Path(__file__).parent / "fixtures"
HEADING = (
    "<html><body><h1>One</h1><p>words <b>and</b> more</p><h2>Two</h2><table><tr><td>a</td></tr></table></body></html>"
)
Seed = tuple[str, bytes]  # file name, content


def seeds() -> dict[str, list[Seed]]:
    """Format → its seeds; every format of the table has some."""
    found: dict[str, list[Seed]] = {
        "pdf": [*_files("pdf/*.pdf"), *[("drawn.pdf", _drawn())] * 14],  # one in two is not compressed
        "docx": [("a.docx", _word())],
        "xlsx": [("a.xlsx", _excel())],
        "csv": [("a.csv", b'item,price,"due, or not"\nbolt,"1,25",2024-03-01\n"nut ""M4""",,\n' * 9)],
        "epub": [("a.epub", _book())],
        "html": _files("web/*.html"),
        "markdown": _files("plain/*.md") + _files("contract/lint/*.md"),
        "rst": _files("plain/*.rst"),
        "text": _files("plain/*.txt") + _files("contract/styles/*.txt"),
        "eml": _files("mail/*.eml"),
        "mbox": _files("mail/*.mbox"),
        "json": _files("history/*.json*"),
        "code": _files("code/outline/*"),
        "archive": _archives(),
    }
    assert list(found) == [each.name for each in FORMATS] and all(found.values())
    return found


def _files(pattern: str) -> list[Seed]:
    return [(path.name, path.read_bytes()) for path in sorted(FIXTURES.glob(pattern))]


def _drawn() -> bytes:
    """A PDF whose contents can be read, and so mutated."""
    out = io.BytesIO()
    canvas = Canvas(out, pageCompression=0, invariant=1)
    for number in range(1, 4):
        canvas.bookmarkPage(f"p{number}")
        canvas.addOutlineEntry(f"Clause {number}", f"p{number}", level=(number - 1) % 2)
        for row in range(12):
            canvas.setFont("Helvetica", 14 if row == 0 else 10)
            canvas.drawString(72 + 250 * (row % 2), 780 - 20 * row, f"{number}.{row} The seller sells the goods")
        canvas.acroForm.textfield(name=f"f{number}", x=72, y=100, value="typed")
        canvas.rotate(number)
        canvas.drawString(72, 60, "turned words")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _word() -> bytes:
    """Numbers, changes, comments, notes, fields and a table in one file."""
    field = "".join(
        f'<w:r><w:fldChar w:fldCharType="{kind}"/>{inside}</w:r>'
        for kind, inside in (("begin", "<w:instrText>REF x</w:instrText>"), ("separate", "<w:t>4.2</w:t>"), ("end", ""))
    )
    changed = (
        f'<w:ins w:id="1" w:author="Ann">{run("sixty")}</w:ins>'
        '<w:del w:id="2" w:author="Bob"><w:r><w:delText>thirty</w:delText></w:r></w:del>'
    )
    notes = '<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="7"/></w:r>'
    body = (
        para("Agreement", style="Title") + para("Scope", style="H1", num=(1, 0)) + para("Payment", num=(1, 1))
        + para("within ", inside=changed + field + notes) + table([para("a"), para("b")], [para("c"), para("d")])
        + '<w:sectPr><w:headerReference r:id="header1"/></w:sectPr>'
    )  # fmt: skip
    levels = abstract(0, level(0, "decimal", "%1."), level(1, "lowerLetter", "(%2)"))
    return zipped(
        word_parts(
            body,
            numbering=levels + num(1, 0),
            footnotes=f'<w:footnote w:id="2">{para("a note")}</w:footnote>',
            comments=f'<w:comment w:id="7" w:author="Ann">{para("Too long?")}</w:comment>',
            header1=para("DRAFT"),
        )
    )


def _excel() -> bytes:
    rows = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>in</t></is></c></row>'
        '<row r="3" hidden="1"><c r="C3" s="1"><v>45000</v></c><c r="D3" t="b"><v>1</v></c>'
        '<c r="E3"><f>A1</f></c></row>'
        '</sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells>'
    )
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    return zipped(excel_parts({"S": rows, "!T": rows}, strings="<si><t>first</t></si>", styles=styles))


def _book() -> bytes:
    container = '<container><rootfiles><rootfile full-path="o/b.opf"/></rootfiles></container>'
    items = '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest>'
        f'{items}<item id="n" href="t.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
        '<spine toc="n"><itemref idref="a"/></spine></package>'
    )
    toc = (
        '<ncx><navMap><navPoint><navLabel><text>One</text></navLabel><content src="a.xhtml"/></navPoint></navMap></ncx>'
    )
    spaced = HEADING.replace("<html>", '<html xmlns="http://www.w3.org/1999/xhtml">')
    page = f'<?xml version="1.0"?>{spaced}'
    return zipped({
        "mimetype": "application/epub+zip", "META-INF/container.xml": container, "o/b.opf": package,
        "o/t.ncx": toc, "o/a.xhtml": page,
    })  # fmt: skip


def _archives() -> list[Seed]:
    members = {
        "README.md": b"# Words\n",
        "src/a.py": b"def f():\n    return 1\n",
        ".gitignore": b"*.log\n",
        "b.log": b"x",
    }
    inner = zipped(dict(members))
    packed, plain = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {**members, "in.zip": inner}.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return [("a.zip", packed.getvalue()), ("b.zip", inner), ("a.tar", plain.getvalue())]
