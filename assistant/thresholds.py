"""From where on a figure is a warning. The defaults are what we would want to be told; every one can be set."""

from __future__ import annotations

from dataclasses import dataclass, fields

from assistant.errors import AssistantError


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares are of 0 to 1, times in seconds. Raises AssistantError for what cannot be.

    At most: `first_token_s` of 95 answers in 100; the shares of answers that are `refused` (“not stated”), `unproven`
    or `failed`, and of thumbs `down`; `waiting_s` of somebody who asked for a person. At least: `read_tokens_s`, tokens
    read a second; `cached`, the share of the tokens before answers that was ready; `agreement`, the mean overlap in
    words with dense attention. With fewer than `enough` answers (readings, thumbs, looks: a quarter of it) nothing is
    judged.
    """

    first_token_s: float = 10.0
    read_tokens_s: float = 100.0
    cached: float = 0.5
    refused: float = 0.4
    unproven: float = 0.2
    failed: float = 0.05
    down: float = 0.3
    agreement: float = 0.8
    waiting_s: float = 900.0
    enough: float = 20

    def __post_init__(self) -> None:
        for field in fields(self):
            value, share = getattr(self, field.name), field.name not in _NUMBERS
            if value < 0 or (share and value > 1):
                wanted = "from 0 to 1" if share else "0 or more"
                raise AssistantError(f"The threshold “{field.name}” must be {wanted}, not {value:g}.")


_NUMBERS = ("first_token_s", "read_tokens_s", "waiting_s", "enough")
