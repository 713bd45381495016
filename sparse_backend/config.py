"""Options of the backend as one validated value, and the tree of its errors.

BackendError                    its text is one sentence for the person at the screen
├── ModelNotFoundError          no such folder, hub id or embedded model
├── UnsupportedModelError       the model's architecture cannot be routed through this backend
├── UnsupportedPatternError     unknown pattern, level or implementation
├── ConstraintError             a grammar or quote rule that cannot be served, or a token that it does not allow
├── ContextTooLongError         the tokens do not fit the model's trained range; nothing is trimmed
├── OutOfMemoryError            the keys and values would not fit this machine's memory
├── SegmentStoreError           a segment cannot be written or read back
│   ├── DiskFullError           no space left for a segment
│   ├── DamagedSegmentError     a file's checksum or structure is wrong; it is never used
│   └── WrongKeyError           the folder is encrypted with another key, or the key is missing
└── Cancelled                   the caller's `cancel` said so
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

READ_UNDER = "read_under"  # in config.json: the pattern that a model was trained under


class BackendError(Exception):
    """Base of every error that this package raises on purpose; `str(error)` is meant for users."""


class ModelNotFoundError(BackendError):
    """There is no model under the given name."""


class UnsupportedModelError(BackendError):
    """The model exists but cannot be served; the text names the reason."""


class UnsupportedPatternError(BackendError):
    """Unknown pattern, level or implementation; the text lists those that exist."""


class ConstraintError(BackendError):
    """An answer cannot be held to the grammar, schema or quotes that were asked for; the text names the reason."""


class ContextTooLongError(BackendError):
    """The context does not fit the model's trained range.

    `tokens` and `limit` are token counts, for callers that word their own choices.
    """

    def __init__(self, message: str, *, tokens: int, limit: int) -> None:
        super().__init__(message)
        self.tokens = tokens
        self.limit = limit


class OutOfMemoryError(BackendError):
    """The keys and values of the document would not fit the free memory."""


class SegmentStoreError(BackendError):
    """A segment file cannot be written or read."""


class DiskFullError(SegmentStoreError):
    """No space left on the disk that holds the segments."""


class DamagedSegmentError(SegmentStoreError):
    """A segment file is not what was written."""


class WrongKeyError(SegmentStoreError):
    """The store's folder is encrypted and the given key does not open it, or the other way round."""


class Cancelled(BackendError):
    """Reading or answering was cancelled by the caller."""


class Impl(StrEnum):
    """Which implementation computes attention. Chosen once at start-up, never changed silently."""

    REFERENCE = "reference"
    CPU = "cpu"
    TRITON = "triton"
    FLEX = "flex"

    @property
    def device(self) -> str:
        """Where it computes; the reference computes anywhere, and the engine runs it on the CPU."""
        return "cuda" if self in (Impl.TRITON, Impl.FLEX) else "cpu"


def parse_impl(name: str) -> Impl:
    """`name` as an Impl; raises UnsupportedPatternError that lists the implementations."""
    try:
        return Impl(name)
    except ValueError:
        known = ", ".join(["auto", *(impl.value for impl in Impl)])
        raise UnsupportedPatternError(f"There is no implementation “{name}”; choose one of: {known}.") from None


@dataclass(frozen=True, slots=True)
class SelectOptions:
    """`budget` tokens of the context for each layer and key head, in blocks of `block`; `recent` blocks at its end.

    The latest `rows` queries choose; every `refresh` generated tokens they choose anew.
    """

    budget: int = 4096
    block: int = 64
    recent: int = 2
    rows: int = 32
    refresh: int = 32

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.budget < self.block * (self.recent + 2):
            raise ValueError(f"a budget of {self.budget} tokens is less than the blocks that always count")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an Engine needs to know beside its model.

    `segments`: folder of saved segments. `chunk`: tokens per forward pass while reading; it bounds memory
    and the time between two looks at `cancel`. `live_tails`: conversations whose own keys and values stay in memory.
    `resident_segments`: documents whose keys and values stay in memory. `step_s`: seconds that a pass may take while
    answers stream. `select`: what is looked at in contexts beyond the trained range. `salt`: a secret of the
    organisation whose texts these are; segments of another salt are never met. `drafts`: answers on a CPU are drafted
    from the document's own words. `background`: nobody waits for this engine; it computes while others want nothing.
    """

    segments: Path
    pattern: str = "headers"
    level: str = "balanced"
    impl: Impl = Impl.CPU
    chunk: int = 512
    live_tails: int = 8
    resident_segments: int = 4
    step_s: float = 0.15
    select: SelectOptions = field(default_factory=SelectOptions)
    salt: str = ""
    drafts: bool = True
    background: bool = False

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ValueError("chunk must be at least 1 token")
        if self.live_tails < 1 or self.resident_segments < 1:
            raise ValueError("live_tails and resident_segments must be at least 1")
