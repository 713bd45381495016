"""Answers held to a JSON schema, a regular expression or a Lark grammar, by llguidance (Earley parser and regexes).

It refuses what it cannot hold exactly, where other libraries approximate. A vocabulary is made once per tokenizer and
shared; a grammar once per request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from torch import Tensor

from sparse_backend.config import ConstraintError

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions  # stands in the stub only

LONGEST_GRAMMAR = 64 * 1024  # characters; whoever sends a grammar is not trusted
MOST_SYMBOLS, MOST_STATES, MOST_ITEMS = 100_000, 20_000, 1_000  # of a grammar, its lexer and one parser row


EXACT: JsonCompileOptions = {
    "lenient": False,
    "coerce_one_of": False,
}  # a schema may ask for the contrary; it is refused


class GrammarKind(StrEnum):
    """What a grammar is written in."""

    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    LARK = "lark"


class GrammarVocabulary:
    """Token ids spelt out for grammars; about a second for 50,000 tokens, thread-safe once made.

    `tokenizer`: a fast Hugging Face tokenizer (only its Rust form is read). `vocab`: length of the model's logits.
    `stop_ids`: ids that end an answer. Raises ConstraintError when the tokenizer cannot be read.
    """

    def __init__(self, tokenizer: Any, vocab: int, stop_ids: frozenset[int]) -> None:
        if not stop_ids:
            raise ValueError("a grammar needs at least one token that ends the answer")
        try:
            written = tokenizer.backend_tokenizer.to_str()
            self.tokenizer = LLTokenizer(_unpadded(written), n_vocab=vocab, eos_token=sorted(stop_ids))
        except (AttributeError, ValueError) as error:
            raise ConstraintError(f"Answers of this model cannot be held to a grammar: {_sentence(error)}") from error
        self.vocab, self.stop_ids = vocab, stop_ids


class GrammarConstraint:
    """One answer under a grammar; see constrain.Constraint.

    `source`: a JSON schema as text or mapping, a regular expression that the whole answer must match, or a Lark
    grammar. Raises ConstraintError for one that is wrong, too large, unsatisfiable or not supported exactly.
    """

    def __init__(
        self,
        vocabulary: GrammarVocabulary,
        source: str | Mapping[str, Any],
        kind: GrammarKind = GrammarKind.JSON_SCHEMA,
    ) -> None:
        self._vocabulary = vocabulary
        self._matcher = LLMatcher(vocabulary.tokenizer, _grammar(source, kind), log_level=0, limits=_limits())
        self._accepted = 0
        self._stopped = False  # by a stop token, which the matcher never sees
        self._matcher.compute_bitmask()  # some limits are only met here; better now than inside an answer
        self._check()

    @property
    def finished(self) -> bool:
        """Whether a stop token was accepted, or the grammar is fulfilled and nothing could follow."""
        return self._stopped or bool(self._matcher.is_stopped())

    def allowed(self) -> Tensor | None:
        """See constrain.Constraint. Exact for the text; where the grammar leaves one text only, that is spelt as the
        tokenizer would. Stop tokens are allowed where the answer may end."""
        if self.finished:
            return torch.zeros(self._vocabulary.vocab, dtype=torch.bool)
        packed = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        bits = np.unpackbits(packed, count=self._vocabulary.vocab, bitorder="little")
        return torch.from_numpy(bits).bool()

    def accept(self, token_id: int) -> None:
        """See constrain.Constraint."""
        if self.finished:
            raise ConstraintError("The answer already fulfils its grammar; nothing may follow.")
        if token_id in self._vocabulary.stop_ids:
            if not self._matcher.is_accepting():
                raise ConstraintError("The answer cannot end before its grammar is fulfilled.")
            self._stopped = True
            return
        if not 0 <= token_id < self._vocabulary.vocab or self._matcher.validate_tokens([token_id]) != 1:
            raise ConstraintError("The answer's grammar does not allow this token.")
        self._matcher.consume_token(token_id)
        self._check()
        self._accepted += 1

    def rollback(self, n: int) -> None:
        """See constrain.Constraint."""
        if not 0 <= n <= self._accepted + self._stopped:
            raise ValueError(f"{n} tokens cannot be taken back of {self._accepted + self._stopped}")
        if n and self._stopped:
            self._stopped, n = False, n - 1
        if n:
            self._matcher.rollback(n)
            self._check()
            self._accepted -= n

    def fork(self) -> Self:
        """See constrain.Constraint."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, _matcher=self._matcher.deep_copy())
        return other

    def guess(self, most: int) -> tuple[int, ...]:
        """The tokens of the text that the grammar leaves no choice about."""
        if self.finished:
            return ()
        return tuple(self._matcher.compute_ff_tokens()[:most])

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ConstraintError(f"This grammar cannot be served: {_sentence(self._matcher.get_error())}")


def _grammar(source: str | Mapping[str, Any], kind: GrammarKind) -> str:
    try:
        text = source if isinstance(source, str) else json.dumps(source)
        if len(text) > LONGEST_GRAMMAR:
            raise ConstraintError(
                f"The grammar has {len(text):,} characters; at most {LONGEST_GRAMMAR:,} can be served."
            )
        if kind is GrammarKind.REGEX:
            return str(LLMatcher.grammar_from_regex(text))
        if kind is GrammarKind.LARK:
            return str(LLMatcher.grammar_from_lark(text))
        return str(LLMatcher.grammar_from_json_schema(json.dumps(json.loads(text)), overrides=EXACT))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConstraintError(f"This is no JSON schema: {_sentence(error)}") from error


def _limits() -> LLParserLimits:
    return LLParserLimits(
        max_grammar_size=MOST_SYMBOLS, max_lexer_states=MOST_STATES, max_items_in_row=MOST_ITEMS, verbose_errors=False
    )


def _unpadded(written: str) -> str:
    """A tokenizer's JSON without padding and truncation, which would change what it spells."""
    return json.dumps({**json.loads(written), "padding": None, "truncation": None})


def _sentence(error: object) -> str:
    """What an error says, as one sentence: its line “error: …” when it has one, else its first."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    told = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[0])
    return f"{told.split(' Enable ')[0].rstrip('.')[:300]}."
