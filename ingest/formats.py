"""Which reader a file gets: decided by its first bytes, then by its name. The table is all there is to add a format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ingest.text import binary_kind

HEAD_BYTES = 4096  # of a file, enough to tell its format
PDF_MARK_WITHIN = 1024  # bytes of rubbish a PDF may start with
ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")
TAR_MARK, TAR_MARK_AT = b"ustar", 257


@dataclass(frozen=True, slots=True)
class Format:
    """`reader` is the module whose `read(data, name, request)` gives a Part, in the sandbox; `label` is for people."""

    name: str
    label: str
    reader: str
    suffixes: tuple[str, ...]
    zipped: bool = False  # a zip by its bytes, told apart by its name


FORMATS = (
    Format("pdf", "PDF", "ingest.pdf.worker", (".pdf",)),
    Format("docx", "Word", "ingest.office.docx", (".docx", ".docm"), zipped=True),
    Format("xlsx", "Excel", "ingest.office.xlsx", (".xlsx", ".xlsm"), zipped=True),
    Format("csv", "CSV", "ingest.office.csv_table", (".csv", ".tsv")),
    Format("epub", "EPUB", "ingest.web.epub", (".epub",), zipped=True),
    Format("html", "HTML", "ingest.web.html", (".html", ".htm", ".xhtml")),
    Format("markdown", "Markdown", "ingest.plain.markdown", (".md", ".markdown", ".mdown")),
    Format("rst", "reStructuredText", "ingest.plain.rst", (".rst", ".rest")),
    Format("text", "plain text", "ingest.plain.prose", (".txt", ".text")),
    Format("eml", "e-mail", "ingest.mail.message", (".eml",)),
    Format("mbox", "mailbox", "ingest.mail.mbox", (".mbox", ".mbx")),
    Format("json", "JSON", "ingest.history.reader", (".json", ".jsonl", ".ndjson")),
    Format("code", "source code", "ingest.code.reader", ()),  # everything else that is text
    Format("archive", "zip and tar", "ingest.tree.archive_worker", (
        ".zip", ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".whl", ".jar",
    )),
)  # fmt: skip
BY_NAME = {each.name: each for each in FORMATS}
SUPPORTED = "PDF, Word, Excel, CSV, HTML, EPUB, Markdown, plain text, e-mail, source code, or a zip or tar of them"

_OLD_OFFICE = {".doc": ".docx", ".xls": ".xlsx", ".ppt": "PDF", ".pptx": "PDF", ".odt": ".docx", ".rtf": ".docx"}


def suffix_of(name: str) -> str:
    """The suffix in small letters, ".tar.gz" as a whole."""
    path = PurePosixPath(name.lower())
    return "".join(path.suffixes[-2:]) if path.suffixes[-2:-1] == [".tar"] else path.suffix


def recognise(name: str, head: bytes) -> Format | str:
    """The format of a file called `name` that starts with `head`, or in words what it is and why it is not read."""
    suffix = suffix_of(name)
    by_suffix = next((each for each in FORMATS if suffix in each.suffixes), None)
    if head.lstrip().startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:PDF_MARK_WITHIN]):
        return BY_NAME["pdf"]
    if head.startswith(ZIP_MARKS):
        if by_suffix is not None and (by_suffix.zipped or by_suffix.name == "archive"):
            return by_suffix
        return f"named {suffix} but holds a zip or Office file" if by_suffix is not None else "a zip or Office file"
    if suffix in _OLD_OFFICE:
        return f"{suffix} files are not read: save it as {_OLD_OFFICE[suffix]}"
    if by_suffix is not None and by_suffix.name == "archive" and (binary_kind(head) or _is_tar(head)):
        return by_suffix
    kind = binary_kind(head)
    if kind:
        return f"named {suffix} but holds {kind}" if by_suffix is not None else kind
    if by_suffix is not None and (by_suffix.zipped or by_suffix.name in ("pdf", "archive")):
        return f"named {suffix} but holds plain text"
    return by_suffix or BY_NAME["code"]


def _is_tar(head: bytes) -> bool:
    return head[TAR_MARK_AT : TAR_MARK_AT + len(TAR_MARK)] == TAR_MARK
