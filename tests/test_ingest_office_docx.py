"""A Word file as its reader sees it: headings, changes, comments, notes, tables, and a word on what is not read."""

from __future__ import annotations

import pytest

from ingest.document import BrokenFileError, EmptyFileError, EncryptedFileError, LimitError
from ingest.office.docx import read
from ingest.part import Part, Request
from tests.ingest_office_cases import NAMES, REQUEST, lines, para, run, table, word, word_parts, zipped


def made(body: str, **parts: str) -> Part:
    return read(word(body, **parts), "a.docx", REQUEST)


def texts(body: str, **parts: str) -> list[str]:
    return lines(made(body, **parts))


def test_headings_from_styles_based_on_styles_and_outline_levels() -> None:
    own = '<w:p><w:pPr><w:outlineLvl w:val="2"/></w:pPr><w:r><w:t>Deep</w:t></w:r></w:p>'
    part = made(
        para("Agreement", style="Title") + para("Contents", style="TocHead") + para("One", style="H1")
        + para("Inner", style="Ours") + own + para("text") + para("Two", style="H1")
    )  # fmt: skip
    assert [(each.level, each.title, each.kind) for each in part.sections] == [
        (1, "Agreement", "title"), (1, "One", "heading"), (2, "Inner", "heading"), (3, "Deep", "heading"),
        (1, "Two", "heading"),
    ]  # fmt: skip
    assert all(part.text[each.start : each.header_end] == each.title for each in part.sections)


def test_a_clause_styled_as_heading_has_only_its_title_as_header() -> None:
    long = "4.2 Payment. " + "The Buyer shall pay the price in full. " * 20
    part = made(para("4.1 Scope", style="H2") + para(long, style="H2"))
    assert part.text[part.sections[1].start : part.sections[1].header_end] == "4.2 Payment"


def test_without_styled_headings_the_text_decides() -> None:
    part = made(para("1. Term. It lasts.") + para("2. Price. It is paid.") + para("2.1 Due. Now."))
    assert [each.title for each in part.sections] == ["1. Term", "2. Price", "2.1 Due"]


def test_tracked_changes_are_shown_and_counted() -> None:
    part = made(
        para("Pay ", inside=f'<w:ins w:id="1" w:author="Jane Roe">{run("30 ")}{run("days")}</w:ins>'
        '<w:del w:id="2" w:author="Jane Roe"><w:r><w:delText>now</w:delText></w:r></w:del>'
        f'<w:ins w:author="A"><w:del w:author="B"><w:r><w:delText>both</w:delText></w:r></w:del></w:ins>'
        f"<w:moveTo w:id=\"3\">{run('moved')}</w:moveTo>")
        + para(inside=run("bold", '<w:rPrChange w:id="4" w:author="X"/>'))
    )  # fmt: skip
    assert lines(part)[0] == (
        "Pay [inserted by Jane Roe: 30 days][deleted by Jane Roe: now][inserted by A: [deleted by B: both]]"
        "[moved here by an unnamed author: moved]"
    )
    assert any("tracked changes" in each and each.endswith(": 5") for each in part.warnings)
    assert "a.docx: tracked changes of formatting, not shown: 1" in part.warnings


def test_hidden_and_struck_text_says_so() -> None:
    body = para(
        "a ", inside=run("b", "<w:vanish/>") + run("c", '<w:strike w:val="true"/>') + run("d", '<w:strike w:val="0"/>')
    )
    part = made(body)
    assert lines(part) == ["a [hidden text: b][struck through: c]d"]
    assert len(part.warnings) == 2


def test_comments_stand_at_their_place() -> None:
    comments = f'<w:comment w:id="7" w:author="Ann">{para("Too long?")}{para("Ask.")}</w:comment>'
    part = made(para("Term", inside='<w:r><w:commentReference w:id="7"/></w:r>' + run(".")), comments=comments)
    assert lines(part) == ["Term[comment by Ann: Too long? / Ask.]."]
    assert any("comments" in each for each in part.warnings)


def test_notes_stand_at_the_end_of_their_section() -> None:
    notes = "".join(f'<w:footnote w:id="{key}">{para(f"note {key}")}</w:footnote>' for key in (2, 3))
    ends = f'<w:endnote w:id="2">{para("an end")}</w:endnote>'

    def refer(key: int) -> str:
        return f'<w:r><w:footnoteReference w:id="{key}"/></w:r>'

    body = (
        para("One", style="H1") + para("x", inside=refer(3)) + para("y") + para("Two", style="H1")
        + para("z", inside=refer(2) + '<w:r><w:endnoteReference w:id="2"/></w:r>')
    )  # fmt: skip
    assert texts(body, footnotes=notes, endnotes=ends) == [
        "One", "x[1]", "y", "[1] note 3", "Two", "z[2][i]", "[2] note 2", "[i] an end",
    ]  # fmt: skip


def test_headers_and_footers_are_artifacts() -> None:
    section = '<w:sectPr><w:headerReference r:id="header1"/><w:footerReference r:id="footer1"/></w:sectPr>'
    part = made(para("body") + section, header1=para("DRAFT 3"), footer1=para("Page 1"))
    assert lines(part) == ["body"]
    assert [(each.kind, each.text) for each in part.artifacts] == [("header", "DRAFT 3"), ("footer", "Page 1")]


def test_tables_merged_nested_and_for_layout() -> None:
    wide = '<w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + para("wide")
    down, below = "<w:tcPr><w:vMerge w:val='restart'/></w:tcPr>" + para("tall"), "<w:tcPr><w:vMerge/></w:tcPr><w:p/>"
    inner = table([para("i"), para("j")], [para("k"), para("l")]) + "<w:p/>"
    body = table([wide, para("c")], [down, para("1") + para("2"), inner], [below, para("x"), para("y")])
    assert texts(body) == ["wide |  | c", "tall | 1 / 2 | [table: i | j / k | l]", "| x | y"]
    assert texts(table([para("One", style="H1")], [para("only")])) == ["One", "only"]


