"""What the numbers of a run depend on."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch
import transformers

from sparse_backend.config import Impl
from sparse_backend.model import Decoder

HOUSE = Path(__file__).resolve().parent.parent.parent


def conditions(decoder: Decoder, impl: Impl) -> dict[str, Any]:
    """Machine, versions and model, for people."""
    return {
        "model": decoder.name,
        "parameters": f"{decoder.parameters / 1e6:,.0f} M",
        "dtype": str(decoder.shape.dtype).removeprefix("torch."),
        "implementation": impl.value,
        "device": torch.cuda.get_device_name() if impl.device == "cuda" else cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "commit": commit(),
    }


def cpu_name() -> str:
    """The processor as the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit() -> str:
    """The short commit of this checkout; empty outside of one."""
    git = ["git", "-C", str(HOUSE), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603  # fixed command
    except OSError:
        return ""
    return found.stdout.strip()
