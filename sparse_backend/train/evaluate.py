"""Scores a reader on held-out sources: needles by length, questions by family, refusals; answers and their proof."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import torch

from sparse_backend.train.decoding import Asker, Cache
from sparse_backend.train.flex import compiled_layer, masks_of
from sparse_backend.train.network import Reader, Turns
from sparse_backend.train.packing import PAD
from sparse_backend.train.stream import by_workers
from sparse_backend.train.texts.exam import Gold, Paper, Sheet, paper, plan
from sparse_backend.train.texts.mix import Mix
from sparse_backend.train.texts.page import NOT_STATED

Say = Callable[[dict[str, Any]], None]
_WORD = re.compile(r"[a-z0-9]+(?:[.,:/@-][a-z0-9]+)*")


def judge(gold: Gold, answer: str, text: str) -> dict[str, bool]:
    """`right`, `proved` (its quote stands in the text and overlaps the true one), `refused`, `form`."""
    short, _, rest = answer.partition("\n>")
    quote = rest.partition("\n(")[0].strip()
    refused = short.strip().startswith(NOT_STATED[:10])
    if not gold.quote:
        return {
            "right": refused if gold.answer == NOT_STATED else not refused,
            "proved": False,
            "refused": refused,
            "form": not rest,
        }
    wanted, given = _WORD.findall(gold.answer.lower()), _WORD.findall(short.lower())
    shared = sum((Counter(wanted) & Counter(given)).values())
    near = 2 * shared / max(1, len(wanted) + len(given))
    right = not refused and (near >= 0.8 or (bool(wanted) and " ".join(wanted) in " ".join(given)))
    stands = bool(quote) and _flat(quote) in _flat(text)
    true = _flat(gold.quote)
    overlaps = _flat(quote) in true or true in _flat(quote) or _common(_flat(quote), true)
    return {"right": right, "proved": right and stands and overlaps, "refused": refused, "form": stands}


def _flat(text: str) -> str:
    return " ".join(text.split())


def _common(one: str, other: str) -> bool:
    a, b = one.split(), other.split()
    return sum((Counter(a) & Counter(b)).values()) >= 0.6 * min(len(a), len(b)) if a and b else False


class Judge:
    """Reads papers with a reader and tells the scores as they come."""

    def __init__(self, reader: Reader, mix: Mix, say: Say, *, repeat: bool, dense: bool) -> None:
        self._reader, self._mix, self._say, self._dense = reader, mix, say, dense
        self._layer = compiled_layer(repeat=repeat)

    def run(self, lengths: list[int], documents: int, pages: int, seconds: float, workers: int = 14) -> None:
        """All sheets of the plan, or as many as fit into `seconds`."""
        sheets = plan(lengths, documents, pages, self._mix.near.tokens, dense=self._dense)
        begin = time.monotonic()
        table: defaultdict[str, Counter[str]] = defaultdict(Counter)
        examples: list[dict[str, str]] = []
        with by_workers(_Maker(self._mix, sheets), 0, min(workers, len(sheets)), 2) as papers:
            self._reader.to("cuda")
            asker = Asker(self._reader)
            for sheet, made in zip(sheets, papers, strict=False):
                if made is not None and made.texts:
                    self._paper(made, asker, table, examples)
                if time.monotonic() - begin > seconds:
                    self._say({"stopped_before_the_end_at": sheet.label})
                    break
        for label, counts in sorted(table.items()):
            self._say(
                {
                    "what": label,
                    **{key: f"{counts[key]}/{counts['all']}" for key in ("right", "proved", "refused", "form")},
                }
            )
        for example in examples[:60]:
            self._say(example)
        self._say({"evaluation_s": round(time.monotonic() - begin, 1)})

    @torch.inference_mode()
    def _paper(self, made: Paper, asker: Asker, table: dict[str, Counter[str]], examples: list[dict[str, str]]) -> None:
        row, far = made.row, made.row.shape.selected > 0
        cache = Cache([], [])

        def keep(_layer: int, k: torch.Tensor, v: torch.Tensor) -> None:
            cache.keys.append(k)
            cache.values.append(v)

        ids = torch.as_tensor(row.ids).long().cuda()
        self._reader(
            ids, Turns.of(row, self._reader.sizes, "cuda"), masks_of(row, "cuda", made.states), self._layer, keep
        )
        starts = row.starts.tolist()
        lengths = [int((row.doc == number).sum()) for number in range(len(starts))]
        assert (row.doc != PAD).sum() == sum(lengths)
        questions = [[gold.ids for gold in golds] for golds in made.golds]
        end = self._mix.encoding.end
        answers = asker.answer(cache, starts, lengths, questions, end, far=far)
        for text, golds, given in zip(made.texts, made.golds, answers, strict=True):
            for gold, ids_given in zip(golds, given, strict=True):
                answer = self._mix.encoding.decode(ids_given)
                score = judge(gold, answer, text)
                self._count(made.label, gold, score, table)
                if not score["right"] and len(examples) < 200:
                    examples.append(
                        {
                            "family": f"{made.label}: {gold.family}",
                            "question": gold.question,
                            "gold": gold.answer,
                            "given": answer,
                        }
                    )

    def _count(self, label: str, gold: Gold, score: dict[str, bool], table: dict[str, Counter[str]]) -> None:
        answerable = "answerable" if gold.quote else "unanswerable" if gold.answer == NOT_STATED else "chat"
        labels = [f"{label} {answerable}"]
        if label.startswith("pages"):
            dense = " dense" if label.endswith("dense") else ""
            labels += [f"all pages{dense} {answerable}", f"family{dense}: {gold.family}"]
        for one in labels:
            table[one]["all"] += 1
            for key, value in score.items():
                table[one][key] += value


class _Maker:
    """Makes paper number i; a class, because forked workers call it."""

    def __init__(self, mix: Mix, sheets: list[Sheet]) -> None:
        self._mix, self._sheets = mix, sheets

    def __call__(self, index: int) -> Paper | None:
        return paper(self._mix, self._sheets[index]) if index < len(self._sheets) else None
