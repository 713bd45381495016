"""Reads token sequences under sparse attention, keeps what was read, answers questions on it."""

from sparse_backend.config import BackendError, Cancelled, ContextTooLongError, EngineOptions, Impl
from sparse_backend.engine import Engine
from sparse_backend.loading import load_decoder
from sparse_backend.model import Decoder
from sparse_backend.results import Answer, Read

__all__ = [
    "Answer",
    "BackendError",
    "Cancelled",
    "ContextTooLongError",
    "Decoder",
    "Engine",
    "EngineOptions",
    "Impl",
    "Read",
    "load_decoder",
]
