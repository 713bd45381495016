"""Programs that reading can use but does not need, and whether this machine has them."""

from __future__ import annotations

import shutil
import subprocess

PROGRAMS = {"git": "git URLs", "tesseract": "text recognition of scans (--ocr)"}


def extras() -> dict[str, str]:
    """Program → its version, or what cannot be done without it."""
    return {name: _version(name) or f"not installed: no {use}" for name, use in PROGRAMS.items()}


def _version(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603  # found by name, fixed flag
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (told.stdout or told.stderr).splitlines()
    return lines[0].strip() if lines else path
