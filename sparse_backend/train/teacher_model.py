"""A larger instruct model as a writer of questions: short prompts in its chat format, batches of like length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

WRITE = "You write short, natural questions."
REPLY = "You answer with a few words copied from the text, nothing else. If the text does not answer, say: not stated."
QUESTION_TOKENS, REPLY_TOKENS = 30, 24


class TeacherModel:
    """Short answers of a chat model from a folder, in bf16."""

    def __init__(self, folder: Path, device: str) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer  # needed for this alone

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._tokenizer.padding_side = "left"
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).to(device).eval()
        self._device = device
        self._stops: list[int] = [self._tokenizer.convert_tokens_to_ids("<|im_end|>"), self._tokenizer.eos_token_id]

    def write(self, asked: Sequence[tuple[str, str, str]]) -> list[str]:
        """One question for each (sentence, answer, style)."""
        prompts = [(WRITE, f"{sentence}\n\n{style.format(answer=answer)}") for sentence, answer, style in asked]
        return self._generate(prompts, QUESTION_TOKENS)

    def reply(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """What each passage says to its question."""
        prompts = [(REPLY, f"Text:\n{passage}\n\nQuestion: {question}") for passage, question in pairs]
        return self._generate(prompts, REPLY_TOKENS)

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[tuple[str, str]], most: int) -> list[str]:
        turns = [[{"role": "system", "content": a}, {"role": "user", "content": b}] for a, b in prompts]
        texts = [self._tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in turns]
        fed = self._tokenizer(texts, return_tensors="pt", padding=True).to(self._device)
        made = self._model.generate(
            **fed, max_new_tokens=most, eos_token_id=self._stops, pad_token_id=self._tokenizer.pad_token_id,
            do_sample=False, temperature=None, top_p=None, top_k=None, repetition_penalty=1.0,
        )  # fmt: skip
        new = made[:, fed["input_ids"].shape[1] :]
        written: list[str] = self._tokenizer.batch_decode(new, skip_special_tokens=True)
        return written
