"""The command line, as a user runs it: the contract of `--json`, and one sentence for every wrong input."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
from pathlib import Path

import pypdf
import pytest
from reportlab.pdfgen.canvas import Canvas

import app
from ingest import Limits
from tests.whole import CONTRACT, contract, data, run

__all__ = ["contract", "data"]  # fixtures


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Status 2, nothing on stdout, exactly one line on stderr that holds `words` and ends like a sentence."""
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("unabridged: ")
    assert lines[0].endswith(".")
    for word in words:
        assert word in lines[0]


def here(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As `run`, in this process: starting one takes seconds, and what is refused is refused before a model answers."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("UNABRIDGED_")]:
            patch.delenv(name)
        status = app.main([*arguments, "--data-dir", str(data)])
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def left(data: Path) -> list[str]:
    """What lies in the library and among the segments."""
    return sorted(path.name for name in ("documents", "segments") for path in (data / name).glob("*"))


@pytest.mark.model
def test_ask_answers_with_citation_receipt_and_cache(contract: Path, data: Path) -> None:
    question = "How long must information be kept secret?"
    first = run(data, "ask", str(contract), "-q", question, "--json")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout.splitlines()[-1])
    assert set(answer) >= {
        *(
            "answer",
            "citations",
            "coverage",
            "timings",
            "cached_tokens",
            "model",
            "pattern",
            "level",
            "impl",
            "supported",
        )
    }
    assert re.search(r"five|5", answer["answer"])
    sure = answer["evidence"]  # the question is in other words than the contract, so it need not be very sure
    assert sure["calibrated"] and sure["heads"] > 0 and sure["confidence"] > 0.3
    assert answer["supported"] is (sure["word"] == "supported")
    assert [cited["line"] for cited in answer["citations"]] == [7]
    assert answer["citations"][0]["quote"] in CONTRACT
    assert answer["citations"][0]["verified"] is True
    coverage = answer["coverage"]
    assert coverage["tokens"] == coverage["tokens_read"] > 100
    assert (coverage["files"], coverage["files_unread"]) == (1, [])
    assert answer["cached_tokens"] == 0
    assert set(answer["timings"]) == {"parse_s", "read_s", "first_token_s", "total_s"}

    again = run(data, "ask", str(contract), "-q", "Where are notices sent?", "--json")
    assert json.loads(again.stdout.splitlines()[-1])["cached_tokens"] >= 0.99 * coverage["tokens"]

    conversation = answer["conversation"]
    more = run(data, "ask", "--conversation", conversation, "-q", "What law governs this agreement?", "--json")
    assert json.loads(more.stdout.splitlines()[-1])["conversation"] == conversation


@pytest.mark.model
def test_read_lists_the_sections(contract: Path, data: Path) -> None:
    result = run(data, "read", str(contract), "--json")
    listing = json.loads(result.stdout.splitlines()[-1])
    keys = {"sections", "anchors", "tokens", "pages", "files", "pages_unread", "files_unread", "warnings"}
    assert set(listing) == keys
    assert all(set(row) == {"title", "level", "path", "line", "tokens"} for row in listing["sections"])
    titles = [section["title"] for section in listing["sections"]]
    assert [title for title in titles if "Term and Governing Law" in title]
    assert listing["files"] == 1
    assert listing["tokens"] > 100
    assert 0 < listing["anchors"] < listing["tokens"]
    tree = run(data, "read", str(contract)).stdout
    assert "Term and Governing Law" in tree and tree.startswith("nda.md: 1 file, ")
    refused(run(data, "read", str(contract), "--depth", "0"), "--depth must be 1 or more")


@pytest.mark.model
def test_doctor_names_what_will_be_used(data: Path) -> None:
    report = json.loads(run(data, "doctor", "--json").stdout)
    assert {"model", "kernel", "database", "cpu", "pattern", "git", "tesseract"} <= set(report)
    assert all(f"{name} {getattr(Limits(), name):,}" in report["limits"] for name in Limits.__slots__)


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", ["empty.txt"]),
        ("blank.txt", b" \n\t\n", ["blank.txt"]),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, ["picture.txt"]),
        ("broken.pdf", b"%PDF-1.7\n1 0 obj << /Type /Catalog", ["broken.pdf"]),
        ("table.xyz", b"\x7fELF\x00\x01\x02", ["table.xyz"]),
    ],
)
def test_wrong_files_are_refused_in_one_sentence(
    tmp_path: Path, data: Path, name: str, content: bytes, words: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    refused(here(data, "ask", str(tmp_path / name), "-q", "What is this?"), *words)
    assert left(data) == []


@pytest.mark.model
def test_encrypted_and_truncated_pdfs_are_refused(tmp_path: Path, data: Path) -> None:
    plain, locked, cut = (tmp_path / name for name in ("plain.pdf", "locked.pdf", "cut.pdf"))
    canvas = Canvas(str(plain))
    for number in range(30):
        canvas.drawString(72, 700, f"Clause {number}: the parties agree.")
        canvas.showPage()
    canvas.save()
    writer = pypdf.PdfWriter(clone_from=str(plain))
    writer.encrypt("secret", algorithm="AES-256")
    writer.write(str(locked))
    cut.write_bytes(plain.read_bytes()[:4000])
    refused(run(data, "ask", str(locked), "-q", "What?"), "locked.pdf", "password")
    refused(here(data, "ask", str(cut), "-q", "What?"), "cut.pdf")
    assert left(data) == []


@pytest.mark.model
def test_wrong_arguments_are_refused_in_one_sentence(contract: Path, data: Path) -> None:
    ask = ("ask", str(contract), "-q")
    refused(run(data, *ask, ""), "question")  # one of each kind as a process of its own
    refused(here(data, *ask, "   "), "question")
    refused(here(data, "ask", str(contract) + ".nope", "-q", "What?"), "nda.md.nope")
    refused(here(data, *ask, "What?", "--model", "/nowhere/at/all"), "/nowhere/at/all")
    refused(here(data, *ask, "What?", "--pattern", "longnet"), "headers, dense")
    refused(here(data, *ask, "What?", "--level", "sloppy"), "faithful, balanced, fast")
    refused(here(data, *ask, "What?", "--impl", "cuda"), "auto, reference, cpu, triton, flex")
    refused(here(data, *ask, "What?", "--bot", "poet"), "legal")
    refused(here(data, "ask", "-q", "What?", "--conversation", "0" * 32))
    assert left(data) == []


@pytest.mark.model
def test_a_document_beyond_the_trained_range_is_refused_whole(tmp_path: Path, data: Path) -> None:
    long = tmp_path / "long.txt"
    long.write_text("The parties agree on what follows, and on nothing else. " * 900)
    refused(
        here(data, "ask", str(long), "-q", "What?", "--pattern", "dense"),
        "long.txt",
        "8,192",
        "--model",
        "nothing was cut off",
    )
    assert [path.name for path in (data / "segments").glob("*")] == []


@pytest.mark.model
@pytest.mark.real
def test_a_scan_without_text_is_refused(real: Path, data: Path) -> None:
    refused(here(data, "ask", str(real / "scan-without-text.pdf"), "-q", "What?"), "scan-without-text.pdf")
    assert left(data) == []
