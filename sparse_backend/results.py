"""What the engine gives back: a text that was read, an answer that is finished."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_backend.looked import Looked
from sparse_backend.requests import Finish
from sparse_backend.sampling import Choice
from sparse_backend.segment import Segment

NOWHERE = Looked(0)


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a document gave: `cached_tokens` of the segment's tokens did not have to be read again.

    `seconds` for all of it, `save_s` of them for writing the segment to disk.
    """

    segment: Segment
    cached_tokens: int
    seconds: float
    save_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. `evidence`: attention mass on the context, one row a generated token.

    `cached_tokens` of the `context_tokens` before the answer had their keys and values ready. `exact`: whether each
    token looked at the whole context; else at `looked_at` tokens of it, per layer and key head. `choices`: the tokens
    with their log-probabilities. `heads`: how many heads the evidence is the mean of; 0 where the strongest of each
    upper layer counts. `asked`: one row, where the question's own tokens looked, see QuestionLook; none where its heads
    are not known for this model.
    """

    token_ids: tuple[int, ...]
    finish: Finish
    context_tokens: int
    cached_tokens: int
    first_token_s: float
    total_s: float
    evidence: Looked
    exact: bool = True
    looked_at: int = 0
    choices: tuple[Choice, ...] = ()
    heads: int = 0
    asked: Looked = NOWHERE
