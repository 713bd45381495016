"""What this machine has, and which model, kernel and database will be used on it."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from typing import Any

import psutil
import torch

from assistant.calibration import sentence, shipped_calibration
from assistant.keeping import segments
from assistant.profile_folder import find_profile, profile_lines
from assistant.service import chosen_level, chosen_pattern
from assistant.service_options import EMBEDDED, ServiceOptions
from ingest.extras import extras
from sparse_backend.config import BackendError
from sparse_backend.embedded import NAME, find_gguf
from sparse_backend.gpu import chosen, missing
from sparse_backend.loading import parse_dtype
from sparse_backend.packed import Weights, parse_weights
from sparse_backend.presets import preset
from sparse_backend.unpack import gguf_of
from storage import Store


def best_dtype() -> str:
    """bfloat16 where the CPU multiplies it in hardware, else float32: emulated bf16 is several times slower."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return "bfloat16" if sys.platform == "darwin" else "float32"
    capabilities = torch.backends.cpu.get_cpu_capability()
    return "bfloat16" if _has_bf16() and capabilities.startswith("AVX512") else "float32"


def diagnose(options: ServiceOptions) -> dict[str, Any]:
    """Name → value, for people and as JSON. Raises BackendError for a wrong pattern, level or implementation."""
    profile = find_profile(options.bot, options.profiles)
    pattern, level = chosen_pattern(options, profile), chosen_level(options, profile)
    schedule = preset(pattern, level, trained=options.model == EMBEDDED)
    store = Store.open(options.where)
    number, size = segments(options).usage()
    memory = psutil.virtual_memory()
    report = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpu": f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, bf16 {_has_bf16()}",
        "memory": f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free",
        "gpu": _gpu(),
        "model": _model(options),
        "weights": _weights(options.weights),
        "calibration": _calibration(options),
        "dtype": _dtype(options.dtype),
        "libraries": _libraries(),
        "kernel": _kernel(options.impl),
        "pattern": f"{pattern}, level {level} ({schedule.fingerprint})",
        "data folder": str(options.data_dir.resolve()),
        "segments": f"{number} documents read, {size / 1e6:,.0f} MB, kept {options.kv}"
        + (", sealed" if options.passphrase else ""),
        "limits": ", ".join(f"{name} {getattr(options.limits, name):,}" for name in options.limits.__slots__),
        **extras(),
        **_bots(options),
        "database": ", ".join(f"{name} {value}" for name, value in store.counts().items()),
    }
    store.close()
    return report


def _bots(options: ServiceOptions) -> dict[str, str]:
    """“bot legal” → its title, checks and rules."""
    return {line.partition(": ")[0]: line.partition(": ")[2] for line in profile_lines(options.profiles)}


def _has_bf16() -> bool:
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch has no public name for it yet
    return bool(check and check())


def _gpu() -> str:
    if not torch.cuda.is_available():
        return "none that torch can use"
    free, total = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"


def _kernel(name: str) -> str:
    impl = chosen(name)
    return f"{impl.value}: {missing(impl) or f'computes on the {impl.device.upper()}'}"


def _weights(name: str) -> str:
    kind = parse_weights(name)
    if kind is Weights.EXACT:
        return "exact: as the model's files hold them"
    return f"{kind.value}: linear layers packed when the model is loaded, computed by torch's kernels on the CPU only"


def _calibration(options: ServiceOptions) -> str:
    """What is known of models: the shipped calibration, and those found here by fingerprint; no model is loaded."""
    models = options.data_dir / "models"
    kept = sorted(path.stem[:12] for path in (models / "calibrations").glob("*.json"))
    shipped = f"shipped for the embedded model: {sentence(shipped_calibration())}"
    return shipped + (f"; found here for {', '.join(kept)}" if kept else "; none found here (app.py calibrate)")


def _dtype(name: str) -> str:
    parse_dtype(name)
    best = best_dtype()
    return name if name == best else f"{name} ({best} is what this CPU computes fastest)"


def _libraries() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("transformers", "safetensors", "accelerate", "gguf"))


def _model(options: ServiceOptions) -> str:
    try:
        if options.model != "embedded":
            gguf = gguf_of(options.model)
            return f"{gguf} (GGUF, unpacked once to bfloat16)" if gguf else options.model
        return f"{NAME} (embedded, {find_gguf()})"
    except BackendError as error:
        return str(error)