def test_text_boxes_content_controls_links_fields_and_symbols() -> None:
    box = f"<w:txbxContent>{para('in the box')}</w:txbxContent>"
    drawn = f"<mc:AlternateContent><mc:Choice><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent>"
    field = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF x \\h</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>4.2(b)</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    link = f'<w:hyperlink r:id="x">{run("a link")}</w:hyperlink>'
    special = (
        '<w:r><w:tab/><w:t>t</w:t><w:br/><w:t>n</w:t><w:noBreakHyphen/><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>'
    )
    control = f"<w:sdt><w:sdtContent>{para('controlled')}</w:sdtContent></w:sdt>"
    body = para("see ", inside=field + run(" and ") + link + special + f"<w:r>{drawn}</w:r>") + control
    assert texts(body) == ["see 4.2(b) and a link\tt", "n-✓", "in the box", "controlled"]


def test_a_power_does_not_read_as_a_longer_number() -> None:
    assert texts(para("10", inside=run("6", '<w:vertAlign w:val="superscript"/>'))) == ["10^6"]


def test_what_is_not_read_is_reported() -> None:
    image = '<w:r><w:drawing><wp:docPr descr="Our logo"/><a:blip r:embed="x"/></w:drawing></w:r>'
    chart = "<w:r><w:drawing><c:chart/></w:drawing></w:r>"
    formula = "<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>"
    parts = word_parts(para("t ", inside=image + chart + formula)) | {
        "word/embeddings/a.bin": "x",
        "word/vbaProject.bin": "x",
    }
    part = read(zipped(parts), "a.docm", REQUEST)
    assert lines(part) == ["t [image: Our logo][chart]x=1"]
    for word_of in ("images not read: 1", "charts not read: 1", "equations", "embedded in it, not read: 1", "macros"):
        assert any(word_of in each for each in part.warnings), word_of


def test_the_strict_form_reads_alike() -> None:
    parts = word_parts(para("One", style="H1") + para("Two", style="H1"))
    strict = {
        name: text.replace("http://schemas.openxmlformats.org/wordprocessingml/2006/main", "http://purl.oclc.org/ooxml/wordprocessingml/main")
        .replace("http://schemas.openxmlformats.org/officeDocument/2006/", "http://purl.oclc.org/ooxml/officeDocument/")
        for name, text in parts.items()
    }  # fmt: skip
    assert "purl.oclc.org" in strict["word/document.xml"]
    assert read(zipped(strict), "a.docx", REQUEST) == read(zipped(parts), "a.docx", REQUEST)


def test_missing_parts_do_not_matter_but_the_document_does() -> None:
    parts = word_parts(para("kept", style="H1", num=(1, 0)))
    assert lines(read(zipped({"word/document.xml": parts["word/document.xml"]}), "a.docx", REQUEST)) == ["kept"]
    with pytest.raises(BrokenFileError, match=r"^a\.docx "):
        read(zipped({"word/styles.xml": parts["word/styles.xml"]}), "a.docx", REQUEST)


ENTITIES = f'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><w:document {NAMES}><w:body>{para("&b;")}</w:body></w:document>'


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"PK\x03\x04 no zip", BrokenFileError),
        (zipped({"word/document.xml": "<w:document"}), BrokenFileError),
        (zipped({"word/document.xml": ENTITIES}), BrokenFileError),
        (word("<w:p/>"), EmptyFileError),
        (word("<w:sdtContent>" * 300 + "</w:sdtContent>" * 300), BrokenFileError),
        (word(para("x"))[:-60], BrokenFileError),
        (zipped({"word/document.xml": b" " * 101_000_000}), LimitError),
    ],
    ids=["no zip", "cut xml", "entities", "empty", "too deep", "cut zip", "bomb"],
)  # fmt: skip
def test_bad_files_end_in_one_sentence(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^a\.docx [^\n]+\.$"):
        read(data, "a.docx", REQUEST)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_and_hides_no_entities(encoding: str) -> None:
    parts = word_parts(para("words &z; after"))
    whole = '<?xml version="1.0" encoding="UTF-16"?>' + parts["word/document.xml"].replace("&z;", "in between")
    part = read(zipped({**parts, "word/document.xml": whole.encode(encoding)}), "a.docx", REQUEST)
    assert lines(part) == ["words in between after"]
    hidden = '<!DOCTYPE x [<!ENTITY z "in between">]>' + parts["word/document.xml"]
    with pytest.raises(BrokenFileError):
        read(zipped({**parts, "word/document.xml": hidden.encode(encoding)}), "a.docx", REQUEST)


@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-32"])
def test_encodings_that_office_does_not_know_are_refused(encoding: str) -> None:
    parts = word_parts(para("words"))
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    data = (head if encoding == "utf-7" else "").encode() + (head + parts["word/document.xml"]).encode(encoding)
    with pytest.raises(BrokenFileError):
        read(zipped({**parts, "word/document.xml": data}), "a.docx", REQUEST)


def test_a_password_is_named() -> None:
    data = bytearray(zipped({"word/document.xml": "x"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(EncryptedFileError):
        read(bytes(data), "a.docx", REQUEST)


def test_more_text_than_allowed() -> None:
    with pytest.raises(LimitError):
        read(word(para("x" * 500)), "a.docx", Request(max_chars=100, max_pages=1))
