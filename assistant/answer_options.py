"""What an asker may wish of one answer: how its words are chosen, where it ends, what form it has."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_backend.engine import GREEDY
from sparse_backend.sampling import Sampling


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """`stops`: strings that end the answer and are not part of it. `max_new_tokens`: None is the bot's own bound.

    `schema`: a JSON schema, as text, that the whole answer fulfils; "" leaves its form free.
    """

    sampling: Sampling = GREEDY
    stops: tuple[str, ...] = ()
    max_new_tokens: int | None = None
    schema: str = ""

    def settings(self) -> tuple[tuple[str, str], ...]:
        """What differs from the defaults, by name, for the answer's record."""
        plain = Sampling()
        named: dict[str, object] = {
            name: value
            for name in Sampling.__slots__
            if (value := getattr(self.sampling, name)) != getattr(plain, name) and name != "seed"
        }
        named |= {"stops": list(self.stops)} if self.stops else {}
        named |= {"max_new_tokens": self.max_new_tokens} if self.max_new_tokens is not None else {}
        named |= {"schema": self.schema} if self.schema else {}
        return tuple((name, str(value)) for name, value in named.items())


PLAIN = AnswerOptions()
