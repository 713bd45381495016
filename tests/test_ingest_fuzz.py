"""Some hundred mutated files of every format, the same ones each time; `python -m tests.ingest_fuzz` runs longer."""

from __future__ import annotations

import itertools
import random

import pytest

from ingest.formats import FORMATS
from tests.ingest_fuzz import Fuzzer, mutate
from tests.ingest_fuzz_seeds import seeds

FILES = 40
FEWER = {"pdf": 12, "archive": 20}  # each is read in several steps or started anew after damage


@pytest.mark.parametrize("kind", [each.name for each in FORMATS])
def test_a_mutated_file_is_read_or_refused_in_one_sentence(kind: str) -> None:
    fuzzer = Fuzzer()
    try:
        trials = fuzzer.finds(kind, seeds()[kind], random.Random(f"{kind} 1"))
        finds = [each for each in itertools.islice(trials, FEWER.get(kind, FILES)) if each is not None]
    finally:
        fuzzer.close()
    assert not finds, "\n".join(find.told for find in finds)
    assert fuzzer.count > fuzzer.refused, "the mutations leave nothing to read"


def test_every_seed_is_whole() -> None:
    fuzzer = Fuzzer()
    try:
        for kind in FORMATS:
            for name, data in list(dict(seeds()[kind.name]).items())[:4]:
                assert fuzzer.trial(kind, name, data) is None
        assert fuzzer.refused == 0
    finally:
        fuzzer.close()


def test_a_reader_that_breaks_down_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzzer = Fuzzer()
    try:
        kind = next(each for each in FORMATS if each.name == "csv")
        monkeypatch.setattr(fuzzer, "_worker", lambda *_: (_ for _ in ()).throw(RuntimeError("Traceback …")))
        assert "Traceback" in str(fuzzer.trial(kind, "a.csv", b"a,b\n1,2\n"))
    finally:
        fuzzer.close()


def test_mutations_are_the_same_for_the_same_seed() -> None:
    assert mutate(b"words and words" * 9, b"others", random.Random(5)) == mutate(
        b"words and words" * 9, b"others", random.Random(5)
    )
