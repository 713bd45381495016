"""What the tests that run the whole app share: a contract, a data folder with the unpacked model, the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HOUSE

CONTRACT = """# Mutual Confidentiality Agreement

This Agreement is made on 3 March 2026 between Birchwood Analytics Ltd and Kestrel Foods plc.

## 1. Obligations

1.1 Each party shall keep the Confidential Information secret for five (5) years after disclosure.

1.2 Notices must be sent by registered post to the registered office.

## 2. Term and Governing Law

2.1 Either party may terminate this Agreement by giving ninety (90) days' written notice.

2.2 This Agreement is governed by the laws of Scotland.
"""


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contracts") / "nda.md"
    path.write_text(CONTRACT)
    return path


@pytest.fixture
def data(tmp_path: Path, shared_data: Path) -> Iterator[Path]:
    """A data folder of the test's own that borrows the unpacked model."""
    from sparse_backend.embedded import ensure_embedded

    model = ensure_embedded(shared_data / "models")
    folder = tmp_path / "data"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / model.name).symlink_to(model)
    yield folder


def run(data: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HOUSE / "app.py"), *arguments, "--data-dir", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNABRIDGED_")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)
