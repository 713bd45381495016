"""What the user may set of a service, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from assistant.errors import AssistantError
from assistant.thresholds import Thresholds
from ingest import Limits

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What the user may set. `bot`: who answers where nobody says another name.

    `model`: “embedded”, a hub id, a folder or a GGUF file; `dtype`: see `parse_dtype`; `weights`: see
    `parse_weights`. `pattern` "" and `level` "auto" leave the choice to the bot, see `chosen_pattern` and
    `chosen_level`. `profiles`: a folder of a team's own bots. `kv`: exact, int8 or int4, how keys and values are kept;
    a `passphrase` seals them on disk. `database`: a PostgreSQL URL in place of SQLite in the folder. `second_look`: the
    share of answers, 0 to 1, that idle moments compare with dense attention. `thresholds`: from where signals warn.
    `private_hosts`: whether the git addresses that users give may lead into this machine's own network.
    """

    data_dir: Path
    model: str = EMBEDDED
    bot: str = "legal"
    pattern: str = ""
    level: str = "auto"
    impl: str = "auto"
    dtype: str = "bfloat16"
    weights: str = "exact"
    kv: str = "exact"
    passphrase: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)
    profiles: Path | None = None
    database: str = field(default="", repr=False)
    second_look: float = 0.0
    thresholds: Thresholds = field(default_factory=Thresholds)
    private_hosts: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.second_look <= 1:
            raise AssistantError(
                f"The share of answers that get a second look must be from 0 to 1, not {self.second_look:g}."
            )

    @property
    def where(self) -> str | Path:
        """Where the database is: its URL, else the data folder."""
        return self.database or self.data_dir
