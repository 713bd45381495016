"""A reading whose server was killed is told to its user, with the question that waited; nobody else sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from assistant.service import Service
from assistant.unfinished import FOLDER, Left, Unfinished
from assistant.web.desk import Desk
from tests.chat_cases import ann, desk, engine, house, read
from tests.fakes import contract

__all__ = ["ann", "desk", "engine", "house"]  # fixtures
KILLED = """
import os, signal, sys
from pathlib import Path
from assistant.unfinished import Left, Unfinished
notes = Unfinished(Path(sys.argv[1]))
notes.begin(Left("one", sys.argv[2], "lease <b>.pdf"))
notes.begin(Left("one", sys.argv[2], "lease <b>.pdf", "Who pays?"))
notes.begin(Left("two", "eve", "will.pdf"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_server_tells_it_until_its_user_has_seen_it(house: Service, ann: str) -> None:
    folder = house.options.data_dir / FOLDER
    subprocess.run([sys.executable, "-c", KILLED, str(folder), ann], check=False, timeout=60)
    assert {path.name for path in folder.iterdir()} == {"one.json", "two.json"}
    desk = Desk(house)
    html = desk.readings.html(ann)
    assert "The server ended while it read lease &lt;b&gt;.pdf;" in html and "You had asked: Who pays?" in html
    assert "will.pdf" not in html
    assert not list(Unfinished(folder).left()), "this process holds them"
    desk.readings.dismiss("eve", "one")
    assert (folder / "one.json").exists()
    desk.readings.dismiss(ann, "one")
    desk.readings.dismiss("eve", "two")
    assert not list(folder.iterdir()) and desk.readings.html(ann) == ""


def test_a_person_who_is_erased_leaves_no_note(house: Service, ann: str) -> None:
    folder = house.options.data_dir / FOLDER
    Unfinished(folder).begin(Left("mine", ann, "a.pdf"))
    Unfinished(folder).begin(Left("hers", "eve", "b.pdf"))
    (folder / "half.json").write_text("[")
    house.store.create_conversation(ann, "legal", "x")
    house.erase(ann, by="operator")
    assert {path.name for path in folder.iterdir()} == {"hers.json", "half.json"}
    for path in folder.iterdir():
        path.unlink()


def test_what_ends_leaves_no_note(desk: Desk, house: Service, ann: str, tmp_path: Path) -> None:
    read(desk, ann, contract(tmp_path / "up"))
    assert not list((house.options.data_dir / FOLDER).iterdir())


def test_damaged_notes_go_and_a_folder_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"user": "a')
    assert not list(Unfinished(tmp_path).left()) and not list(tmp_path.iterdir())
    blocked = tmp_path / "file"
    blocked.write_text("")
    notes = Unfinished(blocked)
    notes.begin(Left("x", "ann", "a.pdf"))
    notes.end("x")
    assert not list(notes.left())
