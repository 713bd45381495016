"""The model's tokenizer, with text of users and documents kept apart from the template's control tokens."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from ingest.encode import Offsets
from sparse_backend import BackendError
from sparse_backend.schemas import GrammarVocabulary

PIECE = 200_000  # characters tokenized at once: the tokenizer needs some 300 bytes for each of a text's tokens
PROBE = ("A line ends.\n", "Next one (5)\n", "x = 1;\n", "The end\n")  # SentencePiece marks each piece's start
_LINE_BREAK = re.compile(r"(?<=[A-Za-z.,;:)])\n(?=[A-Za-z(])")


class Tokenizer:
    """Wraps a Hugging Face fast tokenizer.

    `text()` is for untrusted text: “<|im_end|>” in a document stays six characters, never a control token.
    `template()` is for our own chat markup.
    """

    def __init__(self, tokenizer: Any, stop_ids: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.stop_ids = stop_ids
        self._spelt: dict[int, GrammarVocabulary] = {}
        whole = self._encode("".join(PROBE))["input_ids"]
        self._cuttable = whole == [token for line in PROBE for token in self._encode(line)["input_ids"]]

    @classmethod
    def load(cls, folder: str) -> Tokenizer:
        """The tokenizer in a model folder or hub id; raises BackendError when there is no fast tokenizer."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise BackendError(_why_none(folder)) from error
        if not tokenizer.is_fast:
            raise BackendError(f"The tokenizer of “{folder}” gives no offsets, so answers could not be located.")
        tokenizer.model_max_length = 10**12  # lengths are checked by the engine, with a proper refusal
        return cls(tokenizer, _stop_ids(tokenizer, folder))

    def __call__(self, text: str) -> tuple[Sequence[int], Offsets]:
        """Token ids of untrusted text, and their (start, end) character offsets; long texts go piece by piece."""
        ids, offsets = array("i"), Offsets()
        start = 0
        for piece in self._pieces(text):
            encoded = self._encode(piece)
            ids.extend(encoded["input_ids"])
            offsets.extend(encoded["offset_mapping"], start)
            start += len(piece)
        return ids, offsets

    def _pieces(self, text: str) -> Iterator[str]:
        """Cut where a line ends in a word and the next one begins with one: there no token reaches across."""
        start = 0
        while self._cuttable and len(text) - start > PIECE:
            found = _LINE_BREAK.search(text, start + PIECE)
            if found is None:
                break
            yield text[start : found.end()]
            start = found.end()
        yield text[start:]

    def _encode(self, text: str) -> Any:
        return self._tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )

    def text(self, text: str) -> list[int]:
        """Token ids of untrusted text."""
        return list(self(text)[0])

    def template(self, text: str) -> list[int]:
        """Token ids of chat markup, control tokens included."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of generated tokens, without control tokens."""
        text: str = self._tokenizer.decode(token_ids, skip_special_tokens=True)
        return text

    def vocabulary(self, size: int) -> GrammarVocabulary:
        """The tokens spelt out for grammars, `size` of them; made at the first call. Raises ConstraintError."""
        if size not in self._spelt:
            self._spelt[size] = GrammarVocabulary(self._tokenizer, size, self.stop_ids)
        return self._spelt[size]

    def spellings(self, vocabulary: int) -> list[str]:
        """What each of `vocabulary` token ids spells inside a text; "" for control tokens and unused ids."""
        known = min(len(self._tokenizer), vocabulary)
        texts = self._tokenizer.batch_decode([[token] for token in range(known)], skip_special_tokens=True)
        return [*texts, *[""] * (vocabulary - known)]

    @property
    def marks(self) -> tuple[int | None, int | None]:
        """The tokens that start a text and that separate two, where an encoder's tokenizer has them."""
        return self._tokenizer.cls_token_id, self._tokenizer.sep_token_id

    @property
    def has_chat_template(self) -> bool:
        """Whether the model came with a chat format of its own."""
        return bool(self._tokenizer.chat_template)

    def render(self, messages: list[dict[str, str]], *, open_answer: bool) -> str:
        """The chat template filled with `messages`, ending where the answer starts when `open_answer`."""
        text: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=open_answer)
        return text


def _why_none(folder: str) -> str:
    """What is wrong with a model's name that led to no tokenizer, and what to do."""
    if Path(folder).is_dir():
        return f"There is no usable tokenizer in “{folder}”; give a folder with a model and its tokenizer files."
    if folder.count("/") > 1 or folder.startswith((".", "~", "/")):
        return f"There is no model folder “{folder}”; check the path."
    return f"The model “{folder}” is neither a folder here nor could its tokenizer be got from the hub; check the name."


def _stop_ids(tokenizer: Any, folder: str) -> frozenset[int]:
    """Every token that ends an answer: the tokenizer's end of sequence and those of the generation config."""
    ids: set[int] = {tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()
    for name in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|endoftext|>", "<|end|>"):
        number = tokenizer.convert_tokens_to_ids(name)
        if number is not None and number != tokenizer.unk_token_id:
            ids.add(number)
    if Path(folder).is_dir() and (Path(folder) / "generation_config.json").exists():
        import json

        listed = json.loads((Path(folder) / "generation_config.json").read_text()).get("eos_token_id")
        ids.update([listed] if isinstance(listed, int) else listed or [])
    return frozenset(ids)
