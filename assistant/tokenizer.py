"""The model's tokenizer, with text of users and documents kept apart from the template's control tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from sparse_backend import BackendError


class Tokenizer:
    """Wraps a Hugging Face fast tokenizer.

    `text()` is for untrusted text: “<|im_end|>” in a document stays six characters, never a control token.
    `template()` is for our own chat markup.
    """

    def __init__(self, tokenizer: Any, stop_ids: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.stop_ids = stop_ids

    @classmethod
    def load(cls, folder: str) -> Tokenizer:
        """The tokenizer in a model folder or hub id; raises BackendError when there is no fast tokenizer."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise BackendError(f"There is no usable tokenizer in “{folder}”.") from error
        if not tokenizer.is_fast:
            raise BackendError(f"The tokenizer of “{folder}” gives no offsets, so answers could not be located.")
        tokenizer.model_max_length = 10**12  # lengths are checked by the engine, with a proper refusal
        return cls(tokenizer, _stop_ids(tokenizer, folder))

    def __call__(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """Token ids of untrusted text, and their (start, end) character offsets."""
        encoded = self._tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        return encoded["input_ids"], encoded["offset_mapping"]

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

    @property
    def has_chat_template(self) -> bool:
        """Whether the model came with a chat format of its own."""
        return bool(self._tokenizer.chat_template)

    def render(self, messages: list[dict[str, str]], *, open_answer: bool) -> str:
        """The chat template filled with `messages`, ending where the answer starts when `open_answer`."""
        text: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=open_answer)
        return text


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
