"""What the token-level pieces of decoding cost, and what lookup drafts save: `python -m sparse_backend.bench decode`.

The document is this project's licence, the questions ask for quotes. Drafts are checked by the embedded model through
transformers' own cache. Where one row and several are rounded differently the streams may part; that is reported,
with no time. Drafts are counted over the stream without drafts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from sparse_backend.decode_step import Speculation, decode_step
from sparse_backend.lookup import Drafter
from sparse_backend.quotes import QuoteConstraint, QuoteMarks, QuoteSource
from sparse_backend.sampling import Sampler, Sampling
from sparse_backend.suffixes import SuffixIndex

LICENCE = Path(__file__).resolve().parent.parent / "LICENSE"
ASKED = ("the grant of copyright licence", "the grant of patent licence", "trademarks", "the disclaimer of warranty")
QUESTION = "Quote word for word what the document says about {}."
ANSWER = 96  # tokens an answer may have
MILLION = 1_000_000
VOCAB = 128_256  # of a Llama 3, for the costs that grow with the vocabulary
ROWS = (1, 2, 4, 8, 16)  # fed at once, to learn what a draft costs


def run(folder: str, say: Callable[[str], None]) -> dict[str, Any]:
    """All of it as one JSON-able value; `folder`: the embedded model."""
    return {"costs": costs(say), **drafting(folder, say)}


def costs(say: Callable[[str], None]) -> dict[str, float]:
    """Seconds and milliseconds of indexes over a million tokens, of quotes over it, and of choosing a token."""
    ids = np.minimum(np.random.default_rng(0).zipf(1.2, MILLION), VOCAB - 1).astype(np.int32)
    found = {
        "index_words_s": _seconds(lambda: SuffixIndex(ids)),
        "index_one_token_s": _seconds(lambda: SuffixIndex(np.zeros(MILLION, np.int32))),
        "index_period_1000_s": _seconds(lambda: SuffixIndex(np.tile(ids[:1000], MILLION // 1000))),
    }
    index = SuffixIndex(ids)
    marks = QuoteMarks(((0,),), frozenset({99}), frozenset({99}), frozenset({99}), frozenset({98}))
    found["quote_source_s"] = _seconds(lambda: QuoteSource(index, marks, 3))
    rule = QuoteConstraint([QuoteSource(index, marks, 3)], marks, VOCAB)
    rule.accept(0)
    found["quote_first_word_ms"] = 1e3 * _seconds(rule.allowed)
    rule.accept(1)  # the commonest token: some hundred thousand places
    found["quote_second_word_ms"] = 1e3 * _seconds(rule.allowed)
    drafter = Drafter([index])
    drafter.extend(ids[5000:5050].tolist())
    found["draft_ms"] = 1e3 * _seconds(lambda: drafter.draft(8))
    row = torch.randn(VOCAB) * 3
    for name, sampling in {"greedy": Sampling(), "nucleus": Sampling(0.8, top_p=0.95, seed=0)}.items():
        sampler = Sampler(sampling)
        found[f"choose_{name}_ms"] = 1e3 * _seconds(lambda sampler=sampler: sampler.choose(row))  # type: ignore[misc]
    for name, value in found.items():
        say(f"{name:24} {value:.3g}")
    return found


def drafting(folder: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Answers that quote, decoded with and without drafts: what was drafted and accepted, and the time of each."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    document = tokenizer(LICENCE.read_text("utf-8"), add_special_tokens=False)["input_ids"]
    index, rows = SuffixIndex(document), list[dict[str, Any]]()
    for topic in ASKED:
        asked = tokenizer("\n\n" + QUESTION.format(topic), add_special_tokens=False)["input_ids"]
        prompt = _chat(tokenizer, tokenizer.decode(document + asked))
        stop_ids = frozenset({tokenizer.eos_token_id})
        plain = _answer(model, prompt, Speculation(None, None), stop_ids)
        drafted = _answer(model, prompt, _speculation(index, asked), stop_ids)
        counted = _replay(plain["tokens"], _speculation(index, asked))
        row = {"topic": topic, "tokens": len(plain["tokens"]), **counted}
        if plain["tokens"] == drafted["tokens"]:
            row["plain_ms_per_token"] = 1e3 * plain["seconds"] / row["tokens"]
            row["drafted_ms_per_token"] = 1e3 * drafted["seconds"] / row["tokens"]
        else:
            pairs = zip(plain["tokens"], drafted["tokens"], strict=False)
            row["differs_at"] = next(i for i, (a, b) in enumerate(pairs) if a != b)
        say(", ".join(f"{name} {value:.4g}" if name != "topic" else f"{value}:" for name, value in row.items()))
        rows.append(row)
    return {"document_tokens": len(document), "answers": rows, "row_ms": _row_ms(model, document, say)}


def _speculation(index: SuffixIndex, asked: Sequence[int]) -> Speculation:
    drafter = Drafter([index])
    drafter.extend(asked)
    return Speculation(drafter, None)


def _replay(tokens: Sequence[int], speculation: Speculation) -> dict[str, int]:
    """Steps, drafts and accepted drafts, had the model said just these tokens."""
    at, steps, drafted, accepted = 0, 0, 0, 0
    vocab = max(tokens) + 1
    while at < len(tokens):
        drafts = speculation.propose(len(tokens) - at - 1)
        logits = torch.nn.functional.one_hot(torch.tensor(tokens[at : at + len(drafts) + 1]), vocab).double()
        step = decode_step(logits, drafts, Sampler(Sampling()))
        speculation.settle(step)
        at, steps = at + step.keep, steps + 1
        drafted, accepted = drafted + len(drafts), accepted + step.accepted
    return {"steps": steps, "drafted": drafted, "accepted": accepted}


def _answer(model: Any, prompt: Sequence[int], speculation: Speculation, stop_ids: frozenset[int]) -> dict[str, Any]:
    cache, sampler = DynamicCache(config=model.config), Sampler(Sampling())
    step = decode_step(_feed(model, prompt, cache)[-1:], (), sampler, None, stop_ids)
    tokens = list(step.token_ids)
    speculation.settle(step)
    start = time.perf_counter()
    while len(tokens) < ANSWER and not step.finished:
        drafts = speculation.propose(ANSWER - len(tokens) - 1)
        step = decode_step(_feed(model, [tokens[-1], *drafts], cache), drafts, sampler, None, stop_ids)
        _crop(cache, 1 + len(drafts) - step.keep)
        speculation.settle(step)
        tokens += step.token_ids
    return {"tokens": tokens, "seconds": time.perf_counter() - start}


def _feed(model: Any, token_ids: Sequence[int], cache: DynamicCache) -> Tensor:
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([list(token_ids)]), past_key_values=cache, use_cache=True)
    logits: Tensor = output.logits[0]
    return logits


def _crop(cache: DynamicCache, n: int) -> None:
    """Takes the last n tokens out of transformers' cache, which counts them negatively and refuses 0."""
    if n:
        cache.crop(-n)


def _row_ms(model: Any, document: Sequence[int], say: Callable[[str], None]) -> dict[int, float]:
    """Milliseconds of a forward pass behind the document, by rows fed."""
    cache, found = DynamicCache(config=model.config), dict[int, float]()
    _feed(model, document, cache)
    for rows in ROWS:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            _feed(model, document[:rows], cache)
            times.append(time.perf_counter() - start)
            _crop(cache, rows)
        found[rows] = 1e3 * median(times)
    say("  ".join(f"{rows} rows {ms:.1f} ms" for rows, ms in found.items()))
    return found


def _chat(tokenizer: Any, text: str) -> list[int]:
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
    )
    ids: list[int] = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    return ids


def _seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median time of `work`."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)
