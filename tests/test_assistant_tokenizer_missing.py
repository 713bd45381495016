"""A model that is not there: the sentence says what was looked for and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.tokenizer import Tokenizer
from sparse_backend import BackendError


def test_a_path_that_leads_nowhere_is_told_as_a_path(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"no model folder “.*/nothing”; check the path\.$"):
        Tokenizer.load(str(tmp_path / "nothing"))


def test_a_folder_without_a_model_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"no usable tokenizer in .*; give a folder with a model"):
        Tokenizer.load(str(tmp_path))
