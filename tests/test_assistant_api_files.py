"""/v1/files: documents in and out, read in the background, safe against names, sizes, slowness and restarts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from assistant.web.api.uploads import Ticket, Uploads, safe_name
from storage import NotFoundError
from tests.api_house import House, Person, ann, bob, house, house_in, service_in
from tests.fakes import CONTRACT

__all__ = ["ann", "bob", "house"]  # fixtures


def left(house: House) -> list[str]:
    """What lies in the folder of uploads."""
    return [str(path) for path in (house.service.options.data_dir / "uploads").rglob("*")]


def test_a_file_is_read_listed_and_deleted(ann: Person, house: House) -> None:
    file_id = ann.upload(name="lease.txt", purpose="user_data")
    stored = ann.call("GET", f"/v1/files/{file_id}").json()
    assert stored["filename"] == "lease.txt" and stored["bytes"] == len(CONTRACT.encode())
    assert stored["unabridged"]["phase"] == "done" and stored["unabridged"]["tokens"] > 100
    assert ann.upload(name="lease.txt") == file_id  # the same file again
    other = ann.upload(name="copy.txt")
    assert other != file_id
    first = ann.call("GET", "/v1/files?limit=1").json()
    assert [each["id"] for each in first["data"]] == [file_id] and first["has_more"] is True
    second = ann.call("GET", f"/v1/files?limit=1&after={first['last_id']}").json()
    assert [each["id"] for each in second["data"]] == [other] and second["has_more"] is False
    assert ann.call("DELETE", f"/v1/files/{file_id}").json() == {"id": file_id, "object": "file", "deleted": True}
    assert ann.call("GET", f"/v1/files/{file_id}").status_code == 404
    assert house.service.library.get(file_id) is None
    assert left(house) == []


def test_a_document_goes_with_its_last_owner(ann: Person, bob: Person, house: House) -> None:
    text = f"{CONTRACT}\nFor both {ann.user}.\n"
    file_id = ann.upload(text)
    assert bob.upload(text) == file_id
    segments = house.service.options.data_dir / "segments"
    ann.call("DELETE", f"/v1/files/{file_id}")
    assert house.service.library.get(file_id) is not None
    assert bob.ask("What is the fee?", file_id).status_code == 200
    before = len(list(segments.rglob("*")))
    talk = bob.call("GET", "/v1/conversations").json()["data"][0]["id"]
    in_use = bob.call("DELETE", f"/v1/files/{file_id}")
    assert in_use.status_code == 409 and in_use.headers["content-type"] == "application/problem+json"
    bob.call("DELETE", f"/v1/conversations/{talk}")
    assert bob.call("DELETE", f"/v1/files/{file_id}").status_code == 200
    assert house.service.library.get(file_id) is None
    assert len(list(segments.rglob("*"))) < before


def test_what_cannot_be_read_says_why_until_it_is_deleted(ann: Person, house: House) -> None:
    response = ann.call("POST", "/v1/files", files=[("file", ("empty.txt", b" \n"))])
    file_id = response.json()["id"]
    failed = ann.read(file_id)
    assert failed["status"] == "error" and "empty.txt" in failed["status_details"]
    assert failed in ann.call("GET", "/v1/files").json()["data"]
    refused = ann.ask("What?", file_id)
    assert refused.status_code == 422 and refused.json()["error"]["message"] == failed["status_details"]
    assert [path for path in left(house) if path.endswith("empty.txt")] == []  # its bytes are gone already
    ann.call("DELETE", f"/v1/files/{file_id}")
    assert ann.call("GET", f"/v1/files/{file_id}").status_code == 404
    assert left(house) == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/abs/name.txt", "name.txt"),
        ("..", "file"),
        ("", "file"),
        (".hidden", "hidden"),
        ("a\x00b\n.txt", "ab.txt"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
        ("ü" * 300 + ".txt", "ü" * 98 + ".txt"),
    ],
)
def test_a_name_never_leads_elsewhere(name: str, kept: str) -> None:
    assert safe_name(name) == kept
    assert len(safe_name(name).encode()) <= 200


def test_wrong_uploads_are_refused_and_leave_nothing(ann: Person, house: House) -> None:
    assert ann.call("POST", "/v1/files", data={"purpose": "x"}).status_code == 422
    wrong = ann.call("POST", "/v1/files", files=[("file", ("a.txt", b"x"))], data={"bot": "poet"})
    assert wrong.status_code == 404 and "legal" in wrong.json()["detail"]
    assert ann.call("GET", "/v1/files?limit=0").status_code == 422
    assert ann.call("GET", "/v1/files?after=nothing").status_code == 404
    assert ann.call("DELETE", f"/v1/files/{'f' * 64}").status_code == 404
    assert left(house) == []


def test_too_large_bodies_are_refused_whatever_they_say_of_their_size(tmp_path: Path) -> None:
    with house_in(tmp_path, max_upload_bytes=4000, max_request_bytes=3000, max_small_bytes=2000) as small:
        ann = small.person()
        large = b"x" * 5000
        response = ann.call("POST", "/v1/files", files=[("file", ("a.txt", large))])
        assert response.status_code == 413 and response.json()["code"] == "too_large"

        def chunks() -> object:
            yield from (b'{"model": "', large, b'"}')

        headers = {"Content-Type": "application/json"}
        chat = ann.call("POST", "/v1/chat/completions", content=chunks(), headers=headers)
        assert chat.status_code == 413 and chat.json()["error"]["code"] == "too_large"
        patch = ann.call("PATCH", "/v1/conversations/x", json={"title": "x" * 2500})
        assert patch.status_code == 413
        assert left(small) == []


def test_too_many_uploads_at_once_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house_in(tmp_path, uploads_at_once=1) as small:
        ann, bob = small.person(), small.person()
        monkeypatch.setattr(small.state.uploads._pool, "submit", lambda *_: None)  # nobody reads
        upload = {"files": [("file", ("a.txt", b"first"))]}
        waiting = ann.call("POST", "/v1/files", **upload).json()
        assert waiting["status"] == "uploaded" and waiting["unabridged"]["phase"] == "waiting"
        assert ann.call("POST", "/v1/files", **upload).json()["id"] == waiting["id"]  # it waits already
        refused = ann.call("POST", "/v1/files", files=[("file", ("b.txt", b"second"))])
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert bob.call("POST", "/v1/files", **upload).status_code == 200
        assert "unabridged_uploads_waiting 2.0" in small.person("admin").call("GET", "/metrics").text
        assert ann.call("DELETE", f"/v1/files/{waiting['id']}").status_code == 200
        assert ann.call("GET", "/v1/files").json()["data"] == []


def test_a_disk_that_is_full_when_the_record_is_written_leaves_nothing(
    ann: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(house.state.uploads, "_write", full)
        refused = ann.call("POST", "/v1/files", files=[("file", ("full.txt", b"Words for a full disk."))])
    assert refused.status_code == 507 and left(house) == [] and house.state.uploads.of(ann.user) == []
    assert ann.upload("Words for a full disk.", "full.txt")


def test_an_upload_whose_failure_cannot_be_written_down_ends_all_the_same(
    ann: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, write = house.state.uploads, house.state.uploads._write

    def full(ticket: Ticket) -> None:
        if ticket.error:
            raise OSError(28, "No space left on device")
        write(ticket)

    monkeypatch.setattr(uploads, "_write", full)
    response = ann.call("POST", "/v1/files", files=[("file", ("broken.pdf", b"%PDF-1.7 rubbish"))])
    upload = uploads.find(ann.user, response.json()["id"])
    assert upload is not None and upload.ended.wait(20)
    state = ann.call("GET", f"/v1/files/{response.json()['id']}").json()
    assert state["status"] == "error" and "broken.pdf" in state["status_details"]


def test_uploads_outlive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_in(tmp_path)
    first = Uploads(service, readers=1, at_once=4)
    monkeypatch.setattr(first._pool, "submit", lambda *_: None)  # the program ends before anything is read
    file_id = first.add("ann", "legal", [("deal.txt", io.BytesIO(CONTRACT.encode()))])
    first.close()
    for torn, record in (("torn", ""), ("older", '{"token": "older"}')):  # never arrived whole; of another version
        (tmp_path / "uploads" / torn).mkdir()
        (tmp_path / "uploads" / torn / ("upload.json" if record else "x")).write_text(record)
    with pytest.raises(NotFoundError):
        service.store.document("ann", file_id)
    second = Uploads(service, readers=1, at_once=4)
    assert second.resume() == 1
    upload = second.find("ann", file_id)
    assert upload is not None and upload.ended.wait(20)
    assert service.store.document("ann", file_id).name == "deal.txt"
    assert list((tmp_path / "uploads").iterdir()) == []
    second.close()
    service.store.close()


def test_a_failure_is_still_told_after_a_restart(tmp_path: Path) -> None:
    service = service_in(tmp_path)
    first = Uploads(service, readers=1, at_once=4)
    file_id = first.add("ann", "legal", [("empty.txt", io.BytesIO(b" "))])
    upload = first.find("ann", file_id)
    assert upload is not None and upload.ended.wait(20)
    first.close()
    second = Uploads(service, readers=1, at_once=4)
    assert second.resume() == 0
    (again,) = second.of("ann")
    assert "empty.txt" in again.state.error
    record = next((tmp_path / "uploads").glob("*/upload.json"))
    record.write_text(json.dumps(json.loads(record.read_text()) | {"created_at": 0}))  # long ago
    third = Uploads(service, readers=1, at_once=4)
    third.resume()
    assert third.of("ann") == []
    second.close()
    third.close()
    service.store.close()
