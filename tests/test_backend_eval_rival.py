"""The rival's embedding model, where it is installed: nothing is cut off, like is near like."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from sparse_backend.eval import rival
from sparse_backend.eval.case import EvalError
from sparse_backend.eval.rival import PACKAGE, PIECES, MiniLM

installed = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="the rival is not installed (requirements-eval.txt)"
)


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


@installed
def test_long_texts_are_embedded_in_parts_that_cover_them(model: MiniLM) -> None:
    text = " ".join(f"word{number}" for number in range(400))
    parts = model.parts(text)
    assert len(parts) > 1 and "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert all(len(model._tokenizer(part)["input_ids"]) <= PIECES + 2 for part in parts)
    assert model.parts("") == [""]


@installed
def test_like_is_near_like_and_padding_does_not_matter(model: MiniLM) -> None:
    texts = ["The kitten sleeps on the sofa.", "A cat is napping on the couch.", "Invoices fall due after thirty days."]
    vectors = model(texts)
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]
    assert torch.allclose(model(texts[:1])[0], vectors[0], atol=1e-5)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rival, "PACKAGE", "no_such_package_here")
    with pytest.raises(EvalError, match=r"requirements-eval\.txt"):
        MiniLM()
